"""What every huggingface_hub version must be able to do with a hub. Run inside a pinned environment.

Usage: core_suite.py NAMESPACE PREFIX
"""

import inspect
import io
import os
import sys
import tempfile
from pathlib import Path

import huggingface_hub
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.utils import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

NAMESPACE, PREFIX = sys.argv[1:3]
API = HfApi()
MAJOR = int(huggingface_hub.__version__.split(".")[0])


def fails(kind, call, *needles):
    """The call must raise `kind` with every needle in its text."""
    try:
        call()
    except kind as error:
        text = str(error)
        for needle in needles:
            assert needle in text, f"{needle!r} is not in {text!r}"
        return error
    raise AssertionError(f"expected {kind}")


def repo(name, **kwargs):
    full = f"{NAMESPACE}/{PREFIX}-{name}"
    url = API.create_repo(full, **kwargs)
    assert url.repo_id == full, url
    return full


def whoami():
    me = API.whoami()
    assert me["name"] == NAMESPACE and me["type"] == "user", me
    assert me["auth"]["accessToken"]["role"] == "write", me


def create_and_delete():
    for kind in ["model", "dataset", "space"]:
        extra = {"space_sdk": "static"} if kind == "space" else {}
        full = repo("create", repo_type=kind, **extra)
        again = API.create_repo(full, repo_type=kind, exist_ok=True, **extra)
        assert again.repo_id == full
        error = fails(HfHubHTTPError, lambda: API.create_repo(full, repo_type=kind, **extra))
        assert error.response.status_code == 409
        assert API.list_repo_files(full, repo_type=kind) == [".gitattributes"]
        commits = API.list_repo_commits(full, repo_type=kind)
        assert [c.title for c in commits] == ["initial commit"] and commits[0].authors == [NAMESPACE]
        API.delete_repo(full, repo_type=kind)
        fails(RepositoryNotFoundError, lambda: API.repo_info(full, repo_type=kind))
        fails(RepositoryNotFoundError, lambda: API.delete_repo(full, repo_type=kind))
        API.delete_repo(full, repo_type=kind, missing_ok=True)


def upload_and_download():
    full = repo("files")
    big = os.urandom(3_000_000)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "sub").mkdir()
        (folder / "README.md").write_text("---\nlicense: mit\ntags:\n- test\n---\n# Hello\n")
        (folder / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
        (folder / "sub" / "a.txt").write_text("first")
        (folder / "empty.txt").write_text("")
        (folder / "weights.bin").write_bytes(big)
        API.upload_folder(repo_id=full, folder_path=folder, commit_message="all of it")
    assert API.list_repo_files(full) == [
        ".gitattributes", "README.md", "config.json", "empty.txt", "sub/a.txt", "weights.bin",
    ]
    info = API.model_info(full, files_metadata=True)
    siblings = {s.rfilename: s for s in info.siblings}
    assert siblings["weights.bin"].size == len(big) and siblings["weights.bin"].lfs is not None
    assert siblings["sub/a.txt"].size == 5 and siblings["sub/a.txt"].lfs is None
    assert "license:mit" in info.tags and "test" in info.tags, info.tags
    assert info.card_data["license"] == "mit" and info.config["model_type"] == "bert"
    with tempfile.TemporaryDirectory() as cache:
        path = snapshot_download(full, cache_dir=cache)
        assert Path(path, "weights.bin").read_bytes() == big
        assert Path(path, "sub/a.txt").read_text() == "first"
        assert Path(path, "empty.txt").read_bytes() == b""
        assert Path(path).name == info.sha
        one = hf_hub_download(full, "sub/a.txt", cache_dir=cache, revision=info.sha)
        assert Path(one).read_text() == "first"
        fails(EntryNotFoundError, lambda: hf_hub_download(full, "nothing.txt", cache_dir=cache))
        assert list(Path(cache).rglob(".no_exist/*/nothing.txt")), "a missing file is remembered"
        fails(RevisionNotFoundError, lambda: hf_hub_download(full, "sub/a.txt", cache_dir=cache, revision="nope"))
    fails(RepositoryNotFoundError, lambda: hf_hub_download(full + "-not", "a"))


def commits():
    full = repo("commits")
    first = API.create_commit(
        full,
        [CommitOperationAdd("a.txt", b"one"), CommitOperationAdd("dir/b.txt", b"two"), CommitOperationAdd("c.bin", b"\0" * 2000)],
        commit_message="first",
        commit_description="with a body",
    )
    assert first.commit_url.endswith(f"/commit/{first.oid}")
    second = API.create_commit(
        full,
        [
            CommitOperationDelete("dir/", is_folder=True),
            CommitOperationCopy("c.bin", "d.bin"),
            CommitOperationCopy("a.txt", "copy.txt"),
        ],
        commit_message="second",
        parent_commit=first.oid,
    )
    assert API.list_repo_files(full) == [".gitattributes", "a.txt", "c.bin", "copy.txt", "d.bin"]
    fails(
        HfHubHTTPError,
        lambda: API.create_commit(full, [CommitOperationAdd("x", b"x")], commit_message="m", parent_commit=first.oid),
        "The branch was updated since you opened this page. Please refresh and try again.",
    )
    fails(EntryNotFoundError, lambda: API.delete_file("missing.txt", full), "A file with this name doesn't exist")
    log = API.list_repo_commits(full, formatted=True)
    assert [c.title for c in log] == ["second", "first", "initial commit"]
    assert log[1].message == "with a body" and log[0].commit_id == second.oid
    same = API.upload_file(path_or_fileobj=b"one", path_in_repo="a.txt", repo_id=full)
    assert same.oid == second.oid, "an upload that changes nothing makes no commit"
    tree = {e.path: e for e in API.list_repo_tree(full, recursive=True, expand=True)}
    assert tree["a.txt"].last_commit.title == "first" and tree["d.bin"].last_commit.title == "second"
    infos = API.get_paths_info(full, ["a.txt", "nope", "c.bin"])
    assert [i.path for i in infos] == ["a.txt", "c.bin"]
    assert API.file_exists(full, "a.txt") and not API.file_exists(full, "zzz")
    assert API.revision_exists(full, second.oid[:8]) and not API.revision_exists(full, "zzz")
    API.delete_files(full, ["*.bin"])
    assert API.list_repo_files(full) == [".gitattributes", "a.txt", "copy.txt"]


def refs():
    full = repo("refs")
    base = API.create_commit(full, [CommitOperationAdd("a", b"1")], commit_message="one")
    API.create_branch(full, branch="dev")
    API.create_branch(full, branch="feature/x", revision=base.oid)
    fails(HfHubHTTPError, lambda: API.create_branch(full, branch="dev"), "Reference refs/heads/dev already exists")
    API.create_branch(full, branch="dev", exist_ok=True)
    API.create_tag(full, tag="v1", revision="dev", tag_message="first")
    API.create_tag(full, tag="light")
    fails(HfHubHTTPError, lambda: API.create_tag(full, tag="v1"))
    API.create_tag(full, tag="v1", exist_ok=True)
    found = API.list_repo_refs(full, include_pull_requests=True)
    assert sorted(b.name for b in found.branches) == ["dev", "feature/x", "main"]
    assert {t.name: t.target_commit for t in found.tags} == {"v1": base.oid, "light": base.oid}
    assert found.pull_requests == []
    API.upload_file(path_or_fileobj=b"2", path_in_repo="b", repo_id=full, revision="feature/x")
    assert "b" in API.list_repo_files(full, revision="feature/x") and "b" not in API.list_repo_files(full)
    fails(HfHubHTTPError, lambda: API.delete_branch(full, branch="main"), "Cannot delete refs/heads/main")
    fails(HfHubHTTPError, lambda: API.delete_branch(full, branch="nope"), "Invalid rev id")
    fails(HfHubHTTPError, lambda: API.delete_branch(full, branch="v1"), "Invalid rev id")
    API.delete_branch(full, branch="dev")
    API.delete_tag(full, tag="v1")
    fails(RevisionNotFoundError, lambda: API.delete_tag(full, tag="v1"))
    API.super_squash_history(full)
    assert len(API.list_repo_commits(full)) == 1 and API.list_repo_files(full) == [".gitattributes", "a"]
    assert len(API.list_repo_commits(full, revision="feature/x")) == 3


def pull_requests():
    full = repo("pr")
    made = API.create_commit(
        full, [CommitOperationAdd("new.txt", b"n")], commit_message="propose", create_pr=True
    )
    assert made.pr_num == 1 and made.pr_revision == "refs/pr/1", made
    assert "new.txt" in API.list_repo_files(full, revision="refs/pr/1")
    assert "new.txt" not in API.list_repo_files(full)
    API.upload_file(path_or_fileobj=b"m", path_in_repo="more.txt", repo_id=full, revision="refs/pr/1")
    titles = [c.title for c in API.list_repo_commits(full, revision="refs/pr/1")]
    assert titles[1:] == ["propose", "initial commit"], titles
    refs = API.list_repo_refs(full, include_pull_requests=True)
    assert [r.ref for r in refs.pull_requests] == ["refs/pr/1"]
    fails(
        RevisionNotFoundError,
        lambda: API.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=full, revision="nope", create_pr=True),
    )


def move():
    full = repo("old")
    API.upload_file(path_or_fileobj=b"moved", path_in_repo="a.txt", repo_id=full)
    new = f"{NAMESPACE}/{PREFIX}-new"
    API.move_repo(full, new)
    with tempfile.TemporaryDirectory() as cache:
        assert Path(hf_hub_download(full, "a.txt", cache_dir=cache)).read_text() == "moved"
    assert API.model_info(full).id == new
    other = repo("third")
    fails(HfHubHTTPError, lambda: API.move_repo(other, new), f"A model repository called {new} already exists")


def visibility():
    full = repo("private", private=True)
    API.upload_file(path_or_fileobj=b"s", path_in_repo="secret.txt", repo_id=full)
    stranger = HfApi(token=False)
    error = fails(RepositoryNotFoundError, lambda: stranger.model_info(full))
    assert error.response.status_code == 401
    fails(RepositoryNotFoundError, lambda: stranger.hf_hub_download(full, "secret.txt"))
    if hasattr(API, "update_repo_settings"):
        takes_private = "private" in inspect.signature(API.update_repo_settings).parameters
        API.update_repo_settings(full, **({"private": False} if takes_private else {"visibility": "public"}))
        assert stranger.model_info(full).private is False
    # Older versions raise the error of the HTTP library, some with their own error around it.
    error = fails(Exception, lambda: HfApi(token="hf_wrongwrongwrongwrongwrongwrong").whoami())
    while getattr(error, "response", None) is None and error.__cause__ is not None:
        error = error.__cause__
    assert error.response.status_code == 401


def errors():
    full = repo("errors")
    if MAJOR >= 1:
        fails(HfHubHTTPError, lambda: API.model_info(full, expand=["nonsense"]), 'expected one of "author"')
    fails(RevisionNotFoundError, lambda: API.model_info(full, revision="nope"))
    fails(EntryNotFoundError, lambda: list(API.list_repo_tree(full, "no/such/folder")))
    bad = "---\nmodel-index: foo\n---\n"
    fails(Exception, lambda: API.upload_file(path_or_fileobj=bad.encode(), path_in_repo="README.md", repo_id=full), "Invalid metadata")


def file_system():
    full = repo("fs", repo_type="dataset")
    fs = HfFileSystem()
    with fs.open(f"datasets/{full}/data/x.csv", "w") as f:
        f.write("a,b\n1,2\n")
    assert fs.read_text(f"datasets/{full}/data/x.csv") == "a,b\n1,2\n"
    assert fs.glob(f"datasets/{full}/**/*.csv") == [f"datasets/{full}/data/x.csv"]
    with fs.open(f"datasets/{full}/data/x.csv", "rb", block_size=4) as f:
        f.seek(4)
        assert f.read(3) == b"1,2"
    fs.rm(f"datasets/{full}/data/x.csv")
    assert not fs.exists(f"datasets/{full}/data/x.csv")


def lfs_files():
    full = repo("lfs")
    content = os.urandom(1_500_000)
    API.upload_file(path_or_fileobj=io.BytesIO(content), path_in_repo="m.bin", repo_id=full)
    if not hasattr(API, "list_lfs_files"):
        return
    files = list(API.list_lfs_files(full))
    assert [f.filename for f in files] == ["m.bin"] and files[0].size == len(content)


def lfs_delete():
    if not hasattr(API, "permanently_delete_lfs_files"):
        return
    full = repo("lfs-delete")
    bad, good = os.urandom(1_200_000), os.urandom(1_100_000)
    first = API.create_commit(
        full,
        [CommitOperationAdd("old/bad.bin", bad), CommitOperationAdd("good.bin", good), CommitOperationAdd("a.txt", b"a")],
        commit_message="both",
    )
    API.create_tag(full, tag="v1", tag_message="with both")
    API.create_commit(
        full,
        [CommitOperationCopy("old/bad.bin", "new.bin"), CommitOperationDelete("old/", is_folder=True)],
        commit_message="moved",
    )
    API.create_branch(full, branch="side", revision=first.oid)
    found = {f.size: f for f in API.list_lfs_files(full)}
    API.permanently_delete_lfs_files(full, [found[len(bad)]])
    assert [f.size for f in API.list_lfs_files(full)] == [len(good)]
    log = API.list_repo_commits(full)
    assert [c.title for c in log] == ["moved", "both", "initial commit"], log
    assert first.oid not in [c.commit_id for c in log]
    for revision in ["main", "v1", "side", *(c.commit_id for c in log[:2])]:
        assert API.list_repo_files(full, revision=revision) == [".gitattributes", "a.txt", "good.bin"], revision
    with tempfile.TemporaryDirectory() as cache:
        fails(EntryNotFoundError, lambda: hf_hub_download(full, "new.bin", cache_dir=cache))
        fails(EntryNotFoundError, lambda: hf_hub_download(full, "old/bad.bin", cache_dir=cache, revision="v1"))
        assert Path(hf_hub_download(full, "good.bin", cache_dir=cache, revision="v1")).read_bytes() == good
        assert Path(snapshot_download(full, cache_dir=cache), "good.bin").read_bytes() == good
    API.upload_file(path_or_fileobj=b"b", path_in_repo="b.txt", repo_id=full)
    assert API.list_repo_files(full) == [".gitattributes", "a.txt", "b.txt", "good.bin"]
    API.permanently_delete_lfs_files(full, API.list_lfs_files(full), rewrite_history=False)
    assert "good.bin" in API.list_repo_files(full) and not list(API.list_lfs_files(full))


def listing():
    names = [repo(f"list{i}") for i in range(3)]
    mine = [m.id for m in API.list_models(author=NAMESPACE, search=f"{PREFIX}-list")]
    assert sorted(mine) == sorted(names), mine
    one = list(API.list_models(author=NAMESPACE, search=f"{PREFIX}-list", limit=1, full=True))
    assert len(one) == 1 and one[0].sha


CHECKS = [
    whoami, create_and_delete, upload_and_download, commits, refs, pull_requests, move, visibility, errors,
    file_system, lfs_files, lfs_delete, listing,
]

if __name__ == "__main__":
    wanted = sys.argv[3:]
    failed = []
    for check in CHECKS:
        if wanted and check.__name__ not in wanted:
            continue
        try:
            check()
            print("ok  ", check.__name__, flush=True)
        except Exception:
            import traceback

            traceback.print_exc()
            print("FAIL", check.__name__, flush=True)
            failed.append(check.__name__)
    if failed:
        sys.exit(f"failed: {failed}")
