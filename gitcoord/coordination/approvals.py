"""Approvals: a call of a tool, or a plan, that a person has to allow, held as a record.

`refs/agentcoord/approvals/<id>` says what is asked, by whom, and what was decided; nothing has
to stay alive meanwhile. States: waiting, approved, denied, used (approved, and done), expired.

Promises: one decision, however many people decide at once; an approval is for one exact call
(a hash of tool and input, of one task of one run) and for one use of it. What was denied stays
denied when it is asked again. Secrets in the input are not kept.

Only a person approves: `approve` and `deny` are called for a Person, and `person` refuses
whoever is seen to be an agent: GITCOORD_AGENT is in its environment or that of a process above
it, or it stands in an agent's worktree and has no terminal. That stops an agent that was talked
into approving for itself, and a message can never approve anything. It does not stop a program
set on it that runs as the same user with a free shell: it can leave its parents, or write the
ref. Against that only a sandbox helps in which `.git` cannot be written.
"""

# ruff: noqa: A001, A002 - an id is called `id` in the whole house

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import Any

from gitcoord.errors import NoSuch, Problem, Refused, Taken
from gitcoord.git.repository import Repository
from gitcoord.process import AGENT, inherited
from gitcoord.records import match_id, now
from gitcoord.redaction import redact
from gitcoord.state.journal import Journal
from gitcoord.state.store import Record, Store
from gitcoord.worktrees.worktree import view_worktrees

KIND = "approvals"
WAITING, APPROVED, DENIED, USED, EXPIRED = "waiting", "approved", "denied", "used", "expired"
PLAN = "plan"
HOURS = 7 * 24.0
_LONGEST_TEXT, _LONGEST_INPUT = 8_000, 40_000
_SECRET_NAME = re.compile(
    r"(?:pass(?:word|wd|phrase)|secret|token|api[-_]?key|private[-_]?key|credentials?"
    r"|authorization|cookie)\Z",
    re.IGNORECASE,
)
_NO_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Call:
    """What an agent wants to do. tool: PLAN for a plan, with the input {"text": …}.

    worktree: its id. input: as the model gave it, fit for JSON. mark: the id the runner knows
    the call by, "" where one and the same call is known by its content.
    """

    run: str
    task: str
    role: str
    worktree: str
    tool: str
    input: Mapping[str, Any] = field(default_factory=dict)
    mark: str = ""

    @property
    def digest(self) -> str:
        """Of everything but role and worktree: 64 hexadecimal digits."""
        exact = [self.run, self.task, self.tool, self.input, self.mark]
        text = json.dumps(exact, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Person:
    """Who decides. how: `terminal` with its name, or `command`."""

    name: str
    how: str


@dataclass(frozen=True)
class Approval:
    """An approval's record, read."""

    record: Record

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def state(self) -> str:
        """As it holds now: what was not used in its time is expired."""
        state = str(self.record.body.get("state", EXPIRED))
        late = state in (WAITING, APPROVED) and now() >= self.text("expires")
        return EXPIRED if late else state

    def text(self, name: str) -> str:
        """A part of the record: run, task, role, worktree, tool, mark, input (JSON, without
        secrets), why, asked, expires, by, how, decided, reason. "" when it has none."""
        return str(self.record.body.get(name, ""))


def ask(repo: Repository, call: Call, *, why: str = "", hours: float = HOURS) -> str:
    """Hold a call for a person; returns the id of its approval.

    The same call of the same task gives the same id, until its approval was used or expired.
    why: in the agent's words. hours: after which it expires, approved or not.
    """
    store, stem = Store(repo), f"ask-{_slug(call.tool)}-{call.digest[:8]}"
    while True:
        last, number = _last(repo, stem)
        if last is not None and last.state not in (USED, EXPIRED):
            return last.id
        id = _numbered(stem, number + 1)
        try:
            store.create(KIND, id, _document(call, why, hours))
        except Taken:
            continue
        Journal(repo.own_dir).append(
            "approval", approval=id, state=WAITING, run=call.run, task=call.task, tool=call.tool
        )
        return id


def decision(repo: Repository, id: str) -> Approval:
    """What has been decided. Raises NoSuch."""
    return Approval(Store(repo).read(KIND, id))


def use(repo: Repository, id: str, call: Call) -> Approval:
    """Take the approval for doing `call` now, once. Raises Refused when it is not approved, was
    used, or is for another call."""

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        if body.get("digest") != call.digest:
            raise Refused(f"{id} is for another call", hint="see: gitcoord approvals --all")
        return _as_used(id, body)

    return _changed(repo, id, edit)


def approve(
    repo: Repository, id: str, person: Person, *, reason: str = "", again: bool = False
) -> Approval:
    """Allow it. again: also when it was denied. Raises Refused when it was decided or expired."""
    return _decide(repo, id, APPROVED, person, reason, again=again)


def deny(
    repo: Repository, id: str, person: Person, *, reason: str = "", again: bool = False
) -> Approval:
    """Refuse it. again: also when it was approved and not used yet. Raises as `approve`."""
    return _decide(repo, id, DENIED, person, reason, again=again)


def person(
    repo: Repository, *, agent: str, folders: Collection[Path], terminal: str,
    what: str = "decide what agents may do",
) -> Person:  # fmt: skip
    """Who stands there; to be asked before anything is decided. Raises Refused for an agent.

    agent: what GITCOORD_AGENT is set to. folders: the one the process is in, and the one it
    works in. terminal: the name of that on stdin, "" when it is none. what: is decided.
    """
    refuse_agent(agent, what)
    if not terminal:
        view = view_worktrees(repo)
        inside = [one for one in view.mine for place in folders if _is_in(place, one.path)]
        if inside:
            own = quote(str(view.main.path))
            raise Refused(
                f"this is in the worktree of an agent, {inside[0].id}, and not at a terminal",
                hint=f"do it in a terminal, or in your own checkout: cd {own}",
            )
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Person(name, f"terminal {terminal}" if terminal else "command")


@dataclass(frozen=True)
class Asking:
    """How one task puts its calls before a person: `ask` and `decision_on` of an Assignment.

    A call is known by its mark, which the runner keeps with the exact call in its transcript.
    """

    repo: Repository
    run: str
    task: str
    role: str
    worktree: str

    def ask(self, mark: str, line: str, input: Mapping[str, Any]) -> str:
        """Hold a call; line: its tool, and what it does. Returns the id of its approval."""
        tool = line.partition(" ")[0]
        call = Call(self.run, self.task, self.role, self.worktree, tool, input, mark)
        return ask(self.repo, call)

    def decision_on(self, mark: str) -> tuple[str, str] | None:
        """(state, why) of the call with this mark; None while it waits. An approval is used by
        this: the second time it is `used`, so that a call cut off half-way is not done twice."""
        for approval in reversed(list_approvals(self.repo, bad=[])):
            about = [approval.text(name) for name in ("run", "task", "mark")]
            if about == [self.run, self.task, mark]:
                return self._taken(approval)
        return None

    def _taken(self, approval: Approval) -> tuple[str, str] | None:
        if approval.state == WAITING:
            return None
        if approval.state == APPROVED:
            _changed(self.repo, approval.id, lambda body: _as_used(approval.id, body))
            return APPROVED, approval.text("reason")
        return approval.state, approval.text("reason")


def refuse_agent(agent: str, what: str) -> None:
    """Raise Refused when we are run by an agent. agent: what GITCOORD_AGENT is set to here.
    what: which it cannot do."""
    agent = agent or inherited(AGENT)
    if agent:
        raise Refused(
            f"an agent cannot {what}, and this is run by {agent[:200]}",
            hint="do it in a terminal of your own; what waits for you: gitcoord approvals",
        )


def list_approvals(repo: Repository, bad: list[Problem] | None = None) -> list[Approval]:
    """All of them, oldest first. One that cannot be read raises, or goes to `bad`."""
    found = [Approval(record) for record in Store(repo).all(KIND, bad)]
    return sorted(found, key=lambda one: (one.text("asked"), one.id))


def find_approval(repo: Repository, part: str) -> Approval:
    """The one `part` of an id means. Raises NoSuch."""
    try:
        return decision(repo, match_id(part, Store(repo).ids(KIND)))
    except NoSuch as problem:
        raise NoSuch(problem.message, hint="list them with: gitcoord approvals --all") from problem


def decide_for_hook(repo: Repository, call: Call) -> tuple[str, str]:
    """What a PreToolUse hook is to answer for a call that needs a person, and why.

    `defer` until it is decided: Claude Code then ends cleanly, and asks again for the same call
    when it is resumed. Then `allow`, once, or `deny`.
    """
    approval = decision(repo, ask(repo, call))
    match approval.state:
        case "approved":
            use(repo, approval.id, call)
            return "allow", f"approved by {approval.text('by')}"
        case "denied":
            said = approval.text("reason")
            return "deny", f"{approval.text('by')} denied it{': ' if said else ''}{said}"
    return "defer", f"waits for a person: gitcoord approve {approval.id}"


def check_open(approval: Approval, wanted: str, *, again: bool = False) -> None:
    """Raise Refused when APPROVED or DENIED cannot be decided of it any more."""
    there, by = approval.state, approval.text("by")
    if there == WAITING or (again and there in (APPROVED, DENIED)):
        return
    said = f": decided by {by} at {approval.text('decided')}" if by and there != EXPIRED else ""
    raise Refused(f"{approval.id} is {there}{said}", hint=_instead(approval.id, there, wanted))


def _decide(
    repo: Repository, id: str, state: str, person: Person, reason: str, *, again: bool
) -> Approval:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        check_open(_as_approval(id, body), state, again=again)
        return {
            **body, "state": state, "by": person.name, "how": person.how, "decided": now(),
            "reason": redact(reason[:_LONGEST_TEXT]),
        }  # fmt: skip

    return _changed(repo, id, edit)


def _changed(
    repo: Repository, id: str, edit: Callable[[dict[str, Any]], dict[str, Any]]
) -> Approval:
    approval = Approval(Store(repo).change(KIND, id, edit))
    parts = {name: approval.text(name) for name in ("state", "run", "task", "by", "how", "reason")}
    Journal(repo.own_dir).append("approval", approval=id, **parts)
    return approval


def _instead(id: str, state: str, wanted: str) -> str:
    verb = "approve" if wanted == APPROVED else "deny"
    if state in (APPROVED, DENIED) and state != wanted:
        return f"to change that: gitcoord {verb} {id} --force"
    return "see all of them: gitcoord approvals --all"


def _as_used(id: str, body: dict[str, Any]) -> dict[str, Any]:
    state = _as_approval(id, body).state
    if state != APPROVED:
        raise Refused(f"{id} is {state}, not approved", hint="see: gitcoord approvals --all")
    return {**body, "state": USED, "used": now()}


def _as_approval(id: str, body: dict[str, Any]) -> Approval:
    return Approval(Record(KIND, id, "", {"record": body}))


def _last(repo: Repository, stem: str) -> tuple[Approval | None, int]:
    """The latest approval of one exact call, and its number, from 1; 0 when there is none."""
    numbers = [_number(id, stem) for id in Store(repo).ids(KIND)]
    number = max(numbers, default=0)
    return (decision(repo, _numbered(stem, number)), number) if number else (None, 0)


def _numbered(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}-{number}"


def _number(id: str, stem: str) -> int:
    """The number `_numbered` gave an id; 0 for that of another call."""
    rest = id.removeprefix(f"{stem}-")
    return 1 if id == stem else int(rest) if rest != id and re.fullmatch(r"\d{1,9}", rest) else 0


def _document(call: Call, why: str, hours: float) -> dict[str, Any]:
    expires = datetime.now(UTC) + timedelta(hours=hours)
    return {
        "run": call.run, "task": call.task, "role": call.role, "worktree": call.worktree,
        "tool": call.tool[:_LONGEST_TEXT], "mark": call.mark, "input": shown_input(call.input),
        "digest": call.digest, "why": redact(why[:_LONGEST_TEXT]), "asked": now(),
        "expires": expires.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z",
        "state": WAITING,
    }  # fmt: skip


def shown_input(input: Mapping[str, Any]) -> str:
    """The input as JSON to read: no secrets, long texts cut, and said to be."""
    text = json.dumps(_masked(input, ""), indent=2, default=str)
    return _cut(text, _LONGEST_INPUT)


def _masked(value: Any, key: str) -> Any:
    """key: what the value is called, as that can tell that it is a secret."""
    if isinstance(value, Mapping):
        return {redact(str(name)): _masked(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    if value and _SECRET_NAME.search(key):
        return "[REDACTED:named]"
    return _cut(redact(value), _LONGEST_TEXT)


def _cut(text: str, most: int) -> str:
    left = len(text) - most
    return text if left <= 0 else f"{text[:most]}… and {left:,} more characters"


def _slug(tool: str) -> str:
    return _NO_WORD.sub("-", tool.lower())[:20].strip("-") or "tool"


def _is_in(folder: Path, top: Path) -> bool:
    return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(top))
