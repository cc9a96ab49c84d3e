"""Before a commit: what is staged, and who else is at it.

Promises: only what this commit adds is objected to; of a merge only what stands in neither of
its parents. Refuses: to stop a commit because nobody could be asked: then it says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitcoord.checks.content import CHECKS, File, examine
from gitcoord.checks.trees import staged_files
from gitcoord.git.worktrees import admin_dirs
from gitcoord.hooks.objection import OFF, Objection
from gitcoord.hooks.unedited import copies_of, keep_unedited

if TYPE_CHECKING:
    from gitcoord.config import Config
    from gitcoord.conflicts.scan import Clash, Lines
    from gitcoord.git.repository import Repository


def list_objections(
    repo: Repository, config: Config, *, index: str = "", merged: Sequence[str] = ()
) -> list[Objection]:
    """What is to be said of a commit of what is staged.

    index: the index file git named, "" for the usual one. merged: the other parents of a merge.
    """
    files, removed = changed_by_commit(repo, index=index, merged=merged)
    before = {one.path: one.old for one in files} | removed
    if not before or repo.top is None:
        return []
    return [
        *_of_content(files, config),
        *_of_overlap(repo, config, before),
        *_of_claims(repo, config, before),
    ]


def changed_by_commit(
    repo: Repository, *, index: str = "", merged: Sequence[str] = ()
) -> tuple[list[File], dict[str, bytes | None]]:
    """The staged files unlike HEAD and unlike every other parent (added: the same of lines), and
    those removed from all of them, with what they were."""
    files, gone = staged_files(repo, index=index)
    removed: dict[str, bytes | None] = {**gone}
    for parent in merged:
        listed, gone = staged_files(repo, index=index, against=parent)
        others = {one.path: one for one in listed}
        files = [_unlike_both(one, others[one.path]) for one in files if one.path in others]
        removed = {path: old for path, old in removed.items() if path in gone}
    return files, removed


def _unlike_both(one: File, other: File) -> File:
    if one.added is None or other.added is None:
        return replace(one, added=other.added if one.added is None else one.added)
    return replace(one, added=sorted({*one.added} & {*other.added}))


def _of_content(files: Sequence[File], config: Config) -> Iterator[Objection]:
    levels = {check: str(getattr(config.hooks, check.replace("-", "_"))) for check in CHECKS}
    wanted = [check for check, level in levels.items() if level != OFF]
    for remark in examine(files, largest=config.hooks.largest, only=wanted):
        setting = remark.check.replace("-", "_")
        yield Objection(setting, levels[remark.check], remark.place, remark.text)


def _of_overlap(
    repo: Repository, config: Config, before: Mapping[str, bytes | None]
) -> Iterator[Objection]:
    """before: path -> what it was in HEAD, None for a new file."""
    level = config.hooks.overlap
    if level == OFF or _is_alone(repo):
        return
    for clash in _clashes(repo, before):
        whose = f"committed in {clash.b}" if clash.b_committed else f"being edited in {clash.b} now"
        text = f"{_lines(clash.b_lines)} {whose}"
        if clash.grade == "conflict":
            text += ", and would conflict"
        first = clash.a_lines[0][0] if clash.a_lines else 0
        place = f"{clash.a_path}:{first}" if first else clash.a_path
        yield Objection(
            "overlap", level, place, text, f"see both: gitcoord conflicts show {clash.b}"
        )


def _is_alone(repo: Repository) -> bool:
    """A repository with one worktree has nobody to meet; asking would cost 50 ms."""
    return repo.git_dir == repo.common_dir and not any(admin_dirs(repo))


def _clashes(repo: Repository, before: Mapping[str, bytes | None]) -> list[Clash]:
    """Where others change the same lines of these files, or next to them; ours are side a.

    Whose file is as ours was has changed nothing in it that we do not have: it only stands on
    the same branch point.
    """
    from gitcoord.conflicts.edits import find_place
    from gitcoord.conflicts.radar import open_radar
    from gitcoord.conflicts.scan import CONFLICT, TOUCHING, Asked

    place = find_place(str(repo.top))
    if place is None:
        return []
    copies = copies_of(repo, before)
    with open_radar(repo, Asked((place[2],), text_only=True)) as radar:
        found = radar.look()
    keep_unedited(repo, copies, found)
    tops = {seen.id: seen.path for seen in found.worktrees}
    near = (one for one in found.pairs if one.grade in (TOUCHING, CONFLICT))
    turned = (one if one.a == place[2] else _turned(one) for one in near)
    return [
        one for one in turned
        if one.a == place[2] and one.a_path in before
        and not _is_as(Path(tops[one.b], one.b_path), before[one.a_path])
    ]  # fmt: skip


def _is_as(file: Path, content: bytes | None) -> bool:
    try:
        return file.stat().st_size == len(content or b"") and file.read_bytes() == content
    except OSError:
        return False


def _turned(clash: Clash) -> Clash:
    return replace(
        clash,
        a=clash.b, b=clash.a, a_path=clash.b_path, b_path=clash.a_path,
        a_lines=clash.b_lines, b_lines=clash.a_lines,
        a_committed=clash.b_committed, b_committed=clash.a_committed,
    )  # fmt: skip


def _lines(regions: Lines) -> str:
    shown = [f"{one} to {two}" if one < two else f"{min(one, two)}" for one, two in regions[:3]]
    if not shown:
        return "all of it is"
    more = f" and {len(regions) - 3} more places" if len(regions) > 3 else ""
    many = len(regions) > 1 or regions[0][0] < regions[0][1]
    return f"lines {', '.join(shown)}{more} are" if many else f"line {shown[0]} is"


def _of_claims(repo: Repository, config: Config, paths: Iterable[str]) -> Iterator[Objection]:
    from gitcoord.conflicts.claims import MAIN, covering, list_claims
    from gitcoord.conflicts.edits import find_place

    level = config.hooks.claims
    if level == OFF:
        return
    claims = list_claims(repo, bad=[])
    place = find_place(str(repo.top))
    me = place[2] if place else MAIN
    for path in paths if claims else ():
        claim = covering(claims, path, me)
        if claim is not None:
            why = f": {claim.why}" if claim.why else ""
            text = f"{claim.worktree} claims it until {claim.until}{why}"
            yield Objection("claims", level, path, text, "see who claims what: gitcoord claims")
