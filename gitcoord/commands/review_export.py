"""review export: reviews in git-appraise's format, for other tools."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import NO, AsJson, Asked, DryRun, asked_of, examples
from gitcoord.errors import BadInput, Problem


def export(
    ctx: typer.Context,
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID|BRANCH]…", help="Which reviews; all if not said."),
    ] = None,
    *,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take it out of the notes again.")
    ] = False,
    output: Annotated[
        str, typer.Option(metavar="FILE", help="Write JSON lines there, - is stdout; no notes.")
    ] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Write reviews as git-appraise does: JSON lines in git notes, refs/notes/devtools/*.

    Again adds only what is new; lines of others stay. Nothing is pushed.
    """
    from gitcoord.reviews.exchange import export as subject
    from gitcoord.view import review_export as view

    asked = asked_of(ctx)
    if output and (remove or dry_run):
        raise BadInput(
            "--output changes no notes, so there is nothing to remove or to try",
            hint="leave one of them out: gitcoord review export --output FILE",
        )
    wanted = parts or ()
    if output:
        done = subject.lines_of(asked.repository, wanted)
        _write(asked, output, [subject.as_json(line) for line in done.lines])
    else:
        done = subject.export(asked.repository, wanted, remove=remove, dry_run=dry_run)
    if as_json and output != "-":
        asked.screen.answer_json(view.exported_json(done, remove=remove, dry_run=dry_run))
    elif output != "-":
        for line in view.exported_lines(done, remove=remove, dry_run=dry_run, file=output):
            asked.screen.answer(line)
    for line in done.passed_over:
        asked.screen.warn(line)
    return NO if done.passed_over else None


def register(app: typer.Typer) -> None:
    """Make it a verb of the family."""
    app.command(
        epilog=examples(
            "gitcoord review export && git push origin 'refs/notes/devtools/*'",
            "gitcoord review export login-fails --output - | jq .note.description",
            "gitcoord review export --remove",
        )
    )(export)


def _write(asked: Asked, output: str, documents: list[dict[str, object]]) -> None:
    content = "".join(f"{json.dumps(one)}\n" for one in documents)
    if output == "-":
        sys.stdout.write(content)
        return
    file: Path = asked.file(output)
    try:
        file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise Problem(
            f"cannot write {file}: {error.strerror}",
            hint="name another file, or - for stdout: gitcoord review export --output FILE",
        ) from error
