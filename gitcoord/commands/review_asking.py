"""What the commands of `gitcoord review` share: their words, who speaks, and the answer."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from gitcoord.commands.asking import Asked
from gitcoord.commands.seeing import settle_landings
from gitcoord.errors import BadInput
from gitcoord.process import AGENT, inherited
from gitcoord.reviews import review as subject

Part = Annotated[
    str,
    typer.Argument(
        metavar="REVIEW", help="Part of a review's id, its branch or worktree; . is the one here."
    ),
]
MaybePart = Annotated[
    str,
    typer.Argument(
        metavar="[REVIEW]", help="Part of an id, a branch or worktree; none: of the branch here."
    ),
]
Message = Annotated[
    str, typer.Option("--message", "-m", metavar="TEXT", help="What you say; - is stdin.")
]


def who(asked: Asked) -> str:
    """Who speaks: the agent, or the user."""
    agent = asked.agent or inherited(AGENT)
    if agent:
        return agent[:200]
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def read_text(text: str) -> str:
    """The text as it was given, or where that is `-` what is on stdin. Raises BadInput."""
    if text != "-":
        return text
    if sys.stdin.isatty():
        raise BadInput(
            "the text is to come from stdin, and that is a terminal",
            hint='say it on the command line: gitcoord review comment REVIEW FILE:LINE "…"',
        )
    return sys.stdin.buffer.read(1 << 20).decode("utf-8", "surrogateescape")


def answer(asked: Asked, document: object, lines: Sequence[str], *, as_json: bool) -> None:
    """One JSON document, or lines."""
    if as_json:
        asked.screen.answer_json(document)
    else:
        for line in lines:
            asked.screen.answer(line)


def find(asked: Asked, part: str) -> subject.Review:
    """The review that is meant; "." is that of the branch checked out here."""
    settle_landings(asked)
    repo = asked.repository
    if part != ".":
        return subject.find_review(repo, part)
    from gitcoord.reviews.verdicts.subjects import branch_here

    branch = branch_here(repo)
    if not branch:
        raise BadInput(
            "no branch is checked out here, so nobody knows which review is meant",
            hint="name one of those listed by: gitcoord review list",
        )
    return subject.find_review(repo, branch)


def fresh(asked: Asked, part: str) -> subject.Review:
    """As the branch is now: what is said is about that."""
    return subject.refresh(asked.repository, find(asked, part))
