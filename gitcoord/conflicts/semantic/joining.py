"""Which pairs of sides can have something to say to each other, by the names they share.

Promises: a pair that is left out has no candidate; what a side changed need not be known in
full, only its marks.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping

from gitcoord.conflicts.deltas import PairOf
from gitcoord.conflicts.semantic import claiming
from gitcoord.conflicts.semantic.change import Change, module_name
from gitcoord.conflicts.semantic.texts import taken_away

# Sort of mark -> names, sorted. See `marks_of`.
Marks = dict[str, list[str]]

# One side has the first, the other the second.
_MEET = (
    ("offers", "uses"),
    ("lost", "uses here"),
    ("owners", "bases"),
    ("gone", "imports"),
    ("taken away", "mentions"),
    ("claims", "claims"),
)


def marks_of(change: Change) -> Marks:
    """What a side takes away or changes, and what it newly counts on, by name alone.

    lost, uses here: bare names of one file, with its path.
    """
    files = change.files.values()
    found = {
        "offers": {one.name for file in files for one in file.removed}
        | {old.name for file in files for old, _ in file.changed},
        "lost": {f"{name}\0{file.path}" for file in files for _, name in file.unbound},
        "uses": set(change.by_name),
        "uses here": {
            f"{use.name}\0{file.path}" for file in files for use in file.uses if not use.receiver
        },
        "owners": set(change.owners),
        "bases": {base for file in files for added in file.added for base in added.bases},
        "gone": {posixpath.basename(module_name(path)) for path in change.gone},
        "imports": set(change.imports),
        "taken away": {gone.name for _, gone, _ in taken_away(change)},
        "mentions": {name for file in files for name, _ in file.mentions},
        "claims": {"\0".join(key) for key in claiming.keys(change)},
    }
    return {sort: sorted(names) for sort, names in found.items() if names}


def join(marks: Mapping[int, Marks]) -> set[PairOf]:
    """The pairs of which one has a mark that the other's meets, lower number first."""
    found: set[PairOf] = set()
    for giving, taking in _MEET:
        givers: dict[str, list[int]] = defaultdict(list)
        for number, name in _of_sort(marks, giving):
            givers[name].append(number)
        for number, name in _of_sort(marks, taking):
            if name in givers:
                found |= {(min(number, one), max(number, one)) for one in givers[name]}
    return {pair for pair in found if pair[0] != pair[1]}


def _of_sort(marks: Mapping[int, Marks], sort: str) -> Iterator[tuple[int, str]]:
    for number, some in marks.items():
        for name in some.get(sort, ()):
            yield number, name
