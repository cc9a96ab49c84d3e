"""start: a worktree for a task, and its agents at work in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, Asked, DryRun, asked_of, examples, family
from gitcoord.commands.seeing import settled
from gitcoord.config import shipped, user_file
from gitcoord.errors import BadInput
from gitcoord.git.repository import Repository
from gitcoord.view import worktrees as view
from gitcoord.worktrees.kinds import find_kind, list_kinds
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


def sort_paths(repo: Repository, paths: list[Path], base: str) -> tuple[Path | None, list[str]]:
    """Paths that the base tracks narrow the search; one that it does not is the place.

    Raises BadInput for two places, and for one inside a tracked folder: more likely a slip.
    """
    if not paths:
        return None, []
    from gitcoord.git.objects import Reader

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
