from gitcoord.git.repository import Repository
from gitcoord.process import hold
from gitcoord.runs.run import (
    begin_task,
    close,
    create_run,
    end_task,
    is_hosted,
    list_runs,
    list_stopped,
    read_run,
    reopen,
)
from gitcoord.runs.workflow import Task, Workflow
from tests.conftest import Sandbox

DIAMOND = Workflow(
    "diamond",
    (
        Task("a", "x", (), ""),
        Task("b", "x", ("a",), ""),
        Task("c", "x", ("a",), ""),
        Task("d", "x", ("b", "c"), ""),
    ),
)


def states(repo: Repository, run_id: str) -> dict[str, str]:
    return {name: task["state"] for name, task in read_run(repo, run_id).tasks.items()}


def test_a_task_is_ready_when_all_it_needs_is_done(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    run = create_run(repo, "w", DIAMOND, {"text": "why"})
    assert [task.name for task in run.ready()] == ["a"]
    begin_task(repo, run.id, "a")
    run = end_task(repo, run.id, "a")
    assert [task.name for task in run.ready()] == ["b", "c"]
    run = end_task(repo, run.id, "b")
    assert [task.name for task in run.ready()] == ["c"]
    run = end_task(repo, run.id, "c")
    assert [task.name for task in run.ready()] == ["d"]
    end_task(repo, run.id, "d")
    assert close(repo, run.id).state == "done"


def test_what_needs_a_failed_task_is_skipped_and_the_run_failed(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    run = create_run(repo, "w", DIAMOND, {"text": "why"})
    end_task(repo, run.id, "a")
    end_task(repo, run.id, "b", error="it broke")
    assert states(repo, run.id) == {"a": "done", "b": "failed", "c": "waiting", "d": "skipped"}
    end_task(repo, run.id, "c")
    assert close(repo, run.id).state == "failed"


def test_reopened_run_goes_on_with_what_was_not_done(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    run = create_run(repo, "w", DIAMOND, {"text": "why"})
    end_task(repo, run.id, "a")
    begin_task(repo, run.id, "b")
    end_task(repo, run.id, "c", error="no")
    run = reopen(repo, run.id)
    assert states(repo, run.id) == {"a": "done", "b": "waiting", "c": "waiting", "d": "waiting"}
    assert "error" not in run.tasks["c"]


def test_a_run_is_hosted_as_long_as_its_lease_is_held(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    run = create_run(repo, "w", DIAMOND, {"text": "why"})
    assert [one.id for one in list_runs(repo)] == [run.id]
    with hold(repo.own_dir, run.id):
        assert is_hosted(repo, run.id)
    assert not is_hosted(repo, run.id)


def test_a_run_nobody_drives_and_that_is_not_done_is_stopped(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    first = create_run(repo, "w", DIAMOND, {"text": "why"})
    with hold(repo.own_dir, first.id):
        assert list_stopped(repo) == []
    assert [run.id for run in list_stopped(repo)] == [first.id]
    for name in "abcd":
        end_task(repo, first.id, name)
    close(repo, first.id)
    assert list_stopped(repo) == []
