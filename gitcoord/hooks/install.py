"""Install and uninstall: the hooks of git in one repository, or in one worktree of it.

Promises: what is there goes on running, untouched; uninstall leaves the bytes it found. What is
to be done is recorded first, so that after `kill -9` the next call takes it out and, when it is
an install, begins anew. Two at once take turns. Refuses: to overwrite or remove a file that is
not as we wrote it, and to begin where it could not end.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import Problem, Refused
from gitcoord.git.repository import Repository
from gitcoord.hooks import editing
from gitcoord.hooks.editing import Edit, plan_keys, plan_sections, values_in
from gitcoord.hooks.events import OTHERS, OURS, WHERE_PRESENT
from gitcoord.hooks.installed import (
    INSTALLED,
    INSTALLING,
    UNINSTALLING,
    Installed,
    alone,
    begun,
    digest,
    read_installed,
    write_installed,
)
from gitcoord.hooks.places import (
    FOLDER,
    REDIRECT,
    Place,
    choose_way,
    hooks_path,
    place_of,
)
from gitcoord.hooks.shims import passing, shim

PATH = "core.hooksPath"
_EXTENSION = "extensions.worktreeConfig"
_FRESH = ".gitcoord-new"
# What is worth a word when the file is gone; once for a commit is enough.
_SAYING = ("pre-commit", "pre-push")


@dataclass(frozen=True)
class Plan:
    """wanted: what would be recorded. files: name -> content. old: what is taken out first.

    edited: files of ours that are no longer as we wrote them: nothing is done. done: all of it
    is in place already.
    """

    place: Place
    wanted: Installed
    files: Mapping[str, bytes]
    old: Installed | None
    edited: tuple[Path, ...]
    done: bool


def plan_install(repo: Repository, *, here: bool) -> Plan:
    """What an install would do. Raises Refused, and Problem where it could not write."""
    place = place_of(repo, here=here)
    old = read_installed(place.record)
    if here and old is None and read_installed(place_of(repo, here=False).record):
        raise Refused(
            "the hooks are installed for the whole repository already",
            hint="take those out first: gitcoord hooks uninstall",
        )
    ours, instead = _our_path(old)
    path = hooks_path(repo, here=here, ours=ours, instead=instead)
    way = choose_way(place, path, ours=old.files if old and old.way == FOLDER else ())
    folder = place.hooks if way == FOLDER else place.own
    chain: Path | str | None = None
    if way == REDIRECT:
        chain = place.hooks if path is None else path
    files = _files(way, chain)
    _check_writable(place, folder)
    wanted = Installed(
        state=INSTALLED,
        way=way,
        chain="" if chain is None else str(chain),
        folder=folder,
        made=old.made if old and old.folder == folder else not folder.exists(),
        files={name: digest(content) for name, content in files.items()},
        edits=tuple(_edits(repo, place, way)),
    )
    edited = changed_files(old) if old else ()
    return Plan(place, wanted, files, old, edited, _in_place(repo, old, wanted))


def install(repo: Repository, *, here: bool) -> Plan:
    """Put them in; what was there of ours is taken out first. Raises Refused, Contended."""
    with alone(repo):
        _sweep(repo, place_of(repo, here=here))
        plan = plan_install(repo, here=here)
        if plan.edited or plan.done:
            return plan
        if plan.old is not None:
            _take_out(repo, plan.place, plan.old)
            plan = plan_install(repo, here=here)
        _put_in(plan)
        wrong = _not_in_force(repo, plan)
        if wrong:
            _take_out(repo, plan.place, plan.wanted)
            raise wrong
    return plan


@dataclass(frozen=True)
class Removal:
    """old: what there is to take out, None when nothing is. edited: as in Plan."""

    old: Installed | None
    edited: tuple[Path, ...]


def plan_uninstall(repo: Repository, *, here: bool) -> Removal:
    old = read_installed(place_of(repo, here=here).record)
    return Removal(old, changed_files(old) if old else ())


def uninstall(repo: Repository, *, here: bool) -> Removal:
    """Take them out. Raises Contended when git's configuration is locked."""
    place = place_of(repo, here=here)
    if not place.record.parent.is_dir():
        return Removal(None, ())
    with alone(repo):
        _sweep(repo, place)
        removal = plan_uninstall(repo, here=here)
        if removal.old is not None and not removal.edited:
            _take_out(repo, place, removal.old)
    return removal


def changed_files(old: Installed) -> tuple[Path, ...]:
    """Those that are no longer as we wrote them; one that is gone is no loss."""
    return tuple(
        old.folder / name
        for name, known in old.files.items()
        if os.path.lexists(old.folder / name) and digest_of(old.folder / name) != known
    )


def digest_of(file: Path) -> str:
    return digest(file.read_bytes()) if file.is_file() and not file.is_symlink() else ""


def _our_path(old: Installed | None) -> tuple[str, tuple[str, ...]]:
    """The core.hooksPath we set, and what it was before."""
    for edit in old.edits if old else ():
        if PATH in edit.keys:
            ours, before = edit.keys[PATH]
            return ours, tuple(before)
    return "", ()


def _files(way: str, chain: Path | str | None) -> dict[str, bytes]:
    files = {event: shim(event, chain) for event in OURS}
    if way == REDIRECT and chain is not None:
        present = [event for event in WHERE_PRESENT if os.access(f"{chain}/{event}", os.X_OK)]
        files |= {event: passing(event, chain) for event in (*OTHERS, *present)}
    return files


def _edits(repo: Repository, place: Place, way: str) -> Iterator[Edit]:
    if way == FOLDER:
        return
    if place.here and not _have_own(repo):
        yield plan_keys(repo, repo.common_dir / "config", {_EXTENSION: "true"})
    wanted = planned_keys(place, way)
    if way == REDIRECT:
        yield plan_keys(repo, place.config, wanted)
    else:
        yield plan_sections(place.config, wanted)


def planned_keys(place: Place, way: str) -> dict[str, str]:
    """Key -> value that git's configuration has of us."""
    if way == FOLDER:
        return {}
    if way == REDIRECT:
        return {PATH: str(place.own)}
    return {
        f"hook.gitcoord-{event}.{key}": value
        for event in OURS
        for key, value in (("event", event), ("command", _command(place.own, event)))
    }


def _have_own(repo: Repository) -> bool:
    """Whether worktrees may have a configuration of their own already.

    Raises Refused where turning that on would change what they are: git-worktree(1) has
    core.bare and core.worktree moved to the main worktree's own first, by who knows that no
    other git or tool reads them from where they are.
    """
    file = repo.common_dir / "config"
    if values_in(repo, file, _EXTENSION)[-1:] == ["true"]:
        return True
    said = [key for key in ("core.bare", "core.worktree") if values_in(repo, file, key)]
    if "core.worktree" in said or values_in(repo, file, "core.bare")[-1:] == ["true"]:
        key = said[-1]
        raise Refused(
            f"{key} stands in the configuration that all worktrees share: with one for each "
            "worktree, all of them would take it for theirs",
            hint="install for the whole repository: gitcoord hooks install; or move it as "
            "git-worktree(1) says: git help worktree",
        )
    return False


def _command(folder: Path, event: str) -> str:
    """git has sh run this and adds the arguments: our file is read by that very sh, which saves
    a process. Where it is gone, git goes on."""
    file = shlex.quote(str(folder / event))
    say = "echo 'gitcoord: its hooks are gone; run: gitcoord hooks install' >&2"
    gone = f"{{ {say}; exit 0; }}" if event in _SAYING else "exit 0"
    return f"[ -r {file} ] || {gone}; . {file}"


def _check_writable(place: Place, folder: Path) -> None:
    for wanted in (folder, place.record.parent, place.config.parent):
        there = next(one for one in (wanted, *wanted.parents) if os.path.lexists(one))
        if not there.is_dir():
            raise Problem(f"{there} is not a folder", hint=f"see what it is: ls -ld '{there}'")
        if not os.access(there, os.W_OK | os.X_OK):
            raise Problem(
                f"cannot write in {there}: nothing was changed",
                hint=f"see who may: ls -ld '{there}'",
            )


def _in_place(repo: Repository, old: Installed | None, wanted: Installed) -> bool:
    if old is None or old.state != INSTALLED:
        return False
    same = (old.way, old.chain, old.folder, old.files) == (
        wanted.way,
        wanted.chain,
        wanted.folder,
        wanted.files,
    )
    keys = [(edit.file, key, ours) for edit in wanted.edits for key, (ours, _) in edit.keys.items()]
    return (
        same
        and all(digest_of(old.folder / name) == known for name, known in old.files.items())
        and all(values_in(repo, file, key) == [ours] for file, key, ours in keys)
    )


def _put_in(plan: Plan) -> None:
    write_installed(plan.place.record, plan.wanted, INSTALLING)
    plan.wanted.folder.mkdir(parents=True, exist_ok=True)
    for name, content in plan.files.items():
        _put(plan.wanted.folder, name, content)
    for edit in plan.wanted.edits:
        editing.apply(edit)
    write_installed(plan.place.record, plan.wanted, INSTALLED)


def _put(folder: Path, name: str, content: bytes) -> None:
    """A link is made only where nothing is, and what it names is whole."""
    fresh = folder / _FRESH
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777), "wb") as opened:
        opened.write(content)
    try:
        os.link(fresh, folder / name)
    except FileExistsError:
        raise Refused(
            f"{folder / name} was not there a moment ago, and is not ours",
            hint="again, with that one kept: gitcoord hooks install",
        ) from None
    finally:
        fresh.unlink(missing_ok=True)


def _not_in_force(repo: Repository, plan: Plan) -> Problem | None:
    if plan.wanted.way != REDIRECT:
        return None
    path = hooks_path(repo, here=plan.place.here)
    if path == str(plan.place.own):
        return None
    return Refused(
        f"core.hooksPath is {path!r} from a place that outweighs {plan.place.config}",
        hint="see where: git config --show-origin --get-all core.hooksPath",
    )


def _sweep(repo: Repository, place: Place) -> None:
    """What processes of ours left that were killed before there was a record."""
    begun(place.record).unlink(missing_ok=True)
    for config in {place.config, repo.common_dir / "config"}:
        editing.sweep(config)


def _take_out(repo: Repository, place: Place, old: Installed) -> None:
    """Hooks stop first, then their files go, the record last."""
    write_installed(place.record, old, UNINSTALLING)
    for edit in reversed(old.edits):
        if _EXTENSION not in edit.keys or not _worktrees_with_own(repo):
            editing.take_back(repo, edit)
    for name in (_FRESH, *old.files):
        (old.folder / name).unlink(missing_ok=True)
    if old.made:
        with suppress(OSError):
            old.folder.rmdir()
    place.record.unlink()


def _worktrees_with_own(repo: Repository) -> bool:
    """Whether some worktree has a configuration of its own, which needs the extension."""
    return any(
        file.exists()
        for file in (
            repo.common_dir / "config.worktree",
            *repo.common_dir.glob("worktrees/*/config.worktree"),
        )
    )
