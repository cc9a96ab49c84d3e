"""What a bisection found out, and the finding that tells it.

Promises: the finding holds the first bad commit, its diff, what the command said there and at
its parents, and commands that show both. Whatever comes from the repository or the command is
cut to a bounded length and free of control characters.

Confidence, in `to_finding`:

    0.98 * agreement * proof * precision * reach

    agreement  0.4 when running the result once more gave another answer, else 1
    proof      1 when it was run once more, 0.95 when not
    precision  1 / sqrt(n) for n commits left, where some could not be tested: between what
               holds for all of them together (1) and for each of them (1/n)
    reach      0.9 when a merge base of good and bad could not be tested, else 1
"""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from gitcoord.analysis.bisect_check import Verdict, ending, printable
from gitcoord.analysis.bisect_search import Doubt, End, Search
from gitcoord.analysis.finding import Evidence, Finding, Suspect
from gitcoord.git.repository import Repository
from gitcoord.git.run import end_group, start

_DIFF_BYTES = 24_000
_TAIL_LINES = 20
_MOST_COMMITS = 20
_MOST_PATHS = 30
_PLAIN_DIFF = ("--no-color", "--no-ext-diff", "--no-textconv", "--root", "-M", "-r")


@dataclass(frozen=True)
class Subject:
    """One commit for people: subject line, author's name, author's date (RFC 3339)."""

    commit: str
    title: str
    author: str
    date: str


@dataclass(frozen=True)
class Bisection:
    """The result. candidates: the first bad commit; several, the one known to be bad first,
    when commits that cannot be tested leave it open.

    parents: of the first candidate, as far as they count. again: second runs. tests: runs
    that answered, this time; verdicts from earlier times are in `verdicts` too. searched:
    commits between good and bad. paths, diff: of the first candidate against its first parent,
    cut to a bounded length. seconds: wall time.
    """

    command: str
    ends: tuple[End, ...]
    candidates: tuple[Subject, ...]
    parents: tuple[str, ...]
    verdicts: Mapping[str, Verdict]
    again: Mapping[str, Verdict]
    doubts: tuple[Doubt, ...]
    confirmed: bool
    tests: int
    searched: int
    left: int
    paths: tuple[str, ...]
    diff: str
    seconds: float

    @property
    def first_bad(self) -> str:
        """The commit that is bad with no bad parent known."""
        return self.candidates[0].commit

    @property
    def contradicted(self) -> bool:
        return any(doubt.kind == "contradiction" for doubt in self.doubts)


def describe(
    repo: Repository, command: str, search: Search, *, tests: int, seconds: float
) -> Bisection:
    """A search that has ended, with what git says of its result."""
    candidates = [commit for commit in reversed(list(search.left)) if commit != search.bad]
    parents = search.history[search.bad]
    against = (parents[0], search.bad) if parents else (search.bad,)
    return Bisection(
        command=command,
        ends=tuple(search.ends),
        candidates=_subjects(repo, [search.bad, *candidates[: _MOST_COMMITS - 1]]),
        parents=parents,
        verdicts=dict(search.verdicts),
        again=dict(search.again),
        doubts=(*search.doubts, *search.contradictions()),
        confirmed=search.confirm,
        tests=tests,
        searched=len(search.history),
        left=len(search.left),
        paths=_paths(repo, against),
        diff=_diff(repo, against),
        seconds=seconds,
    )


def to_finding(found: Bisection) -> Finding:
    """The detective's finding. Its confidence follows the formula at the head of this module."""
    factors = {
        "agreement": 0.4 if found.contradicted else 1.0,
        "proof": 1.0 if found.confirmed else 0.95,
        "precision": round(1 / math.sqrt(found.left), 3),
        "reach": 0.9 if any(doubt.kind == "base" for doubt in found.doubts) else 1.0,
    }
    confidence = round(0.98 * math.prod(factors.values()), 3)
    reasons = ("first bad commit of a bisection",)
    if found.left > 1:
        reasons = (f"one of {found.left} commits a bisection left",)
    return Finding(
        role="detective",
        title=_title(found),
        confidence=confidence,
        evidence=tuple(_evidence(found)),
        body="\n\n".join(_body(found)) + "\n",
        factors=factors,
        files=tuple(Suspect(path, confidence, reasons) for path in found.paths),
        commits=tuple(
            Suspect(one.commit, confidence, reasons, one.title) for one in found.candidates
        ),
    )


def _title(found: Bisection) -> str:
    first = found.candidates[0]
    if found.left > 1:
        return f"One of {found.left} commits is the first bad one: {first.commit[:10]} or before"
    return f"{first.commit[:10]} is the first bad commit: {first.title[:80]}"


def _evidence(found: Bisection) -> list[Evidence]:
    bad = found.first_bad
    shown = [Evidence(f"git show {bad}", "the change", commit=bad)]
    shown += [
        Evidence(f"git show {bad} -- {shlex.quote(path)}", "changed here", commit=bad, path=path)
        for path in found.paths[:5]
        if path.isprintable()
    ]
    for commit in (bad, *found.parents):
        note = _verdict(found, commit)
        shown.append(Evidence(_rerun(found.command, commit), note, commit=commit))
    return shown


def _rerun(command: str, commit: str) -> str:
    return (
        f'd=$(mktemp -d) && git worktree add --quiet --detach "$d" {commit} && '
        f'(cd "$d" && sh -c {shlex.quote(command)}); code=$?; '
        f'git worktree remove --force "$d"; (exit $code)'
    )


def _body(found: Bisection) -> list[str]:
    first = found.candidates[0]
    parts = [
        f"`{first.commit}` {_inline(first.title)} ({_inline(first.author)}, {first.date})",
        f"The command, run in a scratch worktree of each commit:\n\n{_fenced(found.command, 'sh')}",
        "\n".join(_table(found)),
        _effort(found),
    ]
    if found.left > 1:
        rest = [f"- `{one.commit}` {_inline(one.title)}" for one in found.candidates[1:]]
        hidden = found.left - len(found.candidates)
        rest += [f"- and {hidden} more"] if hidden else []
        head = "These could not be tested, so any of them can be the first bad one as well:"
        parts.append("\n".join([head, "", *rest]))
    if found.doubts:
        lines = [f"- {_inline(doubt.text)}" for doubt in found.doubts]
        parts.append("\n".join(["What speaks against it:", "", *lines]))
    said = found.verdicts.get(first.commit)
    if said and said.tail.strip():
        tail = "\n".join(said.tail.strip("\n").splitlines()[-_TAIL_LINES:])
        parts.append(f"What it printed at the first bad commit, at the end:\n\n{_fenced(tail)}")
    if found.diff:
        parts.append(f"The change:\n\n{_fenced(found.diff, 'diff')}")
    return parts


def _table(found: Bisection) -> list[str]:
    rows = ["| commit | what | verdict |", "|---|---|---|"]
    named = {found.first_bad: "first bad"} | dict.fromkeys(found.parents, "its parent")
    for end in found.ends:
        kind = "merge base" if end.base else "good end" if end.good else "bad end"
        named[end.commit] = f"{named[end.commit]}, {kind}" if end.commit in named else kind
    rows += [f"| `{one}` | {what} | {_verdict(found, one)} |" for one, what in named.items()]
    return rows


def _verdict(found: Bisection, commit: str) -> str:
    """`bad (exit code 1), once more: bad (exit code 1)`."""
    first, again = found.verdicts.get(commit), found.again.get(commit)
    said = _said(first) if first else "good, for a commit after it is"
    if not first and commit in (one.commit for one in found.candidates):
        said = "not known"
    return f"{said}; once more: {_said(again)}" if again else said


def _said(verdict: Verdict) -> str:
    word = {"skipped": "not testable", "none": "no answer", "late": "out of time"}
    how = f"({ending(verdict.code)})" if verdict.code is not None else ""
    return f"{word.get(verdict.answer, verdict.answer)} {how}".strip()


def _effort(found: Bisection) -> str:
    known = len(found.verdicts.keys() | found.again.keys())
    skipped = sum(one.answer == "skipped" for one in found.verdicts.values())
    return (
        f"{found.searched} commits between good and bad; {found.tests} runs of the command in "
        f"{found.seconds:.1f} s; verdicts of {known} commits known, {skipped} not testable."
    )


def _fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _inline(text: str) -> str:
    """Text that stays text in Markdown."""
    return re.sub(r"([\\`*_<>\[\]|])", r"\\\1", text)


def _subjects(repo: Repository, commits: list[str]) -> tuple[Subject, ...]:
    form = "--format=%H%x00%s%x00%an%x00%aI"
    listed = repo.run(
        "log", "--no-walk=unsorted", "--no-show-signature", "--encoding=UTF-8", form, *commits
    )
    lines = (line.split("\0") for line in listed.lines())
    said = {commit: (title, author, date) for commit, title, author, date in lines}
    return tuple(
        Subject(commit, _line(said[commit][0]), _line(said[commit][1]), said[commit][2])
        for commit in commits
    )


def _line(text: str) -> str:
    return printable(os.fsencode(text)).replace("\n", " ")[:200]


def _paths(repo: Repository, against: tuple[str, ...]) -> tuple[str, ...]:
    process = start(
        "diff-tree", "--name-only", "--no-commit-id", "-z", *_PLAIN_DIFF, *against, cwd=repo.home
    )
    assert process.stdout is not None
    try:
        listed = process.stdout.read(_DIFF_BYTES).split(b"\0")[:-1]
    finally:
        end_group(process)
    return tuple(os.fsdecode(path) for path in listed[:_MOST_PATHS])


def _diff(repo: Repository, against: tuple[str, ...]) -> str:
    """As much as fits, whole lines. A change of 100 MB is not read to its end."""
    process = start(
        "diff-tree", "--stat=100", "-p", "--no-commit-id", *_PLAIN_DIFF, *against, cwd=repo.home
    )
    assert process.stdout is not None
    try:
        content = process.stdout.read(_DIFF_BYTES + 1)
    finally:
        end_group(process)
    if len(content) <= _DIFF_BYTES:
        return printable(content).rstrip()
    head, _, _ = printable(content).rpartition("\n")
    return f"{head}\n… the rest is left out"
