"""What changed outside an agent's worktree while it was at work: looked at before and after.

    look(repo)  ->  Before        compare(repo, before, mine=…)  ->  [Incident, …]

Compared are the main worktree and every other one (HEAD, branch, index, files that differ from
the commit by their content, what it is in the middle of), and what all share: branches, tags,
the stash, git's and our settings, hooks. Each difference is reported, nothing is undone.

Promises: nothing is written, no hook and no fsmonitor program runs. Worktrees in which another
agent works meanwhile are left out, with their branches.
Refuses: to say who did it. The user works in the main worktree too, so an incident "changed
while the task ran", no more.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.records import counted
from gitcoord.runs.run import list_runs
from gitcoord.runtime.outside import CONFIG, FILE, HOOK, REMOTES, Before, Content, Seen
from gitcoord.runtime.outside import look as look
from gitcoord.worktrees.worktree import View, view_worktrees

HEAD, BRANCH, INDEX, OPERATION, WORKTREE = "head", "branch", "index", "operation", "worktree"
REF, STASH, PUSHED, UNREADABLE = "ref", "stash", "pushed", "unreadable"
_TRASH = "refs/agentcoord/trash"
_MOST = 20  # incidents told one by one, for each worktree


@dataclass(frozen=True)
class Incident:
    """One thing that changed while a task ran.

    worktree: its folder, "" for what all worktrees share. what: one of the words above.
    path: the file, ref, setting or hook. before, after: in a few words. look: the command that
    shows more.
    """

    worktree: str
    what: str
    path: str
    before: str
    after: str
    look: str

    def as_line(self) -> str:
        """For the problem of the task."""
        where = f" in {self.worktree}" if self.worktree else ""
        what = f"{self.what} {self.path}".rstrip()
        return (
            f"changed while the task ran{where}: {what}, {self.before} -> {self.after} "
            f"(look: {self.look})"
        )

    def as_event(self) -> dict[str, str]:
        """For the journal."""
        fields = {**vars(self), "where": self.worktree}
        del fields["worktree"]
        return fields


def compare(
    repo: Repository, before: Before, *, mine: str, besides: Collection[str] = ()
) -> list[Incident]:
    """What changed since `before`, in the order: main worktree, others, what all share.

    mine: the id of the worktree the task works in. besides: ids of others that the caller knows
    to be at work. Whose worktree it is is asked only when something changed at all.
    """
    after = look(repo, precious=before.precious, known=before)
    found = [
        (path, one)
        for path in dict.fromkeys([*before.worktrees, *after.worktrees])
        for one in _compare_worktree(path, before.worktrees.get(path), after.worktrees.get(path))
    ]
    refs = list(_compare_refs(before.refs, after.refs))
    shared = list(_compare_shared(repo, before.shared, after.shared))
    if found or refs or shared:
        view = view_worktrees(repo)
        busy = {mine, *besides, *_at_work(repo, before, after)}
        left_out, branches = _left_out(repo, view, busy, before)
        found = [(path, one) for path, one in found if path not in left_out]
        tip = next((one.linked.head for one in view.mine if one.id == mine and one.linked), None)
        refs = [one for one in _judged(refs, tip) if one.path not in branches]
        # Such as the upstream of its own branch, which git keeps in the shared file.
        own = tuple(f"branch.{ref.removeprefix('refs/heads/')}." for ref in branches)
        shared = [one for one in shared if not one.path.startswith(own)]
    return [
        *_not_too_many(found),
        *refs,
        *_compare_stash(before.stash, after.stash),
        *shared,
    ]


def _compare_worktree(path: Path, old: Seen | None, new: Seen | None) -> Iterator[Incident]:
    at, where = shlex.quote(str(path)), str(path)
    if old is None or new is None:
        was, is_now = ("not there", "there") if old is None else ("there", "gone")
        yield Incident(where, WORKTREE, "", was, is_now, "git worktree list")
        return
    if old.readable and not new.readable:
        yield Incident(where, UNREADABLE, "", "readable", "git fails", f"git -C {at} status")
        return
    for what, before, after, none, way in (
        (BRANCH, old.branch, new.branch, "no branch", "reflog HEAD"),
        (HEAD, old.head[:12], new.head[:12], "no commit", "reflog HEAD"),
        (OPERATION, old.operation, new.operation, "nothing begun", "status"),
    ):
        if before != after:
            yield Incident(where, what, "", before or none, after or none, f"git -C {at} {way}")
    if old.head == new.head:
        yield from _compare_staged(path, old, new)
    yield from _compare_files(path, old, new)


def _compare_staged(path: Path, old: Seen, new: Seen) -> Iterator[Incident]:
    for name in dict.fromkeys([*old.staged, *new.staged]):
        one, other = old.staged.get(name), new.staged.get(name)
        if one != other:
            words = _staged_words(one), _staged_words(other)
            yield Incident(str(path), INDEX, name, *words, _diff(path, name, "--cached "))


def _staged_words(line: str | None) -> str:
    if line is None:
        return "as committed"
    return "staged as gone" if line.startswith("D") else f"staged {line.split(' ')[-1][:8]}"


def _compare_files(path: Path, old: Seen, new: Seen) -> Iterator[Incident]:
    for name in dict.fromkeys([*old.kinds, *new.kinds]):
        known = name in old.files and name in new.files
        before, after = old.files.get(name), new.files.get(name)
        was, is_now = old.kinds.get(name, ""), new.kinds.get(name, "")
        moved_on = was and is_now and was.partition(" ")[2] != is_now.partition(" ")[2]
        if known and _same(before, after) and not moved_on:
            continue  # also where it was staged, committed or ignored meanwhile
        kind = (was or is_now).partition(" ")[0]
        words = _words(before, was, kind), _words(after, is_now, kind)
        yield Incident(str(path), kind, name, *words, _shown(path, name, kind))


def _same(one: Content | None, other: Content | None) -> bool:
    return one is other or (one is not None and other is not None and one.same(other))


def _words(content: Content | None, listed: str, kind: str) -> str:
    if content is not None:
        return str(content)
    if listed:
        return "gone"
    return "as committed" if kind == FILE else "not there"


def _diff(path: Path, name: str, option: str = "") -> str:
    return f"git -C {shlex.quote(str(path))} diff {option}-- {shlex.quote(name)}"


def _shown(path: Path, name: str, kind: str) -> str:
    return _diff(path, name) if kind == FILE else f"ls -l {shlex.quote(str(path / name))}"


def _compare_refs(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Incident]:
    for ref in sorted({*old, *new}):
        before, after = old.get(ref, ""), new.get(ref, "")
        if before != after and ref != "refs/stash":
            look = f"git reflog {ref}" if before and after else f"git show-ref {ref}"
            look = f"git show {before[:12]}" if not after else look
            yield Incident("", REF, ref, before or "not there", after or "gone", look)


def _judged(refs: Iterable[Incident], tip: str | None) -> Iterator[Incident]:
    """Of remote branches only what the agent pushed: fetching in the background is common."""
    for one in refs:
        remote = one.path.startswith(f"{REMOTES}/")
        if not remote or one.after == tip:
            before, after = (
                word[:12] if len(word) >= 40 else word for word in (one.before, one.after)
            )
            yield Incident("", PUSHED if remote else REF, one.path, before, after, one.look)


def _compare_stash(old: str, new: str) -> Iterator[Incident]:
    if old != new:
        before, after = (counted(len(one.splitlines()), "entry") for one in (old, new))
        after += "" if before != after else ", other ones"
        yield Incident("", STASH, "", before, after, "git stash list")


def _compare_shared(
    repo: Repository,
    old: Mapping[str, Mapping[str, bytes]],
    new: Mapping[str, Mapping[str, bytes]],
) -> Iterator[Incident]:
    for what in (CONFIG, HOOK):
        one, other = old.get(what, {}), new.get(what, {})
        for file in sorted({*one, *other}):
            before, after = one.get(file), other.get(file)
            if before != after:
                yield from _compare_shared_file(repo, what, file, before, after)


def _compare_shared_file(
    repo: Repository, what: str, file: str, before: bytes | None, after: bytes | None
) -> Iterator[Incident]:
    """Of git's settings the keys, never the values: an address may hold a password."""
    look = f"cat {shlex.quote(file)}"
    if Path(file).name in ("config", "config.worktree"):
        was, is_now = (_settings(repo, text or b"") for text in (before, after))
        if was is not None and is_now is not None:
            yield from (
                Incident("", what, f"{key} ({file})", *_set_words(was, is_now, key), look)
                for key in sorted({*was, *is_now})
                if was.get(key) != is_now.get(key)
            )
            return
    words = ("not there", "there") if before is None else ("there", "gone")
    words = words if before is None or after is None else ("there", "changed")
    yield Incident("", what, file, *words, look)


def _set_words(
    was: Mapping[str, object], is_now: Mapping[str, object], key: str
) -> tuple[str, str]:
    if key in was and key in is_now:
        return "set", "set to something else"
    return ("set", "not set any more") if key in was else ("not set", "set")


def _settings(repo: Repository, text: bytes) -> dict[str, list[str]] | None:
    """Key -> values, None when git cannot read it."""
    asked = ("config", "--file", "-", "--no-includes", "--list", "-z")
    said = repo.run(*asked, input=text, ok=(0, 3, 128))
    if said.code:
        return None
    found: dict[str, list[str]] = {}
    for entry in said.fields():
        key, _, value = entry.partition("\n")
        found.setdefault(key, []).append(value)
    return found


def _at_work(repo: Repository, before: Before, after: Before) -> Iterator[str]:
    """Ids of worktrees that a live lease is on, or whose run was driven meanwhile."""
    held = before.leases | after.leases
    yield from held
    for run in list_runs(repo):
        touched = str(run.record.body.get("changed") or run.record.body.get("created", ""))
        if run.id in held or touched >= before.time:
            yield run.worktree_id


def _left_out(
    repo: Repository, view: View, busy: Collection[str], before: Before
) -> tuple[set[Path], set[str]]:
    """(worktrees, full names of branches) that are others' work: at work, or made or removed
    by gitcoord since."""
    paths, branches = set(), set()
    for one in view.mine:
        made = str(one.record.body.get("created", "")) >= before.time
        if one.id in busy or made:
            paths.add(one.path)
            named = (one.branch, one.record.body.get("branch"))
            branches |= {f"refs/heads/{name}" for name in named}
    trashed = read_refs(repo, _TRASH)
    for path, seen in before.worktrees.items():
        if f"{_TRASH}/{seen.id}" in trashed and path not in {one.path for one in view.listed}:
            paths.add(path)
            branches.add(f"refs/heads/{seen.branch}")
    return paths, branches


def _not_too_many(found: Sequence[tuple[Path, Incident]]) -> Iterator[Incident]:
    by_path: dict[Path, list[Incident]] = {}
    for path, one in found:
        by_path.setdefault(path, []).append(one)
    for path, some in by_path.items():
        yield from some[:_MOST]
        if len(some) > _MOST:
            look = f"git -C {shlex.quote(str(path))} status"
            yield Incident(str(path), FILE, "", f"{len(some) - _MOST} more", "changed too", look)
