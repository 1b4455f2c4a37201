"""What changes by being used: likes and downloads."""

import tempfile

from huggingface_hub import snapshot_download

from .repo import card
from .scene import ALICE, API, BOB, BOBS, CAROL, NOBODYS, ask, at_once, eventually, fails, ids, refused, same
from .weights import gguf

# Counters are written in batches; how long one may wait for them, in seconds.
COUNTED = 20


def like(repo, who, kind="model"):
    """The client has no call for it: the page of the Hub sends this."""
    answer = ask(f"/api/{kind}s/{repo}/like", who=who, method="POST", body={})
    assert answer.status in [200, 204], answer.text()


def likes():
    for who in [ALICE, BOB, CAROL]:
        like("alice/embedder", who)
    like("alice/embedder", BOB)
    like("alice/sd-root", BOB)
    like("alice/reviews", BOB, "dataset")
    like("alice/chat-demo", BOB, "space")
    count = lambda name: API.model_info(name).likes
    at_once(lambda: same([count("alice/embedder"), count("alice/sd-root")], [3, 1], "likes"))
    at_once(lambda: same([m.id for m in API.list_models(sort="likes", limit=2)], ["alice/embedder", "alice/sd-root"], "by likes"))
    first = next(iter(API.list_models(sort="likes", limit=1)))
    assert (first.id, first.likes) == ("alice/embedder", 3)
    assert next(iter(API.list_models(sort="trending_score", limit=1))).id == "alice/embedder"
    assert next(iter(API.list_datasets(sort="likes", limit=1))).id == "alice/reviews"
    assert next(iter(API.list_spaces(sort="likes", limit=1))).id == "alice/chat-demo"
    likers = list(API.list_repo_likers("alice/embedder"))
    same([user.username for user in likers], {ALICE, BOB, CAROL}, "likers")
    assert all(user.avatar_url is not None and user.fullname is not None for user in likers)
    liked = API.list_liked_repos(BOB)
    assert (liked.total, sorted(liked.models)) == (4, ["alice/embedder", "alice/sd-root"]), liked
    assert (liked.datasets, liked.spaces) == (["alice/reviews"], ["alice/chat-demo"])
    assert API.list_liked_repos().models == ["alice/embedder"], "one's own"
    BOBS.unlike("alice/embedder")
    at_once(lambda: same([count("alice/embedder")], [2], "one taken back"))
    assert BOBS.list_liked_repos(BOB).total == 3
    refused(ask("/api/models/alice/secret-lm/like", who=BOB, method="POST", body={}), 404)
    assert ask("/api/models/alice/embedder/like", who=None, method="POST", body={}).status == 401
    fails(Exception, lambda: API.unlike("alice/nothing"))


def private_likes():
    """A private repository shows up in the likes of nobody who may not see it."""
    like("alice/secret-lm", ALICE)
    assert "alice/secret-lm" in API.list_liked_repos(ALICE).models
    for api in [BOBS, NOBODYS]:
        assert "alice/secret-lm" not in api.list_liked_repos(ALICE).models
    API.unlike("alice/secret-lm")


def download(repo, *paths, api=API, kind="model"):
    with tempfile.TemporaryDirectory() as cache:
        for path in paths:
            api.hf_hub_download(repo, path, repo_type=kind, cache_dir=cache)


def counts(repo, wanted, kind="model"):
    """Both counters and the listing come to the number, and stay there."""
    info = {"model": API.model_info, "dataset": API.dataset_info}[kind]

    def check():
        told = info(repo, expand=["downloads", "downloadsAllTime"])
        assert (told.downloads, told.downloads_all_time) == (wanted, wanted), f"{repo}: {told.downloads}, not {wanted}"

    eventually(check, COUNTED)
    assert info(repo).downloads == wanted


def downloads():
    name = f"{ALICE}/counted"
    API.create_repo(name)
    for path, text in [("config.json", '{"model_type": "bert"}'), ("README.md", card("license: mit")), ("vocab.txt", "a\n")]:
        API.upload_file(path_or_fileobj=text.encode(), path_in_repo=path, repo_id=name)
    counts(name, 0)
    # The client asks with HEAD and then with GET: one download.
    download(name, "config.json")
    counts(name, 1)
    download(name, "README.md", "vocab.txt")
    download(name, "config.json", api=NOBODYS)
    counts(name, 2)
    # All of a repository is one download, whatever the number of its files.
    with tempfile.TemporaryDirectory() as cache:
        snapshot_download(name, cache_dir=cache)
    counts(name, 3)
    eventually(lambda: same([m.id for m in API.list_models(sort="downloads", search="alice/counted", limit=1)], [name], "by downloads"), COUNTED)
    assert next(iter(API.list_models(search="alice/counted"))).downloads == 3
    API.delete_repo(name)


def downloads_by_library():
    """Each library has files of its own that count; every GGUF file does."""
    download("alice/resnet18.a1", "config.json")
    download("alice/resnet18.a1", "model.safetensors")
    counts("alice/resnet18.a1", 1)
    download("alice/llama-lora", "adapter_config.json", "adapter_model.safetensors")
    counts("alice/llama-lora", 1)
    name = f"{ALICE}/two-quants"
    API.create_repo(name)
    for kind in ["Q4_0", "Q8_0"]:
        data = gguf({"general.architecture": "llama"}, {"w": (kind, (32, 32))})
        API.upload_file(path_or_fileobj=data, path_in_repo=f"m.{kind}.gguf", repo_id=name)
    download(name, "m.Q4_0.gguf", "m.Q8_0.gguf")
    counts(name, 2)
    API.delete_repo(name)


def downloads_of_datasets():
    """All files that one address takes within five minutes are one download."""
    with tempfile.TemporaryDirectory() as cache:
        snapshot_download("alice/cats", repo_type="dataset", cache_dir=cache)
    download("alice/cats", "train/cat/0.png", kind="dataset")
    counts("alice/cats", 1, "dataset")
    eventually(lambda: same(ids(API.list_datasets(sort="downloads", limit=1)), {"alice/cats"}, "by downloads"), COUNTED)


CHECKS = [likes, private_likes, downloads, downloads_by_library, downloads_of_datasets]
