"""What people and agents say of a review, and what follows from it.

Promises: a word is about the version its speaker saw, or it is not said; what was asked for
reaches the agent of the worktree as its next input, with file, line and quoted text; it is
withdrawn when the review is approved. Refuses: an approval by an agent (who calls has asked
`coordination.approvals.person`), and words about a review that is merged or closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitcoord.coordination.inputs import give, list_inputs, withdraw
from gitcoord.errors import BadInput, Contended, NoSuch, Refused
from gitcoord.git.refs import find_ref
from gitcoord.git.repository import Repository
from gitcoord.records import match_id
from gitcoord.reviews.events import (
    APPROVE,
    CLOSE,
    COMMENT,
    DISMISS,
    REOPEN,
    REPLY,
    REQUEST_CHANGES,
    cleaned,
)
from gitcoord.reviews.placing import anchor, find_places, names_file
from gitcoord.reviews.review import (
    CLOSED,
    OPEN,
    Review,
    Wish,
    add_events,
    list_reviews,
    short,
)
from gitcoord.reviews.threads import NEW, Place, Thread, place_text
from gitcoord.reviews.versions import CHANGES_REQUESTED, Opinion
from gitcoord.state.store import ref_of
from gitcoord.worktrees.worktree import KIND as WORKTREES

_LONGEST_PROMPT = 20_000


def comment(
    repo: Repository, review: Review, text: str, *, by: str, place: str = "", side: str = NEW,
    inside: str = "",
) -> Review:  # fmt: skip
    """Begin a thread. place, inside: see `placing.anchor`; "" is the whole review. side: `old`
    for lines the branch takes away. Raises BadInput, NoSuch."""
    where = foresee_comment(repo, review, text, place=place, side=side, inside=inside)
    return _say(repo, review, COMMENT, {**where, "by": by})


def foresee_comment(
    repo: Repository, review: Review, text: str, *, place: str = "", side: str = NEW,
    inside: str = "",
) -> dict[str, Any]:  # fmt: skip
    """What the comment's event will say, changing nothing."""
    refuse_unless_open(review)
    _need_text(text, 'gitcoord review comment REVIEW FILE:LINE "…"')
    if place:
        where = anchor(repo, review, place, side=side, inside=inside)
    elif names_file(repo, review, text, inside=inside):
        raise BadInput(
            f"nothing is said of {text[:60]}: it is a file of the branch",
            hint='say it: gitcoord review comment REVIEW FILE:LINE "…"',
        )
    else:
        where = {"version": review.version.number, "head": review.head}
    return {**where, "text": cleaned(text, "a comment")}


def reply(
    repo: Repository, review: Review, part: str, text: str, *, by: str, resolve: bool = False
) -> Review:
    """Answer a thread. part: of its id. resolve: there is nothing more to say; then the text may
    be empty. Raises NoSuch, BadInput."""
    thread = foresee_reply(review, part, text, resolve=resolve)
    return _say(
        repo, review, REPLY, {"by": by, "thread": thread.id, "text": text, "resolve": resolve}
    )


def foresee_reply(review: Review, part: str, text: str, *, resolve: bool = False) -> Thread:
    """The thread that would be answered, changing nothing."""
    refuse_unless_open(review)
    thread = find_thread(review, part)
    if not resolve:
        _need_text(text, f'gitcoord review reply {review.id} {thread.id} "…"')
    return thread


def find_thread(review: Review, part: str) -> Thread:
    """Raises NoSuch."""
    by_id = {thread.id: thread for thread in review.threads}
    try:
        return by_id[match_id(part, by_id)]
    except NoSuch as problem:
        hint = f"see them with: gitcoord review show {review.id}"
        raise NoSuch(problem.message, hint=hint) from problem


def approve(repo: Repository, review: Review, *, by: str, how: str, text: str = "") -> Review:
    """Approve the version of `review`. Raises Contended when there is a newer one."""
    said = _say(
        repo, review, APPROVE, {"by": by, "how": how, "text": text, **about_version(review)},
        same_version=True,
    )  # fmt: skip
    withdraw_requests(repo, said)
    return said


def request_changes(
    repo: Repository, review: Review, *, by: str, agent: bool, text: str = ""
) -> Review:
    """Ask for changes: `text`, and all threads that are open. Raises BadInput when it would say
    nothing."""
    _need_request(review, text)
    about = {"by": by, "agent": agent, "text": text, **about_version(review)}
    said = _say(repo, review, REQUEST_CHANGES, about, same_version=True)
    mine = next((one for one in _asking(said) if (one.by, one.agent) == (by, agent)), None)
    if said.worktree and mine is not None:
        _tell_agent(repo, said, mine)
    return said


def foresee_request(repo: Repository, review: Review, *, by: str, text: str = "") -> str:
    """The prompt the agent would be given, changing nothing."""
    refuse_unless_open(review)
    _need_request(review, text)
    return prompt_of(review, cleaned(text, "a message"), by, find_places(repo, review))


def dismiss(repo: Repository, review: Review, whose: str, *, by: str, text: str = "") -> Review:
    """Take somebody's verdict out of the count. Raises NoSuch when they have none."""
    event = find_opinion(review, whose).event
    said = _say(repo, review, DISMISS, {"by": by, "event": event, "text": text})
    withdraw_requests(repo, said)
    return said


def find_opinion(review: Review, whose: str) -> Opinion:
    """The verdict of somebody, by name or by its event. Raises NoSuch."""
    for one in review.opinions:
        if whose in (one.by, one.event):
            return one
    names = ", ".join(one.by for one in review.opinions) or "nobody yet"
    raise NoSuch(
        f"{whose[:60]!r} has said neither yes nor no; who has: {names[:200]}",
        hint=f"see: gitcoord review show {review.id}",
    )


def close(repo: Repository, review: Review, *, by: str, text: str = "") -> Review:
    said = _say(repo, review, CLOSE, {"by": by, "text": text})
    withdraw_requests(repo, said)
    return said


def reopen(repo: Repository, review: Review, *, by: str, text: str = "") -> Review:
    """Open a closed review again. Raises Refused when it is not closed, or another one of its
    branch is open."""
    refuse_unless_closed(repo, review)
    return add_events(repo, review.id, lambda _: [(REOPEN, {"by": by, "text": text})])


def refuse_unless_closed(repo: Repository, review: Review) -> None:
    """What `reopen` raises."""
    if review.state != CLOSED:
        raise Refused(
            f"{review.id} is {review.state}, not closed",
            hint=f"see it with: gitcoord review show {review.id}",
        )
    for other in list_reviews(repo, bad=[]):
        if (other.branch, other.target) == (review.branch, review.target):
            raise Refused(
                f"{short(review.branch)} is under review in {other.id} by now",
                hint=f"see that one: gitcoord review show {other.id}",
            )


def refuse_other(review: Review, commit: str) -> None:
    """Raise Refused unless `commit`, part of an id, is what is under review; "" is anything."""
    if not review.head.startswith(commit.lower()):
        raise Refused(
            f"{review.head[:12]} is under review in {review.id}, not {commit[:40]}",
            hint=f"see what changed: gitcoord review diff {review.id} --range-diff",
        )


def about_version(review: Review) -> dict[str, object]:
    """What binds a word about a review to what was reviewed: version, head, base, tree."""
    now = review.version
    return {"version": now.number, "head": now.head, "base": now.base, "tree": now.tree}


def refuse_unless_open(review: Review) -> None:
    """Raise Refused for a review that is merged or closed."""
    if review.state == OPEN:
        return
    reopens = f"open it again: gitcoord review reopen {review.id}"
    see = f"see how it landed: gitcoord review show {review.id}"
    raise Refused(f"{review.id} is {review.state}", hint=reopens if review.state == CLOSED else see)


def prompt_of(review: Review, text: str, by: str, places: Mapping[str, Place]) -> str:
    """What the agent is told: the words, then each open thread with its place and lines."""
    parts = [
        f"{by} requests changes on {short(review.branch)} (review {review.id}, "
        f"version {review.version.number}, {review.head[:12]}).",
        text.strip(),
        *(_thread_text(thread, places.get(thread.id)) for thread in review.open_threads),
        "Change the code accordingly: the review takes up what comes onto its branch.",
    ]
    said = "\n\n".join(part for part in parts if part)
    if len(said) <= _LONGEST_PROMPT:
        return said
    more = f"\n\nThis was cut; all of it: gitcoord review show {review.id}"
    return said[: _LONGEST_PROMPT - len(more)] + more


def withdraw_requests(repo: Repository, review: Review) -> None:
    """Take back what waits for the agent and nobody wants any more: of those who ask for no
    changes now, or of a review that is not open."""
    asking = {one.by for one in _asking(review)} if review.state == OPEN else set()
    for event in review.events if review.worktree else ():
        if event.kind == REQUEST_CHANGES and event.by not in asking:
            withdraw(repo, review.worktree, _origin(review, event.id))
    if review.state != OPEN:
        withdraw_failures(repo, review)


def withdraw_failures(repo: Repository, review: Review, *, besides: str = "") -> None:
    """Take back what waits for the agent of checks in a train. besides: an origin that stays."""
    for one in list_inputs(repo, review.worktree, bad=[]) if review.worktree else ():
        if one.origin.startswith(train_origin(review, "")) and one.origin != besides:
            withdraw(repo, review.worktree, one.origin)


def train_origin(review: Review, head: str) -> str:
    """Where what the agent is told of a train comes from: the same commit is told once."""
    return f"train:{review.id}:{head}"


def pass_on(repo: Repository, review: Review) -> None:
    """Tell the agent what was asked for and did not reach it: by who was killed in between, or
    in another clone. Only where its worktree is; does nothing the second time."""
    asking = _asking(review) if review.state == OPEN and review.worktree else []
    if not asking or find_ref(repo, ref_of(WORKTREES, review.worktree)) is None:
        return
    told = {one.origin for one in list_inputs(repo, review.worktree, waiting=False, bad=[])}
    for one in asking:
        if _origin(review, one.event) not in told:
            _tell_agent(repo, review, one)


def _asking(review: Review) -> list[Opinion]:
    return [one for one in review.opinions if one.state == CHANGES_REQUESTED]


def _tell_agent(repo: Repository, review: Review, asking: Opinion) -> None:
    prompt = prompt_of(review, asking.text, asking.by, find_places(repo, review))
    origin = _origin(review, asking.event)
    give(repo, review.worktree, prompt, origin=origin, by=asking.by)


def _thread_text(thread: Thread, place: Place | None) -> str:
    lines = [f"{place_text(thread, place)}:"] if thread.path else []
    lines += [f"> {line}" for line in thread.quoted.split("\n")] if thread.quoted else []
    lines += [f"{one.by}: {one.text.strip()}" for one in thread.comments]
    return "\n".join(lines)


def _say(
    repo: Repository,
    review: Review,
    kind: str,
    fields: Mapping[str, object],
    *,
    same_version: bool = False,
) -> Review:
    def wanted(there: Review) -> Sequence[Wish]:
        refuse_unless_open(there)
        if same_version and there.head != review.head:
            raise Contended(
                f"{review.id} has a newer version than the one you saw",
                hint=f"look at it: gitcoord review show {review.id}",
            )
        return [(kind, fields)]

    return add_events(repo, review.id, wanted)


def _origin(review: Review, event: str) -> str:
    return f"review:{review.id}:{event}"


def _need_text(text: str, way: str) -> None:
    if not text.strip():
        raise BadInput("there is nothing to say", hint=f"say it: {way}")


def _need_request(review: Review, text: str) -> None:
    if not text.strip() and not review.open_threads:
        raise BadInput(
            "this says nothing of what to change",
            hint=f'say it: gitcoord review request-changes {review.id} -m "…"',
        )
