"""Verdicts in words and in JSON.

validate --json   {commit, tree, base, worktree, branch, approved, verdicts: [verdict]}
verdict           {id, validator, kind, state, said, comments: [{path, line, text}], conditions,
                  output, seconds, time, by, run, commit, tree, base, config, reused}

state: approved, refused, conditions (approved, and something is asked for besides) or unknown.
line: 0 is the whole file; path: "" is all of it. reused: it was on record already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitcoord.records import counted
from gitcoord.reviews.verdicts.telling import comment_line
from gitcoord.reviews.verdicts.validator import Validator
from gitcoord.reviews.verdicts.verdict import (
    APPROVED,
    CONDITIONS,
    REFUSED,
    UNKNOWN,
    Subject,
    Verdict,
)

COLUMNS = ("validator", "verdict", "why")
FREE = ("why",)
PLAN_COLUMNS = ("validator", "kind", "runs on", "what happens")
_MARKS = {APPROVED: "+", REFUSED: "!", CONDITIONS: "+", UNKNOWN: "?"}
_TAIL_LINES = 20


class Board:
    """What each validator is at."""

    def __init__(self, validators: Sequence[Validator]) -> None:
        self._said = dict.fromkeys((one.name for one in validators), "waits")

    def take(self, name: str, text: str) -> None:
        self._said[name] = text

    def lines(self) -> list[str]:
        return [f"{_MARKS.get(text, '>')} {name}: {text}" for name, text in self._said.items()]


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    names = ("id", "validator", "kind", "state", "said")
    return {
        **{name: getattr(verdict, name) for name in names},
        "comments": [vars(one) for one in verdict.comments],
        "conditions": list(verdict.conditions), "output": verdict.output,
        "seconds": verdict.seconds, "time": verdict.time, "by": verdict.by, "run": verdict.run,
        "commit": verdict.commit, "tree": verdict.tree, "base": verdict.base,
        "config": verdict.config, "reused": verdict.reused,
    }  # fmt: skip


def validation_json(subject: Subject, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    return {
        **vars(subject), "approved": all(one.passes for one in verdicts),
        "verdicts": [verdict_json(one) for one in verdicts],
    }  # fmt: skip


def verdict_cells(verdict: Verdict) -> tuple[str, str, str]:
    before = " (as before)" if verdict.reused else ""
    state = f"{_MARKS[verdict.state]} {verdict.state}{before}"
    return verdict.validator, state, verdict.said


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """What stands below the table: comments, conditions, and the end of the output."""
    if verdict.comments or verdict.conditions or (verdict.output and not verdict.passes):
        yield f"{verdict.validator} {verdict.state}:"
    yield from (f"  {comment_line(one.path, one.line, one.text)}" for one in verdict.comments)
    yield from (f"  on condition: {one}" for one in verdict.conditions)
    if not verdict.passes:
        yield from (f"  | {line}" for line in verdict.output.splitlines()[-_TAIL_LINES:])


def summary_line(subject: Subject, verdicts: Sequence[Verdict]) -> str:
    """What came of it, for people."""
    counts = {state: sum(one.state == state for one in verdicts) for state in _MARKS}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    what = subject.branch.removeprefix("refs/heads/") or subject.commit[:12]
    reused = sum(one.reused for one in verdicts)
    before = f"; {counted(reused, 'verdict')} as before" if reused else ""
    return f"{what} at {subject.commit[:12]}: {said or 'nothing to ask'}{before}"


def plan_json(
    subject: Subject, validators: Sequence[Validator], there: Mapping[str, Verdict],
    stale: Mapping[str, Verdict],
) -> dict[str, Any]:  # fmt: skip
    """{commit, …, dry_run, validators: [{name, kind, runner, seconds, runs, why}]}."""
    listed = [
        {
            "name": one.name, "kind": one.kind, "runner": one.runner, "seconds": one.seconds,
            "runs": one.name not in there, "why": plan_why(one, subject, there, stale),
        }
        for one in validators
    ]  # fmt: skip
    return {**vars(subject), "dry_run": True, "validators": listed}


def plan_cells(
    one: Validator, subject: Subject, there: Mapping[str, Verdict], stale: Mapping[str, Verdict]
) -> tuple[str, str, str, str]:
    return one.name, one.kind, one.runner or "here", plan_why(one, subject, there, stale)


def plan_why(
    one: Validator, subject: Subject, there: Mapping[str, Verdict], stale: Mapping[str, Verdict]
) -> str:
    """Why it would run, or what is on record."""
    if one.name in there:
        return f"{there[one.name].state}, as before"
    old = stale.get(one.name)
    if old is None:
        return "would run"
    moved = [
        name
        for name, same in (
            ("tree", old.tree == subject.tree), ("base", old.base == subject.base),
            ("settings", old.config == one.digest),
        )
        if not same
    ]  # fmt: skip
    why = f"its {' and '.join(moved)} moved" if moved else "it did not know"
    return f"would run: {old.state} of {old.time[:16]} is stale, {why}"
