"""Refs: read in one process, changed in one transaction, always against the value seen.

A change names the value it was computed from. When somebody was first, nothing of the
transaction happens and Contended is raised, so the caller reads again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitcoord.errors import BadInput, Contended, GitFailed
from gitcoord.git.repository import Repository
from gitcoord.records import between

# A writer holds a ref's lock for a millisecond or two; git itself waits 100 ms for loose refs.
_LOCK_TRIES = 12

_NO_BRANCH = re.compile(
    r"[\0-\x20\x7f~^:?*\[\\] | \.\. | @\{ | // | ^[-/] | [./]\Z | (?:^|/)\. | \.lock(?:/|\Z)",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Change:
    """One ref from `old` to `new` (object ids). None: the ref does not exist on that side.

    Both the same: nothing changes, but the transaction only happens if the ref is there still.
    """

    ref: str
    old: str | None
    new: str | None


def read_refs(repo: Repository, *prefixes: str) -> dict[str, str]:
    """Full ref name -> object id, for refs that equal a prefix or lie below it."""
    if not prefixes:
        return {}
    listed = repo.run("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)
    return {name: oid for oid, _, name in (line.partition(" ") for line in listed.lines())}


def find_ref(repo: Repository, ref: str) -> str | None:
    """The object id a ref holds, None when there is no such ref."""
    return read_refs(repo, ref).get(ref)


def change_refs(repo: Repository, changes: Iterable[Change], *, reason: str = "gitcoord") -> None:
    """All of `changes` or none. Raises Contended when one ref no longer holds its `old`.

    reason: for the reflog of those that git keeps one for, such as branches.
    """
    wanted = list(changes)
    script = b"".join(
        [b"start\0", *(_line(repo, change) for change in wanted), b"prepare\0commit\0"]
    )
    for left in reversed(range(_LOCK_TRIES)):
        try:
            repo.run(
                "update-ref", "-m", reason, "--no-deref", "--stdin", "-z",
                input=script,
            )  # fmt: skip
        except GitFailed as failure:
            _raise_if_moved(repo, wanted, failure)
            if not left:
                raise
            time.sleep(between(0.002, 0.02))
        else:
            return


def is_branch_name(name: str) -> bool:
    """Whether git takes `name` as a branch: the rules of git-check-ref-format(1), here."""
    return name not in ("", "HEAD") and not _NO_BRANCH.search(name)


def _line(repo: Repository, change: Change) -> bytes:
    ref, null = change.ref, repo.null_id
    if "\0" in ref or not ref.startswith("refs/"):
        raise BadInput(f"{ref!r} is not a full ref name")
    if change.old == change.new:
        text = f"verify {ref}\0{change.old or null}\0"
    elif change.new is None:
        text = f"delete {ref}\0{change.old}\0"
    else:
        text = f"update {ref}\0{change.new}\0{change.old or null}\0"
    return text.encode("utf-8", "surrogateescape")


def _raise_if_moved(repo: Repository, wanted: Sequence[Change], failure: GitFailed) -> None:
    """Tell a lost race from a lock that will go: by looking, not by reading git's prose."""
    now = read_refs(repo, *(change.ref for change in wanted))
    for change in wanted:
        if now.get(change.ref) != change.old:
            raise Contended(f"{change.ref} was changed by another process") from failure
