"""What must not be in the repository at all, taken out of refs and objects for good.

    plan_purge(repo, texts)  ->  Purge: where it is        purge(repo, plan)  ->  Purged

Rewritten, with `[REDACTED:purged]` in its place: records, findings, sealed journals and the
trash; the journal and the logs below `.git/agentcoord`; and, when asked, agents' branches with
the index and the files of their worktrees. Then the objects that held it are deleted, and with
them the versions of trees and commits that led to them.

Promises: branches, tags, stash and reflogs of the user are never rewritten: they are named, with
the way to do it. An object that something still leads to stays, and is named as well.
Refuses: to begin while an agent is at work; there is no way back.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gitcoord.errors import BadInput, Contended, GitFailed
from gitcoord.git.objects import FILE, FOLDER, SUBMODULE, Batch, Entry, Reader, parse_tree
from gitcoord.git.pruning import drop_objects, list_named, scan_objects, still_reachable
from gitcoord.git.refs import Change, change_refs, read_refs
from gitcoord.git.repository import Repository
from gitcoord.process import hold, is_held
from gitcoord.redaction import secret_texts
from gitcoord.state import segments
from gitcoord.state.journal import Journal
from gitcoord.worktrees.worktree import Worktree, view_worktrees

PURGED = b"[REDACTED:purged]"
SHORTEST = 6
_OURS = "refs/agentcoord/"
_LEASE = "purge"
_LARGEST = 256 << 20
_ID = re.compile(rb"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")
_NOT_READ = ("leases", "turns", "journal", "trash")


@dataclass(frozen=True)
class Purge:
    """Where it is. objects: id -> kind. records: full names of our refs. branches: agents'.
    others: refs of the user -> the commit that brought it. held: those of the objects that the
    user's refs reach, which are left as they are everywhere. files: below `.git/agentcoord`.
    aside: files of removed work, to be deleted by hand. variants: the ways it is written."""

    variants: tuple[bytes, ...] = field(repr=False)
    objects: Mapping[str, str]
    records: tuple[str, ...]
    branches: tuple[str, ...]
    others: Mapping[str, str]
    held: frozenset[str]
    files: tuple[Path, ...]
    aside: tuple[Path, ...]

    @property
    def empty(self) -> bool:
        return not (self.objects or self.files or self.aside)


@dataclass(frozen=True)
class Purged:
    """What was done. refs, files: rewritten. dropped: how many objects are gone. left: object
    or ref -> why it is still there."""

    refs: tuple[str, ...]
    files: tuple[Path, ...]
    dropped: int
    left: Mapping[str, str]


@dataclass
class _Rewriting:
    """Objects without it: each is made once, however many refer to it."""

    reader: Reader
    batch: Batch
    variants: Sequence[bytes]
    holders: Collection[str]
    changed: dict[str, str] = field(default_factory=dict)
    same: set[str] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)

    def tree(self, oid: str) -> str:
        if oid in self.same or oid in self.changed:
            return self.changed.get(oid, oid)
        entries = parse_tree(self.reader.read(oid)[2], len(oid) // 2)
        fresh = {name: Entry(one.mode, self._entry(one)) for name, one in entries.items()}
        return self._made(oid, self.batch.tree(fresh) if fresh != entries else oid)

    def _entry(self, entry: Entry) -> str:
        if entry.mode == SUBMODULE:
            return entry.id
        return self.tree(entry.id) if entry.mode == FOLDER else self.blob(entry.id)

    def blob(self, oid: str) -> str:
        if oid not in self.holders or oid in self.changed:
            return self.changed.get(oid, oid)
        body = self.reader.read(oid)[2]
        is_segment = body.startswith(b"schema = ") and b"\n# end " in body
        fresh = segments.edited(body, self.edit_toml) if is_segment else self.edit_toml(body)
        if fresh == body:
            self.spoilt.add(oid)
        return self._made(oid, self.batch.blob(fresh))

    def commit(self, oid: str) -> str:
        """Its parents come first. A signature would not fit any more, and goes."""
        head, _, message = self.reader.read(oid)[2].partition(b"\n\n")
        lines: list[bytes] = []
        skipping = False
        for line in head.split(b"\n"):
            word, _, value = line.partition(b" ")
            skipping = word in (b"gpgsig", b"gpgsig-sha256", b"mergetag") or (skipping and not word)
            if word == b"tree":
                line = b"tree " + self._tree_of(value.decode()).encode()
            elif word == b"parent":
                line = b"parent " + self.changed.get(value.decode(), value.decode()).encode()
            if not skipping:
                lines.append(line)
        fresh = b"\n".join(lines)
        message = self.edit(message)
        if fresh == _unsigned(head) and oid not in self.holders:
            return oid
        return self._made(oid, self.batch.raw("commit", self.edit(fresh) + b"\n\n" + message))

    def edit(self, body: bytes) -> bytes:
        for one in self.variants:
            body = body.replace(one, PURGED)
        return body

    def edit_toml(self, body: bytes) -> bytes:
        """As `edit`, but what was TOML and would be none any more stays as it is."""
        fresh = self.edit(body)
        return body if fresh != body and _is_toml(body) and not _is_toml(fresh) else fresh

    def _tree_of(self, tree: str) -> str:
        """In a recovery commit the index file and the reflog name by id what is to go: undo
        does without them. So does its tip, which it needs."""
        fresh = self.tree(tree)
        entries = self._entries(fresh)
        if b"trash.toml" not in entries:
            return fresh
        about = self._body(entries[b"trash.toml"].id)
        told = _ID.sub(self._new_id, about)
        if fresh == tree and told == about:
            return fresh
        kept = {name: one for name, one in entries.items() if name != b"index"}
        if admin := kept.get(b"admin"):
            inner = {name: one for name, one in self._entries(admin.id).items() if name != b"logs"}
            kept[b"admin"] = Entry(FOLDER, self.batch.tree(inner))
        kept[b"trash.toml"] = Entry(FILE, self.batch.blob(told))
        return self._made(tree, self.batch.tree(kept))

    def _new_id(self, found: re.Match[bytes]) -> bytes:
        return self.changed.get(found[0].decode(), found[0].decode()).encode()

    def _entries(self, tree: str) -> Mapping[bytes, Entry]:
        return parse_tree(self._body(tree), len(tree) // 2)

    def _body(self, oid: str) -> bytes:
        pending = self.batch.pending.get(oid)
        return pending[1] if pending else self.reader.read(oid)[2]

    def _made(self, oid: str, fresh: str) -> str:
        if fresh == oid:
            self.same.add(oid)
        else:
            self.changed[oid] = fresh
        return fresh


def _is_toml(body: bytes) -> bool:
    import tomllib

    try:
        tomllib.loads(body.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _unsigned(head: bytes) -> bytes:
    kept, skipping = [], False
    for line in head.split(b"\n"):
        word = line.partition(b" ")[0]
        skipping = word in (b"gpgsig", b"gpgsig-sha256", b"mergetag") or (skipping and not word)
        if not skipping:
            kept.append(line)
    return b"\n".join(kept)


def written_ways(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Each text as it is, and as TOML and JSON write it; the longest first. Raises BadInput."""
    found = set()
    for text in texts:
        if len(text.strip()) < SHORTEST:
            raise BadInput(
                f"a text of {len(text.strip())} characters would be found everywhere",
                hint=f"give at least {SHORTEST} of it: gitcoord purge --match TEXT",
            )
        for way in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
            found.add(way.encode("utf-8", "surrogateescape"))
    return tuple(sorted(found, key=lambda one: (-len(one), one)))


def find_leaks(repo: Repository) -> set[str]:
    """Texts that look like secrets in what is ours: refs, agents' branches, journal, logs."""
    ours, branches, users = _refs(repo)
    named = list_named(repo, {*ours.values(), *branches.values()}, set(users.values()))
    found: set[str] = set()
    with Reader(repo) as reader:
        for path, one in zip(named.values(), reader.find_all(named), strict=True):
            if one is not None and one[1] in ("blob", "commit") and len(one[2]) <= _LARGEST:
                found |= secret_texts(one[2], path)
    for file in _own_files(repo):
        found |= secret_texts(_read(file), file.name)
    return found


def plan_purge(repo: Repository, texts: Iterable[str]) -> Purge:
    """Find the texts, changing nothing. Every object here is read. Raises BadInput."""
    variants = written_ways(texts)

    def wanted(_: str, body: bytes) -> bool:
        return any(one in body for one in variants)

    objects = scan_objects(repo, wanted) if variants else {}
    files = [file for file in _own_files(repo) if wanted("", _read(file))]
    aside = [file for file in _removed_work(repo) if wanted("", _read(file))]
    ours, branches, users = _refs(repo)
    held = objects.keys() & list_named(repo, set(users.values()), ()).keys() if objects else set()
    with Reader(repo) as reader:
        rewriting = _Rewriting(reader, Batch(repo), variants, objects.keys() - held)
        records, agents = (
            tuple(
                ref for ref, old in refs.items() if _rewritten(repo, rewriting, old, users) != old
            )
            for refs in (ours, branches)
        )
    others = dict(_brought(repo, {oid: objects[oid] for oid in held}, users))
    return Purge(
        variants, objects, records, agents, others, frozenset(held), tuple(files), tuple(aside)
    )


def purge(repo: Repository, plan: Purge, *, branches: bool = False) -> Purged:
    """Carry it out: there is no way back. branches: rewrite agents' branches as well.

    Raises Contended while an agent is at work, and when a ref moved meanwhile.
    """
    with hold(repo.own_dir, _LEASE):
        _refuse_beside_agents(repo)
        ours, agents, users = _refs(repo)
        kept = {**users, **({} if branches else agents)}
        tips = {**ours, **(agents if branches else {})}
        with Reader(repo) as reader:
            holders = plan.objects.keys() - plan.held
            rewriting = _Rewriting(reader, Batch(repo), plan.variants, holders)
            fresh = {ref: _rewritten(repo, rewriting, old, kept) for ref, old in tips.items()}
            changed = {ref: old for ref, old in tips.items() if fresh[ref] != old}
            rewriting.batch.write()
            if changed:
                moves = [Change(ref, old, fresh[ref]) for ref, old in changed.items()]
                change_refs(repo, moves, reason="purge")
            for worktree in _worktrees(repo) if branches else ():
                _rewrite_worktree(repo, worktree, rewriting)
            rewriting.batch.write()
        files = [*_rewrite_journal(repo, rewriting), *_rewrite_files(repo, rewriting)]
        unwanted = {*holders, *rewriting.changed} - rewriting.spoilt
        reached = still_reachable(repo, unwanted)
        why = drop_objects(repo, unwanted - reached)
    left = _left(plan, branches=branches, reached=reached, spoilt=rewriting.spoilt) | why
    dropped = len(unwanted) - len(reached) - len(why)
    Journal(repo.own_dir).append("purge", refs=list(changed), objects=dropped, left=len(left))
    return Purged(tuple(changed), tuple(files), dropped, left)


def _left(
    plan: Purge, *, branches: bool, reached: Collection[str], spoilt: Collection[str]
) -> dict[str, str]:
    left = {oid: "something still leads to it" for oid in plan.objects if oid in reached}
    left |= dict.fromkeys(spoilt, "it would not be TOML any more: give less, or more, of the text")
    left |= {ref: "rewritten with --branches only" for ref in plan.branches if not branches}
    left |= {ref: f"yours; {commit[:12]} brought it" for ref, commit in plan.others.items()}
    return left | {str(file): "removed work: delete it by hand" for file in plan.aside}


def _refs(repo: Repository) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """(ours, branches we made for agents, all others): full name -> object id. A detached HEAD
    of any worktree is the user's."""
    every = read_refs(repo, "refs")
    made = {f"refs/heads/{one.record.body.get('branch')}" for one in _worktrees(repo)}
    ours = {ref: oid for ref, oid in every.items() if ref.startswith(_OURS)}
    agents = {ref: every[ref] for ref in made if ref in every}
    users = {ref: oid for ref, oid in every.items() if ref not in ours and ref not in agents}
    for linked in view_worktrees(repo).listed:
        if linked.branch is None and linked.head:
            users[f"HEAD of {linked.path}"] = linked.head
    return ours, agents, users


def _worktrees(repo: Repository) -> list[Worktree]:
    """Those we made; an adopted one came with its branch."""
    return [one for one in view_worktrees(repo).mine if not one.record.body.get("adopted")]


def _rewritten(repo: Repository, rewriting: _Rewriting, old: str, kept: Mapping[str, str]) -> str:
    """What a ref is to hold instead of `old`. Commits that `kept` reach stay as they are."""
    kind = rewriting.reader.read(old)[1]
    if kind == "tree":
        return rewriting.tree(old)
    if kind == "blob":
        return rewriting.blob(old)
    if kind != "commit":
        return old
    script = "".join([f"{old}\n", *(f"^{one}\n" for one in set(kept.values()))])
    asked = ("rev-list", "--topo-order", "--reverse", "--ignore-missing", "--stdin")
    for commit in repo.run(*asked, input=script.encode()).lines():
        if commit not in rewriting.changed:
            rewriting.commit(commit)
    return rewriting.changed.get(old, old)


def _brought(
    repo: Repository, objects: Mapping[str, str], users: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """(ref of the user, the commit that brought it there)."""
    refs = [ref for ref in users if ref.startswith("refs/")]
    tips = set(users.values())
    asked = ("log", "-m", "--format=%H", "--no-renames", "--stdin")
    for oid, kind in objects.items():
        script = "".join(f"{one}\n" for one in tips)
        found = [oid]
        if kind == "blob":
            said = repo.run(*asked, f"--find-object={oid}", input=script.encode())
            found = [line for line in said.lines() if line][-1:]
        for commit in found if kind != "tag" else ():
            with suppress(GitFailed):
                holding = repo.run("for-each-ref", f"--contains={commit}", "--format=%(refname)")
                yield from ((ref, commit) for ref in holding.lines() if ref in refs)


def _refuse_beside_agents(repo: Repository) -> None:
    names = (file.stem for file in (repo.own_dir / "leases").glob("*.toml"))
    at_work = [one for one in names if one != _LEASE and is_held(repo.own_dir, one)]
    if at_work:
        raise Contended(
            f"{at_work[0]} is at work, and would write it anew",
            hint="wait for it, or end it; what it does: gitcoord list",
        )


def _rewrite_worktree(repo: Repository, worktree: Worktree, rewriting: _Rewriting) -> None:
    """Index, files and reflogs of one of our worktrees."""
    if worktree.linked is None or worktree.admin is None or not worktree.path.is_dir():
        return
    top, lines = worktree.path, []
    for line in repo.run("ls-files", "--stage", "-z", at=top).fields():
        head, _, path = line.partition("\t")
        mode, oid, stage = head.split(" ")
        fresh = rewriting.blob(oid) if oid in rewriting.holders else oid
        if fresh != oid:
            lines.append(f"{mode} {fresh} {stage}\t{path}\0")
        if fresh != oid and (top / path).is_file() and not (top / path).is_symlink():
            _rewrite(top / path, rewriting)
    if lines:
        rewriting.batch.write()
        asked = ("update-index", "-z", "--index-info")
        repo.run(*asked, input=os.fsencode("".join(lines)), at=top)
        repo.run("update-index", "-q", "--refresh", ok=(0, 1), at=top)
    for ref in ("HEAD", f"refs/heads/{worktree.branch}"):
        _forget_steps(repo, top, ref, rewriting)


def _forget_steps(repo: Repository, top: Path, ref: str, rewriting: _Rewriting) -> None:
    """Entries of a reflog that lead to what is gone; the others stay."""
    logged = repo.run("log", "-g", "--format=%H", ref, "--", ok=(0, 128), at=top)
    steps = [line for line in logged.lines() if line] if not logged.code else []
    bad = [
        number
        for number, commit in enumerate(steps)
        if commit in rewriting.changed or _leads_there(commit, rewriting)
    ]
    for number in reversed(bad):
        repo.run("reflog", "delete", "--rewrite", f"{ref}@{{{number}}}", at=top)


def _leads_there(commit: str, rewriting: _Rewriting) -> bool:
    """Also of a commit that no branch has any more, such as an amended one."""
    rewriting.commit(commit)
    return commit in rewriting.changed


def _rewrite_journal(repo: Repository, rewriting: _Rewriting) -> list[Path]:
    journal = Journal(repo.own_dir)
    return [journal.folder / f"{name}.toml" for name in journal.rewrite(rewriting.edit_toml)]


def _rewrite_files(repo: Repository, rewriting: _Rewriting) -> list[Path]:
    segment_names = {f"{name}.toml" for name in segments.names(repo.own_dir / "journal")}
    files = (one for one in _own_files(repo) if one.name not in segment_names)
    return [file for file in files if _rewrite(file, rewriting)]


def _rewrite(file: Path, rewriting: _Rewriting) -> bool:
    """Whole or not at all, with the mode it has."""
    old = _read(file)
    fresh = rewriting.edit(old)
    if fresh == old:
        return False
    begun = file.with_name(f".{file.name}.purge")
    begun.touch(mode=0o600)
    begun.write_bytes(fresh)
    begun.chmod(file.stat().st_mode & 0o7777)
    begun.replace(file)
    return True


def _own_files(repo: Repository) -> list[Path]:
    """What is written below `.git/agentcoord`, removed work and locks left out."""
    top = repo.own_dir
    found = [*_files_below(top / "journal"), *(top / "trash").glob("*/admin/logs/HEAD")]
    with suppress(OSError):
        for one in sorted(top.iterdir()):
            if one.name not in _NOT_READ:
                found += [one] if one.is_file() else _files_below(one)
    return [file for file in found if not file.is_symlink()]


def _removed_work(repo: Repository) -> list[Path]:
    """Files that were moved aside, and what git kept of a worktree that is gone."""
    own = set(_own_files(repo))
    return [file for file in _files_below(repo.own_dir / "trash") if file not in own]


def _files_below(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file() and not one.is_symlink())


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes() if file.stat().st_size <= _LARGEST else b""
    except OSError:
        return b""
