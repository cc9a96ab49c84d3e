"""Commands an agent runs, behind walls of the kernel or not at all.

Promises: where bubblewrap works, a command sees the worktree writable, git's folder and the rest
of the machine read-only, no secrets of the home folder, no sockets of /run, and no network unless
the settings allow it; its environment is an allow-list; it and all it started are gone when it
returns. Refuses: to run without these walls unless the settings say so by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitcoord.errors import BadInput, Refused
from gitcoord.git.run import inherited
from gitcoord.records import random_text
from gitcoord.runtime.api.capped import listen
from gitcoord.runtime.api.reach import HOOKS, SETTINGS, Reach

_ALLOWED = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR",
     "VIRTUAL_ENV", "PYTHONPATH", "JAVA_HOME", "GOPATH", "GOROOT", "CARGO_HOME", "RUSTUP_HOME",
     "NODE_PATH", "NVM_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
)  # fmt: skip
# What a home folder keeps from others: a command that can read it can print it.
_SECRETS = (
    ".ssh", ".gnupg", ".aws", ".azure", ".docker", ".kube", ".netrc", ".npmrc", ".pypirc",
    ".config/gcloud", ".config/gh", ".config/gitcoord", ".config/anthropic",
    ".config/git/credentials", ".git-credentials", ".claude", ".claude.json", ".codex", ".gemini",
    ".anthropic", ".password-store", ".local/share/keyrings", ".bash_history", ".zsh_history",
)  # fmt: skip
_NO_TIME = 124
_MARK = "GITCOORD_CALL"


@dataclass(frozen=True)
class Shell:
    """walls: "bubblewrap" or "none". network: with bubblewrap, whether it is shared. own_dir:
    `.git/agentcoord`, whose parent is git's folder."""

    reach: Reach
    own_dir: Path
    walls: str
    network: bool
    environment: Mapping[str, str]
    most: int
    stopped: Callable[[], bool]

    def run(self, command: str, seconds: float) -> str:
        """Run it with `sh -c` in the worktree: its exit code, and what it said on both streams."""
        if not command.strip() or "\0" in command:
            raise BadInput("name a command")
        argv = [*self._walls(), "sh", "-c", command]
        before, mark = self._settings(), f"{_MARK}={random_text(12)}"
        told = {**environment(self.environment), _MARK: mark.partition("=")[2]}
        process = subprocess.Popen(
            argv, cwd=self.reach.root, env=told, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0,
        )  # fmt: skip
        said = listen(process, most=self.most, seconds=seconds, stopped=self.stopped, mark=mark)
        made = self._take_out(before)
        code = _NO_TIME if said.code is None else said.code
        notes = [f"ended after {seconds:g} s"] if said.code is None else []
        notes += [f"{name} was taken out again: settings are out of reach" for name in made]
        head = "; ".join([f"exit code {code}", *notes])
        return f"{head}\n{said.text}" if said.text else head

    def _walls(self) -> Sequence[str]:
        if self.walls == "none":
            return ()
        program = bubblewrap()
        if program is None:
            raise Refused("commands are off: bubblewrap does not work here")
        return [program, *bounds(self.reach, self.own_dir.parent, network=self.network)]

    def _settings(self) -> set[str]:
        """What is at the top that agents, git and shells take settings and hooks from."""
        top = Path(self.reach.root)
        return {name for name in SETTINGS | HOOKS if os.path.lexists(top / name)}

    def _take_out(self, before: set[str]) -> list[str]:
        """A command may not leave settings that another's program would obey, hooks included."""
        made = sorted(self._settings() - before) if self.walls != "none" else []
        for name in made:
            path = Path(self.reach.root) / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        return made


@cache
def bubblewrap() -> str | None:
    """The program, when it is there and the kernel lets it work; tried once per process."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    walls = ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all")
    tried = subprocess.run(
        [program, *walls, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return None if tried.returncode else program


def bounds(reach: Reach, git_dir: Path, *, network: bool) -> list[str]:
    """What bubblewrap is told. Later ones win, so the worktree comes after what hides it."""
    top, home = reach.root, Path.home()
    argv = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    hidden = ("/tmp", "/var/tmp", "/run", "/var/run")  # noqa: S108
    argv += [word for one in hidden if not Path(one).is_symlink() for word in ("--tmpfs", one)]
    for name in _SECRETS:
        secret = home / name
        if secret.is_dir():
            argv += ["--tmpfs", str(secret)]
        elif secret.exists():
            argv += ["--ro-bind", "/dev/null", str(secret)]
    if network:
        argv += ["--ro-bind-try", "/run/systemd/resolve", "/run/systemd/resolve"]
    git = str(git_dir.resolve())
    records = Path(git) / "agentcoord"
    sealed = ["--ro-bind", git, git, *(("--tmpfs", str(records)) if records.is_dir() else ())]
    argv += [*sealed, "--bind", top, top]
    if Path(git).is_relative_to(top):
        argv += sealed
    kept = [*sorted(SETTINGS | HOOKS), *reach.hooks, ".agentcoord"]
    for path in (f"{top}/{name}" for name in kept if name):
        if Path(path).exists() and not Path(path).is_symlink() and path != git:
            argv += ["--ro-bind", path, path]
    argv += ["--unshare-all", *(("--share-net",) if network else ())]
    return [*argv, "--die-with-parent", "--new-session", "--chdir", top, "--"]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """What a command is told of our environment: an allow-list, and what its task adds."""
    ours = inherited()
    kept = {name: value for name, value in ours.items() if name in _ALLOWED or name[:3] == "LC_"}
    return {**kept, **more, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
