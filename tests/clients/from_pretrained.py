"""transformers and safetensors read a model from the hub.

Usage: from_pretrained.py REPO SHA ORIGINAL_FOLDER
"""

import sys
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

repo, sha, original = sys.argv[1], sys.argv[2], Path(sys.argv[3])

config = AutoConfig.from_pretrained(repo)
assert config.model_type == "bert" and config.hidden_size == 384, config
tokenizer = AutoTokenizer.from_pretrained(repo, revision=sha)
local = AutoTokenizer.from_pretrained(original)
text = "The Steelyard was the Hanse's trading hub in London."
assert tokenizer(text)["input_ids"] == local(text)["input_ids"]

folder = Path(snapshot_download(repo, revision=sha))
assert folder.name == sha
for path in original.rglob("*"):
    if path.is_file() and path.name != ".gitattributes":
        relative = path.relative_to(original)
        assert (folder / relative).read_bytes() == path.read_bytes(), relative

with safe_open(hf_hub_download(repo, "model.safetensors"), framework="numpy") as weights:
    names = list(weights.keys())
    assert len(names) > 100
    assert weights.get_tensor(names[0]).size > 0

info = HfApi().model_info(repo, expand=["safetensors", "transformersInfo", "library_name", "tags", "usedStorage"])
assert info.safetensors.total == 22713728, info.safetensors
assert info.used_storage > 90_000_000
metadata = HfApi().get_safetensors_metadata(repo)
assert sum(metadata.parameter_count.values()) == 22713728
if hasattr(HfApi(), "get_sharded_safetensors_metadata"):
    sharded = HfApi().get_sharded_safetensors_metadata(repo, filename="model.safetensors")
    assert sum(sharded.parameter_count.values()) == 22713728
print("ok")
