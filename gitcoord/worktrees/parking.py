"""Uncommitted work set aside and taken up again: a stash that belongs to one worktree.

`git stash` is one pile for all worktrees of a repository; here each has its own, under
refs/agentcoord/parked/<id>/<n>, and it outlives the folder.

The record says "parking" or "unparking" while files are switched, so that what died half-way
is completed. Files edited since are never touched: then the piece stays, and that is said.
Refuses: what a commit cannot hold, and files that a filter would give back as others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitcoord.errors import Contended, NoSuch, Refused
from gitcoord.git.objects import Batch, Reader, signature
from gitcoord.git.refs import Change, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import Snapshot, restore_index, switch_files, take_snapshot
from gitcoord.git.worktrees import find_operation, list_worktrees, read_status
from gitcoord.process import Lease, hold
from gitcoord.state.store import Store
from gitcoord.worktrees import recovery
from gitcoord.worktrees.integration import plain_drivers
from gitcoord.worktrees.worktree import LIVE, Worktree, view_worktrees

PREFIX = "refs/agentcoord/parked/"
PARKING, UNPARKING = "parking", "unparking"


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
    with hold(repo.own_dir, worktree.id) as lease:
        worktree = _at_rest(repo, worktree.id)
        if read_status(repo, worktree.path).clean:
            return None
        number = max(parked_refs(repo, worktree.id), default=0) + 1
        commit, snapshot = _keep(repo, worktree, number, message)
        switch = _switch(worktree, number, snapshot.files, _tree_of(repo, _head(worktree)))
        with Store(repo).transaction("park") as change:
            body = {**worktree.record.body, "state": PARKING, "switch": switch}
            record = change.put(worktree.record, body)
            change.ref(Change(_ref(worktree.id, number), None, commit))
        _carry_out(repo, Worktree(record, worktree.linked, worktree.admin), lease)
    return _read(repo, worktree.id, number, commit)


def unpark(repo: Repository, worktree: Worktree, number: int | None = None) -> Parked:
    """Take parked work up again, the newest unless a number is given.

    Where the branch moved on since, the work is merged into it; a conflict is Refused before
    anything changed. The same branch tip gets its index back exactly.
    """
    with hold(repo.own_dir, worktree.id) as lease:
        pieces = parked_refs(repo, worktree.id)
        chosen = max(pieces, default=0) if number is None else number
        if chosen not in pieces:
            which = "nothing" if number is None else f"no piece {number}"
            hint = f"see what it has: gitcoord show {worktree.id}"
            raise NoSuch(f"{worktree.id} has {which} parked", hint=hint)
        worktree = _at_rest(repo, worktree.id)
        if not read_status(repo, worktree.path).clean:
            raise Refused(
                f"{worktree.id} has uncommitted files; the parked work would mix with them",
                hint=f"commit them, or park them first: gitcoord park {worktree.id}",
            )
        kept, head = recovery.read_kept(repo, pieces[chosen]), _head(worktree)
        files = kept.files
        if kept.tip != head:
            files = merge_onto(repo, str(kept.tip), kept.files, head)
        switch = _switch(worktree, chosen, _tree_of(repo, head), files)
        with Store(repo).transaction("unpark") as change:
            body = {**worktree.record.body, "state": UNPARKING, "switch": switch}
            record = change.put(worktree.record, body)
        _carry_out(repo, Worktree(record, worktree.linked, worktree.admin), lease)
    return _read(repo, worktree.id, chosen, pieces[chosen])


def finish_switch(repo: Repository, worktree: Worktree, lease: Lease) -> str:
    """Complete a park or unpark that died. Returns what was done."""
    switch: Mapping[str, Any] = worktree.record.body["switch"]
    verb = "park" if worktree.record.body["state"] == PARKING else "unpark"
    if worktree.linked is None or not worktree.path.is_dir():
        _conclude(repo, worktree, drop=False)
        return f"the {verb} of {worktree.id} was interrupted, and its folder is gone since"
    others = [one.path for one in list_worktrees(repo)]
    now = take_snapshot(repo, worktree.path, largest=recovery.LARGEST, exclude=others)
    edited = _paths(repo, switch["from"], now.files) & _paths(repo, switch["to"], now.files)
    if edited or now.left_out or worktree.linked.head != switch["head"]:
        _conclude(repo, worktree, drop=False)
        return (
            f"the {verb} of {worktree.id} was interrupted, and it was worked in since: nothing "
            f"there was touched, and piece {switch['number']} is still parked"
        )
    switch_files(repo, worktree.path, now.files, switch["to"], keep=(lease.fd,))
    _set_index(repo, worktree, lease)
    _conclude(repo, worktree, drop=verb == "unpark")
    return f"completed the {verb} of {worktree.id}, which was interrupted"


def merge_onto(repo: Repository, base: str, files: str, onto: str) -> str:
    """The tree of commit `onto` with what tree `files` changed against commit `base`.

    Merged in memory; Refused, naming the paths, when it conflicts. The two need not be
    related, or be so in any order: git is shown a history in which `base` is where they part.
    (`merge-tree --merge-base` says the same from git 2.40 on.)
    """
    batch = Batch(repo)
    who = signature("gitcoord", "gitcoord@localhost", 0)
    with Reader(repo) as reader:
        before, there = (reader.read(f"{commit}^{{tree}}")[0] for commit in (base, onto))
    parting = batch.commit(before, [], "base", author=who)
    theirs, mine = (batch.commit(tree, [parting], "side", author=who) for tree in (there, files))
    batch.write()
    merged = repo.run(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", theirs, mine,
        ok=(0, 1), env=plain_drivers(repo),
    )  # fmt: skip
    tree, *paths = merged.fields()
    if merged.code:
        named = ", ".join(sorted(set(paths))[:5])
        raise Refused(
            f"the work conflicts with what {onto[:12]} has: {named}",
            hint="take it up where it was made, commit, and merge: gitcoord start --from REF …",
        )
    return tree


def _carry_out(repo: Repository, worktree: Worktree, lease: Lease) -> None:
    """The announced switch of files; taken back when somebody wrote there meanwhile."""
    switch, parks = worktree.record.body["switch"], worktree.record.body["state"] == PARKING
    try:
        switch_files(repo, worktree.path, switch["from"], switch["to"], keep=(lease.fd,))
    except Contended:
        _conclude(repo, worktree, drop=parks)
        raise
    _set_index(repo, worktree, lease)
    _conclude(repo, worktree, drop=not parks)


def _set_index(repo: Repository, worktree: Worktree, lease: Lease) -> None:
    switch, path, keep = worktree.record.body["switch"], worktree.path, (lease.fd,)
    commit = find_ref(repo, _ref(worktree.id, switch["number"]))
    if worktree.record.body["state"] == PARKING:
        repo.run("read-tree", "--reset", switch["head"], at=path, keep=keep)
    elif commit is not None:
        kept = recovery.read_kept(repo, commit)
        if kept.tip == switch["head"]:
            restore_index(repo, path, kept.index, kept.staged, keep=keep)
    repo.run("update-index", "-q", "--refresh", ok=(0, 1), at=path, keep=keep)


def _conclude(repo: Repository, worktree: Worktree, *, drop: bool) -> None:
    """The worktree is live again. drop: the piece with it, in one transaction."""
    body = {key: value for key, value in worktree.record.body.items() if key != "switch"}
    ref = _ref(worktree.id, worktree.record.body["switch"]["number"])
    commit = find_ref(repo, ref)
    with Store(repo).transaction("park: live") as change:
        change.put(worktree.record, {**body, "state": LIVE})
        if drop and commit is not None:
            change.ref(Change(ref, commit, None))


def _at_rest(repo: Repository, worktree_id: str) -> Worktree:
    """The worktree as it is now, when files can be switched in it. Raises NoSuch, Refused."""
    worktree = view_worktrees(repo).find(worktree_id)
    if worktree.state != LIVE or worktree.linked is None or worktree.linked.head is None:
        state = "on a branch without commits" if worktree.state == LIVE else worktree.state
        raise Refused(f"{worktree_id} is {state}", hint="see what can be done: gitcoord doctor")
    operation = find_operation(worktree.admin) if worktree.admin else None
    if operation:
        abort = "reset" if operation == "bisect" else "--abort"
        raise Refused(
            f"{worktree_id} is in the middle of a {operation}",
            hint=f"end it first: git -C '{worktree.path}' {operation} {abort}",
        )
    if worktree.admin and (worktree.admin / "index.lock").exists():
        raise Refused(
            f"git is at work in {worktree_id}, or died there",
            hint=f"let it end; if it is dead: rm '{worktree.admin / 'index.lock'}'",
        )
    return worktree


def _keep(repo: Repository, worktree: Worktree, number: int, message: str) -> tuple[str, Snapshot]:
    assert worktree.admin is not None, "a worktree at rest has a git dir"
    about = {"id": worktree.id, "tip": _head(worktree), "message": message, "parked": number}
    others = [one.path for one in list_worktrees(repo)]
    commit, snapshot = recovery.keep(
        repo, worktree.path, worktree.admin,
        head=_head(worktree), about=about, exclude=others,
    )  # fmt: skip
    _refuse_left_out(worktree, snapshot.left_out)
    _refuse_submodules(repo, worktree, snapshot)
    _refuse_lossy(repo, worktree, commit, snapshot)
    return commit, snapshot


def _refuse_left_out(worktree: Worktree, left_out: tuple[str, ...]) -> None:
    if left_out:
        raise Refused(
            f"cannot be parked: {', '.join(left_out[:5])} (too large, or a repository of its own)",
            hint=f"move it out of the way: cd '{worktree.path}' && git status",
        )


def _refuse_submodules(repo: Repository, worktree: Worktree, snapshot: Snapshot) -> None:
    """A commit holds of a submodule no more than which commit it is on."""
    if not snapshot.submodules:
        return
    lines = repo.run(
        "status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=no",
        "--ignore-submodules=none", at=worktree.path,
    ).fields()  # fmt: skip
    changed = [line for line in lines if line[:2] == "1 " and line[5:6] == "S"]
    if changed:
        path = changed[0].split(" ", 8)[8]
        raise Refused(
            f"cannot be parked: submodule {path} has changes",
            hint=f"commit them there first: git -C '{worktree.path / path}' status",
        )


def _refuse_lossy(repo: Repository, worktree: Worktree, commit: str, snapshot: Snapshot) -> None:
    """What was changed on its way into the commit must come out again as it was, but for line
    endings and permissions, which `git stash` does not keep either."""
    kept = recovery.read_kept(repo, commit)
    for name in set(kept.outside) - {*snapshot.left_out, *snapshot.submodules}:
        blob = f"{kept.files}:{name}"
        given = repo.run("cat-file", "--filters", f"--path={name}", blob, at=worktree.path).out
        file = worktree.path / name
        there = file.read_bytes() if file.is_file() else b""
        if there.replace(b"\r\n", b"\n") != given.replace(b"\r\n", b"\n"):
            raise Refused(
                f"cannot be parked: a filter would give {name} back as another file",
                hint=f"commit it, or move it away: cd '{worktree.path}' && git status",
            )


def _paths(repo: Repository, old: str, new: str) -> set[str]:
    """Paths that differ between two trees."""
    listed = repo.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new)
    return set(listed.fields())


def _tree_of(repo: Repository, commit: str) -> str:
    with Reader(repo) as reader:
        return reader.read(f"{commit}^{{tree}}")[0]


def _switch(worktree: Worktree, number: int, old: str, new: str) -> dict[str, Any]:
    """What is about to happen, for whoever has to complete it. old, new: trees of files."""
    return {"number": number, "head": _head(worktree), "from": old, "to": new}


def _head(worktree: Worktree) -> str:
    assert worktree.linked is not None and worktree.linked.head is not None, "it is at rest"
    return worktree.linked.head


def _ref(worktree_id: str, number: int) -> str:
    return f"{PREFIX}{worktree_id}/{number}"


def _read(repo: Repository, worktree_id: str, number: int, commit: str) -> Parked:
    kept = recovery.read_kept(repo, commit)
    return Parked(
        worktree_id, number, commit, str(kept.about.get("message", "")), str(kept.tip or ""),
        str(kept.about.get("kept", "")),
    )  # fmt: skip
