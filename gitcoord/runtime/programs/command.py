"""Any program of the user's: an argv, with the task in a file, as a word, or on stdin.

`{prompt_file}`, `{prompt}` and `{worktree}` in any of its words are filled in; where neither of
the first two is there, the task is on stdin. Its exit code is the only word it has, so that is
taken: 0 is DONE as far as it says. What it did is read from git by who called this.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from gitcoord.errors import BadInput
from gitcoord.runtime.agent import DONE, FAILED, Assignment, Event, Outcome, Say
from gitcoord.runtime.programs.program import MODEL_KEYS, Command, Ended, text_of
from gitcoord.runtime.programs.reader import Reader, attempt, first_line

_SUMMARY_BYTES = 8_000


def command(assignment: Assignment, say: Say) -> Outcome:
    """Raises BadInput when there is no argv, Problem when it cannot be started."""
    if not assignment.argv:
        raise BadInput(
            "the command runner has no command",
            hint='say which: gitcoord config set agents.command "my-agent" "{prompt_file}"',
        )
    task = whole_task(assignment)
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        file = Path(folder) / "task.md"
        file.write_text(task, "utf-8", "replace")
        argv = tuple(_filled(word, assignment, task, file) for word in assignment.argv)
        asks = any("{prompt" in word for word in assignment.argv)
        given = None if asks else task.encode("utf-8", "replace")
        return attempt(Command(argv, given, MODEL_KEYS), Lines(assignment, say))[0]


def whole_task(assignment: Assignment) -> str:
    """The role and the task in one text, for a program that knows no roles."""
    role = assignment.role.prompt.strip()
    return f"{role}\n\n{assignment.prompt}" if role else assignment.prompt


def _filled(word: str, assignment: Assignment, task: str, file: Path) -> str:
    """Once: what is filled in is not looked at again."""
    places = {
        "{prompt_file}": str(file), "{prompt}": task.replace("\0", ""),
        "{worktree}": str(assignment.top),
    }  # fmt: skip
    for place, value in places.items():
        before, found, after = word.partition(place)
        if found:
            return (
                _filled(before, assignment, task, file)
                + value
                + _filled(after, assignment, task, file)
            )
    return word


class Lines(Reader):
    """Understands nothing: what it says is passed on, and its end is its summary."""

    name = "the command"

    def __init__(self, assignment: Assignment, say: Say) -> None:
        super().__init__(assignment, say)
        self._tail = b""

    def take(self, block: bytes) -> bool:
        self._tail = (self._tail + block)[-_SUMMARY_BYTES:]
        line = first_line(text_of(self._tail[-1000:].rstrip().rpartition(b"\n")[2]))
        if line:
            self.say(Event("text", line))
        self.tell()
        return False

    def outcome(self, ended: Ended) -> Outcome:
        self.said = text_of(self._tail).strip()
        if ended.code == 0 and not ended.cause:
            self.final = Outcome(DONE)
        elif ended.code > 0 and not ended.cause:
            last = ended.err.rpartition("\n")[2].strip()[:300]
            self.final = Outcome(FAILED, reason=f"exit code {ended.code}: {last}".rstrip(": "))
        return super().outcome(ended)
