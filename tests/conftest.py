"""One sealed environment for all tests, and one prepared repository copied per test.

Sealed: home, temporary folder, git's configuration, dates, editor, keys and network. A call
that tries to leave this machine fails, so an escaped model call cannot cost money or time.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is no failure: Hypothesis gives an example 200 ms by default.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Where there is memory to work in: a repository is copied in 3 ms there, in 29 to a full ext4.
MEMORY = Path("/dev/shm")
ROOM_NEEDED = 2**30
DATE = "2026-01-02T03:04:05+00:00"
FILES = {
    "README.md": "# shop\n\nA small shop.\n",
    "src/auth.py": (
        "import time\n\nTTL = 3600\n\n\ndef login(user, password):\n"
        "    token = issue_token(user)\n    return token\n\n\n"
        "def issue_token(user):\n    return (user, time.time() + TTL)\n"
    ),
    "src/cart.py": "from src.auth import login\n\n\ndef add(user, thing):\n    login(user, '')\n",
    "tests/test_auth.py": (
        "from src.auth import login\n\n\ndef test_login():\n    assert login('a', 'b')\n"
    ),
    ".gitignore": "*.log\n.env\nbuild/\n",
}


def pytest_configure() -> None:
    """Tests work in memory, if programs may run there, unless TMPDIR names another place."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    runs = not os.statvfs(MEMORY).f_flag & getattr(os, "ST_NOEXEC", 0)
    if runs and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_NEEDED:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is killed again and again takes longest: at the end it would keep one core waiting."""
    items.sort(key=lambda test: "killed" not in test.path.name)


@dataclass(frozen=True)
class Sandbox:
    """A real repository in a temporary folder, for tests to work in."""

    path: Path

    def git(self, *argv: str, at: Path | None = None, ok: bool = True, **env: str) -> str:
        """Run git as a user would (hooks and all). Returns stdout without the last newline."""
        done = subprocess.run(
            ["git", *argv],
            cwd=at or self.path,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if ok and done.returncode:
            raise AssertionError(f"git {argv}: {os.fsdecode(done.stderr)}")
        return os.fsdecode(done.stdout).removesuffix("\n")

    def write(self, name: str, content: str | bytes, at: Path | None = None) -> Path:
        target = (at or self.path) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def commit(self, message: str, files: dict[str, str | bytes], at: Path | None = None) -> str:
        """Write files, commit everything, return the commit's id."""
        for name, content in files.items():
            self.write(name, content, at)
        self.git("add", "-A", at=at)
        self.git("commit", "-q", "--allow-empty", "-m", message, at=at)
        return self.git("rev-parse", "HEAD", at=at)


def seal(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("GIT_", "GITCOORD_", "ANTHROPIC_", "OPENAI_", "CLAUDE", "XDG_")):
            monkeypatch.delenv(name)
    config = home / ".config"
    (config / "git").mkdir(parents=True)
    (config / "git" / "config").write_text(
        "[user]\n\tname = Ada Tester\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
        '[protocol "file"]\n\tallow = always\n[commit]\n\tgpgSign = false\n'
    )
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": DATE,
        "GIT_COMMITTER_DATE": DATE,
        "GIT_EDITOR": "false",
        "EDITOR": "false",
        "NO_COLOR": "1",
        "COLUMNS": "120",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def sealed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every test: a home of its own, no keys, no way out. Returns that home."""
    home = tmp_path / "home"
    seal(monkeypatch, home)
    connect = socket.socket.connect

    def only_here(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not (
            str(address[0]).startswith("127.") or address[0] in ("::1", "localhost")
        ):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    return home


@pytest.fixture(scope="session", autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the killed leave in the temporary folder goes with that of the tests."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with three commits, built once (21 ms) and copied per test (2 ms)."""
    with pytest.MonkeyPatch.context() as patch:
        seal(patch, tmp_path_factory.mktemp("home"))
        sandbox = Sandbox(tmp_path_factory.mktemp("prepared") / "shop")
        sandbox.path.mkdir()
        sandbox.git("init", "-q")
        sandbox.commit("Start the shop", dict(FILES))
        sandbox.commit(
            "Shorten the life of a token",
            {"src/auth.py": FILES["src/auth.py"].replace("3600", "60")},
        )
        sandbox.commit("Say what it is", {"README.md": "# shop\n\nA small shop with a login.\n"})
        yield sandbox.path


@pytest.fixture
def sandbox(prepared: Path, tmp_path: Path) -> Sandbox:
    """A fresh copy of the prepared repository, at `tmp_path/shop`."""
    target = tmp_path / "shop"
    shutil.copytree(prepared, target, symlinks=True)
    return Sandbox(target)
