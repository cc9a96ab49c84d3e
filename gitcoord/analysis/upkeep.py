"""How files have been kept up: how often they changed, how often for a fix, and by whom.

Promises: every number is counted from commits read once. Names of people only; a mail
address tells people apart and is never shown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitcoord.analysis import shell
from gitcoord.analysis.citing import day
from gitcoord.analysis.finding import Evidence, Finding, Suspect
from gitcoord.analysis.past import Past
from gitcoord.analysis.redaction import shown
from gitcoord.git.history import Commit
from gitcoord.records import counted

ROLE = "researcher"
RECENT_DAYS = 90
_BUSY, _STILL_BUSY = 5, 2  # changes in RECENT_DAYS
_SHOWN = 5
_HALF_LIFE = 365.0
_FIX = re.compile(
    r"\b(?:fix(?:e[sd]|ing)?|bug(?:fix)?|hotfix|regression|crash(?:es)?|revert(?:s|ed)?|leak(?:s|ed)?"
    r"|deadlock|race|broken|wrong|incorrect(?:ly)?|fault)\b",
    re.IGNORECASE,
)
_MECHANICAL = re.compile(
    r"^(?:\w+(?:\([^)]{0,60}\))?!?:\s*)?(?:run\s|apply\s|use\s|add\s)?(?:auto-?)?(?:re-?)?"
    r"(?:format(?:s|ted|ting)?|lint(?:s|ed|ing)?|style|black|prettier|eslint|gofmt|rustfmt|isort"
    r"|clang-format|pyupgrade|typos?|whitespaces?|docs?|document(?:s|ed|ation)?|docstrings?"
    r"|comments?|typing|mypy|type (?:hints?|annotations?)|copyright|licen[cs]e headers?|bump"
    r"|release|version|merge)\b",
    re.IGNORECASE,
)
# Anywhere in the subject of a commit that changes many files at once.
_SWEEP = 8
_FORM = re.compile(
    r"\b(?:(?:re-?)?format(?:s|ted|ting|ter)?|lint(?:s|ed|ing|er)?|black|ruff|prettier|eslint|gofmt"
    r"|rustfmt|isort|clang-format|clang-tidy|pyupgrade|yapf|flake8|mypy|typing|types|typed"
    r"|type[ -](?:hints?|annotations?)|annotat(?:e|es|ed|ing|ions?)|copyright|licen[cs]e"
    r"|whitespaces?|indent(?:ation)?|spelling|typos?"
    r"|docstrings?|line endings?|imports|f-strings?|semicolons?)\b",
    re.IGNORECASE,
)
# "Move cookies to a jar" of nine files is a change of what is done; of twice as many it is not.
_MOVED = re.compile(r"\b(?:renam(?:e|es|ed|ing)|mov(?:e|es|ed|ing))\b", re.IGNORECASE)
_BOT = re.compile(r"\[bot\]|\bbot$|^(?:dependabot|renovate|github-actions|greenkeeper)\b", re.I)


@dataclass(frozen=True)
class Churn:
    """changes: commits that changed the file; recent: of the last RECENT_DAYS; fixes: whose
    subject tells of one. authors: how many people. last: the newest of the commits."""

    path: str
    changes: int
    recent: int
    fixes: int
    authors: int
    last: Commit | None

    @property
    def mended(self) -> float:
        """The share of the changes that were for a fix."""
        return self.fixes / self.changes if self.changes else 0.0


@dataclass(frozen=True)
class Knower:
    """Somebody who knows files. share: 0 to 1, of all that is known; lines: of the implicated
    lines. changes: to the files. last: the newest of them."""

    name: str
    share: float
    lines: float
    changes: int
    last: Commit | None


def churn(past: Past, path: str) -> Churn:
    commits = past.by_path.get(path, [])
    return Churn(
        path=path,
        changes=len(commits),
        recent=sum(past.days(commit) <= RECENT_DAYS for commit in commits),
        fixes=sum(is_fix(commit) for commit in commits),
        authors=len({commit.mail.lower() for commit in commits}),
        last=commits[0] if commits else None,
    )


def is_fix(commit: Commit) -> bool:
    """Whether the subject tells of something that was wrong."""
    return bool(_FIX.search(commit.subject[:300]))


def is_mechanical(commit: Commit) -> bool:
    """Whether the subject tells of a change of form: formatting, spelling, a version."""
    return bool(_MECHANICAL.search(commit.subject[:300])) or is_sweeping(commit)


def is_sweeping(commit: Commit) -> bool:
    """Whether it changed the form of _SWEEP files or more at once: types, names, places."""
    said = commit.subject[:300]
    formed = len(commit.paths) >= _SWEEP and _FORM.search(said)
    moved = len(commit.paths) >= 2 * _SWEEP and _MOVED.search(said)
    return bool(formed or moved) and not is_fix(commit)


def knowers(past: Past, paths: Sequence[str], lines: Mapping[str, float]) -> list[Knower]:
    """Who knows `paths`, best first; programs that commit are left out.

    lines: commit id -> weight of the implicated lines it last touched (blame). A person's
    share is half their part of those lines, half their part of the changes to the paths,
    each change counting 0.5 ** (days / 365): who wrote it, and who was there lately.
    """
    wrote: dict[str, float] = defaultdict(float)
    changed: dict[str, list[Commit]] = defaultdict(list)
    names: dict[str, str] = {}
    commits = {commit.id: commit for path in paths for commit in past.by_path.get(path, [])}
    ordered = sorted(commits.values(), key=lambda commit: -commit.time)
    for commit in ordered:
        changed[_key(commit)].append(commit)
        names.setdefault(_key(commit), commit.author)
    for oid, weight in lines.items():
        author = past.by_id.get(oid)
        if author:
            wrote[_key(author)] += weight
            names.setdefault(_key(author), author.author)
    fresh = {
        key: sum(0.5 ** (past.days(commit) / _HALF_LIFE) for commit in group)
        for key, group in changed.items()
    }
    all_lines, all_fresh = sum(wrote.values()), sum(fresh.values())
    found = []
    for key, name in names.items():
        part = wrote[key] / all_lines if all_lines else 0.0
        lately = fresh.get(key, 0.0) / all_fresh if all_fresh else 0.0
        share = (part + lately) / 2 if all_lines and all_fresh else part or lately
        group = changed.get(key, [])
        if not _BOT.search(name):
            found.append(Knower(name, share, part, len(group), group[0] if group else None))
    return sorted(found, key=lambda one: (-one.share, one.name))


def knower_findings(past: Past, paths: Sequence[str], lines: Mapping[str, float]) -> list[Finding]:
    """Whom to ask. Confidence is the first one's share, at most 0.9 (see `knowers`)."""
    known = [one for one in knowers(past, paths, lines) if one.share >= 0.02][:_SHOWN]
    if not known:
        return []
    names = " and ".join(shown(one.name, 60) for one in known[:2])
    specs = [shell.pathspec(path) for path in paths]
    return [
        Finding(
            role=ROLE,
            title=f"{names} know{'s' * (len(known) == 1)} this code best",
            confidence=round(min(0.9, known[0].share), 4),
            evidence=(
                Evidence(
                    shell.command("git", "shortlog", "-sn", past.at[:12], "--", *specs),
                    "who changed these files, and how often",
                    commit=past.at,
                ),
            ),
            body="\n".join(_knower_said(one) for one in known) + "\n",
            factors={"share": known[0].share, "people": float(len(known))},
        )
    ]


def restless_findings(past: Past, paths: Sequence[str]) -> list[Finding]:
    """Files that change, or are mended, more than files usually are.

    Confidence is 0.5 · fixes / changes of the first: where much was mended, more is to mend
    (Nagappan and Ball, "Use of relative code churn measures to predict defect density", 2005).
    """
    found = [churn(past, path) for path in paths]
    hot = [
        one
        for one in found
        if one.recent >= _BUSY
        or (one.recent >= _STILL_BUSY and one.fixes >= 3 and one.mended >= 0.3)
    ]
    hot.sort(key=lambda one: (-one.mended, -one.recent, one.path))
    if not hot:
        return []
    first = hot[0]
    top = max(one.recent + one.fixes for one in hot)
    return [
        Finding(
            role=ROLE,
            title=(
                f"{shown(first.path, 120)} is restless: {counted(first.recent, 'change')} in "
                f"{RECENT_DAYS} days, {first.fixes} of all {first.changes} for a fix"
            ),
            confidence=round(0.5 * first.mended, 4),
            evidence=tuple(_changes_shown(past.at, one) for one in hot),
            factors={
                "changes": float(first.changes),
                "recent": float(first.recent),
                "fixes": float(first.fixes),
            },
            files=tuple(_hot(one, top) for one in hot),
        )
    ]


def _hot(one: Churn, top: int) -> Suspect:
    said = f"{counted(one.recent, 'change')} in {RECENT_DAYS} days, {one.fixes} for a fix"
    return Suspect(one.path, 0.1 * (one.recent + one.fixes) / top, (said,))


def _changes_shown(at: str, one: Churn) -> Evidence:
    listed = shell.command("git", "log", "--oneline", at[:12], "--", shell.pathspec(one.path))
    note = f"{counted(one.changes, 'change')}, {one.fixes} for a fix"
    return Evidence(listed, note, commit=at, path=one.path)


def _knower_said(one: Knower) -> str:
    last = f", last on {day(one.last)}" if one.last else ""
    return (
        f"- {shown(one.name, 60)}: {round(100 * one.share)} % of what is known; wrote "
        f"{round(100 * one.lines)} % of the implicated lines, "
        f"{counted(one.changes, 'change')}{last}"
    )


def _key(commit: Commit) -> str:
    return commit.mail.lower() or commit.author
