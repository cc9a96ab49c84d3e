"""Gemini CLI, headless: its events as JSON lines.

Promises: the conversation has the id that is on record before the start. Files are edited
without a question; the shell is there for roles that write alone. Its exit code is the status
of HTTP modulo 256 and is not looked at. Facts of 0.61.0, observed against a scripted server.
"""

from __future__ import annotations

from typing import Any

from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import DONE, Assignment, Event, Outcome, Say
from gitcoord.runtime.programs.command import whole_task
from gitcoord.runtime.programs.failure import judge, unwrapped
from gitcoord.runtime.programs.program import Command, Ended
from gitcoord.runtime.programs.reader import Reader, attempt, begin_or_resume, doing, has_shell

LOGIN = "set GEMINI_API_KEY, or log in by starting `gemini` once, then: gitcoord resume"
_ALLOWED = ("GEMINI_*", "GOOGLE_*")
_SET = {"GEMINI_CLI_NO_RELAUNCH": "1", "GEMINI_TELEMETRY_ENABLED": "false"}
_LOST, _TAKEN = "Error resuming session", "already exists. Use --resume"


def gemini(assignment: Assignment, say: Say) -> Outcome:
    """Work on the assignment."""

    def once(assignment: Assignment) -> tuple[Outcome, Ended]:
        task = assignment.prompt if assignment.resumed else whole_task(assignment)
        given = task.encode("utf-8", "replace")
        return attempt(Command(argv(assignment), given, _ALLOWED, _SET), Gemini(assignment, say))

    return begin_or_resume(assignment, once, lost=_LOST, taken=_TAKEN)


def argv(assignment: Assignment) -> tuple[str, ...]:
    """How it is started. A folder that is not trusted would be asked about, and is ours."""
    words = [
        "gemini", "--output-format=stream-json", "--skip-trust", "--approval-mode=auto_edit",
        f"--resume={assignment.mark}" if assignment.resumed else f"--session-id={assignment.mark}",
    ]  # fmt: skip
    if has_shell(assignment.role):
        words.append("--allowed-tools=run_shell_command")
    if assignment.model:
        words.append(f"--model={assignment.model}")
    return tuple(words)


class Gemini(Reader):
    """Understands `--output-format=stream-json`."""

    name = "gemini"

    def __init__(self, assignment: Assignment, say: Say) -> None:
        super().__init__(assignment, say)
        self._parts: list[str] = []

    def read(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "init":
                self.mark = str(event.get("session_id") or self.mark)
                self.model = str(event.get("model") or self.model)
            case "message" if event["role"] == "assistant":
                self._parts.append(str(event["content"]))
            case "tool_use":
                self._speak()
                name = str(event["tool_name"])
                self.say(Event("tool", doing(name, event.get("parameters")), {"tool": name}))
            case "tool_result" if event.get("status") == "error":
                self.say(Event("warning", str(event.get("output", ""))[:500]))
            case "result":
                self._speak()
                self._result(event)

    def _speak(self) -> None:
        """It says a sentence in parts."""
        words, self._parts = "".join(self._parts), []
        self.text(words)

    def _result(self, event: dict[str, Any]) -> None:
        for model, stats in (event.get("stats") or {}).get("models", {}).items():
            usage = _usage(stats)
            if usage.total:
                self.model = model
                self.used(usage, f"{self.mark}/{event.get('timestamp', '')}/{model}")
        if event["status"] == "success":
            self.final = Outcome(DONE)
            return
        message = str((event.get("error") or {}).get("message", "it failed without a word"))
        message = message.removeprefix("[API Error: ").removesuffix("]")
        words, status = unwrapped(message)
        self.final = judge(words, status=status, login=LOGIN).outcome()


def _usage(stats: dict[str, Any]) -> Usage:
    """The stats of one process; what was cached is in their input."""
    cached = int(stats.get("cached") or 0)
    return Usage(
        max(0, int(stats.get("input_tokens") or 0) - cached),
        int(stats.get("output_tokens") or 0), cached,
    )  # fmt: skip
