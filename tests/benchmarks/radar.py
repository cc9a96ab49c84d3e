"""How quick and how right the radar is: python -m tests.benchmarks.radar REPO

Branch sets come from the true merge history of REPO (any clone, bare or not; only read). For
a moment M on its first-parent line, the branches open then are the second parents of later
merges none of whose commits came after M on that line. M is the first moment back from the
newest with enough merges after it. Large projects merge quickly, so few are open at once
(17 of 200 in one of 100,000 commits); the rest are later merges replayed: a merge's own delta,
fork point to tip, as one commit on the mainline up to 300 commits before M, without the files
it no longer applies to. The target is M.

Every verdict is compared in the same run with one `git merge-tree` process for each pair of
the same commits, landed on M in the same way. That loop is one process after the other, and
its time is what "one process per pair" says. `--sample N` runs it for N random pairs only,
scales its time up, and compares all others with one unfiltered batch.

Nothing is written to REPO: a clone that borrows its objects is worked in.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.engine import Comparison, compare, prepare
from gitcoord.conflicts.merging import WHO, landed, merge_all
from gitcoord.git.objects import FILE, Batch, Entry, Reader, graft
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from tests.benchmarks.timing import machine, table

# From the first line of our code in a process that asks for one worktree's pairs.
HOOK = """
import sys, time
began = time.perf_counter()
from gitcoord.conflicts.hooks import clashes_of
if sys.argv[3] == "call":
    began = time.perf_counter()
clashes_of(sys.argv[1], against=sys.argv[2], text_only=sys.argv[3] != "meaning")
print(time.perf_counter() - began)
"""
# All pairs, without what merges as text and breaks in meaning.
AS_TEXT = """
import sys
from pathlib import Path
from gitcoord.conflicts.radar import open_radar
from gitcoord.conflicts.scan import Asked
from gitcoord.git.repository import Repository
repo, asked = Repository.find(Path(sys.argv[1])), Asked((), sys.argv[2], text_only=True)
with open_radar(repo, asked) as radar:
    radar.look()
"""
PROGRAM = Path(sys.executable).with_name("gitcoord")
LOOK_AHEAD = 1500
ROUNDS = 5
LIMITS = {100: "0.25 s, 50x", 200: "0.8 s, 65x"}
CODE = str(Path(tempfile.gettempdir()) / f"gitcoord-benchmark-code-{os.getuid()}")
# Merges after the moment, for each branch wanted: not all of them apply to an older mainline.
AHEAD = (2, 4, 12)


@dataclass(frozen=True)
class Branches:
    """target: M. tips: of the open branches. how: in words."""

    target: str
    tips: list[str]
    how: str


def git(at: Path, *argv: str, text: str = "") -> str:
    done = subprocess.run(["git", *argv], cwd=at, input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"git {argv}: {done.stderr}")
    return done.stdout


def find_branches(at: Path, count: int) -> Branches:
    """As the head of this file says. Raises RuntimeError when the history has too few merges."""
    listed = git(at, "log", "--first-parent", "--format=%H %P", "HEAD").splitlines()
    mainline = [line.split(" ") for line in listed]
    merges = [place for place, one in enumerate(mainline) if len(one) == 3]
    if len(merges) < count + 10:
        raise RuntimeError(f"this history has {len(merges)} merges, too few for {count} branches")
    for ahead in AHEAD:
        back = merges[min(len(merges) // 2, ahead * count)] + 1
        tips = _open_at(at, mainline, back)[:count]
        there = len(tips)
        later = [mainline[place] for place in reversed(merges) if place < back]
        later = [one for one in later if one[2] not in tips and one[1] != one[2]]
        tips += _replayed(at, mainline, back, later[: ahead * count])
        if len(tips) >= count:
            moment = mainline[back][0]
            said = f"{there} open at {moment[:10]}, {count - there} replayed"
            return Branches(moment, tips[:count], said)
    raise RuntimeError(f"only {len(tips)} branches can be made from this history")


def _open_at(at: Path, mainline: Sequence[Sequence[str]], back: int) -> list[str]:
    """Tips merged after the moment, none of whose commits came after it on the mainline."""
    ahead = max(0, back - LOOK_AHEAD)
    span = f"{mainline[back][0]}..{mainline[ahead][0]}"
    parents = {
        commit: rest
        for commit, *rest in (
            line.split(" ") for line in git(at, "rev-list", "--parents", span).splitlines()
        )
    }
    after = {one[0] for one in mainline[ahead:back]}
    tips = [one[2] for one in reversed(mainline[ahead:back]) if len(one) == 3]
    return [tip for tip in tips if tip in parents and _is_apart(tip, parents, after)]


def _is_apart(tip: str, parents: dict[str, list[str]], after: set[str]) -> bool:
    seen, left = {tip}, [tip]
    while left:
        commit = left.pop()
        if commit in after:
            return False
        fresh = [one for one in parents.get(commit, ()) if one in parents and one not in seen]
        seen.update(fresh)
        left += fresh
    return True


def _replayed(
    at: Path, mainline: Sequence[Sequence[str]], back: int, merges: Sequence[Sequence[str]]
) -> list[str]:
    """A branch for each merge whose delta applies to the mainline as it was before M.

    A cherry-pick by made-up commits: the fork point's tree with two children, the trees of
    the merge's tip and of the place to put it.
    """
    rng = random.Random(back)
    repo = Repository.find(at)
    forks = [git(at, "merge-base", one[1], one[2]).split()[0] for one in merges]
    places = [mainline[min(back + rng.randrange(300), len(mainline) - 1)][0] for _ in merges]
    names = [*forks, *places, *(one[2] for one in merges)]
    trees = git(at, "rev-parse", *(f"{name}^{{tree}}" for name in names)).split()
    count = len(merges)
    batch = Batch(repo)
    pairs = []
    for fork, place, tip in zip(
        trees[:count], trees[count : 2 * count], trees[2 * count :], strict=True
    ):
        root = batch.commit(fork, [], "fork", author=WHO)
        pairs.append((
            batch.commit(place, [root], "place", author=WHO),
            batch.commit(tip, [root], "tip", author=WHO),
        ))  # fmt: skip
    batch.write()
    tips = []
    with Reader(repo) as reader:
        answers = merge_all(repo, pairs)
        for merged, place, tree in zip(answers, places, trees[count : 2 * count], strict=True):
            if merged is None:
                continue
            kept = {
                path: Entry(*stages[2]) if 2 in stages else None
                for path, stages in merged.stages.items()
            }
            made = graft(batch, reader, merged.tree, kept) if kept else merged.tree
            if made != tree and (merged.clean or kept):
                tips.append(batch.commit(made, [place], "replayed", author=WHO))
    batch.write()
    return tips


@dataclass
class Row:
    """One set of branches, measured. seconds: each thing. pairs: how many were compared."""

    branches: int
    how: str
    cold: float
    cpu: float
    per_pair: float
    pairs: int
    stale: int
    conflicts: int


def measure(repo: Repository, branches: Branches, sample: int) -> Row:
    """Cold check, best of ROUNDS, and the comparison with a process for each pair."""
    best = cpu = 1e9
    for turn in range(ROUNDS):
        with quarantine(repo) as aside:
            start, used = time.perf_counter(), _cpu()
            found = compare(prepare(aside, branches.target, Cache()), branches.tips)
            conflicts = found.conflicts
            best = min(best, time.perf_counter() - start)
            cpu = min(cpu, _cpu() - used)
            if turn == ROUNDS - 1:
                each, pairs = _pair_by_pair(aside, branches, found, sample)
    stale, count = len(found.stale), len(branches.tips)
    return Row(count, branches.how, best, cpu, each, pairs, stale, len(conflicts))


def _cpu() -> float:
    """Seconds of CPU so far, of this process and of those it waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def _pair_by_pair(
    aside: Repository, branches: Branches, found: Comparison, sample: int
) -> tuple[float, int]:
    """Seconds for all pairs, one process each. Raises AssertionError when a verdict differs."""
    commits = landed(aside, branches.target, found.trees)
    pairs = list(combinations(sorted(commits), 2))
    few = random.Random(1).sample(pairs, sample) if 0 < sample < len(pairs) else pairs
    env = {**os.environ, **dict(aside.overlay)}
    start = time.perf_counter()
    verdicts = {}
    for one, other in few:
        done = subprocess.run(
            ["git", "merge-tree", "--write-tree", "--no-messages", commits[one], commits[other]],
            cwd=aside.home, env=env, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        verdicts[one, other] = done.returncode == 0
    taken = time.perf_counter() - start
    rest = [pair for pair in pairs if pair not in verdicts]
    merged = merge_all(aside, [(commits[one], commits[other]) for one, other in rest])
    verdicts |= {pair: bool(one and one.clean) for pair, one in zip(rest, merged, strict=True)}
    differ = {pair for pair, clean in verdicts.items() if clean == (pair in found.conflicts)}
    assert not differ, f"{len(differ)} verdicts differ: {sorted(differ)[:3]}"
    return taken * len(pairs) / len(few), len(pairs)


@dataclass(frozen=True)
class Taken:
    """One run of a program: seconds on the clock, seconds of CPU with its children's, MB."""

    wall: float
    cpu: float
    peak_mb: float


def whole_processes(at: Path, branches: Branches) -> list[list[str]]:
    """What people and hooks wait for, with a worktree for each branch and a warm cache."""
    for number, tip in enumerate(branches.tips):
        place = at.parent / f"w{number}"
        git(at, "worktree", "add", "-q", "--no-checkout", "--detach", str(place), tip)
    words = ["-C", str(at), "conflicts", "--committed-only", "--against", branches.target, "-q"]
    first = _run(words, 1)
    warm = _run(words, 7)
    count = len(branches.tips)
    place = at.parent / "w0"
    news: dict[str, list[Taken]] = {"whole": [], "text": [], "call": [], "meaning": []}
    hook = [sys.executable, "-c", HOOK, str(place), branches.target]
    for number in range(5):
        for how, taken in news.items():
            tip = git(place, "rev-parse", "HEAD").strip()
            git(place, "update-ref", "HEAD", _edited(at, tip, number))
            _run(words, 1) if how == "whole" else None
            tip = git(place, "rev-parse", "HEAD").strip()
            git(place, "update-ref", "HEAD", _edited(at, tip, number + 100))
            if how == "whole":
                taken.append(_run(words, 1))
            else:
                taken.append(_once([*hook, how], tells=True))
    text, call, meaning, whole = (_least(news[how]) for how in ("text", "call", "meaning", "whole"))
    return [
        [f"{count}, nothing changed, whole process", *_shown(warm), "120 ms"],
        [f"one new commit among {count}, in the hook's process", *_shown(text), "60 ms"],
        ["of that the call, imports left out", *_shown(call)[:1], "", ""],
        ["the same, with what breaks in meaning", *_shown(meaning), ""],
        [f"one new commit among {count}, all pairs, whole process", *_shown(whole), ""],
        [f"{count} worktrees, cold, meaning included, whole process", *_shown(first), ""],
        [f"peak memory of that, {count} branches", f"{first.peak_mb:.0f} MB", "", "300 MB"],
    ]


def _edited(at: Path, tip: str, number: int) -> str:
    """A commit on `tip` that adds a line to a file of the top folder."""
    repo = Repository.find(at)
    batch = Batch(repo)
    with Reader(repo) as reader:
        top = reader.tree(f"{tip}^{{tree}}")
        name, entry = next(one for one in top.items() if one[1].mode == FILE)
        blob = batch.blob(reader.read(entry.id)[2] + b"line %d\n" % number)
        tree = batch.tree({**top, name: Entry(FILE, blob)})
    made = batch.commit(tree, [tip], "news", author=WHO)
    batch.write()
    return made


def dirty_worktrees(at: Path, target: str, count: int) -> list[list[str]]:
    """Worktrees with 20 files edited and 20 added in each, nothing of them known to us.

    Each index is refreshed once, a second after its files were written, as any `git status` of
    an agent's does: until then every git command reads all files of a fresh checkout.
    """
    names = git(at, "ls-tree", "-r", "--name-only", target).splitlines()
    texts = [name for name in names if name.endswith((".rb", ".py", ".md", ".go", ".c", ".js"))]
    rng = random.Random(7)
    for number in range(count):
        place = at.parent / f"d{number}"
        git(at, "worktree", "add", "-q", "--detach", str(place), target)
        for name in rng.sample(texts, 20):
            with (place / name).open("a") as file:
                file.write(f"edit of {number}\n")
        for extra in range(20):
            (place / f"new-{number}-{extra}.txt").write_text(f"{number} {extra}\n")
    time.sleep(1.1)
    for number in range(count):
        command = ["git", "update-index", "-q", "--refresh"]
        subprocess.run(command, cwd=at.parent / f"d{number}", capture_output=True)
    shutil.rmtree(at / "agentcoord", ignore_errors=True)
    words = ["-C", str(at), "conflicts", "--against", target, "-q"]
    text = _once([sys.executable, "-c", AS_TEXT, str(at), target])
    shutil.rmtree(at / "agentcoord", ignore_errors=True)
    cold = _run(words, 1)
    near = ["conflicts", "near", str(at.parent / "d0" / texts[0])]
    return [
        ["who else is in this file, which lines, whole process", *_shown(_run(near, 15)), "30 ms"],
        [f"{count} dirty worktrees of {len(names)} files, everything cold", *_shown(text),
         "1500 ms"],
        ["the same, meaning included", *_shown(cold), ""],
        ["the same again, nothing changed", *_shown(_run(words, 3)), ""],
        ["an empty Python, for comparison", *_shown(_run([], 15)), ""],
    ]  # fmt: skip


def _run(words: Sequence[str], rounds: int) -> Taken:
    """The least of some runs of gitcoord. No words: an empty Python."""
    command = [str(PROGRAM), *words] if words else [sys.executable, "-I", "-c", "pass"]
    return _least([_once(command) for _ in range(rounds)])


def _least(taken: Sequence[Taken]) -> Taken:
    return Taken(
        min(one.wall for one in taken),
        min(one.cpu for one in taken),
        max(one.peak_mb for one in taken),
    )


def _once(command: Sequence[str], *, tells: bool = False) -> Taken:
    """One run, with byte code kept as for an installed program. tells: the program says how
    long it took, as its last word."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": CODE}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=env
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        out.seek(0)
        if process.returncode not in (0, 1):
            raise RuntimeError(f"{command}: {os.fsdecode(err.read())}")
        if tells:
            wall = float(out.read().split()[-1])
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _shown(taken: Taken) -> list[str]:
    return [f"{taken.wall * 1000:.0f} ms", f"{taken.cpu * 1000:.0f} ms"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", type=Path)
    parser.add_argument("--branches", default="100,200")
    parser.add_argument("--sample", type=int, default=0, metavar="N")
    parser.add_argument("--dirty", type=int, default=50, metavar="N", help="0: leave it out")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder) / "clone"
        git(Path(), "clone", "-q", "--bare", "--shared", str(asked.repository), str(at))
        repo = Repository.find(at)
        rows = []
        for count in asked.branches.split(","):
            branches = find_branches(at, int(count))
            rows.append(measure(repo, branches, asked.sample))
        others = whole_processes(at, branches)
        if asked.dirty:
            for number in range(len(branches.tips)):
                git(at, "worktree", "remove", "--force", str(at.parent / f"w{number}"))
            others += dirty_worktrees(at, branches.target, asked.dirty)
    print(f"{asked.repository}; {machine()}\n")
    cold = [
        [
            f"{row.branches} branches, committed, cold",
            f"{row.cold:.2f} s, {row.per_pair / row.cold:.0f}x", f"{row.cpu:.2f} s",
            LIMITS.get(row.branches, ""),
        ]
        for row in rows
    ]  # fmt: skip
    print(table(["", "measured", "CPU", "limit"], [*cold, *others]))
    print()
    print(_as_table(rows))
    return 0


def _as_table(rows: Sequence[Row]) -> str:
    columns = ["branches", "pairs", "cold", "one process per pair", "stale", "in conflict",
               "how made"]  # fmt: skip
    return table(columns, [
        [
            str(row.branches), str(row.pairs), f"{row.cold:.3f} s", f"{row.per_pair:.1f} s",
            str(row.stale), str(row.conflicts), row.how,
        ]
        for row in rows
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
