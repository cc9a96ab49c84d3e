"""Agents at work, through the command line: what a run with another runner does and leaves."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gitcoord.config import Config
from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.runs.run import list_runs, task_of
from gitcoord.runtime.atwork import AtWork
from gitcoord.runtime.local import Brief
from gitcoord.state.journal import Journal
from gitcoord.testing.server import ModelServer
from gitcoord.worktrees.worktree import view_worktrees
from tests.calling import PROGRAM, Said, gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import look

WRITE = {"tools": [{"name": "write", "input": {"path": "src/new.py", "content": "new = 1\n"}}]}


def agent(folder: Path, *lines: str) -> str:
    """A program that does `lines`, as `--command` takes it."""
    script = folder / "agent.sh"
    script.write_text("#!/bin/sh\ncat > /dev/null\n" + "\n".join(lines) + "\n")
    script.chmod(0o755)
    return str(script)


def develop(sandbox: Sandbox, *lines: str, words: tuple[str, ...] = ()) -> Said:
    program = agent(sandbox.path.parent, *lines)
    task = ("start", "development", "log out", "--with", "command", "--command", program)
    return gitcoord(*task, "--json", *words, at=sandbox.path)


def run_of(sandbox: Sandbox) -> dict[str, Any]:
    (run,) = list_runs(Repository.find(sandbox.path))
    return {"state": run.state, **run.tasks["build"]}


def test_what_a_program_changed_is_committed_for_it(sandbox: Sandbox) -> None:
    before, main = look(sandbox), sandbox.git("rev-parse", "main")
    said = develop(sandbox, "echo new > new.txt", "rm src/cart.py", "echo 'Carts are gone.'")
    assert said.code == 0, said.err
    branch = said.json["worktree"]["branch"]
    changed = sandbox.git("show", "--name-status", "--format=", branch, "--", ".", ":!.agentcoord")
    assert changed.split() == ["A", "new.txt", "D", "src/cart.py"]
    message = sandbox.git("log", "-1", "--format=%B", branch)
    assert message.startswith("Builder: Carts are gone.")
    assert "Gitcoord-Runner: command" in message and "Gitcoord-Cost" not in message
    assert sandbox.git("status", "--porcelain", at=Path(said.json["worktree"]["path"])) == ""
    after = look(sandbox)
    assert (after.status, after.stash) == (before.status, before.stash)
    assert sandbox.git("rev-parse", "main") == main
    assert "Carts are gone." in [one["title"] for one in said.json["findings"]]


def test_a_word_that_git_contradicts_is_a_problem(sandbox: Sandbox) -> None:
    said = develop(sandbox, "echo 'All done, tests pass.'")
    assert said.code == 1
    assert "changed nothing" in run_of(sandbox)["problem"]


def test_a_program_that_fails_keeps_its_work_and_can_go_on(sandbox: Sandbox) -> None:
    said = develop(
        sandbox, "test -f half && echo whole > whole && exit 0", "echo x > half", "exit 3"
    )
    assert said.code == 1
    path = Path(said.json["worktree"]["path"])
    assert (run_of(sandbox)["state"], (path / "half").exists()) == ("failed", True)
    again = gitcoord("resume", said.json["worktree"]["id"], "--json", at=sandbox.path)
    assert again.code == 0, again.err
    names = sandbox.git("ls-tree", "--name-only", said.json["worktree"]["branch"]).split()
    assert {"half", "whole"} <= set(names)
    assert run_of(sandbox)["attempt"] == 2


def test_a_task_that_failed_names_the_worktree_to_resume(sandbox: Sandbox) -> None:
    said = develop(sandbox, "exit 1")
    assert said.code == 1
    assert run_of(sandbox)["hint"].endswith(f"gitcoord resume {said.json['worktree']['id']}")


def test_a_change_outside_its_worktree_is_an_incident(sandbox: Sandbox) -> None:
    said = develop(sandbox, "echo in > in.txt", f"echo out >> {sandbox.path}/README.md", "echo ok")
    assert said.code == 1
    assert "README.md" in run_of(sandbox)["problem"]
    events = Journal(Repository.find(sandbox.path).own_dir).tail()
    assert [one.fields["path"] for one in events if one.kind == "incident"] == ["README.md"]
    assert "out" in (sandbox.path / "README.md").read_text(), "reported, never undone by itself"


def test_a_role_that_is_to_change_no_code(sandbox: Sandbox) -> None:
    program = agent(sandbox.path.parent, "echo x > x.txt", "echo 'It is the token.'")
    words = ("start", "investigation", "why", "--with", "command", "--command", program, "--json")
    said = gitcoord(*words, at=sandbox.path)
    assert said.code == 1
    (run,) = list_runs(Repository.find(sandbox.path))
    assert "x.txt" in run.tasks["analyse"]["problem"]
    worktree = said.json["worktree"]
    assert "x.txt" not in sandbox.git("ls-tree", "--name-only", worktree["branch"]).split()
    assert (Path(worktree["path"]) / "x.txt").exists()
    assert "It is the token." in gitcoord("report", worktree["id"], at=sandbox.path).out


def test_what_an_agent_wrote_itself_stays_as_it_wrote_it(sandbox: Sandbox) -> None:
    """Its own report, and a finding that is too large to be read."""
    program = agent(
        sandbox.path.parent,
        "cd .agentcoord/*/ && echo 'MY REPORT' > report.md && mkdir -p findings",
        "head -c 11000000 /dev/zero > findings/analyse-1.md",
        "echo 'It is the token.'",
    )
    words = ("start", "investigation", "why", "--with", "command", "--command", program, "--json")
    worktree = gitcoord(*words, at=sandbox.path).json["worktree"]
    folder = Path(worktree["path"]) / ".agentcoord" / worktree["id"]
    assert (folder / "report.md").read_text() == "MY REPORT\n"
    assert (folder / "findings" / "analyse-1.md").stat().st_size == 11_000_000
    assert gitcoord("report", worktree["id"], at=sandbox.path).out.strip() == "MY REPORT"


def test_an_agent_that_left_its_branch_has_not_done_its_task(sandbox: Sandbox) -> None:
    said = develop(sandbox, "git switch -q -c elsewhere", "echo x > x.txt", "echo ok")
    assert (said.code, run_of(sandbox)["state"]) == (1, "failed")
    assert "left its branch" in run_of(sandbox)["error"]
    worktree = said.json["worktree"]
    sandbox.git("switch", "-q", worktree["id"], at=Path(worktree["path"]))
    assert gitcoord("resume", at=sandbox.path).code == 0
    assert "x.txt" in sandbox.git("ls-tree", "--name-only", worktree["id"]).split()


def test_a_secret_is_not_committed(sandbox: Sandbox) -> None:
    secret = "ghp_" + "pLIix6MEOLeMa61EqJomTEI1JEzO3joOj37H"
    said = develop(sandbox, "echo fine > fine.txt", f"echo token={secret} > key.txt", "echo ok")
    branch = said.json["worktree"]["branch"]
    assert "fine.txt" in sandbox.git("ls-tree", "--name-only", branch).split()
    assert "key.txt" in run_of(sandbox)["problem"]
    with pytest.raises(AssertionError):
        sandbox.git("cat-file", "-e", f"{branch}:key.txt")
    everything = sandbox.git("log", "--all", "-p", "--format=%B")
    assert secret not in everything


def test_what_a_program_finds_in_its_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://me:secret@db")
    monkeypatch.setenv("GIT_DIR", str(sandbox.path / ".git"))
    monkeypatch.setenv("CLAUDECODE", "1")
    said = develop(sandbox, "env > env.txt", "echo ok")
    path = Path(said.json["worktree"]["path"])
    names = dict(line.partition("=")[::2] for line in (path / "env.txt").read_text().splitlines())
    assert names["GITCOORD_AGENT"].endswith("/build")
    assert not {"DATABASE_URL", "GIT_DIR", "CLAUDECODE"} & set(names)


class TestApi:
    @pytest.fixture(autouse=True)
    def key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-made-up")

    def start(
        self, sandbox: Sandbox, script: list[Any], monkeypatch: pytest.MonkeyPatch, *words: str
    ) -> Said:
        with ModelServer(script) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            return gitcoord(
                "start", "development", "log out", "--with", "api", "--json", *words,
                at=sandbox.path,
            )  # fmt: skip

    def test_it_writes_and_is_billed(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = {"input": 1_000_000, "output": 0, "cache_read": 0, "cache_write": 0}
        script = [{**WRITE, "usage": usage}, {"text": "Added new.", "usage": usage}]
        said = self.start(sandbox, script, monkeypatch, "--model", "claude-sonnet-5-5")
        assert said.code == 0, said.err
        branch = said.json["worktree"]["branch"]
        assert sandbox.git("show", f"{branch}:src/new.py") == "new = 1"
        (row,) = gitcoord("cost", "--json", at=sandbox.path).json["rows"]
        assert (row["calls"], row["dollars"]) == (2, 4.0)
        assert "Gitcoord-Cost: $4.0000" in sandbox.git("log", "-1", "--format=%B", branch)

    def test_a_spent_budget_parks_the_run_and_keeps_the_work(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = {"input": 1_000_000, "output": 0, "cache_read": 0, "cache_write": 0}
        script = [{**WRITE, "usage": usage}] * 3 + [{"text": "Added new.", "usage": usage}]
        words = ("--model", "claude-sonnet-5-5", "--budget", "3")
        said = self.start(sandbox, script, monkeypatch, *words)
        assert said.code == 1
        assert run_of(sandbox)["state"] == "parked"
        (row,) = gitcoord("cost", "--json", at=sandbox.path).json["rows"]
        assert row["dollars"] == 4.0, "overshot by one call at most"
        assert (Path(said.json["worktree"]["path"]) / "src" / "new.py").exists()

    def test_a_key_that_is_refused(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        said = self.start(sandbox, [{"error": 401, "again": True}], monkeypatch)
        assert said.code == 1
        assert run_of(sandbox)["state"] == "failed"
        assert run_of(sandbox)["attempt"] == 1
        assert "ANTHROPIC_API_KEY" in run_of(sandbox)["hint"]


def test_record_files_are_toml_and_name_the_runner(sandbox: Sandbox) -> None:
    develop(sandbox, "echo new > new.txt", "echo ok")
    (ref,) = sandbox.git("for-each-ref", "--format=%(refname)", "refs/agentcoord/runs").split()
    tasks = tomllib.loads(sandbox.git("cat-file", "blob", f"{ref}:tasks.toml"))
    assert [tasks[name]["runner"] for name in ("plan", "build")] == ["local", "command"]
    log = sandbox.path / ".git" / "agentcoord" / "logs" / ref.split("/")[-1] / "build.jsonl"
    assert os.stat(log).st_mode & 0o777 == 0o600
    assert subprocess.run(["git", "fsck", "--strict"], cwd=sandbox.path).returncode == 0


def test_a_person_does_it_and_says_done(sandbox: Sandbox) -> None:
    said = gitcoord("start", "development", "log out", "--with", "human", "--json", at=sandbox.path)
    assert (said.code, run_of(sandbox)["state"]) == (1, "parked")
    worktree = said.json["worktree"]
    assert "--done" in said.json["run"]["tasks"]["build"]["hint"]
    sandbox.write("src/out.py", "out = 1\n", Path(worktree["path"]))
    words = ("resume", worktree["id"], "--done", "One can log out.")
    done = gitcoord(*words, "--json", at=sandbox.path)
    assert done.code == 0, done.err
    assert sandbox.git("show", f"{worktree['branch']}:src/out.py") == "out = 1"
    assert (
        sandbox.git("log", "-1", "--format=%s", worktree["branch"]) == "Builder: One can log out."
    )
    assert gitcoord(*words, at=sandbox.path).code == 2


def test_an_incident_stands_in_the_record_of_a_task_that_waits(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-made-up")
    usage = {"input": 1_000_000, "output": 0, "cache_read": 0, "cache_write": 0}
    outside = f"echo out >> {sandbox.path}/README.md"
    run = {"tools": [{"name": "run", "input": {"command": outside}}], "usage": usage}
    gitcoord("config", "set", "agents.run", "unconfined", at=sandbox.path)
    with ModelServer([run, run, {"text": "done", "usage": usage}]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        words = ("--with", "api", "--model", "claude-sonnet-5-5", "--budget", "3", "--json")
        said = gitcoord("start", "development", "log out", *words, at=sandbox.path)
        task = said.json["run"]["tasks"]["build"]
        assert task["state"] == "parked"
        assert ["README.md" in line for line in task["incidents"]] == [True]
        worktree = said.json["worktree"]["id"]
        again = gitcoord("resume", worktree, "--budget", "100", "--json", at=sandbox.path)
    assert "README.md" in again.json["run"]["tasks"]["build"]["problem"]


def test_what_was_committed_before_the_host_died_is_no_contradiction(sandbox: Sandbox) -> None:
    """Killed between the commit and the end of the task: nothing is left to commit then."""
    commit = "git add made.txt; git -c user.name=a -c user.email=a@b.c commit -qm made"
    said = develop(sandbox, f"test -f made.txt || {{ echo x > made.txt; {commit}; exit 3; }}")
    assert said.code == 1
    again = gitcoord("resume", said.json["worktree"]["id"], "--json", at=sandbox.path)
    assert (again.code, run_of(sandbox).get("problem")) == (0, None), again.err


def test_findings_that_nobody_could_read_do_not_hold_up_the_host(sandbox: Sandbox) -> None:
    """A pipe, a link out of the worktree, and 11 MB: two are left out, one is told of."""
    outside = sandbox.path.parent / "outside.md"
    outside.write_text("private\n")
    said = develop(
        sandbox,
        "cd .agentcoord/* && mkdir -p findings && cd findings",
        f"mkfifo build-1.md; ln -s {outside} build-2.md",
        "head -c 11000000 /dev/zero > build-3.md; echo ok",
    )
    assert said.code == 1, "it changed nothing else"
    assert "private" not in json.dumps(said.json)
    assert "build-3.md" in run_of(sandbox)["problem"]


def test_a_worktree_that_its_agent_removed_is_not_made_again(sandbox: Sandbox) -> None:
    said = develop(sandbox, 'cd /; rm -rf "$OLDPWD"; echo gone')
    assert said.code in (1, 2)
    (run,) = list_runs(Repository.find(sandbox.path))
    assert run.state == "failed" or "problem" in run.tasks["build"]
    listed = sandbox.git("worktree", "list", "--porcelain").split("\n")
    paths = [Path(line[9:]) for line in listed if line.startswith("worktree ")]
    assert [path for path in paths if path.exists()] == [sandbox.path]


def test_no_agent_begins_after_it_was_told_to_stop(sandbox: Sandbox) -> None:
    """Also not the next attempt of one that was waiting to try again."""
    develop(sandbox, "exit 3")
    repo = Repository.find(sandbox.path)
    (run,) = list_runs(repo)
    (worktree,) = view_worktrees(repo).mine
    stopped = threading.Event()
    stopped.set()
    brief = Brief("log out", worktree.base["id"], runner="command", argv=("false",))
    at_work = AtWork(repo, worktree, run.id, brief, Config(), "A <a@b.c> 1 +0000", stopped)
    with pytest.raises(Problem, match="stopped"):
        at_work(task_of("build", run.tasks["build"]), [], lambda _: None)
    assert run_of(sandbox)["attempt"] == 1


def test_a_host_told_to_end_ends_its_agent_first(sandbox: Sandbox) -> None:
    program = agent(sandbox.path.parent, "echo $$ > pid", "echo begun", "exec sleep 60")
    words = ["start", "development", "log out", "--with", "command", "--command", program]
    host = subprocess.Popen(
        [PROGRAM, *words], cwd=sandbox.path, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        pid = int(wait_for(sandbox.path.parent, "shop.worktrees/*/pid"))
        host.terminate()
        assert host.wait(20) == 130
    finally:
        host.kill()
    assert not Path(f"/proc/{pid}").exists()
    (run,) = list_runs(Repository.find(sandbox.path))
    assert run.state == "stopped"


def wait_for(folder: Path, name: str) -> str:
    """What a file says, as soon as there is a whole line of it."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for file in folder.glob(name):
            if (said := file.read_text()).endswith("\n"):
                return said
        time.sleep(0.02)
    raise AssertionError(f"no {name}")
