"""What is made for trying agents stays out of the way of everything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gitcoord
from tests.conftest import Sandbox

PACKAGE = Path(gitcoord.__file__).parent
MAY = {"runtime/demo.py", "runtime/demo_shop.py", "runtime/programs/probe.py"}


def modules_after(code: str, at: Path) -> set[str]:
    """Names of all modules imported after the code ran in a process of its own."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=at, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_nobody_imports_it_but_who_may() -> None:
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if "gitcoord.testing" in file.read_text(encoding="utf-8") and file.parent.name != "testing"
    }
    assert users <= MAY


def test_the_server_and_the_program_import_nothing_heavy(tmp_path: Path) -> None:
    heavy = {"anthropic", "httpx2", "pydantic", "typer", "rich", "psutil"}
    assert not heavy & modules_after("import gitcoord.testing.server", tmp_path)
    light = {"asyncio", "http.client", *heavy}
    assert not light & modules_after("import gitcoord.testing.fake_agent", tmp_path)


def test_the_commands_do_not_import_it(sandbox: Sandbox) -> None:
    for words in (["list"], ["--help"], ["findings"], ["demo", "--help"], ["agents", "list"]):
        code = f"from gitcoord.main import answer\nanswer({words!r})"
        found = {name for name in modules_after(code, sandbox.path) if "testing" in name}
        assert not {name for name in found if name.startswith("gitcoord.")}, words
