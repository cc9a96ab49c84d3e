"""aider, headless: one message, its edits, no commits of its own.

Promises: its histories go beside the log, and no `.aider*` that was not there stays in the
worktree. It always exits with 0, so the outcome is read from its words: an answer of the model
is done, an error of its provider is not. Its token counts are rounded by itself ("1.2k").
Facts of 0.86.2, observed against a scripted server.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import DONE, Assignment, Event, Outcome, Say
from gitcoord.runtime.programs.command import whole_task
from gitcoord.runtime.programs.failure import judge, unreachable
from gitcoord.runtime.programs.program import MODEL_KEYS, Command, text_of
from gitcoord.runtime.programs.reader import Reader, attempt

LOGIN = "set the key of the model's provider, such as OPENAI_API_KEY, then: gitcoord resume"
_SET = {
    "AIDER_ANALYTICS": "false",
    "AIDER_CHECK_UPDATE": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
# The last lines before the model's words.
_HEADER = ("Git repo: ", "Repo-map: ", "Restored previous conversation history")
_LONGEST_SAID = 8000
_TOKENS = re.compile(r"^Tokens: (.{1,120}?)\.(?: Cost: \$([0-9.]{1,20}) message.{0,60})?$")
_PART = re.compile(r"([0-9.,]{1,12})([kM]?) (sent|cache write|cache hit|received)")
_ERROR = re.compile(r"^litellm\.(\w{1,60}): ?(.{0,500})")
_STATUS = {
    "AuthenticationError": 401, "PermissionDeniedError": 403, "RateLimitError": 429,
    "InternalServerError": 500, "ServiceUnavailableError": 503, "BadRequestError": 400,
    "NotFoundError": 404, "ContextWindowExceededError": 400,
}  # fmt: skip


def aider(assignment: Assignment, say: Say) -> Outcome:
    """Work on the assignment."""
    before = set(_own_files(assignment.top))
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        file = Path(folder) / "task.md"
        file.write_text(whole_task(assignment), "utf-8", "replace")
        try:
            command = Command(argv(assignment, file), allowed=(*MODEL_KEYS, "AIDER_*"), set=_SET)
            return attempt(command, Aider(assignment, say))[0]
        finally:
            for left in set(_own_files(assignment.top)) - before:
                _remove(left)


def argv(assignment: Assignment, task: Path) -> tuple[str, ...]:
    """How it is started."""
    log = assignment.log
    words = [
        "aider", f"--message-file={task}", "--yes-always", "--no-auto-commits",
        "--no-dirty-commits", "--no-suggest-shell-commands", "--no-detect-urls",
        "--disable-playwright", "--no-analytics", "--no-check-update", "--no-gitignore",
        "--no-show-model-warnings", "--no-show-release-notes", "--no-pretty", "--no-stream",
        f"--chat-history-file={log}.chat.md", f"--input-history-file={log}.input",
    ]  # fmt: skip
    if assignment.resumed:
        words.append("--restore-chat-history")
    if assignment.model:
        words.append(f"--model={assignment.model}")
    return tuple(words)


class Aider(Reader):
    """Understands the words it says at the beginning of a line."""

    name = "aider"

    def __init__(self, assignment: Assignment, say: Say) -> None:
        super().__init__(assignment, say)
        # Its calls have no ids, and a resumed conversation counts from 0 again.
        self._attempt = uuid4()

    def take(self, block: bytes) -> bool:
        for line in text_of(block).splitlines():
            self._line(line.rstrip())
        self.tell()
        return bool(self.over)

    def _line(self, line: str) -> None:
        if line.startswith("Main model: "):
            self.model = line.removeprefix("Main model: ").partition(" with ")[0]
        elif line.startswith("Applied edit to "):
            self.say(Event("tool", f"edit: {line[16:]}", {"tool": "edit"}))
        elif found := _ERROR.match(line):
            self._error(found[1], found[2])
        elif found := _TOKENS.match(line):
            dollars = float(found[2]) if found[2] else None
            self.used(_usage(found[1]), f"{self._attempt}/{self.turns}", dollars=dollars)
            self.final = Outcome(DONE)
        elif line.startswith(_HEADER):
            self.said = ""
        elif line:
            self.said = f"{self.said}\n{line}"[-_LONGEST_SAID:]

    def _error(self, kind: str, words: str) -> None:
        self.final = None
        if kind in ("APIConnectionError", "Timeout"):
            failure = unreachable(words)
        else:
            failure = judge(words, status=_STATUS.get(kind, 0), login=LOGIN)
        self.fail(failure, over=failure.hint == LOGIN)
        if failure.retry:
            self.say(Event("waiting", failure.reason))


def _usage(words: str) -> Usage:
    found = {"sent": 0, "received": 0, "cache hit": 0, "cache write": 0}
    for number, unit, kind in _PART.findall(words):
        scale = {"k": 1000, "M": 1_000_000}.get(unit, 1)
        found[kind] = round(float(number.replace(",", "")) * scale)
    cached = found["cache hit"] + found["cache write"]
    return Usage(
        max(0, found["sent"] - cached), found["received"], found["cache hit"], found["cache write"]
    )


def _own_files(top: Path) -> list[Path]:
    return [path for path in top.glob(".aider*") if not path.name.startswith(".aider.conf")]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
