"""Branches under review for trains: each adds a file, some of them with a fault."""

from __future__ import annotations

from collections.abc import Collection

from gitcoord.git.repository import Repository
from gitcoord.reviews.review import Review, add_event, open_review
from gitcoord.reviews.train.train import How, add
from tests.conftest import Sandbox

# Fails, and says where, when a file of `changes` says BAD.
CHECK = "! grep -rl BAD changes"
MAIN = "refs/heads/main"


def how(command: str = CHECK, *, workers: int = 1, batch: int = 20) -> How:
    return How(command, batch, workers, 60, "merge", False, 1, "ada")


def repository(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def branch(sandbox: Sandbox, name: str, files: dict[str, str | bytes], onto: str = "main") -> str:
    """A branch with one commit, made without touching the checkout's branch."""
    sandbox.git("checkout", "-q", "-B", name, onto)
    commit = sandbox.commit(f"Change {name}", files)
    sandbox.git("checkout", "-q", "main")
    return commit


def approved(sandbox: Sandbox, name: str, files: dict[str, str | bytes]) -> Review:
    """A review of a new branch, approved by a person."""
    branch(sandbox, name, files)
    return approve(sandbox, review(sandbox, name))


def review(sandbox: Sandbox, name: str) -> Review:
    repo = repository(sandbox)
    return open_review(repo, branch=f"refs/heads/{name}", target=MAIN, title=name, by="ada")


def approve(sandbox: Sandbox, one: Review) -> Review:
    now = one.version
    return add_event(
        repository(sandbox), one.id, "approve", by="ada", how="command", version=now.number,
        head=now.head, base=now.base, tree=now.tree, text="",
    )  # fmt: skip


def waiting(sandbox: Sandbox, count: int, bad: Collection[int] = ()) -> list[Review]:
    """So many reviews in the train, of which those in `bad` fail the check."""
    made = [
        approved(
            sandbox, f"change-{number}",
            {f"changes/c{number}.txt": "BAD\n" if number in bad else "good\n"},
        )
        for number in range(count)
    ]  # fmt: skip
    add(repository(sandbox), made, by="ada")
    return made
