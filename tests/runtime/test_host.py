from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Barrier, Event

import pytest

from gitcoord.analysis.finding import Evidence, Finding, Suspect
from gitcoord.config import Config, shipped
from gitcoord.errors import BadInput, Contended
from gitcoord.git.repository import Repository
from gitcoord.process import hold, is_held
from gitcoord.runs.run import Moment, create_run, read_run, reopen
from gitcoord.runs.workflow import Task, Workflow
from gitcoord.runtime.host import Product, drive, earlier_findings
from gitcoord.runtime.local import Brief
from gitcoord.runtime.work import go_on
from gitcoord.state.journal import Journal
from gitcoord.worktrees.findings import list_findings
from gitcoord.worktrees.kinds import find_kind
from gitcoord.worktrees.start import Wish, plan_start, start
from gitcoord.worktrees.worktree import Worktree
from tests.conftest import Sandbox

AUTHOR = "Ada Tester <ada@example.com> 1767323045 +0000"
CHAIN = Workflow("chain", (Task("look", "scout", (), ""), Task("think", "sage", ("look",), "")))
WIDE = Workflow("wide", (Task("left", "scout", (), ""), Task("right", "scout", (), "")))
FINDING = Finding(
    role="scout",
    title="It is the token",
    confidence=0.5,
    evidence=(Evidence("sed -n 1,3p src/auth.py", "here", path="src/auth.py", lines=(1, 3)),),
    body="Because.",
    factors={"lead": 0.25},
    files=(Suspect("src/auth.py", 0.9, ("named",)),),
    commits=(Suspect("a" * 40, 0.4, ("touched it",), "Shorten"),),
)


@pytest.fixture
def at_work(sandbox: Sandbox) -> tuple[Repository, Worktree]:
    repo = Repository.find(sandbox.path)
    kind = find_kind("investigation", [shipped("templates") / "workflows"])
    plan = plan_start(repo, Wish(kind, "why does login fail?"), Config())
    return repo, start(repo, plan)


def run_with(
    repo: Repository, worktree: Worktree, workflow: Workflow,
    runner: Callable[[Task, Sequence[Finding], Callable[[str], None]], Product],
) -> tuple[str, list[Moment]]:  # fmt: skip
    run = create_run(repo, worktree.id, workflow, {"text": "why"})
    moments: list[Moment] = []
    ended = drive(repo, run, worktree, runner, author=AUTHOR, progress=moments.append, workers=2)
    return ended.id, moments


def scout(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
    say("looking")
    return Product([FINDING], {})


def test_findings_are_committed_and_reach_the_next_task_whole(
    at_work: tuple[Repository, Worktree], sandbox: Sandbox
) -> None:
    repo, worktree = at_work
    seen: list[Sequence[Finding]] = []

    def runner(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        seen.append(earlier)
        return scout(task, earlier, say) if task.name == "look" else Product([], {})

    run_id, moments = run_with(repo, worktree, CHAIN, runner)
    assert read_run(repo, run_id).state == "done"
    assert seen == [[], [FINDING]]
    assert [moment.text for moment in moments if moment.state == "done"] == [
        "1 finding",
        "0 findings",
    ]
    assert sandbox.git("status", "--porcelain", at=worktree.path) == ""
    message = sandbox.git("log", "-1", "--format=%B", str(worktree.branch))
    assert f"Gitcoord-Run: {run_id}" in message
    names = sandbox.git("ls-tree", "-r", "--name-only", str(worktree.branch), worktree.folder)
    assert names.split("\n") == [
        f"{worktree.folder}/context.toml", f"{worktree.folder}/findings/look-1.md",
    ]  # fmt: skip


def test_what_else_is_staged_or_changed_in_the_worktree_stays_out_of_the_commit(
    at_work: tuple[Repository, Worktree], sandbox: Sandbox
) -> None:
    repo, worktree = at_work
    sandbox.write("staged.txt", "s", at=worktree.path)
    sandbox.git("add", "staged.txt", at=worktree.path)
    sandbox.write("README.md", "changed", at=worktree.path)
    before = sandbox.git("status", "--porcelain", at=worktree.path)
    run_with(repo, worktree, CHAIN, scout)
    assert sandbox.git("status", "--porcelain", at=worktree.path) == before


def test_a_problem_fails_its_task_and_what_needs_it_and_nothing_else(
    at_work: tuple[Repository, Worktree],
) -> None:
    repo, worktree = at_work

    def runner(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        raise BadInput("the log is empty")

    run_id, _ = run_with(repo, worktree, CHAIN, runner)
    run = read_run(repo, run_id)
    assert run.state == "failed"
    assert run.tasks["look"]["error"] == "the log is empty"
    assert run.tasks["think"]["state"] == "skipped"


def test_tasks_that_need_nothing_of_each_other_run_at_once(
    at_work: tuple[Repository, Worktree],
) -> None:
    repo, worktree = at_work
    both = Barrier(2, timeout=20)

    def runner(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        both.wait()
        return Product([FINDING], {})

    run_id, _ = run_with(repo, worktree, WIDE, runner)
    assert read_run(repo, run_id).state == "done"
    assert [one.id for one in list_findings(repo, worktree.id)] == ["left-1", "right-1"]


def test_a_run_that_died_goes_on_with_what_was_not_done(
    at_work: tuple[Repository, Worktree],
) -> None:
    repo, worktree = at_work

    def dies(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        if task.name == "think":
            raise KeyboardInterrupt
        return scout(task, earlier, say)

    run = create_run(repo, worktree.id, CHAIN, {"text": "why"})
    with pytest.raises(KeyboardInterrupt):
        drive(repo, run, worktree, dies, author=AUTHOR, progress=lambda _: None)
    assert read_run(repo, run.id).state == "stopped"
    done: list[str] = []

    def goes_on(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        done.append(task.name)
        return Product([], {})

    ended = drive(
        repo, reopen(repo, run.id), worktree, goes_on, author=AUTHOR, progress=lambda _: None
    )
    assert (ended.state, done) == ("done", ["think"])


def test_two_hosts_of_one_run_exclude_each_other(at_work: tuple[Repository, Worktree]) -> None:
    repo, worktree = at_work
    run = create_run(repo, worktree.id, CHAIN, {"text": "why"})
    with hold(repo.own_dir, run.id), pytest.raises(Contended):
        drive(repo, run, worktree, scout, author=AUTHOR, progress=lambda _: None)


def test_what_happened_is_in_the_journal(at_work: tuple[Repository, Worktree]) -> None:
    repo, worktree = at_work
    run_id, _ = run_with(repo, worktree, CHAIN, scout)
    events = list(Journal(repo.own_dir).tail())
    assert [(one.kind, one.fields.get("task", ""), one.fields["state"]) for one in events] == [
        ("run", "", "running"), ("task", "look", "done"), ("task", "think", "done"),
        ("run", "", "done"),
    ]  # fmt: skip
    assert {one.fields["run"] for one in events} == {run_id}


def test_findings_written_by_hand_do_not_disturb_the_analysers(
    at_work: tuple[Repository, Worktree], sandbox: Sandbox
) -> None:
    repo, worktree = at_work
    name = f"{worktree.folder}/findings/mine.md"
    sandbox.commit("By hand", {name: "no front matter at all"}, at=worktree.path)
    assert earlier_findings(repo, worktree) == []
    assert [one.id for one in list_findings(repo, worktree.id)] == ["mine"]
    assert Path(worktree.path / name).exists()


def test_a_task_done_in_part_keeps_what_it_has_and_says_what_is_missing(
    at_work: tuple[Repository, Worktree],
) -> None:
    repo, worktree = at_work

    def in_part(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        return Product([FINDING], {}, problem="no bisection")

    run_id, moments = run_with(repo, worktree, CHAIN, in_part)
    run = read_run(repo, run_id)
    assert (run.state, run.tasks["look"]["problem"]) == ("done", "no bisection")
    assert "1 finding; no bisection" in [moment.text for moment in moments]


def test_who_meets_a_live_host_changes_nothing_of_its_run(
    at_work: tuple[Repository, Worktree],
) -> None:
    repo, worktree = at_work
    met: list[str] = []

    def runner(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        second = read_run(repo, run.id)
        with pytest.raises(Contended):
            go_on(repo, second, worktree, author=AUTHOR, config=Config(), progress=lambda _: None)
        met.append(read_run(repo, run.id).tasks[task.name]["state"])
        return Product([], {})

    question = Brief("why", worktree.base["id"]).as_document()
    run = create_run(repo, worktree.id, CHAIN, question)
    drive(repo, run, worktree, runner, author=AUTHOR, progress=lambda _: None)
    assert met == ["running", "running"]


def test_the_lease_is_held_until_interrupted_agents_have_ended(
    at_work: tuple[Repository, Worktree],
) -> None:
    repo, worktree = at_work
    both, told, held = Barrier(2, timeout=20), Event(), []

    def runner(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        both.wait()
        if task.name == "left":
            raise KeyboardInterrupt
        told.wait(20)
        time.sleep(0.5)  # longer than the host takes to close the run
        held.append(is_held(repo.own_dir, run.id))
        raise BadInput("stopped")

    run = create_run(repo, worktree.id, WIDE, {"text": "why"})
    with pytest.raises(KeyboardInterrupt):
        drive(
            repo, run, worktree, runner,
            author=AUTHOR, progress=lambda _: None, workers=2, stop=told.set,
        )  # fmt: skip
    assert held == [True]
