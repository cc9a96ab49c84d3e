"""A request to a model, read the same way whichever API it speaks.

Each API has a name here: "messages" (Anthropic), "responses" and "chat" (OpenAI), "gemini".
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

Said = tuple[str, str]
"""(who, text). who: "system", "user", "model" (once for each answer), "result" (of a tool)."""

# How the programs tell the model where they are.
FOLDER = re.compile(
    r"<cwd>([^<\n]+)</cwd>|[Ww]orking directory:? *(/[^\n]+)"
    r"|Workspace Directories:\**\s+- (/[^\n]+)"
)


@dataclass(frozen=True, eq=False)
class Request:
    """One call. path: as asked for, with its query. headers: names in lower case. raw: the body.

    at: of time.monotonic, when it had been read.
    """

    api: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    at: float = field(default_factory=time.monotonic)

    @cached_property
    def body(self) -> dict[str, Any]:
        """The body as JSON. Raises ValueError."""
        read = json.loads(self.raw or b"{}")
        if not isinstance(read, dict):
            raise ValueError("the body is no object")
        return read

    def shed(self) -> None:
        """Let go of what was read from `raw`, several times its size; read again when asked."""
        for name in ("body", "said", "opening"):
            self.__dict__.pop(name, None)

    @property
    def model(self) -> str:
        """What it asks for; Gemini has it in the path."""
        named = re.search(r"models/([^:/]+):", self.path)
        return named[1] if named else str(self.body.get("model", ""))

    @property
    def streams(self) -> bool:
        if self.api == "gemini":
            return ":streamGenerateContent" in self.path
        return bool(self.body.get("stream"))

    @property
    def messages(self) -> list[Any]:
        """The conversation as this API has it. Raises ValueError."""
        key = {"responses": "input", "gemini": "contents"}.get(self.api, "messages")
        found = self.body.get(key) or []
        listed = found if isinstance(found, list) else [{"role": "user", "content": found}]
        if not all(isinstance(one, dict) for one in listed):
            raise ValueError("a message is no object")
        return listed

    @cached_property
    def said(self) -> tuple[Said, ...]:
        """Everything said so far, in order. Raises ValueError on a body of another shape."""
        try:
            return tuple(_READERS[self.api](self.body, self.messages))
        except (AttributeError, KeyError, TypeError) as wrong:
            raise ValueError(f"no request of this API: {wrong!r}") from wrong

    @property
    def answers(self) -> int:
        return sum(who == "model" for who, _ in self.said)

    @property
    def system(self) -> str:
        return "\n".join(text for who, text in self.said if who == "system")

    @property
    def prompt(self) -> str:
        """The last words of the user."""
        return next((text for who, text in reversed(self.said) if who == "user"), "")

    @property
    def results(self) -> tuple[str, ...]:
        """What the tools called last have answered."""
        found: list[str] = []
        for who, text in reversed(self.said):
            if who == "model":
                break
            if who == "result":
                found.insert(0, text)
        return tuple(found)

    @cached_property
    def opening(self) -> str:
        """System prompt and the user's words before the model's first answer."""
        words: list[str] = []
        for who, text in self.said:
            if who == "model":
                break
            words.append(text)
        return "\n".join(words)

    @cached_property
    def conversation(self) -> str:
        """A name for the conversation: the same for every call of it.

        Made of the user's first words: the system prompt of Claude Code differs in every call.
        """
        first: list[str] = []
        for who, text in self.said:
            if who == "model":
                break
            if who == "user":
                first.append(text)
        return blake2b("\n".join(first).encode("utf-8", "replace"), digest_size=6).hexdigest()

    @property
    def folder(self) -> str:
        """The folder that the program says it works in; "" when it does not say."""
        found = FOLDER.search(self.opening)
        return (found[found.lastindex or 0]).strip() if found else ""


def words_of(content: Any) -> str:
    """The text in a content: a string, or blocks of which some have text."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return ""
    return "\n".join(
        block if isinstance(block, str) else str(block["text"])
        for block in content
        if isinstance(block, str) or (isinstance(block, Mapping) and "text" in block)
    )


def _messages(body: Mapping[str, Any], messages: list[Any]) -> Iterator[Said]:
    yield "system", words_of(body.get("system"))
    for message in messages:
        content = message.get("content")
        if message["role"] != "user":
            yield ("model" if message["role"] == "assistant" else "system"), words_of(content)
            continue
        blocks = content if isinstance(content, list) else []
        for block in blocks:
            if block.get("type") == "tool_result":
                yield "result", words_of(block.get("content"))
        if text := words_of(content):
            yield "user", text


def _chat(_body: Mapping[str, Any], messages: list[Any]) -> Iterator[Said]:
    who = {"assistant": "model", "tool": "result", "developer": "system", "system": "system"}
    for message in messages:
        yield who.get(message["role"], "user"), words_of(message.get("content"))


def _responses(body: Mapping[str, Any], messages: list[Any]) -> Iterator[Said]:
    """One answer is several entries here: reasoning, message, calls."""
    yield "system", words_of(body.get("instructions"))
    before = ""
    for entry in messages:
        kind, role = entry.get("type", "message"), entry.get("role", "")
        if kind.endswith("_output"):
            output = entry.get("output")
            who, text = "result", words_of(output) or json.dumps(output)
        elif kind == "message" and role != "assistant":
            who = "user" if role == "user" else "system"
            text = words_of(entry.get("content"))
        else:
            who, text = "model", words_of(entry.get("content"))
        if who != "model" or before != "model":
            yield who, text
        before = who


def _gemini(body: Mapping[str, Any], messages: list[Any]) -> Iterator[Said]:
    system = body.get("systemInstruction") or body.get("system_instruction") or {}
    yield "system", words_of(system.get("parts") if isinstance(system, Mapping) else system)
    for message in messages:
        parts = message.get("parts") or []
        if message.get("role") == "model":
            yield "model", words_of(parts)
            continue
        for part in parts:
            if "functionResponse" in part:
                yield "result", json.dumps(part["functionResponse"].get("response"))
        if text := words_of(parts):
            yield "user", text


_READERS = {"messages": _messages, "chat": _chat, "responses": _responses, "gemini": _gemini}
