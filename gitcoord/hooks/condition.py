"""What is in place here, and why ours would not run, or not as they should.

Promises: looking changes nothing. Refuses: to call hooks installed because a record says so; the
files and git's configuration decide.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gitcoord.errors import Problem
from gitcoord.git.repository import Repository, git_version
from gitcoord.hooks.events import OURS
from gitcoord.hooks.install import (
    PATH,
    Plan,
    digest_of,
    install,
    plan_install,
    planned_keys,
    uninstall,
)
from gitcoord.hooks.installed import INSTALLED, UNINSTALLING, Installed, read_installed
from gitcoord.hooks.places import CONFIG, CONFIGURED, Place, hooks_path, place_of
from gitcoord.worktrees.ailment import Ailment

_MENDS = {"install": install, "uninstall": uninstall}
_NAMES = {"agentcoord/hooks", "agentcoord/hooks-here"}


@dataclass(frozen=True)
class Trouble:
    """kind: a stable word: unfinished, edited, missing, outdated, moved, overridden, stale.
    advice: the command for it. mend: "install" or "uninstall" where that is all it takes, and
    overrules nobody."""

    kind: str
    what: str
    advice: str
    mend: str = ""


@dataclass(frozen=True)
class Condition:
    """installed: None when nothing was. events: event -> "in place", "edited", "missing" or
    "outdated". in_force: whether git runs all of them here."""

    place: Place
    installed: Installed | None
    events: dict[str, str]
    troubles: tuple[Trouble, ...]

    @property
    def in_force(self) -> bool:
        return self.installed is not None and not self.troubles


def condition(repo: Repository, *, here: bool) -> Condition:
    """Of the hooks of this worktree alone (`here`), or of those of the whole repository.

    Raises Corrupt, NewerSchema."""
    place = place_of(repo, here=here)
    installed = read_installed(place.record)
    if installed is None:
        return Condition(place, None, {}, tuple(_stale(repo, here=here)))
    events = {event: _state(installed, event) for event in OURS}
    if installed.state != INSTALLED:
        troubles = [_unfinished(installed, place)]
    else:
        plan = _plan(repo, here=here)
        events = _outdated(events, installed, plan)
        troubles = [
            *_changed(events, place),
            *_moved(repo, installed, place),
            *_overridden(repo, installed, place),
        ]
    return Condition(place, installed, events, tuple(troubles))


def condition_seen(repo: Repository) -> Condition:
    """Of this worktree alone where something was installed for it, else of the repository."""
    return condition(repo, here=place_of(repo, here=True).record.exists())


def ailments(repo: Repository) -> list[Ailment]:
    """What doctor says of hooks."""
    try:
        found = condition_seen(repo)
    except Problem as problem:
        return [Ailment("unreadable", "hooks", problem.message, problem.hint)]
    return [
        Ailment(
            f"hooks {trouble.kind}", str(found.place.config), trouble.what, trouble.advice,
            partial(_MENDS[trouble.mend], repo, here=found.place.here) if trouble.mend else None,
        )
        for trouble in found.troubles
    ]  # fmt: skip


def _plan(repo: Repository, *, here: bool) -> Plan | None:
    """None where an install would be refused: that is told when it is asked for."""
    try:
        return plan_install(repo, here=here)
    except Problem:
        return None


def _unfinished(installed: Installed, place: Place) -> Trouble:
    verb = "uninstall" if installed.state == UNINSTALLING else "install"
    said = f"their process ended in the middle of the {verb}"
    return Trouble("unfinished", said, _command(place, verb), verb)


def _state(installed: Installed, event: str) -> str:
    file = installed.folder / event
    if not os.path.lexists(file):
        return "missing"
    return "in place" if digest_of(file) == installed.files.get(event) else "edited"


def _outdated(events: dict[str, str], installed: Installed, plan: Plan | None) -> dict[str, str]:
    """Those as we wrote them that we would write differently by now."""
    if plan is None or (plan.wanted.way, plan.wanted.chain) != (installed.way, installed.chain):
        return events
    return {
        event: "outdated"
        if state == "in place" and installed.files[event] != plan.wanted.files[event]
        else state
        for event, state in events.items()
    }


def _changed(events: dict[str, str], place: Place) -> Iterator[Trouble]:
    kinds = {
        "edited": ("changed by hand since: left as they are", ""),
        "missing": ("gone", "install"),
        "outdated": ("written by another gitcoord or for another Python", "install"),
    }
    for kind, (what, mend) in kinds.items():
        names = [event for event, state in events.items() if state == kind]
        if names:
            advice = _command(place) if mend else f"move them away, then: {_command(place)}"
            yield Trouble(kind, f"{', '.join(names)}: {what}", advice, mend)


def _moved(repo: Repository, installed: Installed, place: Place) -> Iterator[Trouble]:
    """What git's configuration says of us is an absolute path."""
    known = {key: ours for edit in installed.edits for key, (ours, _) in edit.keys.items()}
    wanted = planned_keys(place, installed.way)
    if any(known.get(key, value) != value for key, value in wanted.items()):
        yield Trouble(
            "moved",
            "the repository was moved: git looks for its hooks where it was, and runs none",
            _command(place),
            "install",
        )


def _overridden(repo: Repository, installed: Installed, place: Place) -> Iterator[Trouble]:
    path = hooks_path(repo, here=True)
    if installed.way == CONFIG:
        missing = [
            key
            for edit in installed.edits
            for key, (ours, _) in edit.keys.items()
            if repo.settings.get(key.lower() if key.count(".") < 2 else key, [])[-1:] != [ours]
        ]
        said = f"git's configuration no longer has {missing[0]}" if missing else ""
        if git_version() < CONFIGURED:
            said = "this git is older than 2.54 and knows no hooks in its configuration"
        if said:
            yield Trouble("overridden", said, _command(place))
        return
    ours = next((edit.keys[PATH][0] for edit in installed.edits if PATH in edit.keys), None)
    if path != ours:
        now = f"core.hooksPath is {path!r} now" if path is not None else "core.hooksPath is unset"
        yield Trouble(
            "overridden",
            f"{now} (husky and others set it): git does not run ours",
            _command(place),
        )


def _stale(repo: Repository, *, here: bool) -> Iterator[Trouble]:
    """core.hooksPath leads to a folder of ours that is gone: no hook runs, nobody's."""
    path = hooks_path(repo, here=here)
    if path is None or Path(path).is_dir():
        return
    if "/".join(Path(path).parts[-2:]) in _NAMES:
        yield Trouble(
            "stale",
            f"core.hooksPath is {path}, which does not exist: git runs no hook at all here",
            "git config --unset core.hooksPath",
        )


def _command(place: Place, verb: str = "install") -> str:
    return f"gitcoord hooks {verb}{' --worktree-only' if place.here else ''}"
