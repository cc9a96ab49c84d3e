"""What a scripted model says, as data: turns, and which conversation they belong to.

A turn is a mapping; all keys are optional:

    text        what the model says; thinking: what it thinks first
    tools       [{name, input}]: tool calls, in parallel when there are several. `raw` in place
                of `input` is the text of the input as the model would write it, valid or not
    content     [{text} | {thinking} | {redacted} | {name, input}]: blocks in an order of your own
    stop        the stop reason; by default "tool_use" where a tool is called, else "end_turn"
    usage       {input, output, cache_read, cache_write}; by default reckoned from the sizes
    error       an HTTP status; message, kind: of the error; retry_after, retry_after_ms; until:
                RFC 3339, the time when a usage limit ends; headers: more of them
    wait        seconds before the first byte; pace: seconds between two events of the stream
    drop        the connection is cut after so many events; 0 cuts it before the first byte
    broken      an `error` event comes after so many events; kind, message: of it
    malformed   "event": an event of the stream is no JSON; "body": the whole answer is none
    huge        so many bytes of text more
    fail        turns that are served first, one for each attempt, before this one is
    again       this turn also answers everything after it

`{{cwd}}` in an input or a text stands for the folder that a program says it works in.

A script is a list of turns, or {conversations: [{name, when, count, turns}], turns}: a
conversation is known by `when`, a text in its system prompt or its first words. The step is
computed from the request's own messages: the number of model answers in it, so that one server
serves any number of agents at once; with `count = "calls"` it is the number of calls of that
conversation so far, for clients that shorten their history. And a script can travel in the prompt:
`<scripted>[TURN, …]</scripted>` as JSON, or `<scripted>NAME</scripted>` of a named conversation;
the last one in a user's message counts, from there on.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitcoord.errors import BadInput

IN_PROMPT = re.compile(r"<scripted>(.*?)</scripted>", re.DOTALL)
STOPS = frozenset(
    ("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal",
     "model_context_window_exceeded", "compaction")
)  # fmt: skip


class Off(Exception):
    """A request is outside of the script."""


@dataclass(frozen=True)
class Block:
    """Part of an answer. kind: "text", "thinking", "redacted" or "tool". raw: of a tool's input."""

    kind: str
    text: str = ""
    name: str = ""
    input: Any = None
    raw: str = ""


@dataclass(frozen=True)
class Turn:
    """One answer of the model, or one way not to get it. See the head of this file."""

    blocks: tuple[Block, ...] = ()
    stop: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)
    error: int = 0
    message: str = ""
    kind: str = ""
    retry_after: float | None = None
    retry_after_ms: int | None = None
    until: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    pace: float = 0.0
    drop: int | None = None
    broken: int | None = None
    malformed: str = ""
    huge: int = 0
    fail: tuple[Turn, ...] = ()
    again: bool = False

    @property
    def tools(self) -> tuple[Block, ...]:
        return tuple(block for block in self.blocks if block.kind == "tool")

    @property
    def stop_reason(self) -> str:
        return self.stop or ("tool_use" if self.tools else "end_turn")


_PLAIN = frozenset(
    ("stop", "usage", "error", "message", "kind", "retry_after", "retry_after_ms", "until",
     "headers", "wait", "pace", "drop", "broken", "malformed", "huge", "again")
)  # fmt: skip
_SAID = frozenset(("text", "thinking", "tools", "content", "fail"))


def turn_of(said: Turn | Mapping[str, Any] | str) -> Turn:
    """A turn from its mapping; a string is a text. Raises BadInput on a key it does not know."""
    if isinstance(said, Turn):
        return said
    if isinstance(said, str):
        return Turn((Block("text", said),))
    if unknown := said.keys() - _PLAIN - _SAID:
        raise BadInput(f"a scripted turn has no key {sorted(unknown)[0]!r}")
    if said.get("stop", "") not in STOPS | {""}:
        raise BadInput(f"no stop reason: {said['stop']!r}")
    return Turn(
        blocks=tuple(_blocks(said)),
        fail=tuple(turn_of(one) for one in said.get("fail", ())),
        **{key: said[key] for key in said.keys() & _PLAIN},
    )


def _blocks(said: Mapping[str, Any]) -> list[Block]:
    parts: list[Mapping[str, Any]] = [
        *([{"thinking": said["thinking"]}] if "thinking" in said else ()),
        *([{"text": said["text"]}] if "text" in said else ()),
        *said.get("content", ()),
        *said.get("tools", ()),
    ]
    return [_block(part) for part in parts]


def _block(part: Mapping[str, Any]) -> Block:
    for kind in ("text", "thinking", "redacted"):
        if kind in part:
            return Block(kind, str(part[kind]))
    if "name" not in part:
        raise BadInput(f"neither a text nor a tool call: {json.dumps(dict(part))[:80]}")
    return Block(
        "tool", name=part["name"], input=part.get("input", {}), raw=str(part.get("raw", ""))
    )


@dataclass(frozen=True)
class Conversation:
    """Turns for those who ask with `when` in their opening words; "" is everyone."""

    turns: tuple[Turn, ...]
    name: str = ""
    when: str = ""
    count: str = "answers"

    def turn(self, step: int) -> tuple[int, Turn]:
        """The turn for a step, and its index. Raises Off behind the end."""
        last = len(self.turns) - 1
        if step > last and not (self.turns and self.turns[-1].again):
            raise Off(f"the script has {last + 1} turns, asked for {step + 1}")
        index = min(step, last)
        return index, self.turns[index]


def conversations_of(said: Any) -> tuple[Conversation, ...]:
    """The conversations of a script (see the head of this file). Raises BadInput."""
    if isinstance(said, Sequence) and not isinstance(said, str):
        return (Conversation(tuple(turn_of(one) for one in said)),)
    if not isinstance(said, Mapping):
        raise BadInput("a script is a list of turns, or a mapping with `conversations`")
    found = [
        Conversation(
            tuple(turn_of(turn) for turn in one["turns"]),
            one.get("name", ""),
            one.get("when", ""),
            one.get("count", "answers"),
        )
        for one in said.get("conversations", ())
    ]
    if "turns" in said:
        found.append(Conversation(tuple(turn_of(turn) for turn in said["turns"])))
    return tuple(found)


def read_script(file: Path) -> Any:
    """What a script file (JSON or TOML) says. Raises BadInput."""
    text = file.read_text(encoding="utf-8")
    try:
        return tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except ValueError as wrong:
        raise BadInput(f"{file} is no script: {wrong}") from wrong


def scripted_prompt(turns: Sequence[Mapping[str, Any] | str]) -> str:
    """The words to put in a prompt so that the script travels in it."""
    text = json.dumps(list(turns)).replace("</", "<\\/")
    return f"<scripted>{text}</scripted>"
