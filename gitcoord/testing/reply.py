"""What is about to be answered: a turn made fit for one request, with ids and token counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gitcoord.testing.request import Request
from gitcoord.testing.script import Block, Turn

# A token is about four bytes of text: near enough for what no one pays for.
BYTES_A_TOKEN = 4
PIECE = 4096


@dataclass(frozen=True)
class Counts:
    """Tokens of four kinds, none counted twice."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def prompt(self) -> int:
        return self.input + self.cache_read + self.cache_write


@dataclass(frozen=True)
class Reply:
    """number: of the call, from 1, since the server began. step: of the conversation, from 0."""

    request: Request
    turn: Turn
    counts: Counts
    number: int
    step: int

    @property
    def mark(self) -> str:
        return f"{self.number:06d}{self.request.conversation}"

    @property
    def model(self) -> str:
        return self.request.model or "scripted"

    def call_mark(self, index: int) -> str:
        """The id of a tool call: unique in its conversation, and the same when asked again."""
        return f"{self.request.conversation}{self.step:03d}{index:02d}"

    @property
    def blocks(self) -> tuple[Block, ...]:
        found = tuple(_placed(block, self.request) for block in self.turn.blocks)
        if self.turn.huge:
            found += (Block("text", "x" * self.turn.huge),)
        return found


def _placed(block: Block, request: Request) -> Block:
    """The block with `{{cwd}}` filled in."""
    if block.kind == "tool":
        if "{{cwd}}" in block.raw:
            return replace(block, raw=block.raw.replace("{{cwd}}", request.folder))
        text = json.dumps(block.input)
        if "{{cwd}}" in text:
            folder = json.dumps(request.folder)[1:-1]
            return replace(block, input=json.loads(text.replace("{{cwd}}", folder)))
    elif "{{cwd}}" in block.text:
        return replace(block, text=block.text.replace("{{cwd}}", request.folder))
    return block


def input_text(block: Block) -> str:
    """A tool's input as the model writes it."""
    return block.raw or json.dumps(block.input)


def pieces(text: str) -> Iterator[str]:
    """The text as it comes in a stream: two pieces at least, so that nobody relies on one."""
    size = min(PIECE, max(1, (len(text) + 1) // 2))
    for start in range(0, len(text), size):
        yield text[start : start + size]


def event(name: str, body: Any) -> bytes:
    """A server-sent event; without a name for those APIs that have none."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def reckoned(request: Request, turn: Turn) -> Counts:
    """The usage that the turn names, the rest from the sizes."""
    said = turn.usage
    if said:
        return Counts(**{key: int(said.get(key, 0)) for key in Counts.__dataclass_fields__})
    output = sum(len(b.text) + (len(input_text(b)) if b.kind == "tool" else 0) for b in turn.blocks)
    return Counts(
        input=len(request.raw) // BYTES_A_TOKEN + 1,
        output=(output + turn.huge) // BYTES_A_TOKEN + 1,
    )
