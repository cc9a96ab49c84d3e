"""What one side changed, in definitions, uses and claims.

Promises: a file that cannot be read or parsed, is too large or is made by a machine counts as
unchanged. Only blobs of changed files are read, each once.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gitcoord.conflicts.deltas import Changed, Delta
from gitcoord.conflicts.semantic.languages import ENDINGS
from gitcoord.conflicts.semantic.mentions import is_telling, names_in
from gitcoord.conflicts.semantic.outline import (
    IMPORT,
    Claim,
    Definition,
    Outline,
    Scope,
    Touched,
    Use,
)

LARGEST = 400_000
MOST_FILES = 400
_BUILT = re.compile(
    r"(^|/)(node_modules|vendor|third_party|dist|build|\.venv|site-packages|testdata|fixtures)/"
    r"|\.min\.|\.bundle\.|(^|/)(package-lock\.json|yarn\.lock|pnpm-lock\.yaml)$"
    r"|\.(pb|generated|g)\.\w+$|_pb2\.py$|\.snap$"
)
_MIGRATION = re.compile(r"([Vv]?)(\d{1,14}(?:[._]\d{1,3})*)(__|_|-)(?=.*[A-Za-z])(?!\d\d-\d\d-)")
_GONE = "000000"
_REGULAR = ("100644", "100755")


@dataclass
class FileChange:
    """One path, and of its two outlines no more than rules ask for: it is kept in a cache.

    was, is_now: whether there is such a file, before and after. open: see Outline. imports,
    bindings: of the new outline, of the names in `uses`, `claims` and `unbound`. known: classes
    of the old one in which this changes what methods want. first: line of the old one that
    uses a name of `unbound` first. mentions: names in new string literals, and their lines.
    """

    path: str
    language: str
    was: bool
    is_now: bool
    package: str = ""
    open: bool = False
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    bindings: frozenset[tuple[Scope, str]] = frozenset()
    unbound: frozenset[tuple[Scope, str]] = frozenset()
    known: frozenset[str] = frozenset()
    first: dict[str, int] = field(default_factory=dict)
    mentions: list[tuple[str, int]] = field(default_factory=list)
    removed: list[Definition] = field(default_factory=list)
    added: list[Definition] = field(default_factory=list)
    changed: list[tuple[Definition, Definition]] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


@dataclass
class Change:
    """All of one side. by_name: what it newly uses -> where. offers: names whose meaning it takes
    away or changes -> where. owners: classes in which it changes what methods want -> where.
    imports: last part of what it newly imports -> where. defines: names it newly gives a
    meaning to. gone: paths that are no more."""

    files: dict[str, FileChange] = field(default_factory=dict)
    by_name: dict[str, list[tuple[FileChange, Use]]] = field(default_factory=dict)
    offers: dict[str, list[FileChange]] = field(default_factory=dict)
    owners: dict[str, list[FileChange]] = field(default_factory=dict)
    imports: dict[str, list[tuple[FileChange, Use]]] = field(default_factory=dict)
    defines: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    numbered: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, one: FileChange) -> None:
        self.files[one.path] = one
        _index(self, one)


Outliner = Callable[[str, str, Touched | None], Outline | None]
Lines = Callable[[str], list[bytes]]


def is_code(path: str) -> bool:
    return not _BUILT.search(path)


def is_read(path: str, entry: Changed) -> bool:
    """Whether a change of a path is looked at: code that people write, in a language of ours."""
    there = entry.old_mode in _REGULAR or entry.new_mode in _REGULAR
    return there and posixpath.splitext(path)[1] in ENDINGS and is_code(path)


def read_change(
    delta: Delta,
    outline: Outliner,
    lines: Lines,
    known: Mapping[str, FileChange | None] = MappingProxyType({}),
) -> Change:
    """The change a delta makes. outline: of (blob id, path); lines: of a blob id. known: what
    some paths of it change, None for nothing."""
    change = Change()
    for path, entry in delta.files.items():
        if entry.new_mode == _GONE:
            change.gone.add(path)
        elif entry.old_mode == _GONE:
            _number(change, path)
        if is_read(path, entry) and len(change.files) < MOST_FILES:
            one = known[path] if path in known else _read_file(path, entry, outline, lines)
            if one is not None:
                change.take(one)
    return change


def _index(change: Change, one: FileChange) -> None:
    change.defines |= {definition.name for definition in one.added}
    for use in one.uses:
        change.by_name.setdefault(use.name, []).append((one, use))
        for name in _imported(use):
            change.imports.setdefault(name, []).append((one, use))
    for name in _offered(one):
        change.offers.setdefault(name, []).append(one)
    for name in _owning(one):
        change.owners.setdefault(name, []).append(one)


def module_name(path: str) -> str:
    """The path of a module without what importers leave out."""
    return path.rpartition(".")[0].removesuffix("/__init__").removesuffix("/index")


def _imported(use: Use) -> set[str]:
    """What the file of an import can be called, without ending."""
    if use.receiver != "import" and not use.receiver.startswith("from "):
        return set()
    module = use.name if use.receiver == "import" else use.receiver[5:]
    last = posixpath.basename(module).removesuffix(".js").removesuffix(".ts")
    return {last, last.rpartition(".")[2], use.name} - {""}


def _offered(one: FileChange) -> set[str]:
    found = {definition.name for definition in one.removed}
    return found | {old.name for old, _ in one.changed} | {name for _, name in one.unbound}


def _owning(one: FileChange) -> set[str]:
    found = {old.scope[-1] for old, _ in one.changed if old.scope}
    return found | {added.scope[-1] for added in one.added if added.scope and added.abstract}


def number_of(name: str) -> str:
    """The number a file name starts with, as migrations have it; "" where it has none."""
    match = _MIGRATION.match(name)
    return f"{match[1].upper()}{match[2].lstrip('0') or '0'}" if match else ""


def _number(change: Change, path: str) -> None:
    folder, name = posixpath.split(path)
    number = number_of(name)
    if number:
        change.numbered[(folder, number)] = name


def _read_file(path: str, entry: Changed, outline: Outliner, lines: Lines) -> FileChange | None:
    was, is_now = entry.old_mode in _REGULAR, entry.new_mode in _REGULAR
    lost, fresh = _moved_lines(lines(entry.old) if was else [], lines(entry.new) if is_now else [])
    old = outline(entry.old, path, Touched(lost if is_now else ())) if was else None
    new = outline(entry.new, path, Touched(fresh)) if is_now else None
    if (was and old is None) or (is_now and new is None):
        return None
    return _compared(path, old, new, frozenset(fresh))


def _moved_lines(old: list[bytes], new: list[bytes]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of the lines whose text the other one does not have (as often)."""
    return _missing(old, new), _missing(new, old)


def _missing(rows: list[bytes], others: list[bytes]) -> tuple[int, ...]:
    there = Counter(line.strip() for line in others)
    found = []
    for number, line in enumerate(rows, 1):
        text = line.strip()
        if there[text] > 0:
            there[text] -= 1
        elif text:
            found.append(number)
    return tuple(found)


def _compared(
    path: str, was: Outline | None, is_now: Outline | None, fresh: frozenset[int]
) -> FileChange:
    """fresh: lines of the new outline whose text the old one does not have."""
    old, new = was or Outline(""), is_now or Outline("")
    before, after = _by_place(old), _by_place(new)
    one = FileChange(path, new.language or old.language, was is not None, is_now is not None,
                     new.package, new.open)  # fmt: skip
    for place, definitions in before.items():
        if place not in after:
            one.removed.append(definitions[0])
        elif len(definitions) == 1 == len(after[place]) and _differs(
            definitions[0], after[place][0]
        ):
            one.changed.append((definitions[0], after[place][0]))
    one.added = [defs[0] for place, defs in after.items() if place not in before]
    one.unbound = old.bindings - new.bindings
    one.uses = _new_uses(old, new, fresh)
    literals = {text for text, _ in old.texts}
    one.mentions = [
        (name, line)
        for text, line in new.texts
        if text not in literals
        for name in names_in(text)
        if is_telling(name)
    ]
    one.claims = _new_claims(old, new)
    _surround(one, old, new)
    return one


def _surround(one: FileChange, old: Outline, new: Outline) -> None:
    """What the two outlines say of the names that changed."""
    lost = {name for _, name in one.unbound}
    asked = lost | {use.name for use in one.uses} | {"*"}
    heads = {use.receiver.partition(".")[0] for use in one.uses}
    heads |= {claim.space[1].partition(".")[0] for claim in one.claims if len(claim.space) > 1}
    one.bindings = frozenset(bound for bound in new.bindings if bound[1] in asked)
    one.imports = {name: new.imports[name] for name in new.imports.keys() & (asked | heads)}
    one.known = frozenset(_owning(one) & {definition.name for definition in old.definitions})
    for use in old.uses:
        if use.name in lost:
            one.first.setdefault(use.name, use.line)


def _new_claims(old: Outline, new: Outline) -> list[Claim]:
    """Those in groups only where the base has two more at least, and no two of one number."""
    taken = {(claim.space, claim.key) for claim in old.claims}
    spaces: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for claim in old.claims:
        spaces[claim.space].append(claim.key)

    def is_numbering(space: tuple[str, ...]) -> bool:
        return len(spaces[space]) >= 2 and len(set(spaces[space])) == len(spaces[space])

    return [
        claim._replace(group=claim.group and not is_numbering(claim.space))
        for claim in new.claims
        if (claim.space, claim.key) not in taken
    ]


def _by_place(outline: Outline) -> dict[tuple[Scope, str], list[Definition]]:
    found: dict[tuple[Scope, str], list[Definition]] = defaultdict(list)
    for definition in outline.definitions:
        found[(definition.scope, definition.name)].append(definition)
    return found


def _differs(old: Definition, new: Definition) -> bool:
    said = [(one.kind, one.parameters, one.value, one.results, one.abstract) for one in (old, new)]
    return said[0] != said[1] and IMPORT not in (old.kind, new.kind)


def _new_uses(old: Outline, new: Outline, fresh: frozenset[int]) -> list[Use]:
    """Uses the file has more of than before, on lines it did not have."""
    before = Counter((use.name, use.receiver, use.arguments) for use in old.uses)
    after = Counter((use.name, use.receiver, use.arguments) for use in new.uses)
    return [
        use
        for use in new.uses
        if use.line in fresh and after[key := (use.name, use.receiver, use.arguments)] > before[key]
    ]
