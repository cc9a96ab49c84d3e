"""The real agent programs at a scripted model: where they are, and a setting that is theirs alone.

Nothing of the user's is read or written: each has a home in a temporary folder, a made-up key,
and the loopback address for a provider.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from gitcoord.testing.server import ModelServer

PATH = os.environ["PATH"]
NAMES = ("claude", "codex", "gemini", "opencode", "aider")
FOUND = {name: place for name in NAMES if (place := shutil.which(name, path=PATH))}

CODEX_SETTINGS = """\
model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false

[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 2
stream_max_retries = 1

[features]
enable_request_compression = false

[analytics]
enabled = false
"""


def environment(name: str, server: ModelServer, home: Path) -> dict[str, str]:
    """What a program needs to speak with the server and with nobody else."""
    home.mkdir(parents=True, exist_ok=True)
    common = {
        "PATH": PATH,
        "HOME": str(home),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
        **{f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")},
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    return common | _OF[name](server, home)


def _claude(server: ModelServer, home: Path) -> dict[str, str]:
    off = (
        "DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER", "DISABLE_ERROR_REPORTING",
        "DISABLE_BUG_COMMAND", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
        "DISABLE_NON_ESSENTIAL_MODEL_CALLS", "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "IS_SANDBOX",
    )  # fmt: skip
    return {
        "CLAUDE_CONFIG_DIR": str(home / "claude"),
        "ANTHROPIC_BASE_URL": server.url,
        "ANTHROPIC_API_KEY": "made-up",
        **dict.fromkeys(off, "1"),
    }


def subscribed(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of Claude Code for one who pays by the month: only then does it say when
    a usage limit ends."""
    kept = {name: value for name, value in env.items() if name != "ANTHROPIC_API_KEY"}
    return kept | {"CLAUDE_CODE_OAUTH_TOKEN": "made-up"}


def _codex(server: ModelServer, home: Path) -> dict[str, str]:
    (home / "codex").mkdir(exist_ok=True)
    (home / "codex" / "config.toml").write_text(CODEX_SETTINGS.format(url=server.url))
    return {"CODEX_HOME": str(home / "codex"), "OPENAI_API_KEY": "made-up"}


def _gemini(server: ModelServer, home: Path) -> dict[str, str]:
    (home / ".gemini").mkdir(exist_ok=True)
    auth = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (home / ".gemini" / "settings.json").write_text(json.dumps(auth))
    return {
        "GEMINI_API_KEY": "made-up",
        "GOOGLE_GEMINI_BASE_URL": server.url,
        "GEMINI_CLI_NO_RELAUNCH": "1",
        "GEMINI_TELEMETRY_ENABLED": "false",
    }


def _opencode(server: ModelServer, home: Path) -> dict[str, str]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "scripted",
        "options": {"baseURL": f"{server.url}/v1", "apiKey": "made-up"},
        "models": {"scripted": {"name": "scripted", "tool_call": True}},
    }
    settings = home / "opencode.json"
    settings.write_text(
        json.dumps(
            {
                "provider": {"scripted": provider},
                "model": "scripted/scripted",
                "permission": {"edit": "allow", "bash": "allow"},
            }
        )
    )
    off = ("AUTOUPDATE", "LSP_DOWNLOAD", "MODELS_FETCH", "DEFAULT_PLUGINS")
    return {
        "OPENCODE_CONFIG": str(settings),
        **{f"OPENCODE_DISABLE_{name}": "1" for name in off},
    }


def _aider(server: ModelServer, _home: Path) -> dict[str, str]:
    return {
        "OPENAI_API_BASE": f"{server.url}/v1",
        "OPENAI_API_KEY": "made-up",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "AIDER_ANALYTICS": "false",
        "AIDER_CHECK_UPDATE": "false",
    }


_OF = {
    "claude": _claude,
    "codex": _codex,
    "gemini": _gemini,
    "opencode": _opencode,
    "aider": _aider,
}


def call(
    name: str, words: Sequence[str], at: Path, env: Mapping[str, str], *, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, with no stdin."""
    return subprocess.run(
        [FOUND[name], *words],
        cwd=at,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
