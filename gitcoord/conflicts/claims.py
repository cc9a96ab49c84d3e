"""Claims: which files a worktree wants for itself for some hours, said before they are edited.

`refs/agentcoord/claims/<id>` names a worktree (its id; `main` is the user's own checkout),
patterns (see patterns.py), why, by whom, since when and until when.

Promises: it is advice. Nothing is locked: hooks warn or block by the settings, and a claim ends
by itself, or with its worktree. Two claims made at once for one file cannot both be made.
Refuses: a claim of what another live claim covers, unless told to; one without an end.

Git processes: 1 where there are no claims, 3 where there are any.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gitcoord.conflicts import patterns as matching
from gitcoord.conflicts.edits import find_place
from gitcoord.errors import BadInput, NoSuch, Problem, Refused, Taken
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import admin_dirs
from gitcoord.records import match_id, new_id, now
from gitcoord.redaction import redact, without_controls
from gitcoord.state.store import NAMESPACE, Record, Store, Transaction
from gitcoord.worktrees.mark import read_mark

KIND = "claims"
REFS = f"{NAMESPACE}/{KIND}/"
MAIN = "main"
HOURS = 8.0
_MOST_HOURS = 24.0 * 31
_MOST_PATTERNS = 1_000
_LONGEST_WHY = 500
_LIST = "see who claims what: gitcoord claims"


@dataclass(frozen=True)
class Claim:
    """worktree: its id, or MAIN. since, until: RFC 3339. gone: its worktree is no more."""

    id: str
    worktree: str
    patterns: tuple[str, ...]
    why: str
    by: str
    since: str
    until: str
    gone: bool = False

    @property
    def expired(self) -> bool:
        return now() >= self.until

    @property
    def live(self) -> bool:
        """Whether it counts."""
        return not self.gone and not self.expired

    def covers(self, path: str) -> bool:
        """Whether a path, from the top of the repository, is one it claims."""
        return any(matching.covers(pattern, path) for pattern in self.patterns)


def create_claim(
    repo: Repository,
    worktree_id: str,
    patterns: Sequence[str],
    *,
    why: str = "",
    by: str = "",
    hours: float = HOURS,
    force: bool = False,
) -> Claim:
    """Claim files for a worktree; the same patterns claimed again get a new end.

    Raises Taken, naming the claim in the way, unless force; BadInput, NoSuch.
    """
    with _turn(repo):
        listed = list_claims(repo, expired=True, bad=[])
        claim = _planned(repo, listed, worktree_id, patterns, why, by, hours, force=force)
        store = Store(repo)
        same = next((one for one in listed if one.id == claim.id), None)
        with store.transaction(f"claim {claim.id}") as change:
            _drop_expired(change, store, listed, but=claim.id)
            if same is None:
                change.create(KIND, claim.id, _document(claim))
            else:
                change.put(store.read(KIND, claim.id), _document(claim))
    return claim


def plan_claim(
    repo: Repository,
    worktree_id: str,
    patterns: Sequence[str],
    *,
    why: str = "",
    by: str = "",
    hours: float = HOURS,
    force: bool = False,
) -> Claim:
    """What `create_claim` would make now. Raises what it raises; changes nothing."""
    listed = list_claims(repo, expired=True, bad=[])
    return _planned(repo, listed, worktree_id, patterns, why, by, hours, force=force)


def list_claims(
    repo: Repository, *, expired: bool = False, bad: list[Problem] | None = None
) -> list[Claim]:
    """Claims that count, oldest first. expired: also those past their end, or whose worktree is
    gone. One that cannot be read raises, or goes to `bad`."""
    if not read_refs(repo, REFS):
        return []
    there = live_worktrees(repo)
    found = [_claim(record, there) for record in Store(repo).all(KIND, bad)]
    wanted = [one for one in found if expired or one.live]
    return sorted(wanted, key=lambda one: (one.since, one.id))


def covering(claims: Iterable[Claim], path: str, me: str) -> Claim | None:
    """Somebody else's live claim of a path, None when nobody has one.

    path: from the top of the repository. me: the worktree's id, or MAIN.
    """
    others = (one for one in claims if one.worktree != me)
    return next((one for one in others if one.covers(path) and one.live), None)


def find_claims(repo: Repository, worktree_id: str, words: Sequence[str]) -> list[Claim]:
    """Those that words mean, parts of ids or patterns; no words: all of a worktree.

    A pattern means the worktree's own claims of it, else those of others. Raises NoSuch.
    """
    listed = list_claims(repo, expired=True)
    mine = [one for one in listed if one.worktree == worktree_id]
    if not words:
        if not mine:
            raise NoSuch(f"{worktree_id} has no claims", hint=_LIST)
        return mine
    found: dict[str, Claim] = {}
    for word in words:
        found |= {one.id: one for one in _meant(listed, mine, word)}
    return list(found.values())


def release(repo: Repository, claims: Iterable[Claim]) -> list[Claim]:
    """End claims. Returns those that were there still."""
    store = Store(repo)
    with _turn(repo), store.transaction("release claims") as change:
        there = {record.id: record for record in store.all(KIND, [])}
        ended = [claim for claim in claims if claim.id in there]
        for claim in ended:
            change.remove(there[claim.id])
    return ended


def claimant(repo: Repository, folder: Path) -> str:
    """Who claims in a folder: the id of its worktree, its name, or MAIN. Raises Refused."""
    place = find_place(os.fspath(folder)) if repo.top else None
    if place is None:
        raise Refused(
            "this is in no worktree, so nobody can claim anything here",
            hint="say for whom: gitcoord claim PATH --for ID",
        )
    return place[2]


def from_top(repo: Repository, folder: Path, word: str) -> str:
    """A path or pattern as somebody in `folder` names it, from the top of the worktree.

    A folder ends in `/`. Raises BadInput for one outside, or too long.
    """
    top = os.path.realpath(repo.top or folder)
    path = os.path.normpath(os.path.join(os.path.realpath(folder), word))  # noqa: PTH118
    inside = os.path.relpath(path, top)
    if not word or "\0" in word or inside == ".." or inside.startswith("../"):
        raise BadInput(f"{word[:60]!r} is not in this worktree", hint="see: gitcoord claim --help")
    if len(inside) > matching.LONGEST:
        raise BadInput(
            f"{inside[:60]!r}… is longer than {matching.LONGEST} characters",
            hint="claim its folder: gitcoord claim FOLDER/",
        )
    if inside == ".":
        return "**"
    is_folder = word.endswith("/") or os.path.isdir(path)  # noqa: PTH112
    return f"{inside}/" if is_folder else inside


def live_worktrees(repo: Repository) -> set[str]:
    """What claims can be for: MAIN, and each linked worktree whose folder is there, by its
    mark, else by its name. From files alone."""
    there = {path: admin for path, admin in admin_dirs(repo).items() if path.is_dir()}
    return {MAIN, *(read_mark(admin) or path.name for path, admin in there.items())}


def _planned(
    repo: Repository,
    listed: Sequence[Claim],
    worktree_id: str,
    patterns: Sequence[str],
    why: str,
    by: str,
    hours: float,
    *,
    force: bool,
) -> Claim:
    wanted = tuple(dict.fromkeys(patterns))
    _check(wanted, hours)
    if worktree_id not in live_worktrees(repo):
        raise NoSuch(f"there is no worktree {worktree_id!r}", hint="see: gitcoord list")
    others = [one for one in listed if one.worktree != worktree_id and one.live]
    if not force:
        _refuse_taken(others, wanted)
    mine = [one for one in listed if one.worktree == worktree_id]
    same = next((one for one in mine if set(one.patterns) == set(wanted)), None)
    until = datetime.now(UTC) + timedelta(hours=hours)
    return Claim(
        same.id if same else new_id("claim", " ".join(wanted)),
        worktree_id, wanted, without_controls(redact(why))[:_LONGEST_WHY],
        without_controls(by)[:_LONGEST_WHY], same.since if same and same.live else now(),
        until.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z",
    )  # fmt: skip


def _check(patterns: Sequence[str], hours: float) -> None:
    if not 0 < hours <= _MOST_HOURS:
        raise BadInput(
            f"a claim is for more than 0 and at most {_MOST_HOURS:g} hours, not {hours:g}",
            hint=f"the usual is {HOURS:g}: gitcoord claim PATH",
        )
    if not 0 < len(patterns) <= _MOST_PATTERNS:
        raise BadInput(
            f"a claim is of 1 to {_MOST_PATTERNS:,} paths, not {len(patterns):,}",
            hint="claim a folder: gitcoord claim src/",
        )


def _refuse_taken(others: Sequence[Claim], patterns: Sequence[str]) -> None:
    for other in others:
        for wanted in patterns:
            for theirs in other.patterns:
                if matching.meet(wanted, theirs):
                    why = f" ({other.why})" if other.why else ""
                    raise Taken(
                        f"{wanted} is claimed by {other.worktree}: {theirs}{why},"
                        f" until {other.until}, by {other.id}",
                        hint="wait, or claim it all the same: gitcoord claim PATH --force",
                    )


def _meant(listed: Sequence[Claim], mine: Sequence[Claim], word: str) -> list[Claim]:
    plain = word.rstrip("/")
    for known in (mine, listed):
        meant = [one for one in known if plain in {each.rstrip("/") for each in one.patterns}]
        if meant:
            return meant
    try:
        chosen = match_id(word, [one.id for one in listed])
    except NoSuch as problem:
        raise NoSuch(problem.message, hint=_LIST) from problem
    return [one for one in listed if one.id == chosen]


def _drop_expired(change: Transaction, store: Store, listed: Iterable[Claim], but: str) -> None:
    over = {one.id for one in listed if one.expired and one.id != but}
    for record in store.all(KIND, []) if over else ():
        if record.id in over:
            change.remove(record)


def _document(claim: Claim) -> dict[str, object]:
    return {name: value for name, value in vars(claim).items() if name not in ("id", "gone")}


def _claim(record: Record, there: set[str]) -> Claim:

    def text(key: str) -> str:
        return str(record.body.get(key, ""))

    listed = record.body.get("patterns")
    patterns = tuple(map(str, listed)) if isinstance(listed, list) else ()
    gone = text("worktree") not in there
    return Claim(
        record.id, text("worktree"), patterns, text("why"), text("by"), text("since"),
        text("until"), gone,
    )  # fmt: skip


@contextmanager
def _turn(repo: Repository) -> Iterator[None]:
    """One at a time in this clone: two that claim one file would not see each other. The lock
    is on the git dir itself, so a killed process leaves no file."""
    fd = os.open(repo.common_dir, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
