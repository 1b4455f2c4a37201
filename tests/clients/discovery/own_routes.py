"""Routes that the Python client has no call for, by plain HTTP.

The Hub's own: tasks, full-text and quick search, the leaderboard. This hub's own: the structured query, lineage, card
reports, snippets. What their answers are called stands at the head of this file, in one place.
"""

import json

from . import catalogue
from .lineages import ANSWER, BOBS_ANSWER, QUESTION
from .repo import card
from .scene import ALICE, API, BOB, CAROL, ask, at_once, get, refused, same

SEARCH = "/api/search"


def hits(query, who=ALICE, kind="model", **more):
    """The ids of a structured query's hits, and the whole answer."""
    answer = get(SEARCH, {"q": query, "type": kind, "limit": 100, **more}, who=who)
    found = [hit["id"] for hit in answer["hits"]]
    assert len(found) == len(set(found)), found
    return found, answer


def facet(answer, name):
    """The counts of a facet: word to number."""
    counts = answer["facets"][name]
    return counts if isinstance(counts, dict) else {one["value"]: one["count"] for one in counts}


def mistake(query):
    """Where a query is wrong, by the hub: the text it points at, and the words."""
    answer = ask(SEARCH, {"q": query, "type": "model"})
    assert answer.status == 400, f"{query}: {answer.status} {answer.text()[:300]}"
    told = answer.json()
    assert told["error"] and answer.headers.get("X-Error-Message"), told
    raw = query.encode()
    return raw[told["at"]["start"]:told["at"]["end"]].decode(), told


def the_question():
    """One question, one answer; whoever sees more finds more."""
    found, answer = hits(QUESTION)
    assert found == [ANSWER] and answer["total"] == 1, answer
    assert sorted(hits(QUESTION, who=BOB)[0]) == sorted([ANSWER, BOBS_ANSWER])
    assert hits(QUESTION, who=None)[0] == [ANSWER]
    for wrong in ["german-mnli", "weak-mnli", "percent-mnli", "exact-mnli", "large-mnli", "orphan-mnli", "nc-lineage-mnli", "mit-mnli"]:
        assert f"{ALICE}/{wrong}" not in found
    # Each word of the question leaves somebody out.
    for word in QUESTION.split():
        rest = " ".join(other for other in QUESTION.split() if other != word)
        assert len(hits(rest)[0]) > 1 and ANSWER in hits(rest)[0], word


def terms():
    """Every term against the catalogue."""
    models = catalogue.of("model")
    names = lambda test: {repo.id for repo in models if test(repo)}
    for query, wanted in [
        ("task:translation", {"alice/t5-translator"}),
        ("lang:fr", {"alice/t5-translator", "alice/odd-lists"}),
        ("library:timm", {"alice/resnet18.a1"}),
        ("license:bsd-3-clause", {"alice/all-frameworks", "alice/free-3"}),
        ("author:acme", {"acme/internal-lm"}),
        ("size:>100MB", {"alice/large-mnli"}),
        ("params:20M..8B", {"alice/large-mnli"}),
        ("format:onnx", {"alice/encoder-onnx"}),
        ("dataset:imagenet-1k", {"alice/resnet18.a1"}),
        ("dataset:Anthropic/hh-rlhf", {"alice/odd-lists"}),
        ("tag:mergekit", {"alice/llama-merge"}),
        ("eval:mnli.f1>0.9 lang:de", {"alice/german-mnli"}),
        ("eval:sst2.f1>=0.95", {"alice/sst2-only"}),
        ("context:>=32k", set()),
    ]:
        same(hits(query)[0], wanted, query)
    same(hits("format:gguf")[0], names(lambda r: "gguf" in r.has or any(p.endswith(".gguf") for p in r.files)), "format:gguf")
    assert {"alice/llama-gptq", "alice/llama-awq", "alice/llama-q4-gguf"} <= set(hits("quant:4bit")[0])
    assert "alice/llama-int8" not in hits("quant:4bit")[0]
    descendants = {"alice/llama-child", "alice/llama-merge", "alice/llama-lora", "alice/llama-q4-gguf"}
    assert descendants <= set(hits("base:alice/llama-root")[0])
    assert {"alice/encoder-small", "alice/tiny-mnli"} <= set(hits("base:alice/encoder-root")[0]), "and through others"
    found = set(hits("lineage:permissive")[0])
    assert {"alice/free-3", "alice/tiny-mnli", "acme/internal-lm"} <= found, found
    assert not {"alice/nc-child", "alice/llama-child", "alice/orphan", "alice/sa-child", "alice/of-undeclared"} & found, found
    assert set(hits("newer:12mo")[0]) == {repo.id for repo in models}
    assert "alice/t5-translator" not in hits("-task:translation")[0]
    same(hits("task:translation", kind="dataset")[0], set(), "datasets")


def free_words():
    """Words beside the terms, in cards and names."""
    assert hits("Wörterbuch")[0] == ["alice/odd-unicode"]
    assert hits("encoder")[0][0] in ["alice/encoder-root", "alice/encoder-small", "alice/encoder-onnx"]
    assert hits("Wörterbuch license:apache-2.0")[0] == []
    assert hits("inside", kind="space", who=None)[0] == []


def facets():
    """What the result holds, counted; private ones count for those who see them."""
    for who in [ALICE, BOB, None]:
        _, answer = hits("license:apache-2.0", who=who)
        models = [repo for repo in catalogue.of("model", who) if repo.license == "apache-2.0"]
        assert answer["total"] == len(models), (who, answer["total"], len(models))
        assert facet(answer, "license")["apache-2.0"] == len(models)
        tasks = facet(answer, "task")
        wanted = sum(r.task == "text-classification" for r in models)
        assert tasks["text-classification"] == wanted, (who, tasks, wanted)
    _, answer = hits("base:alice/llama-root")
    assert answer["query"], "the query as it was understood"


def mistakes():
    """The error points at the place."""
    for query, at in [("task:poetry lang:en", "poetry"), ("size:<100XB", "100XB"), ("lang:en task:", ""), ("colour:red", "colour"),
                      ("params:8B..1B", "8B..1B"), ("übung lineage:kind", "kind")]:
        found, told = mistake(query)
        assert found == at, f"{query}: points at {found!r}, not {at!r}: {told}"
    assert "license" in mistake("lisense:mit")[1]["hint"]
    assert "apache-2.0" in mistake("license:apache")[1]["hint"]


def full_text():
    """A word that only a card's text has."""
    answer = get("/api/search/full-text", {"q": "Wörterbuch", "type": "model"})
    found = answer["hits"] if isinstance(answer, dict) else answer
    assert [hit["id"] for hit in found] == ["alice/odd-unicode"], answer
    told = json.dumps(found[0], ensure_ascii=False)
    assert "Wörterbuch" in told and ("<mark>" in told or "<em>" in told or '"highlights"' in told), told
    name = f"{ALICE}/full-text"
    API.create_repo(name)
    body = "Xylophonquartett <script>alert(1)</script> & more\n"
    API.upload_file(path_or_fileobj=card("license: mit", body).encode(), path_in_repo="README.md", repo_id=name)
    text = lambda who=ALICE: ask("/api/search/full-text", {"q": "xylophonquartett", "type": "model"}, who=who)
    at_once(lambda: same([name in text().text()], [True], "a new card's word"))
    assert "<script>" not in text().json()["hits"][0].get("highlight", ""), "what users write is no markup"
    API.delete_repo(name)
    assert name not in text().text()
    for who in [BOB, None]:
        assert "acme/internal-demo" not in ask("/api/search/full-text", {"q": "inside", "type": "space"}, who=who).text()


def quick_search():
    told = json.dumps(get("/api/quicksearch", {"q": "llama"}))
    assert "alice/llama-root" in told and "alice/encoder-root" not in told, told
    assert ALICE in json.dumps(get("/api/quicksearch", {"q": "alic"}).get("users"))
    assert "acme" in json.dumps(get("/api/quicksearch", {"q": "acm"}).get("orgs"))
    told = get("/api/quicksearch", {"q": "internal"}, who=BOB)
    assert "acme/internal" not in json.dumps(told), told
    assert "acme/internal-lm" in json.dumps(get("/api/quicksearch", {"q": "internal"}, who=CAROL))
    assert "alice/reviews" in json.dumps(get("/api/quicksearch", {"q": "review"})["datasets"])


def suggestions():
    """Fields, words of closed lists, and what is on the hub; the rest of a word that is completed goes."""
    told = lambda text, **more: [one["text"] for one in get("/api/search/suggest", {"q": text, **more})]
    assert told("author:al") == ["author:alice"] and told("base:alice/free-1")[0] == "base:alice/free-1"
    assert told("arch:ll")[0] == "arch:llama" and told("params:")[0] == "params:<1B"
    assert all(text.startswith("license:") for text in told("license:ap")), told("license:ap")
    assert told("task:cla", at=3) == ["task:cla"], told("task:cla", at=3)
    assert told("task:fill-mas bert", at=9)[0] == "task:fill-mask bert", told("task:fill-mas bert", at=9)
    assert told("base:alice/sec") and not any("bob/" in text for text in told("base:bob/sec") + told("sec"))


def tasks():
    told = get("/api/tasks", who=None)
    assert "text-classification" in told and "text-to-image" in told, list(told)[:10]
    # What clients of inference take when nobody names a model.
    from huggingface_hub.inference._providers.hf_inference import _fetch_recommended_models

    recommended = _fetch_recommended_models()
    assert recommended["text-generation"] == told["text-generation"]["models"][0]["id"], recommended
    assert recommended["text-to-3d"] is None, recommended


def lineage():
    """Every ancestor with its licence, and what they ask together."""
    path = lambda name: f"/api/models/{name}/lineage"
    told = get(path("alice/free-3"))
    text = json.dumps(told)
    for name in ["alice/free-1", "alice/free-2", "apache-2.0", "bsd-3-clause", "mit"]:
        assert name in text, told
    assert conflicts(told) == [], told
    for child, root in [("llama-child", "llama-root"), ("nc-child", "nc-root"), ("sa-child", "sa-root")]:
        told = get(path(f"{ALICE}/{child}"))
        assert conflicts(told) and f"{ALICE}/{root}" in json.dumps(conflicts(told)), (child, told)
    assert "non-commercial" in json.dumps(get(path("alice/nc-child")))
    told = json.dumps(get(path("alice/orphan")))
    assert "nobody/gone" in told and "unknown" in told.lower(), told
    for name in ["cycle-a", "own-parent"]:
        answer = ask(path(f"{ALICE}/{name}"))
        assert answer.status == 200 and "cycle" in answer.text().lower() and answer.seconds < 2, answer.text()
    # The parent is private: strangers learn that there is one they may not see, at most.
    refused(ask(path("acme/internal-lm"), who=BOB), 404)
    assert "alice/free-2" in json.dumps(get(path("acme/internal-lm"), who=CAROL))
    told = get(path("alice/llama-root"))
    assert "alice/llama-awq" in json.dumps(told) or "quantized" in json.dumps(told), told


def conflicts(lineage):
    return lineage["conflicts"]


def card_report():
    path = lambda name: f"/api/models/{ALICE}/{name}/card-report"
    told = get(path("tiny-mnli"))
    text = json.dumps(told)
    for part in ["sections", "signals"]:
        assert told[part], told
    assert "safetensors" in text, told
    bare = json.dumps(get(path("odd-no-card")))
    assert "license" in bare and "fill-mask" not in bare, bare
    fixes = json.dumps(get(path("nc-child")))
    assert "cc-by-nc-4.0" in fixes, "a licence that its parent does not allow, and what would be right"
    template = card("license: mit", "# Model\n## Training Data\n[More Information Needed]\n")
    name = f"{ALICE}/placeholders"
    API.create_repo(name)
    API.upload_file(path_or_fileobj=template.encode(), path_in_repo="README.md", repo_id=name)
    at_once(lambda: same(["[More Information Needed]" in json.dumps(get(path("placeholders")))], [True], "placeholders"))
    API.delete_repo(name)


def snippets():
    """How to use it, from its facts alone; pinned where asked."""
    path = lambda name: f"/api/models/{ALICE}/{name}/snippets"
    text = lambda name, **query: json.dumps(get(path(name), query), ensure_ascii=False)
    for name, words in [
        ("encoder-root", ["AutoModelForMaskedLM", "from_pretrained", "alice/encoder-root"]),
        ("custom-code", ["trust_remote_code=True"]),
        ("llama-root", ["apply_chat_template", "vllm serve"]),
        ("llama-q4-gguf", ["llama-cli", "ollama run"]),
        ("llama-lora", ["PeftModel", "alice/llama-root"]),
        ("embedder", ["SentenceTransformer"]),
        ("sd-root", ["DiffusionPipeline"]),
        ("resnet18.a1", ["timm.create_model"]),
        ("en_core_small", ["spacy.load"]),
        ("wine-forest", ["sklearn_model.joblib"]),
        ("mnist-keras", ["keras"]),
    ]:
        told = text(name)
        missing = [word for word in words if word not in told]
        assert not missing, f"{name}: no {missing} in {told}"
    assert "padding_side" in text("llama-root"), "the known trap of batches"
    sha = API.model_info("alice/encoder-root").sha
    assert f'revision=\\"{sha}\\"' in text("encoder-root", revision=sha)
    assert sha not in text("encoder-root")
    refused(ask(path("encoder-root"), {"revision": "nope"}), 404)
    told = json.dumps(get(f"/api/datasets/{ALICE}/reviews/snippets"))
    assert "load_dataset" in told and "polars" in told and "duckdb" in told.lower(), told


def boards():
    """The rows as the client of 2.x reads them; never two kinds of result in one ranking."""
    rows = get(f"/api/datasets/{ALICE}/benchmark/leaderboard", {"base_model": "false"})
    assert [row["modelId"] for row in rows] == ["alice/bench-tuned", "alice/bench-high", "alice/bench-low"], rows
    for row in rows:
        for field in ["rank", "modelId", "value", "filename", "verified", "author"]:
            assert field in row, row
    answer = ask(f"/api/datasets/{ALICE}/prices/leaderboard")
    assert answer.status in [200, 404] and (answer.status == 404 or answer.json() == []), answer.text()
    shots = [row for row in get(f"/api/datasets/{ALICE}/mmlu/leaderboard", {"base_model": "false"})]
    assert sorted(row["rank"] for row in shots) in [[], [1], [1, 1, 1]], shots
    refused(ask("/api/datasets/acme/internal-data/leaderboard", who=BOB), 404)


def semantic_spaces():
    rows = get("/api/spaces/semantic-search", {"q": "llama", "includeNonRunning": "true"}, who=None)
    assert rows and rows[0]["id"] == "alice/chat-demo" and rows[0]["title"] == "Talk to the llama", rows


def private_of_others():
    """None of these routes tells a stranger of a private repository."""
    paths = [f"{SEARCH}?q=secret&type=model", f"{SEARCH}?q=author:acme&type=model", "/api/search/full-text?q=secret&type=model",
             "/api/quicksearch?q=secret", "/api/models?search=secret", "/api/models/alice/free-2/lineage"]
    for who in [CAROL, None]:
        for path in paths:
            told = ask(path, who=who).text()
            for name in ["alice/secret-lm", "bob/secret-mnli"] + (["acme/internal-lm"] if who is None else []):
                assert name not in told, f"{path} tells {who} of {name}"
    for route in ["lineage", "card-report", "snippets"]:
        refused(ask(f"/api/models/alice/secret-lm/{route}", who=BOB), 404)
        refused(ask(f"/api/models/alice/secret-lm/{route}", who=None), 401)


CHECKS = [the_question, terms, free_words, facets, mistakes, full_text, quick_search, suggestions, tasks, lineage, card_report, snippets, boards,
          semantic_spaces, private_of_others]
