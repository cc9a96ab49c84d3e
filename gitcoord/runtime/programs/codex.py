"""Codex, headless: `codex exec --json`, in its sandbox `workspace-write`.

Promises: the thread it names is kept beside the log and said at once, since it takes no id of
ours. A refused key ends it at once (it would try five times). Its sandbox keeps `.git` from it:
what it leaves is committed by the host. Its temporary folder is its own: in each folder it may
write, its sandbox makes an empty `.git`, which stayed in /tmp when it was killed. Facts of
0.169.0, observed against a scripted server.
"""

from __future__ import annotations

import tempfile
from typing import Any

from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import DONE, Assignment, Event, Outcome, Say
from gitcoord.runtime.programs.command import whole_task
from gitcoord.runtime.programs.failure import Failure, judge, unreachable, unwrapped
from gitcoord.runtime.programs.program import Command, Ended
from gitcoord.runtime.programs.reader import (
    Reader,
    Totals,
    attempt,
    begin_or_resume,
    first_line,
)

LOGIN = "log in with `codex login`, or set OPENAI_API_KEY, then: gitcoord resume"
_ALLOWED = ("CODEX_HOME", "CODEX_API_KEY", "CODEX_CA_CERTIFICATE", "OPENAI_*", "*_API_KEY")
_LOST = "no rollout found"


def codex(assignment: Assignment, say: Say) -> Outcome:
    """Work on the assignment."""

    def once(assignment: Assignment) -> tuple[Outcome, Ended]:
        reader = Codex(assignment, say)
        task = assignment.prompt if assignment.resumed else whole_task(assignment)
        given = task.encode("utf-8", "replace")
        with tempfile.TemporaryDirectory(prefix="gitcoord-", ignore_cleanup_errors=True) as folder:
            words, own = argv(assignment, reader.thread), {"TMPDIR": folder}
            return attempt(Command(words, given, _ALLOWED, own), reader)

    return begin_or_resume(assignment, once, lost=_LOST)


def argv(assignment: Assignment, thread: str) -> tuple[str, ...]:
    """How it is started. `exec resume` knows no --sandbox, so both get it as a setting."""
    words = [
        "codex", "exec", *(["resume", thread] if assignment.resumed else []), "--json",
        "-c", 'sandbox_mode="workspace-write"', "-c", 'approval_policy="never"',
        "-c", "sandbox_workspace_write.exclude_slash_tmp=true",
    ]  # fmt: skip
    if assignment.model:
        words.append(f"--model={assignment.model}")
    return (*words, "-")


class Codex(Reader):
    """Understands the events of `codex exec --json`."""

    name = "codex"

    def __init__(self, assignment: Assignment, say: Say) -> None:
        super().__init__(assignment, say)
        self._totals = Totals(assignment)
        self.thread = self._totals.mark or assignment.mark
        self._turn = 0

    def read(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "thread.started":
                self._begun(str(event["thread_id"]))
            case "item.started" | "item.completed":
                self._did(event["item"], whole=event["type"] == "item.completed")
            case "turn.completed":
                self._completed(event["usage"])
            case "turn.failed":
                self.final = self._judged(event["error"]["message"]).outcome()
            case "error":
                self._error(str(event["message"]))

    def _begun(self, thread: str) -> None:
        if thread.startswith("-"):
            return  # it would pass for an option when it is taken up
        self.mark = self._totals.mark = thread
        self._totals.keep()
        self.say(Event("text", f"codex thread {thread}", {"mark": thread}))

    def _did(self, item: dict[str, Any], *, whole: bool) -> None:
        match item["type"]:
            case "agent_message" if whole:
                self.text(item["text"])
            case "command_execution" if not whole:
                self.say(Event("tool", first_line(item["command"]), {"tool": "shell"}))
            case "file_change" if whole:
                names = ", ".join(str(one["path"]) for one in item["changes"])
                self.say(Event("tool", f"edit: {names}", {"tool": "edit"}))
            case "mcp_tool_call" if not whole:
                said = f"{item['server']}.{item['tool']}"
                self.say(Event("tool", said, {"tool": said}))
            case "error" if whole:
                self.say(Event("warning", first_line(item["message"])))

    def _completed(self, total: dict[str, Any]) -> None:
        """The usage is that of the whole thread, and its input has in it what was cached."""
        cached = int(total.get("cached_input_tokens") or 0)
        written = int(total.get("cache_write_input_tokens") or 0)
        whole = Usage(
            max(0, int(total["input_tokens"]) - cached - written),
            int(total["output_tokens"]), cached, written,
        )  # fmt: skip
        used, _ = self._totals.since(whole)
        self._turn += 1
        self.failure = None
        self.final = Outcome(DONE)
        self.used(used, f"{self.mark}/{whole.total}")

    def _error(self, message: str) -> None:
        failure = self._judged(message)
        self.fail(failure, over=bool(failure.hint) and not failure.retry)
        if failure.retry:
            self.say(Event("waiting", first_line(message)))

    def _judged(self, message: str) -> Failure:
        words, status = unwrapped(message)
        failure = judge(words, status=status, login=LOGIN)
        if failure.retry or failure.hint:
            return failure
        lost = "Reconnecting" in words or "stream disconnected" in words or "high demand" in words
        return unreachable(words) if lost else failure
