"""The same name added twice, and the same number taken twice, by two sides.

Promises: what both took over from one place (a cherry-pick) is not twice: git's own merge of
the file has to hold it twice.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from gitcoord.conflicts.semantic.change import Change, FileChange
from gitcoord.conflicts.semantic.meaning import (
    NUMBER,
    TWICE,
    Candidate,
    Confirm,
    Names,
    Result,
)
from gitcoord.conflicts.semantic.outline import CLASS, CONSTANT, FUNCTION, Claim, Scope

Key = tuple[str, ...]
_CODE = (".py", ".sql", ".rb", ".js", ".ts", ".php", ".go", ".java", ".kt", ".cs", ".exs", ".xml",
         ".yml", ".yaml")  # fmt: skip
_REGISTERS = ("route", "command")
_NUMBERINGS = ("enum", "numbers", "const", "field")
_EXAMPLES = ("test", "example", "sample", "demo", "benchmark", "spec", "doc")


def keys(change: Change) -> Iterator[Key]:
    """What a side newly takes, as keys of an index over all sides."""
    for folder, number in change.numbered:
        yield ("numbered", folder, number)
    for path, file in change.files.items():
        for claim in file.claims:
            yield _claim_key(path, claim)
        for added in file.added:
            if added.kind in (FUNCTION, CLASS, CONSTANT):
                yield ("added", _namespace(path, file, added.scope), *added.scope, added.name)


def clashes(
    sides: tuple[int, int], one: Change, other: Change, key: Key, taken: Mapping[str, list[str]]
) -> Iterator[Candidate]:
    """Candidates for a key both take. taken: folder -> names of files in the base."""
    if key[0] == "numbered":
        yield from _numbered(sides, one, other, (key[1], key[2]), taken.get(key[1], []))
    elif key[0] == "added":
        yield from _added(sides, one, other, key)
    else:
        yield from _claims(sides, one, other, key)


def _claim_key(path: str, claim: Claim) -> Key:
    return ("claim", "" if claim.wide else path, *claim.space, "=", claim.key)


def _namespace(path: str, file: FileChange, scope: Scope) -> str:
    """Go's namespace is the package of a folder; elsewhere it is the file."""
    if not file.is_now or file.language != "go" or len(scope) > 1:
        return path
    return f"{posixpath.dirname(path)}:{file.package}"


def _numbered(
    sides: tuple[int, int], one: Change, other: Change, key: tuple[str, str], there: list[str]
) -> Iterator[Candidate]:
    from gitcoord.conflicts.semantic.change import number_of

    mine, theirs = one.numbered[key], other.numbered[key]
    if mine.partition(".")[0] == theirs.partition(".")[0]:
        return
    if not {posixpath.splitext(mine)[1]} & {posixpath.splitext(theirs)[1]}:
        return
    known: dict[str, set[str]] = {}
    for name in there:
        number = number_of(name)
        if number:
            known.setdefault(number, set()).add(name.partition(".")[0])
    folder = key[0].lower()
    named = any(word in folder for word in ("migrat", "versions", "changelog/db", "alembic"))
    if any(len(stems) > 1 for stems in known.values()) or not (len(known) > 1 or named):
        return
    sure = 0.95 if named else 0.85 if mine.endswith(_CODE) else 0.75
    yield Candidate(
        *sides, NUMBER, key[1], posixpath.join(key[0], mine), posixpath.join(key[0], theirs),
        (1, 1), (1, 1), sure, f"number {key[1]} is taken by {mine} and by {theirs}",
        lambda _result, _names: True,
    )  # fmt: skip


def _added(sides: tuple[int, int], one: Change, other: Change, key: Key) -> Iterator[Candidate]:
    scope, name = key[2:-1], key[-1]
    for path, mine, lines, value in _places(one, key[1], scope, name):
        for there, _, others, another in _places(other, key[1], scope, name):
            if path != there and (mine.language != "go" or name == "init"):
                continue
            if path != there and (scope or name in ("_", "main")):
                continue
            if value is not None and value == another:
                continue
            yield Candidate(
                *sides, TWICE, name, path, there, lines, others, 0.9 if value is None else 0.75,
                f"{'.'.join((*scope, name))} is added by both",
                _stands_twice(path, scope, name) if path == there else lambda _r, _n: True,
            )  # fmt: skip


def _places(
    change: Change, namespace: str, scope: Scope, name: str
) -> Iterator[tuple[str, FileChange, tuple[int, int], str | None]]:
    for path, file in change.files.items():
        if _namespace(path, file, scope) != namespace:
            continue
        found = [one for one in file.added if (one.scope, one.name) == (scope, name)]
        for definition in found:
            constant = definition.kind == CONSTANT
            if constant and (not name.isupper() or scope):
                continue
            if constant or not definition.loose:
                yield path, file, definition.lines, definition.value if constant else None


def _claims(sides: tuple[int, int], one: Change, other: Change, key: Key) -> Iterator[Candidate]:
    for path, mine, claim in _holders(one, key):
        for there, theirs, rival in _holders(other, key):
            if path != there and not (claim.wide and _is_shared(mine, theirs, claim)):
                continue
            if claim.space[0] == "route" and any(word in path.lower() for word in _EXAMPLES):
                continue
            if claim.group:
                continue
            same = claim.label == rival.label and claim.space[0] in _NUMBERINGS
            kind = TWICE if claim.kind == "twice" or same else NUMBER
            what = claim.space[0]
            yield Candidate(
                *sides, kind, claim.label, path, there, (claim.line, claim.line),
                (rival.line, rival.line), claim.confidence,
                f"{what} {claim.key[:60]} is taken by {claim.label[:60]} and {rival.label[:60]}",
                _claimed_twice(path, claim) if path == there else lambda _r, _n: True,
            )  # fmt: skip


def _holders(change: Change, key: Key) -> Iterator[tuple[str, FileChange, Claim]]:
    for path, file in change.files.items():
        for claim in file.claims:
            if _claim_key(path, claim) == key:
                yield path, file, claim


def _is_shared(mine: FileChange, theirs: FileChange, claim: Claim) -> bool:
    """Two files that write to one register: both import it from one place."""
    if claim.space[0] not in _REGISTERS:
        return True
    head = claim.space[1].partition(".")[0]
    places = [file.imports.get(head) for file in (mine, theirs)]
    if not (places[0] and places[1]) or places[0][1] != places[1][1]:
        return False
    ends = [re.split(r"[./\\]", place[0])[-1] for place in places if place]
    return bool(ends[0]) and ends[0] == ends[1]


def _stands_twice(path: str, scope: Scope, name: str) -> Confirm:
    def confirm(result: Result, _names: Names) -> bool:
        outline = result.outline(path)
        found = [one for one in (outline.definitions if outline else ())
                 if (one.scope, one.name) == (scope, name)]  # fmt: skip
        return len(found) > 1

    return confirm


def _claimed_twice(path: str, claim: Claim) -> Confirm:
    def confirm(result: Result, _names: Names) -> bool:
        outline = result.outline(path)
        found = [one for one in (outline.claims if outline else ())
                 if (one.space, one.key) == (claim.space, claim.key)]  # fmt: skip
        return len(found) > 1

    return confirm
