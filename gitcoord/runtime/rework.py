"""Asking an agent again: what was said of its work becomes its next prompt.

Promises: what waits is given to one host only, under the lease of the run, and is on record as
given before the agent starts. Refuses, with where to read it, where no agent of ours was at work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from gitcoord.config import Config
from gitcoord.coordination.inputs import Input, list_inputs
from gitcoord.coordination.waiting import count_waiting, waits
from gitcoord.errors import NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runs.rounds import asked_again, begin_round
from gitcoord.runs.run import DONE, Moment, Run, list_runs, log_of, read_run
from gitcoord.runtime.local import HUMAN
from gitcoord.runtime.work import find_stopped, go_on
from gitcoord.worktrees.worktree import Worktree, view_worktrees


def find_unfinished(repo: Repository, worktree_id: str, inputs: Sequence[Input]) -> Run | None:
    """The run to go on with: the last, when it stopped or its agent is to hear `inputs`. None
    where these wait and there is nobody to tell. Raises NoSuch when there is nothing to do."""
    if not inputs:
        return find_stopped(repo, worktree_id)
    runs = [run for run in list_runs(repo) if run.worktree_id == worktree_id]
    if runs and (runs[-1].state != DONE or asked_again(repo, runs[-1])):
        return runs[-1]
    return None


def nobody_to_tell(worktree_id: str, inputs: Sequence[Input]) -> NoSuch:
    """The problem that nobody works there whom a run could ask again."""
    return NoSuch(
        f"{waits(len(inputs))} for whoever works in {worktree_id}: no agent of a run did",
        hint=f"read it: gitcoord show {worktree_id}; when it is seen to: "
        f'gitcoord resume {worktree_id} --done "how"',
    )


def find_waiting(repo: Repository) -> list[str]:
    """Ids of the worktrees, of those there are, whose agent is to hear something, and was done."""
    worktrees = set(count_waiting(repo, bad=[]))
    if worktrees:
        worktrees &= {one.id for one in view_worktrees(repo).mine}
    last = {run.worktree_id: run for run in list_runs(repo)} if worktrees else {}
    return [
        name
        for name, run in last.items()
        if name in worktrees and run.state == DONE and asked_again(repo, run)
    ]


def finish(
    repo: Repository, run: Run, worktree: Worktree, *, author: str, config: Config,
    progress: Callable[[Moment], None],
) -> Run:  # fmt: skip
    """Drive a run to its end; then once more, for what waits for its agent by now. Only once:
    what is said of that is for whoever resumes it next, and pays for it."""

    def driven(run: Run, first: Callable[[], None] | None = None) -> Run:
        return go_on(
            repo, run, worktree, author=author, config=config, progress=progress, first=first
        )

    if run.state != DONE:
        run = driven(run)
    waiting = run.state == DONE and list_inputs(repo, worktree.id, bad=[])
    if waiting and asked_again(repo, run):
        run = driven(run, partial(_take_in, repo, run.id))
    return run


def _take_in(repo: Repository, run_id: str) -> None:
    """Open the task again whose agent is to hear what waits; the caller has the run's lease."""
    run = read_run(repo, run_id)
    task = asked_again(repo, run)
    if task is None or run.tasks[task.name]["state"] != DONE:
        return
    if task.runner == HUMAN:
        # It said the task is done as it was asked before. The record still does.
        log_of(repo, run_id, task.name).with_suffix(".done").unlink(missing_ok=True)
    begin_round(repo, run_id, task.name)
