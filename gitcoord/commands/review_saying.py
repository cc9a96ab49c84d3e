"""review comment, reply, approve, request-changes, dismiss, close, reopen: what is said of one."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from gitcoord.commands.approvals import person
from gitcoord.commands.asking import AsJson, Asked, DryRun, asked_of, examples
from gitcoord.commands.review_asking import Message, Part, answer, find, fresh, read_text, who
from gitcoord.coordination.approvals import refuse_agent
from gitcoord.errors import BadInput
from gitcoord.process import AGENT, inherited
from gitcoord.reviews import review as subject
from gitcoord.reviews import saying
from gitcoord.view import reviews as view


def register(app: typer.Typer) -> None:
    """Make these commands part of the family."""
    app.command(
        epilog=examples(
            'gitcoord review comment login-fails src/auth.py:12 "why not utc?"',
            'gitcoord review comment 7q3f "the title says it all"',
        )
    )(comment)
    app.command(epilog=examples('gitcoord review reply 7q3f k2mn "done" --resolve'))(reply)
    app.command(epilog=examples('gitcoord review approve login-fails -m "good"'))(approve)
    app.command(
        "request-changes", epilog=examples('gitcoord review request-changes 7q3f -m "add a test"')
    )(request_changes)
    app.command(epilog=examples("gitcoord review dismiss 7q3f reviewer"))(dismiss)
    app.command(epilog=examples('gitcoord review close 7q3f -m "not needed any more"'))(close)
    app.command(epilog=examples("gitcoord review reopen 7q3f"))(reopen)


def comment(
    ctx: typer.Context,
    part: Part,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[FILE[:LINE[-LINE]]] TEXT",
            help="The text - is stdin; without a file it is about the whole review.",
        ),
    ],
    *,
    side: Annotated[
        str, typer.Option(metavar="SIDE", help="old: the line is one the branch takes away.")
    ] = "new",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Comment on lines, on a file, or on the whole of a review."""
    if len(words) > 2 or side not in ("new", "old"):
        raise BadInput(
            "a comment is a place and a text, and its side is new or old",
            hint='quote the text: gitcoord review comment REVIEW FILE:LINE "…"',
        )
    asked = asked_of(ctx)
    repo, found = asked.repository, fresh(asked, part)
    place, text = ("", words[0]) if len(words) == 1 else (words[0], words[1])
    about = {"place": place, "side": side, "inside": _inside(asked)}
    text = read_text(text)
    if dry_run:
        said = saying.foresee_comment(repo, found, text, **about)
        answer(asked, {**said, "dry_run": True}, [f"would comment on {found.id}"], as_json=as_json)
        return
    after = saying.comment(repo, found, text, by=who(asked), **about)
    thread = after.threads[-1]
    lines = [f"commented on {after.id}: thread {thread.id}"]
    answer(asked, view.review_json(after, None, {}), lines, as_json=as_json)


def reply(
    ctx: typer.Context,
    part: Part,
    thread: Annotated[str, typer.Argument(metavar="THREAD", help="Part of a thread's id.")],
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="- is stdin.")] = "",
    *,
    resolve: Annotated[bool, typer.Option("--resolve", help="It is settled with this.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Answer in a thread, or settle it."""
    asked = asked_of(ctx)
    found = fresh(asked, part)
    text = read_text(text)
    chosen = saying.foresee_reply(found, thread, text, resolve=resolve)
    if not dry_run:
        found = saying.reply(
            asked.repository, found, chosen.id, text, by=who(asked), resolve=resolve
        )
    done = "settle" if resolve else "answer"
    said = f"would {done}" if dry_run else f"{done}{'d' if resolve else 'ed'}"
    _answer(asked, found, f"{said} {chosen.id} of {found.id}", dry_run=dry_run, as_json=as_json)


def approve(
    ctx: typer.Context,
    part: Part,
    *,
    message: Message = "",
    at: Annotated[
        str, typer.Option(metavar="COMMIT", help="Only if this is what is under review.")
    ] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Approve what is under review now; another version needs another approval.

    Refused to agents: where GITCOORD_AGENT is set, and in an agent's worktree without a terminal.
    """
    asked = asked_of(ctx)
    by = person(asked, "approve a review")
    found = fresh(asked, part)
    saying.refuse_unless_open(found)
    saying.refuse_other(found, at)
    if not dry_run:
        found = saying.approve(
            asked.repository, found, by=by.name, how=by.how, text=read_text(message)
        )
    word = "would approve" if dry_run else "approved"
    said = f"{word} {found.id} at {found.head[:12]}, version {found.version.number}"
    _answer(asked, found, said, dry_run=dry_run, as_json=as_json)


def request_changes(
    ctx: typer.Context,
    part: Part,
    *,
    message: Message = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Ask for changes: the message and all open threads become the agent's next prompt."""
    asked = asked_of(ctx)
    found = fresh(asked, part)
    agent = asked.agent or inherited(AGENT)
    text = read_text(message)
    if dry_run:
        said = saying.foresee_request(asked.repository, found, by=who(asked), text=text)
        document = {**view.review_json(found, None, {}), "prompt": said, "dry_run": True}
        answer(asked, document, [said], as_json=as_json)
        return
    found = saying.request_changes(
        asked.repository, found, by=who(asked), agent=bool(agent), text=text
    )
    _answer(asked, found, f"requested changes of {found.id}", dry_run=False, as_json=as_json)
    if found.worktree:
        asked.screen.say(f"have its agent take them up: gitcoord resume {found.worktree}")


def dismiss(
    ctx: typer.Context,
    part: Part,
    whose: Annotated[str, typer.Argument(metavar="WHO", help="Whose verdict.")],
    *,
    message: Message = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take somebody's verdict out of the count. Refused to agents."""
    asked = asked_of(ctx)
    by = person(asked, "dismiss a verdict")
    found = fresh(asked, part)
    saying.find_opinion(found, whose)
    if not dry_run:
        found = saying.dismiss(asked.repository, found, whose, by=by.name, text=read_text(message))
    word = "would dismiss" if dry_run else "dismissed"
    said = f"{word} the verdict of {whose} on {found.id}"
    _answer(asked, found, said, dry_run=dry_run, as_json=as_json)


def close(
    ctx: typer.Context,
    part: Part,
    *,
    message: Message = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Close a review without a merge; branch and worktree stay."""
    asked = asked_of(ctx)
    refuse_agent(asked.agent, "close a review")
    found = find(asked, part)
    saying.refuse_unless_open(found)
    if not dry_run:
        found = saying.close(asked.repository, found, by=who(asked), text=read_text(message))
    said = f"{'would close' if dry_run else 'closed'} {found.id}"
    _answer(asked, found, said, dry_run=dry_run, as_json=as_json)


def reopen(
    ctx: typer.Context,
    part: Part,
    *,
    message: Message = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Open a closed review again."""
    asked = asked_of(ctx)
    repo = asked.repository
    found = find(asked, part)
    saying.refuse_unless_closed(repo, found)
    if not dry_run:
        found = saying.reopen(repo, found, by=who(asked), text=read_text(message))
        found = subject.refresh(repo, found)
    said = f"{'would reopen' if dry_run else 'reopened'} {found.id}"
    _answer(asked, found, said, dry_run=dry_run, as_json=as_json)


def _answer(
    asked: Asked, found: subject.Review, said: str, *, dry_run: bool, as_json: bool
) -> None:
    document: dict[str, Any] = {**view.review_json(found, None, {}), "dry_run": dry_run}
    answer(asked, document, [said], as_json=as_json)


def _inside(asked: Asked) -> str:
    """The folder the user stands in, from the top of the worktree; "" at the top."""
    top = asked.repository.top
    inside = os.path.relpath(os.path.realpath(asked.folder), os.path.realpath(top)) if top else "."
    return "" if inside.startswith(".") else inside
