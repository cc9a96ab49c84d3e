"""review: pull requests with no forge: opened, looked at, talked over, decided.

Other files of this family, review_*.py, have a `register(app)` and a line in MORE.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from gitcoord.commands.asking import AsJson, Asked, DryRun, asked_of, examples
from gitcoord.commands.review_asking import MaybePart, Part, answer, find, fresh, read_text, who
from gitcoord.commands.seeing import settle_landings
from gitcoord.commands.verbs import load_from
from gitcoord.errors import BadInput, Problem
from gitcoord.reviews import review as subject
from gitcoord.view import reviews as view

# Only the file of the command asked for is imported: `review list` would take half as long
# again with all of them. name -> (file in this folder, what it does in a line)
MORE = {
    "comment": ("review_saying", "Comment on lines, on a file, or on the whole of a review."),
    "reply": ("review_saying", "Answer in a thread, or settle it."),
    "check": ("review_check", "Ask the validators about a review's latest version."),
    "approve": ("review_saying", "Approve what is under review now."),
    "request-changes": ("review_saying", "Ask for changes: the agent's next prompt."),
    "dismiss": ("review_saying", "Take somebody's verdict out of the count."),
    "merge": ("review_merge", "Land what is approved on its target."),
    "close": ("review_saying", "Close a review without a merge."),
    "reopen": ("review_saying", "Open a closed review again."),
    "sync": ("review_sync", "Exchange reviews with another clone."),
    "export": ("review_export", "Write reviews to git notes, as git-appraise does."),
}


class _Family(TyperGroup):
    """The commands of this file, and by name and summary those of MORE."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, (_, summary) in MORE.items():
            way = examples(f"gitcoord review {name} --help")
            self.commands[name] = TyperCommand(
                name, help=summary, epilog=way, rich_markup_mode=None
            )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in MORE:
            self.commands[args[0]] = load_from(MORE[args[0]][0], f"review {args[0]}", args[1:])
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Family,
    help="Review branches like pull requests, with no server.",
    add_completion=False,
    rich_markup_mode=None,
)

Version = Annotated[
    int, typer.Option("--version", metavar="N", help="Which version; the latest if not said.")
]


@app.command(
    "open",
    epilog=examples(
        "gitcoord review open login-fails",
        'gitcoord review open feature --into release --title "Log in by mail"',
    ),
)
def open_one(
    ctx: typer.Context,
    part: Annotated[
        str, typer.Argument(metavar="[ID|BRANCH]", help="None: what is checked out here.")
    ] = "",
    *,
    into: Annotated[str, typer.Option(metavar="TARGET", help="The branch to land on.")] = "",
    title: Annotated[str, typer.Option(metavar="TEXT", help="Else the task, or a commit's.")] = "",
    body: Annotated[str, typer.Option(metavar="TEXT", help="More words; - is stdin.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Open a review of a worktree or branch.

    With --json an object: id, title, branch, target, head, base, state, verdicts, checks,
    conflicts, behind, comments and more.
    """
    from gitcoord.reviews.opening import open_planned, plan_opening
    from gitcoord.reviews.showing import list_left_out
    from gitcoord.reviews.standing import standing

    asked = asked_of(ctx)
    repo = asked.repository
    opening = plan_opening(
        repo, part, folder=asked.folder, into=into or asked.config.review.target, title=title,
        body=read_text(body),
    )  # fmt: skip
    if dry_run:
        answer(asked, view.opening_json(opening), view.opening_lines(opening), as_json=as_json)
        return
    made = open_planned(repo, opening, by=who(asked))
    now = standing(repo, [made], meaning=True)[made.id]
    said = f"opened {made.id}: {made.title}"
    answer(asked, view.review_json(made, now, {}), [said], as_json=as_json)
    for line in view.left_out_lines(list_left_out(repo, made)):
        asked.screen.say(f"it leaves out {line}")
    asked.screen.say(f"see it with: gitcoord review show {made.id}")


@app.command("list", epilog=examples("gitcoord review list", "gitcoord review list --all --json"))
def list_all(
    ctx: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also closed and merged ones.")] = False,
    state: Annotated[
        str, typer.Option(metavar="STATE", help="open, closed or merged; open if not said.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Reviews, and what stands in their way.

    Worktrees count as committed, and text alone. With --json a list of objects like that of
    `open`.
    """
    from gitcoord.reviews.standing import standing

    asked = asked_of(ctx)
    repo = asked.repository
    if state not in ("", subject.OPEN, subject.CLOSED, subject.IS_MERGED):
        raise BadInput(
            f"{state[:40]!r} is no state of a review: open, closed or merged",
            hint="see all of them: gitcoord review list --all",
        )
    settle_landings(asked)
    bad: list[Problem] = []
    wanted = state or ("" if everything else subject.OPEN)
    found = subject.refresh_all(repo, subject.list_reviews(repo, state=wanted, bad=bad))
    still = [one for one in found if one.state == subject.OPEN]
    now = standing(repo, still, among=still)
    if as_json:
        asked.screen.answer_json([view.review_json(one, now.get(one.id), {}) for one in found])
    else:
        cells = [view.list_cells(one, now.get(one.id)) for one in found]
        asked.screen.table(view.COLUMNS, cells, free=view.FREE)
        if not found:
            asked.screen.say("no reviews; open one with: gitcoord review open ID")
    _warn(asked, [*bad, *(problem for one in found for problem in one.damaged)])


@app.command(epilog=examples("gitcoord review show login-fails", "gitcoord review show 7q --json"))
def show(ctx: typer.Context, part: MaybePart = ".", *, as_json: AsJson = False) -> None:
    """Everything about one review, and what it still needs.

    Conflicts are also with what is uncommitted in worktrees. With --json an object like that of
    `open`, with body, run, task, agent, model, commits, changed, merged, findings, missing and
    left_out.
    """
    from gitcoord.reviews.showing import show as look_at
    from gitcoord.runtime.validating import Wish, chosen

    asked = asked_of(ctx)
    repo = asked.repository
    found = look_at(
        repo,
        find(asked, part),
        approvals=asked.config.review.approvals,
        validators=chosen(repo, asked.config, Wish()),
    )
    answer(asked, view.shown_json(found), view.shown_lines(found), as_json=as_json)
    _warn(asked, found.review.damaged)


@app.command(
    epilog=examples("gitcoord review diff login-fails", "gitcoord review diff 7q3f --range-diff")
)
def diff(
    ctx: typer.Context,
    part: MaybePart = ".",
    *,
    version: Version = 0,
    ranges: Annotated[
        bool, typer.Option("--range-diff", help="Against the version before, commit by commit.")
    ] = False,
    stat: Annotated[bool, typer.Option("--stat", help="Only how much of which file.")] = False,
    findings: Annotated[
        bool, typer.Option("--findings", help="With the agents' own folders, .agentcoord/.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What a review changes, or changed since its last version.

    With --json {"id", "number", "head", "base", "tree", "time", "clone", "diff"}.
    """
    from gitcoord.reviews import differing

    asked = asked_of(ctx)
    repo = asked.repository
    found = fresh(asked, part)
    if ranges:
        pieces = differing.range_diff(repo, found, version=version)
    else:
        pieces = differing.diff(repo, found, version=version, stat=stat, findings=findings)
    if as_json:
        seen = differing.find_version(found, version)
        text = b"".join(pieces).decode("utf-8", "surrogateescape")
        asked.screen.answer_json({"id": found.id, **vars(seen), "diff": text})
    else:
        _show_bytes(asked, pieces)


@app.command(
    epilog=examples(
        'cd "$(gitcoord review checkout login-fails)"',
        "gitcoord review checkout 7q3f --path ../look",
    )
)
def checkout(
    ctx: typer.Context,
    part: Part,
    *,
    place: Annotated[
        Path | None, typer.Option("--path", metavar="DIR", help="Make a worktree there.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """A folder to look at a review in.

    The branch's worktree, else a new one, detached, which is removed like any other: gitcoord
    remove.
    """
    from gitcoord.reviews.looking import look, plan_look

    asked = asked_of(ctx)
    repo = asked.repository
    found = fresh(asked, part)
    at = plan_look(repo, found, asked.config, asked.file(place) if place else None)
    if not dry_run:
        at = look(repo, found, at)
    if as_json:
        asked.screen.answer_json({"review": found.id, **vars(at), "dry_run": dry_run})
        return
    asked.screen.answer_path(at.path)
    if at.there and at.head != found.head:
        asked.screen.say(f"it stands on {at.head[:12]}; {found.head[:12]} is under review")
    elif at.id and not at.there:
        asked.screen.say(f"when you are done: gitcoord remove {at.id}")


def _show_bytes(asked: Asked, pieces: Iterable[bytes]) -> None:
    """As git says it, so that it can be applied; on a terminal harmless."""
    if sys.stdout.isatty():
        content = b"".join(pieces).decode("utf-8", "surrogateescape")
        if content:
            asked.screen.answer(content.removesuffix("\n"))
        return
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _warn(asked: Asked, problems: Iterable[Problem]) -> None:
    for problem in problems:
        asked.screen.warn(f"{problem.message}; {problem.hint}")
