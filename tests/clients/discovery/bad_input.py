"""What must be refused, or listed as a warning, in plain words, at a bounded cost; the server goes on."""

import base64
import json
import os
import struct
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

from .repo import card
from .scene import ALICE, API, ENDPOINT, TOKENS, alive, ask, get, ids, refused
from .weights import with_header

# This hub's own routes that describe a model.
OWN = ["card-report", "lineage", "snippets"]
# The longest that anything in here may take, in seconds.
LONG = 10


def commit(repo, files, kind="model"):
    """A commit as no careful client sends it: nothing is checked before."""
    lines = [{"key": "header", "value": {"summary": "bad"}}]
    for path, data in files.items():
        content = base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()
        lines.append({"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}})
    body = "\n".join(json.dumps(line) for line in lines).encode()
    return ask(f"/api/{kind}s/{repo}/commit/main", method="POST", body=body, kind="application/x-ndjson")


def fresh(name):
    full = f"{ALICE}/{name}"
    API.create_repo(full)
    return full


def bounded(answer, what):
    assert answer.seconds < LONG, f"{what} took {answer.seconds:.1f} s"
    assert answer.status < 500, f"{what}: {answer.status} {answer.text()[:500]}"
    return answer


def described(repo, what):
    """Whatever was taken, the repository is described and listed."""
    listed = f"/api/models?search={repo}&"
    for path in [f"/api/models/{repo}", f"{listed}full=true&cardData=true&config=true",
                 f"{listed}expand=safetensors&expand=gguf&expand=evalResults", *(f"/api/models/{repo}/{route}" for route in OWN)]:
        answer = bounded(ask(path), f"{what}: {path}")
        assert answer.status == 200, f"{what}: {path}: {answer.status} {answer.text()[:300]}"
        answer.json()


BROKEN = {
    "an open bracket": ("license: mit\ntags: [a\nx: 1", "line"),
    "a tab before a key": ("license: mit\n\ttags: a", "line"),
    "a key twice": ("license: mit\nlicense: apache-2.0", "line 3"),
    "no mapping": ("- a\n- b", ""),
    "an unknown alias": ("license: mit\nx: *nobody", "line"),
    "an unknown licence": ("license: asdf", "must be one of"),
    "a model-index that is none": ("model-index: foo", "must be an array"),
}


def broken_cards():
    repo = fresh("broken")
    for what, (yaml, words) in BROKEN.items():
        answer = refused(commit(repo, {"README.md": card(yaml)}))
        assert words in answer.text(), (what, answer.text())
        checked = ask("/api/validate-yaml", method="POST", body={"content": card(yaml), "repoType": "model"}, who=None)
        assert checked.status == 400 and words in checked.text(), (what, checked.text())
    assert API.list_repo_files(repo) == [".gitattributes"]
    API.delete_repo(repo)
    alive()


def broken_pushes():
    """git push tells the same words, and takes nothing."""
    repo = fresh("broken-push")
    host = ENDPOINT.removeprefix("http://")
    with tempfile.TemporaryDirectory() as folder:
        git = lambda *args: subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True)
        assert git("clone", "--quiet", f"http://user:{TOKENS[ALICE]}@{host}/{repo}", ".").returncode == 0
        for what, (yaml, words) in BROKEN.items():
            Path(folder, "README.md").write_text(card(yaml))
            git("add", "-A")
            git("commit", "--quiet", "-m", what)
            pushed = git("push", "--quiet", "origin", "HEAD:main")
            assert pushed.returncode != 0 and words in pushed.stderr, (what, pushed.stderr)
        Path(folder, "README.md").write_text(card("license: mit"))
        git("add", "-A")
        git("commit", "--quiet", "--amend", "-m", "repaired")
        last = git("push", "--quiet", "origin", "HEAD:main")
        # The broken ones are history; only what the branch shows is a card.
        assert last.returncode == 0 or "README.md" in last.stderr, last.stderr
    API.delete_repo(repo)
    alive()


def bombs():
    laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(12)
    )
    deep = "x: " + "[" * 20_000 + "]" * 20_000
    merged = "".join(f"k{n}: &k{n}\n  <<: *k{n - 1}\n  a{n}: 1\n" if n else "k0: &k0\n  a: 1\n" for n in range(2000))
    many = "\n".join(f"key-{n}: {n}" for n in range(200_000))
    itself = "a: &a [*a]"
    wide = "tags: [" + ", ".join("t%d" % n for n in range(100_000)) + "]"
    repo = fresh("bombs")
    for what, yaml in {"billion laughs": laughs, "depth": deep, "merges": merged, "many keys": many, "a loop": itself,
                       "many tags": wide, "a long line": "x: " + "y" * 5_000_000}.items():
        answer = bounded(commit(repo, {"README.md": card(yaml)}), what)
        if answer.status != 200:
            refused(answer, answer.status)
        checked = bounded(ask("/api/validate-yaml", method="POST", body={"content": card(yaml), "repoType": "model"}, who=None), what)
        assert checked.status in [200, 400, 413], (what, checked.status)
        described(repo, what)
    API.delete_repo(repo)
    alive()


def large_front_matter():
    repo = fresh("large-card")
    for megabytes in [2, 9.9, 10.1]:
        filler = "\n".join(f"# {'x' * 1000}" for _ in range(int(megabytes * 1024 * 1024 / 1003)))
        answer = bounded(commit(repo, {"README.md": card(f"license: mit\n{filler}")}), f"{megabytes} MiB of front matter")
        if answer.status != 200:
            refused(answer, answer.status)
        described(repo, f"{megabytes} MiB")
    API.delete_repo(repo)
    alive()


def not_text():
    repo = fresh("not-text")
    for what, data in {"latin-1": "---\nlicense: mit\ntags: [é]\n---\n".encode("latin-1"), "utf-16": card("license: mit").encode("utf-16"),
                       "zeros": b"---\n\0\0\0\n---\n", "noise": os.urandom(5000)}.items():
        answer = bounded(commit(repo, {"README.md": data}), what)
        if answer.status != 200:
            refused(answer)
        described(repo, what)
    API.delete_repo(repo)
    alive()


def lying_headers():
    """Headers of weights that say what is not so: nothing is told of the parameters, and nothing breaks."""
    entry = lambda start, end, shape=(4,), dtype="F32": {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    dump = lambda header: json.dumps(header).encode()
    files = {
        "a header of 2^60 bytes": struct.pack("<Q", 1 << 60) + b"{}",
        "a header of 101 MB in a short file": struct.pack("<Q", 101_000_000) + b"{" + b" " * 100,
        "overlapping offsets": with_header(dump({"a": entry(0, 16), "b": entry(8, 24)}), 24),
        "offsets behind the end": with_header(dump({"a": entry(0, 1 << 40, (1 << 38,))}), 16),
        "an end before its start": with_header(dump({"a": entry(16, 0)}), 16),
        "a shape that is not its bytes": with_header(dump({"a": entry(0, 16, (1000, 1000))}), 16),
        "a shape beyond all numbers": with_header(dump({"a": entry(0, 16, (1 << 62, 1 << 62))}), 16),
        "negative numbers": with_header(dump({"a": entry(-16, 0, (-4,))}), 16),
        "no JSON": with_header(b"\xff\xfe not json", 16),
        "an array": with_header(b"[1, 2]", 16),
        "depth": with_header(b'{"a":' * 5000 + b"1" + b"}" * 5000, 16),
        "nothing": b"",
        "three bytes": b"abc",
    }
    repo = fresh("liar")
    for what, data in files.items():
        API.upload_file(path_or_fileobj=data, path_in_repo="model.safetensors", repo_id=repo)
        described(repo, what)
        assert get(f"/api/models/{repo}").get("safetensors") is None, what
        answer = bounded(ask(f"/api/models/{repo}/safetensors-metadata/model.safetensors.index.json"), what)
        assert answer.status in [400, 404], (what, answer.status)
    API.delete_repo(repo)
    repo = fresh("liar-gguf")
    for what, data in {"counts": b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60), "version": b"GGUF" + struct.pack("<IQQ", 99, 0, 0),
                       "a text of 2^60 bytes": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 60), "magic": b"FUGG" * 10,
                       "dimensions": b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q", 1) + b"w" + struct.pack("<I", 4)
                       + struct.pack("<4Q", *[1 << 62] * 4) + struct.pack("<IQ", 0, 0)}.items():
        API.upload_file(path_or_fileobj=data, path_in_repo="model.gguf", repo_id=repo)
        described(repo, f"gguf {what}")
    API.delete_repo(repo)
    repo = fresh("liar-index")
    index = {"metadata": {"total_size": 1 << 62}, "weight_map": {f"w{n}": f"../../../{n}.safetensors" for n in range(2000)}}
    API.upload_file(path_or_fileobj=json.dumps(index).encode(), path_in_repo="model.safetensors.index.json", repo_id=repo)
    described(repo, "an index of files that are not there")
    API.delete_repo(repo)
    alive()


def bad_configs():
    repo = fresh("bad-configs")
    for what, files in {
        "depth": {"config.json": '{"a":' * 5000 + "1" + "}" * 5000},
        "types": {"config.json": json.dumps({"architectures": {"a": 1}, "model_type": 7, "auto_map": [], "quantization_config": "x"})},
        "no JSON": {"config.json": "{", "tokenizer_config.json": "]", "adapter_config.json": "\0"},
        "numbers": {"config.json": '{"max_position_embeddings": 1e400, "model_type": "bert"}'},
        "a template": {"tokenizer_config.json": json.dumps({"chat_template": "{{" * 100_000})},
        "results": {".eval_results/a.yaml": "- dataset: {id: 7}\n  value: [1]\n", ".eval_results/b.yaml": "][", ".eval_results/c.yaml": "a: b"},
    }.items():
        answer = bounded(commit(repo, files), what)
        if answer.status != 200:
            refused(answer)
        described(repo, what)
    API.delete_repo(repo)
    alive()


def odd_metrics():
    """Not a number, without end, huge, or in words: kept as told, never ranked, and the JSON stays JSON."""
    entry = "  - task: {{type: text-classification}}\n    dataset: {{type: glue, name: GLUE, config: mnli}}\n    metrics:\n    - {{type: f1, value: {}}}\n"
    values = [".nan", ".inf", "-.inf", "1e308", "1e999", "'20.0 ± 1.2'", "true", "~", "99999999999999999999999999", "'0x1p3'"]
    repo = fresh("odd-metrics")
    for value in values:
        yaml = "license: mit\nmodel-index:\n- name: m\n  results:\n" + entry.format(value)
        answer = bounded(commit(repo, {"README.md": card(yaml)}), value)
        if answer.status != 200:
            refused(answer)
            continue
        described(repo, value)
        answer = ask("/api/search", {"q": "eval:mnli.f1>0.9", "type": "model", "limit": 100})
        found = [hit["id"] for hit in answer.json()["hits"]]
        if value in [".nan", "true", "~", "-.inf"]:
            assert repo not in found, value
    for value in [".nan", ".inf", "1e999", "'many'"]:
        text = f"- dataset:\n    id: alice/benchmark\n    task_id: hard\n  value: {value}\n"
        answer = bounded(commit(repo, {".eval_results/x.yaml": text}), value)
        rows = get(f"/api/datasets/{ALICE}/benchmark/leaderboard", {"base_model": "false"})
        assert [row["modelId"] for row in rows if row["rank"] == 1] == ["alice/bench-tuned"], (value, rows)
    API.delete_repo(repo)
    alive()


def endless_lineages():
    """A circle of a hundred, and a chain of three hundred."""
    names = [fresh(f"ring-{n:03}") for n in range(100)]
    for n, name in enumerate(names):
        assert commit(name, {"README.md": card(f"license: mit\nbase_model: {names[n - 1]}\nnew_version: {names[n - 1]}")}).status == 200
    described(names[50], "a circle")
    answer = ask("/api/search", {"q": f"base:{names[0]}", "type": "model", "limit": 100})
    bounded(answer, "descendants in a circle")
    many = fresh("many-parents")
    bases = "\n".join(f"- alice/parent-{n}" for n in range(5000))
    answer = bounded(commit(many, {"README.md": card(f"license: mit\nbase_model:\n{bases}")}), "5,000 parents")
    described(many, "5,000 parents")
    for name in [*names, many]:
        API.delete_repo(name)
    alive()


def long_queries():
    long = "x" * 10_000
    words = " ".join(f"w{n}" for n in range(2000))
    for path in ["/api/models?search=", "/api/models?filter=", "/api/models?author=", "/api/models?pipeline_tag=", "/api/models?sort=",
                 "/api/models?num_parameters=", "/api/models?expand=", "/api/models?apps=", "/api/search?type=model&q=",
                 "/api/search/full-text?type=model&q=", "/api/quicksearch?q=", "/api/spaces/semantic-search?q="]:
        for text in [long, words, "(" * 5000, "a:" * 5000, '"' * 9999, "-" * 9999, "é" * 5000, "\0\n\t", "*" * 1000, "%00%ff"]:
            answer = bounded(ask(path + urllib.parse.quote(text)), f"{path} {text[:20]!r}")
            if answer.status >= 400:
                refused(answer, answer.status)
    answer = bounded(ask("/api/models?" + "&".join(f"filter=t{n}" for n in range(1000))), "1,000 filters")
    assert answer.status in [200, 400, 414], answer.status
    for number in ["min:x", "max:-1", "min:9e99B", "6B", "min:5B,max:1B", "min:"]:
        answer = bounded(ask("/api/models", {"num_parameters": number}), number)
        assert answer.status in [200, 400], (number, answer.status)
    refused(ask("/api/models", {"num_parameters": "min:x"}))
    refused(ask("/api/models", {"sort": "beauty"}))
    refused(ask("/api/models", {"gated": "perhaps"}))
    refused(ask("/api/search", {"q": "task:fill-mask", "type": "poem"}))
    assert ids(API.list_models(search=long)) == set()
    alive()


CHECKS = [broken_cards, broken_pushes, bombs, large_front_matter, not_text, lying_headers, bad_configs, odd_metrics,
          endless_lineages, long_queries]
