"""How long a bisection takes with 1, 2 and 4 workers, against plain `git bisect run`.

    python -m tests.benchmarks.bisect                        a generated repository
    python -m tests.benchmarks.bisect REPO --good REF --check CMD

Ours tests both ends first and the result once more at the end; `git bisect run` believes the
ends and tests nothing twice. `--bare` leaves the second look out. Both run in the same minute,
git's in a clone, and each figure is the median over the first bad commits given by `--seeds`.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gitcoord.analysis.bisect import bisect
from gitcoord.git.repository import Repository
from gitcoord.git.run import inherited
from gitcoord.process import cores

Case = tuple[Path, str, str, str]


def generate(folder: Path, commits: int, files: int) -> Path:
    """A line of commits, each changing one of `files`; `count` holds the commit's number."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    parts = []
    for at in range(commits):
        parts.append("commit refs/heads/main\ncommitter A <a@example.com> ")
        parts.append(f"{1_700_000_000 + at * 60} +0000\ndata 1\nx\n")
        for file in range(files) if at == 0 else [at % files]:
            content = f"file {file} at {at}\n" * 40
            parts.append(f"M 644 inline d{file // 100}/f{file}\ndata {len(content)}\n{content}\n")
        parts.append(f"M 644 inline count\ndata {len(str(at))}\n{at}\n")
    script = "".join(parts).encode()
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=script, check=True)
    return folder


def cases(folder: Path, options: argparse.Namespace) -> Iterator[Case]:
    """(repository, good, bad, command), one for each first bad commit."""
    if options.repository:
        yield Path(options.repository), options.good, options.bad, options.check
        return
    repository = generate(folder / "generated", options.commits, options.files)
    for seed in range(options.seeds):
        first = random.Random(seed).randrange(1, options.commits)
        command = f"{options.check}; [ $(cat count) -lt {first} ]"
        yield repository, f"main~{options.commits - 1}", "main", command


def ours(case: Case, workers: int, *, confirm: bool) -> tuple[float, int, str]:
    """(seconds, runs of the command, first bad commit)."""
    repository, good, bad, command = case
    with tempfile.TemporaryDirectory() as memory:
        started = time.perf_counter()
        found = bisect(
            Repository.find(repository), command, [good], bad,
            workers=workers, timeout=600, progress=lambda step: None,
            memory=Path(memory), confirm=confirm,
        )  # fmt: skip
        return time.perf_counter() - started, found.tests, found.first_bad


def gits(case: Case, folder: Path) -> tuple[float, int, str]:
    """The same with `git bisect run`, in a clone that is checked out already."""
    repository, good, bad, command = case
    clone = Path(tempfile.mkdtemp(dir=folder))

    def git(*argv: str) -> str:
        return subprocess.run(
            ["git", *argv], cwd=clone, env=inherited(), check=True, capture_output=True, text=True
        ).stdout.strip()

    source = Repository.find(repository)
    git("clone", "-q", "--shared", "--no-checkout", str(source.home), ".")
    git("checkout", "-q", "--detach", source.commit(bad))
    runs = clone / ".git/runs"
    started = time.perf_counter()
    git("bisect", "start", source.commit(bad), source.commit(good))
    git("bisect", "run", "sh", "-c", f"echo >> {runs}; {command}")
    seconds = time.perf_counter() - started
    return seconds, len(runs.read_bytes()), git("rev-parse", "refs/bisect/bad")


def measure(options: argparse.Namespace) -> None:
    rows: dict[str, list[tuple[float, int, str]]] = {}
    tempfile.tempdir = options.at  # the scratch worktrees go there too
    with tempfile.TemporaryDirectory() as place:
        for case in cases(Path(place), options):
            rows.setdefault("git bisect run", []).append(gits(case, Path(place)))
            for workers in options.workers:
                done = ours(case, workers, confirm=not options.bare)
                rows.setdefault(f"ours, {workers} at once", []).append(done)
    answers = {tuple(one[2] for one in found) for found in rows.values()}
    base = statistics.median(seconds for seconds, _, _ in rows["git bisect run"])
    print(f"{cores()} cores; check: {options.check}; same answers: {len(answers) == 1}")
    print(f"{'':<20}{'seconds':>9}{'runs':>6}{'against git':>13}")
    for name, found in rows.items():
        seconds = statistics.median(one[0] for one in found)
        runs = statistics.median(one[1] for one in found)
        print(f"{name:<20}{seconds:>9.2f}{runs:>6.0f}{base / seconds:>12.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("repository", nargs="?", help="a repository; generated when left out")
    parser.add_argument("--good", default="", help="with a repository: where the check succeeds")
    parser.add_argument("--bad", default="HEAD")
    parser.add_argument("--check", default="sleep 0.3", help="run at each commit")
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3, help="first bad commits to try")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--bare", action="store_true", help="do not test the result once more")
    parser.add_argument("--at", help="a folder to work in, e.g. on a RAM disk")
    options = parser.parse_args()
    if options.repository and not options.good:
        parser.error("name a good commit of the repository: --good REF")
    measure(options)


if __name__ == "__main__":
    main()
