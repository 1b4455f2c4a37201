"""Cards through the client: loaded, validated, changed, pushed; results of evaluations there and back."""

import tempfile
from pathlib import Path

import huggingface_hub
import yaml
from huggingface_hub import DatasetCard, EvalResult, ModelCard, ModelCardData, metadata_load, metadata_update
from huggingface_hub.repocard import metadata_save

from .repo import card
from .scene import ALICE, API, BOBS, VALIDATES_HERE, VERSION, at_once, fails, get, ids, same


def push(content, repo):
    """Pushes a card: in the client's own way where it asks this hub, else as a file."""
    if VALIDATES_HERE:
        return content.push_to_hub(repo)
    return API.upload_file(path_or_fileobj=str(content).encode(), path_in_repo="README.md", repo_id=repo)


def round_trip():
    name = f"{ALICE}/card"
    API.create_repo(name)
    text = card("language: en\nlicense: mit\ntags:\n- one", "# Title\nText.\n")
    push(ModelCard(text), name)
    loaded = ModelCard.load(name)
    assert str(loaded) == text and loaded.data.to_dict() == {"language": "en", "license": "mit", "tags": ["one"]}
    loaded.data.tags.append("two")
    loaded.data.library_name = "timm"
    loaded.text += "More.\n"
    push(loaded, name)
    again = ModelCard.load(name)
    assert again.data.tags == ["one", "two"] and again.text.endswith("More.\n")
    at_once(lambda: same(ids(API.list_models(filter=["one", "two", "timm"])), {name}, "the tags of the pushed card"))
    info = API.model_info(name)
    assert info.library_name == "timm" and info.card_data.to_dict() == again.data.to_dict()
    API.delete_repo(name)


def line_ends_stay():
    for name in ["odd-crlf", "odd-unicode", "odd-lists"]:
        loaded = ModelCard.load(f"{ALICE}/{name}")
        assert loaded.data.license == "mit", name
    if VERSION >= (2, 0):
        assert ModelCard.load(f"{ALICE}/odd-bom").data.license == "mit"
    assert DatasetCard.load(f"{ALICE}/reviews").data.pretty_name == "Reviews of films"


def validation():
    """What the hub says of a card before it is pushed."""
    bad = ModelCard(card("license: asdf"))
    if VALIDATES_HERE:
        fails(ValueError, bad.validate, '- Error: "license" must be one of')
        ModelCard(card("license: mit")).validate()
        fails(ValueError, lambda: bad.push_to_hub(f"{ALICE}/encoder-root"), "must be one of")
    name = f"{ALICE}/odd-empty"
    upload = lambda text, **more: API.upload_file(path_or_fileobj=text.encode(), path_in_repo="README.md", repo_id=name, **more)
    fails(Exception, lambda: upload(card("license: asdf")), "must be one of")
    fails(Exception, lambda: upload(card("model-index: foo")), "Invalid metadata")
    fails(Exception, lambda: upload("---\nlicense: mit\ntags: [a\nx: 1\n---\n"), "Invalid metadata", "line")
    assert "README.md" not in API.list_repo_files(name), "nothing of it was taken"


def update():
    """metadata_update, or its parts in versions that validate elsewhere."""
    name = f"{ALICE}/update"
    API.create_repo(name)
    API.upload_file(path_or_fileobj=card("license: mit").encode(), path_in_repo="README.md", repo_id=name)
    if not VALIDATES_HERE:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(API.hf_hub_download(name, "README.md", local_dir=folder))
            metadata_save(path, {**metadata_load(path), "tags": ["saved"]})
            API.upload_file(path_or_fileobj=path, path_in_repo="README.md", repo_id=name)
        at_once(lambda: same(ids(API.list_models(filter="saved")), {name}, "saved metadata"))
        API.delete_repo(name)
        return
    metadata_update(name, {"tags": ["updated"], "pipeline_tag": "fill-mask"})
    at_once(lambda: same(ids(API.list_models(filter=["updated", "license:mit"])), {name}, "updated metadata"))
    fails(ValueError, lambda: metadata_update(name, {"license": "apache-2.0"}), "overwrite=True")
    metadata_update(name, {"license": "apache-2.0"}, overwrite=True)
    assert API.model_info(name).card_data.license == "apache-2.0"
    results = [{"results": [{"dataset": {"name": "GLUE", "type": "glue"}, "task": {"type": "text-classification"},
                             "metrics": [{"type": "f1", "value": 0.5}]}]}]
    metadata_update(name, {"model-index": results})
    assert API.model_info(name).card_data.eval_results[0].metric_value == 0.5
    metadata_update(f"{ALICE}/reviews", {"tags": ["films", "cinema"]}, repo_type="dataset", overwrite=True)
    at_once(lambda: same(ids(API.list_datasets(filter="cinema")), {"alice/reviews"}, "updated dataset"))
    metadata_update(f"{ALICE}/reviews", {"tags": ["films"]}, repo_type="dataset", overwrite=True)
    API.delete_repo(name)


def eval_results():
    """EvalResult: there and back, also through the infos."""
    results = [
        EvalResult(task_type="text-classification", dataset_type="glue", dataset_name="GLUE", metric_type="f1", metric_value=0.93,
                   dataset_config="mnli", dataset_split="validation", dataset_revision="a" * 40, metric_name="F1",
                   dataset_args={"num_few_shot": 5}, source_name="Logs", source_url="https://example.org/logs"),
        EvalResult(task_type="text-classification", dataset_type="glue", dataset_name="GLUE", metric_type="bleu",
                   metric_value="20.0 ± 1.2", dataset_config="mnli", metric_args={"max_order": 4}),
        EvalResult(task_type="text-generation", dataset_type="mmlu", dataset_name="MMLU", metric_type="accuracy", metric_value=68),
    ]
    name = f"{ALICE}/results"
    API.create_repo(name)
    data = ModelCardData(license="mit", model_name="A model", eval_results=results)
    push(ModelCard(f"---\n{data.to_yaml()}\n---\n# A model\n"), name)
    assert ModelCard.load(name).data.eval_results == results
    for info in [API.model_info(name), next(iter(API.list_models(search="alice/results", cardData=True)))]:
        assert info.card_data.eval_results == results and info.card_data.model_name == "A model"
    index = API.model_info(name, expand=["model-index"]).model_index
    assert index[0]["name"] == "A model" and len(index[0]["results"]) == 3
    API.delete_repo(name)


def eval_files():
    """.eval_results/*.yaml, in the versions that know them."""
    if not hasattr(huggingface_hub, "EvalResultEntry"):
        return
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    told = API.model_info("alice/bench-high", expand=["evalResults"]).eval_results
    wanted = EvalResultEntry(
        dataset_id="alice/benchmark", task_id="hard", value=0.62, date="2026-05-01T00:00:00Z", source_url="https://example.org/logs",
        source_name="Eval logs", source_user="alice", notes="no-tools",
    )
    assert told == [wanted], told
    listed = {m.id: m.eval_results for m in API.list_models(expand=["evalResults"])}
    assert listed["alice/bench-high"] == [wanted] and not listed["alice/llama-root"]
    name = f"{ALICE}/eval-files"
    API.create_repo(name)
    entries = [EvalResultEntry(dataset_id="cais/hle", task_id="default", value=20.9, dataset_revision="b" * 40),
               EvalResultEntry(dataset_id="Idavidrein/gpqa", task_id="gpqa_diamond", value=0.412, notes="5-shot")]
    for number, entry in enumerate(entries):
        text = yaml.dump(eval_result_entries_to_yaml([entry]))
        API.upload_file(path_or_fileobj=text.encode(), path_in_repo=f".eval_results/{number}.yaml", repo_id=name)
    told = API.model_info(name, expand=["evalResults"]).eval_results
    assert [(e.dataset_id, e.task_id, e.value, e.dataset_revision, e.notes) for e in told] == [
        (e.dataset_id, e.task_id, e.value, e.dataset_revision, e.notes) for e in entries
    ], told
    API.delete_file(".eval_results/0.yaml", name)
    assert [e.dataset_id for e in API.model_info(name, expand=["evalResults"]).eval_results] == ["Idavidrein/gpqa"]
    API.delete_repo(name)


def leaderboard():
    if not hasattr(API, "get_dataset_leaderboard"):
        return
    board = API.get_dataset_leaderboard("alice/benchmark")
    assert [(e.rank, e.model_id, e.value) for e in board] == [(1, "alice/bench-high", 0.62), (2, "alice/bench-low", 0.31)], board
    assert board[0].filename == ".eval_results/benchmark.yaml" and board[0].verified is False
    assert board[0].author.username == ALICE and board[0].source["url"] == "https://example.org/logs"
    whole = API.get_dataset_leaderboard("alice/benchmark", base_model_only=False)
    assert [(e.rank, e.model_id) for e in whole] == [(1, "alice/bench-tuned"), (2, "alice/bench-high"), (3, "alice/bench-low")], whole
    only = API.get_dataset_leaderboard("alice/benchmark", base_model_only=True)
    assert [e.model_id for e in only] == [e.model_id for e in board]
    fails(Exception, lambda: API.get_dataset_leaderboard("alice/nothing"))
    # 0, 5 and 25 shots are three questions, not one ranking.
    ranks = [e.rank for e in API.get_dataset_leaderboard("alice/mmlu", base_model_only=False)]
    assert ranks in [[], [1], [1, 1, 1]], ranks


def proposals():
    """Anybody may propose results for a model; they stand on the leaderboard beside its own, as what they are."""
    name, path = f"{ALICE}/proposed", ".eval_results/benchmark.yaml"
    API.create_repo(name)
    API.upload_file(path_or_fileobj=card("license: mit").encode(), path_in_repo="README.md", repo_id=name)
    result = lambda value: f'- {{dataset: {{id: alice/benchmark, task_id: hard}}, value: {value}, source: {{url: "https://example.org", user: {ALICE}}}}}'.encode()
    told = lambda: [(row["value"], row["origin"], row.get("pullRequest")) for row in
                    get(f"/api/datasets/{ALICE}/benchmark/leaderboard", {"base_model": "false"}) if row["modelId"] == name]
    made = BOBS.upload_file(path_or_fileobj=result(0.99), path_in_repo=path, repo_id=name, create_pr=True)
    number = made.pr_num
    assert told() == [(0.99, "third-party", number)], told()
    if hasattr(API, "get_dataset_leaderboard"):
        row = next(e for e in API.get_dataset_leaderboard("alice/benchmark") if e.model_id == name)
        assert (row.value, row.verified, row.pull_request) == (0.99, False, number), row
        assert not API.model_info(name, expand=["evalResults"]).eval_results, "the model itself says nothing"
    assert get("/api/search", {"q": "name:proposed eval:benchmark.score>0.9", "type": "model"})["hits"] == []
    BOBS.upload_file(path_or_fileobj=result(0.88), path_in_repo=path, repo_id=name, revision=f"refs/pr/{number}")
    assert told() == [(0.88, "third-party", number)], told()
    # The default branch has another value: both are told. Then it has the same one, and it is the model's own.
    API.upload_file(path_or_fileobj=result(0.5), path_in_repo=path, repo_id=name)
    assert told() == [(0.5, "self", None), (0.88, "third-party", number)], told()
    API.upload_file(path_or_fileobj=result(0.88), path_in_repo=path, repo_id=name)
    assert told() == [(0.88, "self", None)], told()
    BOBS.delete_file(path, name, revision=f"refs/pr/{number}")
    assert told() == [(0.88, "self", None)], told()
    API.delete_repo(name)


CHECKS = [round_trip, line_ends_stay, validation, update, eval_results, eval_files, leaderboard, proposals]
