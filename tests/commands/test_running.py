"""start and resume, as runs: what is done, what is shown before, and going on after a stop."""

from __future__ import annotations

from gitcoord.config import Config, shipped
from gitcoord.git.repository import Repository
from gitcoord.runs.run import begin_task, list_runs
from gitcoord.runs.workflow import read_workflow
from gitcoord.runtime.local import Brief
from gitcoord.runtime.work import begin, staff
from gitcoord.worktrees.worktree import view_worktrees
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin as make


def stopped(sandbox: Sandbox) -> str:
    """A run whose host died at its first task. Returns the worktree's id."""
    made = make(at=sandbox.path)
    repo = Repository.find(sandbox.path)
    (worktree,) = view_worktrees(repo).mine
    workflow = read_workflow(shipped("templates") / "workflows" / "investigation.toml")
    brief = Brief("why does login fail", worktree.base["id"])
    run = begin(repo, worktree, staff(repo, workflow, brief, Config()), brief)
    begin_task(repo, run.id, "detect")
    return str(made["id"])


def test_a_plan_of_what_is_left(sandbox: Sandbox) -> None:
    worktree_id = stopped(sandbox)
    said = gitcoord("resume", worktree_id, "--dry-run", "--json", at=sandbox.path)
    assert [task["name"] for task in said.json["tasks"]] == ["detect", "research", "analyse"]
    plain = gitcoord("resume", worktree_id, "--dry-run", at=sandbox.path)
    assert "detective on local" in plain.out
    (run,) = list_runs(Repository.find(sandbox.path))
    assert run.tasks["detect"]["state"] == "running", "looking changes nothing"


def test_it_goes_on_where_it_stopped_and_then_is_done(sandbox: Sandbox) -> None:
    worktree_id = stopped(sandbox)
    said = gitcoord("resume", "--json", at=sandbox.path)
    assert said.code == 0, said.err
    assert {task["state"] for task in said.json["run"]["tasks"].values()} == {"done"}
    again = gitcoord("resume", worktree_id, at=sandbox.path)
    assert (again.code, "is done" in again.err) == (2, True)
    none = gitcoord("resume", at=sandbox.path)
    assert (none.code, "no run has stopped" in none.err) == (2, True)


def test_without_a_model_a_development_is_planned_and_not_built(sandbox: Sandbox) -> None:
    words = ("start", "development", "let users log out", "--dry-run", "--json")
    tasks = gitcoord(*words, at=sandbox.path).json["tasks"]
    assert [(task["name"], task["runner"]) for task in tasks] == [("plan", "local")]
