"""What a program says, line by line, and what comes of it.

Promises: the outcome is that of the program's last final event, never of its exit code; a
program that ended without one is UNKNOWN. A line that is not understood is passed over.
Usage is of this attempt: a program that reports totals has the earlier ones taken off.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gitcoord.runs.role import Role
from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import (
    DONE,
    STOPPED,
    UNKNOWN,
    Assignment,
    Event,
    Outcome,
    Say,
)
from gitcoord.runtime.programs.failure import Failure
from gitcoord.runtime.programs.program import ENOUGH, STALL, STOP, WALL, Command, Ended, run

_LONGEST_SUMMARY = 20_000
# In C, because a flood of a hundred megabytes is a hundred million lines at worst.
_OBJECTS = re.compile(rb"^[ \t]*\{.*$", re.MULTILINE)
_CAUSES = {
    WALL: "its time was up",
    STALL: "it gave no sign of life any more",
    STOP: "it was stopped",
}


class Reader:
    """What one program said. A subclass understands its events.

    final: what the program itself said came of it, None until then. failure: what went wrong
    on the way; holds where no final word came. over: nothing more is worth waiting for.
    """

    name = ""

    def __init__(self, assignment: Assignment, say: Say) -> None:
        self.assignment = assignment
        self._tell = say
        self._pending: list[Event] = []
        self.say = self._pending.append
        self.final: Outcome | None = None
        self.failure: Failure | None = None
        self.over = ""
        self.usage = Usage()
        self.dollars: float | None = None
        self.model = assignment.model
        self.mark = assignment.mark
        self.turns = 0
        self.said = ""

    def read(self, event: dict[str, Any]) -> None:
        """One event of the program; one that says no JSON takes its lines itself."""

    def take(self, block: bytes) -> bool:
        """Whole lines. Returns whether it has heard enough."""
        for line in _OBJECTS.findall(block):
            # RecursionError: a line that is brackets alone.
            with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                self.read(json.loads(line))
            self.tell()
        return bool(self.over)

    def tell(self) -> None:
        """Hand on what `say` was given: apart from reading, so that what goes wrong with whoever
        listens is not taken for an event that cannot be read."""
        pending = self._pending[:]
        self._pending.clear()
        for event in pending:
            self._tell(event)

    def text(self, words: str) -> None:
        """The program says something to people."""
        if words.strip():
            self.said = words
            self.say(Event("text", first_line(words)))

    def used(self, usage: Usage, call: str, *, dollars: float | None = None) -> None:
        """A call of the model ended."""
        self.usage += usage
        self.turns += 1
        detail: dict[str, Any] = {"usage": usage, "call": call, "model": self.model}
        if dollars is not None:
            self.dollars = (self.dollars or 0.0) + dollars
            detail["dollars"] = dollars
        self.say(Event("usage", f"{usage.total:,} tokens", detail))
        self._check()

    def _check(self) -> None:
        """End it at limits it does not know itself."""
        limits = self.assignment.limits
        if limits.tokens and self.usage.total > limits.tokens:
            self.over = f"it used {self.usage.total:,} tokens of {limits.tokens:,}"
        elif limits.turns and self.turns > limits.turns:
            self.over = f"it took {limits.turns} turns, all it may"
        elif limits.dollars and (self.dollars or 0.0) > limits.dollars:
            self.over = f"it cost {self.dollars:.2f} dollars of {limits.dollars:.2f}"

    def fail(self, failure: Failure, *, over: bool = False) -> None:
        """Something went wrong. over: for good, so it need not go on trying."""
        self.failure = failure
        if over:
            self.over = failure.reason

    def outcome(self, ended: Ended) -> Outcome:
        """What came of it, of this attempt."""
        said = self._verdict(ended)
        return replace(
            said,
            summary=(said.summary or self.said)[:_LONGEST_SUMMARY],
            usage=self.usage,
            dollars=self.dollars,
            model=self.model,
            mark=self.mark,
            turns=said.turns or self.turns,
        )

    def _verdict(self, ended: Ended) -> Outcome:
        if self.final and self.final.state == DONE:
            return self.final
        if ended.cause in _CAUSES:
            return Outcome(
                STOPPED, reason=_CAUSES[ended.cause], hint="go on: gitcoord resume",
                retry=ended.cause == STALL,
            )  # fmt: skip
        if ended.cause == ENOUGH and not self.failure:
            return Outcome(STOPPED, reason=self.over, hint="go on: gitcoord resume")
        if self.final:
            return self.final
        if self.failure:
            return self.failure.outcome()
        return Outcome(UNKNOWN, reason=self._silence(ended), hint=f"read: {self.assignment.log}")

    def _silence(self, ended: Ended) -> str:
        how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
        last = ended.err.rpartition("\n")[2].strip()[:300]
        return f"{self.name} ended ({how}) without saying what came of it" + (
            f": {last}" if last else ""
        )


Attempt = Callable[[Assignment], tuple[Outcome, Ended]]


def attempt(command: Command, reader: Reader) -> tuple[Outcome, Ended]:
    """Run the command for the reader's assignment, to its end."""
    ended = run(command, reader.assignment, reader.take)
    return reader.outcome(ended), ended


def begin_or_resume(
    assignment: Assignment, once: Attempt, *, lost: str, taken: str = ""
) -> Outcome:
    """An attempt that was killed may or may not have written its conversation: taken up where
    there is one, begun where there is none. lost, taken: what the program says on stderr then.
    """
    outcome, ended = once(assignment)
    missed = lost if assignment.resumed else taken
    if outcome.state != DONE and missed and missed in ended.err:
        outcome, _ = once(replace(assignment, resumed=not assignment.resumed))
    return outcome


def has_shell(role: Role) -> bool:
    """Whether a role may run what it likes; one that names no tools, when it writes."""
    return role.writes if role.tools is None else "Bash" in role.tools


def first_line(words: str) -> str:
    return words.strip().partition("\n")[0][:500]


def doing(tool: str, given: object) -> str:
    """A tool call in a line: `Bash: git log`."""
    found = given if isinstance(given, dict) else {}
    for name in ("command", "file_path", "filePath", "path", "pattern", "url", "query"):
        if isinstance(found.get(name), str):
            return f"{tool}: {first_line(found[name])}"
    return tool


class Totals:
    """What a program reported in all for one conversation, kept beside the log, because what
    it reports next has it in it.

    mark: the name the program gave the conversation, where it does not take ours.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._file = assignment.log.with_name(assignment.log.name + ".totals")
        self.mark, self.usage, self.dollars = "", Usage(), 0.0
        if assignment.resumed:
            with suppress(OSError, ValueError, TypeError, KeyError):
                self._read(json.loads(self._file.read_bytes()))

    def _read(self, kept: dict[str, Any]) -> None:
        self.usage = Usage(*(int(number) for number in kept["usage"]))
        self.dollars, self.mark = float(kept["dollars"]), str(kept["mark"])

    def since(self, usage: Usage, dollars: float | None = None) -> tuple[Usage, float | None]:
        """What came since the last report; this one is kept."""
        new = usage - self.usage
        paid = None if dollars is None else max(0.0, dollars - self.dollars)
        self.usage, self.dollars = usage, self.dollars if dollars is None else dollars
        self.keep()
        return new, paid

    def keep(self) -> None:
        """Write it, whole or not at all; a full disk does not stop the agent."""
        one = self.usage
        kept = {
            "mark": self.mark, "dollars": self.dollars,
            "usage": [one.input, one.output, one.cache_read, one.cache_write],
        }  # fmt: skip
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with suppress(OSError):
            new.write_text(json.dumps(kept))
            new.replace(self._file)
