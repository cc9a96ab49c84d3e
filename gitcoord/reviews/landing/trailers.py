"""The message a review lands with, and the trailers of gitcoord's commits, written and read.

The trailers lead from a commit to where it comes from: the review, and of each commit of the
branch the worktree, run, task, agent, model and cost. Promises: `git interpret-trailers --parse`
reads all of them, whatever an agent wrote above; nothing is named twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gitcoord.git.repository import Repository
from gitcoord.redaction import redact, without_controls
from gitcoord.reviews.review import Review
from gitcoord.worktrees.start import author_of

REVIEW = "Gitcoord-Review"
TOLD = ("Worktree", "Run", "Task", "Agent", "Model", "Cost")
CO_AUTHOR, SIGNED = "Co-authored-by", "Signed-off-by"

_FORMAT = "%H%x00%an <%ae>%x00%(trailers:only,unfold)"
_TRAILER = re.compile(r"([A-Za-z0-9-]+): (.*)")
_LONGEST_BODY = 20_000
_LONGEST_VALUE, _MOST_VALUES = 200, 50  # of one key: commits are anybody's


@dataclass(frozen=True)
class Told:
    """What a commit says of itself. trailers: key -> values, in their order."""

    commit: str
    author: str
    trailers: dict[str, list[str]] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """Of one of ours, `Run` for `Gitcoord-Run`; "" when it has none."""
        return next(iter(self.trailers.get(f"Gitcoord-{name}", ())), "")

    @property
    def agent(self) -> str:
        """`role/runner`, as a commit of an agent or of a review says it."""
        parts = [self.value("Role"), self.value("Runner")]
        return self.value("Agent") or "/".join(part for part in parts if part)


def read_told(repo: Repository, *revisions: str, most: int = 0) -> list[Told]:
    """What the commits `git log` lists for `revisions` say of themselves, newest first."""
    limit = (f"--max-count={most}",) if most else ()
    asked = ("log", "-z", "--no-show-signature", f"--format={_FORMAT}", *limit, *revisions, "--")
    fields = repo.run(*asked).fields()
    return [
        Told(commit, author, parse_trailers(lines))
        for commit, author, lines in zip(fields[::3], fields[1::3], fields[2::3], strict=True)
    ]


def parse_trailers(text: str) -> dict[str, list[str]]:
    """Key -> values of what `%(trailers:only,unfold)` gives."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if parts := _TRAILER.fullmatch(line):
            found.setdefault(parts[1], []).append(parts[2].strip())
    return found


def landing_message(repo: Repository, review: Review, onto: str, *, squash: bool) -> str:
    """Title, body and trailers of the commit `review` lands with on the commit `onto`."""
    commits = read_told(repo, review.head, f"^{onto}")[::-1]
    me = author_of(repo).rpartition("> ")[0] + ">"
    return compose_message(review, commits, _people(commits, me) if squash else [])


def compose_message(review: Review, commits: Sequence[Told], people: Sequence[str]) -> str:
    """commits: oldest first. people: lines for those who wrote it besides the author."""
    title = _one_line(review.title) or review.id
    body = _harmless(review.body)[:_LONGEST_BODY].strip()
    lines = [f"{key}: {value}" for key, value in _trailers(review, commits)]
    parts = (title, body, "\n".join([*lines, *people]))
    return "\n\n".join(part for part in parts if part)


def _trailers(review: Review, commits: Sequence[Told]) -> Iterable[tuple[str, str]]:
    yield REVIEW, review.id
    for name in TOLD:
        said = [review.text(name.lower())]
        said += [one.agent if name == "Agent" else one.value(name) for one in commits]
        values = [*dict.fromkeys(_one_line(text)[:_LONGEST_VALUE] for text in said if text)]
        for value in values[:_MOST_VALUES]:
            # A role alone tells less than a role and what it ran on.
            if value and not any(other.startswith(f"{value}/") for other in values):
                yield f"Gitcoord-{name}", value


def _people(commits: Sequence[Told], me: str) -> list[str]:
    """Who else wrote it: a squash has one author only. Their sign-offs stay too."""
    others = [one.author for one in commits if one.author != me]
    lines = [f"{CO_AUTHOR}: {_one_line(who)}" for who in others]
    for key in (CO_AUTHOR, SIGNED):
        lines += [
            f"{key}: {_one_line(who)}" for one in commits for who in one.trailers.get(key, ())
        ]
    return list(dict.fromkeys(lines))


def _one_line(text: str) -> str:
    return " ".join(_harmless(text).split())


def _harmless(text: str) -> str:
    """Without secrets and controls, and without lines of dashes: git takes one for the end of a
    message."""
    lines = (without_controls(line).rstrip() for line in redact(text).splitlines())
    return "\n".join(line for line in lines if not line.startswith("---"))
