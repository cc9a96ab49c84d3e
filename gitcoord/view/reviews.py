"""Reviews in words, tables and JSON. Reads no git, decides nothing.

The shape with --json, of `open`, of each in `list`, and of `show`:

    {id, title, branch, target, head, base, state "open"|"closed"|"merged",
     decision ""|"approved"|"changes-requested",
     verdicts [{state, by, time, event, version, text, stale, agent}],
     checks [{validator, kind, state, said, time, by, fresh}],
     conflicts [{id, kind "target"|"review"|"worktree", paths, grade "conflict"|"semantic",
                 notes}],
     unknown [why something could not be answered], ahead, behind,
     comments [{id, version, head, path, side, line, last, blob, quoted, before, behind,
                comments [{id, by, time, text}], resolved, now {path, line, last, outdated}}],
     versions [{number, head, base, tree, time, clone}], worktree, by, created}

`show` adds {body, run, task, agent, model, commits [{id, subject}],
changed [{path, old, added, removed}], merged null or {commit, method, target_before, by, time},
findings [{id, title, kind}], missing [{what, command}], left_out [{path, files}]}.

checks, conflicts, unknown, ahead and behind are null where nobody looked: of closed and merged
reviews in `list`, and in the answers of what changes one; so is `now`, but in `show`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from gitcoord.records import counted
from gitcoord.reviews.threads import place_text
from gitcoord.view.plain import one_line, plain

if TYPE_CHECKING:
    from pathlib import Path

    from gitcoord.reviews.differing import Changed
    from gitcoord.reviews.opening import Opening
    from gitcoord.reviews.review import Review
    from gitcoord.reviews.showing import Shown
    from gitcoord.reviews.standing import Check, Conflict, Standing
    from gitcoord.reviews.threads import Place, Thread
    from gitcoord.reviews.versions import Opinion

COLUMNS = ("id", "state", "target", "checks", "conflicts", "comments", "title")
FREE = ("checks", "conflicts", "comments", "title")
_MOST_LINES = 200
_MOST_FILES = 30
_SIDES = ("added", "removed")


def review_json(
    review: Review, standing: Standing | None, places: Mapping[str, Place]
) -> dict[str, Any]:
    """One review, as `open` and `list` give it; null is unknown."""
    return {
        "id": review.id,
        "title": review.title,
        "branch": short(review.branch),
        "target": short(review.target),
        "head": review.head,
        "base": review.base,
        "state": review.state,
        "decision": review.decision,
        "verdicts": [vars(one) for one in review.opinions],
        "checks": [check_json(one) for one in standing.checks] if standing else None,
        "conflicts": [vars(one) for one in standing.conflicts] if standing else None,
        "unknown": standing.unknown if standing else None,
        "ahead": standing.ahead if standing else None,
        "behind": standing.behind if standing else None,
        "comments": [thread_json(one, places.get(one.id)) for one in review.threads],
        "versions": [vars(one) for one in review.versions],
        "worktree": review.worktree,
        "by": review.text("by"),
        "created": review.text("created"),
    }


def check_json(check: Check) -> dict[str, Any]:
    """What a validator said of a review."""
    verdict = check.verdict
    kept = ("validator", "kind", "state", "said", "time", "by")
    return {**{key: getattr(verdict, key) for key in kept}, "fresh": check.fresh}


def thread_json(thread: Thread, place: Place | None) -> dict[str, Any]:
    """A thread where it was made, and `now` where it is; null where nobody looked."""
    return {
        **vars(thread),
        "comments": [vars(one) for one in thread.comments],
        "now": vars(place) if place else None,
    }


def shown_json(shown: Shown) -> dict[str, Any]:
    """One review with all there is to know."""
    review = shown.review
    return {
        **review_json(review, shown.standing, shown.places),
        "body": review.body,
        "run": review.text("run"),
        "task": review.text("task"),
        "agent": review.text("agent"),
        "model": review.text("model"),
        "commits": [{"id": one.id, "subject": one.subject} for one in shown.commits],
        "changed": [vars(one) for one in shown.changed],
        "merged": _merge_json(review),
        "findings": [
            {"id": one.id, "title": one.title, "kind": one.kind} for one in shown.findings
        ],
        "missing": [vars(one) for one in shown.missing],
        "left_out": [{"path": str(path), "files": count} for path, count in shown.left_out],
    }


def _merge_json(review: Review) -> dict[str, str] | None:
    landed = review.merge
    if landed is None:
        return None
    said = {key: landed.text(key) for key in ("commit", "method", "target_before")}
    return {**said, "by": landed.by, "time": landed.time}


def list_cells(review: Review, standing: Standing | None) -> tuple[str, ...]:
    state = (review.decision or review.state) if review.state == "open" else review.state
    clashes = {one.id for one in standing.conflicts} if standing else set()
    said = counted(len(review.open_threads), "open thread") if review.open_threads else ""
    return (
        review.id, state, short(review.target), _checks(standing), ", ".join(sorted(clashes)), said,
        one_line(review.title),
    )  # fmt: skip


def _checks(standing: Standing | None) -> str:
    """`3 approved, 1 refused, 1 stale`."""
    said = (
        [one.verdict.state if one.fresh else "stale" for one in standing.checks] if standing else []
    )
    return ", ".join(f"{said.count(word)} {word}" for word in dict.fromkeys(said))


def shown_lines(shown: Shown) -> list[str]:
    """One review in full, a line each."""
    review, now = shown.review, shown.standing
    version = f", version {len(review.versions)}" if len(review.versions) > 1 else ""
    lines = [
        f"{review.id}: {one_line(review.title, 200)}",
        f"  branch    {short(review.branch)} at {review.head[:12]}{version}",
        f"  target    {short(review.target)}{_distance(now)}",
        f"  state     {review.state}{f', {review.decision}' if review.decision else ''}",
        *_about(review),
    ]
    lines += [f"  commit    {one.id[:9]} {one_line(one.subject, 100)}" for one in shown.commits]
    lines += _changed_lines(shown.changed)
    lines += [f"  left out  {line}" for line in left_out_lines(shown.left_out)]
    if landed := review.merge:
        lines.append(
            f"  landed    as {one_line(landed.text('commit'))[:12]} by {one_line(landed.by)}"
        )
    lines += [f"  finding   {one_line(one.title, 100)}" for one in shown.findings]
    lines += [_conflict_line(one) for one in now.conflicts]
    lines += [f"  unknown   {one}" for one in now.unknown]
    for check in now.checks:
        lines += _check_lines(check)
    lines += [_opinion_line(one) for one in review.opinions]
    for thread in review.threads:
        lines += _thread_lines(thread, shown.places.get(thread.id))
    lines += [f"  missing   {one_line(one.what, 200)}: {one.command}" for one in shown.missing]
    if not shown.missing and review.state == "open":
        lines.append(f"  ready     gitcoord review merge {review.id}")
    return lines


def _changed_lines(changed: Sequence[Changed]) -> list[str]:
    if not changed:
        return ["  changes   no file"]
    added, removed = (sum(getattr(one, key) or 0 for one in changed) for key in _SIDES)
    lines = [f"  changes   {counted(len(changed), 'file')}, +{added} -{removed}"]
    for one in changed[:_MOST_FILES]:
        size = "binary" if one.added is None else f"+{one.added} -{one.removed}"
        was = f" (was {plain(one.old)})" if one.old else ""
        lines.append(f"    {plain(one.path)}{was} {size}")
    more = len(changed) - _MOST_FILES
    return [*lines, f"    … and {counted(more, 'more file')}"] if more > 0 else lines


def _check_lines(check: Check) -> list[str]:
    """With what a refusal that holds is about: whoever merges is sent here for it."""
    verdict = check.verdict
    state = verdict.state if check.fresh else f"{verdict.state}, stale"
    said = one_line(verdict.said, 160)
    first = f"  check     {one_line(verdict.validator)}: {state}{f': {said}' if said else ''}"
    if not check.fresh or verdict.passes:
        return [first]
    from gitcoord.view.verdicts import verdict_lines

    return [first, *(f"  {line}" for line in [*verdict_lines(verdict)][1:_MOST_LINES])]


def left_out_lines(places: Sequence[tuple[Path, int]]) -> list[str]:
    """What is not committed where the branch is checked out."""
    return [
        f"what is not committed ({counted(count, 'file')}): git -C {quote(str(path))} status"
        for path, count in places
    ]


def _about(review: Review) -> list[str]:
    kept = ("worktree", "run", "task", "agent", "model")
    lines = [f"  {key:<9} {one_line(review.text(key), 200)}" for key in kept if review.text(key)]
    body = review.body.strip()
    return lines + [f"  | {line}" for line in body.split("\n")[:_MOST_LINES]] if body else lines


def _distance(now: Standing) -> str:
    if now.ahead is None:
        return ""
    behind = f", {now.behind} behind" if now.behind else ""
    return f", {counted(now.ahead, 'commit')} ahead{behind}"


def _conflict_line(conflict: Conflict) -> str:
    whom = "the target" if conflict.kind == "target" else conflict.id
    if conflict.grade == "conflict":
        return f"  conflict  with {whom}: {some(conflict.paths)}"
    why = one_line("; ".join(conflict.notes), 300)
    return f"  breaks    in meaning with {whom}: {some(conflict.paths)}{f': {why}' if why else ''}"


def _opinion_line(one: Opinion) -> str:
    old = f" (of version {one.version})" if one.stale else ""
    said = f": {one_line(one.text, 200)}" if one.text else ""
    return f"  {one.state.partition('-')[0]:<9} by {one_line(one.by)}{old}{said}"


def _thread_lines(thread: Thread, place: Place | None) -> list[str]:
    where = plain(place_text(thread, place)) if thread.path else "the whole"
    settled = ", settled" if thread.resolved else ""
    lines = [f"  thread    {thread.id} on {where}{settled}"]
    if thread.quoted:
        lines += [f"    > {line}" for line in thread.quoted.split("\n")]
    for one in thread.comments:
        first, *rest = one.text.strip().split("\n")[:_MOST_LINES]
        lines += [f"    {one_line(one.by)}: {first}", *(f"      {line}" for line in rest)]
    return lines


def opening_json(opening: Opening) -> dict[str, Any]:
    return {
        **{key: getattr(opening, key) for key in ("title", "body", "head", "base", "commits")},
        "branch": short(opening.branch),
        "target": short(opening.target),
        "dry_run": True,
    }


def opening_lines(opening: Opening) -> list[str]:
    return [
        f"would open a review of {short(opening.branch)} for {short(opening.target)}",
        f"  title     {one_line(opening.title, 200)}",
        f"  commits   {opening.commits}",
    ]


def short(ref: str) -> str:
    return ref.removeprefix("refs/heads/")


def some(paths: Sequence[str]) -> str:
    return ", ".join(map(plain, paths[:4])) + (" …" if len(paths) > 4 else "")
