"""The whole catalogue, and how it comes to the hub."""

from . import datasets, lineages, models, odd
from .scene import ALICE, API, BOB, BOBS, ORG, eventually, get

REPOS = models.REPOS + lineages.REPOS + datasets.REPOS + odd.REPOS
BY_ID = {(repo.kind, repo.id): repo for repo in REPOS}


def publish():
    """Creates every repository, as their owners."""
    lineages.fill_in_large()
    for repo in REPOS:
        repo.publish(BOBS if repo.owner == BOB else API)
    assert len(BY_ID) == len(REPOS)
    wait_for_headers()


def wait_for_headers():
    """Headers of weights are read soon after a commit, not within it."""
    weighty = {repo.id for repo in of("model") if repo.parameters or repo.gguf}
    assert len(weighty) > 5, weighty

    def all_read():
        read = {row["id"] for row in get("/api/models", {"num_parameters": "min:1", "limit": 500})}
        assert weighty <= read, f"headers are not read: {sorted(weighty - read)}"

    eventually(all_read, 60)


def of(kind, visible_to=ALICE):
    """The repositories of a kind that somebody may see; `None` is nobody."""
    owners = {ALICE: {ALICE, ORG}, BOB: {BOB}, "carol": {ORG}, None: set()}[visible_to]
    return [repo for repo in REPOS if repo.kind == kind and (not repo.private or repo.owner in owners)]


def model(name):
    return BY_ID["model", f"{ALICE}/{name}"]


def tidy():
    """Deletes what a failed check left, so that the next one finds the catalogue and nothing else."""
    for kind in ["model", "dataset", "space"]:
        for row in get(f"/api/{kind}s", {"author": ALICE, "limit": 500}):
            if (kind, row["id"]) not in BY_ID:
                API.delete_repo(row["id"], repo_type=kind)
