"""What commands are made of: the options they share, their examples, their completion."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gitcoord.commands.asked import Asked as Asked
from gitcoord.errors import BadInput

if TYPE_CHECKING:
    pass

NO = 1
"""What a command returns when the answer is no: conflicts found, a check failed."""

_MOST_OF_TASK = 1 << 20  # bytes

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Show what would change; change nothing.")
]
Force = Annotated[
    bool, typer.Option("--force", "-f", help="Do it although something stands in the way.")
]


def asked_of(ctx: typer.Context) -> Asked:
    """What this command line asked for."""
    found = ctx.find_object(Asked)
    assert found is not None, "main puts it there before any command runs"
    return found


def family(*, summary: str = "", alone: bool = False) -> typer.Typer:
    """The `app` of one file of commands. alone: it does something without a verb of its own."""
    return typer.Typer(
        help=summary,
        invoke_without_command=alone,
        add_completion=False,
        rich_markup_mode=None,
    )


def examples(*lines: str) -> str:
    r"""An epilog that keeps its lines: `\b` is how typer is told not to wrap a paragraph."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def read_task(word: str) -> str:
    """The task as it was given, or where that is `-` all of stdin. Raises BadInput.

    What is too long is read so far that it can be seen to be.
    """
    if word != "-":
        return word
    if sys.stdin.isatty():
        raise BadInput(
            "the task is to come from stdin, and that is a terminal",
            hint="pipe it in: gitcoord start investigation - < task.txt",
        )
    return sys.stdin.buffer.read(_MOST_OF_TASK).decode("utf-8", "surrogateescape")


def complete_keys(incomplete: str) -> list[str]:
    """Names of settings that begin with what was typed."""
    from gitcoord.config import KEYS

    return [key for key in KEYS if key.startswith(incomplete)]


def complete_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of worktrees that begin with what was typed. Raises NotARepository."""
    from gitcoord.git.refs import read_refs

    asked = asked_of(ctx)
    asked.moves += ctx.find_root().params.get("moves") or []
    kept = "refs/agentcoord/worktrees/"
    ids = [ref.removeprefix(kept) for ref in read_refs(asked.repository, kept)]
    return [known for known in ids if known.startswith(incomplete)]


_id = typer.Argument(
    metavar="ID",
    help="A worktree's id, or any part of it that no other has.",
    autocompletion=complete_ids,
    show_default=False,
)
WorktreeId = Annotated[str, _id]
WorktreeIds = Annotated[list[str], _id]
