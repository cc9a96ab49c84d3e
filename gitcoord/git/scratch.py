"""Worktrees outside the user's sight: shown any commit or tree, used by a command, thrown away.

Promises: whatever a command does in a scratch (commit, tag, stash, config, gc, `rm -rf .git`),
the user's refs, index, stash, config, hooks and `git worktree list` stay as they are, and the
next commit shown there finds none of it. A killed process leaves a folder that
`list_leftovers` knows by its lock, and nothing in the repository but a note naming it.
Refuses: to fill submodules (`git submodule update` works in a scratch).

How: a scratch is a repository of its own that borrows the user's objects
(`objects/info/alternates`), copies the names of refs and includes the configuration, so
`git log`, `describe` and `rev-parse` answer as they would at home. A registered worktree
would share stash, refs and config with the user's. Filters run as configured; git-lfs
looks for objects in the alternates before it downloads.

Where: in the temporary folder, unless programs may not run there. Below `.git`, jest finds no
test (it ignores all paths with `/.git/` in them), and tools that look upward for their
configuration or for `node_modules` would find those of the user's checkout.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import LifoQueue

import tomli_w

from gitcoord.errors import GitFailed, NoSuch, Problem
from gitcoord.git.borrowed import folder_name, lay_out
from gitcoord.git.repository import Repository
from gitcoord.git.run import OFF, Output, inherited, run
from gitcoord.records import now, random_text

# What a git dir keeps from one commit to the next: caches that name no commit.
_KEPT = frozenset({"objects", "modules", "lfs"})
_NOBODY = ("-c", "user.name=gitcoord", "-c", "user.email=", "-c", "commit.gpgSign=false")
_ALMOST_FULL = 1 << 16  # bytes


@dataclass(frozen=True)
class Leftover:
    """What a killed process left. note: our file that says so. folder: None when never made."""

    note: Path
    folder: Path | None


@dataclass(frozen=True)
class Scratch:
    """One worktree and its own git dir, side by side in `home`.

    tree: the worktree, named like the repository's folder: Gradle, compose and others name
    a project after it. keep: file descriptors that a program started here should inherit, so
    that the folder counts as in use while the program lives on after us.
    """

    home: Path
    tree: Path
    keep: tuple[int, ...]
    seed: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def pool(cls, repo: Repository, size: int, *, at: Path | None = None) -> Pool:
        """`size` scratches in a folder of their own, in `at` or the temporary folder."""
        return Pool(repo, size, at=at)

    @property
    def git_dir(self) -> Path:
        return self.home / "git"

    @property
    def environment(self) -> dict[str, str]:
        """For programs that run here: the caller's, without `GIT_*`; git neither asks for
        passwords nor looks for a repository above the scratch when `.git` is gone. A commit made
        here runs no hook of ours, which would have it validated, here."""
        ours = {"GIT_CEILING_DIRECTORIES": str(self.home), "GIT_TERMINAL_PROMPT": "0", OFF: "off"}
        return inherited() | ours

    def show(self, name: str, *, parents: Sequence[str] = ()) -> str:
        """Make the worktree exactly what `name` (a commit or a tree) holds; the commit's id.

        Everything else in it is gone, ignored files too: Python trusts bytecode of the same
        second and size, so a leftover could answer for another commit. HEAD is detached there.
        A tree gets a commit with `parents`, known to this scratch only.
        Raises NoSuch, GitFailed, and Problem when the disk is full.
        """
        try:
            return self._show(name, parents)
        except (GitFailed, OSError) as failure:
            _check_room(self.home, failure)
        try:
            remove_folder(self.tree)
            self._index.unlink(missing_ok=True)
            return self._show(name, parents)
        except (GitFailed, OSError) as failure:
            _check_room(self.home, failure)
            raise

    def run(
        self,
        *argv: str,
        input: bytes = b"",  # noqa: A002
        ok: Sequence[int] = (0,),
        timeout: float | None = None,
    ) -> Output:
        """git in this scratch. What it writes stays here."""
        where = {"GIT_DIR": str(self.git_dir), "GIT_WORK_TREE": str(self.tree)}
        return run(
            *argv, cwd=self.tree, input=input, ok=ok, env=where, timeout=timeout, keep=self.keep
        )

    @property
    def _index(self) -> Path:
        """The index as `show` left it, where no command finds it to set flags in."""
        return self.home / "index"

    def _show(self, name: str, parents: Sequence[str]) -> str:
        self._lay()
        commit = self._commit(name, parents)
        if self._index.exists():
            # The times must stay: git tells by them what changed in the second of the index.
            shutil.copy2(self._index, self.git_dir / "index")
            self.run("clean", "-ffdxq")
        self.run("read-tree", "--reset", "-u", commit)
        shutil.copy2(self.git_dir / "index", self._index)
        _put(self.git_dir / "HEAD", f"{commit}\n".encode())
        return commit

    def _lay(self) -> None:
        """The git dir anew, so that no command's config, lock, ref or half merge stays."""
        if self.tree.is_symlink() or not self.tree.is_dir():
            remove_folder(self.tree)
            self._index.unlink(missing_ok=True)
        self.tree.mkdir(parents=True, exist_ok=True)
        self.git_dir.mkdir(exist_ok=True)
        for entry in list(os.scandir(self.git_dir)):
            if entry.name not in _KEPT or entry.is_symlink():
                remove_folder(Path(entry.path))
        for folder in ("refs", "info", "objects/info"):
            (self.git_dir / folder).mkdir(parents=True, exist_ok=True)
        for name, content in self.seed.items():
            _put(self.git_dir / name, content)
        _put(self.tree / ".git", b"gitdir: ../git\n")

    def _commit(self, name: str, parents: Sequence[str]) -> str:
        commit, tree = self._find(f"{name}^{{commit}}", f"{name}^{{tree}}")
        if commit is None and tree is not None:
            onto = [word for parent in parents for word in ("-p", parent)]
            commit = self.run(*_NOBODY, "commit-tree", *onto, "-m", "scratch", tree).text
        if commit is None:
            raise NoSuch(
                f"{name!r} is neither a commit nor a tree in this repository",
                hint="see what it is with: git cat-file -t",
            )
        return commit

    def _find(self, *names: str) -> Iterator[str | None]:
        """The object ids, None for what is missing. One process for all."""
        if any("\n" in name for name in names):
            return iter([None] * len(names))
        asked = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        said = self.run("cat-file", "--batch-check=%(objectname)", input=asked).lines()
        return (None if line.endswith((" missing", " ambiguous")) else line for line in said)


class Pool:
    """Scratches to borrow, from any thread. Use it in a `with`; the end removes the folder."""

    def __init__(self, repo: Repository, size: int, *, at: Path | None = None) -> None:
        """Raises Problem when there is no room or no right to write."""
        if size < 1:
            raise ValueError(f"a pool of {size} scratches")
        seed = lay_out(repo)
        root = at or _place(repo)
        with _as_problem(root):
            remove_leftovers(repo)
            self._note, self.folder, self._lock = _claim(repo, root)
            try:
                homes = [self.folder / str(number) for number in range(size)]
                self.scratches = tuple(
                    Scratch(home, home / folder_name(repo), (self._lock,), seed) for home in homes
                )
                self._free: LifoQueue[Scratch] = LifoQueue()
                for scratch in reversed(self.scratches):
                    scratch.home.mkdir(parents=True, mode=0o700)
                    self._free.put(scratch)
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def one(self) -> Iterator[Scratch]:
        """A scratch for the time of the `with`; waits until one is free. The one used last
        comes first: it is filled already, and moving it costs 1/50 of filling another."""
        scratch = self._free.get()
        try:
            yield scratch
        finally:
            self._free.put(scratch)

    def close(self) -> None:
        """Remove the folder. What cannot be removed now stays noted as a leftover."""
        if self._lock >= 0:
            with suppress(OSError):
                remove_folder(self.folder)
                self._note.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1


def list_leftovers(repo: Repository) -> list[Leftover]:
    """Scratch folders whose process, and all programs it started there, are gone."""
    found = []
    for note in _notes(repo):
        with _taken(note) as taken:
            if taken:
                found.append(Leftover(note, _folder(note)))
    return found


def remove_leftovers(repo: Repository) -> list[Leftover]:
    """Remove them; returns those that are gone now. What cannot be removed stays listed."""
    gone = []
    for note in _notes(repo):
        with _taken(note) as taken, suppress(OSError):
            if taken:
                folder = _folder(note)
                if folder is not None:
                    remove_folder(folder)
                note.unlink(missing_ok=True)
                gone.append(Leftover(note, folder))
    return gone


def remove_folder(path: Path) -> None:
    """Remove a file, a link (not what it leads to) or a folder, read-only folders in it too."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    with suppress(OSError):
        shutil.rmtree(path)
        return
    path.chmod(0o700)
    for parent, folders, _ in os.walk(path):
        for name in folders:
            inner = Path(parent, name)
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(path)


def _place(repo: Repository) -> Path:
    """The temporary folder, unless no program may run in it."""
    found = Path(tempfile.gettempdir()).resolve()
    noexec = getattr(os, "ST_NOEXEC", 0)  # Linux says it; macOS has no such temporary folder
    return _notes_dir(repo) if os.statvfs(found).f_flag & noexec else found


def _claim(repo: Repository, root: Path) -> tuple[Path, Path, int]:
    """Note the folder, locked, then make it: (note, folder, descriptor of the lock)."""
    token = random_text(8)
    folder = root / f"gitcoord-{token}"
    note = _notes_dir(repo) / f"{token}.toml"
    with _turn(repo):
        lock = os.open(note, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        about = {"schema": 1, "folder": str(folder), "pid": os.getpid(), "since": now()}
        os.write(lock, tomli_w.dumps(about).encode("utf-8", "surrogateescape"))
        folder.mkdir(mode=0o700)
    except BaseException:
        note.unlink()
        os.close(lock)
        raise
    return note, folder, lock


def _notes_dir(repo: Repository) -> Path:
    return repo.own_dir / "scratch"


def _notes(repo: Repository) -> list[Path]:
    """The notes there are, none of them between being made and being locked."""
    # Where we may not write we have left nothing, or may not remove it.
    with suppress(OSError):
        if _notes_dir(repo).is_dir():
            with _turn(repo):
                return sorted(_notes_dir(repo).glob("*.toml"))
    return []


@contextmanager
def _turn(repo: Repository) -> Iterator[None]:
    """One process at a time: a note is never seen without its lock."""
    _notes_dir(repo).mkdir(parents=True, exist_ok=True)
    lock = os.open(_notes_dir(repo) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _taken(note: Path) -> Iterator[bool]:
    """Whether nobody holds the note; it is ours for the time of the `with` then."""
    try:
        lock = os.open(note, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)


def _folder(note: Path) -> Path | None:
    """The folder a note names, if it can only be ours: named after the note, our own, no link."""
    with suppress(OSError, KeyError, TypeError, tomllib.TOMLDecodeError):
        said = tomllib.loads(note.read_bytes().decode("utf-8", "surrogateescape"))
        folder = Path(said["folder"])
        seen = folder.lstat()
        ours = stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid()
        return folder if ours and folder.name == f"gitcoord-{note.stem}" else None
    return None


def _put(path: Path, content: bytes) -> None:
    """Write a new file; a link or folder in its place is replaced, never followed."""
    remove_folder(path)
    with path.open("xb") as file:
        file.write(content)


@contextmanager
def _as_problem(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _check_room(root, error)
        raise Problem(
            f"cannot write {error.filename or root} for a scratch worktree: {error.strerror}",
            hint="name a folder that can be written: TMPDIR=/some/folder gitcoord …",
        ) from error


def _check_room(folder: Path, failure: Exception) -> None:
    """Raise a Problem when what failed can be put down to a full disk.

    git says so in prose only; what is left of the disk says it too.
    """
    full = isinstance(failure, OSError) and failure.errno in (errno.ENOSPC, errno.EDQUOT)
    with suppress(OSError):
        left = os.statvfs(folder)
        no_inode = left.f_files and not left.f_favail
        no_block = left.f_blocks and left.f_bavail * left.f_frsize < _ALMOST_FULL
        full = full or bool(no_inode or no_block)
    if full:
        raise Problem(
            f"no room left in {folder} for a scratch worktree",
            hint="free some, or use another disk: TMPDIR=/some/folder gitcoord …",
        ) from failure
