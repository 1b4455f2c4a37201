"""A repository of the catalogue: its files, and what the Hub would tell of it."""

import json
import re
from dataclasses import dataclass, field

from huggingface_hub import CommitOperationAdd

from .scene import ALICE, API


@dataclass
class Repo:
    name: str
    # Paths with bytes, texts, or what becomes JSON.
    files: dict
    kind: str = "model"
    owner: str = ALICE
    private: bool = False
    gated: str | None = None
    sdk: str | None = None
    # What must be told of it; None where the catalogue says nothing.
    task: str | None = None
    library: str | None = None
    has: tuple = ()
    lacks: tuple = ()
    # Parameters by dtype.
    parameters: dict | None = None
    # Its relation to its base models, and which they are.
    relation: str | None = None
    bases: tuple = ()
    # Some of the facts about its GGUF file.
    gguf: dict = field(default_factory=dict)

    @property
    def id(self):
        return f"{self.owner}/{self.name}"

    @property
    def license(self):
        """The licence that stands in its card."""
        readme = self.files.get("README.md", "")
        found = re.search(r"^license: (\S+)$", readme if isinstance(readme, str) else readme.decode(), re.MULTILINE)
        return found and found[1]

    def publish(self, api=API):
        """Creates it and commits its files, through the client."""
        extra = {"space_sdk": self.sdk} if self.kind == "space" else {}
        api.create_repo(self.id, repo_type=self.kind, private=self.private, **extra)
        if self.files:
            operations = [CommitOperationAdd(path, content(value)) for path, value in self.files.items()]
            api.create_commit(self.id, operations, commit_message="Add files", repo_type=self.kind)
        if self.gated:
            api.update_repo_settings(self.id, gated=self.gated, repo_type=self.kind)


def content(value):
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode()


def card(yaml, body="# A card\n"):
    """A README with this metadata."""
    return f"---\n{yaml.strip()}\n---\n{body}"
