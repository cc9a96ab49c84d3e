"""`gitcoord config`: the settings, shown and changed.

Reading shows what holds here, all layers applied. Changing writes one file: this repository's,
or with --user one's own. Neither `set`, `unset` nor `path` needs the settings to be readable,
so that a broken file can be mended with them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gitcoord import config
from gitcoord.commands.asking import (
    AsJson,
    Asked,
    DryRun,
    asked_of,
    complete_keys,
    examples,
    family,
)
from gitcoord.errors import NotARepository

app = family(summary="Show and change the settings, each with where it comes from.", alone=True)

KeyName = Annotated[
    str, typer.Argument(metavar="KEY", autocompletion=complete_keys, show_default=False)
]
ForUser = Annotated[
    bool, typer.Option("--user", help="In your own file, for all repositories, not in this one's.")
]
Sources = Annotated[bool, typer.Option("--sources", help="Add a column: where each value is set.")]


@app.callback(
    epilog=examples("gitcoord config list --sources", "gitcoord config set trash.days 90")
)
def alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        _list(asked_of(ctx), sources=False)


@app.command(
    "list",
    epilog=examples("gitcoord config list --sources", "gitcoord config list --json | jq .[0]"),
)
def list_settings(ctx: typer.Context, *, sources: Sources = False, as_json: AsJson = False) -> None:
    """All settings as they hold here.

    With --json a list of {"key", "value", "default", "source", "does"}; "source" is a file, a
    variable, or "default".
    """
    if as_json:
        asked = asked_of(ctx)
        rows = [_described(asked.config, key) for key in config.KEYS.values()]
        asked.screen.answer_json(rows)
    else:
        _list(asked_of(ctx), sources=sources)


@app.command(epilog=examples("gitcoord config get worktree.path"))
def get(ctx: typer.Context, key: KeyName, *, as_json: AsJson = False) -> None:
    """The value of one setting; a list has one line for each of its texts."""
    asked = asked_of(ctx)
    value = asked.config.value(key)
    if as_json:
        asked.screen.answer_json(value)
    elif isinstance(value, tuple):
        for line in value:
            asked.screen.answer(line)
    else:
        asked.screen.answer(_text(value))


@app.command(
    "set",
    epilog=examples(
        "gitcoord config set trash.days 90",
        'gitcoord config set --user worktree.path "{home}/worktrees/{repo}/{id}"',
        'gitcoord config set setup.commands "npm ci" "make assets"',
    ),
)
def set_value(
    ctx: typer.Context,
    key: KeyName,
    value: Annotated[list[str], typer.Argument(metavar="VALUE", show_default=False)],
    *,
    user: ForUser = False,
    dry_run: DryRun = False,
) -> None:
    """Change one setting; comments and order of the file stay."""
    asked = asked_of(ctx)
    parsed = config.parse(key, value)
    _apply(asked, config.plan(_file(asked, user=user), key, parsed), dry_run=dry_run)


@app.command(epilog=examples("gitcoord config unset trash.days"))
def unset(
    ctx: typer.Context, key: KeyName, *, user: ForUser = False, dry_run: DryRun = False
) -> None:
    """Take one setting out of the file, so that the layer below it holds."""
    asked = asked_of(ctx)
    _apply(asked, config.plan(_file(asked, user=user), key, None), dry_run=dry_run)


@app.command(epilog=examples('$EDITOR "$(gitcoord config path --user)"'))
def path(ctx: typer.Context, *, user: ForUser = False) -> None:
    """Where the settings of this repository are, or your own; the file need not exist yet."""
    asked = asked_of(ctx)
    asked.bare_screen.answer_path(_file(asked, user=user))


def _list(asked: Asked, *, sources: bool) -> None:
    settings = asked.config
    rows = [
        [key, *([settings.source(key)] if sources else []), _text(settings.value(key))]
        for key in config.KEYS
    ]
    asked.screen.table(["key", *(["source"] if sources else []), "value"], rows)


def _described(settings: config.Config, key: config.Key) -> dict[str, object]:
    return {
        "key": key.name,
        "value": settings.value(key.name),
        "default": key.default,
        "source": settings.source(key.name),
        "does": key.does,
    }


def _file(asked: Asked, *, user: bool) -> Path:
    if user:
        return config.user_file()
    try:
        return config.files(asked.repository.own_dir)[-1]
    except NotARepository as error:
        error.hint = "outside a repository name your own file: gitcoord config … --user"
        raise


def _apply(asked: Asked, edit: config.Edit, *, dry_run: bool) -> None:
    if not dry_run:
        # Budgets and what agents may do are settings: they are for people to change.
        from gitcoord.coordination.approvals import refuse_agent

        refuse_agent(asked.agent, "change settings")
        edit.apply()
    done = "would be" if dry_run else "is now"
    after = "not set" if edit.after is None else _text(edit.after)
    before = "not set" if edit.before is None else _text(edit.before)
    asked.bare_screen.say(f"{edit.key} {done} {after} (was {before}) in {edit.file}")


def _text(value: config.Value) -> str:
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(value)
    return str(value)
