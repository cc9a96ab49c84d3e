"""Where a line comes from: its commit, the review it landed with, the agent's own commit behind a
squash, the run and the task, what was asked, and the findings that cite the file.

    trace(repo, path, line, rev="")  ->  Trace

Promises: only what is on record is told; an empty field is nothing known. It works when worktree
and branch are gone. Nothing is changed.
Refuses: a file or a line that is not there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitcoord.errors import GitFailed, NoSuch, Problem
from gitcoord.git.blame import Blamed, blame_lines
from gitcoord.git.objects import Reader
from gitcoord.git.repository import Repository
from gitcoord.records import check_id
from gitcoord.reviews.landing.composing import SQUASH
from gitcoord.reviews.landing.trailers import REVIEW, Told, read_told
from gitcoord.reviews.review import Review, list_reviews
from gitcoord.reviews.versions import contains
from gitcoord.state.store import Record, Store
from gitcoord.worktrees.findings import Written, list_findings

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
_RUNS = "runs"

Task = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Origin:
    """A commit a line was last touched by. path, line: where it stood there. said: its trailers."""

    commit: str
    author: str
    time: int
    subject: str
    path: str
    line: int
    said: Told


@dataclass(frozen=True)
class Trace:
    """All that is known of one line.

    text: the line. uncommitted: nobody committed it, so nothing else is known. landed: the
    commit on this branch. original: the agent's, where that was squashed. run: its record.
    transcript: a file on this machine. findings: those of the worktree that cite the file.
    """

    path: str
    line: int
    rev: str
    text: str = ""
    uncommitted: bool = False
    landed: Origin | None = None
    review: Review | None = None
    original: Origin | None = None
    worktree: str = ""
    run: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    tasks: tuple[Task, ...] = ()
    transcripts: tuple[Path, ...] = ()
    findings: tuple[Written, ...] = ()

    @property
    def said(self) -> Told | None:
        """What the commit that tells most says of itself."""
        return (self.original or self.landed or _NOBODY).said


_NOBODY = Origin("", "", 0, "", "", 0, Told("", ""))


def trace(repo: Repository, path: str, line: int, *, rev: str = "") -> Trace:
    """Follow line `line`, from 1, of `path`, relative to the top of the worktree.

    rev: the revision it is a line of; "" is the file as it is on disk. Raises NoSuch.
    """
    commit = repo.commit(rev or "HEAD")
    then: int | None = line
    with Reader(repo) as reader:
        if rev:
            text = _line_of(reader, commit, path, line)
        else:
            text = _line_on_disk(repo, path, line)
            known = "\n" not in path and reader.find(f"{commit}:{path}") is not None
            then = map_line(repo, commit, None, path, line) if known else None
    if then is None:
        return Trace(path, line, "", text, uncommitted=True)
    landed = _origin(repo, commit, path, then)
    review = _review_of(repo, landed, commit)
    original = _behind(repo, review, landed)
    said = (original or landed).said
    about = _Known(said, review)
    record = _find_run(repo, about.told("Run"))
    tasks = _tasks(record, said.trailers.get("Gitcoord-Task", []))
    return Trace(
        path, line, rev, text,
        landed=landed, review=review, original=original,
        worktree=about.told("Worktree"), run=about.told("Run"),
        record=record.body if record else {}, tasks=tasks,
        transcripts=tuple(_transcripts(repo, about.told("Run"), [name for name, _ in tasks])),
        findings=tuple(_citing(repo, about.told("Worktree"), {path, landed.path})),
    )  # fmt: skip


def map_line(repo: Repository, old: str, new: str | None, path: str, line: int) -> int | None:
    """The line of `path` in commit `old` that is line `line` in `new` (None: on disk); None when
    it is not from there."""
    asked = ("-p", "--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
    if new is None:
        said = repo.run("diff-index", *asked, old, "--", f":(top,literal){path}")
    else:
        said = repo.run("diff-tree", *asked, old, new, "--", f":(top,literal){path}")
    shift = 0
    for found in _HUNK.finditer(said.out):
        before, first, count = int(found[2] or 1), int(found[3]), int(found[4] or 1)
        # Of a hunk that only takes away, git names the line before it.
        if line < first + (count == 0):
            break
        if line < first + count:
            return None
        shift += before - count
    return line + shift


def _line_on_disk(repo: Repository, path: str, line: int) -> str:
    if repo.top is None:
        raise NoSuch("there are no files here", hint="name a revision: gitcoord why F:1 --rev main")
    try:
        content = (repo.top / path).read_bytes()
    except OSError as error:
        raise NoSuch(
            f"{path}: {error.strerror}",
            hint="name a revision that has it: gitcoord why F:1 --rev R",
        ) from error
    return _line(content, path, line)


def _line_of(reader: Reader, commit: str, path: str, line: int) -> str:
    found = reader.find(f"{commit}:{path}") if "\n" not in path else None
    if found is None or found[1] != "blob":
        raise NoSuch(
            f"{path} is no file in {commit[:12]}", hint=f"see: git ls-tree -r {commit[:12]}"
        )
    return _line(found[2], path, line)


def _line(content: bytes, path: str, line: int) -> str:
    lines = content.split(b"\n")
    lines = lines[:-1] if lines[-1] == b"" else lines
    if not 1 <= line <= len(lines):
        raise NoSuch(f"{path} has {len(lines)} lines, no line {line}", hint=f"see: wc -l '{path}'")
    return os.fsdecode(lines[line - 1].removesuffix(b"\r"))


def _origin(repo: Repository, commit: str, path: str, line: int) -> Origin:
    try:
        [found] = blame_lines(repo, commit, path, [(line, line)])
    except (GitFailed, ValueError) as failure:
        raise NoSuch(
            f"git cannot tell who touched line {line} of {path}",
            hint=f"see: git blame -L {line},{line} {commit[:12]} -- '{path}'",
        ) from failure
    return _told(repo, found)


def _told(repo: Repository, found: Blamed) -> Origin:
    [said] = read_told(repo, found.commit, most=1)
    return Origin(
        found.commit, found.author, found.time, found.subject, found.path, found.first_then, said
    )


def _review_of(repo: Repository, landed: Origin, tip: str) -> Review | None:
    """The review a commit landed with: the one it is the landing of; else the first landing after
    it, if that brought it; else one it is a commit of and that is not merged yet; else the one it
    names: anybody may write a trailer, but it outlives a history that was written anew."""
    bad: list[Problem] = []
    reviews = list_reviews(repo, state="", bad=bad)
    named = landed.said.trailers.get(REVIEW, [])
    for one in reviews:
        if one.id in named and one.merge and one.merge.text("commit") == landed.commit:
            return one
    merged = sorted((one for one in reviews if one.merge), key=_merged_at)
    if any(_brought(repo, one, landed.commit) for one in _first_of_each_target(merged)):
        brought = _first_landing(repo, merged, landed.commit, tip)
        if brought is not None:
            return brought
    worktree = landed.said.value("Worktree")
    mine = [one for one in reviews if one.merge is None and worktree and one.worktree == worktree]
    of_branch = (one for one in mine if contains(repo, one.head, landed.commit))
    return next(of_branch, next((one for one in reviews if one.id in named), None))


def _first_landing(
    repo: Repository, merged: Sequence[Review], commit: str, tip: str
) -> Review | None:
    """The review that brought a commit to where `tip` is: 0.8 s where 95,000 came after it."""
    by_commit = {one.merge.text("commit"): one for one in merged if one.merge is not None}
    asked = ("rev-list", "--reverse", "--topo-order", "--ancestry-path", f"{commit}..{tip}")
    after = [commit, *repo.run(*asked).lines()]
    first = next((by_commit[one] for one in after if one in by_commit), None)
    return first if first is not None and _brought(repo, first, commit) else None


def _first_of_each_target(merged: Sequence[Review]) -> list[Review]:
    """What was there before the first landing came with none."""
    return list({one.target: one for one in reversed(merged)}.values())


def _merged_at(review: Review) -> str:
    return review.merge.time if review.merge else ""


def _brought(repo: Repository, review: Review, commit: str) -> bool:
    before = review.merge.text("target_before") if review.merge else ""
    return repo.find_commit(before) is not None and not contains(repo, before, commit)


def _behind(repo: Repository, review: Review | None, landed: Origin) -> Origin | None:
    """The commit of the branch behind a squash, while that is still there."""
    event = review.merge if review else None
    if review is None or event is None or event.text("method") != SQUASH:
        return None
    head = event.text("head") or review.head
    if landed.commit != event.text("commit") or repo.find_commit(head) is None:
        return None
    line = map_line(repo, head, landed.commit, landed.path, landed.line)
    if line is None:
        return None
    try:
        [found] = blame_lines(repo, head, landed.path, [(line, line)])
    except (GitFailed, ValueError):
        return None
    return _told(repo, found)


@dataclass(frozen=True)
class _Known:
    """Facts by name, from a commit's trailers or else the review's record."""

    said: Told
    review: Review | None

    def told(self, name: str) -> str:
        recorded = self.review.text(name.lower()) if self.review else ""
        return self.said.value(name) or recorded


def _find_run(repo: Repository, run: str) -> Record | None:
    try:
        return Store(repo).find(_RUNS, check_id(run)) if run else None
    except Problem:
        return None


def _tasks(
    record: Record | None, names: Sequence[str]
) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """Task -> its record, {} where that is gone."""
    known = record.documents.get("tasks", {}) if record else {}
    return tuple((name, known.get(name) or {}) for name in dict.fromkeys(names))


def _transcripts(repo: Repository, run: str, tasks: Sequence[str]) -> list[Path]:
    """Names in a commit are anybody's words: only what lies in the run's folder counts."""
    folder = repo.own_dir / "logs" / run
    if not run or "/" in run or run.startswith("."):
        return []
    plain = [name for name in tasks if "/" not in name and not name.startswith(".")]
    return [file for name in plain if (file := folder / f"{name}.jsonl").is_file()]


def _citing(repo: Repository, worktree: str, paths: set[str]) -> list[Written]:
    """The findings whose evidence is in one of these files."""
    try:
        found = list_findings(repo, check_id(worktree)) if worktree else []
    except Problem:
        return []
    return [one for one in found if any(evidence.get("path") in paths for evidence in one.evidence)]
