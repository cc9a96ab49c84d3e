"""The checks of a train at work: several stacks at once, each in a scratch worktree of its own.

Promises: when the train ends, however it ends, so do its checks, and all they started. A tree
that was found green by the same command before is not checked again. Refuses: to read a command
that cannot be run as an answer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gitcoord.analysis.bisect_check import NOT_RUNNABLE, Check, ending
from gitcoord.analysis.bisect_check import Verdict as Said
from gitcoord.errors import Refused
from gitcoord.git.scratch import Pool
from gitcoord.records import counted, now
from gitcoord.reviews.train.outcomes import Landing
from gitcoord.reviews.train.search import Stack
from gitcoord.reviews.train.stacking import only_one_named
from gitcoord.reviews.verdicts.validator import COMMAND, Validator
from gitcoord.reviews.verdicts.verdict import (
    APPROVED,
    LONGEST_OUTPUT,
    REFUSED,
    Subject,
    Verdict,
    find_verdicts,
    lines,
    verdict_id,
    write_verdict,
)

NAME = "train"
_FRAME_SECONDS = 0.2
_ENDING_SECONDS = 10.0


@dataclass(frozen=True)
class Frame:
    """How things stand. running: each stack's own part, and seconds since it began."""

    target: str
    waiting: int
    landed: int
    suspects: tuple[str, ...]
    named: tuple[str, ...]
    running: tuple[tuple[Stack, float], ...]
    started: int


@dataclass
class _AtWork:
    check: Check
    thread: threading.Thread
    tree: str
    since: str
    began: float


class Checks:
    """The checks of one round. started: begun here. reused: trees known to be green."""

    def __init__(
        self,
        landing: Landing,
        workers: int,
        say: Callable[[str], None],
        show: Callable[[Frame], None],
    ) -> None:
        self.started = self.reused = 0
        self._landing, self._search, self._stacks = landing, landing.search, landing.stacks
        self._how, self._workers = landing.how, workers
        self._say, self._show = say, show
        self._validator = Validator(
            NAME, COMMAND, command=landing.how.command, seconds=landing.how.seconds
        )
        self._at_work: dict[Stack, _AtWork] = {}
        self._ended: queue.SimpleQueue[tuple[Stack, Said | BaseException | None]]
        self._ended = queue.SimpleQueue()
        self._dropped: list[threading.Thread] = []

    def drive(self) -> None:
        """Until all are decided. Raises Moved, Refused, Problem."""
        self._landing.settle()
        with Pool(self._landing.repo, self._workers) as pool:
            try:
                while not self._search.done:
                    self._start(pool)
                    self._landing.settle()
                    if self._at_work:
                        self._wait()
                        self._landing.settle()
            finally:
                self._end_all()

    def _start(self, pool: Pool) -> None:
        """Start what is wanted and not at work, end what is at work and not wanted."""
        changed = False
        while not self._search.done:
            wanted = self._search.wanted(self._workers, list(self._at_work))
            for stack in [one for one in self._at_work if one not in wanted]:
                self._drop(stack)
                changed = True
            fresh = [one for one in wanted if one not in self._at_work]
            if not fresh:
                break
            changed = self._begin(pool, fresh[0]) or changed
        if changed:
            # On record before it begins: whoever kills us is told what was under way.
            self._landing.running(self._running())
        for work in self._at_work.values():
            if work.thread.ident is None:
                work.thread.start()

    def _begin(self, pool: Pool, stack: Stack) -> bool:
        """Whether a check is to start: a misfit is left out, and a green tree known as such."""
        misfit = self._stacks.misfit(stack)
        if misfit is not None:
            self._landing.set_aside(misfit)
            return False
        made = self._stacks.candidate(stack)
        subject = Subject(made.commit, made.tree, "")
        known = find_verdicts(self._landing.repo, subject, [self._validator]).get(NAME)
        if known is not None and known.state == APPROVED and not self._was_red(stack):
            self.reused += 1
            self._answer(stack, made.tree, green=True, said="passed before", output="", reused=True)
            return False
        check = Check(made.commit, self._how.command, float(self._how.seconds))
        thread = threading.Thread(target=self._run, args=(pool, stack, check), daemon=True)
        self._at_work[stack] = _AtWork(check, thread, made.tree, now(), time.monotonic())
        self.started += 1
        self._search.begun()
        return True

    def _was_red(self, stack: Stack) -> bool:
        said = [one for one in self._landing.about["answers"] if one.get("stack") == list(stack)]
        return any(not one["green"] for one in said)

    def _run(self, pool: Pool, stack: Stack, check: Check) -> None:
        try:
            with pool.one() as scratch:
                self._ended.put((stack, check.run(scratch)))
        except BaseException as failure:
            self._ended.put((stack, failure))

    def _wait(self) -> None:
        """Until a check has ended; every moment a frame."""
        while True:
            self._show(self.frame())
            try:
                stack, said = self._ended.get(timeout=_FRAME_SECONDS)
                break
            except queue.Empty:
                continue
        if isinstance(said, BaseException):
            raise said
        work = self._at_work.get(stack)
        if said is not None and work is not None:
            self._take(stack, work, said)

    def _take(self, stack: Stack, work: _AtWork, said: Said) -> None:
        if said.code in NOT_RUNNABLE:
            raise Refused(
                f"the check cannot run: `{self._how.command}` ended with code {said.code}: "
                f"{lines(said.tail, 300)}",
                hint='nobody is blamed for it; mend the command: gitcoord train run --check "CMD"',
            )
        del self._at_work[stack]
        green = said.answer == "good"
        output = lines(said.log.decode("utf-8", "replace"), LONGEST_OUTPUT)
        late = said.answer == "late"
        how = f"ran out of its {self._how.seconds} s" if late else _how(said.code)
        self._keep(stack, work, said, how, output)
        self._say(f"{'green' if green else 'red'} ({said.seconds:.1f} s): {self._about(stack)}")
        self._answer(stack, work.tree, green=green, said=how, output="" if green else output)

    def _answer(
        self, stack: Stack, tree: str, *, green: bool, said: str, output: str, reused: bool = False
    ) -> None:
        answer: dict[str, Any] = {"stack": list(stack), "tree": tree, "green": green, "said": said,
                                  "output": output, "time": now()}  # fmt: skip
        if reused:
            answer["reused"] = True
        self._landing.note(answer, self._running())
        group = stack[len(self._search.landed) :]
        self._search.answer(stack, green=green)
        one = "" if green else only_one_named(self._stacks, stack, group, output)
        if one:
            self._landing.note({"hint": one}, self._running())
            self._search.hint(one)

    def _keep(self, stack: Stack, work: _AtWork, said: Said, how: str, output: str) -> None:
        made = self._stacks.candidate(stack)
        subject = Subject(made.commit, work.tree, "")
        state = APPROVED if said.answer == "good" else REFUSED
        write_verdict(self._landing.repo, Verdict(
            verdict_id(subject, self._validator), state, NAME, COMMAND, self._validator.digest,
            made.commit, work.tree, "", said=how, output=output, seconds=said.seconds,
            time=now(), by="gitcoord", branch=self._landing.target,
        ))  # fmt: skip

    def _drop(self, stack: Stack) -> None:
        work = self._at_work.pop(stack)
        work.check.drop()
        self._dropped.append(work.thread)

    def _end_all(self) -> None:
        for stack in list(self._at_work):
            self._drop(stack)
        for thread in self._dropped:
            if thread.ident is not None:
                thread.join(_ENDING_SECONDS)

    def _running(self) -> list[Mapping[str, Any]]:
        return [
            {"stack": list(stack), "tree": work.tree, "since": work.since}
            for stack, work in self._at_work.items()
        ]

    def _about(self, stack: Stack) -> str:
        group = stack[len(self._landing.landed) :]
        if len(group) < 3:
            return " and ".join(group) or "the target itself"
        return f"{counted(len(group), 'review')}, {group[0]} to {group[-1]}"

    def frame(self) -> Frame:
        """How things stand now."""
        ground, moment = len(self._landing.landed), time.monotonic()
        return Frame(
            self._landing.target,
            len(self._search.queue),
            ground,
            tuple(self._search.suspects),
            tuple(self._search.named),
            tuple((s[ground:], moment - work.began) for s, work in self._at_work.items()),
            self._search.started,
        )


def _how(code: int | None) -> str:
    return "passed" if code == 0 else f"failed with {ending(code or 0)}"
