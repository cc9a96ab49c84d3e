"""Validators at work: on the commit's own tree, in scratch worktrees, several at once.

Promises: a verdict that holds is not worked out again; of two processes that want the same one,
one works and the other waits for it; a verdict is on record as soon as there is one, so being
killed costs those under way and nothing else. What could not be found out is UNKNOWN: a command
that is not there, a full disk, an agent without an answer. Out of time is REFUSED, as a check
that does not end cannot be passed, and the verdict says so.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitcoord.analysis.bisect_check import NOT_RUNNABLE, Check, ending
from gitcoord.errors import Contended, Problem
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Pool, Scratch
from gitcoord.process import Lease, cores, hold
from gitcoord.records import counted, now
from gitcoord.reviews.verdicts.subjects import subject_of as subject_of
from gitcoord.reviews.verdicts.validator import BUILTIN, COMMAND, Validator
from gitcoord.reviews.verdicts.verdict import (
    APPROVED,
    LONGEST_OUTPUT,
    REFUSED,
    UNKNOWN,
    Comment,
    Subject,
    Verdict,
    find_verdicts,
    lines,
    verdict_id,
    write_verdict,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from gitcoord.checks.content import File

_READ_OF_OUTPUT = 1 << 16
_LOOK_SECONDS = 0.02
_LAST_SECONDS = 10.0
# As compilers, linters and pytest name a place: a path without blanks, line, maybe column.
_PLACE = re.compile(r"(?P<path>[^\s:]{1,300}):(?P<line>\d{1,7}):(?:\d{1,5}:)? ?(?P<text>\S.*)")
_LONGEST_LINE, _MOST_PLACES = 1_000, 50
_ALMOST_FULL = 1 << 16  # bytes

Say = Callable[[str, str], None]
"""Called with a validator's name and a line of what it does now, from any thread."""
RoleRunner = Callable[[Validator, Subject], Verdict]


def _quiet(_name: str, _line: str) -> None:
    pass


@dataclass(frozen=True)
class Ran:
    """What a command said. code: negative for a signal, None when we ended it. output: its end,
    without secrets, at most LONGEST_OUTPUT characters. seconds: it took."""

    code: int | None
    output: str
    seconds: float
    timed_out: bool


def run_command(
    scratch: Scratch,
    tree_or_commit: str,
    command: str,
    *,
    parents: Sequence[str] = (),
    seconds: int,
    say: Say = _quiet,
    begun: Callable[[Check], None] | None = None,
) -> Ran:
    """Show the tree in `scratch` and run a shell command there, with no input and no terminal.

    parents: of the commit a bare tree is shown as. begun: is given what ends the command early,
    from any thread, by its `drop`. When it ends, and after `seconds`, all it started is ended
    too. Raises Problem when the disk is full, NoSuch when there is no such tree.
    """
    say(command, "at work")
    check = Check(tree_or_commit, command, float(seconds), parents=parents)
    if begun:
        begun(check)
    said = check.run(scratch)
    if said is None:
        return Ran(None, "", 0.0, timed_out=False)
    text = said.log[-_READ_OF_OUTPUT:].decode("utf-8", "replace").replace("\r\n", "\n")
    output = lines(text.replace("\r", "\n"), LONGEST_OUTPUT)
    return Ran(said.code, output, said.seconds, timed_out=said.answer == "late")


def validate(
    repo: Repository,
    subject: Subject,
    validators: Sequence[Validator],
    *,
    workers: int = 0,
    role: RoleRunner | None = None,
    say: Say = _quiet,
    again: bool = False,
    stop: Callable[[], None] | None = None,
) -> list[Verdict]:
    """The verdict of each validator, in their order: on record already, or worked out now.

    workers: at once, 0 for the number of cores. role: asks an agent. again: also those that are
    on record. UNKNOWN ones are always worked out again. stop: has agents at work end.
    """
    before = find_verdicts(repo, subject, validators)
    fresh = {} if again else {name: one for name, one in before.items() if one.state != UNKNOWN}
    for name in fresh:
        say(name, "as before")
    left = [one for one in validators if one.name not in fresh]
    if left:
        fresh |= _Work(repo, subject, role, say, before, stop).all(left, workers or cores())
    return [fresh[one.name] for one in validators]


@dataclass
class _Work:
    """One call of `validate`. before: the verdicts there were, which are not to be used."""

    repo: Repository
    subject: Subject
    role: RoleRunner | None
    say: Say
    before: dict[str, Verdict]
    stop: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._turn, self._reading = threading.Lock(), threading.Lock()
        self._scratches = 1
        self._checks: list[Check] = []
        self._pool: Pool | None = None

    def all(self, validators: Sequence[Validator], workers: int) -> dict[str, Verdict]:
        """Each in a thread. What ends us early ends all they have started first."""
        from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

        size = min(len(validators), workers)
        self._scratches = min(size, sum(one.kind == COMMAND for one in validators))
        threads = ThreadPoolExecutor(size)
        at_work: dict[str, Future[Verdict]] = {}
        try:
            at_work = {one.name: threads.submit(self._one, one) for one in validators}
            wait(at_work.values(), return_when=FIRST_EXCEPTION)
            return {name: future.result() for name, future in at_work.items()}
        finally:
            if any(not future.done() for future in at_work.values()):
                self._stop()
            threads.shutdown(wait=False, cancel_futures=True)
            wait(at_work.values(), timeout=_LAST_SECONDS)
            if self._pool:
                self._pool.close()

    def _stop(self) -> None:
        self._stopped.set()
        with self._turn:
            for check in self._checks:
                check.drop()
        if self.stop:
            self.stop()

    def _one(self, validator: Validator) -> Verdict:
        lease = self._lease(verdict_id(self.subject, validator))
        with lease:
            there = find_verdicts(self.repo, self.subject, [validator]).get(validator.name)
            if there and there.state != UNKNOWN and there.time != self._time_before(validator):
                self.say(validator.name, "done by another process")
                return there
            self.say(validator.name, "at work")
            begun = time.monotonic()
            verdict = self._asked(validator)
            seconds = verdict.seconds or round(time.monotonic() - begun, 3)
            verdict = replace(verdict, seconds=seconds, time=now())
            if self._stopped.is_set():
                return verdict
            verdict = write_verdict(self.repo, verdict)
            self.say(validator.name, verdict.state)
            return verdict

    def _time_before(self, validator: Validator) -> str:
        before = self.before.get(validator.name)
        return before.time if before else ""

    def _lease(self, verdict: str) -> Lease:
        """Wait for whoever works out the same verdict now."""
        while True:
            try:
                return hold(self.repo.own_dir, f"verdict-{verdict}")
            except Contended:
                if self._stopped.wait(_LOOK_SECONDS):
                    raise

    def _asked(self, validator: Validator) -> Verdict:
        """What the validator says; UNKNOWN, with the reason, when asking it went wrong."""
        try:
            if validator.kind == BUILTIN:
                return self._examined(validator)
            if validator.kind == COMMAND:
                return self._commanded(validator)
            if self.role is None:
                return self._verdict(validator, UNKNOWN, said="nobody is here to ask an agent")
            return self.role(validator, self.subject)
        except Problem as problem:
            hint = f" ({problem.hint})" if problem.hint else ""
            return self._verdict(validator, UNKNOWN, said=f"{problem.message}{hint}")
        except OSError as error:
            return self._verdict(validator, UNKNOWN, said=f"{error.filename}: {error.strerror}")

    def _examined(self, validator: Validator) -> Verdict:
        from gitcoord.checks.content import examine

        with self._reading:
            files = self._files
        remarks = examine(files, largest=validator.largest, only=[validator.name])
        comments = tuple(Comment(one.path, one.line, one.text) for one in remarks)
        said = f"{counted(len(comments), 'remark')}" if comments else "nothing to say"
        return self._verdict(
            validator, REFUSED if comments else APPROVED, said=said, comments=comments
        )

    @cached_property
    def _files(self) -> list[File]:
        from gitcoord.checks.trees import changed_files

        return list(changed_files(self.repo, self.subject.base or None, self.subject.tree))

    def _commanded(self, validator: Validator) -> Verdict:
        with self._turn:
            if self._pool is None:
                self._pool = Scratch.pool(self.repo, self._scratches)
        with self._pool.one() as scratch:
            ran = run_command(
                scratch, self.subject.commit, validator.command,
                seconds=validator.seconds, begun=self._note,
            )  # fmt: skip
            state, said = _judged(ran, validator, scratch.home)
        return self._verdict(
            validator, state, said=said, output="" if state == APPROVED else ran.output,
            seconds=ran.seconds, comments=self._placed(ran.output) if state == REFUSED else (),
        )  # fmt: skip

    def _placed(self, output: str) -> tuple[Comment, ...]:
        """Lines such as `src/a.py:12:4: text`, of files that are in the tree."""
        found = [_PLACE.match(line.strip()[:_LONGEST_LINE]) for line in output.splitlines()]
        listed = [one for one in found if one][:_MOST_PLACES]
        if not listed:
            return ()
        words = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", self.subject.tree)
        there = {*self.repo.run(*words).fields()}
        places = [
            Comment(one["path"].removeprefix("./"), int(one["line"]), one["text"]) for one in listed
        ]
        return tuple(dict.fromkeys(one for one in places if one.path in there))

    def _note(self, check: Check) -> None:
        with self._turn:
            self._checks.append(check)
            if self._stopped.is_set():
                check.drop()

    def _verdict(
        self, validator: Validator, state: str, *, said: str, output: str = "",
        comments: tuple[Comment, ...] = (), seconds: float = 0.0,
    ) -> Verdict:  # fmt: skip
        subject = self.subject
        return Verdict(
            verdict_id(subject, validator), state, validator.name, validator.kind,
            validator.digest, subject.commit, subject.tree, subject.base, comments,
            said=said, output=output, seconds=seconds, by="gitcoord", branch=subject.branch,
        )  # fmt: skip


def _judged(ran: Ran, validator: Validator, home: Path) -> tuple[str, str]:
    """(state, why in a line) of what a command said."""
    if ran.timed_out:
        return REFUSED, f"did not end within {validator.seconds} s, and was ended"
    if ran.code == 0:
        return APPROVED, f"ended well after {ran.seconds:.1f} s"
    if ran.code is None:
        return UNKNOWN, "was ended before it was done"
    if ran.code in NOT_RUNNABLE:
        return UNKNOWN, f"the command cannot be run: {ending(ran.code)}"
    if _is_full(home):
        return UNKNOWN, f"failed with {ending(ran.code)} while the disk was full: {home}"
    return REFUSED, f"failed with {ending(ran.code)} after {ran.seconds:.1f} s"


def _is_full(folder: Path) -> bool:
    with suppress(OSError):
        left = os.statvfs(folder)
        return bool(left.f_blocks) and left.f_bavail * left.f_frsize < _ALMOST_FULL
    return False
