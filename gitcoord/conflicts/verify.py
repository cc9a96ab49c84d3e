"""What the user's own command says of merged trees: the last word on whether sides fit.

Promises: the command runs in scratch worktrees, several at once, with no input and no terminal;
when its time is up, all it started is ended. A verdict is kept by tree and command, so the same
result of a merge is never run twice. `breaks` is said only where the target alone and each side
alone pass, and the merge fails twice.
Refuses: to read a crash, a signal, exit code 125 to 127 or a timeout as an answer, and to run a
command on sides that do not merge clean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from gitcoord.analysis.bisect_check import NOT_RUNNABLE, Check, Verdict, ending
from gitcoord.analysis.bisect_memory import Memory
from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.engine import prepare
from gitcoord.conflicts.merging import landed, merge_all
from gitcoord.git.objects import Reader
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Pool
from gitcoord.process import cores

# Verdicts of one command: a log is up to 256 KB.
_MOST_KEPT = 400
PASSED, FAILED, UNKNOWN = "passed", "failed", "unknown"

Set = tuple[int, ...]


@dataclass(frozen=True)
class Answer:
    """What the command said of one tree. result: passed, failed, unknown. reason: in words.
    tail: the end of its output, printable. known: from an earlier run."""

    tree: str
    result: str
    reason: str = ""
    seconds: float = 0.0
    tail: str = ""
    known: bool = False


@dataclass(frozen=True)
class Verified:
    """One set of sides on the target. merged: of all of them together; its tree is "" where
    they do not merge clean. target, sides: of what it was made from, asked only when the merge
    failed.

    breaks: only together. verdict: passed, `breaks together`, `was broken` (by the target or a
    side alone), unknown, conflict.
    """

    sides: Set
    merged: Answer
    target: Answer | None = None
    alone: Mapping[int, Answer] | None = None
    verdict: str = UNKNOWN

    @property
    def breaks(self) -> bool:
        return self.verdict == "breaks together"


Progress = Callable[[Answer], None]


def verify_pairs(
    repo: Repository,
    target: str,
    sides: Mapping[int, str],
    sets: Sequence[Set],
    command: str,
    *,
    workers: int | None = None,
    timeout: float | None = 600.0,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> list[Verified]:
    """Run `sh -c command` on the merge of each set of sides; the answers, in the order of `sets`.

    target: a commit. sides: number -> commit or tree as it lands on the target. sets: of two or
    more numbers. workers: at once, the number of cores by default. timeout: seconds for a run.
    cache_dir: `.git/agentcoord/verify` by default.
    """
    folder = cache_dir or repo.own_dir / "verify"
    memory = Memory(folder, command)
    with quarantine(repo) as aside:
        trees = _merged_trees(aside, target, sides, sets)
        with Reader(aside) as reader:
            base = reader.read(f"{target}^{{tree}}")[0]
            alone = {number: reader.read(f"{name}^{{tree}}")[0] for number, name in sides.items()}
        with _Bench(aside, memory, command, workers or cores(), timeout, progress) as bench:
            answers = bench.ask([tree for tree in trees if tree], again=True)
            failed = [one for one, tree in zip(sets, trees, strict=True)
                      if tree and answers[tree].result == FAILED]  # fmt: skip
            wanted = [base] if failed else []
            wanted += [alone[number] for one in failed for number in one]
            answers |= bench.ask(wanted)
    _forget_old(memory.folder)
    return [
        _verified(one, tree, base, alone, answers) for one, tree in zip(sets, trees, strict=True)
    ]


def _forget_old(folder: Path) -> None:
    """Keep the newest verdicts, and their logs."""
    with suppress(OSError):
        kept = sorted(folder.glob("*.toml"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_MOST_KEPT]:
            path.unlink(missing_ok=True)
            path.with_suffix(".log").unlink(missing_ok=True)


def _verified(
    one: Set, tree: str, base: str, alone: Mapping[int, str], answers: Mapping[str, Answer]
) -> Verified:
    if not tree:
        said = Answer("", UNKNOWN, "they do not merge clean, so there is nothing to run it on")
        return Verified(one, said, verdict="conflict")
    merged = answers[tree]
    if merged.result != FAILED:
        return Verified(one, merged, verdict=merged.result)
    target = answers[base]
    sides = {number: answers[alone[number]] for number in one}
    results = {target.result, *(answer.result for answer in sides.values())}
    if FAILED in results:
        verdict = "was broken"
    else:
        verdict = UNKNOWN if UNKNOWN in results else "breaks together"
    return Verified(one, merged, target, sides, verdict)


def _merged_trees(
    aside: Repository, target: str, sides: Mapping[int, str], sets: Sequence[Set]
) -> list[str]:
    """The tree of each set merged one after the other, "" where that is not clean."""
    commits = _landed(aside, target, dict(sides))
    done = [commits[one[0]] for one in sets]
    left = [list(one[1:]) for one in sets]
    bench = prepare(aside, target, Cache()).bench
    while any(left):
        turn = [place for place, rest in enumerate(left) if rest and done[place]]
        pairs = [(done[place], commits[left[place][0]]) for place in turn]
        merged = merge_all(bench, pairs)
        clean = {
            place: answer.tree
            for place, answer in zip(turn, merged, strict=True)
            if answer is not None and answer.clean
        }
        made = landed(aside, target, clean)
        for place in range(len(left)):
            done[place] = made.get(place, "") if place in turn else done[place]
            left[place] = left[place][1:] if done[place] else []
    with Reader(aside) as reader:
        return [reader.read(f"{one}^{{tree}}")[0] if one else "" for one in done]


def _landed(aside: Repository, target: str, names: Mapping[int, str]) -> dict[int, str]:
    with Reader(aside) as reader:
        trees = {number: reader.read(f"{name}^{{tree}}")[0] for number, name in names.items()}
    return landed(aside, target, trees)


class _Bench:
    """Scratch worktrees, and what is known already. Use it in a `with`."""

    def __init__(
        self,
        aside: Repository,
        memory: Memory,
        command: str,
        workers: int,
        timeout: float | None,
        progress: Progress | None,
    ) -> None:
        self._aside = aside
        self._memory = memory
        self._command = command
        self._workers = max(1, workers)
        self._timeout = timeout
        self._progress = progress
        self._pool: Pool | None = None
        self._known = memory.known(timeout)
        self._again = memory.known(timeout, again=True)

    def __enter__(self) -> _Bench:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()

    def ask(self, trees: Sequence[str], *, again: bool = False) -> dict[str, Answer]:
        """What the command says of each tree. again: a failure is run once more."""
        order = list(dict.fromkeys(trees))
        missing = [tree for tree in order if self._is_missing(tree, again=again)]
        if missing:
            self._pool = self._pool or Pool(self._aside, min(self._workers, len(missing)))
            with ThreadPoolExecutor(len(self._pool.scratches)) as threads:
                fresh = dict(
                    zip(missing, threads.map(lambda tree: self._run(tree, again), missing),
                        strict=True)
                )  # fmt: skip
        else:
            fresh = {}
        return {
            tree: fresh.get(tree) or replace(self._judge(tree, again=again), known=True)
            for tree in order
        }

    def _is_missing(self, tree: str, *, again: bool) -> bool:
        first = self._known.get(tree)
        failed = first is not None and first.answer == "bad"
        return (
            first is None
            or first.answer in ("late", "none")
            or (again and failed and tree not in self._again)
        )

    def _run(self, tree: str, again: bool) -> Answer:
        if self._known.get(tree) is None or self._known[tree].answer != "bad":
            self._known[tree] = self._once(tree)
            self._memory.keep(self._known[tree])
        if again and self._known[tree].answer == "bad":
            self._again[tree] = self._once(tree)
            self._memory.keep(self._again[tree], again=True)
        said = self._judge(tree, again=again)
        if self._progress:
            self._progress(said)
        return said

    def _once(self, tree: str) -> Verdict:
        assert self._pool is not None
        with self._pool.one() as scratch:
            verdict = Check(tree, self._command, self._timeout).run(scratch)
        assert verdict is not None, "nobody drops these runs"
        return verdict

    def _judge(self, tree: str, *, again: bool) -> Answer:
        first = self._known[tree]
        second = self._again.get(tree) if again else None
        if second is not None and second.answer != first.answer:
            return Answer(tree, UNKNOWN, "two runs gave two answers", first.seconds, first.tail)
        result, reason = _read(first)
        return Answer(tree, result, reason, first.seconds, first.tail)


def _read(verdict: Verdict) -> tuple[str, str]:
    code = verdict.code
    if verdict.answer == "late":
        return UNKNOWN, f"not done after {verdict.limit:g} s"
    if verdict.answer == "good":
        return PASSED, ""
    said = ending(code) if code is not None else "it was ended"
    if verdict.answer == "bad" and code not in NOT_RUNNABLE:
        return FAILED, said
    return UNKNOWN, f"the command could not be run: {said}" if code in NOT_RUNNABLE else said
