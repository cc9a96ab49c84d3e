"""conflicts: who collides with whom, with the target, and where."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from gitcoord.commands.asking import NO, AsJson, Asked, asked_of, complete_ids, examples
from gitcoord.commands.verbs import load
from gitcoord.conflicts import radar
from gitcoord.conflicts.scan import Asked as Wish
from gitcoord.errors import BadInput
from gitcoord.records import counted
from gitcoord.view import conflicts as view

if TYPE_CHECKING:
    from gitcoord.conflicts.scan import Scan

_ALONE = "who"
_ANYWHERE = ("-q", "--quiet", "--no-color")


class _Family(TyperGroup):
    """`gitcoord conflicts` with ids, options or nothing is `gitcoord conflicts who`."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        first = next((word for word in args if word not in _ANYWHERE), "")
        if first in ("resolve", "-h", "--help"):
            self.commands["resolve"] = load("resolve")  # with all strategies: not for a look
        if first not in {*self.commands, "-h", "--help"}:
            args = [_ALONE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Family,
    add_completion=False,
    rich_markup_mode=None,
    help="Who edits the same files and lines, and who would conflict, before anyone commits. "
    "Without a command it is `who`: ids and options may follow directly.",
    epilog=examples(
        "gitcoord conflicts",
        "gitcoord conflicts login-fails --against origin/main",
        "gitcoord conflicts show login-fails cart",
    ),
)

Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID…]", help="Parts of ids.", autocompletion=complete_ids),
]
Against = Annotated[str, typer.Option(metavar="REF", help="What all are to land on.")]
CommittedOnly = Annotated[
    bool, typer.Option("--committed-only", help="Leave uncommitted work out.")
]


@app.command(
    _ALONE,
    epilog=examples(
        "gitcoord conflicts",
        "gitcoord conflicts login-fails --path src",
        "gitcoord conflicts --watch",
    ),
)
def who(
    ctx: typer.Context,
    parts: Ids = None,
    *,
    against: Against = "",
    path: Annotated[str, typer.Option(help="Only clashes at or below this path.")] = "",
    committed_only: CommittedOnly = False,
    direct: Annotated[
        bool, typer.Option("--direct", help="The tips as they are, not as they would land.")
    ] = False,
    verify: Annotated[
        str,
        typer.Option(metavar="CMD", help="Run it on the merged files of each pair that merges."),
    ] = "",
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For one run of it.")] = 600,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew on every change.")] = False,
    as_json: AsJson = False,
) -> int | None:
    """Who collides with whom, and with the target. Exit 1 when somebody conflicts."""
    asked = asked_of(ctx)
    wish = Wish(tuple(parts or ()), against, path, committed_only, direct)
    if watch:
        return _watch(asked, wish, as_json=as_json)
    with radar.open_radar(asked.repository, wish) as open_radar:
        found = open_radar.look()
        verified = open_radar.verify(found, verify, timeout=timeout) if verify else []
    if as_json:
        extra = {"verified": view.verified_json(verified)} if verify else {}
        asked.screen.answer_json({**view.scan_json(found), **extra})
    else:
        for line in view.verified_lines(verified):
            asked.screen.answer(line)
        for line in view.scan_lines(found, get_terminal_size().columns):
            asked.screen.answer(line)
        if view.is_quiet(found):
            asked.screen.say(_no_clash(found))
    return NO if any(answer.breaks for _, _, answer in verified) else _code(found)


@app.command(epilog=examples("gitcoord conflicts show login-fails cart"))
def show(
    ctx: typer.Context,
    one: Annotated[str, typer.Argument(metavar="A", autocompletion=complete_ids)],
    other: Annotated[
        str,
        typer.Argument(metavar="[B]", help="Left out: the target.", autocompletion=complete_ids),
    ] = "",
    *,
    against: Against = "",
    as_json: AsJson = False,
) -> int | None:
    """The files two worktrees disagree on, merged, with conflict markers. Exit 1 if there are."""
    from gitcoord.conflicts.showing import show as merged

    asked = asked_of(ctx)
    found = merged(asked.repository, one, other, against=against)
    if as_json:
        asked.screen.answer_json(found)
    elif found.clean:
        asked.screen.say(f"{found.a} and {found.b} merge clean")
    else:
        for line in view.meeting_lines(found):
            asked.screen.answer(line)
    return None if found.clean else NO


@app.command(epilog=examples("gitcoord conflicts order", "gitcoord conflicts order --json"))
def order(
    ctx: typer.Context,
    parts: Ids = None,
    *,
    against: Against = "",
    committed_only: CommittedOnly = False,
    as_json: AsJson = False,
) -> int | None:
    """The merge order with the fewest conflicts, found by simulation. Exit 1 if there are any."""
    from gitcoord.conflicts.order import find_order

    asked = asked_of(ctx)
    found = find_order(
        asked.repository, ids=parts or (), against=against, committed_only=committed_only
    )
    if as_json:
        asked.screen.answer_json(found)
    else:
        for line in view.order_lines(found):
            asked.screen.answer(line)
    return NO if found.conflicts or found.stale or found.triples else None


@app.command("near", epilog=examples("gitcoord conflicts near src/auth.py --lines 10-20"))
def ask_near(
    path: Annotated[str, typer.Argument(metavar="PATH")],
    *,
    lines: Annotated[str, typer.Option(metavar="FIRST-LAST", help="Only these lines.")] = "",
    as_json: AsJson = False,
) -> int | None:
    """Who else is in a file, on which lines, by the last look. Exit 1 when somebody is."""
    from gitcoord.commands.near import near

    wanted = ["--lines", lines] if lines else []
    return near([path, *wanted, *(["--json"] if as_json else [])])


def _watch(asked: Asked, wish: Wish, *, as_json: bool) -> int | None:
    from gitcoord.conflicts.watching import watch

    if as_json:
        raise BadInput(
            "--watch shows one frame after the other, and --json is one document",
            hint="leave one out: gitcoord conflicts --watch",
        )
    found: Scan | None = None
    with asked.screen.progress() as progress:
        for found in watch(asked.repository, wish):
            frame = _frame(found)
            if progress.live is None:
                for line in [*frame, ""]:
                    asked.screen.answer(line)
                sys.stdout.flush()
            else:
                progress.show(frame)
    return _code(found) if found else None


def _frame(found: Scan) -> Sequence[str]:
    lines = view.scan_lines(found, get_terminal_size().columns)
    return lines or [_no_clash(found)]


def _no_clash(found: Scan) -> str:
    return f"{counted(len(found.worktrees), 'worktree')}, no clash; all land on {found.target}"


def _code(found: Scan) -> int | None:
    """2 is "nothing could be answered": every worktree has a problem."""
    if found.worktrees and all(one.problem for one in found.worktrees):
        return 2
    return NO if found.has_conflict else None
