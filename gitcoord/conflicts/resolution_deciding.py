"""The strategies: what each makes of a conflict, and why.

`union` and `structural` merge lines again by another rule, `split` gives what is in conflict
to one side, what was resolved before is used again; the others leave it to somebody.
"""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gitcoord.conflicts import resolution as words
from gitcoord.conflicts.explain import Conflict
from gitcoord.conflicts.merging import Merged
from gitcoord.conflicts.resolution import ONE_PATH, TEXTUAL, Side, Step
from gitcoord.conflicts.resolution_merge import (
    FIRST,
    SECOND,
    STRUCTURAL_WAY,
    UNION_WAY,
    Table,
    list_entries,
    place_of,
)
from gitcoord.conflicts.resolution_record import Key, Known, key_of
from gitcoord.errors import BadInput
from gitcoord.git.history import Commit, list_commits, literal
from gitcoord.git.objects import Batch, Entry, Reader, graft
from gitcoord.git.quarantine import put_objects
from gitcoord.git.repository import Repository

# %P and %L are filled in by every git we run on; %S, %X and %Y only since 2.44.
_MERGIRAF = "mergiraf merge --git %O %A %B -p %P -l %L"
_COMMITS = 500
# More than that on one command line would be too long for some systems.
_PATHS = 200

_WAYS = {words.UNION: UNION_WAY, words.STRUCTURAL: STRUCTURAL_WAY}
_BY_LINES = (words.UNION, words.STRUCTURAL, words.SPLIT)

Chosen = tuple[Conflict, str]
Result = tuple[str, str] | None


@dataclass(frozen=True)
class Deciding:
    """What strategies look at. merged: git's own merge. driver: resolve.driver.

    known: results of earlier resolutions. given: path -> id of the side it is to go to.
    """

    repo: Repository
    table: Table
    first: Side
    second: Side
    merged: Merged
    driver: str
    known: Mapping[Key, Known]
    given: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def base(self) -> str:
        """The commit both come from."""
        return self.repo.run("merge-base", self.first.head, self.second.head, ok=(0, 1)).text

    @cached_property
    def changed(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """How many lines of each path the first side changed, and the second."""
        first, second = (
            _count_lines(self.table.aside, self.base, side.commit)
            for side in (self.first, self.second)
        )
        return first, second

    @cached_property
    def since(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """When each side first changed a path, in seconds since 1970."""
        first, second = (
            _first_times(self.repo, self.base, side.head) for side in (self.first, self.second)
        )
        return first, second

    @cached_property
    def history(self) -> Sequence[Commit]:
        """The last commits before both began that changed what is in conflict."""
        paths = [*self.merged.stages]
        within = [literal(path) for path in paths] if len(paths) <= _PATHS else []
        if not self.base:
            return ()
        return [*list_commits(self.repo, self.base, limit=_COMMITS, within=within)]

    @cached_property
    def structural(self) -> str:
        """The command of the syntax-aware driver. Raises BadInput when there is none."""
        if self.driver:
            command = self.repo.setting(f"merge.{self.driver}.driver")
            if not command:
                raise BadInput(
                    f"resolve.driver is {self.driver!r}, and git knows no such merge driver",
                    hint=f"tell it: git config merge.{self.driver}.driver 'CMD %O %A %B'",
                )
            return command
        if shutil.which("mergiraf"):
            return _MERGIRAF
        raise BadInput(
            "there is no syntax-aware merge driver: mergiraf is not on PATH",
            hint="install it (https://mergiraf.org), or name a driver that git knows: "
            "gitcoord config set resolve.driver NAME",
        )


def decide(on: Deciding, chosen: Sequence[Chosen]) -> tuple[str, list[Step]]:
    """The tree in which all conflicts are decided, "" when something is left; and a step for
    each conflict."""
    shared = Counter(path for conflict, _ in chosen for path in {*conflict.paths})
    # Where several conflicts are about one path, no single result settles them.
    alone = [all(shared[path] == 1 for path in conflict.paths) for conflict, _ in chosen]
    again = [
        _again(on, conflict) if single and not on.given.keys() & {*conflict.paths} else None
        for (conflict, _), single in zip(chosen, alone, strict=True)
    ]
    ways = {
        path: _WAYS.get(strategy) or _side_way(on, conflict)
        for (conflict, strategy), known in zip(chosen, again, strict=True)
        if conflict.kind in TEXTUAL and strategy in _BY_LINES and known is None
        for path in conflict.paths
    }
    merged, still = on.merged, [conflict for conflict, _ in chosen]
    if ways:
        command = on.structural if STRUCTURAL_WAY in ways.values() else ""
        merged, still = on.table.merge_by(ways, command)
    entries = list_entries(on.table.aside, merged.tree, [*ways])
    still_open = {path for conflict in still for path in conflict.paths}
    ruled = {path: entries[path] for path in ways if path not in still_open}
    steps = [
        known or _step(on, conflict, strategy, ruled, alone=single)
        for (conflict, strategy), known, single in zip(chosen, again, alone, strict=True)
    ]
    done = [conflict for (conflict, _), step in zip(chosen, steps, strict=True) if step.done]
    if len(done) < len(steps) or still_open - {path for one in done for path in one.paths}:
        return "", steps
    return _with_results(on, merged.tree, {step.path: step.result for step in steps}), steps


def _step(
    on: Deciding, conflict: Conflict, strategy: str, ruled: Mapping[str, Result], *, alone: bool
) -> Step:
    """What becomes of one conflict. ruled: what another rule made of paths. alone: no other
    conflict is about its paths."""
    if ruled.get(conflict.path) and strategy in _BY_LINES:
        return _by_rule(on, conflict, strategy, ruled[conflict.path])
    if strategy == words.SPLIT and alone and conflict.kind in ONE_PATH:
        return _to_one_side(on, conflict)
    return _left(on, conflict, strategy)


def _again(on: Deciding, conflict: Conflict) -> Step | None:
    """The result of an earlier resolution of the very same contents."""
    path = place_of(conflict, on.merged)
    if path is None or conflict.kind not in ONE_PATH:
        return None
    stages = on.merged.stages[path]
    known = on.known.get(key_of(stages))
    # That the same contents were removed at one path says nothing of another.
    if known is None or (known.result is None and known.path != path):
        return None
    why = f"the same contents were resolved so in {known.id}"
    return Step(path, conflict.kind, words.REMEMBERED, True, why, "", stages, known.result)


def _by_rule(on: Deciding, conflict: Conflict, strategy: str, result: Result) -> Step:
    path = conflict.path
    stages = on.merged.stages.get(path, conflict.stages)
    if strategy == words.SPLIT:
        side, why = _claimant(on, conflict)
        why += "; of its other parts both stay" + _left_out(on, side, path)
        return Step(path, conflict.kind, strategy, True, why, side.id, stages, result)
    if strategy == words.UNION:
        why = f"the lines of both are kept, those of {on.first.id} first"
        return Step(path, conflict.kind, strategy, True, why, "", stages, result)
    one_side = result is not None and result[1] in {stages[n][1] for n in (2, 3) if n in stages}
    if one_side:
        why = "the merge driver would take one side as it is, which is no merge"
        return Step(path, conflict.kind, strategy, False, why, "", stages)
    why = f"merged by syntax: {on.structural.split()[0]}"
    return Step(path, conflict.kind, strategy, True, why, "", stages, result)


def _to_one_side(on: Deciding, conflict: Conflict) -> Step:
    """A whole file, as one side has it, or without it where that side has none."""
    path = place_of(conflict, on.merged)
    if path is None:
        return _left(on, conflict, words.SPLIT)
    stages = on.merged.stages[path]
    side, why = _claimant(on, conflict)
    result = stages.get(2 if side == on.first else 3)
    why += f"; {side.id} {'has it so' if result else 'removed it'}" + _left_out(on, side, path)
    return Step(path, conflict.kind, words.SPLIT, True, why, side.id, stages, result)


def _left(on: Deciding, conflict: Conflict, strategy: str) -> Step:
    """What waits for a turn, or for somebody."""
    first, second = on.first.id, on.second.id
    stages = on.merged.stages.get(conflict.path, conflict.stages)
    to = ""
    match strategy:
        case words.QUEUE:
            why, to = f"{first} goes first; {second} takes its work in, and meets this then", second
        case words.REBASE:
            why, to = f"{second} has to take in what {first} did there", second
        case words.OWNER:
            to, why = _owner(on, conflict)
        case words.PERSON:
            why = "a person decides"
        case _:
            why = f"{strategy} cannot decide this kind of conflict, a person has to"
    return Step(conflict.path, conflict.kind, strategy, False, why, to, stages)


def _claimant(on: Deciding, conflict: Conflict) -> tuple[Side, str]:
    """Whom a path goes to: as asked, else who changed more of it, else who changed it first."""
    asked = next((on.given[path] for path in conflict.paths if path in on.given), "")
    if asked:
        return on.first if asked == on.first.id else on.second, f"{asked} gets it, as was asked"
    first, second = (sum(side.get(p, 0) for p in {*conflict.paths}) for side in on.changed)
    if first != second:
        side, most, least = (
            (on.first, first, second) if first > second else (on.second, second, first)
        )
        return side, f"{side.id} changed more of it: {most} lines against {least}"
    times = [
        min((side[path] for path in conflict.paths if path in side), default=0) for side in on.since
    ]
    if all(times) and times[0] != times[1]:
        side = on.first if times[0] < times[1] else on.second
        return side, f"both changed {first} lines, {side.id} did so first"
    return on.first, f"both changed {first} lines, and {on.first.id} goes first"


def _side_way(on: Deciding, conflict: Conflict) -> str:
    return FIRST if _claimant(on, conflict)[0] == on.first else SECOND


def _left_out(on: Deciding, side: Side, path: str) -> str:
    """Where to find what was not taken."""
    other = on.second if side == on.first else on.first
    where = shlex.quote(f"{other.commit[:12]}:{path}")
    return f"; what {other.id} has there is left out: git show {where}"


def _owner(on: Deciding, conflict: Conflict) -> tuple[str, str]:
    """Who decides, and why: the author of most commits to the paths before both began."""
    counts = Counter(
        f"{commit.author} <{commit.mail}>"
        for commit in on.history
        if not {*conflict.paths}.isdisjoint(commit.paths)
    )
    if not counts:
        return on.first.id, f"nobody changed it before; {on.first.id} goes first"
    [(owner, most)] = counts.most_common(1)
    return owner, f"made {most} of its {counts.total()} last changes before both began"


def _with_results(on: Deciding, tree: str, results: Mapping[str, Result]) -> str:
    aside = on.table.aside
    batch = Batch(aside)
    files = {path: Entry(*result) if result else None for path, result in results.items()}
    with Reader(aside) as reader:
        made = graft(batch, reader, tree, files)
    put_objects(aside, batch)
    return made


def _count_lines(repo: Repository, base: str, side: str) -> dict[str, int]:
    """Path -> lines added and removed; a file that is no text counts as one."""
    if not base:
        return {}
    said = repo.run("diff-tree", "-r", "-z", "--numstat", "--no-renames", base, side).fields()
    found = {}
    for line in said:
        added, removed, path = line.split("\t", 2)
        found[path] = 1 if added == "-" else int(added) + int(removed)
    return found


def _first_times(repo: Repository, base: str, head: str) -> dict[str, int]:
    if not base:
        return {}
    found: dict[str, int] = {}
    for commit in list_commits(repo, f"{base}..{head}"):
        for path in commit.paths:
            found[path] = min(commit.time, found.get(path, commit.time))
    return found
