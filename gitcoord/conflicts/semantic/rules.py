"""Two changes and a name both touch -> candidates.

`one` took away or changed what the name means, `other` newly counts on it. How sure a rule is
depends on how the use is tied to the definition: in the same file, by an import that spells
the place, or only by a name so rare that nothing else can be meant.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator

from gitcoord.conflicts.semantic.calls import breaks, returns_other
from gitcoord.conflicts.semantic.change import Change, FileChange, module_name
from gitcoord.conflicts.semantic.meaning import (
    CHANGED,
    REMOVED,
    SIGNATURE,
    Candidate,
    Confirm,
    Names,
    Result,
)
from gitcoord.conflicts.semantic.outline import (
    CLASS,
    CONSTANT,
    FIELD,
    FUNCTION,
    IMPORT,
    Definition,
    Scope,
    Use,
)
from gitcoord.conflicts.semantic.resolve import is_module, leads_to

# Languages in which names come from where no file says: headers, mixins.
_BY_WORD = ("c", "ruby")
# A module's own `__getattr__` may answer for what is gone, by a name no line of code spells.
_OPEN = 0.6
_OWN = ("self", "this", "cls", "Self")
_SHORTEST = 4
# Scalars as Python's and the grammars' outlines write them: any other value grows without harm.
_SCALARS = (
    "Constant(",
    "UnaryOp(",
    "number",
    "string",
    "true",
    "false",
    "int",
    "float",
    "decimal",
    "hex",
    "raw_string",
    "boolean",
    "unary",
)
_VERSION = ("version", "__version__", "__date__", "release", "author", "build")

Sides = tuple[int, int]


def by_name(sides: Sides, one: Change, other: Change, name: str) -> Iterator[Candidate]:
    """All that rules say of one name, in this direction."""
    uses = other.by_name.get(name, ())
    for source in one.offers.get(name, ()):
        for file, use in uses:
            yield from _unbound(sides, source, file, use)
        removed = [gone for gone in source.removed if gone.name == name]
        changed = [pair for pair in source.changed if pair[0].name == name]
        for file, use in uses:
            for definition in removed:
                yield from _removed(sides, source, definition, one, other, file, use)
            for old, new in changed:
                yield from _changed(sides, source, old, new, other, file, use)


def modules(
    sides: Sides, one: Change, path: str, imports: Iterable[tuple[FileChange, Use]]
) -> Iterator[Candidate]:
    """A file that `one` removed or moved, and the other side newly imports. imports: of the
    other side, those that could mean it."""
    added = {name for name, file in one.files.items() if not file.was}
    if module_name(path) in map(module_name, added):
        return
    for file, use in imports:
        language = file.language
        module = use.name if use.receiver == "import" else use.receiver[5:]
        named = [module]
        if language == "python" and use.receiver != "import":
            named.append(f"{module}.{use.name}" if module.strip(".") else module + use.name)
        if any(is_module(language, each, file.path, path) for each in named):
            yield Candidate(
                *sides, REMOVED, path, path, file.path, (1, 1), (use.line, use.line), 0.95,
                f"{path} is removed or moved, and newly imported", _module_gone(path),
            )  # fmt: skip


def overridden(sides: Sides, one: Change, other: Change, name: str) -> Iterator[Candidate]:
    """A method of class or interface `name` that a new class on the other side should have."""
    for source in one.owners.get(name, ()):
        wanted = [
            added
            for added in source.added
            if added.abstract and _ends(added.scope, name) and name in source.known
        ]
        changed = [
            pair for pair in source.changed
            if pair[0].kind == FUNCTION and _ends(pair[0].scope, name)
        ]  # fmt: skip
        for file in other.files.values():
            for derived in file.added:
                if derived.kind == CLASS and name in derived.bases and len(derived.bases) == 1:
                    yield from _derived(sides, source, file, derived, wanted, changed)


def _derived(
    sides: Sides, source: FileChange, file: FileChange, derived: Definition,
    wanted: list[Definition], changed: list[tuple[Definition, Definition]],
) -> Iterator[Candidate]:  # fmt: skip
    inside = (*derived.scope, derived.name)
    own = {added.name: added for added in file.added if added.scope == inside}
    for method in wanted:
        if method.name not in own and not derived.abstract:
            yield Candidate(
                *sides, SIGNATURE, method.name, source.path, file.path, method.lines,
                derived.lines, 0.85,
                f"{method.scope[-1]} demands {method.name} now, and {derived.name} is new "
                "and has none", _always,
            )  # fmt: skip
    for old, new in changed:
        mine = own.get(old.name)
        if mine and mine.parameters == old.parameters != new.parameters and mine.parameters:
            yield Candidate(
                *sides, SIGNATURE, old.name, source.path, file.path, new.lines, mine.lines, 0.8,
                f"{new.scope[-1]}.{new.name} has another signature, and {derived.name} is new "
                "and has the old one", _always,
            )  # fmt: skip


def _unbound(sides: Sides, source: FileChange, file: FileChange, use: Use) -> Iterator[Candidate]:
    """A bare name that the same file, or function, gives no meaning to any more."""
    if source.path != file.path or use.receiver or not source.is_now or source.open:
        return
    lost = [scope for scope, name in source.unbound
            if name == use.name and use.scope[: len(scope)] == scope]  # fmt: skip
    if source.language in _BY_WORD:
        lost = [scope for scope in lost if scope and not scope[-1][:1].isupper()]
    if not lost or not file.is_now or file.open or _sees(source.bindings, use):
        return
    if not _sees(file.bindings, use):
        return  # the user's own side means something else by it
    place = _place_of(source, use.name)
    what = _new_name(source, use.name)
    yield Candidate(
        *sides, REMOVED, use.name, source.path, file.path, place, (use.line, use.line), 0.95,
        f"{use.name} {what} in {source.path}, and is newly used there",
        _stays_unbound(file.path, use),
    )  # fmt: skip


def _removed(
    sides: Sides, source: FileChange, gone: Definition, one: Change, other: Change,
    file: FileChange, use: Use,
) -> Iterator[Candidate]:  # fmt: skip
    if not file.is_now or (source.open and source.language != "python"):
        return
    tie = _tie(source, gone, file, use)
    if tie == "file" and not use.receiver:
        return  # a bare name in the same file is what `_unbound` looks at, scope by scope
    rare = gone.kind != IMPORT and _is_rare(source, gone, other, file, use)
    if not tie and (source.open or not rare):
        return
    if _is_moved(one, source, gone) or _is_removed(other, source.path, gone):
        return
    note = f"{gone.name} {_new_name(source, gone.name)} in {source.path}, and is newly used"
    confidence = 0.9 if tie else 0.7 if use.arguments else 0.65
    if source.open:
        confidence = _OPEN
    yield Candidate(
        *sides, REMOVED, gone.name, source.path, file.path, gone.lines, (use.line, use.line),
        confidence, note,
        _stays_gone(source.path, gone, file.path, use, by_word=source.open or tie != "import"),
    )  # fmt: skip


def _is_removed(other: Change, path: str, gone: Definition) -> bool:
    """By the user's side as well: then it means something else by the name."""
    there = other.files.get(path)
    return there is not None and any(
        (one.name, one.scope) == (gone.name, gone.scope) for one in there.removed
    )


def _is_moved(one: Change, source: FileChange, gone: Definition) -> bool:
    """To another file of the package, as Go has it: nobody has to know."""
    if not source.was or source.language != "go":
        return False
    folder = posixpath.dirname(source.path)
    return any(
        (added.name, added.scope) == (gone.name, gone.scope)
        for file in one.files.values()
        if posixpath.dirname(file.path) == folder
        for added in file.added
    )


def _changed(
    sides: Sides, source: FileChange, old: Definition, new: Definition, other: Change,
    file: FileChange, use: Use,
) -> Iterator[Candidate]:  # fmt: skip
    if not file.is_now:
        return
    tie = _tie(source, old, file, use)
    language = file.language
    if old.kind in (FUNCTION, CLASS):
        reason = breaks(old, new, use, language) or (
            returns_other(old, new, use) if use.arguments is not None else ""
        )
        kind, sure = SIGNATURE, 0.9
    else:
        retyped = _is_retyped(old, new, use)
        reason = _value_changed(old, new, use) if not retyped else ""
        kind, sure = CHANGED, 0.6
        if retyped:
            reason = f"{old.name} is of another type, and newly used"
    if not reason:
        return
    if not tie and not _is_rare(source, old, other, file, use):
        return
    if not tie and kind == CHANGED and not old.scope:
        return
    yield Candidate(
        *sides, kind, old.name, source.path, file.path, new.lines, (use.line, use.line),
        sure if tie else 0.7 if kind == SIGNATURE else 0.6,
        reason if kind == CHANGED else f"{old.name} has another signature: {reason}",
        _always if tie else _is_unique(old),
    )  # fmt: skip


def _is_retyped(old: Definition, new: Definition, use: Use) -> bool:
    """A field whose type is another, asked of an object."""
    same_kind = old.kind == new.kind == FIELD
    typed = bool(old.results and new.results) and old.results != new.results
    return same_kind and typed and bool(use.receiver)


def _value_changed(old: Definition, new: Definition, use: Use) -> str:
    """A constant whose plain value, or kind of value, is another."""
    if old.kind not in (CONSTANT, FIELD) or old.kind != new.kind or not (old.value and new.value):
        return ""
    if old.scope and use.receiver.rpartition(".")[2] != old.scope[-1]:
        return ""
    if old.name.lower().strip("_") in _VERSION or old.name.startswith("__"):
        return ""
    if not old.name.isupper() and not old.name[:1].isupper():
        return ""
    plain = old.value.startswith(_SCALARS) and new.value.startswith(_SCALARS)
    other_sort = _sort(old.value) != _sort(new.value)
    if plain or (other_sort and _sort(old.value) and _sort(new.value)):
        return f"{old.name} has another value, and a new user"
    return ""


def _sort(value: str) -> str:
    """A sort of literal, "" for what is computed: `60 * 60` is a number as well."""
    if value.startswith(_SCALARS):
        return "scalar"
    head = value.partition("(")[0].lower()
    return head if head in ("list", "dict", "tuple", "set", "array", "object") else ""


def _tie(source: FileChange, definition: Definition, file: FileChange, use: Use) -> str:
    """How a use is tied to a definition: `file`, `import`, or "" by its name alone."""
    scope = definition.scope
    if not file.is_now or file.language in _BY_WORD:
        return ""
    if source.path == file.path:
        if not use.receiver and use.scope[: len(scope)] == scope:
            return "file" if not scope or definition.kind != FIELD else ""
        mine = use.receiver in (*_OWN, *scope[-1:]) and use.scope[: len(scope)] == scope
        if scope and (mine or use.receiver == scope[-1]):
            return "file"
    if scope:
        named = use.receiver.rpartition(".")[2] == scope[-1] and len(scope) == 1
        if named and definition.kind != IMPORT:
            owner = Use(scope[-1], use.line, use.scope, use.receiver.rpartition(".")[0])
            return "import" if leads_to(file, owner, source.path) else ""
        return ""
    return "import" if leads_to(file, use, source.path) else ""


def _is_rare(
    source: FileChange, definition: Definition, other: Change, file: FileChange, use: Use
) -> bool:
    """A name long enough, that the user's side does not give a meaning of its own."""
    name = definition.name
    if len(name) < _SHORTEST or name in other.defines or name.startswith("__") or not file.is_now:
        return False
    if file.language in _BY_WORD:
        return source.path == file.path or use.receiver != "" or not _sees(file.bindings, use)
    if use.receiver == "import" or (_sees(file.bindings, use) and not use.receiver):
        return use.receiver.startswith("from ") or use.name in file.imports
    if definition.scope and not use.receiver and definition.kind != CLASS:
        return False
    plain = definition.kind in (CONSTANT, FIELD) and not use.receiver
    return not (plain and file.language == "python")


def _sees(bindings: Collection[tuple[Scope, str]], use: Use) -> bool:
    """Whether the bare name has, or may have (`use super::*`), a meaning where it is used."""
    return any(
        (use.scope[:depth], name) in bindings
        for depth in range(len(use.scope) + 1)
        for name in (use.name, "*")
    )


def _place_of(source: FileChange, name: str) -> tuple[int, int]:
    for definition in source.removed:
        if definition.name == name:
            return definition.lines
    line = source.first.get(name, 1)
    return (line, line)


def _new_name(source: FileChange, name: str) -> str:
    """`became other`, when the same body stands there under another name."""
    bodies = {gone.body for gone in source.removed if gone.name == name and gone.body}
    for added in source.added:
        if added.body in bodies:
            return f"became {added.name}"
    return "is gone"


def _ends(scope: Scope, name: str) -> bool:
    return bool(scope) and scope[-1] == name


def _always(_result: Result, _names: Names) -> bool:
    return True


def _is_unique(definition: Definition) -> Confirm:
    name, is_function = definition.name, definition.kind == FUNCTION
    return lambda _result, names: names.is_unique(name, function=is_function)


def _module_gone(path: str) -> Confirm:
    return lambda result, _names: result.outline(path) is None


def _stays_unbound(path: str, use: Use) -> Confirm:
    def confirm(result: Result, _names: Names) -> bool:
        outline = result.outline(path)
        if outline is None or outline.open:
            return False
        mine = [each for each in outline.uses
                if (each.name, each.receiver, each.scope) == (use.name, "", use.scope)]  # fmt: skip
        return bool(mine) and not _sees(outline.bindings, use)

    return confirm


def _stays_gone(source: str, gone: Definition, path: str, use: Use, *, by_word: bool) -> Confirm:
    def confirm(result: Result, names: Names) -> bool:
        where, there = result.outline(path), result.outline(source)
        if where is None or not any(
            (each.name, each.receiver) == (use.name, use.receiver) for each in where.uses
        ):
            return False
        if there and any(
            (each.name, each.scope) == (gone.name, gone.scope) for each in there.definitions
        ):
            return False
        if there and not gone.scope and ((), gone.name) in there.bindings:
            return False
        if by_word and gone.scope:
            return names.is_gone_from_objects(gone.name)
        return not by_word or names.is_gone(gone.name)

    return confirm
