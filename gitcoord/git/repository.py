"""Where we stand: one repository, seen from one of its worktrees.

Promises: `Repository.find` works from a subdirectory, a linked worktree, inside
`.git`, a bare repository, a submodule, a `.git` file and through symlinks, and
whatever `GIT_DIR` says. Refuses: a git older than 2.38, with the version it saw.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from gitcoord.errors import BadInput, GitFailed, NoSuch, NotARepository, Problem
from gitcoord.git.run import OLDEST, Output, end_group, program, run, silence, start

SETTINGS = ("config", "--list", "-z")
COMMIT = ("rev-parse", "--verify", "--quiet", "--end-of-options")


@dataclass(frozen=True)
class Repository:
    """A repository and the worktree we look at it from.

    top: root of that worktree, None in a bare repository or inside `.git`.
    git_dir: of that worktree. common_dir: shared by all worktrees; ours lives in it.
    object_format: `sha1` or `sha256`. overlay: environment that every git call gets, such as
    where new objects go.
    """

    top: Path | None
    git_dir: Path
    common_dir: Path
    object_format: str
    overlay: tuple[tuple[str, str], ...] = ()

    @classmethod
    def find(cls, folder: Path | str = ".") -> Repository:
        """The repository `folder` is in. Raises NotARepository, or Problem on an old git."""
        # The format, asked again and again, parts the paths: they may have newlines.
        part = "--show-object-format"
        question = start(
            "rev-parse", "--path-format=absolute", part, "--git-dir", part, "--git-common-dir",
            part, "--show-toplevel", cwd=folder,
        )  # fmt: skip
        try:
            check_version()  # meanwhile
            _silence_hooks(folder)
        except BaseException:
            end_group(question)
            raise
        out, err = question.communicate()
        asked = Output(question.returncode, out, err)
        object_format = asked.lines()[0] if asked.out else ""
        # Where there is no worktree the last question fails, after the others were answered.
        match f"\n{os.fsdecode(asked.out)}".split(f"\n{object_format}\n"):
            case ["", git_dir, common_dir, top]:
                place = Path(top.removesuffix("\n")) if top else None
                return cls(place, Path(git_dir), Path(common_dir), object_format)
        raise _why_not(Path(folder), asked)

    @property
    def home(self) -> Path:
        """A folder git can run in: the worktree, or the git dir where there is none."""
        return self.top or self.git_dir

    @property
    def own_dir(self) -> Path:
        """`.git/agentcoord`: what only this machine cares about. Made by who writes there."""
        return self.common_dir / "agentcoord"

    @property
    def null_id(self) -> str:
        """The object id that means "no object" in a ref transaction."""
        return "0" * (64 if self.object_format == "sha256" else 40)

    def seen_from(self, path: Path) -> Repository:
        """The same repository from its worktree at `path`."""
        return replace(self, top=path, git_dir=path)

    def run(
        self,
        *argv: str,
        input: bytes = b"",  # noqa: A002
        ok: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        at: Path | None = None,
        keep: Sequence[int] = (),
    ) -> Output:
        """git in this worktree, or in the worktree at `at`; the rest as in `git.run.run`."""
        over = {**dict(self.overlay), **(env or {})}
        return run(
            *argv, cwd=at or self.home, input=input, ok=ok, env=over, timeout=timeout, keep=keep
        )

    @cached_property
    def settings(self) -> dict[str, list[str]]:
        """git's configuration as this worktree sees it: key in git's lower case -> values."""
        return parse_settings(self.run(*SETTINGS))

    def setting(self, key: str, default: str = "") -> str:
        """The last value of a git configuration key, e.g. `user.email`."""
        return self.settings.get(key, [default])[-1]

    def find_commit(self, name: str) -> str | None:
        """The object id of the commit `name` means, None when it means none."""
        if not name or name.startswith(("-", "^")) or "\0" in name:
            return None
        asked = self.run(*COMMIT, f"{name}^{{commit}}", ok=(0, 1, 128))
        return asked.text if asked.code == 0 else None

    def commit(self, name: str) -> str:
        """The object id of the commit `name` means. Raises NoSuch."""
        found = self.find_commit(name)
        if found is None:
            raise NoSuch(
                f"{name!r} is not a commit in this repository",
                hint="list what there is with: git branch --all && git tag",
            )
        return found


def parse_settings(said: Output) -> dict[str, list[str]]:
    """git's answer to SETTINGS: key in git's lower case -> values."""
    found: dict[str, list[str]] = {}
    for entry in said.fields():
        key, _, value = entry.partition("\n")
        found.setdefault(key, []).append(value)
    return found


def check_version() -> None:
    """Raise a Problem unless git is 2.38 or newer (merge-tree --write-tree)."""
    if git_version() < OLDEST:
        seen = ".".join(map(str, git_version()))
        raise Problem(
            f"git {seen} is too old: gitcoord needs {OLDEST[0]}.{OLDEST[1]} or newer",
            hint=f"upgrade git (this one is {program()}), then: git --version",
        )


# Those that a git of ours could set off (githooks(5)).
_EVENTS = (
    *("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-merge-commit"),
    *("post-merge", "pre-rebase", "post-rewrite", "post-checkout", "reference-transaction"),
    *("pre-push", "post-index-change", "pre-auto-gc"),
)


def _silence_hooks(folder: Path | str) -> None:
    """Hooks that stand in git's configuration are not ours to run either.

    git 2.55 turns off whole events; 2.54 has only hooks by name, which one more process lists.
    """
    if git_version() >= (2, 55):
        silence(_EVENTS)
    elif git_version() >= (2, 54):
        asked = ("config", "--name-only", "-z", "--get-regexp", r"^hook\..*\.event$")
        named = run(*asked, cwd=folder, ok=(0, 1, 128)).fields()
        silence(key.removeprefix("hook.").removesuffix(".event") for key in named)


_versions: dict[tuple[str, int, int], tuple[int, ...]] = {}


def git_version() -> tuple[int, ...]:
    """(2, 39, 5) of the git on PATH; asked once per process."""
    path = program()
    stat = os.stat(path)  # noqa: PTH116
    key = (path, stat.st_mtime_ns, stat.st_size)
    if key not in _versions:
        said = run("version", cwd="/").text
        numbers = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", said)
        if numbers is None:
            raise Problem(
                f"{path} does not say its version: {said[:60]!r}", hint="run: git version"
            )
        _versions[key] = tuple(int(part) for part in numbers.groups(default="0"))
    return _versions[key]


def _why_not(folder: Path, asked: Output) -> Problem:
    """git gives one exit code for two facts: nothing here, or something it will not open."""
    if not folder.is_dir():
        return BadInput(f"{folder} is not a folder", hint="name an existing one: gitcoord -C DIR …")
    here = folder.resolve()
    for parent in (here, *here.parents):
        if os.path.lexists(parent / ".git"):
            refusal = GitFailed(("rev-parse",), asked.code, asked.err.decode("utf-8", "replace"))
            said = refusal.message.splitlines()[0]
            return NotARepository(
                f"git does not open the repository at {parent}: {said}",
                hint=f"see what git says: git -C '{parent}' status",
            )
    return NotARepository(
        f"{here} is not in a git repository",
        hint="go to one, or name it: gitcoord -C DIR … (git init makes a new one)",
    )
