"""Budgets: what a task, a run and a day may cost in dollars, tokens, turns and seconds.

Promises: a task starts only when what is left of the run's and the day's budget is at least what
the task may cost, reservations of other tasks at work counted; the reservation of a process that
died counts no more. At WARN of a cap it is said once, at the whole of it the agent is to stop
and the run to wait for a person (Parked), its work kept.

A cap can be overshot: what a call of a model costs is known when it has ended, so by one call of
each agent that is at work then. A model without a price spends no dollars, only tokens, turns and
time: cap one of these too where such models are used. Tokens are of all four kinds. Days are UTC.

Each reservation is a file in `.git/agentcoord/reservations` and a lease its process holds.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gitcoord.config import Config, amount
from gitcoord.errors import BadInput, Contended, NoSuch, Parked
from gitcoord.git.repository import Repository
from gitcoord.process import Lease, hold, is_held
from gitcoord.records import now, random_text
from gitcoord.runs.ledger import Ledger, lock, settle_dead
from gitcoord.runs.role import Role
from gitcoord.runs.run import KIND as RUNS
from gitcoord.runs.run import Run, read_run
from gitcoord.runs.sums import Sum
from gitcoord.state.documents import decode, encode
from gitcoord.state.store import Store

WARN = 0.8
TASK, RUN, DAY = "task", "run", "day"
_LOOK_AGAIN_SECONDS = 0.25
_LEDGERS: dict[Path, Ledger] = {}


@dataclass(frozen=True)
class Caps:
    """The most something may cost; 0 is no cap."""

    dollars: float = 0.0
    tokens: float = 0.0
    turns: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True)
class Budget:
    """What one task, its whole run and a day may cost."""

    task: Caps = field(default_factory=Caps)
    run: Caps = field(default_factory=Caps)
    day: Caps = field(default_factory=Caps)


@dataclass(frozen=True)
class Standing:
    """How far one cap is used up. scope: TASK, RUN or DAY. measure: a field of Caps."""

    scope: str
    measure: str
    spent: float
    cap: float

    @property
    def share(self) -> float:
        return self.spent / self.cap

    @property
    def is_spent(self) -> bool:
        return self.spent >= self.cap

    @property
    def line(self) -> str:
        """`the run has used $4.10 of $5.00 (82%)`."""
        spent, cap = (_shown(self.measure, number) for number in (self.spent, self.cap))
        return f"the {self.scope} has used {spent} of {cap} ({self.share:.0%})"


def read_caps(texts: Sequence[str]) -> Caps:
    """Caps from texts as settings and `--budget` have them: `5`, `2M tokens`. Raises BadInput."""
    try:
        return Caps(**dict(map(amount, texts)))
    except ValueError as error:
        raise BadInput(f"the budget {error}", hint="see: gitcoord config get budget.run") from None


def budget_of(config: Config, role: Role, asked: Caps) -> Budget:
    """The budget of a task: what the settings cap, else the dollars its role may cost.

    asked: what `--budget` said of the run; what it does not cap is capped by the settings. A
    task may need no more than the whole budget of its run or of a day.
    """
    settings = vars(read_caps(config.budget.run))
    run = Caps(**{name: cap or settings[name] for name, cap in vars(asked).items()})
    day = read_caps(config.budget.day)
    task = read_caps(config.budget.task)
    task = replace(task, dollars=task.dollars or role.budget)
    return Budget(_within(_within(task, run), day), run, day)


def raise_budget(repo: Repository, run_id: str, texts: Sequence[str]) -> Run:
    """Cap a run anew, as `--budget` has it; what the texts do not cap stays as it was. For a
    person to say. Raises BadInput, NoSuch."""
    fresh = {measure for measure, cap in vars(read_caps(texts)).items() if cap}

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        question = body["question"]
        kept = [text for text in question.get("budget", ()) if amount(text)[0] not in fresh]
        return {**body, "question": {**question, "budget": [*kept, *texts]}}

    return Run(Store(repo).change(RUNS, run_id, edit))


_LEAST = Caps(0.000001, 1, 1, 1)


class Reservation:
    """What one task may spend, kept free for it until `release` or the end of this process.

    Use it in a `with`.
    """

    def __init__(
        self, ledger: Ledger | None, run_id: str, task: str, budget: Budget, caps: Caps,
        lease: Lease | None = None, file: Path | None = None,
    ) -> None:  # fmt: skip
        self._caps = caps
        self._ledger = ledger
        self._before = ledger.of_task(run_id, task) if ledger else Sum()
        self._run_id = run_id
        self._task = task
        self._budget = budget
        self._lease = lease
        self._file = file
        self._said: set[tuple[str, str, bool]] = set()

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def caps(self) -> Caps:
        """What its agent may spend from now, over all scopes: its own cap, or what was free of
        the run and the day, whichever is less. Never 0, which is no cap, where there is one."""
        if self._ledger is None:
            return self._caps
        self._ledger.refresh()
        now_spent, before = (
            vars(_as_caps(one))
            for one in (self._ledger.of_task(self._run_id, self._task), self._before)
        )
        return Caps(
            **{
                name: cap and max(vars(_LEAST)[name], cap - now_spent[name] + before[name])
                for name, cap in _all(self._caps)
            }
        )

    def check(self) -> list[Standing]:
        """The caps that are used up to WARN or more, fullest first, as of now: 0.2 ms."""
        if self._ledger is None:
            return []
        self._ledger.refresh()
        return check(self._ledger, self._run_id, self._task, self._budget)

    def news(self) -> list[Standing]:
        """Those of `check` not told before: each once at WARN, and once when it is spent."""
        fresh = [
            one for one in self.check() if (one.scope, one.measure, one.is_spent) not in self._said
        ]
        self._said |= {(one.scope, one.measure, one.is_spent) for one in fresh}
        return fresh

    def release(self) -> None:
        """Give back what was not spent. What was spent stands in the ledger."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        if self._lease is not None:
            self._lease.release()


def reserve(
    repo: Repository,
    run_id: str,
    task: str,
    budget: Budget,
    *,
    patience: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
) -> Reservation:
    """Keep what a task may cost free for it; before it starts, also when it is taken up again.

    patience: seconds to wait for other tasks to give back what they do not need; stopped: whether
    to wait no longer. Raises Parked when it would not fit even then: a person has to raise
    the budget; Contended when only others' reservations stand in the way.
    """
    if budget == Budget():
        return Reservation(None, run_id, task, budget, Caps())
    ledger = _ledger(repo)
    until = time.monotonic() + patience
    while True:
        try:
            with _alone(repo):
                return _reserve(repo, run_id, task, budget, ledger)
        except Contended:
            if time.monotonic() >= until or stopped():
                raise
        time.sleep(min(_LOOK_AGAIN_SECONDS, max(0.0, until - time.monotonic())))


def check(ledger: Ledger, run_id: str, task: str, budget: Budget) -> list[Standing]:
    """The caps that are used up to WARN or more, fullest first, as the ledger has it."""
    spent = _spent(ledger, run_id, task)
    # A narrower cap is no more than a wider one: of two as full, raising the wider is what helps.
    found = [
        Standing(scope, name, getattr(spent[scope], name), cap)
        for scope in (DAY, RUN, TASK)
        for name, cap in vars(getattr(budget, scope)).items()
        if cap
    ]
    return sorted((one for one in found if one.share >= WARN), key=lambda one: -one.share)


def refuse_spent(repo: Repository, run_id: str, standings: Sequence[Standing]) -> None:
    """Raise Parked, saying how it goes on, when one of the caps is spent."""
    for one in standings:
        if one.is_spent:
            raise Parked(one.line, hint=_raise_it(repo, run_id, one.scope))


def _reserve(
    repo: Repository, run_id: str, task: str, budget: Budget, ledger: Ledger
) -> Reservation:
    kept = _kept(repo)
    ledger.refresh()
    refuse_spent(repo, run_id, check(ledger, run_id, task, budget))
    spent = _spent(ledger, run_id, task)
    own = caps = _left(budget.task, spent[TASK])
    for scope in (RUN, DAY):
        left = _left(getattr(budget, scope), spent[scope])
        free = dict(left)
        for one in kept:
            if scope == DAY or one["run"] == run_id:
                free = _without(free, _left(_caps(one), _task_spent(ledger, one)))
        for measure in left:
            wanted = own.get(measure, 0.0)
            if wanted > left[measure]:
                raise _too_little(
                    repo, run_id, task, Standing(scope, measure, left[measure], wanted)
                )
            if wanted > free[measure] or free[measure] <= 0:
                raise Contended(
                    f"other tasks have reserved what is left of the budget of the {scope}",
                    hint=f"wait for them, or see what is spent: gitcoord cost {run_id}",
                )
        caps = {**free, **caps, **{one: min(caps[one], free[one]) for one in caps if one in free}}
    return _write(repo, run_id, task, budget, Caps(**caps), ledger)


def _write(
    repo: Repository, run_id: str, task: str, budget: Budget, caps: Caps, ledger: Ledger
) -> Reservation:
    name = f"reserved-{random_text(12)}"
    lease = hold(repo.own_dir, name)
    file = _folder(repo) / f"{name}.toml"
    document = {"run": run_id, "task": task, "made": now(), **vars(budget.task)}
    file.write_bytes(encode(document))
    return Reservation(ledger, run_id, task, budget, caps, lease, file)


def _ledger(repo: Repository) -> Ledger:
    """One for all agents of this process, so that each entry is read once, not by each."""
    if repo.own_dir not in _LEDGERS:
        settle_dead(repo)
        _LEDGERS[repo.own_dir] = Ledger(repo)
    return _LEDGERS[repo.own_dir]


def _kept(repo: Repository) -> list[dict[str, Any]]:
    """The reservations of live processes; those of dead ones are removed."""
    kept = []
    for file in _folder(repo).glob("*.toml"):
        if is_held(repo.own_dir, file.stem):
            kept.append(decode(file.read_bytes(), str(file)))
        else:
            file.unlink(missing_ok=True)
    return kept


@contextmanager
def _alone(repo: Repository) -> Iterator[None]:
    """One process at a time compares what is left and takes of it."""
    folder = _folder(repo)
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        lock(fd, fcntl.LOCK_EX, "the budgets")
        yield
    finally:
        os.close(fd)


def _folder(repo: Repository) -> Path:
    return repo.own_dir / "reservations"


def _spent(ledger: Ledger, run_id: str, task: str) -> dict[str, Caps]:
    return {
        TASK: _as_caps(ledger.of_task(run_id, task)),
        RUN: _as_caps(ledger.of_run(run_id)),
        DAY: _as_caps(ledger.of_day(now()[:10])),
    }


def _task_spent(ledger: Ledger, kept: Mapping[str, Any]) -> Caps:
    return _as_caps(ledger.of_task(str(kept["run"]), str(kept["task"])))


def _as_caps(one: Sum) -> Caps:
    return Caps(one.dollars, one.usage.total, one.turns, one.seconds)


def _caps(document: Mapping[str, Any]) -> Caps:
    return Caps(*(float(document.get(name, 0.0)) for name in vars(Caps())))


def _left(caps: Caps, spent: Caps) -> dict[str, float]:
    """Of each measure that is capped, what is left."""
    used = vars(spent)
    return {name: max(0.0, cap - used[name]) for name, cap in vars(caps).items() if cap}


def _without(free: Mapping[str, float], kept: Mapping[str, float]) -> dict[str, float]:
    return {name: amount - kept.get(name, 0.0) for name, amount in free.items()}


def _within(caps: Caps, whole: Caps) -> Caps:
    """Caps no higher than those of the whole; a measure without a cap is left without."""
    return Caps(**{name: cap and min(cap, vars(whole)[name] or cap) for name, cap in _all(caps)})


def _all(caps: Caps) -> list[tuple[str, float]]:
    return list(vars(caps).items())


def _too_little(repo: Repository, run_id: str, task: str, one: Standing) -> Parked:
    left, wanted = (_shown(one.measure, number) for number in (one.spent, one.cap))
    return Parked(
        f"{left} are left for the {one.scope}, and {task} may need {wanted}",
        hint=_raise_it(repo, run_id, one.scope),
    )


def _raise_it(repo: Repository, run_id: str, scope: str) -> str:
    """How a person lets it go on: a run's budget is its own, the others' are settings."""
    try:
        resume = f"gitcoord resume {read_run(repo, run_id).worktree_id}"
    except NoSuch:
        resume = f"gitcoord resume {run_id}"
    if scope == RUN:
        return f"allow it more, and go on: {resume} --budget '20 dollars'"
    wait = "wait for tomorrow (UTC), or " if scope == DAY else ""
    return f"{wait}gitcoord config set budget.{scope} '20 dollars'; then go on: {resume}"


def _shown(measure: str, number: float) -> str:
    match measure:
        case "dollars":
            return f"${number:.2f}" if number >= 0.01 or not number else f"${number:.6f}"
        case "seconds":
            return f"{number / 60:.1f} minutes"
    return f"{number:,.0f} {measure}"
