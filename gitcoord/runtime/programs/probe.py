"""Whether a program works as its adapter expects: the real program at a scripted model.

Promises: nothing of the user's is read or written, nobody is asked over a network, no key is
needed; a folder of its own, a made-up key, and the loopback address for a provider.
Checked: it edits a file, says that it ended, takes the conversation up again, and stops at a
refused key.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitcoord.errors import Problem
from gitcoord.git.run import run as git
from gitcoord.runs.role import Role
from gitcoord.runtime.agent import DONE, FAILED, Agent, Assignment, Limits
from gitcoord.testing.request import Request
from gitcoord.testing.server import ModelServer

_SECONDS = 60.0
_ROLE = Role("builder", "", "You build.", writes=True)
_FILE, _CONTENT = "probe.txt", "it works\n"
_REFUSED = "refuse"
_MODELS = {"gemini": "gemini-2.5-flash", "opencode": "probe/probe", "aider": "openai/probe"}


def probe(name: str, agent: Agent) -> str:
    """What did not work with the program, "" when all did."""
    with (
        tempfile.TemporaryDirectory(prefix="gitcoord-probe-") as folder,
        ModelServer(lambda request: _answer(name, request)) as server,
    ):
        try:
            return _tried(agent, _assignment(name, Path(folder), server.url))
        except Problem as problem:
            return problem.message


def _tried(agent: Agent, asked: Assignment) -> str:
    first = agent(asked, lambda _: None)
    if first.state != DONE:
        return f"it did not end as done: {first.state}: {first.reason}"
    written = asked.top / _FILE
    if not written.is_file() or written.read_text().strip() != _CONTENT.strip():
        return "it did not write a file it was told to"
    if not first.usage.total:
        return "it did not say what it used"
    second = agent(replace(asked, mark=first.mark, resumed=True), lambda _: None)
    if second.state != DONE or second.mark != first.mark:
        return f"it did not take its conversation up again: {second.state}: {second.reason}"
    other = replace(
        asked, prompt=_REFUSED, mark=str(uuid.uuid4()), log=asked.top.parent / "b.jsonl"
    )
    refused = agent(other, lambda _: None)
    if refused.state != FAILED or refused.retry or not refused.hint:
        return f"it did not stop at a refused key: {refused.state}: {refused.reason}"
    return ""


def _assignment(name: str, folder: Path, url: str) -> Assignment:
    top, home = folder / "worktree", folder / "home"
    top.mkdir()
    home.mkdir()
    git("init", "-q", cwd=top)
    return Assignment(
        f"probe-{uuid.uuid4()}", "probe", _ROLE, "Write the file.", top, folder,
        str(uuid.uuid4()), folder / "a.jsonl", model=_MODELS.get(name, ""),
        limits=Limits(wall=_SECONDS, stall=_SECONDS), environment=_environment(name, home, url),
    )  # fmt: skip


def _answer(name: str, request: Request) -> Any:
    """The step is known from the request itself: is there an answer in it already?"""
    words = [text for who, text in request.said if who == "user"]
    if any(_REFUSED in text for text in words):
        return {"error": 401, "message": "a made-up key"}
    if name == "aider":
        # It shows the model examples that look like answers.
        return _EDITS[name]
    if request.answers or any(who == "result" for who, _ in request.said):
        return "Done."
    return _EDITS[name]


def _write(tool: str, path: str) -> dict[str, Any]:
    return {"tools": [{"name": tool, "input": {path: f"{{{{cwd}}}}/{_FILE}", "content": _CONTENT}}]}


_EDITS: Mapping[str, Any] = {
    "claude": _write("Write", "file_path"),
    "codex": {"tools": [{"name": "exec_command", "input": {"cmd": f"echo it works > {_FILE}"}}]},
    "gemini": _write("write_file", "file_path"),
    "opencode": _write("write", "filePath"),
    "aider": f"{_FILE}\n```\n{_CONTENT}```\n",
}


def _environment(name: str, home: Path, url: str) -> dict[str, str]:
    """A setting of its own, so that the user's is neither used nor changed."""
    kinds = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}
    common = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), **kinds}
    return common | _SETTINGS[name](home, url)


def _claude(home: Path, url: str) -> dict[str, str]:
    without = ("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
               "CLAUDE_CODE_USE_FOUNDRY", "ANTHROPIC_AUTH_TOKEN")  # fmt: skip
    return {
        "CLAUDE_CONFIG_DIR": str(home / "claude"),
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "made-up",
        **dict.fromkeys(without, ""),
    }


def _codex(home: Path, url: str) -> dict[str, str]:
    (home / "config.toml").write_text(
        'model = "probe"\nmodel_provider = "probe"\ncheck_for_update_on_startup = false\n'
        f'[model_providers.probe]\nname = "probe"\nbase_url = "{url}/v1"\n'
        'env_key = "OPENAI_API_KEY"\nwire_api = "responses"\n'
        "[features]\nenable_request_compression = false\n[analytics]\nenabled = false\n"
    )
    return {"CODEX_HOME": str(home), "OPENAI_API_KEY": "made-up"}


def _gemini(home: Path, url: str) -> dict[str, str]:
    (home / ".gemini").mkdir()
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    return {"GEMINI_API_KEY": "made-up", "GOOGLE_GEMINI_BASE_URL": url}


def _opencode(home: Path, url: str) -> dict[str, str]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1", "apiKey": "made-up"},
        "models": {"probe": {"name": "probe", "tool_call": True}},
    }
    settings = home / "opencode.json"
    settings.write_text(json.dumps({"provider": {"probe": provider}, "model": "probe/probe"}))
    off = ("LSP_DOWNLOAD", "MODELS_FETCH", "DEFAULT_PLUGINS")
    return {
        "OPENCODE_CONFIG": str(settings),
        **{f"OPENCODE_DISABLE_{name}": "1" for name in off},
    }


def _aider(home: Path, url: str) -> dict[str, str]:
    return {"OPENAI_API_BASE": f"{url}/v1", "OPENAI_API_KEY": "made-up"}


_SETTINGS: Mapping[str, Callable[[Path, str], dict[str, str]]] = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "aider": _aider,
}
