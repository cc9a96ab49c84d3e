"""The ledger: tokens of four kinds, dollars, turns and seconds of every call of a model.

A call is one event of the journal (kind `call`), so that recording it costs one append; each
run has a record `refs/agentcoord/costs/<run>` with its sums, the names of the calls in them, and
the place in the journal up to which they reach. What counts is the record plus the events after
that place; `settle` moves events into the record and the place behind them in one change.

Promises: a call counts once, however often and by whomever it is recorded: its name (`call`) is
unique within a run, and the first entry holds. So a host that died between the answer and its
entry records again, on resume, all that its transcript holds: nothing is lost, nothing doubled.
Refuses: to guess a cost. A call without dollars counts in tokens and is called unpriced.

While a run may still record, `.git/agentcoord/ledger/<run>` exists: only the events since those
runs' places have to be read. Who records holds a lock on it, and who closes the run takes it
away while nobody does and all is in the sums: killed at any instant, no entry is out of sight.
"""

from __future__ import annotations

import fcntl
import math
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitcoord.errors import BadInput, Contended, Corrupt, NoSuch, Problem, Taken
from gitcoord.git.repository import Repository
from gitcoord.process import is_held
from gitcoord.records import between, check_id, match_id, now
from gitcoord.runs.run import list_runs
from gitcoord.runs.sums import (
    TOKENS,
    Key,
    Row,
    Sum,
    grand_total,
    key_of,
    only,
    row_document,
    rows_in,
    sum_of,
)
from gitcoord.runs.usage import Usage
from gitcoord.state.events import Event, Position
from gitcoord.state.journal import Journal
from gitcoord.state.store import Record, Store

KIND = "costs"
ENTRY = "call"
LOCK_SECONDS = 10.0
_LONGEST = 200


def record_call(
    repo: Repository,
    run_id: str,
    task: str,
    role: str,
    model: str,
    usage: Usage,
    dollars: float | None,
    *,
    call: str,
    turns: int = 1,
    seconds: float = 0.0,
) -> None:
    """Enter one call; on the disk when this returns. Costs an append to the journal.

    call: unique in the run and the same when recorded again: `<task>/<attempt>/<number>`, or
    the id of the model's response. usage, dollars: of this call alone, never a total.
    dollars: None when nobody can say; see prices.price_of. turns: how many this entry stands for,
    where a program reports several at once. seconds: an agent was at work, as budgets count them;
    an entry of seconds alone is no call. Raises what Journal.append raises.
    """
    check_id(run_id)
    priced = dollars is not None and 0 <= dollars < math.inf
    fields = {
        "run": run_id, "task": _short(task), "role": _short(role), "model": _short(model),
        "call": _name(call), "turns": max(0, turns), "seconds": max(0.0, seconds),
        **{kind: max(0, getattr(usage, kind)) for kind in TOKENS},
        "dollars": float(dollars or 0) if priced else None,
    }  # fmt: skip
    with _held_open(repo, run_id):
        Journal(repo.own_dir).append(ENTRY, **fields)


def totals(
    repo: Repository, *, runs: Collection[str] = (), day: str = "", by: str = "run"
) -> list[Row]:
    """Sums by `run`, `task` (of each run), `role`, `model` or `day`. runs, day: only of these.

    Raises BadInput for another `by`, Corrupt for a record that cannot be read.
    """
    return Ledger(repo).totals(runs=runs, day=day, by=by)


def find_runs(repo: Repository, part: str) -> list[str]:
    """The runs `part` of a run's or a worktree's id means. Raises NoSuch."""
    of_worktree: dict[str, list[str]] = {}
    for run in list_runs(repo):
        of_worktree.setdefault(run.worktree_id, []).append(run.id)
    runs = {run for listed in of_worktree.values() for run in listed} | {*Store(repo).ids(KIND)}
    try:
        found = match_id(part, runs | of_worktree.keys())
    except NoSuch as problem:
        raise NoSuch(problem.message, hint="see what there is: gitcoord cost") from problem
    return of_worktree.get(found, [found])


def settle(repo: Repository, run_id: str, *, close: bool = False) -> None:
    """Move what was recorded into the run's record: after each task, and at the end.

    close: nothing more is expected; recording again opens it by itself. A run that has
    recorded nothing has no record, and stays so.
    """
    _settle(repo, run_id)
    if close:
        with _shut(repo, run_id) as mark:
            if mark is not None:
                _settle(repo, run_id)
                mark.unlink(missing_ok=True)


def settle_dead(repo: Repository) -> None:
    """Settle the runs that nobody drives any more, so that reading stays quick."""
    for run_id in _open_runs(repo):
        if not is_held(repo.own_dir, run_id):
            settle(repo, run_id, close=True)


class Ledger:
    """All that was recorded, as of the last `refresh`: a few µs when nothing came since.

    bad: records that cannot be read are left out and their Problems put there. One Ledger may
    be used from several threads.
    """

    def __init__(self, repo: Repository, bad: list[Problem] | None = None) -> None:
        self._journal = Journal(repo.own_dir)
        self._lock = threading.Lock()
        self._runs: dict[str, dict[Key, Sum]] = {}
        self._days: dict[str, Sum] = {}
        self._calls: dict[str, set[str]] = {}
        # In this order: an entry before this place had its mark before that, and what was
        # settled since is in the records. What is met twice is known by its name.
        places = [self._journal.end()]
        open_runs = _open_runs(repo)
        for record in Store(repo).all(KIND, bad):
            try:
                self._take_record(record)
                if record.id in open_runs:
                    places.append(_place(record.id, record.body))
            except Corrupt as problem:
                if bad is None:
                    raise
                bad.append(problem)
        self._at = min(places)
        self.refresh()

    def refresh(self) -> None:
        """Take in what was recorded since, by any process."""
        with self._lock:
            for event in self._journal.tail(self._at):
                self._at = event.position
                if event.kind == ENTRY:
                    self._take(event)

    def totals(self, *, runs: Collection[str] = (), day: str = "", by: str = "run") -> list[Row]:
        """As the function `totals`, of what was taken in so far."""
        summed: dict[tuple[str, ...], Row] = {}
        for row in self._rows(runs or [*self._runs]):
            if day not in ("", row.day):
                continue
            kept = only(row, by)
            key = (kept.run, kept.task, kept.role, kept.model, kept.day)
            before = summed[key].sum if key in summed else Sum()
            summed[key] = replace(kept, sum=before + row.sum)
        return [summed[key] for key in sorted(summed) if by != "model" or summed[key].sum.calls]

    def of_run(self, run_id: str) -> Sum:
        return grand_total(self._rows([run_id]))

    def of_task(self, run_id: str, task: str) -> Sum:
        return grand_total(row for row in self._rows([run_id]) if row.task == task)

    def of_day(self, day: str) -> Sum:
        """Of all runs. day: as in `2026-01-02`, UTC."""
        return self._days.get(day, Sum())

    def _rows(self, runs: Iterable[str]) -> list[Row]:
        with self._lock:
            return [
                Row(*key, sum=one)
                for run_id in runs
                for key, one in self._runs.get(run_id, {}).items()
            ]

    def _take_record(self, record: Record) -> None:
        for key, one in _read_rows(record.id, record.body).items():
            self._add(key, one)
        self._calls[record.id] = set(str(record.body.get("calls", "")).split())

    def _take(self, event: Event) -> None:
        run_id, call = str(event.fields.get("run", "")), str(event.fields.get("call", ""))
        calls = self._calls.setdefault(run_id, set())
        if call not in calls:
            calls.add(call)
            self._add(key_of(event), sum_of(event.fields))

    def _add(self, key: Key, one: Sum) -> None:
        run, day = self._runs.setdefault(key[0], {}), key[-1]
        run[key] = run.get(key, Sum()) + one
        self._days[day] = self._days.get(day, Sum()) + one


def _settle(repo: Repository, run_id: str) -> None:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        start = _place(run_id, body)
        place, rows = start, _read_rows(run_id, body)
        calls = str(body.get("calls", "")).split()
        known = set(calls)
        for event in Journal(repo.own_dir).tail(start):
            place = event.position
            call = str(event.fields.get("call", ""))
            if event.kind != ENTRY or event.fields.get("run") != run_id or call in known:
                continue
            known.add(call)
            calls.append(call)
            rows[key_of(event)] = rows.get(key_of(event), Sum()) + sum_of(event.fields)
        listed = [row_document(key, one) for key, one in sorted(rows.items())]
        return {**body, "at": str(place), "calls": " ".join(calls), "rows": listed}

    try:
        Store(repo).change(KIND, run_id, edit)
    except NoSuch:
        return


@contextmanager
def _held_open(repo: Repository, run_id: str) -> Iterator[None]:
    """The run's record and its mark are there, and nobody closes it meanwhile."""
    mark = _mark(repo, run_id)
    while True:
        try:
            fd = os.open(mark, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            _open(repo, run_id)
            continue
        try:
            lock(fd, fcntl.LOCK_SH, f"the costs of {run_id}")
            if _is_at(fd, mark):
                return (yield)
        finally:
            os.close(fd)


@contextmanager
def _shut(repo: Repository, run_id: str) -> Iterator[Path | None]:
    """The mark, while nobody records; None when there is none."""
    mark = _mark(repo, run_id)
    try:
        fd = os.open(mark, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        lock(fd, fcntl.LOCK_EX, f"the costs of {run_id}")
        yield mark if _is_at(fd, mark) else None
    finally:
        os.close(fd)


def lock(fd: int, kind: int, what: str) -> None:
    """Take a lock that dies with its holder. Raises Contended after LOCK_SECONDS, as who was
    stopped would hold us up for ever."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Contended(
                    f"another process has held {what} for {LOCK_SECONDS:g} s",
                    hint="see whether a gitcoord is stopped: ps -eo pid,stat,command",
                ) from None
        time.sleep(between(0.0005, 0.002))


def _is_at(fd: int, path: Path) -> bool:
    """Whether the open file is the one of that name, not one that was removed."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), there)


def _open(repo: Repository, run_id: str) -> None:
    """Make the run's record, and its mark."""
    store = Store(repo)
    if store.find(KIND, run_id) is None:
        at = str(Journal(repo.own_dir).end())
        with suppress(Taken):  # another process of this run was first
            store.create(KIND, run_id, {"created": now(), "at": at, "calls": "", "rows": []})
    else:
        _settle(repo, run_id)  # a run taken up again: its place may be weeks back
    mark = _mark(repo, run_id)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()


def _mark(repo: Repository, run_id: str) -> Path:
    return repo.own_dir / "ledger" / run_id


def _open_runs(repo: Repository) -> set[str]:
    try:
        return {path.name for path in (repo.own_dir / "ledger").iterdir()}
    except FileNotFoundError:
        return set()


def _place(run_id: str, body: Mapping[str, Any]) -> Position:
    try:
        return Position.parse(str(body["at"]))
    except (KeyError, BadInput) as error:
        raise _damaged(run_id, error) from error


def _read_rows(run_id: str, body: Mapping[str, Any]) -> dict[Key, Sum]:
    try:
        return rows_in(run_id, body)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(run_id, error) from error


def _damaged(run_id: str, error: Exception) -> Corrupt:
    return Corrupt(
        f"the costs of {run_id} cannot be read: {type(error).__name__}: {error}",
        hint="see what else is wrong: gitcoord doctor",
    )


def _short(text: str) -> str:
    return text[:_LONGEST]


def _name(call: str) -> str:
    """One word, as the record lists them in one text."""
    if not call or len(call) > _LONGEST or len(call.split()) != 1 or call != call.strip():
        raise BadInput(
            f"{call[:60]!r} cannot be the name of a call: it has to be one word",
            hint=f"such as build/1/7, of at most {_LONGEST} characters; see: gitcoord cost --help",
        )
    return call
