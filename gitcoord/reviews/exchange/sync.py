"""Reviews exchanged with another clone through a remote: nothing of either is lost.

What is there is fetched to `refs/agentcoord/remotes/<remote>/`, each review becomes the files
of both sides, and what is missing there is pushed, from the value that was seen there: when
somebody else was first, all is fetched and united again.

Promises: only what belongs to the reviews asked for goes out: their records, verdicts on their
versions, and the commits of these (`refs/agentcoord/versions/<review>/<commit>`), with all a
commit has in it, so also what agents wrote into it below `.agentcoord/`. What this clone found
out itself is not replaced: a verdict that is here stays. What cannot be read stays where it is.
It trusts who can push there: an event says itself who wrote it, an approval too.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from gitcoord.errors import Contended, Corrupt, NoSuch, Problem, Refused
from gitcoord.git.exchange import fetch_refs, find_remote, push_refs, refused
from gitcoord.git.objects import Batch, Reader
from gitcoord.git.refs import Change, change_refs, read_refs
from gitcoord.git.repository import Repository
from gitcoord.process import hold
from gitcoord.records import between, check_id, match_id
from gitcoord.reviews.events import Event
from gitcoord.reviews.exchange.uniting import Files, check_files, unite
from gitcoord.reviews.reading import REFS, read_records
from gitcoord.reviews.review import VERSIONS, Review, read_review
from gitcoord.reviews.saying import pass_on
from gitcoord.reviews.verdicts.verdict import KIND as VERDICT_KIND
from gitcoord.reviews.verdicts.verdict import Verdict, verdict_of
from gitcoord.state.documents import decode
from gitcoord.state.store import MAIN, NAMESPACE, Record

VERDICTS = f"{NAMESPACE}/{VERDICT_KIND}/"
_KINDS = (REFS, VERSIONS, VERDICTS)
_TRIES = 12
_NO_RACE = 2  # tries after which a refusal is none of somebody being first
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

One = TypeVar("One")


@dataclass(frozen=True)
class Exchanged:
    """One review. sent, received: events, oldest first. commits_…: ids of versions' commits.

    verdicts_…: their ids. begun: the side that knew it alone, "here" or "there", or "".
    notes: whether a commit that was sent has agents' notes in it, below `.agentcoord/`.
    """

    id: str
    title: str
    begun: str
    sent: tuple[Event, ...]
    received: tuple[Event, ...]
    commits_sent: tuple[str, ...] = ()
    commits_received: tuple[str, ...] = ()
    verdicts_sent: tuple[str, ...] = ()
    verdicts_received: tuple[str, ...] = ()
    notes: bool = False

    @property
    def moved(self) -> bool:
        """Whether anything went either way."""
        return any(
            (self.begun, self.sent, self.received, self.commits_sent, self.commits_received,
             self.verdicts_sent, self.verdicts_received)
        )  # fmt: skip


@dataclass(frozen=True)
class Exchange:
    """What goes, or went, over a remote. here, there: the refs to change on each side.

    passed_over: what is not exchanged, and why. clashed: files that had two contents.
    """

    remote: str
    reviews: tuple[Exchanged, ...]
    here: tuple[Change, ...]
    there: tuple[Change, ...]
    passed_over: tuple[str, ...] = ()
    clashed: tuple[str, ...] = ()


class _Sides(NamedTuple):
    """Refs by the names they have in a clone: as they are here, and as they are there."""

    here: Mapping[str, str]
    there: Mapping[str, str]

    def ids(self) -> list[str]:
        return sorted(
            {ref.removeprefix(REFS) for side in self for ref in side if ref.startswith(REFS)}
        )


@dataclass(frozen=True)
class _United:
    """A review of both sides. tree: what it becomes. here, there: the files it has, if any."""

    review: Review
    tree: str
    here: Files
    there: Files

    @property
    def heads(self) -> list[str]:
        """Commits of its versions, each once."""
        found = dict.fromkeys(one.head for one in self.review.versions)
        return [head for head in found if _COMMIT.fullmatch(head)]

    def lacking(self, files: Files) -> tuple[Event, ...]:
        return tuple(e for e in self.review.events if f"{e.name}.toml".encode() not in files)


def sync(
    repo: Repository,
    remote: str = "",
    parts: Sequence[str] = (),
    *,
    dry_run: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Exchange:
    """Exchange reviews with a remote ("" is origin, or the only one).

    parts: of the ids of those to exchange; none is all. dry_run: only fetch, as git fetch does.
    Raises NoSuch; Problem when git cannot reach it or it does not take them; Contended when
    others were first again and again; Refused while another process here exchanges reviews.
    """
    name = find_remote(repo, remote)
    try:
        lease = hold(repo.own_dir, "review-sync")
    except Contended as held:
        raise Refused(held.message, hint="when it is done: gitcoord review sync") from held
    with lease:
        done = _exchange(repo, name, parts, say, dry_run=dry_run)
        for one in done.reviews:
            if one.received and not dry_run:
                pass_on(repo, read_review(repo, one.id))
        return done


def _exchange(
    repo: Repository,
    remote: str,
    parts: Sequence[str],
    say: Callable[[str], None],
    *,
    dry_run: bool,
) -> Exchange:
    plans: list[Exchange] = []
    seen: Mapping[str, str] = {}
    still = 0
    for attempt in range(_TRIES):
        before, seen = seen, _fetched(repo, remote)
        still = still + 1 if attempt and seen == before else 0
        plan = _plan(repo, remote, seen, parts)
        if dry_run:
            return plan
        try:
            change_refs(repo, plan.here, reason=f"reviews of {remote}")
        except Contended:
            continue
        plans.append(plan)
        # Nothing moved there, and it was refused: some servers know no --atomic.
        said = push_refs(repo, remote, plan.there, atomic=still < _NO_RACE)
        if not said:
            return _together(plans)
        if still > _NO_RACE:
            raise refused(repo, remote, said)
        say(f"{remote} did not take it: fetching again ({attempt + 1} of {_TRIES})")
        time.sleep(between(0.0, 0.2))
    raise Contended(
        f"others change the reviews of {remote} again and again",
        hint="try again: gitcoord review sync",
    )


def _fetched(repo: Repository, remote: str) -> dict[str, str]:
    """What is there, by the names refs have in a clone."""
    kept = f"{NAMESPACE}/remotes/{remote}/"
    fetch_refs(repo, remote, [(kind, _tracked(kept, kind)) for kind in _KINDS])
    refs = read_refs(repo, *(_tracked(kept, kind) for kind in _KINDS))
    return {f"{NAMESPACE}/{ref.removeprefix(kept)}": oid for ref, oid in refs.items()}


def _tracked(kept: str, kind: str) -> str:
    return f"{kept}{kind.removeprefix(f'{NAMESPACE}/')}"


def _plan(
    repo: Repository, remote: str, there: Mapping[str, str], parts: Sequence[str]
) -> Exchange:
    sides = _Sides(read_refs(repo, *_KINDS), there)
    bad: list[str] = []
    clashed: list[str] = []
    united = list(_unite(repo, sides, _chosen(sides.ids(), parts), bad, clashed))
    here: list[Change] = []
    out: list[Change] = []
    told = []
    with Reader(repo) as reader:
        verdicts = _verdicts(reader, sides, united, bad)
        for one in united:
            told.append(_told(reader, sides, one, verdicts, here, out))
    for one in united:
        ref = f"{REFS}{one.review.id}"
        _change(here, ref, sides.here.get(ref), one.tree)
        _change(out, ref, there.get(ref), one.tree)
    return Exchange(remote, tuple(told), tuple(here), tuple(out), tuple(bad), tuple(clashed))


def _chosen(ids: Sequence[str], parts: Sequence[str]) -> list[str]:
    try:
        return [match_id(part, ids) for part in dict.fromkeys(parts)] if parts else list(ids)
    except NoSuch as problem:
        hint = "list them with: gitcoord review list --all"
        raise NoSuch(f"{problem.message}, here or there", hint=hint) from problem


def _unite(
    repo: Repository, sides: _Sides, ids: Sequence[str], bad: list[str], clashed: list[str]
) -> Iterator[_United]:
    batch = Batch(repo)
    trees: dict[str, tuple[str, Files, Files]] = {}
    with Reader(repo) as reader:
        for id in ids:  # noqa: A001
            ref = f"{REFS}{id}"
            try:
                check_id(id)
                here, there = (_files(reader, side.get(ref)) for side in sides)
            except Problem as problem:
                bad.append(f"{id[:60]!r} is left as it is: {problem.message}")
                continue
            files, names = unite(here, there)
            clashed += [f"{id}: {os.fsdecode(name)}" for name in names]
            trees[ref] = (batch.tree(files), here, there)
    batch.write()
    unread: list[Problem] = []
    for record, events, damaged in read_records(
        repo, unread, {ref: tree for ref, (tree, _, _) in trees.items()}
    ):
        review = Review(record, tuple(events), tuple(damaged))
        yield _United(review, *trees[record.ref])
    bad += [f"{one.about.removeprefix(REFS)} is left as it is: {one.message}" for one in unread]


def _files(reader: Reader, tree: str | None) -> Files:
    """The files of a review's tree, none where there is no review. Raises Corrupt."""
    if tree is None:
        return {}
    files = reader.tree(tree)
    check_files(files)
    return files


def _told(
    reader: Reader,
    sides: _Sides,
    one: _United,
    verdicts: Mapping[str, Verdict],
    here: list[Change],
    out: list[Change],
) -> Exchanged:
    """What moves of one review, and the changes of refs beside its own."""
    id = one.review.id  # noqa: A001
    objects = dict(zip(one.heads, reader.find_all(one.heads), strict=True))
    commits = [head for head, found in objects.items() if found and found[1] == "commit"]
    versions = {f"{VERSIONS}{id}/{head}": head for head in commits}
    came = [ref for ref, head in versions.items() if sides.there.get(ref) == head]
    came = [ref for ref in came if ref not in sides.here]
    went = [ref for ref in versions if ref not in sides.there]
    about = {(version.tree, version.base) for version in one.review.versions}
    mine = [ref for ref, verdict in verdicts.items() if (verdict.tree, verdict.base) in about]
    told_here = [ref for ref in mine if ref in sides.here]
    told_there = [ref for ref in mine if ref in sides.there]
    # Also what goes out: the branch may leave it, and others will have it.
    for ref in versions.keys() - sides.here.keys():
        _change(here, ref, None, versions[ref])
    for ref in went:
        _change(out, ref, None, versions[ref])
    for ref in told_there:
        _change(here, ref, None, sides.there[ref])
    for ref in told_here:
        _change(out, ref, None, sides.here[ref])
    sent = [versions[ref] for ref in went]
    notes = any(reader.find_all(f"{head}:.agentcoord" for head in sent))
    begun = "" if one.here and one.there else "here" if one.here else "there"
    return Exchanged(
        id, one.review.title, begun, one.lacking(one.there), one.lacking(one.here), tuple(sent),
        tuple(versions[ref] for ref in came), _names(told_here), _names(told_there), notes,
    )  # fmt: skip


def _verdicts(
    reader: Reader, sides: _Sides, united: Sequence[_United], bad: list[str]
) -> dict[str, Verdict]:
    """Ref -> verdict, of those only one side has. What one says must be what its id says."""
    apart = [ref for ref in sides.here.keys() ^ sides.there.keys() if ref.startswith(VERDICTS)]
    if not united:
        return {}
    refs = sorted(apart)
    names = [f"{sides.here.get(ref) or sides.there[ref]}:{MAIN}.toml" for ref in refs]
    found = {}
    for ref, read in zip(refs, reader.find_all(names), strict=True):
        id = ref.removeprefix(VERDICTS)  # noqa: A001
        try:
            check_id(id)
            if read is None:
                raise Corrupt("it has no record.toml")
            verdict = verdict_of(Record(VERDICT_KIND, id, "", {MAIN: decode(read[2], ref)}))
            _check_name(verdict)
        except Problem as problem:
            bad.append(f"the verdict {id[:60]!r} is left as it is: {problem.message}")
        else:
            found[ref] = verdict
    return found


def _check_name(verdict: Verdict) -> None:
    parts = (verdict.tree, verdict.base, verdict.validator, verdict.config)
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    if hashlib.sha256(text).hexdigest()[: len(verdict.id)] != verdict.id:
        raise Corrupt("it is not of what its name says")


def _change(changes: list[Change], ref: str, old: str | None, new: str) -> None:
    """Two reviews may have a version or a verdict in common."""
    if old != new and all(ref != there.ref for there in changes):
        changes.append(Change(ref, old, new))


def _names(refs: Iterable[str]) -> tuple[str, ...]:
    return tuple(ref.removeprefix(VERDICTS) for ref in refs)


def _together(plans: Sequence[Exchange]) -> Exchange:
    """What went in all tries: what came in an earlier one is here already in the next."""
    last = plans[-1]
    told = []
    for one in last.reviews:
        tries = [was for plan in plans for was in plan.reviews if was.id == one.id]
        told.append(
            replace(
                one,
                begun="there" if any(was.begun == "there" for was in tries) else one.begun,
                received=_each(was.received for was in tries),
                commits_received=_each(was.commits_received for was in tries),
                verdicts_received=_each(was.verdicts_received for was in tries),
            )
        )
    return replace(
        last,
        reviews=tuple(told),
        here=_each(plan.here for plan in plans),
        clashed=_each(plan.clashed for plan in plans),
    )


def _each(found: Iterable[tuple[One, ...]]) -> tuple[One, ...]:
    """All of them, the same one once; in order. Events are told apart by their names."""
    known: dict[object, One] = {}
    for several in found:
        for one in several:
            known.setdefault(getattr(one, "name", one), one)
    return tuple(known.values())
