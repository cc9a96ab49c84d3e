"""start: a worktree for a task, and its agents at work in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import (
    NO,
    AsJson,
    Asked,
    DryRun,
    WorktreeId,
    asked_of,
    examples,
    family,
)
from gitcoord.commands.worktrees import find, settled
from gitcoord.config import shipped, user_file
from gitcoord.errors import BadInput
from gitcoord.git.objects import Reader
from gitcoord.git.repository import Repository
from gitcoord.runs.run import DONE, Run
from gitcoord.runs.workflow import Task, read_workflow
from gitcoord.runtime.host import Moment
from gitcoord.runtime.local import Bisection, Brief
from gitcoord.runtime.work import begin, check_brief, find_stopped, go_on
from gitcoord.view import worktrees as view
from gitcoord.view.run import Board, outcome_json, show_outcome
from gitcoord.worktrees.findings import list_findings
from gitcoord.worktrees.kinds import find_kind, list_kinds
from gitcoord.worktrees.start import Plan, Wish, author_of, plan_start
from gitcoord.worktrees.start import start as start_worktree
from gitcoord.worktrees.worktree import Worktree, view_worktrees

app = family()


def complete_kinds(incomplete: str) -> list[str]:
    """Kinds that begin with what was typed: those shipped and the user's own."""
    return [kind for kind in list_kinds(kind_folders(None)) if kind.startswith(incomplete)]


def kind_folders(repo: Repository | None) -> list[Path]:
    """Where templates of kinds are, nearest first."""
    own = [repo.own_dir / "workflows"] if repo else []
    return [*own, user_file().parent / "workflows", shipped("templates") / "workflows"]


@app.command(
    epilog=examples(
        'gitcoord start investigation "why does login fail intermittently?"',
        'gitcoord start investigation "500 after deploy" --log app.log --since "2 weeks ago"',
        'gitcoord start investigation "search is empty" --bisect "make test" --good v1.4',
        'gitcoord start development "let users change their mail" --from origin/main',
    )
)
def start(
    ctx: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="investigation, development, or your own.",
            autocompletion=complete_kinds,
        ),
    ],
    task: Annotated[str, typer.Argument(metavar="TASK", help="What to find out, or to do.")],
    *,
    from_ref: Annotated[
        str, typer.Option("--from", metavar="REF", help="Where to start from; HEAD if not said.")
    ] = "",
    name: Annotated[
        str | None, typer.Option(metavar="SLUG", help="For the id, in place of the task's words.")
    ] = None,
    with_changes: Annotated[
        bool, typer.Option("--with-changes", help="Carry your uncommitted work over; yours stays.")
    ] = False,
    paths: Annotated[
        list[Path] | None,
        typer.Option(
            "--path",
            help="A path that is tracked: look only there (may be repeated). "
            "Any other: where to put the worktree.",
        ),
    ] = None,
    logs: Annotated[
        list[Path] | None,
        typer.Option("--log", metavar="FILE", help="A log to read; may be repeated."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Look only at what came after.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Look only at what came before.")
    ] = None,
    bisect: Annotated[
        str | None,
        typer.Option(metavar="CMD", help="Find the first commit at which this command fails."),
    ] = None,
    good: Annotated[
        list[str] | None,
        typer.Option(metavar="REF", help="Where that command succeeds; may be repeated."),
    ] = None,
    bad: Annotated[
        str | None, typer.Option(metavar="REF", help="Where it fails; the base if not said.")
    ] = None,
    bisect_timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long one test may take.")
    ] = None,
    no_run: Annotated[bool, typer.Option("--no-run", help="Only the worktree, no agents.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Make a worktree for a task, with its agents' context, and set them to work.

    Your own checkout is not touched. Without a model the agents are analysers of code,
    history, structure and logs.
    """
    asked = asked_of(ctx)
    repo = asked.repository
    folders = kind_folders(repo)
    base = asked.config.worktree.base
    place, within = sort_paths(repo, [asked.file(path) for path in paths or ()], from_ref or base)
    wish = Wish(
        find_kind(kind, folders), task,
        from_ref=from_ref, slug=name, path=place, with_changes=with_changes,
    )  # fmt: skip
    plan = plan_start(repo, wish, asked.config)
    workflow = read_workflow(plan.kind.source)
    brief = Brief(
        plan.task, plan.base.id,
        logs=tuple(asked.file(log) for log in logs or ()),
        since=since, until=until, within=tuple(within),
        bisection=_bisection(plan, bisect, good, bad, bisect_timeout),
        workers=asked.config.run.workers,
    )  # fmt: skip
    if not no_run:
        check_brief(repo, workflow, brief)
    if dry_run:
        _show_plan(asked, plan, [] if no_run else workflow.tasks, as_json=as_json)
        return None
    settled(asked, view_worktrees(repo))
    asked.screen.say(f"starting from {plan.base}")
    for note in plan.notes:
        asked.screen.warn(note)
    made = start_worktree(repo, plan, say=asked.screen.say)
    asked.screen.say(f"{made.id} at {made.path}")
    if no_run:
        _answer_made(asked, made, as_json=as_json)
        return None
    run = begin(repo, made, workflow, brief)
    return work(asked, run, made, author=plan.author, as_json=as_json)


@app.command(epilog=examples("gitcoord resume login-fails"))
def resume(ctx: typer.Context, part: WorktreeId, *, as_json: AsJson = False) -> int | None:
    """Go on with a run that stopped, where it was."""
    asked = asked_of(ctx)
    worktree = find(asked, part)
    run = find_stopped(asked.repository, worktree.id)
    return work(asked, run, worktree, author=author_of(asked.repository), as_json=as_json)


def work(asked: Asked, run: Run, worktree: Worktree, *, author: str, as_json: bool) -> int | None:
    """Drive a run with live progress, then show what it found. A failed task is exit code 1."""
    repo = asked.repository
    board = Board(run)
    with asked.screen.progress() as progress:

        def happened(moment: Moment) -> None:
            line = board.take(moment)
            progress.show(board.lines())
            if line:
                progress.say(line)

        run = go_on(repo, run, worktree, author=author, progress=happened)
    found = list_findings(repo, worktree.id, worktree.branch)
    if as_json:
        asked.screen.answer_json(outcome_json(worktree, run, found))
    else:
        show_outcome(asked.screen, worktree, run, found)
    return None if run.state == DONE else NO


def sort_paths(repo: Repository, paths: list[Path], base: str) -> tuple[Path | None, list[str]]:
    """Paths that the base tracks narrow the search; one that it does not is the place.

    Raises BadInput for two places, and for one inside a tracked folder: more likely a slip.
    """
    inside = {path: _inside(repo, path) for path in paths}
    with Reader(repo) as reader:
        tracked = {
            path: name
            for path, name in inside.items()
            if name is not None and reader.find(f"{base or 'HEAD'}:{name}") is not None
        }
        places = [path for path in paths if path not in tracked]
        for path in places:
            folder = (inside[path] or "").partition("/")[0]
            if folder and reader.find(f"{base or 'HEAD'}:{folder}") is not None:
                raise BadInput(
                    f"{inside[path]} is not in {base or 'HEAD'}, and no place for a worktree",
                    hint=f"see what there is: git ls-tree -r --name-only {base or 'HEAD'}",
                )
    if len(places) > 1:
        raise BadInput(
            f"a worktree has one place, not {len(places)}: {places[0]} and {places[1]}",
            hint="see: gitcoord start --help",
        )
    return (places[0] if places else None), list(tracked.values())


def _inside(repo: Repository, path: Path) -> str | None:
    """The path relative to the top of the worktree we stand in, None outside of it."""
    absolute = Path(os.path.normpath(path))
    if repo.top is None or not absolute.is_relative_to(repo.top):
        return None
    return str(absolute.relative_to(repo.top)) if absolute != repo.top else None


def _bisection(
    plan: Plan, command: str | None, good: list[str] | None, bad: str | None, timeout: float | None
) -> Bisection | None:
    if command is None:
        if good or bad:
            raise BadInput(
                "--good and --bad are the ends of a bisection, which needs a command",
                hint='say how a commit is tested: --bisect "CMD"',
            )
        return None
    if not good:
        raise BadInput(
            "a bisection needs to know where the command succeeded",
            hint="name a commit, tag or branch: --good REF",
        )
    return Bisection(command, tuple(good), bad or plan.base.id, timeout)


def _show_plan(asked: Asked, plan: Plan, tasks: Sequence[Task], *, as_json: bool) -> None:
    if as_json:
        asked.screen.answer_json({**view.plan_json(plan), "tasks": [vars(task) for task in tasks]})
    else:
        lines = [f"  then      {task.role}: {task.does}" for task in tasks]
        asked.screen.answer("\n".join([*view.plan_lines(plan), *lines]))


def _answer_made(asked: Asked, made: Worktree, *, as_json: bool) -> None:
    if as_json:
        asked.screen.answer_json({"worktree": view.worktree_json(made)})
    else:
        asked.screen.answer(f"{made.id}\n  at      {made.path}\n  branch  {made.branch}")
