"""How often the researcher's suspect commits are the ones that wrote the fault.

    python -m tests.benchmarks.suspect_commits REPOSITORY… [--fixes 40]

For real fix commits of a repository the question is the commit's subject, asked at its parent;
later history is not visible. The truth, after Śliwerski, Zimmermann and Zeller ("When do
changes induce fixes?", 2005): the commits that last touched the lines of source files which
the fix changed or took out; blank and comment lines left out. Compared with the five newest
commits of the file that is ranked first.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitcoord.analysis.corpus import read_corpus
from gitcoord.analysis.history import research
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.localise import rank_files
from gitcoord.analysis.past import read_past
from gitcoord.analysis.question import parse_question
from gitcoord.git.blame import blame_lines
from gitcoord.git.history import Commit, list_commits
from gitcoord.git.patches import list_patches
from gitcoord.git.repository import Repository

_FIX = re.compile(
    r"\b(?:fix(?:e[sd])?|bug|crash|error|incorrect|wrong|broken|regression|leak|race|fail\w*|handle"
    r"|prevent|avoid|allow)\b",
    re.IGNORECASE,
)
_NO_FIX = re.compile(
    r"\b(?:typos?|docs?|documentation|tests?|lint|flake8|mypy|typing|ci|readme|changelog|merge"
    r"|spelling|version|release|build|link)\b",
    re.IGNORECASE,
)
_NO_CODE = re.compile(r"\s*(?:#|//|\*|/\*|$)")


@dataclass(frozen=True)
class Fix:
    commit: Commit
    truth: frozenset[str]


def fixes(repo: Repository, most: int) -> list[Fix]:
    """Up to `most` fixes, spread evenly over the newer nine tenths of the history."""
    commits = list(list_commits(repo, repo.commit("HEAD")))
    wanted = [commit for commit in commits[: len(commits) * 9 // 10] if is_fix(commit)]
    found: list[Fix] = []
    for commit in wanted[:: max(1, len(wanted) // (2 * most))]:
        truth = inducing(repo, commit)
        if truth and len(found) < most:
            found.append(Fix(commit, truth))
    return found


def is_fix(commit: Commit) -> bool:
    sources = [path for path in commit.paths if kind_of(path) is Kind.SOURCE]
    return (
        len(commit.parents) == 1
        and 1 <= len(sources) <= 5
        and len(commit.subject.split()) >= 4
        and bool(_FIX.search(commit.subject))
        and not _NO_FIX.search(commit.subject)
    )


def inducing(repo: Repository, fix: Commit) -> frozenset[str]:
    """The commits that last touched the lines which the fix changed; none for a rewrite."""
    lines: dict[str, list[int]] = {}
    for hunk in next(list_patches(repo, fix.id, limit=1)).hunks:
        if hunk.old and kind_of(hunk.old) is Kind.SOURCE:
            numbered = enumerate(hunk.removed, hunk.old_start)
            kept = [number for number, line in numbered if not _NO_CODE.match(line)]
            lines.setdefault(hunk.old, []).extend(kept)
    if sum(map(len, lines.values())) > 120:
        return frozenset()
    return frozenset(
        blamed.commit
        for path, numbers in lines.items()
        if numbers
        for blamed in blame_lines(repo, fix.parents[0], path, [(one, one) for one in numbers])
    )


def ranks(repo: Repository, fix: Fix) -> tuple[int, int, float]:
    """(rank of the first true suspect, the same for the newest commits, seconds); 99: none."""
    question = parse_question(fix.commit.subject)
    at = fix.commit.parents[0]
    corpus, past = read_corpus(repo, at), read_past(repo, at)
    files = rank_files(repo, question, at=at, limit=10, corpus=corpus, commits=past.commits)
    begun = time.perf_counter()
    findings = research(repo, question, files, at=at, past=past, corpus=corpus)
    seconds = time.perf_counter() - begun
    named = [one.name for finding in findings[:1] for one in finding.commits]
    newest = [one.id for one in past.by_path.get(files[0].name, [])[:10]] if files else []
    return first(named, fix), first(newest, fix), seconds


def first(named: list[str], fix: Fix) -> int:
    return next((rank for rank, oid in enumerate(named, 1) if oid in fix.truth), 99)


def table(name: str, got: list[tuple[int, int, float]]) -> Iterator[str]:
    for what, column in (("suspects", 0), ("newest of first file", 1)):
        rank = [row[column] for row in got]
        tops = "  ".join(
            f"Top-{k} {sum(one <= k for one in rank) / len(rank):.2f}" for k in (1, 5, 10)
        )
        mrr = sum(1 / one for one in rank if one < 99) / len(rank)
        yield f"{name:24} {what:22} {tops}  MRR {mrr:.2f}  n={len(rank)}"
    yield f"{name:24} research takes {sorted(row[2] for row in got)[len(got) // 2]:.2f} s (median)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="+", type=Path)
    parser.add_argument("--fixes", type=int, default=40)
    asked = parser.parse_args()
    everything: list[tuple[int, int, float]] = []
    for path in asked.repositories:
        repo = Repository.find(path)
        got = [ranks(repo, fix) for fix in fixes(repo, asked.fixes)]
        if got:
            everything += got
            print("\n".join(table(path.resolve().name, got)), flush=True)
    if everything:
        print("\n".join(table("all", everything)))


if __name__ == "__main__":
    main()
