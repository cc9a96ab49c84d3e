"""resolve: what to do about two worktrees that conflict, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.asking import (
    NO,
    AsJson,
    Asked,
    DryRun,
    asked_of,
    complete_ids,
    examples,
    family,
)
from gitcoord.commands.seeing import settled
from gitcoord.conflicts.resolution import STRATEGIES, Resolution
from gitcoord.conflicts.resolution_plan import Wish, plan_resolution
from gitcoord.conflicts.resolution_record import (
    carry_out,
    close,
    find_resolution,
    list_resolutions,
    undo,
)
from gitcoord.errors import BadInput, Problem
from gitcoord.view import resolution as view
from gitcoord.worktrees.worktree import view_worktrees

app = family()

_STRATEGY_HELP = "; ".join(f"{name}: {does}" for name, does in STRATEGIES.items())
EXAMPLES = examples(
    "gitcoord resolve login-fails cart --with rebase --dry-run",
    'gitcoord resolve login-fails cart --with union --check "make test"',
    "gitcoord resolve login-fails cart --with split --give src/cart.py=cart",
    "gitcoord resolve --list",
    "gitcoord resolve --undo 7q3f",
)


Two = Annotated[
    list[str] | None,
    typer.Argument(metavar="A B", help="Parts of the ids of two.", autocompletion=complete_ids),
]
Strategy = Annotated[
    str, typer.Option("--with", metavar="STRATEGY", help=f"How. {_STRATEGY_HELP}.")
]
Check = Annotated[
    str, typer.Option(metavar="CMD", help="Only if this succeeds on the merged files.")
]
Timeout = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="How long that may take.", min=1)
]
Uncommitted = Annotated[
    bool, typer.Option("--with-uncommitted", help="Take uncommitted changes along.")
]
Afresh = Annotated[bool, typer.Option("--afresh", help="Decide again what was resolved before.")]
Give = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH=ID", help="Give a file or folder to one side; may be repeated."),
]
Undo = Annotated[str, typer.Option("--undo", metavar="ID", help="Take a resolution back.")]
Done = Annotated[
    str, typer.Option("--done", metavar="ID", help="Close one that was left to somebody.")
]
All = Annotated[bool, typer.Option("--list", help="All, with what became of them.")]


@app.command(epilog=EXAMPLES)
def resolve(
    ctx: typer.Context,
    parts: Two = None,
    *,
    strategy: Strategy = "",
    first: Annotated[str, typer.Option(metavar="ID", help="Who goes first, of the two.")] = "",
    give: Give = None,
    with_uncommitted: Uncommitted = False,
    afresh: Afresh = False,
    check: Check = "",
    timeout: Timeout = None,
    undone: Undo = "",
    done: Done = "",
    note: Annotated[str, typer.Option(help="With --done: what was decided.")] = "",
    listed: All = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Resolve the conflicts of two worktrees on a branch of its own. Exit 1 when some are left.

    Neither worktree is touched, and no side is taken without saying so and why.
    """
    asked = asked_of(ctx)
    if sum((bool(undone), bool(done), listed, bool(parts))) > 1:
        raise BadInput(
            "one thing at a time: two ids, --list, --done or --undo",
            hint="see: gitcoord resolve --help",
        )
    if undone:
        _take_back(asked, undone, dry_run=dry_run, as_json=as_json)
    elif done:
        _close(asked, done, note, dry_run=dry_run, as_json=as_json)
    elif listed or not parts:
        _list(asked, as_json=as_json)
    else:
        parted = tuple(_parted(one) for one in give or ())
        wish = Wish(strategy, first, with_uncommitted, afresh, parted)
        plan = _plan(asked, parts, wish)
        if not dry_run:
            return _carry_out(asked, plan, check, timeout, as_json=as_json)
        _show(asked, plan, as_json=as_json)
        return None if plan.commit else NO
    return None


def _parted(word: str) -> tuple[str, str]:
    path, _, part = word.rpartition("=")
    if not path or not part:
        raise BadInput(
            f"{word!r} does not say what goes to whom",
            hint="say it like: gitcoord resolve A B --give src/login.py=A",
        )
    return path, part


def _plan(asked: Asked, parts: list[str], wish: Wish) -> Resolution:
    if len(parts) != 2:
        raise BadInput(
            f"a conflict is between two worktrees, not {len(parts)}",
            hint="name both: gitcoord resolve A B --with rebase",
        )
    seen = view_worktrees(asked.repository)
    if settled(asked, seen):
        seen = view_worktrees(asked.repository)
    one, other = parts
    return plan_resolution(asked.repository, seen, one, other, wish, asked.config)


def _carry_out(
    asked: Asked, plan: Resolution, check: str, timeout: float | None, *, as_json: bool
) -> int | None:
    record = carry_out(asked.repository, plan, check=check, limit=timeout)
    verdict = record.body.get("check")
    if as_json:
        asked.screen.answer_json(view.record_json(record.id, record.body))
    else:
        _show(asked, plan, as_json=False)
        if verdict and not verdict["good"]:
            asked.screen.warn(f"nothing was made: the check failed, {verdict['said']}")
            asked.screen.say(verdict["tail"])
        else:
            back = f"; back with: gitcoord resolve --undo {record.id}" if plan.commit else ""
            asked.screen.say(f"kept as {record.id}{back}")
    if check and verdict is None:
        asked.screen.warn("the check was not run: something is left to be decided first")
    return None if record.body.get("commit") else NO


def _take_back(asked: Asked, part: str, *, dry_run: bool, as_json: bool) -> None:
    record = find_resolution(asked.repository, part)
    if not dry_run:
        record = undo(asked.repository, record)
    if as_json:
        asked.screen.answer_json(view.record_json(record.id, record.body))
    else:
        asked.screen.answer(f"{'would take' if dry_run else 'took'} back {record.id}")
        if record.body.get("commit"):
            commit = record.body["commit"]
            asked.screen.say(f"its commit stays: git branch resolved-again {commit[:12]}")


def _close(asked: Asked, part: str, note: str, *, dry_run: bool, as_json: bool) -> None:
    record = find_resolution(asked.repository, part)
    if not dry_run:
        record = close(asked.repository, record, note=note)
    if as_json:
        asked.screen.answer_json(view.record_json(record.id, record.body))
    else:
        asked.screen.answer(f"{'would close' if dry_run else 'closed'} {record.id}")


def _list(asked: Asked, *, as_json: bool) -> None:
    bad: list[Problem] = []
    records = list_resolutions(asked.repository, bad)
    if as_json:
        asked.screen.answer_json([view.record_json(one.id, one.body) for one in records])
    else:
        asked.screen.table(view.COLUMNS, [view.cells(one.id, one.body) for one in records])
        if not records:
            asked.screen.say("nothing was resolved yet; who conflicts: gitcoord conflicts")
    for problem in bad:
        asked.screen.warn(problem.message)


def _show(asked: Asked, plan: Resolution, *, as_json: bool) -> None:
    if as_json:
        asked.screen.answer_json(view.plan_json(plan))
    else:
        asked.screen.answer("\n".join(view.plan_lines(plan)))
