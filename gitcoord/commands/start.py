"""start: a worktree for a task, and its agents at work in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, Asked, DryRun, asked_of, examples, family, read_task
from gitcoord.commands.seeing import settled
from gitcoord.config import shipped, user_file
from gitcoord.git.repository import Repository
from gitcoord.view import worktrees as view
from gitcoord.worktrees.kinds import find_kind, list_kinds
from gitcoord.worktrees.place import sort_paths
from gitcoord.worktrees.start import Plan, Wish, plan_start
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


KindName = Annotated[
    str,
    typer.Argument(
        metavar="KIND",
        help="investigation, development, or your own.",
        autocompletion=complete_kinds,
    ),
]
Task = Annotated[
    str, typer.Argument(metavar="TASK", help="What to find out, or to do; - reads it from stdin.")
]
From = Annotated[
    str, typer.Option("--from", metavar="REF", help="Where to start from; HEAD if not said.")
]
Name = Annotated[
    str | None, typer.Option(metavar="SLUG", help="For the id, in place of the task's words.")
]
WithChanges = Annotated[
    bool, typer.Option("--with-changes", help="Carry your uncommitted work over; yours stays.")
]
Paths = Annotated[
    list[Path] | None,
    typer.Option(
        "--path",
        help="A path that is tracked: look only there (may be repeated). "
        "Any other: where to put the worktree.",
    ),
]
Logs = Annotated[
    list[Path] | None,
    typer.Option("--log", metavar="FILE", help="A log to read; may be repeated."),
]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="Look only at what came after.")]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="Look only at what came before.")]
Bisect = Annotated[
    str | None,
    typer.Option(metavar="CMD", help="Find the first commit at which this command fails."),
]
Good = Annotated[
    list[str] | None,
    typer.Option(metavar="REF", help="Where that command succeeds; may be repeated."),
]
Bad = Annotated[
    str | None, typer.Option(metavar="REF", help="Where it fails; the base if not said.")
]
BisectTimeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="How long one test may take.")
]
With = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="RUNNER",
        help="What agents run on: local, api, claude, codex, … or auto.",
    ),
]
Model = Annotated[str, typer.Option(metavar="NAME", help="The model; any name is accepted.")]
Command = Annotated[
    str,
    typer.Option(
        "--command",
        metavar="CMD",
        help="The program of --with command; {prompt_file} and {prompt} are filled in.",
    ),
]
Budget = Annotated[
    list[str] | None,
    typer.Option(
        metavar="AMOUNT",
        help="The most this run may use: 5 (dollars), '2M tokens', '40 turns', '1h'; repeatable.",
    ),
]
NoRun = Annotated[bool, typer.Option("--no-run", help="Only the worktree, no agents.")]


@app.command(
    epilog=examples(
        'gitcoord start investigation "why does login fail intermittently?"',
        'gitcoord start investigation "500 after deploy" --log app.log --since "2 weeks ago"',
        'gitcoord start investigation "search is empty" --bisect "make test" --good v1.4',
        'gitcoord start development "let users change their mail" --from origin/main',
        'gitcoord start development "speed up the cart" --with claude --budget 2',
    )
)
def start(
    ctx: typer.Context,
    kind: KindName,
    task: Task,
    *,
    from_ref: From = "",
    name: Name = None,
    with_changes: WithChanges = False,
    paths: Paths = None,
    logs: Logs = None,
    since: Since = None,
    until: Until = None,
    bisect: Bisect = None,
    good: Good = None,
    bad: Bad = None,
    bisect_timeout: BisectTimeout = None,
    runner: With = "",
    model: Model = "",
    command: Command = "",
    budget: Budget = None,
    no_run: NoRun = False,
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
        find_kind(kind, folders), read_task(task),
        from_ref=from_ref, slug=name, path=place, with_changes=with_changes,
    )  # fmt: skip
    seen = view_worktrees(repo)
    if not dry_run and settled(asked, seen):
        seen = view_worktrees(repo)
    plan = plan_start(repo, wish, asked.config, worktrees=seen.listed)
    if no_run:
        made = None if dry_run else _make(asked, plan)
        _answer(asked, plan, made, as_json=as_json)
        return None
    from gitcoord.commands import running  # with all analysers: 150 ms

    return running.run_new(
        asked, plan, lambda: _make(asked, plan),
        logs=logs or (), since=since, until=until, within=within,
        bisect=bisect, good=good or (), bad=bad, bisect_timeout=bisect_timeout,
        agents=running.Agents(runner, model, command, tuple(budget or ())),
        dry_run=dry_run, as_json=as_json,
    )  # fmt: skip


def _make(asked: Asked, plan: Plan) -> Worktree:
    repo = asked.repository
    asked.screen.say(f"starting from {plan.base}")
    for note in plan.notes:
        asked.screen.warn(note)
    made = start_worktree(repo, plan, say=asked.screen.say)
    asked.screen.say(f"{made.id} at {made.path}")
    return made


def _answer(asked: Asked, plan: Plan, made: Worktree | None, *, as_json: bool) -> None:
    """made: None when nothing was to be."""
    if made is None and as_json:
        asked.screen.answer_json({**view.plan_json(plan), "tasks": []})
    elif made is None:
        asked.screen.answer("\n".join(view.plan_lines(plan)))
    elif as_json:
        asked.screen.answer_json({"worktree": view.worktree_json(made)})
    else:
        asked.screen.answer(f"{made.id}\n  at      {made.path}\n  branch  {made.branch}")
