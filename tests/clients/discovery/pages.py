"""Pages: absolute links, nothing skipped or repeated, and changes that are seen at once."""

from huggingface_hub import CommitOperationAdd
from huggingface_hub.utils import build_hf_headers
from huggingface_hub.utils._pagination import paginate

from .repo import card
from .scene import ALICE, API, BOBS, CAROLS, ENDPOINT, NOBODYS, ask, at_once, get, ids, refused, same, takes


def walk(path, **query):
    """The ids of every page, and how many pages there were."""
    answer, found, pages = ask(path, query), [], 0
    while True:
        assert answer.status == 200, answer.text()
        found += [row["id"] for row in answer.json()]
        pages += 1
        link = answer.next()
        if link is None:
            return found, pages
        assert link.startswith(f"{ENDPOINT}/api/"), link
        answer = ask(link)


def small_pages():
    """The client's own way through pages, which takes the address as it is."""
    everything = ids(API.list_models())
    for sort in ["createdAt", "lastModified", "likes", "downloads", "trendingScore", None]:
        query = {"limit": 7} | ({"sort": sort} if sort else {})
        rows = [row["id"] for row in paginate(f"{ENDPOINT}/api/models", params=query, headers=build_hf_headers())]
        assert len(rows) == len(set(rows)), f"{sort}: repeated"
        same(rows, everything, f"pages by {sort}")
        found, pages = walk("/api/models", **query)
        assert found == rows and pages >= 4, (sort, pages)
    for query in [{"filter": ["license:llama2", "text-generation"], "limit": 2}, {"search": ["llama", "-"], "limit": 2},
                  {"author": ALICE, "limit": 9, "full": "true"}, {"expand": ["tags", "sha"], "limit": 8, "gated": "false"}]:
        found, pages = walk("/api/models", **query)
        whole = [row["id"] for row in get("/api/models", {**query, "limit": 500})]
        assert found == whole and pages >= 3, (query, pages)
    for path in ["/api/datasets", "/api/spaces"]:
        found, pages = walk(path, limit=2)
        assert len(found) == len(set(found)) and pages >= 2
    assert len(list(API.list_models(limit=12))) == 12


def pages_of_moving_data():
    """Between the pages others commit, create, delete and like; who was left alone comes exactly once."""
    made = [f"{ALICE}/moving-{n:02}" for n in range(24)]
    for name in made:
        API.create_repo(name)
    touched = {made[1], made[8], made[15], made[22]}
    for sort in ["createdAt", "lastModified", "likes", "downloads", "trendingScore"]:
        answer, found, page = ask("/api/models", {"search": "moving-", "limit": 5, "sort": sort}), [], 0
        extra = f"{ALICE}/moving-new-{sort.lower()}"
        while True:
            found += [row["id"] for row in answer.json()]
            link = answer.next()
            if link is None:
                break
            page += 1
            if page == 1:
                API.create_repo(extra)
                ask(f"/api/models/{made[1]}/like", method="POST", body={})
                ask(f"/api/models/{made[22]}/like", method="POST", body={})
            if page == 2:
                for name in sorted(touched):
                    API.upload_file(path_or_fileobj=sort.encode(), path_in_repo="a.txt", repo_id=name)
                API.delete_repo(extra)
            answer = ask(link)
            assert answer.status == 200, answer.text()
        still = [name for name in found if name in made and name not in touched]
        assert len(still) == len(set(still)), f"{sort}: repeated"
        same(still, set(made) - touched, f"by {sort} while data changes")
        API.unlike(made[1])
        API.unlike(made[22])
    for name in made:
        API.delete_repo(name)
    at_once(lambda: same(ids(API.list_models(search="moving-")), set(), "deleted"))


def forged_cursors():
    query = {"limit": 5, "sort": "likes"}
    link = ask("/api/models", query).next()
    cursor = dict(pair.split("=", 1) for pair in link.split("?", 1)[1].split("&"))["cursor"]
    assert ask(f"/api/models?limit=5&sort=likes&cursor={cursor}").status == 200
    middle = len(cursor) // 2
    forged = [
        "x", "", "AAAA", "%00", "-1", "null", "0" * 5000, cursor[:middle], cursor[:-1], cursor + "A",
        cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1:],
    ]
    for text in forged:
        answer = ask(f"/api/models?limit=5&sort=likes&cursor={text}")
        # A cursor is data, not a right: a changed one is refused, or points to another place of the same list.
        if answer.status != 200 or text in ["x", "AAAA", "%00", "-1", "null", "0" * 5000]:
            refused(answer)
    refused(ask("/api/models", {"limit": "many"}))
    assert ask("/api/models", {"limit": 10**9}).status in [200, 400]
    assert ask("/api/models", {"limit": 0}).status in [200, 400]


def seen_at_once():
    """A commit, a new name, another visibility, an end: the next listing knows."""
    name, moved = f"{ALICE}/at-once", f"{ALICE}/at-once-moved"
    API.create_repo(name)
    at_once(lambda: same(ids(API.list_models(search="at-once")), {name}, "created"))
    for word in ["first-word", "second-word"]:
        readme = card(f"license: mit\ntags: [{word}]\npipeline_tag: fill-mask")
        API.create_commit(name, [CommitOperationAdd("README.md", readme.encode())], commit_message=word)
        at_once(lambda word=word: same(ids(API.list_models(filter=word)), {name}, word))
        assert ids(API.list_models(filter=[word, "license:mit"], pipeline_tag="fill-mask", author=ALICE)) == {name}
    at_once(lambda: same(ids(API.list_models(filter="first-word")), set(), "a tag of the last card"))
    assert next(iter(API.list_models(sort="last_modified", limit=1))).id == name
    API.delete_file("README.md", name)
    at_once(lambda: same(ids(API.list_models(filter="second-word")), set(), "without a card"))
    API.upload_file(path_or_fileobj=readme.encode(), path_in_repo="README.md", repo_id=name)
    API.move_repo(name, moved)
    at_once(lambda: same(ids(API.list_models(filter="second-word")), {moved}, "renamed"))
    settings = lambda private: (
        {"private": private} if takes(API.update_repo_settings, "private") else {"visibility": "private" if private else "public"}
    )
    at_once(lambda: same(ids(NOBODYS.list_models(search="at-once")), {moved}, "public"))
    API.update_repo_settings(moved, **settings(True))
    for api in [NOBODYS, BOBS, CAROLS]:
        at_once(lambda api=api: same(ids(api.list_models(search="at-once")), set(), "private, to others"))
        assert ids(api.list_models(filter="second-word")) == set()
    assert ids(API.list_models(search="at-once")) == {moved}
    API.update_repo_settings(moved, **settings(False))
    at_once(lambda: same(ids(NOBODYS.list_models(filter="second-word")), {moved}, "public again"))
    API.update_repo_settings(moved, gated="manual")
    at_once(lambda: same([m for m in ids(API.list_models(gated=True)) if "at-once" in m], {moved}, "gated"))
    API.delete_repo(moved)
    at_once(lambda: same(ids(API.list_models(search="at-once")), set(), "deleted"))
    assert ids(API.list_models(filter="second-word")) == set()


def a_branch_is_no_default():
    """Only the default branch describes the repository."""
    name = f"{ALICE}/branches"
    API.create_repo(name)
    API.create_branch(name, branch="dev")
    readme = card("license: mit\ntags: [on-a-branch]")
    API.upload_file(path_or_fileobj=readme.encode(), path_in_repo="README.md", repo_id=name, revision="dev")
    assert ids(API.list_models(filter="on-a-branch")) == set()
    pull = API.upload_file(path_or_fileobj=readme.encode(), path_in_repo="README.md", repo_id=name, create_pr=True)
    assert "discussions/1" in pull.pr_url and ids(API.list_models(filter="on-a-branch")) == set()
    API.delete_repo(name)


CHECKS = [small_pages, forged_cursors, pages_of_moving_data, seen_at_once, a_branch_is_no_default]
