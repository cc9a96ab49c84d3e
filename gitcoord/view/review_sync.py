"""What went between two clones, in lines and in JSON. Reads no git, decides nothing.

review sync --json   {remote, dry_run, reviews: [{id, title, begun, sent, received,
                     commits_sent, commits_received, verdicts_sent, verdicts_received, notes}],
                     passed_over, clashed}; sent and received: [{kind, by, time, id}]; begun:
                     the side that knew it alone ("here", "there"), else ""; notes: a commit
                     sent has agents' notes in it; a review of which nothing moved is left out
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from gitcoord.records import counted
from gitcoord.reviews.events import Event
from gitcoord.reviews.exchange.sync import Exchange, Exchanged
from gitcoord.view.plain import one_line


def exchange_json(one: Exchange, *, dry_run: bool) -> dict[str, Any]:
    return {
        "remote": one.remote,
        "dry_run": dry_run,
        "reviews": [_review(review) for review in one.reviews if review.moved],
        "passed_over": list(one.passed_over),
        "clashed": list(one.clashed),
    }


def exchange_lines(one: Exchange, *, dry_run: bool) -> list[str]:
    """Each review of which something moves; nothing moved is said too."""
    moved = [review for review in one.reviews if review.moved]
    if not moved:
        return [f"{counted(len(one.reviews), 'review')} the same here and on {one.remote}"]
    would = " (would)" if dry_run else ""
    lines = []
    for review in moved:
        new = {"there": ", new here", "here": f", new on {one.remote}"}.get(review.begun, "")
        lines.append(f"{review.id}{new}: {review.title}")
        out = _sum(review.sent, review.commits_sent, review.verdicts_sent)
        came = _sum(review.received, review.commits_received, review.verdicts_received)
        if out:
            notes = "; with agents' notes, .agentcoord/" if review.notes else ""
            lines.append(f"  to {one.remote}{would}: {out}{notes}")
        if came:
            lines.append(f"  from {one.remote}{would}: {came}")
    return lines


def _sum(events: Iterable[Event], commits: tuple[str, ...], verdicts: tuple[str, ...]) -> str:
    said = (f"{event.kind} by {event.by}" if event.by else event.kind for event in events)
    kinds = Counter(one_line(words) for words in said)
    parts = [kind if count == 1 else f"{count} x {kind}" for kind, count in kinds.items()]
    if commits:
        parts.append("commits " + " ".join(commit[:12] for commit in commits))
    if verdicts:
        parts.append(counted(len(verdicts), "verdict"))
    return ", ".join(parts)


def _review(one: Exchanged) -> dict[str, Any]:
    return {**vars(one), "sent": _events(one.sent), "received": _events(one.received)}


def _events(events: Iterable[Event]) -> list[dict[str, str]]:
    return [{"kind": e.kind, "by": e.by, "time": e.time, "id": e.id} for e in events]
