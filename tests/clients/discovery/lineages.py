"""Models made from models: licences, benchmarks, successors, and the one right answer to a hard question."""

from .models import BERT, BERT_CLASSIFIER, LLAMA, SMALL
from .repo import Repo, card
from .scene import ALICE, BOB, ORG
from .weights import safetensors

# "English text classifier, Apache-2.0 all the way down its lineage, under 100 MB, F1 over 0.9 on MNLI"
QUESTION = "task:text-classification lang:en license:apache-2.0 lineage:permissive size:<100MB eval:mnli.f1>0.9"
ANSWER = "alice/tiny-mnli"
# What bob sees besides: his own.
BOBS_ANSWER = "bob/secret-mnli"


def result(value, metric="f1", config="mnli", dataset="nyu-mll/glue", task="text-classification", split="validation_matched",
           shots=None):
    """A model-index with one result."""
    args = f"      args:\n        num_few_shot: {shots}\n" if shots is not None else ""
    return (
        f"model-index:\n- name: model\n  results:\n  - task:\n      type: {task}\n    dataset:\n      type: {dataset}\n"
        f"      name: GLUE\n      config: {config}\n      split: {split}\n{args}    metrics:\n    - type: {metric}\n"
        f"      value: {value}\n"
    )


def classifier(name, value=0.95, *, base="alice/encoder-small", language="en", license="apache-2.0", metric="f1",
               config="mnli", task="text-classification", weights=SMALL, **more):
    """What the question asks for, but for what the caller changes."""
    base_line = f"base_model: {base}\n" if base else ""
    yaml = (f"language: {language}\nlicense: {license}\npipeline_tag: {task}\n{base_line}"
            + result(value, metric, config, task=task))
    files = {"README.md": card(yaml), "config.json": BERT_CLASSIFIER, "model.safetensors": weights}
    return Repo(name, files, task=task, library="transformers", bases=(base,) if base else (),
                relation="finetune" if base else None, has=("model-index", language, f"license:{license}"), **more)


# 104 MB of zeros: 26 million parameters.
LARGE = {"classifier.weight": ("F32", (26_000, 1000))}

RIGHT_AND_WRONG = [
    Repo("encoder-small", {"README.md": card("language: en\nlicense: apache-2.0\nbase_model: alice/encoder-root"),
                           "config.json": BERT, "model.safetensors": SMALL},
         task="fill-mask", relation="finetune", bases=("alice/encoder-root",)),
    classifier("tiny-mnli", 0.912),
    classifier("weak-mnli", 0.88),
    classifier("exact-mnli", 0.9),
    classifier("percent-mnli", 55.1),
    classifier("german-mnli", language="de"),
    classifier("accurate-mnli", metric="accuracy"),
    classifier("sst2-only", config="sst2"),
    classifier("token-mnli", task="token-classification"),
    classifier("mit-mnli", license="mit"),
    classifier("nc-lineage-mnli", base="alice/nc-root"),
    classifier("orphan-mnli", base="nobody/gone"),
    classifier("large-mnli", weights=None, parameters={"F32": 26_000_000}),
    classifier("secret-mnli", 0.99, base="alice/encoder-root", owner=BOB, private=True),
]


def fill_in_large():
    """The large file is made only when it is needed."""
    for repo in RIGHT_AND_WRONG:
        if repo.name == "large-mnli":
            repo.files["model.safetensors"] = safetensors(LARGE)


def licensed(name, license, base=None, **more):
    base_line = f"\nbase_model: {base}" if base else ""
    return Repo(name, {"README.md": card(f"license: {license}{base_line}\nlanguage: en"), "config.json": LLAMA,
                       "model.safetensors": SMALL},
                task="text-generation", bases=(base,) if base else (), relation="finetune" if base else None,
                has=(f"license:{license}",), **more)


LICENCES = [
    licensed("llama-child", "apache-2.0", "alice/llama-root"),
    licensed("nc-root", "cc-by-nc-4.0"),
    licensed("nc-child", "mit", "alice/nc-root"),
    licensed("sa-root", "cc-by-sa-4.0"),
    licensed("sa-child", "mit", "alice/sa-root"),
    licensed("free-1", "mit"),
    licensed("free-2", "apache-2.0", "alice/free-1"),
    licensed("free-3", "bsd-3-clause", "alice/free-2"),
    licensed("orphan", "mit", "nobody/gone"),
    licensed("cycle-a", "mit", "alice/cycle-b"),
    licensed("cycle-b", "mit", "alice/cycle-a"),
    licensed("own-parent", "mit", "alice/own-parent"),
    Repo("undeclared", {"README.md": card("language: en"), "config.json": LLAMA, "model.safetensors": SMALL}, task="text-generation"),
    licensed("of-undeclared", "mit", "alice/undeclared"),
    Repo("other-terms", {"README.md": card("license: other\nlicense_name: acme-terms\nlicense_link: LICENSE"),
                         "LICENSE": "Ask first.", "config.json": LLAMA, "model.safetensors": SMALL}, has=("license:other",)),
    licensed("internal-lm", "apache-2.0", "alice/free-2", owner=ORG, private=True),
    licensed("secret-lm", "apache-2.0", owner=ALICE, private=True),
    licensed("gated-manual", "apache-2.0", gated="manual"),
]

SUCCESSORS = [
    Repo("gen-1", {"README.md": card("license: mit\nnew_version: alice/gen-2")}),
    Repo("gen-2", {"README.md": card("license: mit\nnew_version: alice/gen-3")}),
    Repo("gen-3", {"README.md": card("license: mit")}),
]


def mmlu(shots, value):
    yaml = result(value, "accuracy", "all", "alice/mmlu", "text-generation", "test", shots)
    return Repo(f"mmlu-{shots}-shot", {"README.md": card("license: mit\n" + yaml), "config.json": LLAMA}, task="text-generation")


def benched(name, values, base=None):
    """A model with results in files of their own."""
    entries = "".join(
        f"- dataset:\n    id: alice/benchmark\n    task_id: {task}\n  value: {value}\n  date: '2026-05-01T00:00:00Z'\n"
        f"  source:\n    url: https://example.org/logs\n    name: Eval logs\n    user: alice\n  notes: no-tools\n"
        for task, value in values.items()
    )
    base_line = f"\nbase_model: {base}" if base else ""
    return Repo(name, {"README.md": card(f"license: mit{base_line}"), "config.json": LLAMA, ".eval_results/benchmark.yaml": entries},
                task="text-generation", bases=(base,) if base else ())


BENCHMARKS = [
    mmlu(0, 68), mmlu(5, 72), mmlu(25, 75),
    benched("bench-low", {"hard": 0.31}), benched("bench-high", {"hard": 0.62}),
    benched("bench-tuned", {"hard": 0.81}, base="alice/bench-low"),
]

REPOS = LICENCES + RIGHT_AND_WRONG + SUCCESSORS + BENCHMARKS
