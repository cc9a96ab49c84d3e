"""why: where a line comes from."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, Asked, asked_of, examples, family
from gitcoord.errors import BadInput
from gitcoord.view import why as view

app = family()


@app.command(
    epilog=examples(
        "gitcoord why src/auth.py:12",
        "gitcoord why src/auth.py:12 --rev v1.0 --json",
    )
)
def why(
    ctx: typer.Context,
    place: Annotated[str, typer.Argument(metavar="FILE:LINE", help="A line, counted from 1.")],
    *,
    rev: Annotated[
        str, typer.Option(metavar="REV", help="A line of this revision; else of the file on disk.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """From a line to its commit, review, agent, run, what was asked, and the findings behind it."""
    from gitcoord.reviews.provenance import trace

    asked = asked_of(ctx)
    name, line = _place(place)
    found = trace(asked.repository, _below_top(asked, name), line, rev=rev)
    if as_json:
        asked.screen.answer_json(view.why_json(found))
    else:
        asked.screen.answer("\n".join(view.why_lines(found)))


def _place(text: str) -> tuple[str, int]:
    name, colon, number = text.rpartition(":")
    if not (colon and name and number.isascii() and number.isdigit() and 0 < len(number) < 10):
        raise BadInput(
            f"{text[:60]!r} is no line of a file", hint="say it like: gitcoord why src/auth.py:12"
        )
    return name, int(number)


def _below_top(asked: Asked, name: str) -> str:
    """A file as git calls it; in a repository without files it is called so already."""
    top = asked.repository.top
    if top is None:
        return name
    file = asked.file(name)
    path = os.path.relpath(file.parent.resolve() / file.name, top.resolve())
    if path.startswith("../"):
        raise BadInput(f"{name} is not in {top}", hint="see: git ls-files")
    return path
