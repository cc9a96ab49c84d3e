"""What was said and done so far: a fold over the lines of a transcript.

Promises: a line is in the file, whole and synced, before anything depends on it; what a resumed
agent knows is the fold of the same lines, so it is the same. A last line that is not whole is
cut off: its writer was killed within it, and nothing had followed from it.

    {"do": "ask", "text", "nudge"}          what the agent is told; a nudge is only to go on
    {"do": "reply", "id", "model", "stop", "blocks", "usage", "dollars", "broken"}
    {"do": "lost", …}                       an answer that was cut, as far as it is known
    {"do": "started" | "waits", "call"}     a tool call that begins, or waits for a person
    {"do": "result", "call", "name", "text", "wrong"}
    {"do": "shortened", "calls", "summary", "upto"}
    {"do": "end", "state", "reason"}        all before it has been reported to the host
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitcoord.errors import Corrupt, Problem
from gitcoord.records import now
from gitcoord.runs.usage import Usage

INTERRUPTED = (
    "interrupted: it is unknown whether this was done. Look at the worktree before you do it again."
)
LEFT_OUT = "[left out to make room: {count:,} characters. Ask again if they are needed.]"
_CALLING, _GOES_ON = "tool_use", "pause_turn"


@dataclass(frozen=True)
class Bill:
    """What one answer cost. id: the model's own, the same when it is reported again."""

    id: str
    model: str
    usage: Usage
    dollars: float | None


@dataclass
class Conversation:
    """messages: as the model is sent them. pending: calls of the last answer that are not all
    answered; results: of those that are. broken: calls whose input was no JSON. waiting: call ->
    approval. unreported: what no host has been told of. told: the task, and what people said
    since. recorded: findings.
    cut_offs: in a row. stop: of the last answer, "" when something came after it. text: the last
    that was said. size: tokens of the whole conversation at the last answer; sized: how many
    messages those were."""

    file: Path
    messages: list[dict[str, Any]] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)
    waiting: dict[str, str] = field(default_factory=dict)
    unreported: list[Bill] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    recorded: int = 0
    cut_offs: int = 0
    stop: str = ""
    text: str = ""
    size: int = 0
    sized: int = 0
    findings: list[str] = field(default_factory=list)
    _fd: int = -1

    @classmethod
    def open(cls, file: Path) -> Conversation:
        """Go on with the transcript at `file`, or begin it. Raises Corrupt."""
        talk = cls(file)
        talk._fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.fchmod(talk._fd, 0o600)
        for line in talk._lines():
            talk._fold(line)
        return talk

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def add(self, do: str, *, sync: bool = True, **more: Any) -> None:
        """Write a line, and take it in. sync: whether it has to outlive a loss of power."""
        line = {"do": do, "time": now(), **more}
        content = json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        try:
            while content:
                content = content[os.write(self._fd, content) :]
            if sync:
                os.fsync(self._fd)
        except OSError as error:
            raise Problem(
                f"cannot write {self.file}: {error.strerror}", hint=f"df -h '{self.file.parent}'"
            ) from error
        # As it will be read back, so that a resumed agent sends the same bytes.
        self._fold(line)

    def unanswered(self) -> list[dict[str, Any]]:
        """Calls of the last answer without a result, in their order."""
        return [call for call in self.pending if call["id"] not in self.results]

    def _lines(self) -> Iterator[dict[str, Any]]:
        content = Path(self.file).read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._fd, whole)
        for number, line in enumerate(content[:whole].splitlines(), 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise Corrupt(
                    f"{self.file}, line {number}: {error}",
                    hint=f"begin the task anew: mv '{self.file}' '{self.file}.bad'",
                ) from None

    def _fold(self, line: Mapping[str, Any]) -> None:
        match line["do"]:
            case "ask":
                self._ask(line["text"], nudge=line.get("nudge", False))
            case "reply":
                self._reply(line)
            case "lost":
                self.unreported.append(_bill(line))
            case "started":
                self.started.add(line["call"])
            case "waits":
                self.waiting[line["call"]] = line["approval"]
            case "result":
                self._result(line)
            case "shortened":
                self._shorten(line)
            case "end":
                self.unreported.clear()

    def _ask(self, text: str, *, nudge: bool) -> None:
        self.told += [] if nudge else [text]
        self.stop = ""
        self.messages.append({"role": "user", "content": [{"type": "text", "text": text}]})

    def _reply(self, line: Mapping[str, Any]) -> None:
        bill = _bill(line)
        self.unreported.append(bill)
        self.stop = line["stop"]
        self.broken = set(line["broken"])
        calling = self.stop in (_CALLING, _GOES_ON)
        blocks = [one for one in line["blocks"] if calling or one["type"] != "tool_use"]
        said = "\n".join(one["text"] for one in blocks if one["type"] == "text").strip()
        self.text = said or self.text
        if blocks and self.stop != "refusal":
            self.messages.append({"role": "assistant", "content": blocks})
        called = [one for one in blocks if one["type"] == "tool_use"]
        self.pending = called if self.stop == _CALLING else []
        self.cut_offs = self.cut_offs + 1 if self.stop in CUT_OFF else 0
        self.size, self.sized = bill.usage.total, len(self.messages)

    def _result(self, line: Mapping[str, Any]) -> None:
        self.results[line["call"]] = {
            "type": "tool_result", "tool_use_id": line["call"], "content": line["text"],
            "is_error": line["wrong"],
        }  # fmt: skip
        if line["name"] == "record_finding" and not line["wrong"]:
            self.recorded += 1
            call = next(one for one in self.pending if one["id"] == line["call"])
            self.findings.append(f"{call['input'].get('title')}: {call['input'].get('body')}")
        if self.pending and not self.unanswered():
            results = [self.results.pop(call["id"]) for call in self.pending]
            self.messages.append({"role": "user", "content": results})
            self.pending, self.stop = [], ""

    def _shorten(self, line: Mapping[str, Any]) -> None:
        """Leave out results of `calls`; put `summary` in place of messages 1 to `upto`."""
        if line.get("summary"):
            bill = _bill(line)
            self.unreported.append(bill)
            summary = {"role": "user", "content": [{"type": "text", "text": line["summary"]}]}
            self.messages[1 : line["upto"]] = [summary]
        gone = set(line["calls"])
        self.messages = [_without(message, gone) for message in self.messages]
        self.size, self.sized = line["size"], len(self.messages)


CUT_OFF = ("max_tokens", "model_context_window_exceeded")


def usage_of(said: Mapping[str, int]) -> Usage:
    return Usage(said["input"], said["output"], said["cache_read"], said["cache_write"])


def plain(usage: Usage) -> dict[str, int]:
    """A usage as it stands in a line."""
    return {
        "input": usage.input, "output": usage.output, "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
    }  # fmt: skip


def _bill(line: Mapping[str, Any]) -> Bill:
    return Bill(line["id"], line["model"], usage_of(line["usage"]), line["dollars"])


def _without(message: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    if not any(block.get("tool_use_id") in gone for block in message["content"]):
        return message
    blocks = [
        {**block, "content": LEFT_OUT.format(count=len(block["content"]))}
        if block.get("tool_use_id") in gone
        else block
        for block in message["content"]
    ]
    return {**message, "content": blocks}
