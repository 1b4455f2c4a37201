"""What every huggingface_hub version with hf_xet must be able to do with large files, all defaults on.

Usage: xet_suite.py NAMESPACE PREFIX
"""

import hashlib
import json
import os
import random
import sys
import tempfile
import urllib.request
from pathlib import Path

import huggingface_hub
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    HfApi,
    HfFileSystem,
    constants,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.utils._runtime import is_xet_available

NAMESPACE, PREFIX = sys.argv[1:3]
API = HfApi()
MAJOR = int(huggingface_hub.__version__.split(".")[0])
RANDOM = random.Random(f"{PREFIX} {os.getpid()}")

assert is_xet_available(), "this suite is about Xet; the environment must have hf_xet"


def repo(name, **kwargs):
    full = f"{NAMESPACE}/{PREFIX}-{name}"
    API.create_repo(full, **kwargs)
    return full


def write(folder, name, data):
    path = Path(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def entry(full, path, revision="main"):
    [info] = API.get_paths_info(full, [path], revision=revision)
    return info


def plain(full, path, revision="main", byte_range=None):
    """The bytes as curl would get them: no Xet, redirects followed."""
    url = f"{constants.ENDPOINT}/{full}/resolve/{revision}/{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {os.environ['HF_TOKEN']}"})
    if byte_range:
        request.add_header("Range", byte_range)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def xet_hash(full, path, revision="main"):
    """What the listing says, asked without the client: the oldest of them do not show it."""
    url = f"{constants.ENDPOINT}/api/models/{full}/tree/{revision}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {os.environ['HF_TOKEN']}"})
    with urllib.request.urlopen(request) as answer:
        [found] = [e for e in json.load(answer) if e["path"] == path]
    return found["xetHash"]


def check(full, path, data, revision="main"):
    """Both ways down give the bytes, and the listing tells the truth about them."""
    info = entry(full, path, revision)
    assert info.size == len(data) and info.lfs.sha256 == sha256(data), info
    with tempfile.TemporaryDirectory() as cache:
        got = hf_hub_download(full, path, revision=revision, cache_dir=cache)
        assert Path(got).read_bytes() == data, f"{path} differs through Xet"
    assert plain(full, path, revision) == data, f"{path} differs over plain HTTP"
    start, end = len(data) // 3, len(data) // 3 + min(100_000, len(data) // 2)
    part = plain(full, path, revision, f"bytes={start}-{end}")
    assert part == data[start : end + 1], f"a range of {path} differs"
    return info


def one_large_file():
    full = repo("one")
    data = RANDOM.randbytes(20_000_000)
    with tempfile.TemporaryDirectory() as folder:
        API.upload_file(path_or_fileobj=write(folder, "a.bin", data), path_in_repo="a.bin", repo_id=full)
    info = check(full, "a.bin", data)
    listed = xet_hash(full, "a.bin")
    assert len(listed) == 64, listed
    if hasattr(info, "xet_hash"):
        assert info.xet_hash == listed


def an_edited_file():
    full = repo("edited")
    first = RANDOM.randbytes(12_000_000)
    second = first[:6_000_000] + RANDOM.randbytes(9_000) + first[6_000_000:]
    with tempfile.TemporaryDirectory() as folder:
        one = API.upload_file(path_or_fileobj=write(folder, "1", first), path_in_repo="w.bin", repo_id=full)
        two = API.upload_file(path_or_fileobj=write(folder, "2", second), path_in_repo="w.bin", repo_id=full)
    assert one.oid != two.oid
    check(full, "w.bin", first, one.oid)
    check(full, "w.bin", second, two.oid)


def a_folder():
    full = repo("folder", repo_type="model")
    files = {f"part-{i}/weights-{i}.safetensors": RANDOM.randbytes(300_000 + 50_000 * i) for i in range(8)}
    files["same.bin"] = files["part-7/weights-7.safetensors"]
    files["empty.bin"] = b""
    files["one.bin"] = b"x"
    files["notes.txt"] = b"small text\n" * 10
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            write(folder, name, data)
        API.upload_folder(folder_path=folder, repo_id=full)
        # Again: nothing to do, and no new commit.
        before = API.repo_info(full).sha
        API.upload_folder(folder_path=folder, repo_id=full)
        assert API.repo_info(full).sha == before
    with tempfile.TemporaryDirectory() as cache:
        got = Path(snapshot_download(full, cache_dir=cache))
        for name, data in files.items():
            assert (got / name).read_bytes() == data, name


def compressible_data():
    full = repo("text", repo_type="dataset")
    rows = [f"{i},{RANDOM.random():.6f},{RANDOM.choice(['cat', 'dog', 'fish'])}\n" for i in range(200_000)]
    first = "".join(rows).encode()
    second = first + "".join(f"{i},more,bird\n" for i in range(50_000)).encode()
    with tempfile.TemporaryDirectory() as folder:
        for data in (first, second):
            path = write(folder, "rows.arrow", data)
            API.upload_file(path_or_fileobj=path, path_in_repo="rows.arrow", repo_id=full, repo_type="dataset")
    with tempfile.TemporaryDirectory() as cache:
        got = hf_hub_download(full, "rows.arrow", repo_type="dataset", cache_dir=cache)
        assert Path(got).read_bytes() == second


def a_pull_request():
    full = repo("pr")
    data = RANDOM.randbytes(3_000_000)
    with tempfile.TemporaryDirectory() as folder:
        made = API.upload_file(
            path_or_fileobj=write(folder, "p.bin", data), path_in_repo="p.bin", repo_id=full, create_pr=True
        )
    assert made.pr_num == 1
    check(full, "p.bin", data, "refs/pr/1")
    assert API.get_paths_info(full, ["p.bin"]) == []


def bytes_in_memory_and_copies():
    full = repo("copies")
    data = RANDOM.randbytes(2_500_000)
    API.create_commit(full, [CommitOperationAdd("m.bin", data)], commit_message="from memory")
    check(full, "m.bin", data)
    API.create_commit(full, [CommitOperationCopy("m.bin", "sub/c.bin")], commit_message="a copy")
    check(full, "sub/c.bin", data)
    if MAJOR >= 2:
        other = repo("copies-there")
        copy = CommitOperationCopy("m.bin", "there.bin", src_repo_id=full, src_repo_type="model")
        API.create_commit(other, [copy], commit_message="from another repository")
        check(other, "there.bin", data)


def the_file_system():
    full = repo("fs")
    data = RANDOM.randbytes(5_000_000)
    fs = HfFileSystem()
    with fs.open(f"{full}/f.bin", "wb") as file:
        file.write(data)
    with fs.open(f"{full}/f.bin", "rb") as file:
        file.seek(4_000_000)
        assert file.read(1000) == data[4_000_000:4_001_000]
    assert fs.info(f"{full}/f.bin")["size"] == len(data)


def with_and_without_xet():
    """The same folder, uploaded both ways, is the same tree."""
    files = {"model.safetensors": RANDOM.randbytes(4_000_000), "config.json": b"{}\n", "x/y.onnx": RANDOM.randbytes(70_000)}
    trees = []
    for name, disabled in [("with", False), ("without", True)]:
        full = repo(f"both-{name}")
        constants.HF_HUB_DISABLE_XET = disabled
        try:
            with tempfile.TemporaryDirectory() as folder:
                for path, data in files.items():
                    write(folder, path, data)
                API.upload_folder(folder_path=folder, repo_id=full)
        finally:
            constants.HF_HUB_DISABLE_XET = False
        tree = {
            e.path: (e.blob_id, e.size, e.lfs and e.lfs.sha256)
            for e in API.list_repo_tree(full, recursive=True)
            if hasattr(e, "blob_id")
        }
        trees.append(tree)
        for path, data in files.items():
            assert plain(full, path) == data
    assert trees[0] == trees[1], trees


SUITE = [
    one_large_file,
    an_edited_file,
    a_folder,
    compressible_data,
    a_pull_request,
    bytes_in_memory_and_copies,
    the_file_system,
    with_and_without_xet,
]

for case in SUITE:
    case()
    print("ok", case.__name__, flush=True)
