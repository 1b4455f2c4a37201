"""Who asks, and how: alice, bob, carol and nobody, by the client and by plain HTTP."""

import inspect
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import huggingface_hub
from huggingface_hub import HfApi

VERSION = tuple(int(part) for part in huggingface_hub.__version__.split(".")[:2])
ENDPOINT = os.environ["HF_ENDPOINT"]

# alice writes in the organisation, carol reads in it, bob is a stranger to it.
ALICE, BOB, CAROL, ORG = "alice", "bob", "carol", "acme"
TOKENS = {ALICE: os.environ["HF_TOKEN"], BOB: sys.argv[1], CAROL: sys.argv[2]}
# How long a commit may take to be seen through another server, in seconds; 0 where there is one server.
LAG = float(sys.argv[3])

API = HfApi()
BOBS = HfApi(token=TOKENS[BOB])
CAROLS = HfApi(token=TOKENS[CAROL])
NOBODYS = HfApi(token=False)

# Until 1.x the client sent every card to huggingface.co to be validated, whatever the endpoint.
VALIDATES_HERE = "https://huggingface.co" not in inspect.getsource(huggingface_hub.RepoCard.validate).split('"""')[-1]


def takes(call, name):
    """Whether this version's call has such a parameter."""
    return name in inspect.signature(call).parameters


def ids(items):
    """The ids of listed repositories; the same one twice is an error."""
    found = [item.id for item in items]
    assert len(found) == len(set(found)), f"listed twice: {found}"
    return set(found)


def same(found, wanted, what):
    found, wanted = set(found), set(wanted)
    missing, extra = sorted(map(str, wanted - found)), sorted(map(str, found - wanted))
    assert not missing and not extra, f"{what}: missing {missing}, not wanted {extra}"


def fails(kind, call, *needles):
    """The call must raise `kind` with every needle in its text."""
    try:
        call()
    except kind as error:
        for needle in needles:
            assert needle in str(error), f"{needle!r} is not in {str(error)!r}"
        return error
    raise AssertionError(f"expected {kind}")


def eventually(check, seconds, every=0.2):
    """Repeats a check that may fail until so much time has passed."""
    end = time.monotonic() + seconds
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() >= end:
                raise
        time.sleep(every)


def at_once(check):
    """A check that must hold for the very next call; between two servers it has the time the hub promises."""
    return eventually(check, LAG)


class Answer:
    """What came back over plain HTTP."""

    def __init__(self, status, headers, body, seconds):
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    def json(self):
        # NaN and Infinity are no JSON, though Python would read them.
        return json.loads(self.body, parse_constant=lambda word: (_ for _ in ()).throw(ValueError(word)))

    def text(self):
        return self.body.decode("utf-8", "replace")

    def next(self):
        """The address of the next page."""
        link = self.headers.get("Link")
        if link is None:
            return None
        address, relation = link.split(";")
        assert relation.strip() == 'rel="next"', link
        return address.strip("<> ")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def ask(path, params=None, *, who=ALICE, method="GET", body=None, kind="application/json", headers=None, timeout=60):
    """One request, not by huggingface_hub. `path` may be a whole address; `who` may be None."""
    url = path if path.startswith("http") else ENDPOINT + path
    if params:
        url += "?" + urllib.parse.urlencode(params, doseq=True)
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    if body is not None:
        request.add_header("Content-Type", kind)
    if who is not None:
        request.add_header("Authorization", f"Bearer {TOKENS[who]}")
    start = time.monotonic()
    try:
        with OPENER.open(request, timeout=timeout) as response:
            status, found, data = response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        status, found, data = error.code, error.headers, error.read()
    return Answer(status, found, data, time.monotonic() - start)


def get(path, params=None, *, who=ALICE):
    """The JSON of an answer that must be a good one."""
    answer = ask(path, params, who=who)
    assert answer.status == 200, f"{path} {params}: {answer.status} {answer.text()[:500]}"
    return answer.json()


def refused(answer, status=400):
    """An error in the Hub's manner: the status, and words in the header and in the body."""
    assert answer.status == status, f"{answer.status} {answer.text()[:500]}"
    assert answer.headers.get("X-Error-Message"), dict(answer.headers)
    assert answer.headers["X-Error-Message"].isascii()
    assert answer.json()["error"], answer.text()
    return answer


def alive():
    """The server goes on, and answers in good time."""
    for path in ["/api/models?limit=5", f"/api/models/{ALICE}/llama-root"]:
        answer = ask(path)
        assert answer.status == 200 and answer.seconds < 5, (path, answer.status, answer.seconds)
