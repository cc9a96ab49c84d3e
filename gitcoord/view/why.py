"""Where a line comes from, in words and JSON. Reads no git, decides nothing.

why --json   {file, line, rev, text, uncommitted, landed, original {commit, author, time, subject,
             file, line} each or null, review {id, title, state, target, method, approved_by} or
             null, worktree, run, tasks [{name, does, state}], agent, model, cost, asked,
             transcripts, findings [{id, title, kind, confidence}]}; "" is nothing known
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gitcoord.view.plain import one_line

if TYPE_CHECKING:
    from gitcoord.reviews.provenance import Origin, Trace
    from gitcoord.reviews.review import Review

_MOST_FINDINGS = 10
_LONGEST = 300


def why_json(trace: Trace) -> dict[str, Any]:
    """All that is known of a line."""
    return {
        "file": trace.path,
        "line": trace.line,
        "rev": trace.rev,
        "text": trace.text,
        "uncommitted": trace.uncommitted,
        "landed": _origin_json(trace.landed),
        "original": _origin_json(trace.original),
        "review": _review_json(trace.review),
        "worktree": trace.worktree,
        "run": trace.run,
        "tasks": [
            {"name": name, "does": str(task.get("does", "")), "state": str(task.get("state", ""))}
            for name, task in trace.tasks
        ],
        "agent": _told(trace, "Agent"),
        "model": _told(trace, "Model"),
        "cost": _told(trace, "Cost"),
        "asked": _asked(trace),
        "transcripts": [str(file) for file in trace.transcripts],
        "findings": [
            {"id": one.id, "title": one.title, "kind": one.kind, "confidence": one.confidence}
            for one in trace.findings
        ],
    }


def why_lines(trace: Trace) -> list[str]:
    """The line, then a row for each thing that is known."""
    head = f"{one_line(trace.path, _LONGEST)}:{trace.line}"
    lines = [f"{head}  {one_line(trace.text, 100)}"]
    if trace.uncommitted:
        return [*lines, "  not committed yet: nothing is known of it"]
    return [*lines, *(f"  {name:<11}{text}" for name, text in _rows(trace))]


def _rows(trace: Trace) -> Iterator[tuple[str, str]]:
    if trace.landed:
        yield "commit", _origin_line(trace.landed)
    if trace.original:
        yield "squashed", _origin_line(trace.original)
    if trace.review:
        yield "review", _review_line(trace.review)
    yield from _work_rows(trace)
    yield from _finding_rows(trace)


def _work_rows(trace: Trace) -> Iterator[tuple[str, str]]:
    """Who worked at it, and for what."""
    named = {
        **{name.lower(): _told(trace, name) for name in ("Agent", "Model", "Cost")},
        "worktree": trace.worktree,
        "run": trace.run,
    }
    for name, text in named.items():
        if text:
            yield name, one_line(text, _LONGEST)
    for name, task in trace.tasks:
        yield "task", one_line(f"{name}: {task['does']}" if task.get("does") else name, _LONGEST)
    if text := _asked(trace):
        yield "asked", one_line(text, _LONGEST)
    for file in trace.transcripts:
        yield "transcript", str(file)


def _finding_rows(trace: Trace) -> Iterator[tuple[str, str]]:
    for one in trace.findings[:_MOST_FINDINGS]:
        sure = f" ({one.confidence:.0%} sure)" if one.confidence is not None else ""
        yield "finding", f"{one_line(one.title, _LONGEST)}{sure}"
    if trace.findings:
        yield "", f"see: gitcoord findings {trace.worktree}"


def _origin_line(origin: Origin) -> str:
    day = datetime.fromtimestamp(origin.time, UTC).date().isoformat()
    return f"{origin.commit[:12]} {day} {one_line(origin.author)}: {one_line(origin.subject, 100)}"


def _review_line(review: Review) -> str:
    event = review.merge
    how = f", {review.state}"
    if event:
        how = f", landed on {_short(review.target)} by {event.text('method')}"
    return f"{review.id}: {one_line(review.title, 100)}{how}"


def _origin_json(origin: Origin | None) -> dict[str, Any] | None:
    if origin is None:
        return None
    return {
        "commit": origin.commit, "author": origin.author, "time": origin.time,
        "subject": origin.subject, "file": origin.path, "line": origin.line,
    }  # fmt: skip


def _review_json(review: Review | None) -> dict[str, Any] | None:
    if review is None:
        return None
    event = review.merge
    return {
        "id": review.id,
        "title": review.title,
        "state": review.state,
        "target": _short(review.target),
        "method": event.text("method") if event else "",
        "approved_by": [one.by for one in review.approvals()],
    }


def _told(trace: Trace, name: str) -> str:
    said = trace.said
    told = (said.agent if name == "Agent" else said.value(name)) if said else ""
    return told or (trace.review.text(name.lower()) if trace.review else "")


def _asked(trace: Trace) -> str:
    question = trace.record.get("question")
    return str(question.get("text", "")) if isinstance(question, dict) else ""


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/")
