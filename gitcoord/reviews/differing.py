"""What a review changes, as git shows it: patches, figures, and versions against each other.

Promises: bytes as git has them, piece by piece, of any size; the agents' own folders are left
out unless asked for. Refuses: to parse any of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gitcoord.errors import BadInput, NoSuch
from gitcoord.git.history import stream
from gitcoord.git.repository import Repository
from gitcoord.reviews.review import Review
from gitcoord.reviews.versions import Version

# Whatever the user configured for looking at patches must not run programs or change shapes.
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "-M")
WITHOUT_FINDINGS = (":(top)", ":(top,exclude).agentcoord")
_EVERYTHING = (":(top)",)


def diff(
    repo: Repository, review: Review, *, version: int = 0, stat: bool = False,
    findings: bool = False,
) -> Iterator[bytes]:  # fmt: skip
    """The patch of a version (0: the latest) against where it left the target. stat: only how
    much of which file. Raises BadInput, NoSuch."""
    seen = find_version(review, version)
    _have(repo, seen, review)
    within = _EVERYTHING if findings else WITHOUT_FINDINGS
    shape = ("--stat=100", "--summary") if stat else ("--patch",)
    sides = (seen.base, seen.head) if seen.base else (_empty_tree(repo), seen.head)
    yield from stream(repo, ["diff", *_PLAIN, *shape, "--end-of-options", *sides, "--", *within])


@dataclass(frozen=True)
class Changed:
    """A file a review changes. old: its name before a rename, "" without one. added, removed:
    lines, None in a binary file."""

    path: str
    old: str
    added: int | None
    removed: int | None


def list_changed(repo: Repository, review: Review) -> list[Changed]:
    """The files of the latest version, without those of findings; none where its commits are
    not here. One git process."""
    now = review.version
    before = now.base or _empty_tree(repo)
    argv = ("diff", *_PLAIN, "--numstat", "-z", "--end-of-options", before, now.head, "--")
    said = repo.run(*argv, *WITHOUT_FINDINGS, ok=(0, 128))
    fields = iter(said.fields() if said.code == 0 else ())
    found = []
    for field in fields:
        added, removed, path = field.split("\t", 2)
        old = "" if path else next(fields, "")
        found.append(Changed(path or next(fields, ""), old, _count(added), _count(removed)))
    return found


def range_diff(repo: Repository, review: Review, *, version: int = 0) -> Iterator[bytes]:
    """What changed from the version before to this one (0: the latest), commit by commit."""
    seen = find_version(review, version)
    if seen.number < 2:
        raise BadInput(
            f"{review.id} has no version before version {seen.number}",
            hint=f"see what it changes: gitcoord review diff {review.id}",
        )
    before = find_version(review, seen.number - 1)
    for one in (before, seen):
        _have(repo, one, review)
        if not one.base:
            raise BadInput(
                f"version {one.number} shares no commit with the target, so it has no range",
                hint=f"see what it changes: gitcoord review diff {review.id}",
            )
    ranges = [f"{one.base}..{one.head}" for one in (before, seen)]
    yield from stream(
        repo, ["range-diff", "--no-color", "--no-notes", "--no-ext-diff", "--no-textconv", *ranges]
    )


def find_version(review: Review, number: int) -> Version:
    """0 is the latest. Raises NoSuch."""
    if not number:
        return review.version
    found = next((one for one in review.versions if one.number == number), None)
    if found is None:
        raise NoSuch(
            f"{review.id} has versions 1 to {len(review.versions)}, not {number}",
            hint=f"see them with: gitcoord review show {review.id}",
        )
    return found


def _have(repo: Repository, version: Version, review: Review) -> None:
    for commit in (version.head, version.base):
        if commit and repo.find_commit(commit) is None:
            raise NoSuch(
                f"commit {commit[:12]} of {review.id}, version {version.number}, is not here",
                hint="fetch it from where the review was made: git fetch REMOTE",
            )


def _count(text: str) -> int | None:
    """git writes `-` for a binary file."""
    return int(text) if text.isdecimal() else None


def _empty_tree(repo: Repository) -> str:
    return repo.run("hash-object", "-t", "tree", "--stdin").text
