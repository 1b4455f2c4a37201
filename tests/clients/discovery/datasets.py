"""Datasets and Spaces."""

from .repo import Repo, card
from .scene import ORG

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
PARQUET = b"PAR1" + b"\0" * 32 + b"PAR1"


def dataset(name, yaml, files, body="# A dataset\n", **more):
    return Repo(name, {"README.md": card(yaml, body), **files}, kind="dataset", **more)


DATASETS = [
    dataset(
        "reviews",
        "license: cc-by-4.0\nlanguage:\n- en\n- de\npretty_name: Reviews of films\ntask_categories:\n- text-classification\n"
        "task_ids:\n- sentiment-classification\nsize_categories:\n- 1K<n<10K\nmultilinguality:\n- multilingual\n"
        "language_creators:\n- crowdsourced\nannotations_creators:\n- expert-generated\nsource_datasets:\n- original\n"
        "configs:\n- config_name: english\n  data_files:\n  - split: train\n    path: en/train-*.parquet\n  - split: test\n"
        "    path: en/test-*.parquet\n  default: true\n- config_name: german\n  data_files: de/*.parquet\ntags:\n- films",
        {"en/train-00000-of-00001.parquet": PARQUET, "en/test-00000-of-00001.parquet": PARQUET, "de/all.parquet": PARQUET},
        has=("task_categories:text-classification", "task_ids:sentiment-classification", "size_categories:1K<n<10K",
             "multilinguality:multilingual", "language_creators:crowdsourced", "annotations_creators:expert-generated",
             "source_datasets:original", "language:en", "language:de", "license:cc-by-4.0", "format:parquet", "films"),
    ),
    dataset("prices", "license: mit\nsize_categories: n<1K\ntask_categories: [tabular-regression]", {"prices.csv": "a,b\n1,2\n"},
            has=("format:csv", "modality:tabular", "size_categories:n<1K", "task_categories:tabular-regression")),
    dataset("dialogues", "license: odc-by\nlanguage: en\nlanguage_creators: [machine-generated]\nmultilinguality: monolingual",
            {"train.jsonl": '{"text": "hello"}\n', "test.jsonl": '{"text": "bye"}\n'},
            has=("format:json", "language_creators:machine-generated", "multilinguality:monolingual", "language:en")),
    dataset("cats", "license: cc0-1.0\ntask_categories:\n- image-classification", {f"train/cat/{n}.png": PNG for n in range(4)},
            has=("format:imagefolder", "modality:image")),
    dataset("birdsong", "license: cc0-1.0", {"train/a.wav": b"RIFF", "train/b.wav": b"RIFF"}, has=("format:audiofolder", "modality:audio")),
    dataset("gated-data", "license: other\nlicense_name: terms\nlicense_link: LICENSE", {"a.csv": "a\n1\n"}, gated="auto"),
    dataset("internal-data", "license: mit\nlanguage: en", {"a.csv": "a\n1\n"}, owner=ORG, private=True),
    dataset(
        "benchmark",
        "license: mit\nlanguage: en",
        {"eval.yaml": "name: Hard questions\ndescription: Questions that are hard.\nevaluation_framework: inspect-ai\ntasks:\n"
                      "- id: hard\n  config: default\n  split: test\n", "test.jsonl": '{"question": "why"}\n'},
    ),
    dataset(
        "mmlu",
        "license: mit\nlanguage: en\nsize_categories: 10K<n<100K",
        {"eval.yaml": "name: MMLU\ndescription: Questions of many subjects.\nevaluation_framework: inspect-ai\ntasks:\n"
                      "- id: all\n  config: all\n  split: test\n", "test.jsonl": '{"question": "what"}\n'},
    ),
]

SPACES = [
    Repo(
        "chat-demo",
        {
            "README.md": card("title: Talk to the llama\nemoji: 🦙\nsdk: gradio\nsdk_version: 5.0.0\napp_file: app.py\nlicense: mit\n"
                              "models:\n- alice/llama-root\n- alice/llama-awq\ndatasets:\n- alice/dialogues\ntags:\n- chatbot\n"
                              "short_description: A chat with a small llama"),
            "app.py": "import gradio\n",
        },
        kind="space", sdk="gradio", has=("gradio", "chatbot"),
    ),
    Repo("container", {"README.md": card("title: A box\nsdk: docker\napp_port: 7860\nmodels: [alice/llama-root]"), "Dockerfile": "FROM scratch\n"},
         kind="space", sdk="docker", has=("docker",)),
    Repo("homepage", {"README.md": card("title: Home\nsdk: static"), "index.html": "<p>hello</p>"}, kind="space", sdk="static", has=("static",)),
    Repo("internal-demo", {"README.md": card("title: Inside\nsdk: static\nmodels: [alice/llama-root]"), "index.html": "<p>hi</p>"},
         kind="space", sdk="static", owner=ORG, private=True),
]

REPOS = DATASETS + SPACES
