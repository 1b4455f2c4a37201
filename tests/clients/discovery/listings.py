"""list_models, list_datasets, list_spaces: every filter against a naive one over what the hub told of each repository."""

import random
from typing import get_args

from huggingface_hub import hf_api
from huggingface_hub.utils import HfHubHTTPError

from . import catalogue
from .scene import (
    ALICE, API, BOB, BOBS, CAROLS, NOBODYS, ORG, VERSION, fails, get, ids, same, takes,
)

def infos(kind="model"):
    """Everything that alice may see, by id."""
    call = {"model": API.list_models, "dataset": API.list_datasets, "space": API.list_spaces}[kind]
    return {info.id: info for info in call(full=True)}


def everything_is_listed():
    """Who sees what: the private ones of others are nowhere, for nobody."""
    people = {ALICE: API, BOB: BOBS, "carol": CAROLS, None: NOBODYS}
    for who, api in people.items():
        for kind, call in [("model", api.list_models), ("dataset", api.list_datasets), ("space", api.list_spaces)]:
            same(ids(call()), {repo.id for repo in catalogue.of(kind, who)}, f"{kind}s seen by {who}")
            same(ids(call(author=ORG)), {repo.id for repo in catalogue.of(kind, who) if repo.owner == ORG}, f"of the organisation, by {who}")
        assert ids(api.list_models(search="internal-lm")) == ({"acme/internal-lm"} if who in [ALICE, "carol"] else set())
    assert {m.id: m.private for m in API.list_models(author=ORG)} == {"acme/internal-lm": True}
    assert ids(API.list_models(author="nobody-of-that-name")) == set()


def short_and_full():
    """What a plain listing says, and what `full`, `cardData` and `fetch_config` add."""
    name = f"{ALICE}/encoder-root"
    short = next(m for m in API.list_models(search="encoder-root"))
    for field in ["likes", "private", "downloads", "tags", "pipeline_tag", "library_name", "created_at", "trending_score"]:
        assert getattr(short, field) is not None, field
    assert short.siblings is None and short.card_data is None and short.config is None
    assert short.modelId == name
    full = next(m for m in API.list_models(search="encoder-root", full=True))
    assert full.sha == API.model_info(name).sha and full.author == ALICE and full.gated is False and full.last_modified
    assert {s.rfilename for s in full.siblings} == {".gitattributes", *catalogue.model("encoder-root").files}
    carded = next(m for m in API.list_models(search="encoder-root", cardData=True))
    assert carded.card_data["license"] == "apache-2.0" and carded.card_data["datasets"] == ["wikipedia", "bookcorpus"]
    configured = next(m for m in API.list_models(search="encoder-root", fetch_config=True))
    assert configured.config["model_type"] == "bert" and configured.config["architectures"] == ["BertForMaskedLM"]
    data = next(d for d in API.list_datasets(search="reviews", full=True))
    assert data.sha and data.card_data["pretty_name"] == "Reviews of films" and data.siblings
    space = next(s for s in API.list_spaces(search="chat-demo", full=True))
    assert space.sha and space.sdk == "gradio" and space.card_data["title"] == "Talk to the llama"
    # `license` is an attribute because the client keeps what it does not know.
    row = get("/api/models", {"search": "encoder-root"})[0]
    assert row["id"] == row["modelId"] == name and row["_id"]


def every_tag_is_a_filter():
    calls = {"model": API.list_models, "dataset": API.list_datasets, "space": API.list_spaces}
    for kind, call in calls.items():
        known = infos(kind)
        for tag in sorted({tag for info in known.values() for tag in info.tags}):
            wanted = {name for name, info in known.items() if tag in info.tags}
            same(ids(call(filter=tag)), wanted, f"{kind}s with {tag!r}")
        assert ids(call(filter="no-such-tag")) == set()


def filters_join():
    """Random questions, each answered by the hub and by a naive filter."""
    known = infos()
    with_size = {m.id: m.safetensors for m in API.list_models(expand=["safetensors"])}
    rng = random.Random(4)
    tags = sorted({tag for info in known.values() for tag in info.tags})
    tasks = sorted({info.pipeline_tag for info in known.values() if info.pipeline_tag})
    asked = 0
    for _ in range(80):
        query, tests = {}, []
        if rng.random() < 0.7:
            some = rng.sample(rng.choice([info.tags for info in known.values() if info.tags]), 1) + rng.sample(tags, rng.random() < 0.3)
            query["filter"] = some
            tests.append(lambda m, some=some: all(tag in m.tags for tag in some))
        if rng.random() < 0.4:
            task = query["pipeline_tag"] = rng.choice(tasks)
            tests.append(lambda m, task=task: m.pipeline_tag == task)
        if rng.random() < 0.3:
            author = query["author"] = rng.choice([ALICE, ORG])
            tests.append(lambda m, author=author: m.author == author)
        if rng.random() < 0.3:
            gated = query["gated"] = rng.random() < 0.3
            tests.append(lambda m, gated=gated: bool(m.gated) == gated)
        if rng.random() < 0.4:
            text = query["search"] = rng.choice(["llama", "MNLI", "-q4-", "alice/", "odd", "e"])
            tests.append(lambda m, text=text: text.lower() in m.id.lower())
        if takes(API.list_models, "num_parameters") and rng.random() < 0.3:
            query["num_parameters"] = "min:1K,max:20K"
            tests.append(lambda m: (size := with_size[m.id]) is not None and 1000 <= size.total <= 20_000)
        wanted = {name for name, info in known.items() if all(test(info) for test in tests)}
        found = ids(API.list_models(**query))
        if "num_parameters" in query:
            # Parameters of other formats count too.
            found = {name for name in found if with_size[name] is not None}
        same(found, wanted, f"{query}")
        asked += bool(wanted)
    assert asked > 20, "the questions have answers"


def search_by_text():
    for text in ["mnli", "MNLI", "llama-q4", "resnet18.a1", "alice/llama", "en_core"]:
        wanted = {repo.id for repo in catalogue.of("model") if text.lower() in repo.id.lower()}
        assert wanted
        same(ids(API.list_models(search=text)), wanted, f"search={text}")
    assert ids(API.list_models(search="xyzzy")) == set()
    assert ids(API.list_datasets(search="rev")) == {"alice/reviews"}
    assert ids(API.list_spaces(search="box")) in [set(), {"alice/container"}]
    if takes(API.list_models, "model_name"):
        assert ids(API.list_models(model_name="llama", search="gptq")) == {"alice/llama-gptq"}
    if takes(API.list_datasets, "dataset_name"):
        assert ids(API.list_datasets(dataset_name="review", search="ali")) == {"alice/reviews"}


def gated():
    assert ids(API.list_models(gated=True)) == {"alice/gpt2-f16", "alice/gated-manual"}
    assert {m.id: m.gated for m in API.list_models(gated=True, expand=["gated"])} == {
        "alice/gpt2-f16": "auto", "alice/gated-manual": "manual",
    }
    same(ids(API.list_models(gated=False)), {r.id for r in catalogue.of("model") if not r.gated}, "not gated")
    assert ids(API.list_datasets(gated=True)) == {"alice/gated-data"}
    # Who may not read the files may know of them.
    assert "alice/gated-manual" in ids(NOBODYS.list_models(gated=True))


def parameters():
    if not takes(API.list_models, "num_parameters"):
        return
    sizes = {m.id: m.safetensors.total for m in API.list_models(expand=["safetensors"]) if m.safetensors}
    sizes |= {m.id: m.gguf["total"] for m in API.list_models(expand=["gguf"]) if m.gguf and m.id not in sizes}
    assert sizes["alice/large-mnli"] == 26_000_000 and sizes["alice/llama-q4-gguf"] == 131_328
    for text, low, high in [("min:20M,max:1B", 2e7, 1e9), ("min:20M", 2e7, 1e18), ("max:20M", 0, 2e7), ("min:100K,max:200K", 1e5, 2e5),
                            ("min:0.01M,max:0.02M", 1e4, 2e4), ("min:6B,max:128B", 6e9, 128e9)]:
        wanted = {name for name, size in sizes.items() if low <= size <= high}
        same(ids(API.list_models(num_parameters=text)), wanted, text)


def apps():
    gguf = {"alice/llama-q4-gguf", "alice/llama-all-gguf", "alice/llama-said-finetune"}
    for app in ["llama.cpp", "ollama"]:
        same(ids(API.list_models(apps=app)), gguf, app)
    served = ids(API.list_models(apps=["vllm"]))
    assert {"alice/llama-root", "alice/llama-awq", "alice/llama-gptq"} <= served and "alice/encoder-root" not in served, served
    assert ids(API.list_models(apps="mlx-lm")) == {"alice/llama-mlx"}


def inference():
    """Nobody serves models here."""
    assert ids(API.list_models(inference="warm")) == set()
    assert ids(API.list_models(inference_provider="all")) == set()
    assert ids(API.list_models(inference_provider=["cohere", "nebius"])) == set()


def by_dataset_and_task():
    assert ids(API.list_models(trained_dataset="imagenet-1k")) == {"alice/resnet18.a1"}
    assert ids(API.list_models(trained_dataset="Anthropic/hh-rlhf")) == {"alice/odd-lists"}
    assert ids(API.list_models(trained_dataset=["dataset:alice/reviews", "squad"])) == {"alice/odd-lists"}
    assert ids(API.list_models(pipeline_tag="translation")) == {"alice/t5-translator"}
    assert ids(API.list_models(filter="base_model:quantized:alice/llama-root")) == {
        r.id for r in catalogue.of("model") if r.relation == "quantized" and "alice/llama-root" in r.bases
    }


def emissions():
    known = ids(API.list_models(emissions_thresholds=(0, 1e9), cardData=True))
    assert known == {"alice/co2-number", "alice/co2-object"}
    assert ids(API.list_models(emissions_thresholds=(100, 200), cardData=True)) == {"alice/co2-object"}
    assert ids(API.list_models(emissions_thresholds=(None, 100), cardData=True)) == {"alice/co2-number"}


def datasets():
    assert ids(API.list_datasets(language="de")) == {"alice/reviews"}
    assert ids(API.list_datasets(language=["en", "de"])) == {"alice/reviews"}
    assert ids(API.list_datasets(size_categories="1K<n<10K")) == {"alice/reviews"}
    assert ids(API.list_datasets(task_categories="image-classification")) == {"alice/cats"}
    assert ids(API.list_datasets(task_ids="sentiment-classification")) == {"alice/reviews"}
    assert ids(API.list_datasets(multilinguality="monolingual")) == {"alice/dialogues"}
    assert ids(API.list_datasets(language_creators=["machine-generated"])) == {"alice/dialogues"}
    assert ids(API.list_datasets(filter=["license:mit", "format:csv"])) == {"alice/prices", "acme/internal-data"}
    assert ids(API.list_datasets(filter="modality:audio")) == {"alice/birdsong"}
    if not takes(API.list_datasets, "direction"):
        assert ids(API.list_datasets(benchmark=True)) == {"alice/benchmark", "alice/mmlu"}


def spaces():
    assert ids(API.list_spaces(models="alice/llama-root")) == {"alice/chat-demo", "alice/container", "acme/internal-demo"}
    assert ids(NOBODYS.list_spaces(models="alice/llama-root")) == {"alice/chat-demo", "alice/container"}
    assert ids(API.list_spaces(models=["alice/llama-awq"])) == {"alice/chat-demo"}
    assert ids(API.list_spaces(datasets="alice/dialogues")) == {"alice/chat-demo"}
    assert ids(API.list_spaces(linked=True)) == {"alice/chat-demo", "alice/container", "acme/internal-demo"}
    assert ids(API.list_spaces(filter="docker")) == {"alice/container"}
    assert ids(API.list_spaces(filter=["gradio", "chatbot"], author=ALICE)) == {"alice/chat-demo"}
    if hasattr(API, "search_spaces"):
        found = list(API.search_spaces("talk llama", include_non_running=True))
        assert found[0].id == "alice/chat-demo" and found[0].title == "Talk to the llama" and found[0].sdk == "gradio", found
        assert all(space.id != "acme/internal-demo" for space in NOBODYS.search_spaces("inside", include_non_running=True))
        assert [s.id for s in API.search_spaces("box", sdk="docker", include_non_running=True)] == ["alice/container"]
        assert not [s for s in API.search_spaces("box", sdk=["static"], include_non_running=True) if s.id == "alice/container"]
        list(API.search_spaces("llama", filter="gradio"))


def old_dialects():
    """What clients before 1.0 send, and what still older ones did."""
    if takes(API.list_models, "language"):
        same(ids(API.list_models(language="de")), {m for m, info in infos().items() if "de" in info.tags}, "language")
        assert ids(API.list_models(library="timm")) == {"alice/resnet18.a1"}
        assert ids(API.list_models(task="translation", language=["en", "fr"])) == {"alice/t5-translator"}
        assert ids(API.list_models(tags=["stable-diffusion"])) == {"alice/sd-root"}
        newest = [m.created_at for m in API.list_models(sort="created_at", direction=-1)]
        assert newest == sorted(newest, reverse=True)
    rows = lambda **query: {row["id"] for row in get("/api/models", query)}
    assert rows(language="fr") == rows(filter="fr") and rows(language="fr")
    assert rows(license="bsd-3-clause") == rows(filter="license:bsd-3-clause") and rows(license="bsd-3-clause")
    assert rows(library="timm") == {"alice/resnet18.a1"}
    assert rows(tags="mergekit") == {"alice/llama-merge"}
    assert rows(**{"filter[]": ["merge", "mergekit"]}) == {"alice/llama-merge"}
    down = [row["id"] for row in get("/api/models", {"sort": "createdAt", "direction": -1, "limit": 10})]
    assert down == [row["id"] for row in get("/api/models", {"sort": "createdAt", "limit": 10})]


def sorts():
    """Every order, newest and largest first."""
    keys = {"created_at": "created_at", "last_modified": "last_modified", "likes": "likes", "downloads": "downloads",
            "trending_score": "trending_score"}
    # Before 1.0 names went as they were.
    spelled = {"created_at": "createdAt", "last_modified": "lastModified", "trending_score": "trendingScore"}
    calls = [(API.list_models, keys), (API.list_datasets, keys), (API.list_spaces, {k: v for k, v in keys.items() if k != "downloads"})]
    for call, names in calls:
        everything = ids(call())
        for sort, field in names.items():
            for name in {sort, spelled.get(sort, sort)}:
                found = list(call(sort=name, expand=[spelled.get(field, field)]))
                same(ids(found), everything, f"sorted by {name}")
                values = [getattr(info, field) for info in found]
                assert values == sorted(values, reverse=True), (name, values)
    created = [m.id for m in API.list_models(sort="created_at", author=ALICE)]
    assert created == [repo.id for repo in reversed(catalogue.of("model")) if repo.owner == ALICE]
    assert [m.id for m in API.list_models(sort="created_at", author=ALICE, limit=3)] == created[:3]


def expand():
    """Each name of this version's own lists, alone and all together."""
    for kind, call, info in [("Model", API.list_models, API.model_info), ("Dataset", API.list_datasets, API.dataset_info),
                             ("Space", API.list_spaces, API.space_info)]:
        names = list(get_args(getattr(hf_api, f"Expand{kind}Property_T")))
        assert len(names) > 15
        everything = ids(call())
        for name in names:
            same(ids(call(expand=[name])), everything, f"expand={name}")
        listed = {item.id: item for item in call(expand=names)}
        same(listed, everything, "expand with all names")
        for item in everything:
            alone = info(item, expand=names)
            for field in ["sha", "tags", "card_data", "private", "likes", "pipeline_tag", "safetensors", "gguf", "sdk"]:
                one, other = getattr(alone, field, None), getattr(listed[item], field, None)
                assert repr(one) == repr(other), f"{item} {field}: {one} alone, {other} listed"
        if VERSION >= (1, 0):
            fails(HfHubHTTPError, lambda call=call: list(call(expand=["nonsense"])), "expected one of")


def tags_by_type():
    models, data = API.get_model_tags(), API.get_dataset_tags()
    for kinds in [models, data]:
        for kind, tags in kinds.items():
            assert all(tag["type"] == kind and tag["id"] and tag["label"] for tag in tags), kind
    has = lambda kinds, kind, tag: tag in [one["id"] for one in kinds[kind]]
    assert has(models, "pipeline_tag", "text-classification") and has(models, "library", "transformers")
    assert has(models, "license", "license:apache-2.0") and has(models, "language", "en")
    assert has(data, "task_categories", "task_categories:text-classification") and has(data, "language", "language:en")
    assert has(data, "size_categories", "size_categories:1K<n<10K") and has(data, "license", "license:mit")
    # What is listed because it is used is found by the tag it is listed with.
    for kind in ["library", "dataset", "other", "language"]:
        for tag in models[kind]:
            assert ids(API.list_models(filter=tag["id"])), tag
    assert has(models, "dataset", "dataset:Anthropic/hh-rlhf"), models["dataset"]


CHECKS = [everything_is_listed, short_and_full, every_tag_is_a_filter, filters_join, search_by_text, gated, parameters, apps,
          inference, by_dataset_and_task, emissions, datasets, spaces, old_dialects, sorts, expand, tags_by_type]
