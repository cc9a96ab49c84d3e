"""Worktrees in words, tables and JSON. Reads no git, decides nothing.

The shapes with --json:

    list    [{id, kind, task, branch, path, state, base, base_sha, ahead, behind, dirty,
              changes {staged, unstaged, untracked, unmerged}, operation, created, adopted,
              inputs: how many things wait for its agent; with `show` what they are}]
    start   {worktree {id, kind, task, path, branch, base, base_sha, behind, upstream}, …}
    trash   [{id, task, branch, path, kept, not_kept}]

dirty is null when git could not tell; so are ahead and behind without a base. Of a worktree
whose record is not to be read, state is "unreadable" and all but id and path is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitcoord.records import counted
from gitcoord.view.plain import one_line

if TYPE_CHECKING:  # they would cost `list` 40 ms
    from gitcoord.worktrees.adoption import Adoption
    from gitcoord.worktrees.ailment import Ailment
    from gitcoord.worktrees.listing import Row
    from gitcoord.worktrees.losses import Removal
    from gitcoord.worktrees.parking import Parked
    from gitcoord.worktrees.start import Plan
    from gitcoord.worktrees.trash import Trashed
    from gitcoord.worktrees.worktree import Unreadable, Worktree

LIST_COLUMNS = ("id", "state", "base", "changes", "task")
LIST_FREE = ("changes", "task")
TRASH_COLUMNS = ("id", "removed", "task")
TRASH_FREE = ("task",)


def worktree_json(worktree: Worktree) -> dict[str, Any]:
    """One worktree as `start` and `adopt` give it."""
    base = worktree.base
    return {
        "id": worktree.id,
        "kind": worktree.kind,
        "task": worktree.task,
        "path": worktree.path,
        "branch": worktree.branch,
        "base": base.get("name", ""),
        "base_sha": base.get("id", ""),
        "upstream": base.get("upstream", ""),
        "behind": base.get("behind", 0),
    }


def row_json(row: Row, waiting: int = 0) -> dict[str, Any]:
    """One line of `list`. waiting: how many things wait for its agent."""
    worktree, status = row.worktree, row.status
    return {
        "id": worktree.id,
        "kind": worktree.kind,
        "task": worktree.task,
        "branch": worktree.branch,
        "path": worktree.path,
        "state": worktree.state,
        "base": worktree.base.get("name", ""),
        "base_sha": worktree.base.get("id", ""),
        "ahead": row.ahead,
        "behind": row.behind,
        "dirty": None if status is None else not status.clean,
        "changes": None if status is None else dict(vars(status)),
        "operation": row.operation,
        "created": worktree.record.body.get("created", ""),
        "adopted": bool(worktree.record.body.get("adopted", False)),
        "inputs": waiting,
    }


def unreadable_json(one: Unreadable) -> dict[str, Any]:
    """A line of `list` for a worktree whose record this gitcoord cannot read: null is unknown."""
    known = {"id": one.id, "path": one.path, "state": "unreadable"}
    keys = (
        "id", "kind", "task", "branch", "path", "state", "base", "base_sha", "ahead", "behind",
        "dirty", "changes", "operation", "created", "adopted", "inputs",
    )  # fmt: skip
    return {key: known.get(key) for key in keys}


def unreadable_cells(one: Unreadable) -> tuple[str, ...]:
    return (one.id, "unreadable", "", "", "")


def list_cells(row: Row, waits: str = "") -> tuple[str, ...]:
    """waits: how much waits for its agent, in words."""
    worktree = row.worktree
    state = ", ".join(part for part in (worktree.state, row.operation, waits) if part)
    return (worktree.id, state, _distance(row), _changes(row), one_line(worktree.task))


def show_lines(row: Row, parked: Sequence[Parked], findings: Sequence[str]) -> list[str]:
    """Everything about one worktree, a line each."""
    worktree, base = row.worktree, row.worktree.base
    adopted = " (adopted)" if worktree.record.body.get("adopted") else ""
    operation = f", in the middle of a {row.operation}" if row.operation else ""
    base_id = str(base.get("id", ""))[:9]
    lines = [
        worktree.id,
        f"  task      {one_line(worktree.task, 400)}",
        f"  kind      {worktree.kind}{adopted}",
        f"  state     {worktree.state}{operation}",
        f"  path      {worktree.path}",
        f"  branch    {worktree.branch or '(detached)'}",
        f"  base      {base.get('name', '')} ({base_id}), {_distance(row) or 'even'}",
        f"  changes   {_changes(row)}",
        f"  created   {worktree.record.body.get('created', '')}",
    ]
    lines += [f"  parked    {one.number}: {one_line(one.message) or one.time}" for one in parked]
    lines += [f"  finding   {title}" for title in findings]
    return lines


def plan_lines(plan: Plan) -> list[str]:
    """What a start would do."""
    lines = [
        f"{plan.kind.name} {plan.id}",
        f"  from      {plan.base}",
        f"  branch    {plan.branch}",
        f"  at        {plan.path}",
        f"  context   .agentcoord/{plan.id}/context.toml, committed as its first commit",
    ]
    if plan.with_changes:
        lines.append("  carries   your uncommitted changes; yours stay as they are")
    if plan.included:
        lines.append(
            f"  copies    {counted(len(plan.included), 'ignored file')}: {_some(plan.included)}"
        )
    lines += [f"  runs      {command}" for command in plan.config.setup.commands]
    return lines + [f"  note      {note}" for note in plan.notes]


def plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "worktree": {
            "id": plan.id,
            "kind": plan.kind.name,
            "task": plan.task,
            "path": plan.path,
            "branch": plan.branch,
            "base": plan.base.name,
            "base_sha": plan.base.id,
            "upstream": plan.base.upstream,
            "behind": plan.base.behind,
        },
        "included": plan.included,
        "setup": plan.config.setup.commands,
        "notes": plan.notes,
        "dry_run": True,
    }


def adoption_line(adoption: Adoption, *, dry_run: bool) -> str:
    if adoption.moved is not None:
        return f"{'would find' if dry_run else 'found'} {adoption.id} again at {adoption.path}"
    return f"{'would adopt' if dry_run else 'adopted'} {adoption.path} as {adoption.id}"


def adoption_json(adoption: Adoption, *, dry_run: bool) -> dict[str, Any]:
    base = adoption.body["base"]
    return {
        "id": adoption.id,
        **{key: adoption.body[key] for key in ("kind", "task")},
        "path": adoption.path,
        "branch": adoption.linked.branch_name,
        "base": base.get("name", ""),
        "base_sha": base.get("id", ""),
        "upstream": "",
        "behind": 0,
        "moved": adoption.moved is not None,
        "dry_run": dry_run,
    }


def removal_lines(removal: Removal, *, force: bool) -> list[str]:
    """What a removal would do, or why it would be refused."""
    worktree = removal.worktree
    lines = [f"{worktree.id} at {worktree.path}"]
    lines += [f"  refused   {reason}" for reason in removal.never]
    word = "keeps     a copy of" if force else "refused   it holds"
    lines += [f"  {word} {loss}" for loss in removal.losses]
    if removal.aside:
        lines.append(
            f"  keeps     {counted(len(removal.aside), 'ignored path')}: {_some(removal.aside)}"
        )
    if removal.rebuilt:
        lines.append(f"  deletes   what a build makes again: {_some(removal.rebuilt)}")
    branch = removal.deletes_branch
    lines.append(f"  branch    {f'{branch} goes' if branch else 'stays'}")
    return lines


def removal_json(removal: Removal) -> dict[str, Any]:
    return {
        "id": removal.worktree.id,
        "path": removal.worktree.path,
        "never": removal.never,
        "losses": removal.losses,
        "kept_aside": removal.aside,
        "not_kept": removal.rebuilt,
        "deletes_branch": removal.deletes_branch,
    }


def park_json(
    worktree: Worktree, number: int | None, would: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """One piece of parked work. number: null where nothing was parked, or is not yet."""
    return {
        "id": worktree.id,
        "path": worktree.path,
        "number": number,
        "changes": would and dict(would),
        "dry_run": would is not None,
    }


def trash_json(trashed: Trashed) -> dict[str, Any]:
    kept = ("id", "task", "branch", "path", "kept", "not_kept")
    return {key: getattr(trashed, key) for key in kept}


def trash_cells(trashed: Trashed) -> tuple[str, ...]:
    return (trashed.id, trashed.kept, one_line(trashed.task))


def ailment_json(ailment: Ailment, outcome: str | None) -> dict[str, Any]:
    """outcome: None when nothing was tried, "" when it was mended, else why not."""
    return {
        "kind": ailment.kind,
        "subject": ailment.subject,
        "what": ailment.what,
        "advice": ailment.advice,
        "mendable": ailment.mend is not None,
        "mended": None if outcome is None else outcome == "",
    }


def ailment_lines(ailment: Ailment, outcome: str | None) -> list[str]:
    head = f"{ailment.kind}: {ailment.subject} {ailment.what}"
    if outcome == "":
        return [f"mended  {head}"]
    way = f"gitcoord doctor --fix will {ailment.advice}" if ailment.mend else ailment.advice
    return [f"found   {head}", f"        {outcome if outcome and ailment.mend else way}"]


def _distance(row: Row) -> str:
    if row.ahead is None or row.behind is None:
        return ""
    parts = [f"+{row.ahead}" if row.ahead else "", f"-{row.behind}" if row.behind else ""]
    return " ".join(part for part in parts if part)


def _changes(row: Row) -> str:
    if row.status is None:
        return "unknown" if row.worktree.linked else ""
    return changes(vars(row.status))


def changes(counts: Mapping[str, int]) -> str:
    """`1 staged, 2 untracked`, or `clean`."""
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "clean"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
