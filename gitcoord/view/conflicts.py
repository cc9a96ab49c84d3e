"""A scan in words, a matrix and JSON. Reads no git, decides nothing.

    conflicts --json   {target, target_sha,
                        worktrees [{id, branch, path, task, state, dirty, stale [{path, kind}],
                                    not_compared}],
                        pairs [{a, b, grade, kind, path, a_path, b_path, a_lines, b_lines,
                                a_committed, b_committed, next}],
                        unknown [{a, b, reason}]}

Lines are [first, last], counted from 1; an empty region between n and n + 1 is [n + 1, n].
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gitcoord.conflicts.scan import CONFLICT, NEAR, SEMANTIC, TOUCHING, Clash, Scan, Seen
from gitcoord.view.plain import cut, plain

if TYPE_CHECKING:
    from gitcoord.conflicts.order import Order
    from gitcoord.conflicts.showing import Meeting
    from gitcoord.conflicts.verify import Verified

_MARKS = {NEAR: ".", TOUCHING: "~", SEMANTIC: "S", CONFLICT: "X"}
_WEIGHT = {NEAR: 1, TOUCHING: 2, SEMANTIC: 3, CONFLICT: 4}
_LEGEND = "X conflict   S breaks in meaning   ~ same or adjacent lines   . same file"
# Files that everybody edits: their conflicts are expected and quickly solved.
_COMMON = re.compile(
    r"(?:^|/)(?:change(?:s|log)|news|history|releases?|authors|contributors|[^/]{1,60}[.-]lock"
    r"|package-lock|pnpm-lock|go\.sum)(?:\.[a-z]{1,8})?$",
    re.IGNORECASE,
)
# A grid of this many letters beside each other is read by column; wider ones lose the gaps.
_GAPS_TO = 24
_NAMED = 4


def scan_json(scan: Scan) -> dict[str, Any]:
    """The document at the head of this file."""
    return {
        "target": scan.target,
        "target_sha": scan.target_id,
        "worktrees": [_seen_json(seen) for seen in scan.worktrees],
        "pairs": [_clash_json(clash) for clash in scan.pairs],
        "unknown": [vars(one) for one in scan.unknown],
    }


def scan_lines(scan: Scan, columns: int) -> list[str]:
    """The matrix, and a line for each cause; none when there is nothing to say."""
    matrix = matrix_lines(scan, columns)
    causes = cause_lines(scan)
    notes = [
        f"moving    {one.id} is being written; look again" for one in scan.worktrees
        if one.state == "moving"
    ]  # fmt: skip
    notes += [
        f"midway    {one.id} {_midway(one.state)}" for one in scan.worktrees
        if one.state not in ("live", "moving", "unknown")
    ]  # fmt: skip
    notes += [
        f"left out  {one.id}: {', '.join(one.not_compared[:3])} (too large, unreadable, or a "
        "repository of its own)"
        for one in scan.worktrees if one.not_compared
    ]  # fmt: skip
    return [*matrix, *([""] if matrix and (causes or notes) else []), *causes, *notes]


def is_quiet(scan: Scan) -> bool:
    """Whether there is nothing to report."""
    stale = any(one.stale for one in scan.worktrees)
    return not (scan.pairs or scan.unknown or stale)


def cause_lines(scan: Scan) -> list[str]:
    """One line per cause, gravest first: a path and a kind, with all it is between."""
    grouped: dict[tuple[str, str, str], list[Clash]] = {}
    for clash in scan.pairs:
        grouped.setdefault((clash.grade, clash.path, clash.kind), []).append(clash)

    def is_light(cause: tuple[str, str, str]) -> bool:
        return is_common(cause[1]) or all(one.untracked for one in grouped[cause])

    def gravity(cause: tuple[str, str, str]) -> tuple[bool, int, int, tuple[str, str, str]]:
        return is_light(cause), -_WEIGHT[cause[0]], -len(grouped[cause]), cause

    lines = [line for seen in scan.worktrees for line in _stale(seen, scan.target)]
    ordered = sorted(grouped, key=gravity)
    light = [cause for cause in ordered if is_light(cause)]
    for cause in ordered:
        if light and cause == light[0]:
            lines.append("files that everybody edits, or that git does not track:")
        lines += _cause(*cause, grouped[cause])
    lines += [
        f"unknown   {one.a}{f' and {one.b}' if one.b else ''}: {one.reason}" for one in scan.unknown
    ]
    return lines


def is_common(path: str) -> bool:
    """Whether everybody edits this file: a changelog, a lockfile, a list of authors."""
    return _COMMON.search(path) is not None


def matrix_lines(scan: Scan, columns: int = 100) -> list[str]:
    """Who meets whom: a row each, a column each by number; only those that meet anybody."""
    met = {clash.a for clash in scan.pairs} | {clash.b for clash in scan.pairs}
    ids = [seen.id for seen in scan.worktrees if seen.id in met]
    if len(ids) < 2:
        return []
    number = {one: index for index, one in enumerate(ids)}
    grid = [["·" if row != column else " " for column in ids] for row in ids]
    for clash in sorted(scan.pairs, key=lambda one: _WEIGHT[one.grade]):
        one, other = number[clash.a], number[clash.b]
        grid[one][other] = grid[other][one] = _MARKS[clash.grade]
    gap = " " if len(ids) <= _GAPS_TO else ""
    room = max(12, columns - 7 - len(ids) * (1 + len(gap)))
    return [
        *_heads(len(ids), gap),
        *(f"{row + 1:>3}  {gap.join(grid[row])}  {cut(ids[row], room)}" for row in range(len(ids))),
        f"     {_LEGEND}",
    ]


def meeting_lines(meeting: Meeting) -> Iterator[str]:
    """The files in conflict, each under a line that names it."""
    for file in meeting.files:
        yield f"== {plain(file.path) or '(no path)'} ({file.kind}): {meeting.a}, {meeting.b}"
        if file.a_mode and file.b_mode and file.a_mode != file.b_mode:
            yield f"   mode {file.a_mode} in {meeting.a}, {file.b_mode} in {meeting.b}"
        if file.text is not None:
            yield file.text.rstrip("\n")
        else:
            yield "   (not shown: no text, or very large)"


def order_lines(order: Order) -> Iterator[str]:
    """The steps by number, then what conflicts, then the threes."""
    for place, step in enumerate(order.steps, 1):
        with_whom = f" with {_names(step.conflicts_with)}" if step.conflicts_with else ""
        yield f"{place:>3}  {step.id}{'' if step.clean else f'  conflicts{with_whom}'}"
    for one in order.stale:
        yield f"stale     {one} conflicts with {order.target}; see: gitcoord conflicts show {one}"
    for three in order.triples:
        yield f"three     {', '.join(three)}: each two are clean, all three are not"
    if not order.complete:
        yield "three     there are more threes than were tried"


def next_step(clash: Clash) -> str:
    """What to do about a clash: a command."""
    if clash.grade == CONFLICT:
        return f"gitcoord conflicts resolve {clash.a} {clash.b}"
    return ""


def _midway(state: str) -> str:
    if state == "merging":
        return "has unmerged files; what it has committed was looked at"
    return f"is in the middle of a {state}; look again when that is done"


def _heads(count: int, gap: str) -> list[str]:
    """The columns' numbers, read downwards."""
    units = gap.join(str((index + 1) % 10) for index in range(count))
    if count < 10:
        return [f"     {units}"]
    tens = gap.join(str((index + 1) // 10 % 10) if index > 8 else " " for index in range(count))
    return [f"     {tens}", f"     {units}"]


def _stale(seen: Seen, target: str) -> Iterable[str]:
    if not seen.stale:
        return []
    paths = ", ".join(f"{one.path} ({one.kind})" for one in seen.stale[:_NAMED])
    more = f" and {len(seen.stale) - _NAMED} more" if len(seen.stale) > _NAMED else ""
    return [
        f"stale     {seen.id} conflicts with {target}: {paths}{more}",
        f"            next: gitcoord conflicts show {seen.id}",
    ]


def _cause(grade: str, path: str, kind: str, clashes: Sequence[Clash]) -> list[str]:
    ids = sorted({one.a for one in clashes} | {one.b for one in clashes})
    who = _names(ids) if len(ids) < 3 else f"{len(ids)} worktrees: {_names(ids)}"
    head = f"{grade:<9} {path or '(no path)'} ({kind}): {who}"
    one = clashes[0]
    step = next_step(one)
    if grade == NEAR or len(clashes) > 1:
        return [head, *([f"            next: {step}"] if step else [])]
    sides = (
        f"            {one.a}: {_where(one.a_path, one.a_lines, committed=one.a_committed)}",
        f"            {one.b}: {_where(one.b_path, one.b_lines, committed=one.b_committed)}",
    )
    return [head, *sides, *([f"            next: {step}"] if step else [])]


def _names(ids: Sequence[str]) -> str:
    if len(ids) == 2:
        return f"{ids[0]} and {ids[1]}"
    return ", ".join(ids[:_NAMED]) + (" …" if len(ids) > _NAMED else "")


def _where(path: str, lines: Sequence[tuple[int, int]], *, committed: bool) -> str:
    shown = ", ".join(f"{one}" if one >= two else f"{one}-{two}" for one, two in lines[:6])
    state = "committed" if committed else "uncommitted"
    return f"{path}{f' lines {shown}' if shown else ''}, {state}"


def _seen_json(seen: Seen) -> dict[str, Any]:
    return {
        "id": seen.id,
        "branch": seen.branch,
        "path": seen.path,
        "task": seen.task,
        "state": seen.state,
        "dirty": seen.dirty,
        "stale": [vars(one) for one in seen.stale],
        "not_compared": seen.not_compared,
    }


def _clash_json(clash: Clash) -> dict[str, Any]:
    return {**vars(clash), "next": next_step(clash)}


def verified_json(verified: Sequence[tuple[str, str, Verified]]) -> list[dict[str, Any]]:
    return [
        {"a": a, "b": b, "verdict": one.verdict, "output": one.merged.tail}
        for a, b, one in verified
    ]


def verified_lines(verified: Sequence[tuple[str, str, Verified]]) -> list[str]:
    """A line for each pair whose merge did not pass, and a count of those that did."""
    passed = sum(one.verdict == "passed" for _, _, one in verified)
    lines = [f"{one.verdict:<9} {a} and {b}" for a, b, one in verified if one.verdict != "passed"]
    return [*lines, f"{passed} of {len(verified)} merged pairs passed"] if verified else []
