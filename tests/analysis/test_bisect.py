"""Bisecting: the arithmetic against brute force and git, and whole searches with real commands."""

from __future__ import annotations

import math
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.analysis.bisect import Bisection, Step, bisect, to_finding
from gitcoord.analysis.bisect_check import Answer, Check, Verdict, ending, printable
from gitcoord.analysis.bisect_graph import ancestors, choose, weights
from gitcoord.analysis.bisect_memory import Memory
from gitcoord.analysis.bisect_search import End, Run, Search
from gitcoord.errors import BadInput, NoSuch, Problem
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Pool, list_leftovers, remove_leftovers
from tests.conftest import Sandbox
from tests.git.test_scratch import picture

Parents = list[list[int]]
Graph = dict[str, tuple[str, ...]]


# The arithmetic


def graph_of(parents: Parents) -> Graph:
    """Commits are numbers as text; what the last one does not reach is left out."""
    every = {str(at): tuple(map(str, dict.fromkeys(above))) for at, above in enumerate(parents)}
    return ancestors(every, str(len(parents) - 1))


def likely_graph(size: int, merges: float, rng: random.Random) -> Parents:
    """A history as projects have it: side branches of some dozen commits, merged again."""
    parents: Parents = [[]]
    for at in range(1, size):
        back = max(0, at - 1 - rng.randrange(40))
        parents.append([at - 1])
        if rng.random() < merges:
            parents[at] = [at - 1, back] if rng.random() < 0.5 else [back]
    return parents


@st.composite
def graphs(draw: st.DrawFn) -> Parents:
    """Any history: several roots, octopus merges, criss-cross, side branches never merged."""
    size = draw(st.integers(1, 25))
    return [draw(st.lists(st.integers(0, at - 1), max_size=4)) if at else [] for at in range(size)]


def verdict(commit: str, answer: Answer) -> Verdict:
    code = {"good": 0, "bad": 1, "skipped": 125, "late": None, "none": 139}[answer]
    return Verdict(commit, answer, code, 0.1, 9.0, "", "2026-01-02T03:04:05.000Z")


def search_in(graph: Graph, **more: Any) -> Search:
    """The last commit is bad, and a good one lies before all roots."""
    rooted = {commit: above or ("good",) for commit, above in graph.items()}
    ends = [End(list(graph)[-1], "bad", good=False), End("good", "good", good=True)]
    return Search(ends, rooted, **more)


def play(
    search: Search, first_bad: str, workers: int, rng: random.Random, untestable: set[str]
) -> int:
    """Answer as a repository with that first bad commit would, in any order; the runs it took."""
    graph = search.history
    truth = {commit for commit in graph if first_bad in ancestors(graph, commit)}
    running: list[Run] = []
    tests = 0
    while True:
        running += search.wanted(workers - len(running), running)
        assert len(running) <= workers
        if not running:
            return tests
        run = running.pop(rng.randrange(len(running)))
        tests += 1
        answer: Answer = "bad" if run.commit in truth else "good"
        search.take(run, verdict(run.commit, "skipped" if run.commit in untestable else answer))
        running = [one for one in running if not search.is_idle(one)]


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(1, 5), st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_any_history_gives_the_first_bad_commit(
    parents: Parents, workers: int, at: int, rng: random.Random
) -> None:
    graph = graph_of(parents)
    first_bad = list(graph)[at % len(graph)]
    search = search_in(graph)
    play(search, first_bad, workers, rng, set())
    assert list(search.left) == [first_bad] == [search.bad]
    assert search.again.keys() >= {first_bad, *search.history[first_bad]}
    assert list(search.contradictions()) == []


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(1, 5), st.data(), st.randoms(use_true_random=False))
def test_commits_that_cannot_be_tested_leave_the_truth_among_few(
    parents: Parents, workers: int, data: st.DataObject, rng: random.Random
) -> None:
    graph = graph_of(parents)
    first_bad = data.draw(st.sampled_from(list(graph)))
    untestable = data.draw(st.sets(st.sampled_from(list(graph)))) - {list(graph)[-1]}
    search = search_in(graph, confirm=False)
    play(search, first_bad, workers, rng, untestable)
    assert first_bad in search.left
    assert search.left.keys() - {search.bad} <= untestable
    assert first_bad in ancestors(search.history, search.bad)
    assert search.bad not in untestable


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(1, 4), st.data(), st.randoms(use_true_random=False))
def test_a_search_goes_on_from_any_part_of_what_an_earlier_one_knew(
    parents: Parents, workers: int, data: st.DataObject, rng: random.Random
) -> None:
    graph = graph_of(parents)
    first_bad = data.draw(st.sampled_from(list(graph)))
    first = search_in(graph, confirm=False)
    tests = play(first, first_bad, workers, rng, set())
    count = data.draw(st.integers(0, len(first.verdicts)))
    known = dict(list(first.verdicts.items())[:count])
    second = search_in(graph, confirm=False, verdicts=dict(known))
    again = play(second, first_bad, 1, rng, set())
    assert list(second.left) == [first_bad]
    assert not known.keys() & [run for run in second.verdicts if run not in known]
    if count == len(first.verdicts):
        assert again == 0
    if workers == 1:
        assert again <= tests - count


@pytest.mark.parametrize("merges", [0, 0.1, 0.4])
@pytest.mark.parametrize("workers", [1, 2, 3, 4, 8])
def test_rounds_grow_with_the_logarithm_to_one_more_than_the_workers(
    merges: float, workers: int
) -> None:
    for seed in range(2):
        rng = random.Random(seed)
        graph = graph_of(likely_graph(400, merges, rng))
        left, first_bad, rounds = dict(graph), rng.choice(list(graph)), 0
        while tests := choose(left, workers):
            rounds += 1
            for commit in tests:
                if commit in left:
                    below = ancestors(left, commit)
                    bad = first_bad in below
                    left = {one: left[one] for one in left if (one in below) == bad}
        assert list(left) == [first_bad]
        assert rounds <= math.log(len(graph), workers + 1) + 1.5


def test_tests_of_one_round_split_a_line_evenly() -> None:
    line = graph_of([[at - 1] if at else [] for at in range(100)])
    assert sorted(map(int, choose(line, 3))) == [24, 49, 74]
    assert choose(line, 1, running=["49"]) in (["24"], ["74"])
    assert sorted(map(int, choose(line, 2, running=["49"]))) == [24, 74]
    assert choose(line, 0) == [] and choose({"0": ()}, 4) == []
    assert len(choose(graph_of([[], [0], [1]]), 9)) == 2
    assert choose(line, 1, skipped=["49"]) in (["32"], ["33"], ["65"], ["66"])


def test_weights_are_counts_of_ancestors() -> None:
    graph = graph_of(likely_graph(120, 0.5, random.Random(7)))
    assert weights(graph) == {commit: len(ancestors(graph, commit)) for commit in graph}


# With git


def grow(sandbox: Sandbox, parents: Parents, bad: set[int], name: str = "main") -> list[str]:
    """A history in one git process: `state` says at each commit whether it is bad."""
    parts = []
    for at, above in enumerate(parents):
        content = f"{at}\n{'bad' if at in bad else 'good'}\n"
        if not above:
            parts.append(f"reset refs/heads/{name}\n")
        parts.append(f"commit refs/heads/{name}\nmark :{at + 1}\n")
        parts.append(f"committer Ada <ada@example.com> {1_700_000_000 + at * 60} +0000\n")
        parts.append(f"data {len(f'change {at}')}\nchange {at}\n")
        parts += [
            f"{'from' if not order else 'merge'} :{one + 1}\n" for order, one in enumerate(above)
        ]
        parts.append(f"M 644 inline state\ndata {len(content)}\n{content}\n")
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force", "--export-marks=.git/marks"],
        cwd=sandbox.path,
        input="".join(parts).encode(),
        check=True,
    )
    marks = (sandbox.path / ".git/marks").read_text().splitlines()
    found = dict(line.split() for line in marks)
    sandbox.git("reset", "-q", "--hard")
    return [found[f":{at + 1}"] for at in range(len(parents))]


def after(parents: Parents, first: int) -> set[int]:
    bad = {first}
    for at, above in enumerate(parents):
        if bad & set(above):
            bad.add(at)
    return bad


LINE: Parents = [[at - 1] if at else [] for at in range(40)]
FAILS = "! grep -q bad state"


def find(
    sandbox: Sandbox, command: str, good: str | Sequence[str], bad: str = "main", **more: Any
) -> Bisection:
    given: dict[str, Any] = {
        "workers": 2,
        "timeout": 20,
        "progress": lambda step: None,
        "memory": sandbox.path.parent / "memory",
    }
    goods = [good] if isinstance(good, str) else good
    return bisect(Repository.find(sandbox.path), command, goods, bad, **(given | more))


def counted(sandbox: Sandbox, command: str) -> tuple[str, Path]:
    """The command, noting each commit it runs at in a file outside."""
    log = sandbox.path.parent / "runs"
    return f"git rev-parse HEAD >> {shlex.quote(str(log))}; {command}", log


def test_the_first_bad_commit_of_a_line_and_how_it_is_told(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE, after(LINE, 23))
    steps: list[Step] = []
    found = find(sandbox, f"echo looking; {FAILS}", commits[0], progress=steps.append)
    assert found.first_bad == commits[23]
    assert [one.title for one in found.candidates] == ["change 23"]
    assert found.parents == (commits[22],)
    assert not found.doubts and found.paths == ("state",)
    assert steps[0].running and steps[-1].left == 1 and steps[-1].tests == found.tests
    assert found.tests <= 2 + 2 * math.ceil(math.log(39, 3)) + 3

    finding = to_finding(found)
    assert finding.role == "detective" and finding.confidence >= 0.95
    assert finding.title == f"{commits[23][:10]} is the first bad commit: change 23"
    assert finding.commits[0].name == commits[23] and finding.files[0].name == "state"
    assert "-good\n+23\n+bad\n" in finding.body and "looking" in finding.body
    assert f"| `{commits[22]}` | its parent | good (exit code 0); once more" in finding.body
    for shown, code in zip(finding.evidence[-2:], (1, 0), strict=True):
        assert subprocess.run(["sh", "-c", shown.command], cwd=sandbox.path).returncode == code


def test_the_checkout_and_all_refs_stay_byte_for_byte(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE, after(LINE, 9))
    sandbox.write("state", "half done")
    sandbox.git("stash", "-q")
    sandbox.write("state", "more")
    sandbox.write("note.log", "ignored")
    sandbox.write("new", "untracked")
    sandbox.git("bisect", "start", "main", "main~3", "--", "nothing", ok=False)
    before = picture(sandbox.path)
    messy = (
        f"{FAILS}; code=$?; git stash; git tag t; touch new; git add new; git commit -qm x; "
        "git branch -f main; git config a.b c; git gc -q; git bisect reset; exit $code"
    )
    assert find(sandbox, messy, commits[0]).first_bad == commits[9]
    assert picture(sandbox.path) == before
    assert list_leftovers(Repository.find(sandbox.path)) == []


def test_it_agrees_with_git_bisect_run_on_histories_with_merges(sandbox: Sandbox) -> None:
    for seed in range(3):
        rng = random.Random(seed)
        parents = likely_graph(60, 0.5, rng)
        reached = sorted(map(int, graph_of(parents)))
        first = rng.choice(reached[1:])
        commits = grow(sandbox, parents, after(parents, first), f"h{seed}")
        good, bad = commits[reached[0]], commits[-1]
        if first == reached[0]:
            continue
        sandbox.git("bisect", "start", bad, good)
        sandbox.git("bisect", "run", "sh", "-c", FAILS)
        theirs = sandbox.git("rev-parse", "refs/bisect/bad")
        sandbox.git("bisect", "reset")
        ours = find(sandbox, FAILS, good, bad, workers=3, memory=sandbox.path.parent / str(seed))
        assert ours.first_bad == theirs == commits[first]


def test_one_worker_splits_as_well_as_git(sandbox: Sandbox) -> None:
    for seed in range(4):
        parents = likely_graph(150, 0.4, random.Random(seed))
        commits = grow(sandbox, parents, set(), f"g{seed}")
        repo = Repository.find(sandbox.path)
        lines = repo.run("rev-list", "--topo-order", "--reverse", "--parents", commits[-1]).lines()
        graph = {commit: tuple(above) for commit, *above in (line.split() for line in lines)}
        said = repo.run("rev-list", "--bisect-vars", commits[-1]).text
        below = int(re.search(r"bisect_good=(\d+)", said)[1]) + 1  # type: ignore[index]
        weight = weights(graph)[choose(graph, 1)[0]]
        assert min(weight, len(graph) - weight) >= min(below, len(graph) - below)


def test_octopus_criss_cross_and_several_roots(sandbox: Sandbox) -> None:
    parents: Parents = [
        [],
        [0],
        [0],
        [0],
        [1, 2, 3],
        [],
        [4],
        [5],
        [6, 7],
        [7, 6],
        [8],
        [9],
        [10, 11],
        [12],
    ]
    for first in (3, 4, 5, 8, 12):
        commits = grow(sandbox, parents, after(parents, first), f"o{first}")
        roots = [commits[0]] if first == 5 else [commits[0], commits[5]]
        memory = sandbox.path.parent / str(first)
        found = find(sandbox, FAILS, roots, commits[-1], workers=3, memory=memory)
        assert found.first_bad == commits[first]
        assert set(found.parents) == {commits[at] for at in parents[first]}
        assert to_finding(found).confidence >= 0.95


def test_first_parent_takes_a_merge_for_all_it_brought(sandbox: Sandbox) -> None:
    parents: Parents = [[], [0], [1], [1], [3], [2, 4], [5], [6]]
    commits = grow(sandbox, parents, after(parents, 3))
    assert find(sandbox, FAILS, commits[0]).first_bad == commits[3]
    found = find(sandbox, FAILS, commits[0], first_parent=True)
    assert found.first_bad == commits[5] and found.parents == (commits[2],)


def test_what_cannot_be_tested_leaves_the_set_git_names(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE, after(LINE, 20))
    check = "n=$(head -1 state); [ $n -lt 17 ] || [ $n -gt 22 ] || exit 125; " + FAILS
    found = find(sandbox, check, commits[0])
    assert {one.commit for one in found.candidates} == set(commits[17:24])
    assert found.first_bad == commits[23]
    finding = to_finding(found)
    assert finding.title.startswith("One of 7 commits is the first bad one")
    assert finding.factors["precision"] == round(1 / math.sqrt(7), 3)
    assert 0.3 < finding.confidence < 0.5
    assert f"`{commits[20]}`" in finding.body and "6 not testable" in finding.body

    sandbox.git("bisect", "start", commits[-1], commits[0])
    said = sandbox.git("bisect", "run", "sh", "-c", check, ok=False)
    assert set(re.findall(r"^[0-9a-f]{40}$", said, re.M)) == set(commits[17:24])


def test_a_good_commit_on_a_side_branch_is_tested_through_the_merge_base(sandbox: Sandbox) -> None:
    parents: Parents = [[], [0], [1], [2], [3], [4], [5]]
    commits = grow(sandbox, parents, after(parents, 4))
    sandbox.git("branch", "side", commits[2])
    sandbox.git("checkout", "-q", "side")
    side = sandbox.commit("side", {"other": "1"})
    sandbox.git("checkout", "-q", "main")
    found = find(sandbox, FAILS, side)
    assert found.first_bad == commits[4]
    assert found.verdicts[commits[2]].answer == "good"
    assert [end.commit for end in found.ends if end.base] == [commits[2]]

    found = find(sandbox, f"grep -q '^2' state && [ ! -e other ] && exit 125; {FAILS}", side)
    assert found.first_bad == commits[4]
    assert [doubt.kind for doubt in found.doubts] == ["base"]
    assert to_finding(found).confidence < 0.9

    sandbox.git("checkout", "-q", "--detach", commits[5])
    mended = sandbox.commit("mended", {"state": "5\ngood\n"})
    with pytest.raises(BadInput, match=f"fails at the merge base {commits[5][:10]}"):
        find(sandbox, FAILS, mended)


@pytest.mark.parametrize(
    ("command", "good", "bad", "said"),
    [
        (FAILS, "main~1", "main", "fails at main~1 .*to be good .exit code 1.: it printed nothing"),
        (FAILS, "main~30", "main~20", "succeeds at main~20 .*said to be bad: there is nothing"),
        ("exit 125", "main~30", "main", "says of main.* that it cannot be tested"),
        ("./absent.sh", "main~30", "main", "could not be run at main~30 .*127.*sh: not found"),
        ("./state", "main~30", "main", "could not be run at main~30 .*126"),
        (FAILS, "main~3", "main~3", "are the same commit"),
        (FAILS, "main", "main~9", "that is the search for a fix"),
        ("  ", "main~30", "main", "there is no command"),
        ("a\0b", "main~30", "main", "there is no command"),
        (f"sleep 20; {FAILS}", "main~30", "main", "did not end within 0.2 s at main~30"),
    ],
)  # fmt: skip
def test_bad_ends_are_said_before_anything_is_searched(
    sandbox: Sandbox, command: str, good: str, bad: str, said: str
) -> None:
    grow(sandbox, LINE, after(LINE, 33))
    for _ in range(2):  # what ended a search is not remembered
        with pytest.raises(BadInput, match=said) as problem:
            find(sandbox, command, good, bad, timeout=0.2 if "sleep" in command else 20)
        assert problem.value.hint
    for missing in (["nothing"], ["-f"]):
        with pytest.raises(NoSuch):
            find(sandbox, FAILS, missing)
    with pytest.raises(BadInput, match="no commit is named"):
        find(sandbox, FAILS, [])
    assert list_leftovers(Repository.find(sandbox.path)) == []


def test_what_a_broken_command_said_is_not_remembered(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE, after(LINE, 33))
    script = sandbox.path.parent / "check.sh"
    with pytest.raises(BadInput, match="could not be run"):
        find(sandbox, str(script), commits[0], workers=4)
    script.write_text(f"#!/bin/sh\n{FAILS}\n")
    script.chmod(0o755)
    assert find(sandbox, str(script), commits[0]).first_bad == commits[33]

    memory = Memory(sandbox.path.parent / "memory", str(script))
    memory.keep(verdict(commits[1], "bad"))
    found = find(sandbox, str(script), commits[1])
    assert found.first_bad == commits[33] and found.verdicts[commits[1]].answer == "good"


def test_a_crash_ends_the_search_as_it_ends_git_bisect_run(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE, after(LINE, 33))
    crash = (
        "n=$(head -1 state); [ $n = 39 ] && exit 1; "
        "if [ $n -gt 30 ]; then sh -c 'kill -SEGV $$'; else exit 0; fi"
    )
    with pytest.raises(Problem, match=r"ended with exit code 139 \(SIGSEGV\) at") as problem:
        find(sandbox, crash, commits[0])
    assert "|| exit 1" in problem.value.hint
    found = find(sandbox, f"({crash}) || exit 1", commits[0])
    assert found.first_bad == commits[31]
    missing = f"[ $(head -1 state) -lt 35 ] || exit 127; {FAILS}"
    assert find(sandbox, missing, commits[0]).first_bad == commits[33]


def test_out_of_time_is_bad_only_where_the_bad_end_is_out_of_time(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE[:5], after(LINE[:5], 3))
    hangs = "grep -q bad state && sleep 30; true"
    found = find(sandbox, hangs, commits[0], timeout=0.8, workers=4)
    assert found.first_bad == commits[3] and not found.doubts
    assert "| first bad | out of time; once more: out of time |" in to_finding(found).body
    slow = f"grep -q '^2$' state && sleep 30; {FAILS}"
    found = find(sandbox, slow, commits[0], timeout=0.8, workers=4)
    assert {one.commit for one in found.candidates} == set(commits[2:4])


def test_a_command_that_contradicts_itself_is_said_to(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE, after(LINE, 12))
    seen = shlex.quote(str(sandbox.path.parent))
    flaky = (
        f"n=$(head -1 state); [ $n = 12 ] && [ -e {seen}/seen ] && exit 0; "
        f"[ $n = 12 ] && touch {seen}/seen; {FAILS}"
    )
    found = find(sandbox, flaky, commits[0])
    assert found.first_bad == commits[12] and found.contradicted
    assert found.doubts[0].text == f"{commits[12][:10]} failed at first, then gave exit code 0"
    finding = to_finding(found)
    assert finding.confidence < 0.5 and "What speaks against it" in finding.body

    commits = grow(sandbox, [[], [0], [1], [2, 1]], {1, 3}, "mended-and-back")
    found = find(sandbox, FAILS, commits[2], commits[3])
    assert found.first_bad == commits[3] and found.contradicted
    assert "is older than a good commit, then gave exit code 1" in found.doubts[0].text


KILLED = """
import sys
from pathlib import Path
from gitcoord.analysis.bisect import bisect
from gitcoord.git.repository import Repository
def show(step):
    print(step.tests, flush=True)
bisect(Repository.find(sys.argv[1]), sys.argv[2], [sys.argv[3]], workers=2, timeout=20,
       progress=show, memory=Path(sys.argv[4]))
"""


def test_case_33_killed_at_any_time_it_goes_on_and_leaves_no_process(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE, after(LINE, 29))
    repo = Repository.find(sandbox.path)
    command, runs = counted(sandbox, f"sleep 0.05; {FAILS}")
    memory = sandbox.path.parent / "memory"
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(sandbox.path), command, commits[0], str(memory)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 2:
                break
        process.kill()
        process.communicate()
    known = Memory(memory, command).known(20).keys()
    before = runs.read_text().split()
    assert len(known) >= 5
    found = find(sandbox, command, commits[0], confirm=False)
    assert found.first_bad == commits[29]
    assert not set(runs.read_text().split()[len(before) :]) & known
    # Who came after removed what was left, but for what a dying run still held.
    until = time.monotonic() + 20
    notes = repo.own_dir / "scratch"
    while list(notes.glob("*.toml")) and time.monotonic() < until:
        remove_leftovers(repo)
        time.sleep(0.01)
    assert not list(notes.glob("*.toml"))

    total = len(runs.read_text().split())
    found = find(sandbox, command, commits[0], confirm=False)
    assert found.first_bad == commits[29] and found.tests == 0
    assert len(runs.read_text().split()) == total


def test_a_run_is_ended_with_all_it_started_when_we_are_killed(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE[:5], {4})
    pids = sandbox.path.parent / "pids"
    command = f"(sleep 60 & echo $! >> {pids}; wait) & echo $! $$ >> {pids}; wait"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(sandbox.path), command, commits[0], str(pids) + ".m"],
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 20
    while not (pids.exists() and len(pids.read_text().split()) >= 6) and time.monotonic() < until:
        time.sleep(0.01)
    process.kill()
    process.wait()
    started = {int(pid) for pid in pids.read_text().split()}
    assert len(started) >= 6
    while any(map(alive, started)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(map(alive, started))
    assert len(remove_leftovers(Repository.find(sandbox.path))) == 1


def test_what_a_run_left_behind_is_ended_with_it(sandbox: Sandbox) -> None:
    pids = sandbox.path.parent / "pids"
    command = f"sleep 60 & echo $! > {pids}; (sleep 60; true) & echo $! >> {pids}; exit 3"
    with Pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        done = Check("main", command, None).run(scratch)
    assert done is not None and done.code == 3
    assert not any(alive(int(pid)) for pid in pids.read_text().split())


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_ctrl_c_ends_the_runs_and_removes_the_scratches(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE[:9], {8})

    def stop(step: Step) -> None:
        if step.tests == 2:
            raise KeyboardInterrupt

    command = "[ $(head -1 state) = 8 ] && exit 1; [ $(head -1 state) = 0 ] || sleep 60"
    with pytest.raises(KeyboardInterrupt):
        find(sandbox, command, commits[0], progress=stop)
    assert list_leftovers(Repository.find(sandbox.path)) == []


def test_runs_that_cannot_matter_any_more_are_ended(sandbox: Sandbox) -> None:
    commits = grow(sandbox, LINE, after(LINE, 5))
    # Only what is newer than the first bad commit hangs, and none of that need be waited for.
    command = f"n=$(head -1 state); [ $n -gt 26 ] && [ $n -lt 39 ] && sleep 60; {FAILS}"
    found = find(sandbox, command, commits[0], workers=3, timeout=50)
    assert found.first_bad == commits[5] and found.seconds < 40


def test_the_command_runs_alone(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = sandbox.git("rev-parse", "main")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(sandbox.path / ".git"))
    script = (
        "env | grep ^GIT_ | grep -v -e CEILING -e PROMPT; cat; git rev-parse HEAD; "
        "[ -t 0 ] || (echo x > /dev/tty) 2>/dev/null || echo no terminal; echo $LC_ALL; exit 7"
    )
    with Pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        done = Check(commit, script, None).run(scratch)
    assert done is not None and (done.answer, done.code) == ("bad", 7)
    assert done.tail == f"{commit}\nno terminal\nC.UTF-8\n"


def test_case_57_output_of_any_size_and_kind_is_bounded(sandbox: Sandbox) -> None:
    daemon = sandbox.path.parent / "daemon"
    loud = (
        "head -c 3000000 /dev/zero | tr '\\0' x; printf '\\033[31mred\\033[0m\\r\\n\\377'; "
        f"setsid sleep 60 & echo $! > {daemon}; exit 1"
    )
    with Pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        # A daemon that left the session holds the pipe: it is not waited for.
        done = Check("main", loud, 50).run(scratch)
    os.kill(int(daemon.read_text()), signal.SIGKILL)
    assert done is not None and done.answer == "bad"
    assert len(done.log) == 256 * 1024 and len(done.tail) == 2000
    assert done.tail.endswith("x[31mred[0m\n�")
    assert printable(b"\x1b]0;title\x07a\rb\x00") == "]0;titlea\nb"


def test_a_file_that_says_too_much_stays_inside_its_fence(sandbox: Sandbox) -> None:
    evil = "```\n\x1b[31m# not a heading\n````\n" + "long line\n" * 9000
    base = sandbox.git("rev-parse", "main")
    first = sandbox.commit("`evil` <b>|*\x1b[31m", {"evil": evil, "a\x1bb": "", "-f `x`": ""})
    found = find(sandbox, "[ ! -e evil ]", base)
    finding = to_finding(found)
    assert found.first_bad == first
    assert len(finding.body) < 40_000 and "the rest is left out" in finding.body
    assert "\x1b" not in finding.body + finding.title
    assert "`````diff" in finding.body
    assert r"\`evil\` \<b\>\|\*" in finding.body
    assert any("-- '-f `x`'" in shown.command for shown in finding.evidence)


def test_the_first_commit_of_all_can_be_the_first_bad_one(sandbox: Sandbox, tmp_path: Path) -> None:
    commits = grow(sandbox, LINE[:6], set(range(6)))
    sandbox.git("checkout", "-q", "--orphan", "other")
    other = sandbox.commit("unrelated", {"state": "good"})
    found = find(sandbox, FAILS, other, commits[-1])
    assert found.first_bad == commits[0] and found.parents == ()
    assert "new file mode" in found.diff and to_finding(found).confidence >= 0.95


def test_memory_keeps_what_it_can_read(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "make")
    memory.keep(verdict("a" * 40, "good"))
    memory.keep(verdict("b" * 40, "late"))
    memory.keep(verdict("a" * 40, "bad"), again=True)
    (memory.folder / f"{'c' * 40}.toml").write_text("schema = 1\nanswer = ")
    (memory.folder / f"{'d' * 40}.toml").write_text('schema = 99\nanswer = "good"\n')
    assert memory.known(9.0) == {
        "a" * 40: verdict("a" * 40, "good"),
        "b" * 40: verdict("b" * 40, "late"),
    }
    assert memory.known(60).keys() == memory.known(None).keys() == {"a" * 40}
    assert memory.known(9.0, again=True)["a" * 40].answer == "bad"
    assert Memory(tmp_path, "make test").known(9.0) == {}
    memory.forget()
    assert memory.known(None) == memory.known(9.0, again=True) == {}


def test_a_full_disk_under_the_memory_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="cannot keep a verdict"):
        Memory(tmp_path / "file", "make").keep(verdict("a" * 40, "good"))


def test_words_for_exit_codes() -> None:
    assert [ending(code) for code in (1, 139, -9, 255)] == [
        "exit code 1",
        "exit code 139 (SIGSEGV)",
        "SIGKILL",
        "exit code 255",
    ]
    assert os.name == "posix"
