"""Claude Code asks before a tool call that needs a person: its PreToolUse hook, a program.

`settings` makes Claude Code call this file; it reads the call as JSON on stdin and answers with
`defer` until a person has decided (the program then ends cleanly, and asks again for the same
call when it is resumed without a prompt), then with `allow`, once, or `deny`.
Promises: what goes wrong here denies the call; no person is asked by anything but the record.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitcoord.coordination.approvals import Call, decide_for_hook
from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.process import AGENT, inherited
from gitcoord.runs.run import read_run

# Our names of what a person approves -> those of Claude Code.
_THEIRS = {
    "run": ("Bash",),
    "edit": ("Edit", "MultiEdit", "NotebookEdit"),
    "apply_patch": ("Edit", "MultiEdit"),
    "write": ("Write",),
    "read": ("Read",),
    "search": ("Grep",),
    "list": ("Glob",),
}
_SECONDS = 60
_TAIL = 1 << 18


def settings(asks: Sequence[str]) -> str:
    """Settings for Claude Code under which calls of these tools (our names) are held; "" where
    it has none of them."""
    tools = dict.fromkeys(theirs for one in asks for theirs in _THEIRS.get(one, ()))
    if not tools:
        return ""
    command = shlex.join([sys.executable, "-P", "-m", "gitcoord.runtime.programs.holding"])
    hook = {"type": "command", "command": command, "timeout": _SECONDS, "onFailure": "block"}
    return json.dumps({"hooks": {"PreToolUse": [{"matcher": "|".join(tools), "hooks": [hook]}]}})


def was_held(log: Path) -> bool:
    """Whether the last attempt in a transcript ended because a call waits for a person."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().splitlines()
    except OSError:
        return False
    for line in reversed(lines):
        if b'"subtype":"init"' in line:
            return False  # it was taken up since, and died: the call is held no more
        if b'"type":"result"' in line:
            return b"tool_deferred" in line
    return False


def answer(asked: Mapping[str, Any], agent: str) -> tuple[str, str]:
    """What the hook is to say of a call, and why. agent: `run/task`."""
    run_id, _, task = agent.partition("/")
    repo = Repository.find(Path(str(asked["cwd"])))
    run = read_run(repo, run_id)
    role = str(run.tasks[task]["role"])
    call = Call(
        run_id, task, role, run.worktree_id, str(asked["tool_name"]), dict(asked["tool_input"]),
        str(asked.get("tool_use_id", "")),
    )  # fmt: skip
    return decide_for_hook(repo, call)


def main() -> None:
    """Answer one call."""
    try:
        decision, why = answer(json.load(sys.stdin), inherited(AGENT))
    except (Problem, OSError, ValueError, KeyError, TypeError) as error:
        decision, why = "deny", f"gitcoord could not ask a person: {error}"
    said = {
        "hookEventName": "PreToolUse",
        "permissionDecision": decision,
        "permissionDecisionReason": why,
    }
    sys.stdout.write(json.dumps({"hookSpecificOutput": said}) + os.linesep)


if __name__ == "__main__":
    main()
