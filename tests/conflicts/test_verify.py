"""The user's own command on merged trees: real commands that pass, fail, hang and die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitcoord.conflicts.verify import Answer, Verified, verify_pairs
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import list_leftovers
from tests.calling import gitcoord
from tests.conftest import Sandbox

# `both` breaks where files a and b are there together.
BOTH = "echo ran >> {log}; ! { test -e a && test -e b; }"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "ran.log"


def branch(sandbox: Sandbox, name: str, files: dict[str, str | bytes]) -> str:
    sandbox.git("checkout", "-q", "-B", name, "main")
    return sandbox.commit(name, files)


@pytest.fixture
def sides(sandbox: Sandbox) -> dict[int, str]:
    found = {
        1: branch(sandbox, "one", {"a": "a\n"}),
        2: branch(sandbox, "two", {"b": "b\n"}),
        3: branch(sandbox, "three", {"c": "c\n"}),
        4: branch(sandbox, "four", {"a": "another\n"}),
    }
    sandbox.git("checkout", "-q", "main")
    return found


def ask(
    sandbox: Sandbox,
    sides: dict[int, str],
    command: str,
    *sets: tuple[int, ...],
    timeout: float = 20.0,
    workers: int = 2,
) -> list[Verified]:
    repo = Repository.find(sandbox.path)
    target = sandbox.git("rev-parse", "main")
    return verify_pairs(repo, target, sides, sets, command, workers=workers, timeout=timeout)


def runs(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def both(log: Path) -> str:
    return BOTH.replace("{log}", str(log))


class TestVerdicts:
    def test_breaks_only_together(self, sandbox: Sandbox, sides: dict[int, str], log: Path) -> None:
        together, apart = ask(sandbox, sides, both(log), (1, 2), (1, 3))
        assert (together.verdict, together.merged.result) == ("breaks together", "failed")
        assert together.breaks and not apart.breaks
        assert (apart.verdict, apart.merged.result) == ("passed", "passed")
        assert together.target and together.target.result == "passed"
        assert {side: said.result for side, said in (together.alone or {}).items()} == {
            1: "passed",
            2: "passed",
        }

    def test_what_was_broken_before_is_not_blamed_on_the_pair(
        self, sandbox: Sandbox, sides: dict[int, str]
    ) -> None:
        (by_side,) = ask(sandbox, sides, "test ! -e a", (1, 2))
        assert by_side.verdict == "was broken"
        (by_target,) = ask(sandbox, sides, "exit 3", (2, 3))
        assert by_target.verdict == "was broken"
        assert by_target.merged.reason == "exit code 3"

    def test_case_77_pairs_are_clean_and_the_triple_is_not(
        self, sandbox: Sandbox, sides: dict[int, str]
    ) -> None:
        command = "! { test -e a && test -e b && test -e c; }"
        said = ask(sandbox, sides, command, (1, 2), (1, 3), (2, 3), (1, 2, 3))
        assert [one.verdict for one in said] == ["passed"] * 3 + ["breaks together"]

    def test_sides_that_do_not_merge_clean_are_not_run(
        self, sandbox: Sandbox, sides: dict[int, str], log: Path
    ) -> None:
        (said,) = ask(sandbox, sides, both(log), (1, 4))
        assert (said.verdict, said.merged.tree, runs(log)) == ("conflict", "", 0)

    @pytest.mark.parametrize("command", ["exit 125", "kill -SEGV $$", "exit 139", "no-such-tool"])
    def test_what_is_no_answer_is_unknown(
        self, sandbox: Sandbox, sides: dict[int, str], command: str
    ) -> None:
        (said,) = ask(sandbox, sides, command, (1, 2))
        assert said.verdict == said.merged.result == "unknown"

    def test_two_runs_with_two_answers_are_unknown(
        self, sandbox: Sandbox, sides: dict[int, str], tmp_path: Path
    ) -> None:
        mark = tmp_path / "mark"
        (said,) = ask(sandbox, sides, f"test -e {mark} || {{ touch {mark}; exit 1; }}", (1, 2))
        assert (said.verdict, said.merged.reason) == ("unknown", "two runs gave two answers")


class TestRuns:
    def test_a_verdict_is_kept_by_tree_and_command(
        self, sandbox: Sandbox, sides: dict[int, str], log: Path
    ) -> None:
        first = ask(sandbox, sides, both(log), (1, 2), (1, 3))
        # Two merges, the failed one twice, then the target and two sides alone.
        assert runs(log) == 6
        second = ask(sandbox, sides, both(log), (1, 2), (1, 3), (2, 1))
        assert runs(log) == 6
        assert [one.verdict for one in second[:2]] == [one.verdict for one in first]
        assert all(one.merged.known for one in second)
        ask(sandbox, sides, both(log) + " #", (1, 3))
        assert runs(log) == 7

    def test_the_input_is_empty_and_the_output_is_kept(
        self, sandbox: Sandbox, sides: dict[int, str]
    ) -> None:
        (said,) = ask(sandbox, sides, "cat; echo 'the \033[31mend'; exit 1", (1, 2))
        assert said.merged.tail == "the [31mend\n"

    def test_a_run_that_hangs_is_ended_with_all_it_started(
        self,
        sandbox: Sandbox,
        sides: dict[int, str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("gitcoord.analysis.bisect_check._GRACE_SECONDS", 0.3)
        pids = tmp_path / "pids"
        command = f"(trap '' TERM; sleep 300 & echo $! >> {pids}; wait) & sleep 300"
        (said,) = ask(sandbox, sides, command, (1, 2), timeout=0.5)
        assert (said.verdict, said.merged.reason) == ("unknown", "not done after 0.5 s")
        for pid in pids.read_text().split():
            assert not alive(int(pid))

    def test_the_repository_stays_as_it_was(self, sandbox: Sandbox, sides: dict[int, str]) -> None:
        before = (sandbox.git("count-objects", "-v"), sandbox.git("for-each-ref"))
        ask(sandbox, sides, "git stash list; git tag x; echo y > README.md; true", (1, 2), (2, 3))
        assert (sandbox.git("count-objects", "-v"), sandbox.git("for-each-ref")) == before
        assert sandbox.git("status", "--porcelain") == ""
        assert list_leftovers(Repository.find(sandbox.path)) == []

    def test_progress_is_told_of_each_tree_once_known(
        self, sandbox: Sandbox, sides: dict[int, str]
    ) -> None:
        repo = Repository.find(sandbox.path)
        told: list[Answer] = []
        target = sandbox.git("rev-parse", "main")
        verify_pairs(repo, target, sides, [(1, 2), (1, 3)], "true", progress=told.append)
        assert [one.result for one in told] == ["passed", "passed"]

    def test_killed_while_it_runs_leaves_no_process(
        self, sandbox: Sandbox, sides: dict[int, str], tmp_path: Path
    ) -> None:
        pids = tmp_path / "pids"
        program = (
            "from gitcoord.conflicts.verify import verify_pairs\n"
            "from gitcoord.git.repository import Repository\n"
            f"repo = Repository.find({str(sandbox.path)!r})\n"
            f"sides = {sides!r}\n"
            f"verify_pairs(repo, repo.commit('main'), sides, [(1, 2)], "
            f"'echo $$ > {pids}.new && mv {pids}.new {pids}; sleep 300')\n"
        )
        host = subprocess.Popen([sys.executable, "-c", program])
        until = time.monotonic() + 20
        while not pids.exists() and time.monotonic() < until:
            time.sleep(0.02)
        host.send_signal(signal.SIGKILL)
        host.wait()
        pid = int(pids.read_text())
        while alive(pid) and time.monotonic() < until:
            time.sleep(0.02)
        assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_the_command_line_names_the_pair_that_breaks_only_together(sandbox: Sandbox) -> None:
    """Uncommitted on both sides, clean as text, and seen by the command only when merged."""
    for name, path in (("one", "a.flag"), ("two", "b.flag")):
        started = gitcoord(
            "start", "development", name, "--no-run", "--name", name, at=sandbox.path
        )
        assert started.code == 0
        place = gitcoord("path", f"development-{name}", at=sandbox.path).out.strip()
        (Path(place) / path).write_text("here\n")
    command = "! { test -e a.flag && test -e b.flag; }"
    said = gitcoord("conflicts", "--verify", command, "--json", at=sandbox.path)
    assert said.code == 1
    (only,) = json.loads(said.out)["verified"]
    assert only["verdict"] == "breaks together"
    assert {only["a"].split("-")[1], only["b"].split("-")[1]} == {"one", "two"}
