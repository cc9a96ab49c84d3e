"""An agent at work on one task: what it is told, what it may spend, what it did by git.

Promises: how it will be known is on record before it starts, so a run that died goes on in the
same session; its word is checked against git; what it changed is committed by us when it is
done, and stays where it is when it is not; what changed outside its worktree meanwhile is an
incident that stands in the task's record.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gitcoord.analysis.finding import Finding
from gitcoord.config import Config
from gitcoord.coordination.approvals import Asking
from gitcoord.errors import Parked, Problem
from gitcoord.git.objects import Reader
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import git_dir_of
from gitcoord.process import AGENT
from gitcoord.records import between, counted, random_text
from gitcoord.redaction import redact
from gitcoord.runs.budget import Caps, Reservation, budget_of, read_caps, refuse_spent, reserve
from gitcoord.runs.ledger import settle
from gitcoord.runs.role import Role
from gitcoord.runs.roles import find_role
from gitcoord.runs.rounds import inputs_of, round_of
from gitcoord.runs.run import log_of, note_task, read_run
from gitcoord.runs.workflow import Task
from gitcoord.runtime.agent import DONE, PARKED, Assignment, Event, Limits, Outcome
from gitcoord.runtime.billing import Bill
from gitcoord.runtime.delivery import Delivery, deliver, finding_files
from gitcoord.runtime.host import Product, as_finding
from gitcoord.runtime.local import HUMAN, Brief
from gitcoord.runtime.outside import Before, look
from gitcoord.runtime.report import write_report
from gitcoord.runtime.runners import agent_of
from gitcoord.runtime.telling import system, tell, tell_again
from gitcoord.runtime.watch import compare
from gitcoord.state.journal import Journal
from gitcoord.worktrees.findings import Written, parse, put_back, render
from gitcoord.worktrees.worktree import Worktree

_LONGEST_LINE = 300
_KEPT = ("tool", "result", "warning", "waiting")
_LONGEST_PATIENCE = 3600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0


@dataclass(frozen=True)
class AtWork:
    """Runs the agent of a task, as the runner its record names. author: of the commits.
    stopped: set when all is to end; no agent is started from then on."""

    repo: Repository
    worktree: Worktree
    run_id: str
    brief: Brief
    config: Config
    author: str
    stopped: threading.Event = field(default_factory=threading.Event)

    def __call__(
        self, task: Task, earlier: Sequence[Finding], say: Callable[[str], None]
    ) -> Product:
        try:
            return self._work(task, earlier, say)
        except OSError as error:
            # What an agent did to its worktree, or a full disk, is this task's trouble alone.
            said = f"{error.filename or self.worktree.path}: {error.strerror or error}"
            raise Problem(said, hint=f"see: gitcoord show {self.worktree.id}") from error

    def _work(self, task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        role = find_role(self.repo, task.role)
        since = self._since(task)
        before = look(self.repo, precious=self.config.trash.precious)
        try:
            outcome, bill = self._within_budget(task, role, earlier, say)
        finally:
            troubles = self._incidents(task, before)
        if outcome.state == PARKED:
            raise Parked(outcome.reason, hint=self._way_on(task, outcome), until=outcome.until)
        if outcome.state != DONE:
            said = "; ".join([_why(outcome), *troubles])
            raise Problem(said, hint=self._way_on(task, outcome))
        self._write_summary(task, outcome, since)
        if not role.writes:
            self._write_report(task, outcome, earlier, since)
        done = self._deliver(task, role, outcome, bill, since)
        if done.refused:
            go_on = f"gitcoord resume {self.worktree.id}"
            raise Problem(
                "; ".join([done.refused, *done.problems, *troubles]),
                hint=f"put that right, then: {go_on}",
            )
        troubles += [*done.problems, *_contradictions(role, done)]
        return Product(
            (),
            {},
            problem="; ".join(troubles),
            said=_said(done, self._left(task), bill),
            commit=done.commit,
        )

    def _since(self, task: Task) -> str:
        """Where the branch was when the task began; of a task taken up again, the first time."""
        noted = str(self._record(task).get("since", ""))
        if noted and self.repo.find_commit(noted):
            return noted
        if round_of(self._record(task)) > 1:
            put_back(self.repo, self.worktree, author=self.author)
        since = self.repo.commit(f"refs/heads/{self.worktree.branch}")
        note_task(self.repo, self.run_id, task.name, since=since)
        return since

    def _incidents(self, task: Task, before: Before) -> list[str]:
        """What changed outside while the task ran, earlier attempts of it included. However it
        ends, it stands in the task's record."""
        found = compare(self.repo, before, mine=self.worktree.id)
        for one in found:
            self._journal("incident", task, **one.as_event())
        known = [str(line) for line in self._record(task).get("incidents", ())]
        fresh = [line for line in (redact(one.as_line()) for one in found) if line not in known]
        if fresh:
            note_task(self.repo, self.run_id, task.name, incidents=[*known, *fresh])
        return [*known, *fresh]

    def _record(self, task: Task) -> Mapping[str, Any]:
        return read_run(self.repo, self.run_id).tasks[task.name]

    def _deliver(
        self, task: Task, role: Role, outcome: Outcome, bill: Bill, since: str
    ) -> Delivery:
        return deliver(
            self.repo, self.worktree, run=self.run_id, task=task.name, role=task.role,
            runner=task.runner, author=self.author, model=bill.model or outcome.model,
            cost=bill.words, summary=redact(outcome.summary), since=since,
            commits=self.config.agents.commit != "agent", writes=role.writes,
        )  # fmt: skip

    def _way_on(self, task: Task, outcome: Outcome) -> str:
        if task.runner == HUMAN:
            told = log_of(self.repo, self.run_id, task.name).with_suffix(".md")
            done = f'gitcoord resume {self.worktree.id} --done "what was done"'
            return f"do in {self.worktree.path} what {told} says, then: {done}"
        return self._named(outcome.hint or "go on with: gitcoord resume")

    def _named(self, hint: str) -> str:
        """A program's hint, with the id it cannot know: two runs may have stopped."""
        return f"{hint} {self.worktree.id}" if hint.endswith("gitcoord resume") else hint

    def _write_summary(self, task: Task, outcome: Outcome, since: str) -> None:
        """An agent that left no finding has said what it found in its summary: its words are
        kept as they are, without a confidence nobody stated."""
        number = round_of(self._record(task))
        name = f"findings/{task.name}-{f'round-{number}' if number > 1 else number}.md"
        # One that is there and not among those left is too large to be read, and still theirs.
        theirs = self._is_theirs(name, since)
        if outcome.summary.strip() and not theirs and not self._left_since(task, since):
            said = redact(outcome.summary)
            front = {"role": task.role, "title": _line(said), "kind": "summary"}
            self._write(name, render(front, said))

    def _write_report(
        self, task: Task, outcome: Outcome, earlier: Sequence[Finding], since: str
    ) -> None:
        """Unless the agent wrote one: then that is the report."""
        if self._is_theirs("report.md", since):
            return
        found = [*earlier, *(one for one in map(as_finding, self._left(task)) if one)]
        said = redact(outcome.summary)
        self._write("report.md", write_report(self.worktree, found, said=said, by=task.runner))

    def _is_theirs(self, name: str, since: str) -> bool:
        """Whether a regular file of the worktree's folder is not as it was when the task began."""
        path = f"{self.worktree.folder}/{name}"
        file = self.worktree.path / path
        if file.is_symlink() or not file.is_file():
            return False
        with Reader(self.repo) as reader:
            before = reader.find(f"{since}:{path}")
        same_size = before is not None and file.stat().st_size == len(before[2])
        return before is None or not same_size or file.read_bytes() != before[2]

    def _left(self, task: Task) -> list[Written]:
        """The findings an agent wrote for its task."""
        files = finding_files(self.worktree, f"{task.name}-*.md")
        return [parse(self.worktree.id, one.name, one.read_bytes()) for one in files]

    def _left_since(self, task: Task, since: str) -> bool:
        """Whether it wrote a finding in this round."""
        if round_of(self._record(task)) == 1:
            return bool(self._left(task))
        files = finding_files(self.worktree, f"{task.name}-*.md")
        return any(self._is_theirs(f"findings/{one.name}", since) for one in files)

    def _write(self, name: str, content: bytes) -> None:
        """Into the worktree's folder, unless an agent removed it or made it lead elsewhere."""
        top = self.worktree.path
        file = top / self.worktree.folder / name
        inside = file.parent.resolve().is_relative_to(top.resolve())
        if inside and git_dir_of(top):
            file.parent.mkdir(parents=True, exist_ok=True)
            # Put in place whole: what an agent left there may be a link, or a pipe without end.
            draft = file.with_name(f".{random_text(8)}.new")
            draft.write_bytes(content)
            draft.replace(file)

    def _within_budget(
        self, task: Task, role: Role, earlier: Sequence[Finding], say: Callable[[str], None]
    ) -> tuple[Outcome, Bill]:
        """Keep what the task may cost free for it while it runs. Raises Parked when it is spent."""
        budget = budget_of(self.config, role, read_caps(self.brief.budget))
        patience = self.config.agents.wall or _LONGEST_PATIENCE
        with reserve(
            self.repo, self.run_id, task.name, budget,
            patience=patience, stopped=self.stopped.is_set,
        ) as kept:  # fmt: skip
            try:
                return self._attempts(task, role, earlier, kept, say)
            finally:
                settle(self.repo, self.run_id)

    def _attempts(
        self, task: Task, role: Role, earlier: Sequence[Finding], kept: Reservation,
        say: Callable[[str], None],
    ) -> tuple[Outcome, Bill]:  # fmt: skip
        """Try until it ends in a way that another attempt would not change."""
        pause = _FIRST_PAUSE
        left = self.config.agents.retries
        while True:
            self._check_stopped()
            assignment, attempt = self._assign(task, role, earlier, kept.caps)
            bill = Bill(self.repo, self.run_id, task.name, task.role, attempt)

            def hear(event: Event, bill: Bill = bill) -> None:
                self._check_stopped()
                self._note(task, event)
                say(_line(event.text))
                if bill.hear(event):
                    self._watch_budget(task, kept, say)

            try:
                outcome = agent_of(task.runner)(assignment, hear)
                bill.end(outcome)
            finally:
                bill.close()
            self._journal("agent", task, state=outcome.state, reason=redact(outcome.reason))
            if outcome.state != DONE:
                refuse_spent(self.repo, self.run_id, kept.check())
            if not outcome.retry or not left:
                return outcome, bill
            left -= 1
            say(f"{outcome.reason}; trying again in {pause:.0f} s")
            self.stopped.wait(between(pause / 2, pause))
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _check_stopped(self) -> None:
        """Also from within an agent that began in the moment we were told to stop."""
        if self.stopped.is_set():
            raise Problem("stopped", hint=f"go on with: gitcoord resume {self.worktree.id}")

    def _watch_budget(self, task: Task, kept: Reservation, say: Callable[[str], None]) -> None:
        """Say when a cap is nearly used up. Raises Parked, which ends the agent, when it is."""
        standings = kept.news()
        for one in standings:
            say(one.line)
            self._journal("budget", task, text=one.line)
        refuse_spent(self.repo, self.run_id, standings)

    def _assign(
        self, task: Task, role: Role, earlier: Sequence[Finding], caps: Caps
    ) -> tuple[Assignment, int]:
        """Write down how the agent will be known, and say what it is asked."""
        record = self._record(task)
        log = log_of(self.repo, self.run_id, task.name)
        mark = str(record.get("mark", ""))
        resumed = bool(mark) and log.is_file()
        mark = mark if resumed else str(uuid.uuid4())
        attempt = int(record.get("attempt", 0)) + 1
        rounds = self._begun(task, record, attempt)
        note_task(self.repo, self.run_id, task.name, mark=mark, attempt=attempt, **rounds)
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        agents = self.config.agents
        asking = Asking(self.repo, self.run_id, task.name, task.role, self.worktree.id)
        assignment = Assignment(
            run_id=self.run_id,
            task=task.name,
            role=replace(role, prompt=system(role, self.worktree, task)),
            prompt=redact(self._prompt(task, role, earlier, record)),
            top=self.worktree.path,
            own_dir=self.repo.own_dir,
            mark=mark,
            log=log,
            resumed=resumed,
            model=self.brief.model or role.model,
            limits=Limits(
                wall=_least(agents.wall, caps.seconds),
                stall=agents.stall,
                turns=int(_least(role.max_turns, caps.turns)),
                dollars=caps.dollars,
                tokens=int(caps.tokens),
            ),
            argv=self.brief.argv,
            environment={AGENT: f"{self.run_id}/{task.name}"},
            asks=(*agents.ask, *(("run",) if agents.run == "ask" else ())),
            ask=asking.ask,
            decision_on=asking.decision_on,
        )
        return assignment, attempt

    def _prompt(
        self, task: Task, role: Role, earlier: Sequence[Finding], record: Mapping[str, Any]
    ) -> str:
        number = round_of(record)
        if number == 1:
            return tell(self.worktree, task, role, self.brief, earlier)
        inputs = inputs_of(self.repo, record)
        return tell_again(self.worktree, task, role, self.brief, inputs, number)

    def _begun(self, task: Task, record: Mapping[str, Any], attempt: int) -> dict[str, Any]:
        """The rounds of a task that was asked again, with the attempt that now begins."""
        if round_of(record) == 1:
            return {}
        *earlier, last = record["rounds"]
        attempts = [*last.get("attempts", ()), attempt]
        if len(attempts) > 1:
            told = f"round {round_of(record)} is told again: the attempt before it did not end"
            self._journal("agent", task, what="warning", text=told)
        return {"rounds": [*earlier, {**last, "attempts": attempts}]}

    def _note(self, task: Task, event: Event) -> None:
        """Keep what an agent did in the journal, and the name its program gave its session."""
        mark = event.detail.get("mark")
        if mark:
            note_task(self.repo, self.run_id, task.name, mark=str(mark))
        if event.kind in _KEPT:
            self._journal("agent", task, what=event.kind, text=_line(redact(event.text)))

    def _journal(self, kind: str, task: Task, **fields: Any) -> None:
        Journal(self.repo.own_dir).append(
            kind, run=self.run_id, worktree=self.worktree.id, task=task.name, **fields
        )


def _least(*limits: float) -> float:
    """The lowest of limits of which 0 is none."""
    return min((limit for limit in limits if limit), default=0.0)


def _line(text: str) -> str:
    """The first line that says something, short enough for a row."""
    lines = text.strip().split("\n")
    return lines[0][:_LONGEST_LINE]


def _why(outcome: Outcome) -> str:
    return f"{outcome.state}: {outcome.reason}" if outcome.reason else outcome.state


def _contradictions(role: Role, done: Delivery) -> list[str]:
    """Where its word and git do not agree."""
    if role.writes and not done.stat.files and not done.problems:
        return ["it says it is done, and changed nothing"]
    return []


def _said(done: Delivery, left: Sequence[Written], bill: Bill) -> str:
    stat = str(done.stat) if done.stat.files else ""
    return ", ".join(part for part in (stat, counted(len(left), "finding"), bill.words) if part)
