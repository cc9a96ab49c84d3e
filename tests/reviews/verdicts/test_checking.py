"""Validators at work: real commands in real scratch worktrees."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Scratch, list_leftovers
from gitcoord.process import is_held
from gitcoord.reviews.verdicts.checking import Ran, run_command, validate
from gitcoord.reviews.verdicts.subjects import subject_of
from gitcoord.reviews.verdicts.validator import BUILTIN, BUILTINS, COMMAND, ROLE, Validator
from gitcoord.reviews.verdicts.verdict import (
    APPROVED,
    LONGEST_OUTPUT,
    REFUSED,
    UNKNOWN,
    Verdict,
    find_verdicts,
    list_verdicts,
    verdict_id,
)
from tests.calling import PROGRAM
from tests.conftest import Sandbox

SECRET = "ghp_" + "pLIix6MEOLeMa61EqJomTEI1JEzO3joOj37H"


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def command(text: str, *, seconds: int = 60, name: str = "tests") -> Validator:
    return Validator(name, COMMAND, command=text, seconds=seconds)


def verdict_of(repo: Repository, text: str, *, seconds: int = 60, again: bool = False) -> Verdict:
    subject = subject_of(repo, "HEAD")
    (found,) = validate(repo, subject, [command(text, seconds=seconds)], again=again)
    return found


def until(true: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def is_alive(file: Path) -> bool:
    """Not gone, and not a zombie that only waits for its new parent."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(int(file.read_text())).status() != psutil.STATUS_ZOMBIE
    return False


class TestCommands:
    def test_it_runs_on_the_tree_of_the_commit(self, sandbox: Sandbox, repo: Repository) -> None:
        sandbox.write("README.md", "not committed\n")
        sandbox.write("new.txt", "not committed\n")
        text = "! grep -q 'not committed' README.md && ! test -e new.txt && git status --porcelain"
        assert verdict_of(repo, text).state == APPROVED
        assert (sandbox.path / "new.txt").exists()

    def test_what_it_does_there_stays_there(self, sandbox: Sandbox, repo: Repository) -> None:
        places = ("refs/heads", "refs/tags", "refs/stash")
        before = sandbox.git("for-each-ref", *places), sandbox.git("status", "--porcelain")
        text = "echo x > README.md; git add -A; git -c user.name=a -c user.email=b commit -qm x"
        assert verdict_of(repo, f"{text}; git tag mine; git stash; rm -rf .git").state == APPROVED
        refs = sandbox.git("for-each-ref", *places)
        assert (refs, sandbox.git("status", "--porcelain")) == before
        assert list_leftovers(repo) == []

    def test_a_failure_is_refused_with_the_end_of_its_output(self, repo: Repository) -> None:
        found = verdict_of(repo, f"seq 100000; printf '\\033[31mtoken {SECRET}\\n'; exit 3")
        assert (found.state, found.said[:18]) == (REFUSED, "failed with exit c")
        assert found.output.endswith("token [REDACTED:github_token]")
        assert len(found.output) <= LONGEST_OUTPUT and "\x1b" not in found.output

    @pytest.mark.parametrize("text", ["no-such-program-here", "./README.md"])
    def test_a_command_that_cannot_be_run_is_unknown(self, repo: Repository, text: str) -> None:
        found = verdict_of(repo, text)
        assert found.state == UNKNOWN and "cannot be run" in found.said

    def test_a_crash_is_refused(self, repo: Repository) -> None:
        assert "SIGSEGV" in verdict_of(repo, "kill -SEGV $$").said

    def test_ten_megabytes_and_no_text_at_all(self, repo: Repository) -> None:
        text = "head -c 10000000 /dev/urandom; printf 'end\\377\\n'; exit 1"
        found = verdict_of(repo, text)
        assert found.state == REFUSED
        assert found.output.endswith("end�") and len(found.output) <= LONGEST_OUTPUT

    def test_out_of_time_is_refused_and_its_children_are_gone(
        self, repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitcoord.analysis.bisect_check._GRACE_SECONDS", 0.3)
        pid = tmp_path / "pid"
        text = f"(trap '' TERM; echo $$ > {pid}; sleep 300 & echo $! > {pid}; wait) & sleep 300"
        found = verdict_of(repo, text, seconds=1)
        assert (found.state, found.said) == (REFUSED, "did not end within 1 s, and was ended")
        until(lambda: not is_alive(pid))

    def test_out_of_time_what_left_its_session_is_gone_too(
        self, repo: Repository, tmp_path: Path
    ) -> None:
        pid = tmp_path / "pid"
        python = f"import os; os.setsid() or open({str(pid)!r}, 'w').write(str(os.getpid()))"
        text = f'{sys.executable} -c "{python}; import time; time.sleep(300)" & sleep 300'
        assert verdict_of(repo, text, seconds=1).state == REFUSED
        until(lambda: not is_alive(pid))

    def test_what_an_agent_wrote_can_approve_nothing(self, repo: Repository) -> None:
        text = f'test -n "$GITCOORD_AGENT" && ! {PROGRAM} -C {repo.top} approve x && exit 7'
        found = verdict_of(repo, text)
        assert "exit code 7" in found.said and "an agent cannot" in found.output

    def test_case_86_a_commit_made_by_a_validator_is_not_validated(
        self, sandbox: Sandbox, repo: Repository
    ) -> None:
        """No hook is found there, and those of git's configuration (2.54) do nothing."""
        ran = sandbox.path.parent / "ran"
        sandbox.git("config", "core.hooksPath", str(sandbox.path.parent / "hooks"))
        hook = sandbox.write("../hooks/post-commit", f"#!/bin/sh\necho x > {ran}\n")
        hook.chmod(0o755)
        commit = "git -c user.name=a -c user.email=b commit -q --allow-empty -m x"
        assert verdict_of(repo, f'test "$GITCOORD_HOOKS" = off && {commit}').state == APPROVED
        assert not ran.exists()

    def test_places_in_the_output_are_comments(self, repo: Repository) -> None:
        named = "./src/auth.py:3:8: F401 unused", "src/auth.py:3: wrong", "src/none.py:1: not there"
        text = "; ".join(f"echo '{line}'" for line in (*named, "  README.md:1: seen", "12:30: no"))
        assert [vars(one) for one in verdict_of(repo, f"{text}; exit 1").comments] == [
            {"path": "src/auth.py", "line": 3, "text": "F401 unused"},
            {"path": "src/auth.py", "line": 3, "text": "wrong"},
            {"path": "README.md", "line": 1, "text": "seen"},
        ]

    def test_a_child_that_outlives_its_command_is_ended(
        self, repo: Repository, tmp_path: Path
    ) -> None:
        pid = tmp_path / "pid"
        assert verdict_of(repo, f"sleep 300 & echo $! > {pid}").state == APPROVED
        until(lambda: not is_alive(pid))

    def test_it_has_no_input_and_no_terminal(self, repo: Repository) -> None:
        assert verdict_of(repo, 'test -z "$(cat)" && ! test -t 0 && ! test -t 1').state == APPROVED

    def test_a_tree_is_shown_as_a_commit_with_its_parents(
        self, sandbox: Sandbox, repo: Repository
    ) -> None:
        tree, parent = sandbox.git("rev-parse", "HEAD~1^{tree}", "HEAD").split()
        with Scratch.pool(repo, 1) as pool, pool.one() as scratch:
            text = "git rev-parse HEAD^{tree} HEAD^; exit 1"
            ran = run_command(scratch, tree, text, parents=[parent], seconds=60)
        assert ran.output.split() == [tree, parent] and ran.code == 1
        assert not ran.timed_out

    def test_one_dropped_says_nothing(self, repo: Repository) -> None:
        with Scratch.pool(repo, 1) as pool, pool.one() as scratch:
            ran = run_command(
                scratch, "HEAD", "sleep 300", seconds=60, begun=lambda check: check.drop()
            )
        assert ran == Ran(None, "", 0.0, timed_out=False)

    def test_a_full_disk_is_unknown(
        self, repo: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full here")
        monkeypatch.setattr("gitcoord.reviews.verdicts.checking._ALMOST_FULL", 1 << 62)
        found = verdict_of(repo, "echo x > /dev/full")
        assert found.state == UNKNOWN and "the disk was full" in found.said


class TestReuse:
    def test_what_holds_is_not_worked_out_again(self, repo: Repository, tmp_path: Path) -> None:
        text = f"echo x >> {tmp_path}/ran; exit 1"
        first = verdict_of(repo, text)
        second = verdict_of(repo, text)
        assert (first.state, first.reused, second.state, second.reused) == (
            REFUSED, False, REFUSED, True,
        )  # fmt: skip
        assert (tmp_path / "ran").read_text() == "x\n"
        assert not verdict_of(repo, text, again=True).reused
        assert (tmp_path / "ran").read_text() == "x\nx\n"

    def test_what_is_unknown_is_asked_again(self, repo: Repository, tmp_path: Path) -> None:
        script = tmp_path / "later.sh"
        assert verdict_of(repo, str(script)).state == UNKNOWN
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        assert verdict_of(repo, str(script)).state == APPROVED
        assert [one.state for one in list_verdicts(repo)] == [APPROVED]

    def test_of_three_that_want_the_same_one_works(self, repo: Repository, tmp_path: Path) -> None:
        assert repo.top is not None
        text = f"echo x >> {tmp_path}/ran; sleep 0.5"
        processes = [
            subprocess.Popen([sys.executable, "-c", AT_ONCE, str(repo.top), text], stdout=-1)
            for _ in range(3)
        ]
        said = sorted(one.communicate(timeout=30)[0] for one in processes)
        assert said == [b"approved False\n", b"approved True\n", b"approved True\n"]
        assert (tmp_path / "ran").read_text() == "x\n"

    def test_asked_again_at_once_each_is_answered(self, repo: Repository, tmp_path: Path) -> None:
        verdict_of(repo, f"echo x >> {tmp_path}/ran; sleep 0.2")
        calls = [
            threading.Thread(
                target=verdict_of,
                args=(repo, f"echo x >> {tmp_path}/ran; sleep 0.2"),
                kwargs={"again": True},
            )
            for _ in range(2)
        ]
        for one in calls:
            one.start()
        for one in calls:
            one.join()
        assert (tmp_path / "ran").read_text() == "x\nx\n", "the second took the answer of the first"


AT_ONCE = """
import sys
from gitcoord.git.repository import Repository
from gitcoord.reviews.verdicts.checking import subject_of, validate
from gitcoord.reviews.verdicts.validator import COMMAND, Validator
repo = Repository.find(sys.argv[1])
slow = Validator("slow", COMMAND, command=sys.argv[2])
(found,) = validate(repo, subject_of(repo, "HEAD"), [slow])
print(found.state, found.reused)
"""
KILLED = """
import sys
from gitcoord.git.repository import Repository
from gitcoord.reviews.verdicts.checking import subject_of, validate
from gitcoord.reviews.verdicts.validator import COMMAND, Validator
repo = Repository.find(sys.argv[1])
quick = Validator("quick", COMMAND, command="true")
slow = Validator("slow", COMMAND, command=sys.argv[2])
validate(repo, subject_of(repo, "HEAD"), [quick, slow], workers=2)
"""


def killed(repo: Repository, pid: Path, number: int) -> None:
    text = f"sleep 300 & echo $! > {pid}.new; mv {pid}.new {pid}; wait"
    assert repo.top is not None
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(repo.top), text])
    try:
        until(pid.exists)
        until(lambda: len(list_verdicts(repo)) == 1)
        process.send_signal(number)
        process.wait(20)
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way_what_was_done_stands_and_nothing_else(
    repo: Repository, tmp_path: Path, number: int
) -> None:
    pid = tmp_path / "pid"
    killed(repo, pid, number)
    until(lambda: not is_alive(pid))
    subject = subject_of(repo, "HEAD")
    (done,) = list_verdicts(repo)
    assert (done.validator, done.state) == ("quick", APPROVED)
    slow = command("true", name="slow")
    assert not is_held(repo.own_dir, f"verdict-{verdict_id(subject, slow)}")
    quick, late = validate(repo, subject, [command("true", name="quick", seconds=900), slow])
    assert (quick.reused, late.state) == (True, APPROVED)
    assert list_leftovers(repo) == []


class TestOthers:
    def test_built_in_checks_say_where(self, sandbox: Sandbox, repo: Repository) -> None:
        sandbox.commit("bad", {"bad.py": "x = (\n", "key.txt": f"token = {SECRET}\n"})
        listed = [Validator(name, BUILTIN, largest=5_000_000) for name in BUILTINS]
        found = {one.validator: one for one in validate(repo, subject_of(repo, "HEAD"), listed)}
        assert [found[name].state for name in BUILTINS] == [APPROVED, REFUSED, APPROVED, REFUSED]
        places = [(one.path, one.line) for one in found["secrets"].comments]
        assert places == [("key.txt", 1)]
        assert [one.path for one in found["syntax"].comments] == ["bad.py"]

    def test_several_at_once_each_with_a_tree_of_its_own(self, repo: Repository) -> None:
        listed = [
            command(
                f"echo {number} > mine; sleep 0.1; test $(cat mine) = {number}", name=f"{number}"
            )
            for number in range(4)
        ]
        found = validate(repo, subject_of(repo, "HEAD"), listed, workers=4)
        assert [one.state for one in found] == [APPROVED] * 4
        assert [one.validator for one in found] == ["0", "1", "2", "3"]

    def test_a_role_without_anyone_to_ask_is_unknown(self, repo: Repository) -> None:
        subject = subject_of(repo, "HEAD")
        (found,) = validate(repo, subject, [Validator("reviewer", ROLE, role="reviewer")])
        assert found.state == UNKNOWN

    def test_a_bug_of_ours_is_raised_and_ends_the_others(
        self, repo: Repository, tmp_path: Path
    ) -> None:
        def broken(_validator: Validator, _subject: object) -> Verdict:
            until((tmp_path / "pid").exists)
            raise RuntimeError("a bug")

        listed = [
            Validator("reviewer", ROLE, role="reviewer"),
            command(f"sleep 300 & echo $! > {tmp_path}/pid; wait"),
        ]
        with pytest.raises(RuntimeError):
            validate(repo, subject_of(repo, "HEAD"), listed, workers=2, role=broken)
        until(lambda: not is_alive(tmp_path / "pid"))
        assert find_verdicts(repo, subject_of(repo, "HEAD"), listed) == {}


class TestSubject:
    def test_a_commit_is_compared_with_its_parent(self, sandbox: Sandbox, repo: Repository) -> None:
        head, parent = sandbox.git("rev-parse", "HEAD", "HEAD~1").split()
        found = subject_of(repo, "")
        assert (found.commit, found.base) == (head, parent)
        assert (found.branch, found.worktree) == ("refs/heads/main", "")
        assert subject_of(repo, "HEAD~2").base == "", "a first commit"

    def test_a_branch_with_where_it_left_the_main_worktree(
        self, sandbox: Sandbox, repo: Repository
    ) -> None:
        start = sandbox.git("rev-parse", "HEAD")
        sandbox.git("switch", "-qc", "feature")
        for number in range(2):
            sandbox.commit(f"{number}", {"f.txt": f"{number}\n"})
        sandbox.git("switch", "-q", "main")
        sandbox.commit("main", {"m.txt": "m\n"})
        found = subject_of(repo, "feature")
        assert (found.base, found.branch) == (start, "refs/heads/feature")
        assert subject_of(repo, "feature", base="feature~1").base == sandbox.git(
            "rev-parse", "feature~1"
        )

    @pytest.mark.parametrize("name", ["nothing", "-x", "^HEAD", "a\0b", "HEAD^{tree}"])
    def test_a_name_that_is_none(self, repo: Repository, name: str) -> None:
        from gitcoord.errors import NoSuch

        with pytest.raises(NoSuch):
            subject_of(repo, name)
