"""Roles from public collections, taken over so that none of them can do more than before.

Each becomes a file of our own making in .git/agentcoord/agents, with where it is from: source,
commit, path, licence. The role of a plugin is called `<plugin>-<name>`.

Tools: an imported role gets, of those its file asks for (all, when it names none), the harmless
ones (HARMLESS: reading, and changing files of its worktree) and those the user names with
--allow-tool; Bash, the web, other agents and mcp__* are left out otherwise. Where a role of
that name exists already, also one imported earlier, it gets no more than that one has, but for
those the user names; and it writes only if that one does. What the user named is remembered for
the next import of the same role from the same source.

Refuses: runners, hooks, permissions and servers that a file asks for; text with signs that
cannot be seen; to replace a file that somebody changed, or another source's, unless forced.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from gitcoord.errors import BadInput, NoSuch, Problem, Refused
from gitcoord.git.repository import Repository
from gitcoord.runs.capabilities import named_in
from gitcoord.runs.collecting import Collection, plugin_of
from gitcoord.runs.role import Role
from gitcoord.runs.role_files import (
    CHANGING_TOOLS,
    NAME,
    TOOL,
    RoleFile,
    read_role,
    render_role,
    tool_name,
)
from gitcoord.runs.role_index import Origin
from gitcoord.runs.roles import IMPORTED, Listed, Roles, imports_folder, read_roles, whole

HARMLESS = (
    "Read", "Grep", "Glob", "LS", "NotebookRead", "TodoWrite", "Edit", "MultiEdit", "Write",
    "NotebookEdit",
)  # fmt: skip
NEW, UPDATED, SAME = "new", "updated", "same"
# Signs that show nothing: direction overrides, zero-width spaces, the tag alphabet, controls. A
# prompt with them says to a model what nobody reads.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True)
class Incoming:
    """A role to be written. state: NEW, UPDATED or SAME. without: the tools its file asks for
    that it does not get; None in `asked` of its origin is all."""

    role: Role
    origin: Origin
    state: str
    without: tuple[str, ...]

    @property
    def content(self) -> bytes:
        bare = render_role(self.role, self.origin._replace(made=""))
        made = hashlib.sha256(bare).hexdigest()[:16]
        return render_role(self.role, self.origin._replace(made=made))


@dataclass(frozen=True)
class Import:
    """What an import would do. left_out: (path, why). gone: imported earlier from the same
    source, and there no more."""

    source: str
    commit: str
    roles: tuple[Incoming, ...]
    left_out: tuple[tuple[str, str], ...]
    gone: tuple[str, ...]


def plan_import(
    repo: Repository, collection: Collection, allowed: Sequence[str] = (), *, force: bool = False
) -> Import:
    """What an import of a collection would do; nothing is written.

    allowed: tools the user names. force: also over files that were changed by hand or are from
    another source. Raises BadInput when a tool has no name of one, NoSuch when nothing of the
    collection is a role.
    """
    for tool in allowed:
        if not TOOL.fullmatch(tool):
            raise BadInput(f"{tool[:60]!r} is no name of a tool", hint="as in: --allow-tool Bash")
    roles = read_roles(repo)
    left_out = [(path, "too large") for path in collection.too_large]
    incoming: dict[str, Incoming] = {}
    for path, content in sorted(collection.files.items()):
        try:
            one = _incoming(repo, roles, collection, path, content, allowed, force=force)
            if one.role.name in incoming:
                other = incoming[one.role.name].origin.path
                raise BadInput(f"{one.role.name} is the name of {other} too")
        except Problem as problem:
            left_out.append((path, problem.message.removeprefix(f"{path}: ")))
        else:
            incoming[one.role.name] = one
    if not incoming:
        raise _nothing(collection, left_out)
    mine = {one.origin.path for one in incoming.values()} | {path for path, _ in left_out}
    gone = [
        one.role.name
        for one in _imported(roles)
        if one.origin and one.origin.source == collection.source and one.origin.path not in mine
    ]
    listed = tuple(incoming[name] for name in sorted(incoming))
    return Import(collection.source, collection.commit, listed, tuple(left_out), tuple(gone))


def take_over(
    repo: Repository, collection: Collection, allowed: Sequence[str] = (), *, force: bool = False
) -> Import:
    """Plan an import and write it, one process after the other: what a second one finds here is
    all of the first's. Each file is written whole or not at all. Raises as `plan_import`."""
    folder = imports_folder(repo)
    folder.mkdir(parents=True, exist_ok=True)
    turn = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        plan = plan_import(repo, collection, allowed, force=force)
        for one in plan.roles:
            if one.state != SAME:
                _write(folder / f"{one.role.name}.md", one.content)
        return plan
    finally:
        os.close(turn)


def find_imported(repo: Repository, name: str, *, force: bool = False) -> Listed:
    """The imported role of that name or short name, to be removed.

    Raises NoSuch; Refused for a role of another place, and unless forced for one that was
    changed by hand.
    """
    roles = read_roles(repo)
    wanted = name.strip().lower()
    mine = _imported(roles)
    found = [one for one in mine if one.role.name == wanted] or [
        one for one in mine if one.short == wanted
    ]
    if len(found) == 1:
        if not force and was_changed(found[0]):
            raise Refused(
                f"{found[0].role.name} was changed by hand: what was written there would be lost",
                hint=f"if so: gitcoord agents remove --force {found[0].role.name}",
            )
        return found[0]
    if found:
        names = ", ".join(one.role.name for one in found)
        raise NoSuch(f"{name!r} could be any of {len(found)}: {names}", hint="gitcoord agents list")
    one = roles.find(name)
    hint = f"it is yours to delete: rm '{one.role.source}'"
    if one.place == "shipped":
        hint = (
            "put one of your own in front of it: .claude/agents/; see: gitcoord agents show " + name
        )
    raise Refused(f"{one.role.name} was not imported ({one.place})", hint=hint)


def remove_imported(one: Listed) -> None:
    """Delete the file of an imported role."""
    Path(one.role.source).unlink(missing_ok=True)


def was_changed(one: Listed) -> bool:
    """Whether somebody changed the file of an imported role since it was written."""
    if one.origin is None:
        return True
    bare = render_role(whole(one), one.origin._replace(made=""))
    return hashlib.sha256(bare).hexdigest()[:16] != one.origin.made


def tools_within(
    asked: tuple[str, ...] | None, ceiling: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those of `asked` (None: all) that lie within `ceiling`, and those that do not.

    `Bash(git *)` lies within Bash; of Bash, where the ceiling has `Bash(git *)`, that is given.
    """
    limit = tuple(dict.fromkeys(ceiling))
    if asked is None:
        return limit, ()
    given = {tool: _narrowed(tool, limit) for tool in asked}
    kept = dict.fromkeys(one for tools in given.values() for one in tools)
    return tuple(kept), tuple(tool for tool, tools in given.items() if not tools)


def _narrowed(tool: str, limit: Sequence[str]) -> list[str]:
    if any(tool == one or tool_name(tool) == one or _matches(tool, one) for one in limit):
        return [tool]
    return [one for one in limit if tool_name(one) == tool]


def _matches(tool: str, pattern: str) -> bool:
    """`mcp__shop__*` takes in `mcp__shop__find`; an asterisk in what is asked takes in nothing."""
    return "*" in pattern and "(" not in pattern and "*" not in tool and fnmatchcase(tool, pattern)


def _incoming(
    repo: Repository, roles: Roles, collection: Collection, path: str, content: bytes,
    allowed: Sequence[str], *, force: bool,
) -> Incoming:  # fmt: skip
    read = _read(path, content)
    plugin = plugin_of(path)
    short = read.role.name.removeprefix(f"{plugin}-") if plugin else read.role.name
    name = f"{plugin}-{short}" if plugin else short
    if not NAME.fullmatch(name):
        raise BadInput(f"{name[:90]!r} is too long a name")
    earlier = next((one for one in _imported(roles) if one.role.name == name), None)
    known = bool(earlier and earlier.origin and earlier.origin.source == collection.source)
    if not force:
        _refuse_foreign(repo, name, earlier, known=known)
    before_allowed = earlier.origin.allowed if earlier and earlier.origin and known else ()
    granted = tuple(dict.fromkeys((*allowed, *before_allowed)))
    before = [roles.by_name[key] for key in (name, short) if key in roles.by_name]
    tools, without = tools_within(read.role.tools, _ceiling(before, granted))
    origin = Origin(
        collection.source, collection.commit, _printable(path),
        _licence(read) or collection.licence(path), plugin,
        asked=read.role.tools, allowed=granted,
    )  # fmt: skip
    role = _within(read, name, short, tools, before)
    made = Incoming(role, origin, NEW, without)
    if earlier is None:
        return made
    there = Path(earlier.role.source).read_bytes()
    return replace(made, state=SAME if there == made.content else UPDATED)


def _within(
    read: RoleFile, name: str, short: str, tools: tuple[str, ...], before: Sequence[Listed]
) -> Role:
    """The role as it is taken over: with these tools, writing only if those before it do."""
    writes = any(tool_name(one) in CHANGING_TOOLS - {"Bash"} for one in tools)
    said = "capabilities" in read.front
    return replace(
        read.role, name=name, tools=tools, runners=(), source="",
        capabilities=read.role.capabilities if said else named_in(short),
        writes=writes and read.role.writes and all(one.role.writes for one in before),
    )  # fmt: skip


def _read(path: str, content: bytes) -> RoleFile:
    hidden = sorted({f"U+{ord(char):04X}" for char in _HIDDEN.findall(_text(content))})
    if hidden:
        raise BadInput(f"it has signs that cannot be seen: {', '.join(hidden[:5])}")
    return read_role(_lowered(content), path, stem=PurePosixPath(path).stem.lower())


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig", "replace").replace("\r\n", "\n")


def _lowered(content: bytes) -> bytes:
    """With a name such as `Code Reviewer` written as code-reviewer, in the front matter."""
    end = content.find(b"\n---", 3)
    found = re.search(rb"^name:[ \t]*([^\r\n]+)", content[: max(end, 0)], re.MULTILINE)
    if found is None:
        return content
    words = re.sub(rb"[^a-z0-9_-]+", b"-", found[1].strip(b"\"' ").lower()).strip(b"-")
    return content[: found.start(1)] + words + content[found.end(1) :]


def _refuse_foreign(repo: Repository, name: str, earlier: Listed | None, *, known: bool) -> None:
    """known: it was imported from this very source."""
    if earlier is None:
        if (imports_folder(repo) / f"{name}.md").exists():
            raise Refused(f"{name} is here already and cannot be read; --force replaces it")
    elif earlier.origin and not known:
        raise Refused(f"{name} is here already, from {earlier.origin.source}; --force replaces it")
    elif was_changed(earlier):
        raise Refused(f"{name} was changed here by hand; --force replaces it")


def _ceiling(before: Sequence[Listed], granted: Sequence[str]) -> tuple[str, ...]:
    """The most an imported role may have: see the head of this file."""
    limit: tuple[str, ...] = HARMLESS
    for one in before:
        if one.role.tools is not None:
            limit, _ = tools_within(limit, one.role.tools)
    return (*limit, *granted)


def _imported(roles: Roles) -> list[Listed]:
    return [one for one in roles.found if one.place == IMPORTED]


def _licence(read: RoleFile) -> str:
    """What the role's own front matter says."""
    said: Iterator[object] = (read.front.get(key) for key in ("license", "licence"))
    text = next((one for one in said if isinstance(one, str)), "")
    return "".join(char for char in " ".join(text.split()) if char.isprintable())[:80]


def _printable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode()


def _nothing(collection: Collection, left_out: Sequence[tuple[str, str]]) -> Problem:
    why = f": {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
    return NoSuch(
        f"there is no role to take over in {collection.source}{why}",
        hint="roles are *.md with name and description; see: gitcoord agents import --help",
    )


def _write(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(file)
