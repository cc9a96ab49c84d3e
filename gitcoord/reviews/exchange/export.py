"""Reviews as git-appraise has them, for other tools to read: JSON lines in git notes.

    refs/notes/devtools/reviews   requests, on the first commit of a review
    refs/notes/devtools/discuss   comments, answers and decisions, on the same commit
    refs/notes/devtools/ci        verdicts, on the commit they are about

Format version 0 of github.com/google/git-appraise, schema/*.json. An answer names its comment by
the SHA-1 of that line as Go writes it; on the notes of git-appraise's own repository these
hashes name the parents of all 24 answers in it, and git-appraise (be47510) lists and shows what
is written here as pending, rejected, accepted and submitted. Times are whole seconds.

Promises: exporting again adds nothing, exporting after more was said adds only that. What stops
to count, such as an approval of an earlier version, is taken back by a line of its own: nobody
reads there that a review is accepted which is not. A verdict that could not say has no status.
Left out: refs/notes/devtools/analyses, whose schema wants the address of a document on a server.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gitcoord.errors import BadInput, Problem
from gitcoord.git.repository import Repository
from gitcoord.records import parse_time
from gitcoord.reviews.events import (
    APPROVE,
    CLOSE,
    COMMENT,
    DISMISS,
    MERGED,
    REPLY,
    REQUEST_CHANGES,
    VERSION,
    Event,
)
from gitcoord.reviews.exchange.notes import Line, change_lines, missing, read_lines, read_notes
from gitcoord.reviews.review import Review, find_review, list_reviews
from gitcoord.reviews.threads import OLD, Thread
from gitcoord.reviews.verdicts.verdict import APPROVED, CONDITIONS, REFUSED, Verdict, list_verdicts
from gitcoord.reviews.versions import CHANGES_REQUESTED, Version, fold_opinions, fold_versions
from gitcoord.worktrees.start import author_of

REQUESTS = "refs/notes/devtools/reviews"
DISCUSS = "refs/notes/devtools/discuss"
CI = "refs/notes/devtools/ci"

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# Go writes these characters so, and U+FFFD for what is no UTF-8.
_AS_GO = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
_AS_GO |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_OPINIONS = (APPROVE, REQUEST_CHANGES, DISMISS, VERSION)
_STATUS = {APPROVED: "success", CONDITIONS: "success", REFUSED: "failure"}


@dataclass(frozen=True)
class Exported:
    """lines: added, or removed; all of them where there was no change asked for.

    reviews: ids. passed_over: what has no commit here to hang on, or cannot be read, and why.
    """

    lines: tuple[Line, ...]
    reviews: tuple[str, ...]
    passed_over: tuple[str, ...]


def export(
    repo: Repository, parts: Sequence[str] = (), *, remove: bool = False, dry_run: bool = False
) -> Exported:
    """Add reviews to the notes of this repository, or remove what was added.

    parts: of ids or branches; none is all. Raises NoSuch; BadInput when git does not know who
    commits; Contended.
    """
    found = lines_of(repo, parts)
    if dry_run:
        lines = missing(repo, found.lines, remove=remove)
    else:
        lines = change_lines(repo, lambda: found.lines, author=author_of(repo), remove=remove)
    return Exported(tuple(lines), found.reviews, found.passed_over)


def lines_of(repo: Repository, parts: Sequence[str] = ()) -> Exported:
    """All lines of reviews, in the order things happened."""
    bad: list[Problem] = []
    if parts:
        named = [find_review(repo, part) for part in parts]
        reviews = list({one.id: one for one in named}.values())
    else:
        reviews = list_reviews(repo, state="", bad=bad)
    over = [f"{one.about.rpartition('/')[2]} is left out: {one.message}" for one in bad]
    verdicts = list_verdicts(repo)
    taken = _requested(repo)
    lines: list[Line] = []
    told = []
    for review in reviews:
        first = _first_commit(repo, review, taken)
        if not first:
            over.append(f"{review.id} is left out: none of its commits is in this repository")
            continue
        taken.setdefault(first, set()).add(review.branch)
        told.append(review.id)
        lines += (Line(REQUESTS, first, text) for text in _requests(review))
        lines += (Line(DISCUSS, first, text) for text in _discussion(review))
        lines += _judged(review, first, verdicts)
    return Exported(tuple(dict.fromkeys(lines)), tuple(told), tuple(over))


def as_json(line: Line) -> dict[str, Any]:
    """{"ref", "commit", "note"}: one line, for who wants no notes."""
    return {"ref": line.ref, "commit": line.commit, "note": json.loads(line.text)}


def written(note: Mapping[str, Any]) -> str:
    """A line as Go's encoding/json writes it, of which the hash is taken; keys in the order given.

    Without what is None or "", except `targetRef`: an empty one says that a review was given up.
    """
    kept = {
        key: value for key, value in note.items() if key == "targetRef" or value not in (None, "")
    }
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).translate(_AS_GO)


def note_id(text: str) -> str:
    """What other lines call this one by."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _requests(review: Review) -> Iterator[str]:
    """What was asked for, and each time that changed: the last one counts."""
    title, target = review.text("title"), review.text("target")
    base = alias = ""
    given_up = False
    last = -1
    for event in _with_opening(review):
        match event.kind:
            case "version":
                alias = event.text("head") if last >= 0 else ""
            case "retitle":
                title = event.text("title") or title
            case "retarget":
                target = event.text("target") or target
            case "close" | "reopen":
                given_up = event.kind == CLOSE
            case "merged":
                base, alias = event.text("target_before"), event.text("commit")
                given_up = False
            case _:
                continue
        last = max(_seconds(event.time), last + 1)
        yield written(
            {
                "timestamp": _stamp(last),
                "reviewRef": review.branch,
                "targetRef": "" if given_up else target,
                "requester": _plain(review.text("by")),
                "description": _plain("\n\n".join(filter(None, (title, review.body)))),
                "baseCommit": base,
                "alias": alias,
            }
        )
        if event.kind == MERGED:
            return


def _with_opening(review: Review) -> Iterator[Event]:
    """The events, the first version at the time the review was opened."""
    opened = next((one for one in review.events if one.kind == VERSION), None)
    if opened is not None:
        yield replace(opened, time=review.text("created") or opened.time)
    yield from (one for one in review.events if one is not opened)


def _discussion(review: Review) -> Iterator[str]:
    """Comments and answers as they are; decisions, taken back when they stop to count."""
    threads = {thread.id: thread for thread in review.threads}
    ids: dict[str, str] = {}
    decided: dict[str, _Decision] = {}
    last = -1
    for index, event in enumerate(review.events):
        if event.kind == COMMENT:
            text = written(_comment(event, _location(review, threads[event.id])))
            ids[event.id] = note_id(text)
            yield text
        elif event.kind == REPLY and event.text("thread") in ids:
            done = True if event.fields.get("resolve") is True else None
            yield written(_comment(event, parent=ids[event.text("thread")], resolved=done))
        elif event.kind in _OPINIONS:
            counts = _counting(review.events[: index + 1])
            if event.kind in (APPROVE, REQUEST_CHANGES):
                decided[event.id] = _Decision(event, _head(review.events[: index + 1]))
            for id, one in decided.items():  # noqa: A001
                if not one.text or counts.get(id) is not one.resolved:
                    last = max(_seconds(event.time), last + 1)
                    yield one.say(last, counts.get(id))


@dataclass
class _Decision:
    """An approval or a request, on a commit. text: the line that said it first, "" before.

    resolved: what the last line about it said: accepted, not accepted, or neither.
    """

    event: Event
    head: str
    text: str = ""
    resolved: bool | None = None

    def say(self, seconds: int, resolved: bool | None) -> str:
        note = _comment(self.event, {"commit": self.head} if self.head else None)
        note["resolved"] = self.resolved = resolved
        if self.text:
            text = written({**note, "timestamp": _stamp(seconds), "original": note_id(self.text)})
        else:
            self.text = text = written(note)
        return text


def _counting(events: Sequence[Event]) -> dict[str, bool]:
    """Event -> whether it accepts, of the decisions that count after `events`."""
    versions = fold_versions(events)
    opinions = fold_opinions(events, versions[-1] if versions else None)
    return {
        one.event: one.state != CHANGES_REQUESTED
        for one in opinions
        if one.state == CHANGES_REQUESTED or not one.stale
    }


def _head(events: Sequence[Event]) -> str:
    versions = fold_versions(events)
    return versions[-1].head if versions else ""


def _comment(
    event: Event,
    location: dict[str, Any] | None = None,
    *,
    parent: str = "",
    resolved: bool | None = None,
) -> dict[str, Any]:
    return {
        "timestamp": _stamp(_seconds(event.time)),
        "author": _plain(event.by),
        "original": "",
        "parent": parent,
        "location": location,
        "description": _plain(event.text("text")),
        "resolved": resolved,
    }


def _location(review: Review, thread: Thread) -> dict[str, Any] | None:
    """Where it was said: for lines that the branch takes away, in the commit it left."""
    number = thread.version
    known = review.versions[number - 1] if 0 < number <= len(review.versions) else None
    commit = thread.head or (known.head if known else "")
    if thread.side == OLD and known and known.base:
        commit = known.base
    return _place(commit, thread.path, thread.line, thread.last) if commit else None


def _place(commit: str, path: str, line: int, last: int) -> dict[str, Any]:
    where: dict[str, Any] = {"commit": commit}
    if path:
        where["path"] = path
    if path and line:
        where["range"] = {"startLine": line, **({"endLine": last} if last > line else {})}
    return where


def _judged(review: Review, first: str, verdicts: Iterable[Verdict]) -> Iterator[Line]:
    """What validators said of its versions, and their remarks on lines."""
    heads: dict[tuple[str, str], list[Version]] = {}
    for version in review.versions:
        if _COMMIT.fullmatch(version.head):
            heads.setdefault((version.tree, version.base), []).append(version)
    for verdict in verdicts:
        stamp = _stamp(_seconds(verdict.time))
        for version in heads.get((verdict.tree, verdict.base), ()):
            report = {
                "timestamp": stamp,
                "status": _STATUS.get(verdict.state),
                "agent": _plain(verdict.validator),
            }
            yield Line(CI, version.head, written(report))
            for remark in verdict.comments:
                note = {
                    "timestamp": stamp,
                    "author": _plain(verdict.validator),
                    "location": _place(version.head, remark.path, remark.line, remark.line),
                    "description": _plain(remark.text),
                }
                yield Line(DISCUSS, first, written(note))


def _first_commit(repo: Repository, review: Review, taken: Mapping[str, set[str]]) -> str:
    """The commit its notes hang on: the first of its first version that is here, "" for none.

    Branches on top of each other begin with the same commit: one that another branch's review
    hangs on already is passed over, if there is another.
    """
    for version in review.versions:
        wanted = [one for one in (version.head, version.base) if one]
        if version.head and all(map(_COMMIT.fullmatch, wanted)):
            limits = [f"^{version.base}"] if version.base else []
            listed = repo.run("rev-list", "--reverse", version.head, *limits, ok=(0, 128))
            commits = listed.lines() if listed.code == 0 else []
            free = (one for one in commits if taken.get(one, set()) <= {review.branch})
            if commits:
                return next(free, commits[0])
    return ""


def _requested(repo: Repository) -> dict[str, set[str]]:
    """Commit -> the branches whose reviews hang on it by the notes there are."""
    found: dict[str, set[str]] = {}
    for commit, lines in read_lines(repo, read_notes(repo, [REQUESTS])[REQUESTS]).items():
        for line in lines:
            try:
                note = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(note, dict):
                found.setdefault(commit, set()).add(str(note.get("reviewRef", "")))
    return found


def _seconds(time: str) -> int:
    try:
        return max(0, int(parse_time(time).timestamp()))
    except BadInput:
        return 0


def _stamp(seconds: int) -> str:
    return f"{seconds:010d}"


def _plain(text: str) -> str:
    """Without control characters: Go has written two of them in two ways over the years."""
    return text.translate(_CONTROLS)
