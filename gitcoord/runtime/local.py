"""The runner that needs no model, key or network: roles that are analysers.

A role without an analyser is refused with what would run it, before anything starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gitcoord.analysis.bisect import Step, bisect, to_finding
from gitcoord.analysis.corpus import Corpus, read_corpus
from gitcoord.analysis.detective import detect, located, onset
from gitcoord.analysis.finding import Finding, Suspect
from gitcoord.analysis.history import research
from gitcoord.analysis.hypotheses import weigh
from gitcoord.analysis.impact import plan_change
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.memory import Earlier
from gitcoord.analysis.past import Past, read_past
from gitcoord.analysis.question import Question, parse_question
from gitcoord.analysis.structure import examine
from gitcoord.errors import BadInput, Problem
from gitcoord.git.repository import Repository
from gitcoord.process import cores
from gitcoord.runs.workflow import Task
from gitcoord.runtime.host import Product
from gitcoord.runtime.report import write_report
from gitcoord.worktrees.findings import PREFIX, Written
from gitcoord.worktrees.worktree import Worktree

LOCAL, COMMAND, HUMAN = "local", "command", "human"


@dataclass(frozen=True)
class Bisection:
    """What `--bisect` asks for. command: for `sh -c`, in scratch worktrees."""

    command: str
    good: tuple[str, ...]
    bad: str = "HEAD"
    timeout: float | None = None


@dataclass(frozen=True)
class Brief:
    """What all agents of a run are asked. at: the commit analysers look at.

    runner: of tasks that have no fixed one, "" for `local`. model: "" for the runner's own.
    argv: of the command runner. budget: caps of the run, as `--budget` has them.
    """

    text: str
    at: str
    logs: tuple[Path, ...] = ()
    since: str | None = None
    until: str | None = None
    within: tuple[str, ...] = ()
    bisection: Bisection | None = None
    workers: int = 0
    runner: str = ""
    model: str = ""
    argv: tuple[str, ...] = ()
    budget: tuple[str, ...] = ()

    def as_document(self) -> dict[str, Any]:
        """For the run's record, so that another process can go on with it."""
        document: dict[str, Any] = {
            "text": self.text, "at": self.at, "logs": [str(log) for log in self.logs],
            "since": self.since, "until": self.until, "within": list(self.within),
            "workers": self.workers, "runner": self.runner, "model": self.model,
            "argv": list(self.argv), "budget": list(self.budget),
        }  # fmt: skip
        if self.bisection:
            document["bisection"] = {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in vars(self.bisection).items()
                if value is not None
            }
        return {key: value for key, value in document.items() if value is not None}

    def question(self) -> Question:
        return parse_question(self.text, since=self.since, until=self.until, within=self.within)


@dataclass(frozen=True)
class Local:
    """Runs the analyser of a task's role. memory: what other worktrees found."""

    repo: Repository
    brief: Brief
    worktree: Worktree
    memory: Sequence[Written] = ()

    @cached_property
    def corpus(self) -> Corpus:
        """The files, read once for all tasks of the run."""
        return read_corpus(self.repo, self.brief.at)

    @cached_property
    def past(self) -> Past:
        """The history, read once for all tasks of the run."""
        return read_past(self.repo, self.brief.at)

    def __call__(
        self, task: Task, earlier: Sequence[Finding], say: Callable[[str], None]
    ) -> Product:
        return ANALYSERS[task.role](self, earlier, say)


def check_roles(tasks: Sequence[Task]) -> None:
    """Raise BadInput when a task's role has no analyser."""
    for task in tasks:
        if task.role not in ANALYSERS:
            raise BadInput(
                f"the role {task.role!r} of task {task.name!r} needs a model; without one there "
                f"are: {', '.join(sorted(ANALYSERS))}",
                hint="see what could run it: gitcoord agents runners",
            )


def _detect(local: Local, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
    brief = local.brief
    remembered = [_earlier(one) for one in local.memory]
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(lambda: local.past)
        found = detect(
            local.repo, brief.question(),
            corpus=local.corpus, commits=reading.result().commits,
            logs=brief.logs, earlier=remembered, say=say,
        )  # fmt: skip
    if not brief.bisection:
        return Product(found, {})
    try:
        return Product([_bisect(local, brief.bisection, say), *found], {})
    except Problem as problem:
        # The other roles have an answer of their own: it must not be lost with this one.
        return Product(found, {}, problem=f"no bisection: {problem.message} ({problem.hint})")


def _earlier(one: Written) -> Earlier:
    where = f"{PREFIX}{one.worktree_id}:findings/{one.id}.md"
    return Earlier(one.worktree_id, one.id, one.title, one.body, where, one.confidence or 0.0)


def _bisect(local: Local, wanted: Bisection, say: Callable[[str], None]) -> Finding:
    def progress(step: Step) -> None:
        said = f"{step.commit[:10]} is {step.answer}; " if step.commit else ""
        say(f"bisecting: {said}{step.left} commits left, {step.tests} tests so far")

    found = bisect(
        local.repo, wanted.command, wanted.good, wanted.bad,
        workers=local.brief.workers or cores(), timeout=wanted.timeout, progress=progress,
        memory=local.repo.own_dir / "bisect" / local.worktree.id,
    )  # fmt: skip
    return to_finding(found)


def _research(local: Local, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
    question = located(local.brief.question(), earlier)
    found = research(
        local.repo, question, suspect_files(earlier),
        at=local.brief.at, past=local.past, corpus=local.corpus, onset=onset(earlier), say=say,
    )  # fmt: skip
    return Product(found, {})


def _analyse(local: Local, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
    question = located(local.brief.question(), earlier)
    around = examine(
        local.repo, question, suspect_files(earlier),
        at=local.brief.at, past=local.past, corpus=local.corpus, say=say,
    )  # fmt: skip
    say("weighing the evidence")
    analysis = weigh(question, [*earlier, *around])
    found = [*analysis.findings(), *around]
    report = write_report(local.worktree, [*earlier, *found])
    return Product(found, {"report.md": report}, decision=analysis.decision.record())


def _plan(local: Local, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
    plan = plan_change(
        local.repo, local.brief.question(),
        at=local.brief.at, past=local.past, corpus=local.corpus, say=say,
    )  # fmt: skip
    return Product(
        [plan.finding()], {"plan.md": plan.markdown().encode("utf-8", "surrogateescape")}
    )


def suspect_files(findings: Sequence[Finding]) -> list[Suspect]:
    """The code all findings point at, each file once with its best score, best first. Prose
    is left out: a changelog goes with every change and explains none."""
    best: dict[str, Suspect] = {}
    for suspect in (one for finding in findings for one in finding.files):
        if kind_of(suspect.name) in (Kind.DOCS, Kind.ASSET, Kind.GENERATED):
            continue
        if suspect.name not in best or best[suspect.name].score < suspect.score:
            best[suspect.name] = suspect
    return sorted(best.values(), key=lambda one: -one.score)


ANALYSERS: dict[str, Callable[[Local, Sequence[Finding], Callable[[str], None]], Product]] = {
    "detective": _detect,
    "researcher": _research,
    "analyst": _analyse,
    "strategist": _plan,
}
