"""What agents can run on: each runner by name, whether it can work here, and which to take.

Promises: nothing is imported or asked of a program before it is wanted. `auto` takes what the
role asks for, then what the settings name, then an installed program, then a key, and `local`
where the role has an analyser. Refuses: a runner that cannot work here, with the ways out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from gitcoord.config import Config
from gitcoord.errors import BadInput
from gitcoord.git.run import inherited
from gitcoord.runs.role import Role
from gitcoord.runtime.agent import Agent
from gitcoord.runtime.programs.installed import Installed, find, note, version_tuple

AUTO, LOCAL = "auto", "local"
# Taken only where role or user name them; `local` last of all.
_NOT_BY_ITSELF = (LOCAL, "command", "human")


@dataclass(frozen=True)
class Runner:
    """What agents can run on.

    entry: where its agent is, `module:function`. program: what it needs on PATH, "" for none.
    least: the oldest version that was tried. keys: variables one of which it needs, ()
    for none. get: how to get it, ends in a command.
    """

    name: str
    does: str
    entry: str = ""
    program: str = ""
    least: str = ""
    keys: tuple[str, ...] = ()
    get: str = ""

    def agent(self) -> Agent:
        """The agent itself; imports what it needs."""
        module, _, entry = self.entry.partition(":")
        found: Agent = getattr(import_module(f"gitcoord.runtime.{module}"), entry)
        return found


RUNNERS = {
    runner.name: runner
    for runner in (
        Runner(LOCAL, "analysers: no model, no key, no network"),
        Runner(
            "claude", "Claude Code", "programs.claude:claude", "claude", "2.1.197",
            get="npm install -g @anthropic-ai/claude-code",
        ),
        Runner(
            "codex", "Codex CLI", "programs.codex:codex", "codex", "0.169.0",
            get="npm install -g @openai/codex",
        ),
        Runner(
            "gemini", "Gemini CLI", "programs.gemini:gemini", "gemini", "0.61.0",
            get="npm install -g @google/gemini-cli",
        ),
        Runner(
            "opencode", "opencode", "programs.opencode:opencode", "opencode", "1.18.33",
            get="npm install -g opencode-ai",
        ),
        Runner(
            "api", "our own loop on the Anthropic API", "api.loop:run_api",
            keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), get="export ANTHROPIC_API_KEY=…",
        ),
        Runner(
            "aider", "aider", "programs.aider:aider", "aider", "0.86.2",
            get="python -m pip install aider-chat",
        ),
        Runner(
            "command", "a program of your own, with the task as a file, a word or on stdin",
            "programs.command:command",
            get="gitcoord config set agents.command my-agent '{prompt_file}'",
        ),
        Runner("human", "a person works in the worktree and says done", "programs.human:human"),
    )
}  # fmt: skip
"""In the order `auto` tries them, after what role and settings say."""


@dataclass(frozen=True)
class Standing:
    """Whether a runner can work here. wrong: why not, "" when it can. warning: what may be
    wrong. installed: its program."""

    runner: Runner
    wrong: str = ""
    warning: str = ""
    installed: Installed | None = None


def agent_of(name: str) -> Agent:
    """The agent of a runner. Raises BadInput on a name that is none, or `local`."""
    runner = _known(name)
    if not runner.entry:
        raise BadInput(f"{name} is no agent with words", hint="see: gitcoord agents runners")
    return runner.agent()


def choose(name: str, role: Role, config: Config) -> str:
    """The runner for a role: `name` itself, or where that is `auto` or "" the best there is.

    Raises BadInput when it is none, is not installed, or cannot do the role.
    """
    if name not in ("", AUTO):
        return _checked(name, role, config)
    # `local` is the default of the setting: whoever asks for auto wants better where there is.
    others = [one for one in (config.agents.runner, *RUNNERS) if one not in _NOT_BY_ITSELF]
    for wish in (*role.runners, *others):
        if wish in RUNNERS and not _wrong(wish, role, config, unasked=True):
            return wish
    return _checked(LOCAL, role, config, auto=True)


def standing(runner: Runner, config: Config) -> Standing:
    """Whether it can work here, as far as can be seen without trying."""
    if runner.program:
        found = find(runner.program, memory())
        if found is None:
            return Standing(runner, f"{runner.program} is not on PATH")
        return Standing(runner, warning=_warning(runner, found), installed=found)
    if runner.keys and not any(inherited().get(key) for key in runner.keys):
        return Standing(runner, f"{runner.keys[0]} is not set")
    if runner.name == "command" and not config.agents.command:
        return Standing(runner, "agents.command is not set")
    return Standing(runner)


def standings(config: Config) -> list[Standing]:
    """Of all runners, in the order of RUNNERS."""
    return [standing(runner, config) for runner in RUNNERS.values()]


def stop_all() -> None:
    """Have every agent at work end, as after Ctrl-C: their threads return within seconds."""
    for module in ("programs.program", "api.line"):
        if loaded := sys.modules.get(f"gitcoord.runtime.{module}"):
            loaded.stop_all()


def memory() -> Path:
    """Where versions of programs, and what was found to work, are remembered."""
    from platformdirs import user_cache_path

    return user_cache_path("gitcoord", appauthor=False) / "runners"


def _warning(runner: Runner, found: Installed) -> str:
    if found.proved and found.proved == found.version:
        return ""
    if found.failed:
        return f"its check failed: {found.failed}"
    if not found.version:
        return "it does not say its version"
    if version_tuple(found.version) < version_tuple(runner.least):
        return (
            f"{found.version} is older than {runner.least}, the oldest that was tried; try it: "
            "gitcoord agents runners --probe"
        )
    return ""


def _checked(name: str, role: Role, config: Config, *, auto: bool = False) -> str:
    wrong = _wrong(name, role, config)
    if not wrong:
        return name
    ways = (
        f"install an agent program ({RUNNERS['claude'].get}), set a key "
        f"({RUNNERS['api'].get}), or do it yourself: gitcoord start --with human …"
    )
    said = f"nothing here can do the role {role.name!r}" if auto else f"{name}: {wrong}"
    runner = _known(name)
    way = f"{'get' if runner.program else 'set'} it: {runner.get}"
    raise BadInput(said, hint=ways if auto or not runner.get else way)


def _wrong(name: str, role: Role, config: Config, *, unasked: bool = False) -> str:
    """unasked: what failed its check is not taken by itself."""
    runner = _known(name)
    if name == LOCAL:
        from gitcoord.runtime.local import ANALYSERS  # all of analysis: 60 ms

        return "" if role.name in ANALYSERS else f"the role {role.name!r} needs a model"
    found = standing(runner, config)
    failed = found.installed.failed if found.installed and unasked else ""
    return found.wrong or failed


def _known(name: str) -> Runner:
    if name in RUNNERS:
        return RUNNERS[name]
    raise BadInput(
        f"there is no runner {name!r}; there are {', '.join([AUTO, *RUNNERS])}",
        hint="see what is installed: gitcoord agents runners",
    )


def proved(one: Standing) -> Standing:
    """The standing with what a conformance check of the program says, which is remembered."""
    if one.installed is None:
        return one
    from gitcoord.runtime.programs.probe import probe

    failed = probe(one.runner.name, one.runner.agent())
    found = note(one.installed, memory(), failed=failed)
    return replace(one, installed=found, warning=_warning(one.runner, found))
