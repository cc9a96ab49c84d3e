"""Record what the installed programs print, for tests that have none of them.

    python -m tests.real_agents.record [PROGRAM…]      writes tests/testing/streams/*.jsonl

The first line of a recording says of what it is. Folders and marks are as they were while
recording; gitcoord.testing.fake_agent replaces them by those of the day.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcoord.testing.server import ModelServer
from tests.real_agents.installed import FOUND, call, environment, subscribed
from tests.real_agents.stories import script, words

STREAMS = Path(__file__).parent.parent / "testing" / "streams"
MARK = "11111111-1111-4111-8111-111111111111"
# What a recording has instead of the folders of the machine it was made on.
REPOSITORY, HOME = "/home/ada/shop", "/home/ada"


@dataclass(frozen=True)
class Place:
    """One program in one repository, at one server."""

    name: str
    server: ModelServer
    repository: Path
    home: Path

    @property
    def env(self) -> dict[str, str]:
        return environment(self.name, self.server, self.home)

    def call(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return call(self.name, argv, self.repository, self.env)

    def ask(self, prompt: str, *more: str) -> subprocess.CompletedProcess[str]:
        return self.call(*words(self.name, prompt, *more))


@contextmanager
def place(name: str, turns: list[Any] | None = None) -> Iterator[Place]:
    """A repository of one file, in a temporary folder."""
    with tempfile.TemporaryDirectory() as temporary:
        repository = Path(temporary) / "shop"
        repository.mkdir()
        (repository / "a.py").write_text("x = 1\n")
        for argv in (
            ("init", "-q", "-b", "main"),
            ("config", "user.name", "Ada Tester"),
            ("config", "user.email", "ada@example.com"),
            ("add", "."),
            ("commit", "-qm", "Start"),
        ):
            subprocess.run(["git", *argv], cwd=repository, check=True)
        with ModelServer(script(name, turns)) as server:
            yield Place(name, server, repository, Path(temporary) / "home")


def mark_of(stream: str) -> str:
    """The id of the conversation in a stream."""
    found = re.search(r'"(?:session_id|thread_id|sessionID)":"([^"]+)"', stream)
    return found[1] if found else MARK


def without_places(text: str, where: Place) -> str:
    """The text without the folders of the machine it was recorded on."""
    for here, there in ((where.repository, REPOSITORY), (where.home, HOME)):
        text = text.replace(str(here), there).replace(str(here).replace("/", "-"), "-shop")
    text = re.sub(r"(?:/[\w.@-]+)+/node_modules", "/usr/lib/node_modules", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:9", text)


def keep(where: Place, scenario: str, done: subprocess.CompletedProcess[str]) -> None:
    """Write a recording."""
    version = where.call("--version").stdout.strip().splitlines()[-1]
    text = without_places(done.stdout, where)
    recorded = {
        "program": where.name,
        "version": version,
        "exit": done.returncode,
        "cwd": REPOSITORY,
        "mark": mark_of(done.stdout),
        "stderr": without_places(done.stderr.strip()[-500:], where),
    }
    STREAMS.mkdir(exist_ok=True)
    target = STREAMS / f"{where.name}-{scenario}.jsonl"
    target.write_text(json.dumps({"recorded": recorded}) + "\n" + text, encoding="utf-8")
    sys.stdout.write(f"{target.name}: exit {done.returncode}, {len(text)} bytes\n")


def resumed(where: Place, mark: str) -> subprocess.CompletedProcess[str]:
    if where.name == "codex":
        return where.call("exec", "resume", mark, "--json", "More")
    option = {"claude": "--resume", "opencode": "-s", "gemini": "--resume"}[where.name]
    return where.ask("More", option, "latest" if where.name == "gemini" else mark)


def edits_and_resumes(name: str) -> None:
    with place(name) as where:
        new = ("--session-id", MARK) if name == "claude" else ()
        done = where.ask("Add b.py", *new)
        keep(where, "edit", done)
        if name == "claude":
            keep(where, "taken", where.ask("Add b.py", *new))
        if name != "aider":
            keep(where, "resume", resumed(where, mark_of(done.stdout)))


def fails(name: str) -> None:
    for status, message in ((400, "The prompt is too long."), (402, "No credit."), (404, "No.")):
        turn = {"error": status, "message": message, "again": True}
        with place(name, [turn]) as where:
            keep(where, str(status), where.ask("Add b.py"))


def claude_alone(name: str) -> None:
    with place(name) as where:
        keep(where, "max-turns", where.ask("Add b.py", "--max-turns", "1"))
    with place(name) as where:
        keep(where, "unknown", where.ask("Add b.py", "--resume", MARK))
    with place(name, [{"error": 429, "until": "2100-01-01T00:00:00Z", "again": True}]) as where:
        env = subscribed(where.env)
        done = call(name, words(name, "Add b.py"), where.repository, env)
        keep(where, "usage-limit", done)
    slow = {"tools": [{"name": "Bash", "input": {"command": "git log; sleep 60"}}]}
    for number in (signal.SIGINT, signal.SIGTERM):
        with place(name, [slow, {"wait": 60}]) as where:
            bash = ("--allowedTools", "Bash")
            argv = words(name, "Add b.py", *bash)
            keep(where, number.name.lower(), waiting(where, number, argv))
    hook = "cat >/dev/null; echo '" + json.dumps(
        {"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "defer"}}
    ) + "'"  # fmt: skip
    matcher = {"matcher": "Write", "hooks": [{"type": "command", "command": hook}]}
    with place(name) as where:
        settings = json.dumps({"hooks": {"PreToolUse": [matcher]}})
        keep(where, "deferred", where.ask("Add b.py", "--settings", settings))
    outside = {"tools": [{"name": "Write", "input": {"file_path": "/etc/x", "content": "y"}}]}
    with place(name, [outside, "I may not."]) as where:
        keep(where, "denied", where.ask("Add b.py", "--permission-mode", "dontAsk"))


def waiting(
    where: Place, number: signal.Signals, argv: list[str]
) -> subprocess.CompletedProcess[str]:
    """Called, and sent the signal two seconds later: while a tool of it runs."""
    with subprocess.Popen(
        [FOUND[where.name], *argv], cwd=where.repository, env=where.env, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        time.sleep(2)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


def refused_key(name: str) -> None:
    """Claude Code tries ten times for minutes: its first lines are enough."""
    with place(name, [{"error": 401, "message": "invalid x-api-key", "again": True}]) as where:
        if name == "claude":
            keep(where, "401", waiting(where, signal.SIGKILL, words(name, "Add b.py")))
        else:
            keep(where, "401", where.ask("Add b.py"))


SCENARIOS: dict[str, tuple[Callable[[str], None], ...]] = {
    "claude": (edits_and_resumes, fails, refused_key, claude_alone),
    "codex": (edits_and_resumes, fails, refused_key),
    "gemini": (edits_and_resumes, fails, refused_key),
    "opencode": (edits_and_resumes, fails, refused_key),
    "aider": (edits_and_resumes, refused_key),
}


def main() -> None:
    for name in sys.argv[1:] or FOUND:
        for scenario in SCENARIOS[name]:
            scenario(name)


if __name__ == "__main__":
    main()
