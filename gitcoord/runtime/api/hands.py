"""The tools of our loop: what each takes, which of them a role may use, and their use.

Promises: the same role gets the same bytes of tools each time, so that the model's cache holds;
an answer is text, capped, without secrets, and an error is one the model can act on.
Refuses: tools that write to a role that does not; a name that the role's list does not allow.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitcoord.config import Agents
from gitcoord.errors import BadInput, Problem, Refused
from gitcoord.git.repository import Repository
from gitcoord.redaction import redact
from gitcoord.runs.role import Role
from gitcoord.runtime.agent import Assignment
from gitcoord.runtime.api import editing, notes
from gitcoord.runtime.api.looking import Looking
from gitcoord.runtime.api.reach import Reach
from gitcoord.runtime.api.shell import Shell, bubblewrap

MOST = 30_000
_LINES = 1500
READING = ("read", "list", "search", "history")
WRITING = ("edit", "write", "apply_patch", "run")
ALWAYS = ("record_finding",)
# What Claude Code calls its tools, as role files name them.
_THEIRS = {
    "read": ("read", "history"), "ls": ("list",), "glob": ("list",), "grep": ("search", "history"),
    "edit": ("edit", "apply_patch"), "multiedit": ("edit", "apply_patch"), "write": ("write",),
    "bash": ("run", "history"), "list": ("list",), "search": ("search",), "history": ("history",),
    "apply_patch": ("apply_patch",), "run": ("run",),
}  # fmt: skip


def _tool(does: str, needs: tuple[str, ...] = (), **takes: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": takes,
        "required": list(needs),
        "additionalProperties": False,
    }
    return {"description": does, "input_schema": schema}


def _text(does: str) -> dict[str, Any]:
    return {"type": "string", "description": does}


def _whole(does: str) -> dict[str, Any]:
    return {"type": "integer", "description": does}


def _flag(does: str) -> dict[str, Any]:
    return {"type": "boolean", "description": does}


def _objects(does: str, needs: tuple[str, ...], **takes: Any) -> dict[str, Any]:
    schema = _tool("", needs, **takes)["input_schema"]
    return {"type": "array", "description": does, "items": schema}


_PATH = _text("Relative to the top of the worktree.")
_SUSPECT = {
    "name": _text("The path, or the full commit id."),
    "score": {"type": "number", "description": "0 to 1."},
    "reasons": {"type": "array", "items": {"type": "string"}},
}
TOOLS: dict[str, dict[str, Any]] = {
    "read": _tool(
        f"Read a text file of the worktree, with line numbers; at most {_LINES} lines at a time.",
        ("path",), path=_PATH, first_line=_whole("From 1."), lines=_whole("How many."),
    ),
    "list": _tool(
        "List a folder, or with a pattern all files below it that git does not ignore.",
        path=_PATH, pattern=_text("A glob, such as *.py or src/**/test_*.py."),
    ),
    "search": _tool(
        "Search all text files of the worktree for an extended regular expression (git grep -E).",
        ("pattern",), pattern=_text("The expression, or the text where `fixed`."), path=_PATH,
        glob=_text("Only files like this, such as *.py."), fixed=_flag("Take it as a plain text."),
        ignore_case=_flag("Upper and lower case are the same."),
        names_only=_flag("Only the names of files."), context=_whole("Lines around each, to 10."),
    ),
    "history": _tool(
        "Ask git: log (commits), show (one commit), blame (who wrote which line), diff (what "
        "differs from a commit, by default all that is not committed).",
        ("what",), what={"type": "string", "enum": ["log", "show", "blame", "diff"]},
        commit=_text("A commit, branch or tag; HEAD by default."), path=_PATH,
        count=_whole("log: how many, to 100."), first_line=_whole("blame: from this line."),
        last_line=_whole("blame: to this line."),
        changed=_text("log: only commits that change how often this text occurs."),
    ),
    "edit": _tool(
        "Replace one exact text of a file. It has to occur once, or `all` has to be true.",
        ("path", "old", "new"), path=_PATH, old=_text("Exactly as in the file, without line "
        "numbers."), new=_text("What takes its place."), all=_flag("Replace every one."),
    ),
    "write": _tool(
        "Write a whole file, new or not.", ("path", "content"), path=_PATH,
        content=_text("All of it."),
    ),
    "apply_patch": _tool(
        "Apply a unified diff (as of git diff) to the worktree, all of it or nothing.", ("patch",),
        patch=_text("With --- a/PATH and +++ b/PATH lines."),
    ),
    "run": _tool(
        "Run a shell command in the worktree. It cannot reach the network unless allowed, nor "
        "change anything outside of the worktree, nor commit.",
        ("command",), command=_text("For sh -c."), seconds=_whole("Ended after so many."),
    ),
    "record_finding": _tool(
        "Record one thing you found out, for the agents after you and for people. This writes the "
        "file in the findings folder.",
        ("title", "body", "kind", "confidence"), title=_text("One line."),
        body=_text("What and why, in Markdown."),
        kind={"type": "string", "enum": list(notes.KINDS)},
        confidence={"type": "number", "description": "0 to 1, as sure as you are."},
        evidence=_objects(
            "What others can check.", ("command", "note"),
            command=_text("A shell command, run at the top of the worktree, that shows it."),
            note=_text("What to see there."), path=_PATH, commit=_text("A full commit id."),
            lines={"type": "array", "items": {"type": "integer"}, "description": "First and last."},
        ),
        files=_objects("Files it points at, best first.", ("name",), **_SUSPECT),
        commits=_objects("Commits it points at, best first.", ("name",), **_SUSPECT),
    ),
}  # fmt: skip


def allowed(role: Role, *, shell: bool) -> tuple[str, ...]:
    """The tools of a role, in the order of TOOLS.

    A role that changes no code may still run things, where it names Bash: what a command
    changes in the code is not committed for it, and said.
    """
    names = {*READING, *ALWAYS}
    if role.tools is not None:
        listed = {name.strip().casefold() for name in role.tools}
        # `Bash(git *)` is less than Bash: what narrows a tool of theirs does not give ours.
        names = {ours for name in listed for ours in _THEIRS.get(name, ())} | {*ALWAYS}
        names |= {"history"} if any(name.startswith("bash(git") for name in listed) else set()
    elif role.writes:
        names |= {*WRITING}
    if not role.writes:
        names -= {*WRITING} - {"run"}
    return tuple(name for name in TOOLS if name in names and (shell or name != "run"))


def described(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Tools as the model is told of them; the same bytes for the same names."""
    return [{"name": name, **TOOLS[name]} for name in names]


@dataclass(frozen=True)
class Hands:
    """The tools of one agent. stopped: whether all is to end. left: seconds it may still take."""

    assignment: Assignment
    repo: Repository
    agents: Agents
    own: str
    stopped: Callable[[], bool]
    left: Callable[[], float]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return allowed(self.assignment.role, shell=bool(self.walls))

    @cached_property
    def walls(self) -> str:
        """What a command runs behind: "bubblewrap", "none", or "" where none may run."""
        match self.agents.run:
            case "auto":
                return "bubblewrap" if bubblewrap() else ""
            case "ask" | "unconfined":
                return "none"
            case _:
                return ""

    @cached_property
    def reach(self) -> Reach:
        return Reach(self.assignment.top, self.own, self._hook_folders())

    def needs_person(self, name: str) -> bool:
        """Whether a call of this tool waits for a person's word."""
        return name in self.agents.ask or (name == "run" and self.agents.run == "ask")

    def use(self, name: str, given: Mapping[str, Any], number: int) -> tuple[str, bool]:
        """(what the model is told, whether it is an error). number: of a finding to record."""
        try:
            check(name, given, self.names)
            text, wrong = self._use(name, given, number), False
        except Problem as problem:
            text, wrong = problem.message, True
        except OSError as error:
            text, wrong = f"{name}: {error.strerror or type(error).__name__}", True
        text = redact(text.encode("utf-8", "replace").decode())
        return (text if len(text) <= 2 * MOST else f"{text[: 2 * MOST]}\n[… cut]"), wrong

    def _use(self, name: str, given: Mapping[str, Any], number: int) -> str:
        match name:
            case "read":
                content = self.reach.read(self.reach.place(given["path"]))
                first = max(1, given.get("first_line", 1))
                count = min(_LINES, max(1, given.get("lines", _LINES)))
                return editing.numbered(content, first, count, MOST)
            case "list" if given.get("pattern"):
                return self._looking.files(given.get("path", "."), given["pattern"])
            case "list":
                names = self.reach.names(self.reach.place(given.get("path", ".")))
                return "\n".join(names) or "it is empty"
            case "search":
                return self._looking.search(given)
            case "history":
                return self._looking.history(given)
            case "edit":
                return editing.edit(self.reach, given)
            case "write":
                return editing.write(self.reach, given)
            case "apply_patch":
                return editing.apply_patch(self.repo, self.reach, given, self.stopped)
            case "run":
                return self._run(given)
            case _:
                task = self.assignment
                return notes.record_finding(self.reach, task.task, number, task.role.name, given)

    def _run(self, given: Mapping[str, Any]) -> str:
        limit = float(self.agents.run_seconds)
        seconds = min(float(given.get("seconds", limit)), 5 * limit, self.left())
        shell = Shell(
            self.reach, self.assignment.own_dir, self.walls, self.agents.network,
            self.assignment.environment, MOST, self.stopped,
        )  # fmt: skip
        return shell.run(given["command"], max(1.0, seconds))

    @cached_property
    def _looking(self) -> Looking:
        return Looking(self.repo, self.reach, MOST, self.stopped)

    def _hook_folders(self) -> tuple[str, ...]:
        """Folders of the worktree that git takes hooks from; asked of git for who can write."""
        if not self.assignment.role.writes:
            return ()
        # Each value counts: ours, /dev/null for the git calls we make, comes last.
        top = os.path.realpath(self.assignment.top)
        given = self.repo.settings.get("core.hookspath", [])
        folders = [os.path.relpath(os.path.join(top, one), top) for one in given]  # noqa: PTH118
        return tuple(one for one in folders if one != "." and not one.startswith(".."))


_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list,
}  # fmt: skip


def check(name: str, given: Any, names: tuple[str, ...]) -> None:
    """Raise Refused or BadInput, in words for the model, unless the call can be made."""
    if name not in names:
        raise Refused(f"you have no tool {name!r}; you have: {', '.join(names)}")
    if not isinstance(given, dict):
        raise BadInput(f"the input of {name} is no JSON object")
    schema = TOOLS[name]["input_schema"]
    for key in schema["required"]:
        if key not in given:
            raise BadInput(f"{name} needs {key!r}")
    for key, value in given.items():
        takes = schema["properties"].get(key)
        if takes is None:
            raise BadInput(f"{name} takes no {key!r}; it takes: {', '.join(schema['properties'])}")
        kind = takes["type"]
        if not isinstance(value, _TYPES[kind]) or (kind != "boolean" and isinstance(value, bool)):
            raise BadInput(f"{name}: {key!r} has to be of type {kind}")
        if "enum" in takes and value not in takes["enum"]:
            raise BadInput(f"{name}: {key!r} is one of {', '.join(takes['enum'])}")
