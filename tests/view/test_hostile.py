"""Everything an agent can say, sent through every view there is: nothing reaches the terminal.

One agent's run is made with a real program whose words, findings, names of files and commits are
hostile, then each reading command shows it, piped and on a terminal.
"""

from __future__ import annotations

import os
import pty
import select
import stat
import subprocess
import time
from pathlib import Path

import pytest

from gitcoord.coordination.approvals import Call, ask
from gitcoord.git.repository import Repository
from gitcoord.runs.ledger import record_call
from gitcoord.runs.run import list_runs
from gitcoord.runs.usage import Usage
from tests.calling import PROGRAM, gitcoord
from tests.conftest import Sandbox

# A cleared screen, a title, a colour without an end (7 and 8 bits), a hidden right-to-left, a
# line that is written over, and one that passes for ours.
EVIL = "\x1b[2J\x1b]0;owned\x07\x1b[8m\x9b31m\u202eevil\u2066\b\b\u200bx"
FAKED = f"{EVIL}\nerror: FAKED\rhint: FAKED"
ROLE = f"""---
name: hostile
description: "helps {EVIL.encode("unicode_escape").decode().replace(chr(92), chr(92) * 2)}"
tools: Read
---
Be {EVIL}.
"""
FINDING = f"""+++
role = "builder"
title = "T \\u001b[2J\\u202e\\u0007 \\nerror: FAKED"
kind = "hypothesis"
confidence = 0.5
[[evidence]]
path = "\\u001b]0;x\\u0007"
command = "c \\u001b[2J"
shows = "s \\u001b[2J"
+++
{FAKED}
"""


def harmful(text: str) -> list[str]:
    allowed = "\n\t"
    bad = [char for char in text if ord(char) < 32 and char not in allowed]
    return bad + [char for char in text if "\x7f" <= char <= "\x9f" or char in "\u202e\u2066\u200b"]


def pretending(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("error: F", "hint: F"))]


def agent(folder: Path, main: Path) -> Path:
    """Says, writes, commits and breaks out with hostile text."""
    words, faked = folder / "words", folder / "faked"
    finding = folder / "finding"
    finding.write_text(FINDING)
    words.write_text(EVIL)
    faked.write_text(FAKED)
    script = folder / "agent.sh"
    script.write_text(
        f"""#!/bin/sh
cat > /dev/null
w=$(cat {words}); f=$(cat {faked})
cat {faked}; cat {faked} >&2; echo
d=$(echo .agentcoord/*/)findings; mkdir -p $d
cp {finding} $d/a.md; cp {faked} $d/b.md
echo 1 > "$w.py"
git add -A && git commit -qm "$f"
echo 2 > "{main}/$w.txt"
cat {faked}
"""
    )  # fmt: skip
    script.chmod(0o755)
    return script


@pytest.fixture
def hostile(sandbox: Sandbox) -> Sandbox:
    program = agent(sandbox.path.parent, sandbox.path)
    sandbox.commit("roles", {".claude/agents/hostile.md": ROLE})
    said = gitcoord(
        "start", "development", "mend it \u202enow", "--with", "command",
        "--command", str(program), at=sandbox.path,
    )  # fmt: skip
    assert not harmful(said.out + said.err)
    assert not pretending(said.out + said.err)
    repo = Repository.find(sandbox.path)
    [run] = list_runs(repo)
    assert "changed while the task ran" in repr(run.tasks)
    logs = [one for one in (repo.own_dir / "logs").rglob("*") if one.is_file()]
    assert {stat.S_IMODE(one.stat().st_mode) for one in logs} == {0o600}
    call = Call(run.id, "build", "builder", run.worktree_id, f"Bash{EVIL}", {"command": FAKED})
    ask(repo, call, why=FAKED)
    record_call(repo, run.id, "build", "builder", f"m{EVIL}", Usage(1, 2), 0.5, call="1")
    return sandbox


def commands(sandbox: Sandbox) -> list[list[str]]:
    repo = Repository.find(sandbox.path)
    [run] = list_runs(repo)
    one = run.worktree_id
    return [
        ["list"], ["show", one], ["findings"], ["findings", one], ["report", one],
        ["conflicts"], ["approvals"], ["approvals", "--all"], ["cost"], ["cost", run.id],
        ["cost", "--by", "model"], ["agents", "list"], ["agents", "show", "hostile"],
        ["agents", "search", "evil"], ["agents", "pick", f"mend {EVIL}"], ["doctor"],
        ["purge", "--match", "hint: FAKED", "--dry-run"], ["resume", one, "--dry-run"],
        ["remove", one], ["remove", one, "--force", "--dry-run"], ["trash", "list"],
    ]  # fmt: skip


def test_piped(hostile: Sandbox) -> None:
    reached: set[str] = set()
    for words in commands(hostile):
        for more in ([], ["--json"]):
            said = gitcoord(*words, *more, at=hostile.path)
            assert not harmful(said.out + said.err), (words, more)
            assert not pretending(said.out + said.err), (words, more)
            assert said.code in (0, 1, 2), (words, said.err)
            reached |= {sign for sign in ("FAKED", "owned", "evil") if sign in said.out}
    assert reached == {"FAKED", "owned", "evil"}


def test_a_removed_one_and_its_way_back(hostile: Sandbox) -> None:
    [run] = list_runs(Repository.find(hostile.path))
    for words in (
        ["remove", run.worktree_id, "--force"], ["trash", "list"], ["trash"], ["findings"],
        ["findings", run.worktree_id], ["undo"], ["list"],
    ):  # fmt: skip
        said = gitcoord(*words, at=hostile.path)
        assert not harmful(said.out + said.err), words
        assert not pretending(said.out + said.err), words


def test_on_a_terminal(hostile: Sandbox) -> None:
    """There our own colours and cursor movements are seen too, so what is looked for is his."""
    [run] = list_runs(Repository.find(hostile.path))
    for words in (
        ["list"],
        ["show", run.worktree_id],
        ["findings", run.worktree_id],
        ["approvals"],
    ):
        shown = on_terminal(words, hostile.path)
        assert shown
        for sign in (b"\x1b[2J", b"\x1b]0;", b"\x1b[8m", b"\xc2\x9b", b"\x07", b"\x08"):
            assert sign not in shown, words
        assert "\u202e".encode() not in shown


def test_live_progress_on_a_terminal(sandbox: Sandbox) -> None:
    program = agent(sandbox.path.parent, sandbox.path)
    words = ["start", "development", "mend", "--with", "command", "--command", str(program)]
    shown = on_terminal(words, sandbox.path)
    for sign in (b"\x1b[2J", b"\x1b]0;", b"\x1b[8m", b"\xc2\x9b", b"\x07", b"\x08"):
        assert sign not in shown
    assert not pretending(shown.decode())


def on_terminal(words: list[str], folder: Path) -> bytes:
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        [PROGRAM, *words], cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    parts = []
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                parts.append(os.read(ours, 1 << 16))
            except OSError:
                break
    process.wait(5)
    os.close(ours)
    return b"".join(parts)
