"""Hooks that were there before ours, as husky, pre-commit and people write them, and what they
were given; and a gitcoord that only writes down how it was called."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.hooks import shims
from tests.conftest import Sandbox

EVENTS = (
    *("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-rewrite"),
    *("post-checkout", "pre-merge-commit", "post-merge", "pre-push", "reference-transaction"),
)

# Of the virtual environment that tests run in: it has no gitcoord of its own.
PYTHON: str = getattr(sys, "_base_executable", sys.executable)

# Writes down all that it was given, and ends as the file `ends` beside it says.
DUMP = f"""#!{PYTHON} -IS
import json, os, sys
from pathlib import Path
event, told = os.path.basename(sys.argv[0]), Path(TOLD)
stdin = sys.stdin.buffer.read().decode("latin-1")
given = dict(event=event, argv=sys.argv, stdin=stdin, env=dict(os.environ), cwd=os.getcwd())
(told / f"{{len(list(told.iterdir())):03d}}").write_text(json.dumps(given))
ends = told.parent / f"{{event}}.ends"
code = int(ends.read_text()) if ends.exists() else 0
if code > 128:
    os.kill(os.getpid(), code - 128)
sys.exit(code)
"""


def dump_hooks(folder: Path, told: Path) -> None:
    """A hook for each event that tells what it was given, in files of `told`."""
    told.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    for event in EVENTS:
        write(folder / event, DUMP.replace("TOLD", repr(str(told))))


def husky(sandbox: Sandbox, told: Path) -> None:
    """As husky 9 leaves a repository: `_` untracked, its `h` looks at $0 for whose turn it is."""
    own = sandbox.path / ".husky" / "_"
    for event in EVENTS:
        write(own / event, '#!/usr/bin/env sh\n. "$(dirname "$0")/h"')
    write(
        own / "h",
        '#!/usr/bin/env sh\n[ "$HUSKY" = "2" ] && set -x\nn=$(basename "$0")\n'
        's=$(dirname "$(dirname "$0")")/$n\n\n[ ! -f "$s" ] && exit 0\n\n'
        'export PATH="node_modules/.bin:$PATH"\nsh -e "$s" "$@"\nc=$?\n\n'
        '[ $c != 0 ] && echo "husky - $n script failed (code $c)"\nexit $c\n',
    )
    (own / ".gitignore").write_text("*")
    inner = told.parent / "inner"
    dump_hooks(inner, told)
    for event in EVENTS:
        (sandbox.path / ".husky" / event).write_text(f"'{inner / event}' \"$@\"\n")
    sandbox.commit("Use husky", {})
    sandbox.git("config", "core.hooksPath", ".husky/_")


def pre_commit(sandbox: Sandbox, told: Path) -> None:
    """As pre-commit writes it: what stood there before is `.legacy` in the folder of $0."""
    folder = sandbox.path / ".git" / "hooks"
    dump_hooks(told.parent / "inner", told)
    for event in EVENTS:
        write(
            folder / event,
            '#!/usr/bin/env bash\nARGS=(hook-impl)\nHERE="$(cd "$(dirname "$0")" && pwd)"\n'
            f'"$HERE/{event}.legacy" "$@"\n',
        )
        (folder / f"{event}.legacy").symlink_to(told.parent / "inner" / event)


def own_script(sandbox: Sandbox, told: Path) -> None:
    dump_hooks(sandbox.path / ".git" / "hooks", told)


def global_path(sandbox: Sandbox, told: Path) -> None:
    """One folder for all repositories of a user, named with a tilde."""
    dump_hooks(Path.home() / "all hooks", told)
    sandbox.git("config", "--global", "core.hooksPath", "~/all hooks/")


def absolute_path(sandbox: Sandbox, told: Path) -> None:
    dump_hooks(told.parent / "it's here", told)
    sandbox.git("config", "core.hooksPath", str(told.parent / "it's here") + "/")


LAYOUTS = {one.__name__: one for one in (husky, pre_commit, own_script, global_path, absolute_path)}


def lay(layout: str, sandbox: Sandbox, told: Path) -> None:
    """Have a repository as one of LAYOUTS, or as it is for "nothing"."""
    if layout != "nothing":
        LAYOUTS[layout](sandbox, told)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def said_to(told: Path) -> list[dict[str, Any]]:
    """What the hooks were given, in order."""
    return [json.loads(file.read_text()) for file in sorted(told.iterdir())]


def forget(told: Path) -> None:
    for file in told.iterdir():
        file.unlink()


def everything(sandbox: Sandbox) -> dict[str, tuple[int, str]]:
    """Path -> mode and content of all that an install could touch, records of ours left out."""
    found = {}
    for root in (sandbox.path, Path.home()):
        for file in sorted(root.rglob("*")):
            name = str(file.relative_to(root.parent))
            parts = file.relative_to(root).parts
            ours = "agentcoord" in parts and not any(part.startswith("hooks") for part in parts)
            if ours or "objects" in parts or file.name == "index":
                continue
            if file.is_symlink():
                found[name] = (0, os.readlink(file))
            elif file.is_file():
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                found[name] = (file.stat().st_mode, content)
            else:
                found[name] = (file.stat().st_mode, "")
    return found


class Ours:
    """A gitcoord in place of ours, for the shims to call. calls: what each was given."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "somewhere else" / "gitcoord"
        self._calls = folder / "calls"
        self._calls.mkdir()
        self.package.mkdir(parents=True)
        (self.package / "__init__.py").write_text("")
        self.end("sys.exit(0)")

    def end(self, how: str) -> None:
        """how: the last line of its main()."""
        (self.package / "main.py").write_text(
            "import json, os, sys, time\n"
            "def main():\n"
            "    there = os.path.isdir('/proc/self/fd')\n"
            "    fds = sorted(os.listdir('/proc/self/fd')) if there else []\n"
            "    streams = [os.readlink(f'/proc/self/fd/{fd}') for fd in range(3)] if fds else []\n"
            "    stdin = sys.stdin.buffer.read().decode('latin-1')\n"
            "    given = dict(argv=sys.argv, stdin=stdin, fds=fds, streams=streams,\n"
            "                 leader=os.getsid(0) == os.getpid(), cwd=os.getcwd())\n"
            f"    name = os.path.join({str(self._calls)!r}, str(time.monotonic_ns()))\n"
            "    with open(name + '.new', 'w') as file:\n"
            "        json.dump(given, file)\n"
            "    os.rename(name + '.new', name)\n"
            f"    {how}\n"
        )

    @property
    def calls(self) -> list[dict[str, Any]]:
        files = (file for file in sorted(self._calls.iterdir()) if file.suffix != ".new")
        return [json.loads(file.read_text()) for file in files]

    def forget(self) -> None:
        forget(self._calls)

    def events(self) -> list[str]:
        return [call["argv"][2] for call in self.calls]


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ours:
    """Shims installed from now on call this one, with a Python that has no gitcoord."""
    made = Ours(tmp_path)
    monkeypatch.setattr(shims, "package", lambda: made.package)
    monkeypatch.setattr(sys, "executable", PYTHON)
    return made
