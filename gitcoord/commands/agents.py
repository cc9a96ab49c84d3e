"""`gitcoord agents`: the roles there are, who fits a task, and where more come from."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.agents_runners import EXAMPLES, runners
from gitcoord.commands.asking import (
    NO,
    AsJson,
    Asked,
    DryRun,
    Force,
    asked_of,
    examples,
    family,
    read_task,
)
from gitcoord.commands.role_rows import print_roles
from gitcoord.runs import picking
from gitcoord.runs.picking import Picked
from gitcoord.runs.roles import read_roles, whole
from gitcoord.view import agents as view

app = family(summary="The roles agents can have: list, show, search, pick, import.", alone=True)
app.command(epilog=EXAMPLES)(runners)


@app.callback(
    epilog=examples("gitcoord agents list", 'gitcoord agents pick "the orders query is slow"')
)
def alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        print_roles(asked_of(ctx), as_json=False)


def complete_capabilities(incomplete: str) -> list[str]:
    """Words of the vocabulary that begin with what was typed."""
    from gitcoord.runs.capabilities import CAPABILITIES

    return [name for name in CAPABILITIES if name.startswith(incomplete)]


def complete_roles(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of roles that begin with what was typed."""
    names = read_roles(asked_of(ctx).find_repository()).by_name
    return sorted(name for name in names if name.startswith(incomplete))


RoleName = Annotated[
    str, typer.Argument(metavar="NAME", help="A role's name.", autocompletion=complete_roles)
]
Capabilities = Annotated[
    list[str] | None,
    typer.Option(
        "--capability",
        metavar="NAME",
        help="Only who can do this; may be repeated.",
        autocompletion=complete_capabilities,
    ),
]


@app.command(
    "list",
    epilog=examples("gitcoord agents list", "gitcoord agents list --capability security --json"),
)
def list_agents(
    ctx: typer.Context, *, capability: Capabilities = None, as_json: AsJson = False
) -> None:
    """All roles: the repository's, your own, imported ones, and those that come with gitcoord."""
    print_roles(asked_of(ctx), capabilities=capability or (), as_json=as_json)


@app.command(epilog=examples("gitcoord agents show reviewer"))
def show(ctx: typer.Context, name: RoleName, *, as_json: AsJson = False) -> None:
    """One role: what it may use, where it is from, whom it stands in front of, its prompt."""
    asked = asked_of(ctx)
    roles = read_roles(asked.find_repository())
    one = roles.find(name)
    role, others = whole(one), roles.shadowed(one)
    if as_json:
        asked.screen.answer_json(view.whole_json(one, role, others))
    else:
        asked.screen.answer(view.whole_text(one, role, others))


@app.command(
    epilog=examples("gitcoord agents search security", "gitcoord agents search slow queries")
)
def search(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORDS", show_default=False)],
    *,
    as_json: AsJson = False,
) -> int | None:
    """Roles whose name, capabilities or description have these words, most telling first."""
    asked = asked_of(ctx)
    roles = read_roles(asked.find_repository())
    return _answer_picked(asked, picking.search(roles, " ".join(words)), as_json=as_json)


@app.command(
    epilog=examples(
        'gitcoord agents pick "why is the search slow since the last release?"',
        'gitcoord agents pick "let users change their mail" --capability backend --json',
    )
)
def pick(
    ctx: typer.Context,
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="What is to be done; - reads it from stdin.")
    ],
    *,
    capability: Capabilities = None,
    most: Annotated[int, typer.Option(min=1, help="How many to name.")] = 10,
    as_json: AsJson = False,
) -> int | None:
    """Who fits a task, best first, with the reasons: required capabilities, then what the words
    say, then how the role's tasks here went."""
    asked = asked_of(ctx)
    repo = asked.find_repository()
    picked = picking.pick_roles(repo, read_task(task), capability or ())
    return _answer_picked(asked, picked[:most], as_json=as_json)


@app.command(
    "import",
    epilog=examples(
        "gitcoord agents import https://github.com/OWNER/NAME@v1.2 --dry-run",
        "gitcoord agents import ~/roles --allow-tool Bash",
    ),
)
def import_roles(
    ctx: typer.Context,
    place: Annotated[
        str,
        typer.Argument(
            metavar="PLACE", help="DIR, DIR@COMMIT, GIT-URL or GIT-URL@COMMIT.", show_default=False
        ),
    ],
    *,
    allow_tool: Annotated[
        list[str] | None,
        typer.Option(metavar="TOOL", help="Give it to roles that ask for it; may be repeated."),
    ] = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take roles over from a collection; again, to have its newer ones.

    They get tools that read and that change files of their worktree, never more than a role of
    their name has here already; Bash, the web and mcp__* only where --allow-tool names them.
    """
    from gitcoord.runs.collecting import read_collection
    from gitcoord.runs.importing import plan_import, take_over

    asked = asked_of(ctx)
    repo = asked.repository
    collection = read_collection(place, asked.folder, asked.screen.say)
    import_them = plan_import if dry_run else take_over
    plan = import_them(repo, collection, allow_tool or (), force=force)
    if as_json:
        asked.screen.answer_json(view.import_json(plan, dry_run=dry_run))
        return
    asked.screen.table(view.IMPORTED, [view.incoming_cells(one) for one in plan.roles])
    for path, why in plan.left_out:
        asked.screen.warn(f"left out {path}: {why}")
    for name in plan.gone:
        asked.screen.warn(f"{name} is not there any more; drop it: gitcoord agents remove {name}")
    asked.screen.say(view.import_line(plan, dry_run=dry_run))


@app.command(epilog=examples("gitcoord agents remove backend-development-backend-architect"))
def remove(
    ctx: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="An imported role.", autocompletion=complete_roles),
    ],
    *,
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Delete imported roles; refused for one that was changed by hand."""
    from gitcoord.runs.importing import find_imported, remove_imported

    asked = asked_of(ctx)
    chosen = [find_imported(asked.repository, name, force=force) for name in names]
    for one in chosen:
        if not dry_run:
            remove_imported(one)
        asked.screen.say(f"{'would remove' if dry_run else 'removed'} {one.role.source}")


def _answer_picked(asked: Asked, picked: list[Picked], *, as_json: bool) -> int | None:
    if as_json:
        asked.screen.answer_json([view.picked_json(one) for one in picked])
    else:
        asked.screen.table(view.PICKED, [view.picked_cells(one) for one in picked])
    if picked:
        return None
    asked.screen.say("nothing speaks for any role; all of them: gitcoord agents list")
    return NO
