"""Semantic conflicts made on the real files of a repository: one side renames, adds a parameter
or adds a definition, the other adds a call or a definition that does not know of it."""

from __future__ import annotations

import os
import posixpath
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gitcoord.conflicts.semantic.change import is_code
from gitcoord.conflicts.semantic.grammars import GRAMMARS
from gitcoord.conflicts.semantic.languages import PYTHON, read_outline
from gitcoord.conflicts.semantic.outline import FUNCTION, Definition, Outline, Use
from gitcoord.git.objects import Reader
from gitcoord.git.repository import Repository
from tests.benchmarks.seeded import REMOVED, SIGNATURE, TWICE

ADDED = {
    "py": "\n\ndef added_by_b():\n    return {}\n",
    "js": "\nfunction addedByB() {{\n  return {}\n}}\n",
    "go": "\nfunc addedByB() {{\n\t_ = {}\n}}\n",
    "java": "\n    void addedByB() {{\n        {};\n    }}\n}}\n",
    "c": "\nint added_by_b(void) {{\n    return {};\n}}\n",
    "rb": "\ndef added_by_b\n  {}\nend\n",
    "rs": "\nfn added_by_b() {{\n    let _ = {};\n}}\n",
}
TYPED = {
    **dict.fromkeys(("py", "js", "rb"), "extra"),
    **dict.fromkeys(("c", "java"), "int extra"),
    "go": "extra int",
    "rs": "extra: u8",
}
_SHORT = {"go": "go", "java": "java", "rust": "rs", "c": "c", "ruby": "rb"}
_MOST_FILES = 400

Bodies = dict[str, bytes]
Wanted = Callable[[Use], bool]


@dataclass(frozen=True)
class Mutation:
    """kind: what should be said. a, b: path -> its content on each side."""

    kind: str
    title: str
    a: dict[str, bytes]
    b: dict[str, bytes]


@dataclass(frozen=True)
class Source:
    path: str
    body: bytes
    outline: Outline
    language: str


def mutations(repo: Repository, each: int, seed: int = 7) -> Iterator[Mutation]:
    """Up to `each` of every sort, at HEAD."""
    rng = random.Random(seed)
    bodies: dict[str, bytes] = {}
    sources = list(_sources(repo, rng, bodies))
    counts = Counter(one.name for source in sources for one in source.outline.definitions)
    makers = (renamed_here, renamed_there, wants_more, added_twice)
    for maker in makers:
        order = [
            (source, one)
            for source in sources
            for one in source.outline.definitions
            if one.kind == FUNCTION and len(one.name) > 5 and one.name.isidentifier()
            and one.parameters is not None and not one.loose and counts[one.name] == 1
        ]  # fmt: skip
        rng.shuffle(order)
        made = 0
        for source, one in order:
            mutation = maker(source, one, sources, bodies)
            if made == each:
                break
            if mutation is not None:
                yield mutation
                made += 1


def renamed_here(
    source: Source, one: Definition, sources: list[Source], bodies: Bodies
) -> Mutation | None:
    """A new call in the file of the definition."""
    if one.scope:
        return None
    call = _call(source, one, lambda use: not use.receiver)
    if call is None:
        return None
    return Mutation(REMOVED, f"{one.name} renamed, called in {source.path}",
                    _renamed(one.name, bodies), {source.path: _with(source, call)})  # fmt: skip


def renamed_there(
    source: Source, one: Definition, sources: list[Source], bodies: Bodies
) -> Mutation | None:
    """A new call in another file that calls it already."""
    for other in sources:
        call = _call(other, one, lambda _use: True) if other.path != source.path else None
        if call is not None and other.language == source.language:
            return Mutation(
                REMOVED,
                f"{one.name} renamed, called in {other.path}",
                _renamed(one.name, bodies),
                {other.path: _with(other, call)},
            )
    return None


def wants_more(
    source: Source, one: Definition, sources: list[Source], _bodies: Bodies
) -> Mutation | None:
    """A parameter more, and a new call as there are others."""
    head = re.compile(rf"\b{one.name}\(([^()]*)\)".encode())
    rows = source.body.split(b"\n")
    row = rows[one.lines[0] - 1]
    found = head.search(row)
    if found is None or b"*" in found[1] or b"..." in found[1]:
        return None
    between = b", " if found[1].strip() else b""
    wanted = found[1] + between + TYPED[source.language].encode()
    rows[one.lines[0] - 1] = row[: found.start(1)] + wanted + row[found.end(1) :]
    for other in sources:
        call = _call(other, one, lambda use: use.arguments is not None and not use.arguments.spread)
        if call is not None and other.language == source.language and other.path != source.path:
            mine = {source.path: b"\n".join(rows)}
            return Mutation(
                SIGNATURE,
                f"{one.name} wants more, called in {other.path}",
                mine,
                {other.path: _with(other, call)},
            )
    return None


def added_twice(
    source: Source, one: Definition, _sources: list[Source], bodies: Bodies
) -> Mutation | None:
    """A function of one name, before a definition and at the end."""
    if one.scope or source.language == "java":
        return None
    text = ADDED[source.language].format("None" if source.language == "py" else "0")
    rows = source.body.split(b"\n")
    first = one.lines[0] - 1
    while first and rows[first - 1].strip():
        first -= 1
    other = text.replace("None", "1").replace("0", "1")
    mine = b"\n".join([*rows[:first], *text.encode().split(b"\n"), b"", *rows[first:]])
    return Mutation(TWICE, f"two of one name in {source.path}", {source.path: mine},
                    {source.path: source.body.rstrip(b"\n") + b"\n" + other.encode()})  # fmt: skip


def _sources(repo: Repository, rng: random.Random, bodies: dict[str, bytes]) -> Iterator[Source]:
    """Files with an outline. bodies: filled with all files of these languages."""
    listed = repo.run("ls-tree", "-r", "-z", "HEAD").fields()
    paths = []
    for entry in listed:
        meta, _, path = entry.partition("\t")
        mode, _, oid = meta.split(" ")
        ending = posixpath.splitext(path)[1]
        if mode.startswith("100") and ending in PYTHON | GRAMMARS.keys() and is_code(path):
            paths.append((path, oid, ending))
    rng.shuffle(paths)
    with Reader(repo) as reader:
        for number, (path, oid, ending) in enumerate(paths):
            bodies[path] = body = reader.read(oid)[2]
            fits = number < _MOST_FILES and len(body) < 400_000
            outline = read_outline(ending, body) if fits else None
            if outline is not None and outline.definitions:
                yield Source(path, body, outline, _short(ending))


def _short(ending: str) -> str:
    if ending in PYTHON:
        return "py"
    return _SHORT.get(GRAMMARS[ending], "js")


def _renamed(name: str, bodies: Bodies) -> dict[str, bytes]:
    old = os.fsencode(name)
    word = re.compile(rb"\b" + re.escape(old) + rb"\b")
    return {
        path: word.sub(old + b"_anew", body)
        for path, body in bodies.items()
        if old in body and word.search(body)
    }


def _call(source: Source, one: Definition, wanted: Wanted) -> str | None:
    """A call of it as the file has one: `receiver.name(arguments)`."""
    rows = source.body.decode("utf-8", "replace").split("\n")
    for use in source.outline.uses:
        if use.name != one.name or use.arguments is None or not wanted(use):
            continue
        found = re.search(
            rf"(?<![\w.:)])((?:\w+(?:\.|::))*){one.name}\([^()\n]*\)", rows[use.line - 1]
        )
        if found and bool(use.receiver) == bool(found[1]) and "self" not in found[0]:
            return found[0]
    return None


def _with(source: Source, call: str) -> bytes:
    body = source.body.rstrip(b"\n")
    if source.language == "java":
        body = body.rstrip(b"}").rstrip()
    return body + b"\n" + ADDED[source.language].format(call).encode()
