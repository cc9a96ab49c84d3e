"""Verdicts told to the agent whose work was judged, as what it is asked next, and to a review.

Promises: each refusal is told once, and stands once in a review; what was approved since is told
no more. Refuses: to tell an agent of a commit that is no longer the head of its branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitcoord.coordination.inputs import give, list_inputs, withdraw
from gitcoord.git.refs import find_ref
from gitcoord.git.repository import Repository
from gitcoord.reviews.verdicts.verdict import REFUSED, Subject, Verdict, one_line

if TYPE_CHECKING:
    from gitcoord.reviews.review import Review, Wish

CHECK = "check"
_MOST_COMMENTS = 50
_OUTPUT = 4_000


def tell_agent(repo: Repository, subject: Subject, verdicts: Sequence[Verdict]) -> list[str]:
    """Give what was refused to the worktree's agent, and take back what has become of no
    interest. Returns the ids of what it is told; none where no worktree was judged."""
    if not subject.worktree or find_ref(repo, subject.branch) != subject.commit:
        return []
    waiting = list_inputs(repo, subject.worktree, bad=[])
    told = []
    for verdict in verdicts:
        origin = origin_of(verdict)
        about = f"{origin.rpartition('@')[0]}@"
        if verdict.passes or verdict.state == REFUSED:
            for one in waiting:
                if one.origin.startswith(about) and (verdict.passes or one.origin != origin):
                    withdraw(repo, subject.worktree, one.origin)
        if verdict.state == REFUSED:
            text = told_text(verdict)
            told.append(give(repo, subject.worktree, text, origin=origin, by=verdict.by).id)
    return told


def subject_under(review: Review) -> Subject:
    """What a review's validators judge: its latest version."""
    version = review.version
    return Subject(version.head, version.tree, version.base, review.worktree, review.branch)


def tell_review(repo: Repository, review: Review, verdicts: Sequence[Verdict]) -> Review:
    """Add an event `check` {name, state, text, commit, verdict, by} for each that it does not
    have yet. Raises NoSuch, Contended."""
    from gitcoord.reviews.review import add_events

    def wanted(there: Review) -> list[Wish]:
        known = {
            (event.text("verdict"), event.text("judged"))
            for event in there.events
            if event.kind == CHECK
        }
        return [
            (CHECK, {
                "name": one.validator, "state": one.state, "text": one.said, "commit": one.commit,
                "verdict": one.id, "judged": one.time, "by": one.by,
            })
            for one in verdicts
            if (one.id, one.time) not in known
        ]  # fmt: skip

    return add_events(repo, review.id, wanted)


def origin_of(verdict: Verdict) -> str:
    """`verdict:<validator>@<verdict>`: a later refusal is another thing to be told."""
    return f"verdict:{one_line(verdict.validator, 100)}@{verdict.id[:12]}"


def told_text(verdict: Verdict) -> str:
    """What an agent is told of a refusal: who, why, where, and what it printed."""
    parts = [f"The validator {verdict.validator!r} refused {verdict.commit[:12]}: {verdict.said}"]
    shown = verdict.comments[:_MOST_COMMENTS]
    parts += ["\n".join(comment_line(one.path, one.line, one.text) for one in shown)]
    left = len(verdict.comments) - len(shown)
    parts += [f"and {left} more comments"] if left else []
    parts += (
        [f"The end of what it printed:\n\n{verdict.output[-_OUTPUT:]}"] if verdict.output else []
    )
    parts.append("Put it right where it is right, and say why where it is not.")
    return "\n\n".join(part for part in parts if part)


def comment_line(path: str, line: int, text: str) -> str:
    """`src/a.py:12: text`; without a line it is about the file, without a path about all."""
    place = f"{path}:{line}" if line else path
    return f"{place}: {text}" if path else text
