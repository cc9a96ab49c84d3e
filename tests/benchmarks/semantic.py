"""How often semantic warnings are false on real merges, and how many seeded breaks are found.

    python tests/benchmarks/semantic.py [--merges N] REPO…

Quiet: every real merge of two parents with one merge base that git merges clean is asked about
as if both parents were live branches on their merge base; people made these merges, so every
warning is counted as false and printed for reading. Found: each seeded break (seeded.py), made
on files of the repositories given and on files written for it.
"""

# ruff: noqa: E402 - see the first lines of code

from __future__ import annotations

import sys
from pathlib import Path

# This folder has a bisect.py: as the first place to look it would hide Python's own.
sys.path[0] = str(Path(__file__).parents[2])

import argparse
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field

from gitcoord.conflicts.merging import WHO, merge_all
from gitcoord.conflicts.semantic.meaning import Meaning
from gitcoord.conflicts.semantic.search import find_all_semantic
from gitcoord.git.objects import FILE, Batch, Entry, Reader, graft
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from gitcoord.git.run import run
from tests.benchmarks.mutating import mutations
from tests.benchmarks.seeded import SEEDS, edited
from tests.benchmarks.timing import machine, table


@dataclass
class Quiet:
    """What was said of one repository's real merges."""

    name: str
    clean: int = 0
    warned: list[tuple[str, list[Meaning]]] = field(default_factory=list)
    seconds: float = 0.0


def real_merges(repo: Repository, most: int) -> list[tuple[str, str, str, str]]:
    """(merge, base, first parent, second parent), spread over the history."""
    said = repo.run("rev-list", "--min-parents=2", "--max-parents=2", "--parents", "HEAD")
    lines = said.lines()
    step = max(1, len(lines) // (most * 2))
    found = []
    for line in lines[::step]:
        merge, one, other = line.split()
        bases = repo.run("merge-base", "--all", one, other, ok=(0, 1)).lines()
        if len(bases) == 1 and bases[0] not in (one, other):
            found.append((merge, bases[0], one, other))
        if len(found) >= most:
            break
    return found


def quiet(path: str, most: int) -> Quiet:
    repo = Repository.find(path)
    found = Quiet(Path(path).parent.name if Path(path).name == "repo" else Path(path).name)
    merges = real_merges(repo, most)
    with quarantine(repo) as aside:
        answers = merge_all(aside, [(one, other) for _, _, one, other in merges])
        for (merge, base, one, other), answer in zip(merges, answers, strict=True):
            if answer is None or not answer.clean:
                continue
            found.clean += 1
            start = time.perf_counter()
            said = find_all_semantic(aside, base, {0: one, 1: other}).get((0, 1), [])
            found.seconds += time.perf_counter() - start
            if said:
                found.warned.append((merge, said))
    return found


@dataclass
class Found:
    """Seeded breaks by kind: how many there were, how many were said to be of that kind."""

    seeded: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def take(self, kind: str, title: str, said: list[Meaning] | None) -> None:
        if said is None:
            return
        self.seeded[kind] += 1
        if any(one.kind == kind for one in said):
            self.said[kind] += 1
        else:
            self.missed.append(f"{kind}: {title} {[one.kind for one in said]}")

    def rows(self, name: str) -> list[list[str]]:
        kinds = [*sorted(self.seeded), ""] if self.seeded else []
        found = []
        for kind in kinds:
            there = self.seeded[kind] if kind else self.seeded.total()
            said = self.said[kind] if kind else self.said.total()
            share = f"{100 * said / max(1, there):.0f} %"
            found.append([name, kind or "all", str(there), str(said), share])
        return found


def seeded(found: Found) -> None:
    """The breaks of seeded.py, in a repository of their own."""
    with tempfile.TemporaryDirectory() as folder:
        run("init", "-q", folder, cwd="/")
        with quarantine(Repository.find(folder)) as aside:
            for seed in SEEDS:
                sides = (edited(seed.files, seed.a), edited(seed.files, seed.b))
                trees = [{path: text.encode() for path, text in one.items()}
                         for one in (seed.files, *sides)]  # fmt: skip
                found.take(seed.kind, seed.title, ask(aside, None, trees))


def mutated(path: str, each: int, found: Found) -> None:
    """Breaks made on the files of a repository."""
    repo = Repository.find(path)
    with quarantine(repo) as aside:
        head = repo.commit("HEAD")
        for one in mutations(repo, each):
            found.take(one.kind, one.title, ask(aside, head, [{}, one.a, one.b]))


def ask(aside: Repository, base: str | None, trees: list[dict[str, bytes]]) -> list[Meaning] | None:
    """What is said of two sides, each given by the files it has other than the base. None when
    they conflict as text."""
    batch = Batch(aside)
    with Reader(aside) as reader:

        def commit(files: dict[str, bytes], parents: list[str]) -> str:
            entries = {path: Entry(FILE, batch.blob(body)) for path, body in files.items()}
            start = f"{parents[0]}^{{tree}}" if parents and base else None
            return batch.commit(graft(batch, reader, start, entries), parents, "x", author=WHO)

        root = base or commit(trees[0], [])
        one, other = commit(trees[1], [root]), commit(trees[2], [root])
        batch.write()
    merged = merge_all(aside, [(one, other)])[0]
    if not (merged and merged.clean):
        return None
    return find_all_semantic(aside, root, {0: one, 1: other}).get((0, 1), [])


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("repos", nargs="*", metavar="REPO")
    words.add_argument("--merges", type=int, default=200, help="of each repository")
    words.add_argument("--each", type=int, default=8, help="breaks of a sort in each repository")
    asked = words.parse_args()
    print(machine())
    rows = []
    for path in asked.repos:
        one = quiet(path, asked.merges)
        for merge, said in one.warned:
            for each in said:
                print(f"{one.name} {merge[:12]} {each.kind} {each.confidence} {each.note}")
                print(f"    {each.a_path}:{each.a_lines[0]}  {each.b_path}:{each.b_lines[0]}")
        share = 100 * len(one.warned) / max(1, one.clean)
        each_ms = 1000 * one.seconds / max(1, one.clean)
        kinds = Counter(each.kind for _, said in one.warned for each in said)
        listed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        rows.append([one.name, str(one.clean), str(len(one.warned)), f"{share:.1f} %",
                     f"{each_ms:.0f} ms", listed])  # fmt: skip
    columns = ["repository", "clean merges", "warned", "share", "a merge", "by kind"]
    print(table(columns, rows))
    found, real = Found(), Found()
    seeded(found)
    for path in asked.repos:
        mutated(path, asked.each, real)
    for missed in (*found.missed, *real.missed):
        print(f"missed {missed}")
    columns = ["seeded", "kind", "breaks", "said", "share"]
    print(table(columns, [*found.rows("written"), *real.rows("on real files")]))


if __name__ == "__main__":
    main()
