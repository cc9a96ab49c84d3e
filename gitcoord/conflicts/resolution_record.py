"""Resolutions as records: made, listed, closed, taken back, and known when they come again.

`refs/agentcoord/resolutions/<id>` holds what was in conflict, what decided it and why, and
the contents that came out, so that the same contents need no second decision. Objects come
first and mean nothing alone; branch and record appear in one transaction, or neither does.
Refuses: to remove a branch that has moved. What is taken back stays reachable under
`refs/agentcoord/undone/<id>`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gitcoord.analysis.bisect_check import Check, Verdict, ending
from gitcoord.conflicts.resolution import (
    CLOSED,
    FAILED,
    KIND,
    OPEN,
    QUEUED,
    RESOLVED,
    UNDONE,
    Resolution,
    Side,
    Stages,
    step_body,
)
from gitcoord.conflicts.resolution_merge import list_entries
from gitcoord.conflicts.resolution_worktree import begin_merge, find_place, lay_out_merge
from gitcoord.errors import Contended, NoSuch, Problem, Refused, Taken
from gitcoord.git.objects import FILE, SUBMODULE, Entry
from gitcoord.git.refs import Change, find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Scratch
from gitcoord.git.worktrees import list_worktrees
from gitcoord.process import Lease, hold
from gitcoord.records import match_id, now
from gitcoord.state.store import Record, Store
from gitcoord.worktrees.worktree import Worktree

UNDONE_REFS = "refs/agentcoord/undone/"

# Merges of a branch that are looked at for the one that has both sides.
_MERGES = 50

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Known:
    """A result that was decided before. id: of that resolution."""

    id: str
    path: str
    result: tuple[str, str] | None


def key_of(stages: Stages) -> Key:
    """What identifies a conflict by modes and contents: base, and both sides in either order."""
    base, one, other = (" ".join(stages.get(stage, ())) for stage in (1, 2, 3))
    return (base, min(one, other), max(one, other))


def recall(repo: Repository) -> dict[Key, Known]:
    """What was decided before, by content. Of resolutions that hold; the newest wins."""
    found: dict[Key, Known] = {}
    for record in list_resolutions(repo):
        body = record.body
        if body.get("state") != RESOLVED and not (
            body.get("state") == CLOSED and body.get("merge")
        ):
            continue
        for step in record.body.get("conflicts", ()):
            if ("result" in step and "second" in step) or ("first" in step and "result" in step):
                mode, _, oid = str(step["result"]).partition(" ")
                path = str(step.get("path", ""))
                known = Known(record.id, path, (mode, oid) if oid else None)
                found[key_of(_stages(step))] = known
    return found


def list_resolutions(repo: Repository, bad: list[Problem] | None = None) -> list[Record]:
    """All of them, oldest first. bad: takes those that cannot be read; they are left out."""
    records = Store(repo).all(KIND, bad=[] if bad is None else bad)
    return sorted(records, key=lambda record: (str(record.body.get("created", "")), record.id))


def find_resolution(repo: Repository, part: str) -> Record:
    """By id or any unambiguous part of it. Raises NoSuch."""
    ids = Store(repo).ids(KIND)
    if not ids:
        raise NoSuch("there are no resolutions yet", hint="see: gitcoord conflicts")
    return Store(repo).read(KIND, match_id(part, ids))


def carry_out(
    repo: Repository, plan: Resolution, *, check: str = "", limit: float | None = None
) -> Record:
    """Make what the plan says. check: a command that must succeed on the merged files first;
    limit: seconds it may take.

    Raises Taken when there is a branch already, Contended when a side has moved since.
    """
    verdict = _check(repo, plan, check, limit) if check and plan.commit else None
    failed = verdict is not None and verdict.answer != "good"
    with _turn(repo, plan) as lease:
        if not plan.commit:
            _go_on(repo, plan, lease)
        if plan.pack:
            repo.run("unpack-objects", "-q", input=plan.pack)
        record = _write(repo, plan, verdict, failed=failed)
        if plan.place is not None:
            try:
                lay_out_merge(repo, plan, (lease.fd,))
            except BaseException:
                if find_place(repo, plan.place.id) is None:
                    Store(repo).remove(record)
                raise
        return record


def close(repo: Repository, record: Record, *, note: str = "") -> Record:
    """A person, or the one whose turn it was, is done. What they made of it is remembered
    where a merge of both can be found.

    Raises Refused when it was closed, or was left in a worktree and is not committed there.
    """
    body = record.body
    if body.get("state") not in (OPEN, QUEUED):
        raise Refused(
            f"{record.id} is not open: it is {body.get('state')}",
            hint="see all: gitcoord resolve --list",
        )
    merge = _find_merge(repo, body)
    worktree_id = str(body.get("worktree", ""))
    place = find_place(repo, worktree_id) if worktree_id and merge is None else None
    if place is not None:
        raise Refused(
            f"{record.id} is not committed yet in {place.path}",
            hint=f"see what is left: git -C '{place.path}' status",
        )
    steps, blobs = _learn(repo, body, merge) if merge else (body.get("conflicts"), {})
    closed = {**body, "state": CLOSED, "ended": now(), "note": note or None, "conflicts": steps}
    kept = replace(record, entries={**record.entries, **blobs})
    with Store(repo).transaction(f"close {record.id}") as change:
        return change.put(kept, closed | {"merge": merge})


def undo(repo: Repository, record: Record) -> Record:
    """Take a resolution back: its branch goes, its commit stays reachable.

    Raises Refused when the branch has moved or is checked out, or it was taken back before.
    """
    body = record.body
    if body.get("state") == UNDONE:
        raise Refused(f"{record.id} was taken back before", hint="see: gitcoord resolve --list")
    _refuse_place(repo, record)
    ref, commit = f"refs/heads/{body.get('branch', '')}", str(body.get("commit", ""))
    with Store(repo).transaction(f"undo {record.id}") as change:
        there = find_ref(repo, ref) if commit else None
        if there is not None:
            _refuse_used(repo, record, ref, there, commit)
            change.ref(Change(ref, commit, None))
        if commit and repo.find_commit(commit) is not None:
            change.ref(Change(UNDONE_REFS + record.id, None, commit))
        return change.put(record, {**body, "state": UNDONE, "ended": now()})


def _find_merge(repo: Repository, body: Mapping[str, Any]) -> str | None:
    """The oldest merge that has both sides, on one of the branches they could be merged on."""
    sides = [body.get("first", {}), body.get("second", {})]
    heads = [str(side.get("commit", "")) for side in sides]
    names = [body.get("branch"), *(side.get("branch") for side in reversed(sides))]
    names += [str(body.get("target", ""))]
    for name in names:
        tip = repo.find_commit(f"refs/heads/{name}") if name else None
        if tip is None or not _has(repo, tip, *heads):
            continue
        apart = [f"^{head}" for head in heads]
        merges = repo.run("rev-list", "--merges", "--topo-order", "--reverse", tip, *apart).lines()
        return next((one for one in merges[:_MERGES] if _has(repo, one, *heads)), None)
    return None


def _learn(
    repo: Repository, body: Mapping[str, Any], merge: str
) -> tuple[list[dict[str, Any]], dict[bytes, Entry]]:
    """The steps with what the merge made of them, and these contents.

    Only where its parents had the very contents that were in conflict.
    """
    steps = [dict(step) for step in body.get("conflicts", ())]
    paths = [str(step.get("path", "")) for step in steps]
    parents = repo.run("rev-list", "--parents", "--max-count=1", merge).text.split()[1:]
    there = list_entries(repo, merge, paths)
    before = [list_entries(repo, parent, paths) for parent in parents]
    blobs = {}
    for number, (step, path) in enumerate(zip(steps, paths, strict=True)):
        stages = _stages(step)
        wanted = {stages.get(2, ("", ""))[1], stages.get(3, ("", ""))[1]}
        had = {(one[path] or ("", ""))[1] for one in before}
        step.pop("result", None)
        if had == wanted:
            result = there[path]
            step |= {"result": " ".join(result or ()), "outcome": "done"}
            if result and result[0] != SUBMODULE:
                blobs[f"result-{number}".encode()] = Entry(FILE, result[1])
    return steps, blobs


def _refuse_place(repo: Repository, record: Record) -> None:
    """A worktree is removed by the command that knows what would be lost."""
    worktree_id = str(record.body.get("worktree", ""))
    if worktree_id and find_place(repo, worktree_id) is not None:
        raise Refused(
            f"{record.id} was left in the worktree {worktree_id}",
            hint=f"remove that first: gitcoord remove {worktree_id}",
        )


def _refuse_used(repo: Repository, record: Record, ref: str, there: str, commit: str) -> None:
    name = ref.removeprefix("refs/heads/")
    if there != commit:
        raise Refused(
            f"{name} has moved since it was made: somebody worked on it",
            hint=f"look at what is there: git log {commit[:12]}..{name}",
        )
    at = [one.path for one in list_worktrees(repo) if one.branch == ref]
    if at:
        raise Refused(
            f"{name} is checked out in {at[0]}",
            hint=f"leave it there first: git -C '{at[0]}' switch --detach",
        )


def _write(repo: Repository, plan: Resolution, verdict: Verdict | None, *, failed: bool) -> Record:
    blobs = {
        f"result-{number}".encode(): Entry(FILE, step.result[1])
        for number, step in enumerate(plan.steps)
        if step.result and step.result[0] != SUBMODULE
    }
    empty = Record(KIND, plan.id, repo.null_id, {}, blobs)
    makes_branch = bool(plan.commit) and not failed
    ref = f"refs/heads/{plan.branch}"
    sides = {side.ref: side.head for side in (plan.first, plan.second) if side.ref}
    try:
        with Store(repo).transaction(f"resolve {plan.first.id} {plan.second.id}") as change:
            record = change.put(empty, _body(plan, verdict, failed=failed))
            if makes_branch:
                change.ref(Change(ref, None, plan.commit))
                for side, head in sides.items():
                    change.ref(Change(side, head, head))
    except (Contended, Taken) as lost:
        if makes_branch and find_ref(repo, ref) is not None:
            raise Taken(
                f"{plan.branch} exists already",
                hint="use it, or take it back: gitcoord resolve --list",
            ) from lost
        raise Contended(
            "a side has moved since this was planned; nothing was made",
            hint=f"look again: gitcoord conflicts {plan.first.id}",
        ) from lost
    return record


def _body(plan: Resolution, verdict: Verdict | None, *, failed: bool) -> dict[str, Any]:
    made = plan.commit and not failed
    return {
        "state": FAILED if failed else plan.state,
        "created": now(),
        "first": _side_body(plan.first),
        "second": _side_body(plan.second),
        "why_first": plan.why_first,
        "target": plan.target,
        "strategies": list(plan.strategies),
        "worktree": plan.place.id if plan.place else None,
        "branch": plan.branch if made else plan.place.branch if plan.place else None,
        "commit": plan.commit if made else None,
        "next": None if failed else list(plan.next),
        "conflicts": [step_body(step) for step in plan.steps],
        "check": _verdict_body(verdict) if verdict else None,
    }


def _side_body(side: Side) -> dict[str, Any]:
    return {"id": side.id, "branch": side.branch, "head": side.head, "commit": side.commit}


def _verdict_body(verdict: Verdict) -> dict[str, Any]:
    code = verdict.code
    said = "it took too long" if code is None else ending(code)
    return {"good": verdict.answer == "good", "said": said, "tail": verdict.tail}


def _turn(repo: Repository, plan: Resolution) -> Lease:
    """One process at a time resolves the same two. Raises Contended."""
    ids = "\0".join(sorted((plan.first.id, plan.second.id)))
    try:
        return hold(
            repo.own_dir, f"resolve-{zlib.crc32(ids.encode('utf-8', 'surrogateescape')):08x}"
        )
    except Contended as busy:
        raise Contended(
            f"{plan.first.id} and {plan.second.id} are just being resolved: {busy.message}",
            hint="see what came out: gitcoord resolve --list",
        ) from busy


def _go_on(repo: Repository, plan: Resolution, lease: Lease) -> None:
    """What waits already is not begun twice: raises Taken. What a dead process left without
    its worktree is taken back, what it left without its merge is given that."""
    waiting = _find_waiting(repo, plan)
    if waiting is None:
        return
    worktree_id = str(waiting.body.get("worktree", ""))
    place = find_place(repo, worktree_id) if worktree_id else None
    if worktree_id and place is None:
        undo(repo, waiting)
        return
    if place is not None and not _is_merged(repo, place, plan):
        begin_merge(repo, place.path, plan.first.commit, plan.steps, (lease.fd,))
    raise Taken(
        f"this waits already, as {waiting.id}{f' in {place.path}' if place else ''}",
        hint=f"when it is done: gitcoord resolve --done {waiting.id}",
    )


def _is_merged(repo: Repository, place: Worktree, plan: Resolution) -> bool:
    tip = place.linked.head if place.linked else None
    return bool(tip) and _has(repo, str(tip), plan.first.commit)


def _has(repo: Repository, tip: str, *commits: str) -> bool:
    """Whether a commit has others in its history. One that is gone is not."""
    return all(
        repo.run("merge-base", "--is-ancestor", commit, tip, ok=(0, 1, 128)).code == 0
        for commit in commits
    )


def _find_waiting(repo: Repository, plan: Resolution) -> Record | None:
    """What waits already about the same two, as they are, by the same strategies."""
    heads = {side.id: side.head for side in (plan.first, plan.second)}
    for record in list_resolutions(repo):
        body = record.body
        if body.get("state") in (OPEN, QUEUED) and body.get("strategies") == [*plan.strategies]:
            about = [body.get(name, {}) for name in ("first", "second")]
            if {side.get("id"): side.get("head") for side in about} == heads:
                return record
    return None


def _check(repo: Repository, plan: Resolution, command: str, limit: float | None) -> Verdict:
    """Run the command on the merged files. The scratch has the new objects, the repository
    not yet."""
    with Scratch.pool(repo, 1) as pool, pool.one() as scratch:
        scratch.show(plan.first.head)
        scratch.run("unpack-objects", "-q", input=plan.pack)
        verdict = Check(plan.commit, command, limit).run(scratch)
    assert verdict is not None, "nobody drops it"
    return verdict


def _stages(step: Mapping[str, Any]) -> dict[int, tuple[str, str]]:
    found = {}
    for stage, name in ((1, "base"), (2, "first"), (3, "second")):
        if name in step:
            mode, _, oid = str(step[name]).partition(" ")
            found[stage] = (mode, oid)
    return found
