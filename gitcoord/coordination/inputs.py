"""Inputs: what an agent is to be told when its task is asked of it again.

`refs/agentcoord/inputs/<id>` is one thing somebody has to say of a worktree's work: the comments
of a review, the verdict that refused it, the failure the train saw. States: waiting, given.

Promises: one record for each (worktree, origin), however often it is given; what waits is given
to one run, once, together with the record of that run or not at all. Secrets and control
characters are not kept. Refuses nothing: text that is too long is cut, and says so.
"""

# ruff: noqa: A001, A002 - an id is called `id` in the whole house

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gitcoord.coordination.waiting import KIND, WAITING
from gitcoord.errors import Contended, NoSuch, Problem, Taken
from gitcoord.git.repository import Repository
from gitcoord.records import between, now
from gitcoord.redaction import redact, without_controls
from gitcoord.state.journal import Journal
from gitcoord.state.store import Record, Store, Transaction

GIVEN = "given"
_LONGEST = 20_000
_LONGEST_ORIGIN = 200
_SECONDS = 10.0


@dataclass(frozen=True)
class Input:
    """Something for the agent of a worktree. origin: what it comes from, by which it is one and
    the same. by: who said it. run, task: that it was given to, "" while it waits."""

    id: str
    worktree: str
    origin: str
    text: str
    by: str
    created: str
    state: str
    run: str
    task: str
    record: Record = field(repr=False, compare=False)


def give(repo: Repository, worktree_id: str, text: str, *, origin: str, by: str) -> Input:
    """Keep what the agent of a worktree is to be told next.

    From the same origin again it replaces the text while that waits; once given it stays as it
    is, so what is new has to come with an origin of its own. Raises Contended after 10 s.
    """
    id = _id(worktree_id, origin)
    said = {"text": _clean(text), "by": _line(by)}
    body = {
        "worktree": worktree_id, "origin": _line(origin), **said, "created": now(),
        "state": WAITING, "run": "", "task": "",
    }  # fmt: skip

    def edit(old: dict[str, Any]) -> dict[str, Any] | None:
        same = all(old.get(key) == value for key, value in said.items())
        return None if same or old.get("state") == GIVEN else {**old, **said, "created": now()}

    store, until = Store(repo), time.monotonic() + _SECONDS
    while True:
        try:
            made = _input(store.create(KIND, id, body))
        except Taken:
            try:
                return _input(store.change(KIND, id, edit))
            except NoSuch:  # withdrawn in this moment
                _pause(until, id)
        except Contended:  # made by another, and withdrawn before we could see it
            _pause(until, id)
        else:
            _journal(repo, made)
            return made


def list_inputs(
    repo: Repository,
    worktree_id: str = "",
    *,
    waiting: bool = True,
    bad: list[Problem] | None = None,
) -> list[Input]:
    """Those of a worktree, or of all, oldest first. waiting: only what was not given yet.
    One that cannot be read raises, or goes to `bad`."""
    found = [_input(record) for record in Store(repo).all(KIND, bad)]
    wanted = [
        one
        for one in found
        if worktree_id in ("", one.worktree) and (not waiting or one.state == WAITING)
    ]
    return sorted(wanted, key=lambda one: (one.created, one.id))


def read_inputs(repo: Repository, ids: Iterable[str]) -> list[Input]:
    """Those with these ids, in that order; one that is gone is left out."""
    found = {one.id: one for one in list_inputs(repo, waiting=False)}
    return [found[id] for id in ids if id in found]


def mark_given(
    repo: Repository, inputs: Iterable[Input], *, run: str, task: str, said: str = ""
) -> None:
    """Note that they were told, all of them or none. said: what came of it, where that is known.

    Raises Contended when one is not as it was read: it was given to another, withdrawn, or says
    something else now.
    """
    listed = list(inputs)
    with Store(repo).transaction("give inputs") as change:
        put_given(change, listed, run=run, task=task, said=_clean(said))
    for one in listed:
        _journal(repo, one, state=GIVEN, run=run, task=task)


def put_given(
    change: Transaction, inputs: Iterable[Input], *, run: str, task: str, said: str = ""
) -> None:
    """The same as a part of a transaction."""
    for one in inputs:
        given = {"state": GIVEN, "run": run, "task": task, "given": now()}
        change.put(one.record, {**one.record.body, **given, **({"said": said} if said else {})})


def withdraw(repo: Repository, worktree_id: str, origin: str) -> None:
    """Take back what still waits; what was given, or is not there, stays as it is."""
    store, until = Store(repo), time.monotonic() + _SECONDS
    id = _id(worktree_id, origin)
    while (record := store.find(KIND, id)) is not None and _input(record).state == WAITING:
        try:
            store.remove(record)
        except Contended:
            _pause(until, id)
        else:
            _journal(repo, _input(record), state="withdrawn")
            return


def _id(worktree_id: str, origin: str) -> str:
    exact = f"{worktree_id}\n{origin}".encode("utf-8", "surrogateescape")
    return f"input-{hashlib.sha256(exact).hexdigest()[:16]}"


def _input(record: Record) -> Input:
    body = {key: str(value) for key, value in record.body.items()}
    worktree, origin, text = body.get("worktree", ""), body.get("origin", ""), body.get("text", "")
    by, created, state = body.get("by", ""), body.get("created", ""), body.get("state", WAITING)
    run, task = body.get("run", ""), body.get("task", "")
    return Input(record.id, worktree, origin, text, by, created, state, run, task, record)


def _clean(text: str) -> str:
    """Redacted after escapes are gone, which may stand in a secret, and before it is cut."""
    lines = (without_controls(line).rstrip() for line in text.splitlines())
    clean = redact("\n".join(lines)).strip("\n")
    left = len(clean) - _LONGEST
    return clean if left <= 0 else f"{clean[:_LONGEST]}… and {left:,} more characters"


def _line(text: str) -> str:
    return redact(without_controls(" ".join(text.split())))[:_LONGEST_ORIGIN]


def _pause(until: float, id: str) -> None:
    if time.monotonic() > until:
        raise Contended(f"others keep changing {id}", hint="try again; see: gitcoord list")
    time.sleep(between(0.001, 0.02))


def _journal(repo: Repository, one: Input, **changed: str) -> None:
    parts = {"state": one.state, "run": one.run, "task": one.task, **changed}
    Journal(repo.own_dir).append(
        "input", input=one.id, worktree=one.worktree, origin=one.origin, by=one.by, **parts
    )
