"""The first bad commit, found by running a command at several commits at once.

Promises: the user's checkout, index, refs (`refs/bisect` too) and stash are not touched; the
command runs in scratch worktrees. Each verdict is kept the moment it is known, so an
interrupted search goes on where it was. Both ends are tested before they are believed, and
the first bad commit and its parents once more at the end. Exit codes mean what they mean to
`git bisect run`: 0 good, 125 cannot be tested, up to 127 bad, anything else ends the search.
Refuses: to name one commit where commits that could not be tested leave several.

A run out of time counts as bad if the bad end runs out of time too; else as not testable: a
machine that was busy for a moment must not accuse a commit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gitcoord.analysis.bisect_check import Answer, Check, Verdict
from gitcoord.analysis.bisect_finding import Bisection, describe, to_finding
from gitcoord.analysis.bisect_memory import Memory
from gitcoord.analysis.bisect_search import End, Run, Search
from gitcoord.errors import BadInput
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Pool

__all__ = ["Bisection", "Step", "bisect", "to_finding"]


@dataclass(frozen=True)
class Step:
    """Where a bisection stands after something happened.

    commit, answer: what was just answered, None when runs were only started. left: commits
    that can still be the first bad one. running: under test now. tests: runs that answered.
    rounds: about how many rounds of tests are still to come.
    """

    commit: str | None
    answer: Answer | None
    left: int
    running: tuple[str, ...]
    tests: int
    rounds: int


def bisect(
    repo: Repository,
    command: str,
    good: Sequence[str],
    bad: str = "HEAD",
    *,
    workers: int,
    timeout: float | None,
    progress: Callable[[Step], None],
    memory: Path,
    first_parent: bool = False,
    confirm: bool = True,
) -> Bisection:
    """Find the first commit at which `command` (for `sh -c`) fails.

    good: where it succeeds; `bad`: where it fails. A good commit that is no ancestor of `bad`
    will do: then their merge bases must be good too, as git has it. workers: runs at once.
    timeout: seconds a run may take. memory: a folder for this question's verdicts and logs.
    first_parent: a merge stands for all it brought. confirm: test the result once more.

    Raises NoSuch for a commit that does not exist, BadInput when an end is not what it is said
    to be, and Problem when the command crashes.
    """
    if not command.strip() or "\0" in command:
        raise BadInput(
            "there is no command to test a commit with",
            hint="name one that fails where the bug is: --bisect 'python -m pytest -q tests'",
        )
    started = time.monotonic()
    ends = _ends(repo, good, bad)
    kept = Memory(memory, command)
    known, again = kept.known(timeout), kept.known(timeout, again=True)
    history = _history(repo, ends, first_parent=first_parent)
    search = Search(ends, history, known, again, confirm)
    tests = 0
    with ExitStack() as stack:
        crew = _Crew(repo, command, workers, timeout, stack)
        for step in _steps(search, crew, kept):
            tests = step.tests
            progress(step)
    return describe(repo, command, search, tests=tests, seconds=time.monotonic() - started)


def _steps(search: Search, crew: _Crew, kept: Memory) -> Iterator[Step]:
    tests = 0

    def step(verdict: Verdict | None) -> Step:
        return Step(
            commit=verdict.commit if verdict else None,
            answer=verdict.answer if verdict else None,
            left=len(search.left),
            running=tuple(run.commit for run in crew.running),
            tests=tests,
            rounds=search.rounds(crew.size),
        )

    while True:
        wanted = search.wanted(crew.free, crew.running.keys())
        for run in wanted:
            crew.start(run)
        if wanted:
            yield step(None)
        if not crew.busy:
            return
        run, verdict = crew.next_answer()
        if verdict is None:
            continue
        tests += 1
        _take(search, kept, run, verdict)
        crew.drop(search.is_idle)
        yield step(verdict)


def _take(search: Search, kept: Memory, run: Run, verdict: Verdict) -> None:
    """Keep the verdict, then use it."""
    if verdict.answer != "none":
        kept.keep(verdict, again=run.why == "again")
    try:
        search.take(run, verdict)
    except BadInput:
        kept.forget()
        raise


class _Crew:
    """Runs under way, each in a thread with a scratch worktree of its own."""

    def __init__(
        self,
        repo: Repository,
        command: str,
        size: int,
        limit: float | None,
        stack: ExitStack,
    ) -> None:
        self.size = max(1, size)
        self.running: dict[Run, Check] = {}
        self._repo, self._command, self._limit, self._stack = repo, command, limit, stack
        self._pool: Pool | None = None
        self._threads: dict[Check, threading.Thread] = {}
        self._answers: queue.SimpleQueue[tuple[Run, Check, Verdict | BaseException | None]]
        self._answers = queue.SimpleQueue()

    @property
    def free(self) -> int:
        return self.size - len(self._threads)

    @property
    def busy(self) -> bool:
        """Also while dropped runs are still ending."""
        return bool(self._threads)

    def start(self, run: Run) -> None:
        if self._pool is None:
            self._pool = self._stack.enter_context(Pool(self._repo, self.size))
            self._stack.callback(self._stop)
        check = Check(run.commit, self._command, self._limit)
        thread = threading.Thread(target=self._work, args=(run, check, self._pool), daemon=True)
        self._threads[check] = thread
        self.running[run] = check
        thread.start()

    def next_answer(self) -> tuple[Run, Verdict | None]:
        """Wait for one: None from a run that was dropped. Raises what a run raised."""
        run, check, outcome = self._answers.get()
        self._threads.pop(check).join()
        if self.running.get(run) is check:
            del self.running[run]
        if isinstance(outcome, BaseException):
            raise outcome
        return run, outcome

    def drop(self, idle: Callable[[Run], bool]) -> None:
        """End the runs nobody needs. Their places are free when they have ended."""
        for run in [run for run in self.running if idle(run)]:
            self.running.pop(run).drop()

    def _work(self, run: Run, check: Check, pool: Pool) -> None:
        outcome: Verdict | BaseException | None
        try:
            with pool.one() as scratch:
                outcome = check.run(scratch)
        except BaseException as error:  # raised again where the answers are read
            outcome = error
        self._answers.put((run, check, outcome))

    def _stop(self) -> None:
        for check in self._threads:
            check.drop()
        for thread in self._threads.values():
            thread.join()


def _ends(repo: Repository, good: Sequence[str], bad: str) -> list[End]:
    """The bad end, the good ones, and the merge bases that must be good too."""
    if not good:
        raise BadInput(
            "no commit is named where the command succeeded",
            hint="name one with --good REF; what there is: git tag --sort=-creatordate",
        )
    last = End(repo.commit(bad), bad, good=False)
    firsts = {repo.commit(word): word for word in good}
    bases: dict[str, End] = {}
    for commit, word in firsts.items():
        if commit == last.commit:
            raise BadInput(
                f"{word} and {bad} are the same commit, {commit[:10]}",
                hint="name an older one as good; see: git log --oneline",
            )
        for base in repo.run("merge-base", "--all", commit, last.commit, ok=(0, 1)).lines():
            if base == last.commit:
                raise BadInput(
                    f"{word}, said to be good, comes after {bad}: that is the search for a fix",
                    hint=f"swap them, and turn the command: --bisect '! (COMMAND)' --good {bad} "
                    f"--bad {word}",
                )
            if base not in firsts:
                name = f"the merge base {base[:10]} of {word} and {bad}"
                bases[base] = End(base, name, good=True, base=True)
    return [
        last,
        *(End(commit, word, good=True) for commit, word in firsts.items()),
        *bases.values(),
    ]


def _history(
    repo: Repository, ends: Sequence[End], *, first_parent: bool
) -> dict[str, tuple[str, ...]]:
    """Commit -> all its parents, for what is reachable from the bad end only."""
    options = ["--first-parent"] if first_parent else []
    known = [f"^{end.commit}" for end in ends if end.good]
    listed = repo.run(
        "rev-list", "--topo-order", "--reverse", "--parents", *options, ends[0].commit, *known
    )
    lines = (line.split() for line in listed.lines())
    counted = 1 if first_parent else None
    return {commit: tuple(parents[:counted]) for commit, *parents in lines}
