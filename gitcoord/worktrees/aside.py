"""What fits no commit, kept beside it: moved away on removal, moved back by undo.

    .git/agentcoord/trash/<id>/aside/   ignored files, nested repositories, submodules, large files
                               admin/   the worktree's own git dir, as git knew it
                               found/   a folder nobody could account for

Promises: a thing moved is whole in one of its two places at every instant, also from one
file system to another, and nothing is written over or deleted on the way.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import git_dir_of
from gitcoord.records import random_text

_PARTIAL = ".gitcoord-partial-"
# Another disk; a folder of somebody else's, which Linux renames only where it is.
_NO_RENAME = (errno.EXDEV, errno.EACCES, errno.EPERM)


def trash_folder(repo: Repository, worktree_id: str) -> Path:
    """Where everything waits that belongs to one removed worktree."""
    return repo.own_dir / "trash" / worktree_id


def make_room(repo: Repository, worktree_id: str) -> None:
    """What an earlier life of this worktree left beside its recovery copy gets another name."""
    folder = trash_folder(repo, worktree_id)
    if os.path.lexists(folder):
        folder.rename(folder.with_name(f"{worktree_id}.{random_text(4)}"))


def move_aside(top: Path, aside: Path, names: Iterable[str]) -> None:
    """Move `names` (relative to `top`) to `aside`. Can be done again after it was cut short."""
    for name in _outermost(names):
        source, target = top / name, aside / name
        if os.path.lexists(source) and not os.path.lexists(target):
            _carry(source, target)


def bring_back(aside: Path, top: Path) -> None:
    """Move all that `aside` holds into `top`. A file that is there already is replaced: what
    was set aside is what was on disk. Only what cannot be, a file where a folder is, stays."""
    for half in top.glob(f"{_PARTIAL}*"):
        _delete_copied(half)
    for one in sorted(aside.iterdir()) if aside.is_dir() else ():
        place = top / one.name
        if one.name.startswith(_PARTIAL):
            _delete_copied(one)
        elif _is_folder(one) and _is_folder(place) and any(place.iterdir()):
            bring_back(one, place)
        elif not os.path.lexists(place) or _is_folder(one) == _is_folder(place):
            _carry(one, place)
            _delete_copied(one)
    with suppress(OSError):
        aside.rmdir()


def relink_submodules(
    repo: Repository, old_admin: Path, old_top: Path, admin: Path, top: Path
) -> None:
    """Have a worktree's submodules find their git dirs again, where names or places changed.

    The two point at each other by relative paths: `core.worktree` in one, `.git` in the other.
    """
    for git_dir in submodule_git_dirs(admin):
        asked = ("config", "--file", str(git_dir / "config"))
        said = repo.run(*asked, "--get", "core.worktree", ok=(0, 1)).text
        old_tree = Path(os.path.normpath(old_admin / git_dir.relative_to(admin) / said))
        if not said or not old_tree.is_relative_to(old_top):
            continue
        tree = top / old_tree.relative_to(old_top)
        wanted = os.path.relpath(tree, git_dir)
        if said != wanted:
            repo.run(*asked, "core.worktree", wanted)
        if (tree / ".git").is_file():
            pointer = f"gitdir: {os.path.relpath(git_dir, tree)}\n"
            (tree / ".git").write_bytes(os.fsencode(pointer))


def submodule_git_dirs(admin: Path) -> list[Path]:
    """The git dirs of a linked worktree's submodules, nested ones included."""
    return list(_git_dirs(admin / "modules"))


def set_apart(repo: Repository, folder: Path, worktree_id: str) -> Path:
    """Keep a folder nobody can account for, whole. Returns where it is now."""
    target = trash_folder(repo, worktree_id) / "found" / random_text(6)
    _carry(folder, target)
    _delete_copied(folder)
    return target


def clear_trash_folder(repo: Repository, worktree_id: str) -> None:
    """After undo: the git dir that was kept is superfluous; what could not go back stays."""
    folder = trash_folder(repo, worktree_id)
    delete_folder(folder / "admin")
    for inner, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            os.rmdir(inner)  # noqa: PTH106


def points_at(folder: Path, admin: Path | None) -> bool:
    """Whether the `.git` in `folder` leads to `admin`: only then is it that worktree."""
    found = git_dir_of(folder)
    return found is not None and admin is not None and found.resolve() == admin.resolve()


def delete_folder(folder: Path) -> None:
    """Delete a folder, read-only parts included. Raises Problem naming what stays.

    A folder that cannot even be listed stays: nobody has seen what is in it.
    """

    def make_writable(function: Callable[[str], object], path: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        if not isinstance(error, PermissionError) or function not in (os.unlink, os.rmdir):
            raise error
        os.chmod(os.path.dirname(path), stat.S_IRWXU)  # noqa: PTH101, PTH120
        function(path)

    if not folder.is_dir() or folder.is_symlink():
        return
    try:
        _rmtree(folder, make_writable)
    except OSError as error:
        raise Problem(
            f"{folder} could not be deleted whole: {error.filename}: {error.strerror}",
            hint=f"look what is left, then delete it: rm -rf '{folder}'",
        ) from error


def _rmtree(folder: Path, on_error: Any) -> None:
    import sys

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=on_error)
    else:
        shutil.rmtree(folder, onerror=lambda f, p, info: on_error(f, p, info[1]))


def _carry(source: Path, target: Path) -> None:
    """Rename, else copy: to another file system `target` appears whole or not at all.

    A copied source stays where it is.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        source.replace(target)
        return
    except OSError as error:
        if error.errno not in _NO_RENAME:
            raise
    partial = target.with_name(_PARTIAL + random_text(6))
    try:
        if _is_folder(source):
            shutil.copytree(source, partial, symlinks=True, copy_function=_copy)
        else:
            _copy(str(source), str(partial))
        if os.path.lexists(partial):
            partial.replace(target)
    except shutil.Error as error:
        raise Problem(
            f"{source} could not be copied whole: {error.args[0][0][-1]}",
            hint=f"see who may read it: ls -l '{source}'",
        ) from error
    finally:
        _delete_copied(partial)


def _copy(source: str, target: str) -> str:
    """A file or a link with its times and permissions; what is neither holds nothing."""
    kind = os.lstat(source).st_mode
    if stat.S_ISREG(kind) or stat.S_ISLNK(kind):
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def _delete_copied(path: Path) -> None:
    if _is_folder(path):
        delete_folder(path)
    else:
        path.unlink(missing_ok=True)


def _outermost(names: Iterable[str]) -> Iterator[str]:
    """The names that lie in no other of them."""
    last: str | None = None
    for name in sorted(set(names), key=lambda one: one.split("/")):
        if last is None or not name.startswith(f"{last}/"):
            last = name
            yield name


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _git_dirs(modules: Path) -> Iterator[Path]:
    """Git dirs below `modules`; a submodule's name may have slashes, and modules of its own."""
    names: Sequence[Path] = sorted(modules.iterdir()) if modules.is_dir() else ()
    for folder in names:
        if (folder / "HEAD").is_file() and (folder / "config").is_file():
            yield folder
            yield from _git_dirs(folder / "modules")
        elif _is_folder(folder):
            yield from _git_dirs(folder)
