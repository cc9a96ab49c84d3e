"""Worktrees made by others, made first-class where they are; ours that were lost, found again.

Nothing is committed on their branch and nothing is moved: a record and a mark are all.
Their branch is not ours, so removal leaves it. Refuses: to believe a context from a branch
that is not the one it was written for, and to let a copy take the place of what it copies.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcoord.errors import BadInput, Problem, Refused, Taken
from gitcoord.git.objects import Reader, parse_tree
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import Linked, admin_dirs, git_dir_of, repair_worktree
from gitcoord.process import hold
from gitcoord.records import check_id, new_id, now
from gitcoord.state.documents import decode
from gitcoord.state.store import Record, Store
from gitcoord.worktrees.base import resolve_base
from gitcoord.worktrees.mark import read_mark, write_mark
from gitcoord.worktrees.recovery import PREFIX as TRASH
from gitcoord.worktrees.start import check_task
from gitcoord.worktrees.worktree import KIND, LIVE, View, Worktree

_MOST_CONTEXTS = 50


@dataclass(frozen=True)
class Adoption:
    """What is to become ours. moved: the record of ours that was lost there, with its folder
    at `path` now. context: what the branch says of itself, {} when it says nothing."""

    id: str
    path: Path
    body: Mapping[str, Any]
    linked: Linked
    admin: Path
    context: Mapping[str, Any]
    moved: Record | None = None


def plan_adoption(
    repo: Repository, view: View, path: Path, *, kind: str = "", task: str = "", base: str = ""
) -> Adoption:
    """Find out what would become of the linked worktree at `path`, changing nothing.

    kind, task: "" for what its committed context says, else development, and a name made of
    its branch or folder. base: what ahead and behind are counted against; "" for what the
    context says, else what the main worktree is on. Raises Taken when it is ours already.
    """
    for one in view.unreadable:
        if one.path is not None and one.path.resolve() == path.resolve():
            raise one.problem
    if lost := _find_lost(view, path):
        return lost
    linked, admin = _find(repo, view, path)
    if mark := _owner(repo, admin):
        raise _ours_already(path, mark)
    context = _context(repo, linked, read_mark(admin))
    task = check_task(task or context.get("task") or linked.branch_name or linked.path.name)
    kind = kind or context.get("kind") or "development"
    was = str(context.get("id", ""))
    grown_from = context.get("base") if not base else None
    if grown_from is None or repo.find_commit(grown_from["id"]) != grown_from["id"]:
        found = resolve_base(repo.seen_from(view.main.path), base)
        grown_from = {"name": found.name, "ref": found.ref, "id": found.id}
    body = {
        "kind": kind, "task": task, "created": context.get("created") or now(),
        "branch": linked.branch_name or "", "roles": context.get("roles", []),
        "base": grown_from, "state": LIVE, "path": str(linked.path), "tip": linked.head or "",
        # Only our own mark proves that the branch is ours to delete: anybody can push a context.
        "adopted": not (was and read_mark(admin) == was),
    }  # fmt: skip
    worktree_id = was if was and _is_free(repo, view, was) else new_id(kind, task)
    return Adoption(worktree_id, linked.path, body, linked, admin, context)


def adopt(repo: Repository, plan: Adoption) -> Worktree:
    """Carry it out. Raises Contended while another process adopts one, Taken when it has."""
    with hold(repo.own_dir, "adopting"):
        if plan.moved is not None:
            repair_worktree(repo, plan.path)
            with Store(repo).transaction("adopt: moved") as change:
                record = change.put(plan.moved, plan.body)
            return Worktree(record, plan.linked, plan.admin)
        if mark := _owner(repo, plan.admin):
            raise _ours_already(plan.path, mark)
        record = Store(repo).create(KIND, plan.id, plan.body)
        write_mark(plan.admin, plan.id)
    return Worktree(record, plan.linked, plan.admin)


def _find_lost(view: View, path: Path) -> Adoption | None:
    """One of ours whose folder was moved to `path`: its `.git` still leads to its git dir."""
    wanted, pointed = path.resolve(), git_dir_of(path)
    for one in view.mine:
        if one.admin is None or one.linked is None or pointed is None:
            continue
        if one.admin.resolve() != pointed.resolve() or one.path.resolve() == wanted:
            continue
        there = git_dir_of(one.path)
        if there is not None and there.resolve() == one.admin.resolve():
            raise Refused(
                f"{path} is a copy of {one.id}, which is at {one.path}",
                hint=f"see: gitcoord show {one.id}",
            )
        linked = Linked(wanted, one.linked.head, one.linked.branch, False, False, None, None)
        body = {**one.record.body, "path": str(wanted)}
        return Adoption(one.id, wanted, body, linked, one.admin, {}, one.record)
    return None


def _find(repo: Repository, view: View, path: Path) -> tuple[Linked, Path]:
    wanted = path.resolve()
    for one in view.mine:
        if one.linked is not None and one.path.resolve() == wanted:
            raise _ours_already(path, one.id)
    linked = next((one for one in view.others if one.path.resolve() == wanted), None)
    if linked is None:
        raise _none_of_ours(repo, path)
    if linked.main:
        raise Refused(
            "the main worktree is yours, and stays so", hint="adopt a linked one: git worktree list"
        )
    if not linked.path.is_dir():
        raise Refused(
            f"the folder {path} is gone (or on a disk that is not here)",
            hint="if it was moved, say where to: git worktree repair PATH",
        )
    if linked.head is None:
        raise Refused(
            f"{path} is on a branch without commits", hint=f"make one first: git -C '{path}' commit"
        )
    return linked, admin_dirs(repo)[linked.path]


def _none_of_ours(repo: Repository, path: Path) -> Problem:
    pointed = git_dir_of(path)
    if (
        pointed is not None
        and pointed.parent.resolve() == (repo.common_dir / "worktrees").resolve()
    ):
        quoted = shlex.quote(str(path))
        return Refused(
            f"{path} was moved there, and git looks for it elsewhere",
            hint=f"tell git first: git worktree repair {quoted} && gitcoord adopt {quoted}",
        )
    return BadInput(
        f"{path} is no worktree of this repository",
        hint="name one of those listed by: git worktree list",
    )


def _context(repo: Repository, linked: Linked, mark: str | None) -> Mapping[str, Any]:
    """What its own context.toml says, as far as it can be believed; {} without one.

    Contexts of other worktrees may have been merged in: the branch tells whose it is.
    """
    with Reader(repo) as reader:
        for found in _contexts(reader, f"{linked.head}:.agentcoord"):
            if found["id"] == mark or (found["branch"] and found["branch"] == linked.branch_name):
                return found
    return {}


def _contexts(reader: Reader, folder: str) -> Iterator[dict[str, Any]]:
    there = reader.find(folder)
    if there is None or there[1] != "tree":
        return
    names = sorted(parse_tree(there[2], len(there[0]) // 2))[:_MOST_CONTEXTS]
    for name in names:
        try:
            worktree_id = check_id(name.decode("ascii"))
            blob = reader.find(f"{folder}/{worktree_id}/context.toml")
            if blob is not None and blob[1] == "blob":
                yield _believed(worktree_id, decode(blob[2], f"{worktree_id}/context.toml"))
        except (Problem, UnicodeDecodeError):
            continue


def _believed(worktree_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What of a context has the shape it should have. Raises BadInput on a kind that is none."""
    found: dict[str, Any] = {"id": worktree_id}
    for key in ("kind", "task", "created", "branch"):
        value = said.get(key)
        found[key] = value if isinstance(value, str) else ""
    if found["kind"]:
        check_id(found["kind"], what="kind")
    roles, base = said.get("roles"), said.get("base")
    if isinstance(roles, list):
        found["roles"] = [role for role in roles if isinstance(role, str)]
    if isinstance(base, Mapping) and isinstance(base.get("id"), str):
        found["base"] = {key: str(base.get(key, "")) for key in ("name", "ref", "id")}
        if not found["base"]["ref"].startswith("refs/"):
            found["base"]["ref"] = ""
    return found


def _is_free(repo: Repository, view: View, worktree_id: str) -> bool:
    known = {one.id for one in view.mine} | {one.id for one in view.unreadable}
    return worktree_id not in known and not read_refs(repo, f"{TRASH}{worktree_id}")


def _owner(repo: Repository, admin: Path) -> str | None:
    """The record its mark names. A mark without a record is left of one that was dropped."""
    mark = read_mark(admin)
    return mark if mark and Store(repo).find(KIND, mark) else None


def _ours_already(path: Path, worktree_id: str) -> Taken:
    return Taken(
        f"{path} is ours already, as {worktree_id}", hint=f"see: gitcoord show {worktree_id}"
    )
