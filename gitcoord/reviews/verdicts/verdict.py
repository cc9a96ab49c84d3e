"""Verdicts: what a validator said of a tree, kept until one of the things it rests on moves.

`refs/agentcoord/verdicts/<id>`, where the id is a hash of tree, base, validator and its
configuration: whether there is a verdict that holds is one look-up, and a verdict of the same
tree in another commit is the same verdict. One that does not hold any more is never changed,
only found no longer: it is stale.

Promises: what is written here has no secrets and no terminal escapes, and is of bounded size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gitcoord.errors import BadInput, Corrupt, Problem, Taken
from gitcoord.git.objects import Reader
from gitcoord.git.refs import Change, change_refs, find_ref
from gitcoord.git.repository import COMMIT, Repository
from gitcoord.records import parse_time
from gitcoord.redaction import redact, without_controls
from gitcoord.state.documents import DOCTOR, decode
from gitcoord.state.store import Record, Store, ref_of

if TYPE_CHECKING:
    from gitcoord.reviews.verdicts.validator import Validator

KIND = "verdicts"
APPROVED, REFUSED, CONDITIONS, UNKNOWN = "approved", "refused", "conditions", "unknown"
STATES = (APPROVED, REFUSED, CONDITIONS, UNKNOWN)
LONGEST_OUTPUT = 8_000
KEPT_DAYS = 60.0
_LONGEST_LINE, _LONGEST_COMMENT, _LONGEST_PATH = 300, 2_000, 1_000
_MOST_COMMENTS = 200


@dataclass(frozen=True)
class Subject:
    """What is validated. commit, tree: ids. base: the commit it is compared with, "" for a
    first commit. worktree, branch: where it comes from, "" when from nowhere in particular."""

    commit: str
    tree: str
    base: str
    worktree: str = ""
    branch: str = ""


@dataclass(frozen=True)
class Comment:
    """path: "" when it is about all of it. line: from 1; 0 when about the whole file."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Verdict:
    """What a validator said.

    state: one of STATES; UNKNOWN when it could not say. config: the validator's digest.
    conditions: what has to be done before it lands, of CONDITIONS. said: a line. output: the
    end of what it printed. seconds: it took. by: who validated: a runner, or "gitcoord".
    run: what it was billed to, "" when it cost nothing. reused: it was on record already.
    """

    id: str
    state: str
    validator: str
    kind: str
    config: str
    commit: str
    tree: str
    base: str
    comments: tuple[Comment, ...] = ()
    conditions: tuple[str, ...] = ()
    said: str = ""
    output: str = ""
    seconds: float = 0.0
    time: str = ""
    by: str = ""
    branch: str = ""
    run: str = ""
    reused: bool = False

    @property
    def passes(self) -> bool:
        """Conditions are an approval that asks for something as well."""
        return self.state in (APPROVED, CONDITIONS)


def verdict_id(subject: Subject, validator: Validator) -> str:
    """32 hexadecimal digits, the same wherever the same things are judged."""
    parts = (subject.tree, subject.base, validator.name, validator.digest)
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:32]


def find_verdicts(
    repo: Repository, subject: Subject, validators: Iterable[Validator]
) -> dict[str, Verdict]:
    """Validator name -> its verdict that holds for `subject`. One git process for all.

    A record that cannot be read is no verdict: its validator runs again.
    """
    wanted = {verdict_id(subject, one): one.name for one in validators}
    found: dict[str, Verdict] = {}
    if not wanted:
        return found
    with Reader(repo) as reader:
        names = [f"{ref_of(KIND, one)}:record.toml" for one in wanted]
        for (id, name), read in zip(wanted.items(), reader.find_all(names), strict=True):  # noqa: A001
            verdict = _as_verdict(id, read[2]) if read else None
            if verdict is not None and verdict.tree == subject.tree:
                found[name] = replace(verdict, commit=subject.commit, reused=True)
    return found


def list_verdicts(
    repo: Repository, *, commit: str = "", tree: str = "", bad: list[Problem] | None = None
) -> list[Verdict]:
    """All that are on record, or those of a tree, or of a commit and its tree, oldest first:
    an amended message leaves a verdict as it was.

    One that cannot be read is left out, and goes to `bad`.
    """
    same = tree or (_tree_of(repo, commit) if commit else "")
    listed = []
    for record in Store(repo).all(KIND, [] if bad is None else bad):
        try:
            listed.append(verdict_of(record))
        except Corrupt as problem:
            if bad is not None:
                bad.append(problem)
    wanted = (one for one in listed if not same or same == one.tree)
    return sorted(wanted, key=lambda one: (one.time, one.id))


def stale_verdicts(
    repo: Repository, subject: Subject, validators: Sequence[Validator]
) -> dict[str, Verdict]:
    """Validator name -> its last verdict on this commit, tree or branch, where none holds now."""
    holding = {verdict_id(subject, one) for one in validators}
    names = {one.name: verdict_id(subject, one) for one in validators}
    listed = list_verdicts(repo)
    fresh = {one.id for one in listed} & holding
    return {
        one.validator: one
        for one in listed
        if names.get(one.validator, "") not in {"", *fresh} and _is_about(one, subject)
    }


def write_verdict(repo: Repository, verdict: Verdict) -> Verdict:
    """Put it on record, in place of one with the same id, damaged or not; as it was written."""
    clean = _clean(verdict)
    store, body = Store(repo), _document(clean)
    try:
        store.create(KIND, clean.id, body)
    except Taken:
        try:
            store.change(KIND, clean.id, lambda _: body)
        except Corrupt:
            ref = ref_of(KIND, clean.id)
            change_refs(repo, [Change(ref, find_ref(repo, ref), None)])
            store.create(KIND, clean.id, body)
    return clean


def forget_verdicts(repo: Repository, *, days: float = KEPT_DAYS) -> int:
    """Remove those that are older than `days`: their validators would be asked again. How many."""
    until = datetime.now(UTC) - timedelta(days=days)
    old = [one for one in Store(repo).all(KIND, bad=[]) if _is_older(one, until)]
    with Store(repo).transaction("forget verdicts") as change:
        for one in old:
            change.remove(one)
    return len(old)


def _is_older(record: Record, until: datetime) -> bool:
    try:
        return parse_time(str(record.body.get("time", ""))) < until
    except BadInput:
        return False


def verdict_of(record: Record) -> Verdict:
    """Raises Corrupt."""
    return _read(record.id, record.body)


def one_line(text: str, most: int = _LONGEST_LINE) -> str:
    """Fit for a record and a terminal: no secrets, no escapes, no line breaks."""
    plain = without_controls(" ".join(redact(text[: most * 4]).split()))
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def lines(text: str, most: int) -> str:
    """The same with its line breaks; of a long text the end, from the start of a line."""
    plain = "\n".join(without_controls(line) for line in redact(text).splitlines())
    if len(plain) <= most:
        return plain
    tail = plain[-most:]
    return tail.partition("\n")[2] or tail


def _clean(verdict: Verdict) -> Verdict:
    comments = tuple(
        Comment(one.path[:_LONGEST_PATH], max(0, one.line), lines(one.text, _LONGEST_COMMENT))
        for one in verdict.comments[:_MOST_COMMENTS]
    )
    return replace(
        verdict,
        comments=comments,
        conditions=tuple(one_line(one) for one in verdict.conditions[:_MOST_COMMENTS]),
        said=one_line(verdict.said),
        output=lines(verdict.output, LONGEST_OUTPUT),
    )


def _document(verdict: Verdict) -> dict[str, Any]:
    document = {key: value for key, value in vars(verdict).items() if key not in ("id", "reused")}
    document["comments"] = [vars(one) for one in verdict.comments]
    return document


def _as_verdict(id: str, content: bytes) -> Verdict | None:  # noqa: A002
    try:
        return _read(id, decode(content, f"{ref_of(KIND, id)}:record.toml"))
    except Problem:
        return None


def _read(id: str, body: Mapping[str, Any]) -> Verdict:  # noqa: A002
    def text(name: str) -> str:
        return str(body.get(name, ""))

    try:
        if body["state"] not in STATES:
            raise ValueError(f"{body['state']!r} is no verdict")
        return Verdict(
            id, body["state"], body["validator"], text("kind"), text("config"), text("commit"),
            body["tree"], text("base"),
            comments=tuple(
                Comment(str(one["path"]), int(one["line"]), str(one["text"]))
                for one in body.get("comments", ())
            ),
            conditions=tuple(map(str, body.get("conditions", ()))),
            said=text("said"), output=text("output"), seconds=float(body.get("seconds", 0.0)),
            time=text("time"), by=text("by"), branch=text("branch"), run=text("run"),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"the verdict {id} cannot be read: {error}", hint=DOCTOR) from error


def _tree_of(repo: Repository, commit: str) -> str:
    """Something no tree is called where there is no such commit."""
    asked = repo.run(*COMMIT, f"{commit}^{{tree}}", ok=(0, 1, 128))
    return asked.text or "none"


def _is_about(verdict: Verdict, subject: Subject) -> bool:
    same = verdict.commit == subject.commit or verdict.tree == subject.tree
    return same or bool(subject.branch and verdict.branch == subject.branch)
