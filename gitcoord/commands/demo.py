"""demo: a story of several agents, in a repository that goes away again."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import asked_of, examples, family

app = family()

LABEL = (
    "A demo. The model is scripted: what it says was written beforehand, and it costs nothing. "
    "All else is real: the repository, the worktrees, the edits, the conflict, the records."
)


@app.command(epilog=examples("gitcoord demo", "gitcoord demo --keep"))
def demo(
    ctx: typer.Context,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the repository, and say where it is.")
    ] = False,
) -> None:
    """Watch several agents at work: no key, no network, nothing of yours is touched.

    The model is scripted; everything else is real, by the commands that you would type.
    """
    from gitcoord.runtime.demo import tell

    screen = asked_of(ctx).bare_screen

    def say(text: str) -> None:
        screen.answer(text)
        sys.stdout.flush()

    say(LABEL)
    folder = Path(tempfile.mkdtemp(prefix="gitcoord-demo-")).resolve()
    try:
        tell(folder, say)
    finally:
        if keep:
            say(f"\nIt is left for you to look at: cd {folder / 'shop'}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if not keep:
        say("\nThat was it; the repository is gone again. Keep it: gitcoord demo --keep")
