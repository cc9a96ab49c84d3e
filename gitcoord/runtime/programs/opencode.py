"""opencode, headless: `opencode run --format json`.

Promises: the session it names is kept beside the log and said at once, since it takes no id of
ours. What may be done is said by a setting in the environment: its own questions would end the
run with exit code 0. Facts of 1.18.33, observed against a scripted server.
"""

from __future__ import annotations

import json
from typing import Any

from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import DONE, FAILED, Assignment, Event, Outcome, Say
from gitcoord.runtime.programs.command import whole_task
from gitcoord.runtime.programs.failure import judge
from gitcoord.runtime.programs.program import MODEL_KEYS, Command, Ended
from gitcoord.runtime.programs.reader import (
    Reader,
    Totals,
    attempt,
    begin_or_resume,
    doing,
    has_shell,
)

LOGIN = "log in with `opencode auth login`, then: gitcoord resume"
_ALLOWED = (
    *MODEL_KEYS, "OPENCODE_CONFIG", "OPENCODE_CONFIG_DIR", "OPENCODE_DISABLE_*",
)  # fmt: skip
_LOST = "Session not found"


def opencode(assignment: Assignment, say: Say) -> Outcome:
    """Work on the assignment."""

    def once(assignment: Assignment) -> tuple[Outcome, Ended]:
        reader = Opencode(assignment, say)
        task = assignment.prompt if assignment.resumed else whole_task(assignment)
        given = task.encode("utf-8", "replace")
        command = Command(argv(assignment, reader.session), given, _ALLOWED, _set(assignment))
        return attempt(command, reader)

    return begin_or_resume(assignment, once, lost=_LOST)


def argv(assignment: Assignment, session: str) -> tuple[str, ...]:
    """How it is started."""
    words = ["opencode", "run", "--format=json"]
    if assignment.resumed:
        words.append(f"--session={session}")
    if assignment.model:
        words.append(f"--model={assignment.model}")
    return tuple(words)


def _set(assignment: Assignment) -> dict[str, str]:
    """Merged by opencode with the user's own settings, and stronger than them."""
    writes = assignment.role.writes
    rules = {
        "edit": "allow" if writes else {"*": "deny", ".agentcoord/**": "allow"},
        "bash": "allow" if has_shell(assignment.role) else _SHELL,
        "webfetch": "allow",
        "external_directory": "deny",
        "question": "deny",
        "doom_loop": "deny",
    }
    return {
        "OPENCODE_CONFIG_CONTENT": json.dumps({"permission": rules}),
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
    }


# A fence, not a wall: what was changed is read from git. `--output` writes a file.
_READING = ("git log*", "git show*", "git diff*", "git blame*", "git rev-list*", "ls*")
_WRITING = ("*--ou*",)


_SHELL = {
    "*": "deny", **dict.fromkeys(_READING, "allow"), **dict.fromkeys(_WRITING, "deny"),
}  # fmt: skip


class Opencode(Reader):
    """Understands `--format json`."""

    name = "opencode"

    def __init__(self, assignment: Assignment, say: Say) -> None:
        super().__init__(assignment, say)
        self._totals = Totals(assignment)
        self.session = self._totals.mark or assignment.mark
        self._refused = ""

    def read(self, event: dict[str, Any]) -> None:
        self._known(event.get("sessionID"))
        match event.get("type"):
            case "text":
                self.text(event["part"]["text"])
            case "tool_use":
                self._tool(event["part"])
            case "step_finish":
                self._finished(event["part"])
            case "error":
                self._error(event["error"])

    def _known(self, session: object) -> None:
        if isinstance(session, str) and session != self._totals.mark:
            self._totals.mark = session
            self._totals.keep()
            self.say(Event("text", f"opencode session {session}", {"mark": session}))
        self.mark = self._totals.mark or self.mark

    def _tool(self, part: dict[str, Any]) -> None:
        name, state = str(part["tool"]), part["state"]
        self.say(Event("tool", doing(name, state.get("input")), {"tool": name}))
        if state.get("status") == "error":
            self._refused = str(state.get("error", ""))[:300]
            self.say(Event("warning", f"{name}: {self._refused}"))

    def _finished(self, part: dict[str, Any]) -> None:
        """One call of the model. The run is over at one that asks for no tool."""
        tokens = part["tokens"]
        cache = tokens.get("cache") or {}
        usage = Usage(
            int(tokens.get("input") or 0),
            int(tokens.get("output") or 0) + int(tokens.get("reasoning") or 0),
            int(cache.get("read") or 0), int(cache.get("write") or 0),
        )  # fmt: skip
        # 0 is what it says of a model that it has no price for.
        self.used(usage, str(part["id"]), dollars=float(part.get("cost") or 0) or None)
        if part.get("reason") == "tool-calls":
            why = self._refused or "it ended in the middle, at a tool it was not allowed to use"
            self.final = Outcome(FAILED, reason=why, hint="go on: gitcoord resume")
        else:
            self.final = Outcome(DONE)

    def _error(self, error: dict[str, Any]) -> None:
        about = error.get("data") or {}
        message = str(about.get("message") or error.get("name"))
        status = about.get("statusCode")
        failure = judge(message, status=status if isinstance(status, int) else 0, login=LOGIN)
        self.final = failure.outcome()
