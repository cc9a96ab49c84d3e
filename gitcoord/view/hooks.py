"""Git's hooks in words: what is put in or taken out, what is in force, what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gitcoord.hooks.condition import Condition
from gitcoord.hooks.install import Plan, Removal
from gitcoord.hooks.installed import Installed
from gitcoord.hooks.places import CONFIG, FOLDER
from gitcoord.view.plain import plain


def plan_lines(plan: Plan, *, dry_run: bool) -> Iterator[str]:
    if plan.edited:
        yield from _edited(plan.edited)
    elif plan.done:
        yield f"installed already: {_where(plan.wanted)}"
    else:
        yield f"{'would install' if dry_run else 'installed'}: {_where(plan.wanted)}"
        if plan.wanted.chain:
            yield f"before each of ours runs what was there, in {plain(plan.wanted.chain)}"
        for edit in plan.wanted.edits:
            yield f"{'would change' if dry_run else 'changed'}: {plain(str(edit.file))}"
        if not dry_run:
            yield "take them out, byte for byte: gitcoord hooks uninstall" + (
                " --worktree-only" if plan.place.here else ""
            )


def removal_lines(removal: Removal, *, dry_run: bool) -> Iterator[str]:
    if removal.edited:
        yield from _edited(removal.edited)
    elif removal.old is None:
        yield "no hooks of ours are installed here"
    else:
        yield f"{'would remove' if dry_run else 'removed'}: {_where(removal.old)}"


def condition_lines(condition: Condition) -> Iterator[str]:
    installed = condition.installed
    if installed is None:
        yield "not installed; gitcoord hooks install"
    else:
        scope = "this worktree" if condition.place.here else "the repository"
        yield f"{'in force' if condition.in_force else 'not in order'} for {scope}: " + _where(
            installed
        )
        if installed.chain:
            yield f"before each of ours runs what is in {plain(installed.chain)}"
        for event, state in condition.events.items():
            yield f"  {event}: {state}"
    for trouble in condition.troubles:
        yield f"{trouble.kind}: {plain(trouble.what)}"
        yield f"  {plain(trouble.advice)}"


def plan_json(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    """installed: whether they are in now."""
    return {
        "installed": plan.done or not (dry_run or plan.edited),
        "dry_run": dry_run,
        "already": plan.done,
        "worktree_only": plan.place.here,
        **_installed_json(plan.wanted),
        "edited": [str(one) for one in plan.edited],
    }


def removal_json(removal: Removal, *, dry_run: bool) -> dict[str, Any]:
    """removed: whether something was taken out."""
    return {
        "removed": removal.old is not None and not (dry_run or removal.edited),
        "dry_run": dry_run,
        "edited": [str(one) for one in removal.edited],
    }


def condition_json(condition: Condition) -> dict[str, Any]:
    """events: event -> "in place", "edited", "missing" or "outdated"."""
    installed = condition.installed
    return {
        "installed": installed is not None,
        "in_force": condition.in_force,
        "worktree_only": condition.place.here,
        **(_installed_json(installed) if installed else {}),
        "events": condition.events,
        "troubles": [
            {"kind": one.kind, "what": one.what, "advice": one.advice} for one in condition.troubles
        ],
    }


def _installed_json(installed: Installed) -> dict[str, Any]:
    return {
        "way": installed.way,
        "folder": str(installed.folder),
        "chain": installed.chain or None,
        "changes": [str(edit.file) for edit in installed.edits],
    }


def _where(installed: Installed) -> str:
    folder = plain(str(installed.folder))
    if installed.way == FOLDER:
        return f"git's own folder of hooks, {folder}"
    if installed.way == CONFIG:
        return f"git's configuration, with files in {folder}"
    return f"core.hooksPath, with files in {folder}"


def _edited(files: Sequence[Path]) -> Iterator[str]:
    yield "changed by hand since they were installed, so nothing was done:"
    yield from (f"  {plain(str(file))}" for file in files)
    first = plain(str(files[0]))
    yield f"keep what you need of them elsewhere, then again: mv '{first}' '{first}.mine'"
