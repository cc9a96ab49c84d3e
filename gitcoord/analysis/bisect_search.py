"""What a bisection knows, what follows from it, and what it wants to know next.

Promises: only a commit that was tested and is bad is ever called the first bad one, and the
ones before it are ruled out by good commits after them. A search that is told the verdicts
of an earlier one goes on where that one was.
Refuses: an end that is not what it was said to be. No processes, no files: a value that is
told verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gitcoord.analysis.bisect_check import NOT_RUNNABLE, Answer, Verdict, ending
from gitcoord.analysis.bisect_graph import History, ancestors, choose, others
from gitcoord.errors import BadInput, Problem

Why = Literal["end", "split", "again"]


@dataclass(frozen=True)
class End:
    """A commit that is said to be good or bad. base: a merge base of good and bad, which
    follows from what the user said."""

    commit: str
    word: str
    good: bool
    base: bool = False

    @property
    def name(self) -> str:
        return self.word if self.word == self.commit else f"{self.word} ({self.commit[:10]})"


@dataclass(frozen=True)
class Run:
    """A test to start, or under way. why: it is an end, it splits what is left, or it is the
    result once more."""

    commit: str
    why: Why


@dataclass(frozen=True)
class Doubt:
    """What speaks against the result. kind: a second run that gave another answer, or a merge
    base that could not be tested."""

    kind: Literal["contradiction", "base"]
    text: str


@dataclass
class Search:
    """ends: the bad one first. history: all that can be the first bad commit, with all parents.

    left: what of it still can; `bad`, known to be bad, is the last of them.
    """

    ends: Sequence[End]
    history: History
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    again: dict[str, Verdict] = field(default_factory=dict)
    confirm: bool = True
    doubts: list[Doubt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bad = self.ends[0].commit
        self.left: History = self.history
        self.skipped: set[str] = set()
        for end in self.ends:
            # What is remembered of an end and contradicts the user is tested once more.
            known = self.verdicts.get(end.commit)
            if known and not _fits(end, known):
                del self.verdicts[end.commit]
        self._settle()

    def take(self, run: Run, verdict: Verdict) -> None:
        """A new verdict. Raises BadInput when an end is not what it was said to be, Problem
        when the command crashed."""
        if run.why == "again":
            self.again[run.commit] = verdict
            return
        if verdict.answer == "none":
            raise _crashed(verdict)
        for end in self.ends:
            if end.commit == run.commit and not _fits(end, verdict):
                raise _contradicted(end, verdict)
            if end.commit == run.commit and end.base and verdict.answer != "good":
                self.doubts.append(Doubt("base", f"{end.name} could not be tested"))
        self.verdicts[run.commit] = verdict
        self._settle()

    def wanted(self, free: int, running: Collection[Run]) -> list[Run]:
        """Up to `free` runs to start now: the ends first, then what splits the rest best, and
        where nothing is left to split, the result once more."""
        under_way = {run.commit for run in running if run.why != "again"}
        ends = [end.commit for end in self.ends if end.commit not in self.verdicts]
        found = [Run(commit, "end") for commit in ends if commit not in under_way][:free]
        splitting = [commit for commit in under_way if commit in self.left and commit != self.bad]
        splits = choose(self.left, free - len(found), running=splitting, skipped=self.skipped)
        found += [Run(commit, "split") for commit in splits]
        if not ends:
            more = [Run(one, "again") for one in self._result() if one not in self.again]
            found += [run for run in more if run not in running][: free - len(found)]
        return found

    def is_idle(self, run: Run) -> bool:
        """Whether the answer of a run cannot matter any more."""
        if run.why == "end":
            return False
        if run.why == "again":
            return run.commit not in self._result()
        return run.commit not in self.left or run.commit == self.bad

    def rounds(self, workers: int) -> int:
        """About how many rounds of tests are still to come."""
        return math.ceil(math.log(len(self.left), workers + 1))

    def contradictions(self) -> Iterator[Doubt]:
        """What the second look at the result saw otherwise."""
        for commit in self._result():
            seen = self.again.get(commit)
            if seen is None or self._meaning(seen) == ("bad" if commit == self.bad else "good"):
                continue
            how = ending(seen.code) if seen.code is not None else "no end in time"
            first = "failed at first" if commit == self.bad else "succeeded at first"
            if commit not in self.verdicts:
                first = "is older than a good commit"
            yield Doubt("contradiction", f"{commit[:10]} {first}, then gave {how}")

    def _settle(self) -> None:
        """Draw the conclusions from all verdicts. One of a commit that is out of the question
        already changes nothing."""
        for commit, verdict in self.verdicts.items():
            if commit not in self.left or commit == self.bad:
                continue
            match self._meaning(verdict):
                case "good":
                    self.left = others(self.left, commit)
                case "bad":
                    self.left, self.bad = ancestors(self.left, commit), commit
                case "skipped":
                    self.skipped.add(commit)

    def _result(self) -> list[str]:
        """The first bad commit as far as known, and its parents that are good as far as known."""
        if not self.confirm:
            return []
        return [self.bad, *(one for one in self.history[self.bad] if one not in self.left)]

    def _meaning(self, verdict: Verdict) -> Answer | None:
        """None while it cannot be told: what a late run means hangs on the bad end."""
        if verdict.answer != "late":
            return verdict.answer
        end = self.verdicts.get(self.ends[0].commit)
        if end is None:
            return None
        return "bad" if end.answer == "late" else "skipped"


def _fits(end: End, verdict: Verdict) -> bool:
    if end.good:
        untestable = end.base and verdict.answer in ("skipped", "late")
        return verdict.answer == "good" or untestable
    return verdict.answer in ("bad", "late")


def _crashed(verdict: Verdict) -> Problem:
    assert verdict.code is not None
    return Problem(
        f"the command ended with {ending(verdict.code)} at {verdict.commit[:10]}, which says "
        f"neither good nor bad",
        hint="if a crash is the bug, say so: --bisect '(COMMAND) || exit 1'",
    )


def _contradicted(end: End, verdict: Verdict) -> BadInput:
    """What is wrong when an end does not give the verdict it should."""
    if verdict.answer == "skipped":
        return BadInput(
            f"the command says of {end.name} that it cannot be tested (exit code 125)",
            hint="name a commit that can be: --good REF, --bad REF",
        )
    if verdict.answer == "late":
        return BadInput(
            f"the command did not end within {verdict.limit:g} s at {end.name}, said to be good",
            hint="give it more time, or name another commit: --good REF",
        )
    if not end.good:
        return BadInput(
            f"the command succeeds at {end.name}, said to be bad: there is nothing to find",
            hint="name a commit where it fails (only what is committed counts): --bad REF",
        )
    said = f"({ending(verdict.code or 0)}): {_last_line(verdict)}"
    if end.base:
        return BadInput(
            f"the command fails at {end.name} already {said}",
            hint="the good side was mended since; name a good commit that is older than that: "
            f"git log {end.commit[:10]}",
        )
    if verdict.code in NOT_RUNNABLE:
        return BadInput(
            f"the command could not be run at {end.name} {said}",
            hint="it runs where only committed files are, so name others by their full path: "
            "--bisect /path/to/check.sh",
        )
    return BadInput(
        f"the command fails at {end.name}, said to be good {said}",
        hint="name a commit where it succeeds, without ignored or untracked files: --good REF",
    )


def _last_line(verdict: Verdict) -> str:
    lines = [line.strip() for line in verdict.tail.splitlines()]
    return next((line[:200] for line in reversed(lines) if line), "it printed nothing")
