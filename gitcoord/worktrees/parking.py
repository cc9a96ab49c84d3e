"""Uncommitted work set aside and taken up again: a stash that belongs to one worktree.

`git stash` is one pile for all worktrees of a repository; here each has its own, under
refs/agentcoord/parked/<id>/<n>, and it outlives the folder.
"""

from __future__ import annotations

from dataclasses import dataclass

from gitcoord.errors import NoSuch, Refused
from gitcoord.git.objects import Batch, Reader, signature
from gitcoord.git.refs import Change, change_refs, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import restore_index, switch_files
from gitcoord.git.worktrees import find_operation, list_worktrees, read_status
from gitcoord.process import hold
from gitcoord.worktrees import recovery
from gitcoord.worktrees.worktree import Worktree

PREFIX = "refs/agentcoord/parked/"


@dataclass(frozen=True)
class Parked:
    """One piece of parked work. number: counted from 1 in its worktree, newest is highest."""

    worktree_id: str
    number: int
    commit: str
    message: str
    head: str
    time: str


def parked_refs(repo: Repository, worktree_id: str) -> dict[int, str]:
    """Number -> recovery commit, oldest first."""
    refs = read_refs(repo, f"{PREFIX}{worktree_id}/")
    numbered = {name.rpartition("/")[2]: commit for name, commit in refs.items()}
    return {int(name): numbered[name] for name in sorted(numbered, key=int) if name.isdigit()}


def list_parked(repo: Repository, worktree_id: str) -> list[Parked]:
    """Newest first."""
    found = [
        _read(repo, worktree_id, number, commit)
        for number, commit in parked_refs(repo, worktree_id).items()
    ]
    return found[::-1]


def park(repo: Repository, worktree: Worktree, message: str = "") -> Parked | None:
    """Set aside everything uncommitted and untracked; None when there is nothing.

    Raises Refused in the middle of a merge or rebase, Contended when files change meanwhile.
    """
    linked, admin = worktree.linked, worktree.admin
    if linked is None or admin is None or linked.head is None:
        raise NoSuch(f"{worktree.id} has no folder", hint="see: gitcoord doctor")
    with hold(repo.own_dir, worktree.id):
        _check_no_operation(worktree)
        if read_status(repo, worktree.path).clean:
            return None
        number = max(parked_refs(repo, worktree.id), default=0) + 1
        about = {"id": worktree.id, "tip": linked.head, "message": message, "parked": number}
        others = [one.path for one in list_worktrees(repo)]
        commit, snapshot = recovery.keep(
            repo, worktree.path, admin, head=linked.head, about=about, exclude=others
        )
        _refuse_left_out(worktree, snapshot.left_out)
        ref = f"{PREFIX}{worktree.id}/{number}"
        change_refs(repo, [Change(ref, None, commit)], reason="park")
        switch_files(repo, worktree.path, snapshot.files, f"{linked.head}^{{tree}}")
        repo.run("read-tree", "--reset", linked.head, at=worktree.path)
        repo.run("update-index", "-q", "--refresh", ok=(0, 1), at=worktree.path)
    return _read(repo, worktree.id, number, commit)


def unpark(repo: Repository, worktree: Worktree, number: int | None = None) -> Parked:
    """Take parked work up again, the newest unless a number is given.

    Where the branch moved on since, the work is merged into it; a conflict is Refused before
    anything changed. The same branch tip gets its index back exactly.
    """
    linked = worktree.linked
    pieces = parked_refs(repo, worktree.id)
    chosen = max(pieces, default=0) if number is None else number
    if chosen not in pieces or linked is None or linked.head is None:
        which = "nothing" if number is None else f"no piece {number}"
        raise NoSuch(f"{worktree.id} has {which} parked", hint=f"see: gitcoord show {worktree.id}")
    with hold(repo.own_dir, worktree.id):
        _check_no_operation(worktree)
        if not read_status(repo, worktree.path).clean:
            raise Refused(
                f"{worktree.id} has uncommitted files; the parked work would mix with them",
                hint=f"commit them, or park them first: gitcoord park {worktree.id}",
            )
        kept = recovery.read_kept(repo, pieces[chosen])
        same = kept.tip == linked.head
        files = kept.files if same else merge_onto(repo, str(kept.tip), kept.files, linked.head)
        switch_files(repo, worktree.path, f"{linked.head}^{{tree}}", files)
        if same:
            restore_index(repo, worktree.path, kept.index, kept.staged)
        else:
            repo.run("update-index", "-q", "--refresh", ok=(0, 1), at=worktree.path)
        ref = f"{PREFIX}{worktree.id}/{chosen}"
        change_refs(repo, [Change(ref, pieces[chosen], None)], reason="unpark")
    return _read(repo, worktree.id, chosen, pieces[chosen])


def merge_onto(repo: Repository, base: str, files: str, onto: str) -> str:
    """The tree of commit `onto` with what tree `files` changed against commit `base`.

    Merged in memory; Refused, naming the paths, when it conflicts.
    """
    batch = Batch(repo)
    who = signature("gitcoord", "gitcoord@localhost", 0)
    commit = batch.commit(files, [base], "uncommitted work", author=who)
    batch.write()
    merged = repo.run(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", onto, commit, ok=(0, 1)
    )
    tree, *paths = merged.fields()
    if merged.code:
        named = ", ".join(sorted(set(paths))[:5])
        raise Refused(
            f"the work conflicts with what {onto[:12]} has: {named}",
            hint="take it up where it was made, commit, and merge: gitcoord start --from REF …",
        )
    return tree


def tree_of(repo: Repository, commit: str) -> str:
    with Reader(repo) as reader:
        return reader.read(f"{commit}^{{tree}}")[0]


def _check_no_operation(worktree: Worktree) -> None:
    operation = find_operation(worktree.admin) if worktree.admin else None
    if operation:
        raise Refused(
            f"{worktree.id} is in the middle of a {operation}",
            hint=f"end it first: git -C '{worktree.path}' {operation} --abort",
        )


def _refuse_left_out(worktree: Worktree, left_out: tuple[str, ...]) -> None:
    if left_out:
        raise Refused(
            f"cannot be parked: {', '.join(left_out[:5])} (too large, or a repository of its own)",
            hint=f"move it out of the way: cd '{worktree.path}' && git status",
        )


def _read(repo: Repository, worktree_id: str, number: int, commit: str) -> Parked:
    kept = recovery.read_kept(repo, commit)
    return Parked(
        worktree_id, number, commit, str(kept.about.get("message", "")), str(kept.tip or ""),
        str(kept.about.get("kept", "")),
    )  # fmt: skip
