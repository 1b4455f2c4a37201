"""What the hub understood of each repository, against what the catalogue says by hand."""

import json

from . import catalogue
from .models import CHAT_TEMPLATE
from .scene import ALICE, API, get, same


def every_repository():
    """Task, library, tags, relation, of each; every difference is told, not only the first."""
    wrong = []
    calls = {"model": API.list_models, "dataset": API.list_datasets, "space": API.list_spaces}
    for kind, call in calls.items():
        known = {info.id: info for info in call(full=True)}
        for repo in catalogue.of(kind):
            info = known.get(repo.id)
            if info is None:
                wrong.append(f"{repo.id} is not listed")
                continue
            task, library = getattr(info, "pipeline_tag", None), getattr(info, "library_name", None)
            if repo.task and task != repo.task:
                wrong.append(f"{repo.id}: task {task}, not {repo.task}")
            if repo.library and library != repo.library:
                wrong.append(f"{repo.id}: library {library}, not {repo.library}")
            wrong += [f"{repo.id}: lacks tag {tag}" for tag in repo.has if tag not in info.tags]
            wrong += [f"{repo.id}: has tag {tag}" for tag in repo.lacks if tag in info.tags]
            found = {tag for tag in info.tags if tag.startswith("base_model:")}
            wanted = {f"base_model:{base}" for base in repo.bases}
            if repo.relation:
                wanted |= {f"base_model:{repo.relation}:{base}" for base in repo.bases}
                if found != wanted:
                    wrong.append(f"{repo.id}: {sorted(found)}, not {sorted(wanted)}")
    assert not wrong, "\n".join(wrong)


def headers():
    """Parameters by dtype, GGUF metadata."""
    sizes = {m.id: m.safetensors for m in API.list_models(expand=["safetensors"])}
    headers = {m.id: m.gguf for m in API.list_models(expand=["gguf"])}
    for repo in catalogue.of("model"):
        if repo.parameters:
            alone = API.model_info(repo.id).safetensors
            for found in [sizes[repo.id], alone]:
                assert found is not None, repo.id
                assert dict(found.parameters) == repo.parameters, (repo.id, found)
                assert found.total == sum(repo.parameters.values()), (repo.id, found)
        for found in [headers[repo.id], API.model_info(repo.id).gguf] if repo.gguf else []:
            assert found and {key: found[key] for key in repo.gguf} == repo.gguf, (repo.id, found)


def lineage_fields():
    bases = {m.id: m for m in API.list_models(expand=["baseModels", "childrenModelCount"])}
    # Versions that do not know a field keep it under the hub's name.
    field = lambda info, name, hubs: vars(info).get(name, vars(info).get(hubs))
    assert "alice/llama-root" in json.dumps(field(bases["alice/llama-awq"], "base_models", "baseModels"))
    assert not field(bases["alice/llama-root"], "base_models", "baseModels")
    children = [repo for repo in catalogue.of("model") if "alice/llama-root" in repo.bases]
    told = field(bases["alice/llama-root"], "children_model_count", "childrenModelCount")
    assert (sum(told.values()) if isinstance(told, dict) else told) == len(children), told
    spaces = API.model_info("alice/llama-root", expand=["spaces"]).spaces
    assert {"alice/chat-demo", "alice/container"} <= set(spaces), spaces
    for name in ["cycle-a", "cycle-b", "own-parent"]:
        assert API.model_info(f"{ALICE}/{name}", expand=["baseModels", "childrenModelCount"]).id == f"{ALICE}/{name}"


def details():
    """Fields that one repository or another is the example of."""
    info = API.model_info("alice/encoder-root", expand=["mask_token", "transformersInfo", "cardData"])
    assert info.mask_token == "[MASK]" and info.transformers_info.auto_model == "AutoModelForMaskedLM", info
    custom = API.model_info("alice/custom-code").transformers_info
    assert custom.custom_class == "modeling_acme.AcmeForCausalLM", custom
    chat = API.model_info("alice/llama-root").config
    assert chat["tokenizer_config"]["chat_template"] == CHAT_TEMPLATE, chat
    assert API.model_info("alice/llama-awq").config["quantization_config"]["quant_method"] == "awq"
    index = API.model_info("alice/tiny-mnli", expand=["model-index"]).model_index
    assert index[0]["results"][0]["metrics"][0]["value"] == 0.912, index
    assert API.dataset_info("alice/reviews").card_data["configs"][0]["config_name"] == "english"
    space = API.space_info("alice/chat-demo", expand=["models", "datasets", "sdk"])
    same(space.models, {"alice/llama-root", "alice/llama-awq"}, "models of the Space")
    assert space.datasets == ["alice/dialogues"] and space.sdk == "gradio"
    gate = API.model_info("alice/gpt2-f16").card_data
    assert gate["extra_gated_prompt"] == "Be nice." and gate["extra_gated_fields"] == {"Country": "country"}


def odd_cards():
    data = lambda name: get(f"/api/models/{ALICE}/{name}")["cardData"]
    assert data("odd-bom") == {"license": "mit", "language": "en"}
    assert data("odd-crlf") == {"license": "mit", "tags": ["windows"]}
    assert data("odd-tabs")["tags"] == ["a\tb", "plain"]
    assert data("odd-norway")["language"] == ["no", "nb", "on"]
    assert data("odd-block-text")["description"] == "Two\nlines: of text\n"
    assert data("odd-block-text")["note"] == "folded text"
    assert data("odd-anchors") == {"license": "mit", "x": ["one", "two"], "tags": ["one", "two"]}
    for name in ["odd-no-metadata", "odd-empty-block", "odd-rule", "odd-no-card", "odd-empty"]:
        info = API.model_info(f"{ALICE}/{name}")
        assert not info.card_data and info.tags is not None, name


def safetensors_metadata():
    """The client reads headers by ranges."""
    single = API.get_safetensors_metadata("alice/encoder-root")
    assert not single.sharded and single.parameter_count == {"F32": 2080}, single
    assert set(single.weight_map) == {"embeddings.weight", "embeddings.bias"}
    sharded = API.get_safetensors_metadata("alice/llama-root")
    assert sharded.sharded and sharded.parameter_count == {"BF16": 16_384}, sharded
    assert sharded.weight_map["lm_head.weight"] == "model-00002-of-00002.safetensors"
    assert sharded.metadata["total_size"] == 32_768
    large = API.get_safetensors_metadata("alice/large-mnli")
    assert large.parameter_count == {"F32": 26_000_000}
    if hasattr(API, "get_sharded_safetensors_metadata"):
        short = API.get_sharded_safetensors_metadata("alice/llama-root")
        assert short.parameter_count == {"BF16": 16_384} and short.weight_map == sharded.weight_map, short


CHECKS = [every_repository, headers, lineage_fields, details, odd_cards, safetensors_metadata]
