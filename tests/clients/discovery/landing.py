"""What a commit leaves: cards of any size and bytes are read, authors are warned, names follow renames."""

import base64
import json

from huggingface_hub import CommitOperationAdd

from .repo import card
from .scene import ALICE, API, VERSION, ask, at_once, get, ids, refused, same
from .weights import safetensors, shards


def commit(name, files, kind="models"):
    """A commit by plain HTTP; the answer."""
    lines = [{"key": "header", "value": {"summary": "Change"}}]
    for path, content in files.items():
        content = content if isinstance(content, bytes) else content.encode()
        lines.append({"key": "file", "value": {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}})
    body = "\n".join(map(json.dumps, lines)).encode()
    return ask(f"/api/{kind}/{name}/commit/main", method="POST", body=body, kind="application/x-ndjson")


def made(name, files, kind="models"):
    """What is said of a good commit."""
    answer = commit(name, files, kind)
    assert answer.status == 200, answer.text()
    return answer.json()["hookOutput"]


def tags(name):
    return get(f"/api/models/{name}", {"expand": "tags"})["tags"]


def long_cards():
    """The metadata has a limit, the text under it has that of any file in git."""
    name = f"{ALICE}/long-card"
    API.create_repo(name)
    text = card("license: mit\ntags: [long-winded]", "# Long\n" + "All work and no play.\n" * 150_000)
    assert len(text) > 3_000_000
    if VERSION >= (2, 0):
        API.upload_file(path_or_fileobj=text.encode(), path_in_repo="README.md", repo_id=name)
    else:
        assert made(name, {"README.md": text}) == ""
    assert "long-winded" in tags(name) and "license:mit" in tags(name)
    at_once(lambda: same(ids(API.list_models(filter="long-winded")), {name}, "the tag of a long card"))
    refused(commit(name, {"README.md": card("license: asdf", "x" * 2_000_000)}))
    API.delete_repo(name)


def odd_bytes():
    """A card that is not UTF-8 keeps its metadata, and its author hears of it."""
    name = f"{ALICE}/odd-bytes"
    API.create_repo(name)
    told = made(name, {"README.md": b"---\nlicense: mit\n---\n# Caf\xe9\n"})
    assert told.startswith("README.md line 4: warning: README.md is not UTF-8"), told
    assert "license:mit" in tags(name)
    refused(commit(name, {"README.md": b"---\nlicense: asdf\n---\n# Caf\xe9\n"}))
    API.delete_repo(name)


def large_configurations():
    name = f"{ALICE}/large-config"
    API.create_repo(name)
    tokens = {str(n): {"content": f"<extra_token_number_{n}>", "special": True, "normalized": False} for n in range(20_000)}
    config = json.dumps({"added_tokens_decoder": tokens, "chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"})
    assert len(config) > 1_100_000
    files = {"README.md": card("license: mit"), "config.json": json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}),
             "tokenizer_config.json": config}
    made(name, files)
    assert "conversational" in tags(name), tags(name)
    API.delete_repo(name)


def warnings():
    """They keep nothing out, and are said where the author looks."""
    name = f"{ALICE}/warned"
    API.create_repo(name)
    assert made(name, {"README.md": card("license: mit")}) == ""
    told = made(name, {"README.md": card("licence: mit\nlanguage: klingon")})
    assert 'README.md line 2: warning: ' in told and "README.md line 3: warning: " in told, told
    # The licence of the base asks for more than the one that is declared.
    told = made(name, {"README.md": card(f"license: mit\nbase_model: {ALICE}/nc-root")})
    assert f"{ALICE}/nc-root" in told and "would fit" in told, told
    told = made(name, {"README.md": card(f"license: apache-2.0\nbase_model: {ALICE}/fre-1")})
    assert f"did you mean {ALICE}/free-1?" in told, told
    assert made(name, {"other.txt": "no card"}) == ""
    answer = refused(commit(name, {"README.md": card("license: asdf\ntags: 5")}))
    for word in ['"license"', '"tags"']:
        assert word in answer.json()["error"], answer.text()
    API.delete_repo(name)


def renamed_bases():
    """Who was made from a model stays so when it gets another name; nobody is made from itself."""
    old, new, child, late = (f"{ALICE}/{name}" for name in ["sapling", "oak", "acorn", "late-acorn"])
    made_from = lambda name: card(f"license: mit\nbase_model: {name}")
    for name, text in [(old, made_from(old)), (child, made_from(old))]:
        API.create_repo(name)
        made(name, {"README.md": text})
    assert get(f"/api/models/{old}", {"expand": "childrenModelCount"})["childrenModelCount"] == 1
    API.move_repo(old, new)
    API.create_repo(late)
    made(late, {"README.md": made_from(old)})
    children = [row["id"] for row in get(f"/api/models/{new}/children")]
    assert children == [child, late], children
    at_once(lambda: same(ids(API.list_models(filter=f"base_model:{new}")), {child, late}, "children by their base's new name"))
    found = lambda: {hit["id"] for hit in get("/api/search", {"q": f"base:{new}", "type": "model"})["hits"]}
    at_once(lambda: same(found(), {child, late}, "descendants of the new name"))
    for name in [new, child, late]:
        API.delete_repo(name)


def copies_of_weights():
    """A model that lies there twice has its parameters once; what cannot be read is said."""
    tensors = {"w": ("BF16", (70, 100))}
    name = f"{ALICE}/twice"
    API.create_repo(name)
    files = {"model.safetensors": safetensors(tensors), "consolidated.safetensors": safetensors(tensors)}
    add = [CommitOperationAdd(path, content) for path, content in {**files, "README.md": card("license: mit").encode()}.items()]
    API.create_commit(name, add, commit_message="Twice")
    assert get(f"/api/models/{name}", {"expand": "safetensors"})["safetensors"] == {"parameters": {"BF16": 7000}, "total": 7000}
    found = lambda: {row["id"] for row in get("/api/models", {"num_parameters": "min:7K,max:7K", "search": "twice"})}
    at_once(lambda: same(found(), {name}, "7000 parameters"))
    API.delete_repo(name)
    name = f"{ALICE}/half"
    API.create_repo(name)
    parts = shards(tensors, {"v": ("BF16", (70, 100))})
    parts["model-00002-of-00002.safetensors"] = b"no weights at all"
    add = [CommitOperationAdd(path, content if isinstance(content, bytes) else content.encode()) for path, content in parts.items()]
    API.create_commit(name, add, commit_message="Half of it")
    assert "safetensors" not in get(f"/api/models/{name}", {"expand": "safetensors"})

    def told():
        signals = get(f"/api/models/{name}/card-report")["signals"]
        safe = next(one for one in signals if one["id"] == "safetensorsOnly")
        assert safe["state"] == "unknown" and "model-00002-of-00002" in safe["evidence"][0]["text"], safe

    at_once(lambda: get("/api/models", {"search": "half"}))
    told()
    API.delete_repo(name)


def descriptions():
    name = f"{ALICE}/described"
    API.create_repo(name, repo_type="dataset")
    body = "# Described\n\nWhat it **is**, in [two](https://example.org) words.\n\n## Citation\n```bibtex\n@misc{x, title={A}}\n```\n"
    made(name, {"README.md": card("license: mit", body), "a.csv": "a,b\n1,2\n"}, kind="datasets")
    told = get(f"/api/datasets/{name}", {"expand": ["description", "citation", "mainSize"]})
    assert told["description"] == "What it is, in two words." and told["citation"] == "@misc{x, title={A}}", told
    assert told["mainSize"] > len(body), told
    API.delete_repo(name, repo_type="dataset")


CHECKS = [long_cards, odd_bytes, large_configurations, warnings, renamed_bases, copies_of_weights, descriptions]
