"""From two worktrees to a resolution: what each strategy makes of each conflict.

Promises: the repository is as before, its objects too; what would be made lies in the plan.
Refuses: two sides of which one is in the middle of something, or has uncommitted changes in
a path in conflict, unless these are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gitcoord.config import Config, Resolve
from gitcoord.conflicts import resolution as words
from gitcoord.conflicts.explain import Conflict
from gitcoord.conflicts.radar import find_target, list_subjects
from gitcoord.conflicts.resolution import Resolution, Side
from gitcoord.conflicts.resolution_deciding import Deciding, decide
from gitcoord.conflicts.resolution_merge import Table
from gitcoord.conflicts.resolution_record import list_resolutions, recall
from gitcoord.conflicts.resolution_worktree import plan_place
from gitcoord.conflicts.sample import Subject, sample_all
from gitcoord.conflicts.scan import Seen
from gitcoord.errors import BadInput, Refused, Taken
from gitcoord.git.objects import Batch
from gitcoord.git.quarantine import put_objects, quarantine
from gitcoord.git.refs import is_branch_name, read_refs
from gitcoord.git.repository import Repository
from gitcoord.records import match_id, new_id
from gitcoord.worktrees.start import author_of
from gitcoord.worktrees.worktree import View

PREFIX = "resolve/"
_LONGEST = 60
_LINES = 100


@dataclass(frozen=True)
class Wish:
    """What the user asked for. strategy: "" for what is configured. first: part of the id of
    who is to go first. afresh: what was resolved before does not count. give: (path of a file
    or folder, part of the id of the side it goes to)."""

    strategy: str = ""
    first: str = ""
    with_uncommitted: bool = False
    afresh: bool = False
    give: tuple[tuple[str, str], ...] = ()


def plan_resolution(
    repo: Repository, view: View, one: str, other: str, wish: Wish, config: Config
) -> Resolution:
    """What is to be done about two worktrees, by parts of their ids.

    Raises NoSuch, BadInput, and Refused when they do not conflict or cannot be merged now.
    """
    if wish.strategy:
        words.check_strategy(wish.strategy)
    subjects = _find_both(view, one, other)
    target = find_target(repo, view, "")
    author = author_of(repo)
    with quarantine(repo.seen_from(repo.common_dir)) as aside:
        folders = [subject.linked.path for subject in list_subjects(view)]
        seen = sample_all(aside, subjects, folders, committed_only=False)
        batch = Batch(aside)
        sides = [
            _side(aside, batch, view, subject, sample, author, wish)
            for subject, sample in zip(subjects, seen, strict=True)
        ]
        put_objects(aside, batch)
        ids = {side.id for side in sides}
        wanted = match_id(wish.first, ids) if wish.first else ""
        first, second, why = words.in_turn(sides[0], sides[1], wanted)
        table = Table.lay(aside, target.id, (first.commit, second.commit))
        merged, conflicts = table.merge()
        if merged.clean:
            raise _no_conflict(first, second)
        if not wish.with_uncommitted:
            _refuse_uncommitted(conflicts, seen)
        given = _given(wish, conflicts, ids)
        chosen = [(one, _choose(one, given, wish, config.resolve)) for one in conflicts]
        known = {} if wish.afresh else recall(repo)
        driver = config.resolve.driver
        deciding = Deciding(repo, table, first, second, merged, driver, known, given)
        tree, steps = decide(deciding, chosen)
        plan = Resolution(
            new_id("resolution", f"{first.task or first.id} {second.task or second.id}"),
            first, second, why, tuple(steps), target.name,
        )  # fmt: skip
        if tree:
            return _built(aside, plan, tree, author)
        return _with_place(repo, _kept(aside, plan), config)


def branch_of(first: Side, second: Side) -> str:
    """The branch a resolution of the two is made on, whoever of them goes first."""
    return PREFIX + "+".join(sorted(_ref_part(side.id) for side in (first, second)))


def _ref_part(name: str) -> str:
    """An id of ours as it is; of a folder others named, what a branch name can hold."""
    plain = "".join(char if char.isalnum() or char in "-_." else "-" for char in name[:_LONGEST])
    return plain if is_branch_name(f"x/{plain}+x") else plain.replace(".", "-")


def _find_both(view: View, one: str, other: str) -> list[Subject]:
    subjects = list_subjects(view)
    both = [_find_one(view, subjects, part) for part in (one, other)]
    if both[0].id == both[1].id:
        raise BadInput(
            f"{one!r} and {other!r} are the same worktree: {both[0].id}",
            hint="name two that conflict: gitcoord conflicts",
        )
    return both


def _find_one(view: View, subjects: Sequence[Subject], part: str) -> Subject:
    for subject in subjects:
        if subject.id == part:
            return subject
    found = view.find(part)
    for subject in subjects:
        if subject.id == found.id:
            return subject
    raise Refused(
        f"{found.id} has no folder that git knows", hint="see what is wrong: gitcoord doctor"
    )


def _given(wish: Wish, conflicts: Sequence[Conflict], ids: set[str]) -> dict[str, str]:
    """Path in conflict -> id of the side it was asked to go to; the last word counts.

    Raises BadInput for a path in which nothing conflicts, NoSuch for another worktree.
    """
    paths = {path for one in conflicts for path in one.paths}
    found: dict[str, str] = {}
    for wanted, part in wish.give:
        folder = wanted.rstrip("/")
        meant = [path for path in paths if path == folder or path.startswith(f"{folder}/")]
        if not meant:
            raise BadInput(
                f"nothing conflicts in {words.named(wanted)!r}",
                hint=f"what does: {', '.join(map(words.named, sorted(paths)[:4]))}; "
                "see: gitcoord conflicts",
            )
        found |= dict.fromkeys(meant, match_id(part, ids))
    return found


def _choose(conflict: Conflict, given: Mapping[str, str], wish: Wish, settings: Resolve) -> str:
    if given.keys() & {*conflict.paths}:
        return words.SPLIT
    return words.choose(conflict.kind, wish.strategy, settings)


def _side(
    aside: Repository, batch: Batch, view: View, subject: Subject, seen: Seen, author: str,
    wish: Wish,
) -> Side:  # fmt: skip
    if seen.problem:
        raise Refused(
            f"{seen.id} cannot be looked at: {seen.problem}", hint="see: gitcoord conflicts"
        )
    if seen.state not in ("live", "moving"):
        raise Refused(
            f"{seen.id} is in the middle of a {seen.state}",
            hint=f"end that first, see: git -C '{seen.path}' status",
        )
    commit = seen.head
    if wish.with_uncommitted and seen.tree != seen.head:
        tree = aside.run("rev-parse", f"{seen.tree}^{{tree}}").text
        commit = batch.commit(tree, [seen.head], f"Uncommitted work of {seen.id}", author=author)
    body = next((one.record.body for one in view.mine if one.id == subject.id), {})
    priority = body.get("priority", 0)
    return Side(
        seen.id, subject.linked.branch or "", seen.head, commit, seen.path, seen.task,
        str(body.get("created", "")), priority if isinstance(priority, int) else 0,
    )  # fmt: skip


def _no_conflict(first: Side, second: Side) -> Refused:
    return Refused(
        f"{first.id} and {second.id} do not conflict: there is nothing to resolve",
        hint=f"bring them together: git -C '{second.path}' merge {first.merge_name}",
    )


def _refuse_uncommitted(conflicts: Sequence[Conflict], seen: Sequence[Seen]) -> None:
    """What is committed is resolved; on top of that would come what is not."""
    for sample in seen:
        open_ = {path for one in conflicts for path in one.paths} & sample.uncommitted
        if open_:
            raise Refused(
                f"{sample.id} has uncommitted changes in {words.named(min(open_))}, "
                "which is in conflict",
                hint=f"commit them, take them along (--with-uncommitted), or set them aside: "
                f"gitcoord park {sample.id}",
            )


def _built(aside: Repository, plan: Resolution, tree: str, author: str) -> Resolution:
    """The plan with its commit. Of a rebase the later one goes on: it is the first parent."""
    parents = [plan.first.commit, plan.second.commit]
    if words.REBASE in plan.strategies:
        parents.reverse()
    branch = branch_of(plan.first, plan.second)
    _refuse_taken(aside, branch)
    batch = Batch(aside)
    commit = batch.commit(tree, parents, _message(plan), author=author)
    put_objects(aside, batch)
    made = replace(plan, branch=branch, commit=commit, tree=tree)
    return replace(made, pack=_packed(aside, made, [commit]))


def _refuse_taken(repo: Repository, branch: str) -> None:
    there = read_refs(repo, f"refs/heads/{branch}", f"refs/heads/{PREFIX.rstrip('/')}")
    if f"refs/heads/{branch}" in there:
        made = [one.id for one in list_resolutions(repo) if one.body.get("branch") == branch]
        raise Taken(
            f"the two were resolved already, on {branch}",
            hint=f"to do it anew, take that back: gitcoord resolve --undo {(made or ['ID'])[-1]}",
        )
    if f"refs/heads/{PREFIX.rstrip('/')}" in there:
        raise Taken(
            f"a branch {PREFIX.rstrip('/')!r} is in the way of {branch!r}",
            hint="give it another name: git branch -m resolve resolve-old",
        )


def _kept(aside: Repository, plan: Resolution) -> Resolution:
    """The contents that were decided all the same, so that a record can keep them."""
    blobs = [step.result[1] for step in plan.steps if step.result]
    own = [side.commit for side in (plan.first, plan.second) if side.commit != side.head]
    return replace(plan, pack=_packed(aside, plan, [*own, *blobs])) if own or blobs else plan


def _with_place(repo: Repository, plan: Resolution, config: Config) -> Resolution:
    """What is left is left in a worktree, where the rest is done: of a rebase always, else
    when something was decided that would be lost."""
    if words.REBASE not in plan.strategies and not any(step.done for step in plan.steps):
        return plan
    if plan.second.commit != plan.second.head:
        raise Refused(
            f"{plan.second.id} has uncommitted changes, and a part has to be resolved by hand",
            hint=f"commit them first: git -C '{plan.second.path}' commit -a",
        )
    return replace(plan, place=plan_place(repo, plan.first, plan.second, config))


def _packed(aside: Repository, plan: Resolution, wanted: Sequence[str]) -> bytes:
    there = [f"^{side.head}" for side in (plan.first, plan.second)]
    script = "".join(f"{name}\n" for name in [*wanted, *there]).encode()
    return aside.run("pack-objects", "--revs", "--stdout", "-q", input=script).out


def _message(plan: Resolution) -> str:
    lines = [f"Resolve {plan.first.id} with {plan.second.id}", ""]
    lines += [
        f"- {words.named(step.path)} ({step.kind}), {step.strategy}: {step.why}"
        for step in plan.steps[:_LINES]
    ]
    if len(plan.steps) > _LINES:
        lines.append(f"- and {len(plan.steps) - _LINES} more")
    return "\n".join([*lines, "", f"Gitcoord-Resolution: {plan.id}"])
