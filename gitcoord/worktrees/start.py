"""A new worktree: a plan that can be shown, and its execution or nothing.

In order, each step safe to die after (`settle` takes an unfinished one back):

    1. in one transaction the branch, with the context as its first commit, and a record that
       says "making", under a lease that lives as long as we or our git do
    2. `git worktree add` without files, locked with the id as the reason; then the files
    3. carried-over changes, included files, set-up commands
    4. what came out is looked at, the lock goes, the record says "live"
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitcoord.config import Config, fill
from gitcoord.errors import BadInput, GitFailed, Problem
from gitcoord.git.objects import FILE, Batch, Entry, Reader, graft, signature
from gitcoord.git.refs import Change
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import (
    Linked,
    add_worktree,
    check_out,
    git_dir_of,
    list_worktrees,
    show_in_sparse,
)
from gitcoord.process import Lease, hold
from gitcoord.records import counted, new_id, now
from gitcoord.redaction import redact
from gitcoord.state.documents import encode
from gitcoord.state.store import Store
from gitcoord.worktrees.base import Base, check_on_branch, resolve_base
from gitcoord.worktrees.kinds import Kind
from gitcoord.worktrees.place import (
    check_branch,
    check_limit,
    check_unseen,
    claim_place,
    default_place,
    free_place,
)
from gitcoord.worktrees.worktree import KIND, LIVE, MAKING, Worktree, lock_of, write_mark

if TYPE_CHECKING:
    from gitcoord.worktrees.carry import Load

LONGEST_TASK = 100_000

# Joiners of emoji and Persian, no-break spaces and the like are words somebody pasted.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_NO_BUG = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG, errno.EFBIG),
}

_ELSEWHERE = "choose another place with --path"
_LEAST_ROOM = 1 << 20  # bytes


@dataclass(frozen=True)
class Wish:
    """What the user asked for. from_ref: "" for what is checked out. slug: for the id.

    path: None for the configured place.
    """

    kind: Kind
    task: str
    from_ref: str = ""
    slug: str | None = None
    path: Path | None = None
    with_changes: bool = False


@dataclass(frozen=True)
class Plan:
    """Everything `start` will do. source: where included files and changes come from."""

    id: str
    kind: Kind
    task: str
    path: Path
    branch: str
    base: Base
    source: Path | None
    with_changes: bool
    included: tuple[str, ...]
    config: Config
    author: str
    notes: tuple[str, ...] = ()


def plan_start(
    repo: Repository, wish: Wish, config: Config, *, worktrees: Sequence[Linked] | None = None
) -> Plan:
    """Find out what is to be done, and everything that stands in its way, changing nothing.

    worktrees: git's list of them, when the caller has just asked for it.
    """
    task = check_task(wish.task)
    author = author_of(repo)
    from_ref = wish.from_ref or config.worktree.base
    base = resolve_base(repo, from_ref)
    if not from_ref:
        check_on_branch(repo, base)
    listed = list_worktrees(repo) if worktrees is None else worktrees
    check_limit(listed, config.worktree.limit)
    worktree_id = new_id(wish.kind.name, task, slug=wish.slug)
    names = {"id": worktree_id, "kind": wish.kind.name}
    branch = fill(config.worktree.branch, names)
    check_branch(repo, branch)
    wanted = wish.path or default_place(repo, listed[0], config.worktree.path, names)
    path = free_place(repo, wanted, listed)
    check_unseen(repo, path)
    source = repo.top
    if wish.with_changes and source is None:
        raise BadInput("there are no changes to carry: this is no worktree", hint="see: git status")
    return Plan(
        worktree_id, wish.kind, task, path, branch, base, source, wish.with_changes,
        _included(repo, config.worktree.include_file), config, author, tuple(_notes(repo, path)),
    )  # fmt: skip


def start(repo: Repository, plan: Plan, *, say: Callable[[str], None] = lambda _: None) -> Worktree:
    """Carry the plan out. On any failure nothing is left behind. say: narration, a line each."""
    missing = [one for one in (plan.path, *plan.path.parents) if not one.exists()]
    try:
        return _start(repo, plan, say)
    except BaseException as error:
        _restore_place(plan.path, missing)
        explained = _explained(repo, error, plan)
        if explained is not None:
            raise explained from error
        raise


def check_task(task: str) -> str:
    """The task without white space around it and without secrets: it goes into records, on the
    branch and to models. Raises BadInput on one nobody can work on."""
    text = task.replace("\r\n", "\n").strip()
    if not text:
        raise BadInput(
            "the task is empty", hint='say what to find out: gitcoord start investigation "…"'
        )
    if len(text) > LONGEST_TASK:
        raise BadInput(
            f"the task has {len(text):,} characters; {LONGEST_TASK:,} is the most",
            hint="put logs in a file and name it: gitcoord start investigation --log FILE …",
        )
    odd = _UNFIT.search(text)
    if odd:
        raise BadInput(
            f"the task has a control character or a broken byte ({odd.group()!r})",
            hint="take it out, and start again: gitcoord start --help",
        )
    return redact(text)


def _notes(repo: Repository, path: Path) -> Iterator[str]:
    """What the user should know of the worktree to be."""
    if repo.top is not None and (repo.top / ".gitmodules").is_file():
        fill_them = f"git -C {shlex.quote(str(path))} submodule update --init --recursive"
        yield f"its submodules stay empty; what needs them can fill them: {fill_them}"


def context_of(plan: Plan) -> dict[str, Any]:
    """What agents working here are told: the content of context.toml."""
    base = {key: value for key, value in asdict(plan.base).items() if value not in ("", 0)}
    return {
        "id": plan.id,
        "kind": plan.kind.name,
        "task": plan.task,
        "created": now(),
        "branch": plan.branch,
        "folder": f".agentcoord/{plan.id}",
        "roles": list(plan.kind.roles),
        "constraints": list(plan.kind.constraints),
        "base": base,
    }


def _start(repo: Repository, plan: Plan, say: Callable[[str], None]) -> Worktree:
    batch = Batch(repo)
    tip = _context_commit(repo, plan, batch)
    carried = None
    if plan.with_changes and plan.source is not None:
        from gitcoord.worktrees import carry

        batch.write()
        carried = carry.load(repo, plan.source, tip)
    with hold(repo.own_dir, plan.id) as lease:
        with Store(repo).transaction("start", batch) as change:
            record = change.create(KIND, plan.id, _body(plan, tip))
            change.ref(Change(f"refs/heads/{plan.branch}", None, tip))
            # Its objects are written with the first: one git process less at the end.
            ending = Store(repo).transaction("start: live", batch)
            live = ending.put(record, {**record.body, "state": LIVE})
        try:
            linked, admin = _make(repo, plan, tip, carried, lease, say)
            with ending:
                (admin / "locked").unlink(missing_ok=True)
            return Worktree(live, linked, admin)
        except BaseException:
            from gitcoord.worktrees.settle import take_back_making

            take_back_making(repo, Worktree(record, None, None), lease, untouched=True)
            raise


def _make(
    repo: Repository, plan: Plan, tip: str, carried: Load | None, lease: Lease,
    say: Callable[[str], None],
) -> tuple[Linked, Path]:  # fmt: skip
    plan.path.parent.mkdir(parents=True, exist_ok=True)
    with claim_place(repo, plan.path):
        add_worktree(repo, plan.path, plan.branch, lock=lock_of(plan.id), keep=(lease.fd,))
        admin = _git_dir_made(plan)
        write_mark(admin, plan.id)
    show_in_sparse(repo, plan.path, admin, f".agentcoord/{plan.id}")
    check_out(repo, plan.path, keep=(lease.fd,))
    if carried is not None:
        carried.unload(repo, plan.path)
    if plan.included or plan.config.setup.commands:
        _prepare(repo, plan, say)
    return _look(repo, plan, admin, tip), admin


def _prepare(repo: Repository, plan: Plan, say: Callable[[str], None]) -> None:
    from gitcoord.worktrees.prepare import copy_included, run_setup

    if plan.source is not None and plan.included:
        copied = copy_included(plan.source, plan.path, plan.included)
        say(f"copied {len(copied)} of {len(plan.included)} included files")
    if plan.config.setup.commands:
        say(f"running {counted(len(plan.config.setup.commands), 'set-up command')}")
        run_setup(
            plan.config.setup.commands, plan.path, worktree_id=plan.id,
            log=repo.own_dir / "logs" / f"{plan.id}-setup.log", timeout=plan.config.setup.timeout,
        )  # fmt: skip


def _included(repo: Repository, include_file: str) -> tuple[str, ...]:
    if repo.top is None or not include_file or not (repo.top / include_file).is_file():
        return ()
    from gitcoord.worktrees.prepare import list_included

    return tuple(list_included(repo, repo.top, include_file))


def _body(plan: Plan, tip: str) -> dict[str, Any]:
    context = context_of(plan)
    kept = {key: context[key] for key in ("kind", "task", "created", "branch", "roles", "base")}
    return {
        **kept, "state": MAKING, "path": str(plan.path), "tip": tip, "carries": plan.with_changes,
    }  # fmt: skip


def _context_commit(repo: Repository, plan: Plan, batch: Batch) -> str:
    """The branch's first commit: the base plus `.agentcoord/<id>/context.toml`."""
    content = encode(context_of(plan))
    with Reader(repo) as reader:
        _, _, body = reader.read(plan.base.id)
        tree = body.split(b"\n", 1)[0].removeprefix(b"tree ").decode()
        file = f".agentcoord/{plan.id}/context.toml"
        grown = graft(batch, reader, tree, {file: Entry(FILE, batch.blob(content))})
    title = " ".join(plan.task.split())
    message = (
        f"Start {plan.kind.name}: {title if len(title) <= 60 else title[:59] + '…'}\n\n"
        f"The context of the agents that work on this branch.\n\nGitcoord-Worktree: {plan.id}"
    )
    return batch.commit(grown, [plan.base.id], message, author=plan.author)


def _git_dir_made(plan: Plan) -> Path:
    admin = git_dir_of(plan.path)
    if admin is None:
        raise _not_as_it_should_be(plan)
    return admin


def _look(repo: Repository, plan: Plan, admin: Path, tip: str) -> Linked:
    """What came out, as git sees it: a worktree on the plan's branch.

    Where only git was at work, its HEAD says that; a reftable's says nothing.
    """
    branch = f"refs/heads/{plan.branch}"
    head = (admin / "HEAD").read_bytes()
    if not plan.config.setup.commands and head == os.fsencode(f"ref: {branch}\n"):
        return Linked(plan.path, tip, branch, False, False, None, None)
    asked = ("rev-parse", "HEAD", "--symbolic-full-name", "HEAD")
    seen = repo.run(*asked, ok=(0, 128), at=plan.path).lines()
    if len(seen) != 2 or seen[1] != branch:
        raise _not_as_it_should_be(plan)
    return Linked(plan.path, seen[0], seen[1], False, False, None, None)


def _not_as_it_should_be(plan: Plan) -> Problem:
    return Problem(
        f"what was made at {plan.path} is no worktree on {plan.branch}; it was taken back",
        hint="see what git says: git worktree list",
    )


def author_of(repo: Repository) -> str:
    """Who the commits are by: the user. Raises BadInput when git does not know."""
    name = repo.setting("author.name") or repo.setting("user.name")
    mail = repo.setting("author.email") or repo.setting("user.email")
    if not mail:
        raise BadInput(
            "git does not know who you are: user.email is not set",
            hint="tell it: git config --global user.email you@example.com",
        )
    return signature(name or mail.partition("@")[0], mail, int(time.time()))


def _restore_place(path: Path, missing: Sequence[Path]) -> None:
    """Folders that were not there go, if nobody uses them by now; an empty one comes back."""
    if path not in missing:
        with suppress(OSError):
            path.mkdir(exist_ok=True)
    for folder in missing:
        with suppress(OSError):
            folder.rmdir()


def _explained(repo: Repository, error: BaseException, plan: Plan) -> Problem | None:
    """What the machine or git refused, as a Problem; None for what explains itself."""
    if isinstance(error, OSError) and error.errno in _NO_BUG:
        said, hint = error.strerror, _way_out(error.errno, plan.path)
    elif isinstance(error, GitFailed):
        full = _is_full(repo, plan)
        said, hint = error.message, _way_out(errno.ENOSPC if full else None, plan.path)
    else:
        return None
    return Problem(f"{plan.path} could not be made: {said}; nothing was left behind", hint=hint)


def _way_out(code: int | None, path: Path) -> str:
    """By cause. code: an errno, None for what only git knows."""
    there = shlex.quote(str(_nearest(path)))
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{_ELSEWHERE}; what room there is: df -h {there}"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{_ELSEWHERE}; who may write there: ls -ld {there}"
    if code is None:
        return "try again, it may pass; what git sees: git worktree list"
    return f"{_ELSEWHERE}; see: ls -ld {there}"


def _is_full(repo: Repository, plan: Plan) -> bool:
    """Whether the base's files fit there, asked of the file system: git says it in prose."""
    with suppress(OSError, GitFailed, ValueError):
        room = os.statvfs(_nearest(plan.path))
        listed = repo.run("ls-tree", "-r", "-l", "-z", plan.base.id).fields()
        sizes = (line.partition("\t")[0].split()[3] for line in listed)
        needed = _LEAST_ROOM + sum(int(size) for size in sizes if size != "-")
        short_of_files = room.f_files > 0 and room.f_favail <= len(listed)
        return short_of_files or room.f_bavail * room.f_frsize < needed
    return False


def _nearest(path: Path) -> Path:
    return next(one for one in path.parents if one.exists())
