"""Whole runs by the command line, with the real programs at a scripted model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gitcoord.testing.server import ModelServer
from tests.calling import PROGRAM, Said, installed
from tests.conftest import Sandbox
from tests.real_agents.installed import FOUND, environment
from tests.real_agents.stories import EDIT, script

pytestmark = pytest.mark.real_agents

KNOWN = [
    pytest.param(name, marks=pytest.mark.skipif(name not in FOUND, reason=f"no {name} here"))
    for name in ("claude", "codex", "gemini", "opencode")
]
each = pytest.mark.parametrize("name", KNOWN)
MODEL = {"gemini": ["--model", "gemini-2.5-pro"]}
FINDING = """+++
role = "analyst"
title = "A token lives for a minute"
kind = "fact"
confidence = 0.9

[[evidence]]
command = "git grep -n TTL -- src/auth.py"
note = "60 seconds"
+++
So it does.
"""


class Shop:
    """A repository, a server, and gitcoord with a program that knows only that server."""

    def __init__(self, sandbox: Sandbox, server: ModelServer, name: str) -> None:
        self.sandbox, self.server, self.name = sandbox, server, name
        self.env: dict[str, Any] = environment(name, server, sandbox.path.parent / "agent")
        sandbox.git("config", "user.name", "Ada Tester")
        sandbox.git("config", "user.email", "ada@example.com")

    def call(self, *words: str) -> Said:
        return installed(*words, at=self.sandbox.path, **self.env)

    def start(self, kind: str, *words: str) -> Said:
        more = MODEL.get(self.name, [])
        return self.call(
            "start", kind, "add b.py", "--name", "b", "--with", self.name, *more, *words
        )

    def branch(self) -> str:
        found = self.sandbox.git("for-each-ref", "--format=%(refname:short)", "refs/heads")
        return next(name for name in found.splitlines() if name != "main")


@contextmanager
def shop(sandbox: Sandbox, name: str, turns: list[Any] | None = None) -> Iterator[Shop]:
    with ModelServer(script(name, turns)) as server:
        yield Shop(sandbox, server, name)


@each
class TestDevelopment:
    def test_it_leaves_a_commit_on_the_agents_branch_and_nothing_else(
        self, name: str, sandbox: Sandbox
    ) -> None:
        sandbox.commit("Add a.py", {"a.py": "x = 1\n"})
        before = sandbox.git("rev-parse", "main")
        turns = [turn for turn in EDIT[name] if "git add" not in json.dumps(turn)]
        if name in ("claude", "opencode"):
            [writes] = [turn for turn in EDIT[name] if "git add" in json.dumps(turn)]
            turns.insert(1, {"tools": writes["tools"][:1]})
        with shop(sandbox, name, turns) as place:
            done = place.start("development")
            assert done.code == 0, done
            branch = place.branch()
            assert sandbox.git("show", f"{branch}:b.py") == "y = 2"
            assert sandbox.git("status", "--porcelain") == ""
            assert sandbox.git("rev-parse", "main") == before
            cost = place.call("cost", "--json").json
            assert cost["total"]["calls"] >= 1
            assert cost["total"]["tokens"]["output"] > 0


@each
class TestFailing:
    def test_a_refused_key_ends_it_with_the_hint(self, name: str, sandbox: Sandbox) -> None:
        with shop(sandbox, name, [{"error": 401, "again": True}]) as place:
            done = place.start("development")
            assert done.code != 0, done
            assert "gitcoord resume" in done.err + done.out


@pytest.mark.skipif("claude" not in FOUND, reason="no claude here")
class TestClaude:
    def test_an_investigation_leaves_findings(self, sandbox: Sandbox) -> None:
        def turn(request: Any) -> Any:
            if request.answers:
                return "A token lives for a minute."
            folder = f".agentcoord/{place.branch().rpartition('/')[2]}/findings/analyse-1.md"
            given = {"file_path": f"{{{{cwd}}}}/{folder}", "content": FINDING}
            return {"tools": [{"name": "Write", "input": given}]}

        with ModelServer(turn) as server:
            place = Shop(sandbox, server, "claude")
            done = place.start("investigation")
            assert done.code == 0, done
            assert sandbox.git("status", "--porcelain") == ""
            assert "A token lives for a minute" in place.call("findings").out
            assert place.call("cost", "--json").json["total"]["dollars"] > 0

    def test_a_run_whose_host_was_killed_goes_on_in_the_same_conversation(
        self, sandbox: Sandbox
    ) -> None:
        writes = {"name": "Write", "input": {"file_path": "{{cwd}}/b.py", "content": "y = 2\n"}}
        hang: dict[str, Any] = {"wait": 60, "text": "never"}
        # Claude Code puts an answer of its own in the place of the one that was cut off.
        turns = [{"tools": [writes]}, {"fail": [hang], "text": "Add b.py", "again": True}]
        with shop(sandbox, "claude", turns) as place:
            words = ["start", "development", "add b.py", "--name", "b", "--with", "claude"]
            with subprocess.Popen(
                [PROGRAM, *words], cwd=sandbox.path, env={**os.environ, **place.env},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as host:  # fmt: skip
                until = time.monotonic() + 30
                while len(place.server.requests) < 2 and time.monotonic() < until:
                    time.sleep(0.05)
                time.sleep(0.3)
                host.send_signal(signal.SIGKILL)
            done = place.call("resume", place.branch().rpartition("/")[2])
            assert done.code == 0, done
            assert sandbox.git("show", f"{place.branch()}:b.py") == "y = 2"
            marks = {
                request.headers["x-claude-code-session-id"] for request in place.server.requests
            }
            assert len(marks) == 1
            assert "add b.py" in json.dumps(place.server.requests[-1].messages)


@pytest.mark.skipif("claude" not in FOUND, reason="no claude here")
@pytest.mark.parametrize("word", ["approve", "deny"])
def test_a_call_that_needs_a_person_waits_for_one(sandbox: Sandbox, word: str) -> None:
    call = {"command": "echo made > made.txt", "description": "make it"}
    turns = [{"tools": [{"name": "Bash", "input": call}]}, {"text": "Done.", "again": True}]
    with shop(sandbox, "claude", turns) as own:
        own.call("config", "set", "agents.ask", "run")
        assert own.start("development").code == 1
        for _ in range(2):  # taken up before anybody decided, it waits on
            (held,) = json.loads(own.call("approvals", "--json").out)
            assert held["state"] == "waiting"
            assert own.call("resume").code == 1
        own.call(word, held["id"], *(["--reason", "not now"] if word == "deny" else []))
        own.call("resume")
        made = own.sandbox.git("ls-tree", "--name-only", own.branch()).split()
        assert ("made.txt" in made) == (word == "approve")
        (held,) = json.loads(own.call("approvals", "--all", "--json").out)
        assert held["state"] == ("used" if word == "approve" else "denied")
