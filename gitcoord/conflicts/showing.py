"""The files two worktrees disagree on, merged as git would, with conflict markers.

Promises: uncommitted work is in it; markers carry the two ids; nothing is written to a
worktree. Refuses: to print what is no text; such a file is named with its kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcoord.conflicts.engine import Engine, compare
from gitcoord.conflicts.explain import Conflict, explain, name_before
from gitcoord.conflicts.merging import Merged, landed, merge_all
from gitcoord.conflicts.radar import find_target, list_subjects, open_radar
from gitcoord.conflicts.recall import bring
from gitcoord.conflicts.sample import Subject, sample_all
from gitcoord.conflicts.scan import Asked, Seen
from gitcoord.errors import Problem
from gitcoord.git.objects import Reader
from gitcoord.git.repository import Repository
from gitcoord.worktrees.worktree import View, view_worktrees

# Bytes of a merged file that are shown; more is no reading for a person.
LARGEST = 1_000_000


@dataclass(frozen=True)
class Marked:
    """One file in conflict. text: with conflict markers; None where it is no text. a_mode,
    b_mode: as git writes them, 100755 is executable; "" where a side has no such file."""

    path: str
    kind: str
    text: str | None
    a_mode: str = ""
    b_mode: str = ""


@dataclass(frozen=True)
class Meeting:
    """What merging a and b gives. clean: no file is in conflict. b: an id, or the target."""

    a: str
    b: str
    clean: bool
    files: tuple[Marked, ...]


def show(repo: Repository, one: str, other: str = "", *, against: str = "") -> Meeting:
    """The files in conflict of two worktrees (any part of an id), both landed on the target;
    of one and the target where `other` is "".

    Raises NoSuch; Problem when a worktree cannot be read, or one of the two conflicts with
    the target already, so that there is nothing to compare.
    """
    view = view_worktrees(repo)
    subjects = list_subjects(view)
    target = find_target(repo, view, against)
    asked = [_named(subjects, view, part) for part in (one, other) if part]
    with open_radar(repo, Asked()) as radar:
        around = [subject.linked.path for subject in subjects]
        seen = sample_all(radar.aside, asked, around, committed_only=False)
        for each in seen:
            if each.problem:
                raise Problem(f"{each.id}: {each.problem}", hint="see: gitcoord list")
        engine = radar.engine(target.id)
        if not other:
            pair, names = (target.id, seen[0].tree), (target.name, seen[0].id)
        else:
            pair, names = _landed(engine, seen), (seen[0].id, seen[1].id)
        return _merge(engine, pair, names)


def _named(subjects: Sequence[Subject], view: View, part: str) -> Subject:
    for subject in subjects:
        if subject.id == part:
            return subject
    wanted = view.find(part).id
    for subject in subjects:
        if subject.id == wanted:
            return subject
    raise Problem(f"{wanted} has no folder to look at", hint=f"see: gitcoord show {wanted}")


def _landed(engine: Engine, seen: Sequence[Seen]) -> tuple[str, str]:
    found = compare(engine, [one.tree for one in seen])
    for index, one in enumerate(seen):
        if index not in found.trees:
            raise Problem(
                f"{one.id} conflicts with the target already; first things first",
                hint=f"see: gitcoord conflicts show {one.id}",
            )
    bring(engine, found.trees.values())
    commits = landed(engine.aside, engine.target, found.trees)
    return commits[0], commits[1]


def _merge(engine: Engine, pair: tuple[str, str], names: tuple[str, str]) -> Meeting:
    merged = merge_all(engine.bench, [pair])[0]
    if merged is None:
        raise Problem(
            f"git gave no answer for {names[0]} and {names[1]}",
            hint="see which pairs it answers: gitcoord conflicts",
        )
    if merged.clean:
        return Meeting(*names, True, ())
    conflicts = explain(engine.bench, *pair)
    with Reader(engine.bench) as reader:
        files = tuple(_marked(reader, merged, one, pair, names) for one in conflicts)
    return Meeting(*names, False, files)


def _marked(
    reader: Reader, merged: Merged, conflict: Conflict, pair: tuple[str, str],
    names: tuple[str, str],
) -> Marked:  # fmt: skip
    text = _text(reader, merged.tree, conflict, pair, names)
    a_mode, b_mode = (_mode(merged, conflict, stage) for stage in (2, 3))
    return Marked(name_before(conflict.path), conflict.kind, text, a_mode, b_mode)


def _mode(merged: Merged, conflict: Conflict, stage: int) -> str:
    """Where a link meets a file git gives each a name of its own."""
    at = (merged.stages.get(path, {}) for path in conflict.paths)
    return next((stages[stage][0] for stages in at if stage in stages), "")


def _text(
    reader: Reader, tree: str, conflict: Conflict, pair: tuple[str, str], names: tuple[str, str]
) -> str | None:
    """Markers name the commits we made; the reader knows the two by their ids."""
    if not conflict.path or "\n" in conflict.path:
        return None
    found = reader.find(f"{tree}:{conflict.path}")
    if found is None or found[1] != "blob" or b"\0" in found[2] or len(found[2]) > LARGEST:
        return None
    body = found[2]
    for commit, name, marker in zip(pair, names, (b"<<<<<<< ", b">>>>>>> "), strict=True):
        body = body.replace(marker + commit.encode(), marker + name.encode())
    return body.decode("utf-8", "surrogateescape")
