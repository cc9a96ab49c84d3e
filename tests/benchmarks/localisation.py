"""How often the files that a real fix changed are found from its subject line alone.

    python -m tests.benchmarks.localisation REPO [REPO …] [--fixes 50] [--seed 1]

Read only: no checkout is touched, nothing is written. For each fix the question is the
subject; files and history are those of its parent, so nothing that came later is visible.

A fix is a commit with one parent, whose subject says fix, bug, regression or crash, that
changed 1 to MOST source files which its parent has, and with at least OLDEST commits before it
by date. They are drawn at random, by `--seed`. The truth is all the source files it changed:
source is what `kind_of` calls source or example, so no tests, docs, settings, vendored code.

Three rankings of the same files, ties at their mean rank:
gitcoord: `rank_files`.
bm25: Okapi BM25 (k1 = 1.2, b = 0.75) over contents; tokens are runs of [a-z0-9_] of the text in
lower case; the query is all tokens of the subject.
grep: the number of lines that `git grep -ciF` finds for the words and names of the question.

The main table ranks source files only. What knowing tests and docs by their names adds is kept
apart: the second ranks every text file, and there the same lists lose against it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gitcoord.analysis.corpus import Corpus, read_corpus
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.localise import rank_files
from gitcoord.analysis.question import parse_question
from gitcoord.git.history import Commit, list_commits
from gitcoord.git.repository import Repository
from tests.benchmarks.timing import machine, table

MOST, OLDEST = 10, 100
RANKERS = ("gitcoord", "bm25", "grep")
_FIX = re.compile(
    r"\b(?:fix(?:e[sd]|ing)?|bugs?|bug-?fix(?:es)?|hotfix|regressions?|crash(?:e[sd])?)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(rb"[a-z0-9_]+")


@dataclass(frozen=True)
class Fix:
    subject: str
    parent: str
    changed: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("repos", nargs="+")
    parser.add_argument("--fixes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--alone", nargs=2, metavar=("COMMIT", "SUBJECT"), help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    if asked.alone:
        print(json.dumps(_rank_alone(asked.repos[0], *asked.alone)))
        return
    print(f"{machine()}, seed {asked.seed}")
    totals: dict[str, dict[str, list[float]]] = {}
    for folder in asked.repos:
        for scope, ranks in measure(Repository.find(folder), asked.fixes, asked.seed).items():
            for ranker, values in ranks.items():
                totals.setdefault(scope, {}).setdefault(ranker, []).extend(values)
    if len(asked.repos) > 1:
        show("all repositories", totals)


def measure(repo: Repository, count: int, seed: int) -> dict[str, dict[str, list[float]]]:
    """Scope ("source files", "all files") -> ranker -> rank of the best true file, per fix."""
    began = time.perf_counter()
    cache: dict[str, bytes] = {}
    tokens: dict[str, Counter[bytes]] = {}
    ranks: dict[str, dict[str, list[float]]] = {}
    last, paths = None, 0
    for fix, corpus in islice(_readable(repo, fixes(repo, seed), cache), count):
        truth = {path for path in fix.changed if path in corpus.blobs}
        scores = _scores(repo, fix, corpus, tokens)
        sources = {path for path in scores["bm25"] if is_source(path)}
        for scope, files in (("source files", sources), ("all files", set(scores["bm25"]))):
            ranked = ranks.setdefault(scope, {ranker: [] for ranker in RANKERS})
            again = bm25(fix.subject, corpus, files, tokens) if scope == "source files" else None
            for ranker in RANKERS:
                values = again if again and ranker == "bm25" else scores[ranker]
                ranked[ranker].append(rank(values, files, truth))
        last, paths = fix, len(corpus.blobs)
    if last is None:
        print(f"\n{repo.common_dir}: no fixes to measure")
        return {}
    name = _name(repo)
    commits = repo.run("rev-list", "--count", "HEAD").text
    show(f"{name}: {paths:,} files, {commits} commits", ranks)
    alone = _in_own_process(repo, last)
    print(
        f"one question at HEAD, in a process of its own: {alone['seconds']:.2f} s, "
        f"{alone['peak']:.0f} MB; this table: {time.perf_counter() - began:.0f} s"
    )
    return ranks


def fixes(repo: Repository, seed: int) -> Iterator[Fix]:
    """The fixes of the whole history of HEAD, in an order drawn by `seed`."""
    commits = list(list_commits(repo, repo.commit("HEAD")))
    pool = [_fix(commit) for commit in commits[: max(0, len(commits) - OLDEST)] if _is_fix(commit)]
    random.Random(seed).shuffle(pool)
    yield from pool


def _is_fix(commit: Commit) -> bool:
    changed = sum(map(is_source, commit.paths))
    return len(commit.parents) == 1 and bool(_FIX.search(commit.subject)) and 1 <= changed <= MOST


def _fix(commit: Commit) -> Fix:
    return Fix(commit.subject, commit.parents[0], tuple(filter(is_source, commit.paths)))


def _readable(
    repo: Repository, pool: Iterator[Fix], cache: dict[str, bytes]
) -> Iterator[tuple[Fix, Corpus]]:
    """The fixes of which at least one file is there, as text, before it was fixed."""
    for fix in pool:
        corpus = read_corpus(repo, fix.parent, cache=cache)
        there = tuple(path for path, _ in corpus.texts(fix.changed))
        if there:
            yield Fix(fix.subject, fix.parent, there), corpus


def is_source(path: str) -> bool:
    return kind_of(path) in (Kind.SOURCE, Kind.EXAMPLE)


def _scores(
    repo: Repository, fix: Fix, corpus: Corpus, tokens: dict[str, Counter[bytes]]
) -> dict[str, dict[str, float]]:
    files = [path for path, _ in corpus.texts()]
    suspects = rank_files(
        repo, parse_question(fix.subject), at=fix.parent, limit=len(files), corpus=corpus
    )
    return {
        "gitcoord": {suspect.name: suspect.score for suspect in suspects},
        "bm25": bm25(fix.subject, corpus, files, tokens),
        "grep": grep(repo, fix, files),
    }


def bm25(
    subject: str, corpus: Corpus, files: Collection[str], tokens: dict[str, Counter[bytes]]
) -> dict[str, float]:
    """Plain Okapi BM25. tokens: counts by object id, kept between calls."""
    counts = {path: _counted(corpus, path, tokens) for path in files}
    lengths = {path: counts[path].total() for path in files}
    average = sum(lengths.values()) / max(1, len(files)) or 1
    scores = dict.fromkeys(files, 0.0)
    for token in _TOKEN.findall(subject.lower().encode("utf-8", "surrogateescape")):
        having = [path for path in files if token in counts[path]]
        rarity = math.log(1 + (len(files) - len(having) + 0.5) / (len(having) + 0.5))
        for path in having:
            times = counts[path][token]
            norm = 1.2 * (0.25 + 0.75 * lengths[path] / average)
            scores[path] += rarity * times * 2.2 / (times + norm)
    return scores


def _counted(corpus: Corpus, path: str, tokens: dict[str, Counter[bytes]]) -> Counter[bytes]:
    oid = corpus.blobs[path].id
    if oid not in tokens:
        tokens[oid] = Counter(_TOKEN.findall((corpus.read(path) or b"").lower()))
    return tokens[oid]


def grep(repo: Repository, fix: Fix, files: Sequence[str]) -> dict[str, float]:
    """Lines that hold any of the question's words or names, per file."""
    question = parse_question(fix.subject)
    words = [word for word in (*question.words, *question.identifiers) if "\n" not in word]
    scores = dict.fromkeys(files, 0.0)
    if words:
        asked = [part for word in words for part in ("-e", word)]
        said = repo.run("grep", "-c", "-z", "-I", "-i", "-F", *asked, fix.parent, ok=(0, 1))
        for line in os.fsdecode(said.out).split("\n"):
            place, _, times = line.partition("\0")
            path = place.partition(":")[2]
            if path in scores:
                scores[path] = float(times)
    return scores


def rank(scores: Mapping[str, float], files: Collection[str], truth: Collection[str]) -> float:
    """The mean rank, from 1, that the best true file has among the files tied with it."""
    best = max(scores.get(path, -math.inf) for path in truth)
    above = sum(scores.get(path, -math.inf) > best for path in files)
    tied = sum(scores.get(path, -math.inf) == best for path in files if path not in truth)
    return 1 + above + tied / 2


def show(title: str, ranks: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    for scope, rankers in ranks.items():
        print(f"\n{title}; {len(rankers['bm25'])} fixes, {scope}")
        plain = _mrr(rankers["bm25"])
        rows = [
            [
                ranker,
                *(f"{sum(one <= top for one in values) / len(values):.2f}" for top in (1, 5, 10)),
                f"{_mrr(values):.3f}",
                f"{_mrr(values) / plain:.2f}x" if plain else "-",
            ]
            for ranker, values in rankers.items()
        ]
        print(table(["", "Top-1", "Top-5", "Top-10", "MRR", "to bm25"], rows))
    sys.stdout.flush()


def _mrr(ranks: Sequence[float]) -> float:
    return sum(1 / one for one in ranks) / len(ranks)


def _name(repo: Repository) -> str:
    folder = repo.top or (
        repo.common_dir.parent if repo.common_dir.name in (".git", "repo") else repo.common_dir
    )
    return folder.name


def _in_own_process(repo: Repository, fix: Fix) -> dict[str, float]:
    argv = [sys.executable, "-m", "tests.benchmarks.localisation", str(repo.home)]
    done = subprocess.run([*argv, "--alone", "HEAD", fix.subject], capture_output=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _rank_alone(folder: str, commit: str, subject: str) -> dict[str, float]:
    """Seconds and megabytes of one ranking from nothing."""
    began = time.perf_counter()
    rank_files(Repository.find(folder), parse_question(subject), at=commit)
    return {"seconds": time.perf_counter() - began, "peak": _peak()}


def _peak() -> float:
    """The most memory this process had. Linux hands ru_maxrss on to a started program, so there
    the kernel's own mark is read."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
