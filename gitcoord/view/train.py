"""The merge train in words, frames and JSON. Reads no git, decides nothing.

train status --json  [{target, queue: [{review, head, by, added}], state, running: [{stack, tree,
                      since}], checked, outcomes: [{review, state, head, said, commit, output,
                      stacked_on, paths, time}]}]; state: idle, waiting, at work or interrupted
train run --json     {target, landed, culprits, conflicts, unapproved, flakes, checks, reused,
                      broken}: outcomes as above; broken is null, or what the check printed on
                      the target itself
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitcoord.records import counted
from gitcoord.view.plain import one_line

if TYPE_CHECKING:
    from gitcoord.reviews.review import Review
    from gitcoord.reviews.train.checks import Frame
    from gitcoord.reviews.train.run import Plan, Result
    from gitcoord.reviews.train.train import How, Outcome, Train

_OUTPUT_LINES = 12
_OUTCOMES = 10
_TEXTS = ("review", "state", "head", "said", "commit", "output")
_KINDS = {
    "landed": "landed", "culprits": "culprit", "conflicts": "conflict",
    "unapproved": "unapproved", "flakes": "flake",
}  # fmt: skip


def branch(ref: str) -> str:
    return ref.removeprefix("refs/heads/")


def waiting_json(review: Review) -> dict[str, Any]:
    return {
        "review": review.id, "title": review.title, "target": branch(review.target),
        "head": review.head,
    }  # fmt: skip


def added_lines(reviews: Sequence[Review], *, dry_run: bool) -> list[str]:
    word = "would add" if dry_run else "added"
    lines = [f"{word} {one.id} to the train for {branch(one.target)}" for one in reviews]
    return lines or ["nothing to add: no other approved review may go in"]


def train_json(train: Train) -> dict[str, Any]:
    queue = train.record.body.get("queue", []) if train.record else []
    run = train.run or {}
    return {
        "target": branch(train.target),
        "state": _state(train),
        "queue": queue,
        "running": run.get("running", []),
        "checked": len(run.get("answers", [])),
        "outcomes": [_outcome_json(one) for one in train.outcomes],
    }


def status_lines(train: Train) -> list[str]:
    """The train of one target."""
    run = train.run or {}
    lines = [f"train for {branch(train.target)}: {_state(train)}"]
    for place, review in enumerate(train.queue, 1):
        lines.append(f"  {place:3}  {one_line(review)}")
    word = "was checking" if train.interrupted else "checking"
    for one in run.get("running", []):
        lines.append(f"  {word} {_row(one['stack'])} since {one['since']}")
    if train.interrupted:
        lines.append(f"  {counted(len(run.get('answers', [])), 'answer')} on record")
        lines.append("  next   gitcoord train run")
    elif train.queue and not train.at_work:
        lines.append("  next   gitcoord train run")
    for said in train.outcomes[-_OUTCOMES:]:
        lines.append(f"  {said['time'][:16].replace('T', ' ')}  {_told(said)}")
    return lines


def plan_lines(plan: Plan, how: How) -> list[str]:
    """What a run would do."""
    lines = [f"would stack on {branch(plan.target)}, in this order:"]
    lines += [f"  {place:3}  {review}" for place, review in enumerate(plan.stack, 1)]
    lines += [_misfit(one) for one in plan.misfits]
    lines += [f"  set aside: {review}, {why}" for review, why in plan.unapproved]
    check = one_line(how.command) or "(no check: set train.check or give --check)"
    lines.append(f"first check: {check}")
    lines.append(f"  on {_row(plan.first)}")
    return lines


def plan_json(plan: Plan, how: How) -> dict[str, Any]:
    return {
        "target": branch(plan.target),
        "check": how.command,
        "order": plan.stack,
        "first": plan.first,
        "conflicts": [vars(one) for one in plan.misfits],
        "unapproved": [{"review": review, "said": why} for review, why in plan.unapproved],
        "dry_run": True,
    }


def frame_lines(frame: Frame) -> list[str]:
    """What is drawn while it runs."""
    lines = [
        f"train for {branch(frame.target)}: {frame.landed} landed, {frame.waiting} to go, "
        f"{counted(frame.started, 'check')}"
    ]
    for stack, seconds in frame.running:
        lines.append(f"  {seconds:4.0f} s  checking {_row(stack)}")
    if frame.suspects:
        lines.append(f"  under suspicion: {', '.join(frame.suspects)}")
    return lines


def result_lines(result: Result) -> list[str]:
    """What a run came to."""
    lines = [_told(vars(one)) for one in result.outcomes if one.state != "culprit"]
    for one in result.of("culprit"):
        lines.append(_told(vars(one)))
        if one.stacked_on:
            lines.append(f"  stacked on {_row(one.stacked_on)}")
        lines += quoted(one.output)
    if result.broken is not None:
        lines.append(f"the check fails on {branch(result.target)} itself: nobody is blamed")
        lines += quoted(result.broken)
    reused = f", {result.reused} known from before" if result.reused else ""
    lines.append(
        f"{len(result.of('landed'))} landed, {len(result.of('culprit'))} went back, "
        f"{counted(result.checks, 'check')}{reused}"
    )
    return lines


def result_json(result: Result) -> dict[str, Any]:
    kinds = {
        name: [_outcome_json(vars(one)) for one in result.of(state)]
        for name, state in _KINDS.items()
    }
    return {
        "target": branch(result.target), **kinds, "checks": result.checks,
        "reused": result.reused, "broken": result.broken,
    }  # fmt: skip


def failed(result: Result) -> bool:
    """Whether something did not land."""
    bad = ("culprit", "conflict", "unapproved")
    return result.broken is not None or any(one.state in bad for one in result.outcomes)


def quoted(output: str) -> list[str]:
    """The end of what a check printed, each line marked as not ours."""
    return [f"    │ {line}" for line in output.splitlines()[-_OUTPUT_LINES:]]


def _outcome_json(said: Mapping[str, Any] | Outcome) -> dict[str, Any]:
    about = said if isinstance(said, Mapping) else vars(said)
    return {
        **{name: about.get(name, "") for name in _TEXTS},
        "stacked_on": list(about.get("stacked_on", ())),
        "paths": list(about.get("paths", ())),
        "time": about.get("time", ""),
    }


def _state(train: Train) -> str:
    if train.at_work:
        return "at work"
    if train.interrupted:
        return "interrupted"
    return f"{counted(len(train.queue), 'review')} waiting" if train.queue else "idle"


def _told(said: Mapping[str, Any]) -> str:
    paths = one_line(", ".join(said.get("paths", ())))
    where = f": {paths}" if paths else ""
    said_once = one_line(said.get("said", ""))
    return f"{said['state']:10}  {one_line(said['review'])}  {said_once}{where}"


def _misfit(one: Any) -> str:
    meets = f" with {', '.join(one.meets)}" if one.meets else " with what is below it"
    return f"  conflicts: {one.review}{meets}: {one_line(', '.join(one.paths))}"


def _row(stack: Sequence[str]) -> str:
    if not stack:
        return "the target itself"
    if len(stack) < 3:
        return " and ".join(stack)
    return f"{counted(len(stack), 'review')}, {stack[0]} to {stack[-1]}"
