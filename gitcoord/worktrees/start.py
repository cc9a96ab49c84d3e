"""A new worktree: a plan that can be shown, and its execution or nothing.

In order, each step safe to die after (`settle` takes an unfinished one back):

    1. the context commit is written; no ref points at it
    2. the record says "making", under a lease that lives as long as we or our git do
    3. `git worktree add` on a new branch that starts at the context commit, locked
    4. carried-over changes, included files, set-up commands
    5. what came out is looked at, the lock goes, the record says "live"
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from gitcoord.config import Config, fill
from gitcoord.errors import BadInput, GitFailed, Problem, Taken
from gitcoord.git.objects import FILE, Batch, Entry, Reader, graft, signature
from gitcoord.git.refs import check_branch_name, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import switch_files, take_snapshot
from gitcoord.git.worktrees import (
    Linked,
    add_worktree,
    git_dir_of,
    list_worktrees,
    unlock_worktree,
)
from gitcoord.process import Lease, hold
from gitcoord.records import SCHEMA, new_id, now
from gitcoord.state.store import Record, Store
from gitcoord.worktrees import recovery
from gitcoord.worktrees.base import Base, resolve_base
from gitcoord.worktrees.kinds import Kind
from gitcoord.worktrees.parking import merge_onto, tree_of
from gitcoord.worktrees.prepare import copy_included, list_included, run_setup
from gitcoord.worktrees.settle import take_back_making
from gitcoord.worktrees.worktree import KIND, LIVE, MAKING, Worktree, write_mark

LONGEST_TASK = 20_000
LOCK = "gitcoord: being made"


@dataclass(frozen=True)
class Wish:
    """What the user asked for. from_ref: "" for what is checked out. slug: for the id.

    path, branch: None for the configured place and name.
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
    notes: tuple[str, ...] = field(default=())


def plan_start(repo: Repository, wish: Wish, config: Config) -> Plan:
    """Find out what is to be done, and everything that stands in its way, changing nothing."""
    task = check_task(wish.task)
    author = _author(repo)
    base = resolve_base(repo, wish.from_ref or config.worktree.base)
    worktrees = list_worktrees(repo)
    _check_limit(worktrees, config.worktree.limit)
    worktree_id = new_id(wish.kind.name, task, slug=wish.slug)
    names = {"id": worktree_id, "kind": wish.kind.name}
    branch = fill(config.worktree.branch, names)
    check_branch_name(repo, branch)
    _check_branch_free(repo, branch)
    path = wish.path or place(repo, worktrees[0], config.worktree.path, names)
    _check_place(path, worktrees)
    source = repo.top
    if wish.with_changes and source is None:
        raise BadInput("there are no changes to carry: this is no worktree", hint="see: git status")
    included = list_included(repo, source, config.worktree.include_file) if source else []
    notes = _notes(repo, worktrees, path)
    return Plan(
        worktree_id, wish.kind, task, path, branch, base, source, wish.with_changes,
        tuple(included), config, author, notes,
    )  # fmt: skip


def start(repo: Repository, plan: Plan, *, say: Callable[[str], None] = lambda _: None) -> Worktree:
    """Carry the plan out. On any failure nothing is left behind. say: narration, a line each."""
    tip = _write_context(repo, plan)
    carried = _changes_to_carry(repo, plan, tip)
    with hold(repo.own_dir, plan.id) as lease:
        record = Store(repo).create(KIND, plan.id, _body(plan, tip))
        try:
            return _make(repo, plan, record, tip, carried, lease, say)
        except BaseException as error:
            take_back_making(repo, Worktree(record, None, None), lease, untouched=True)
            raise _explained(error, plan) from error


def check_task(task: str) -> str:
    """The task without white space around it. Raises BadInput on one nobody can work on."""
    text = task.strip()
    if not text:
        raise BadInput(
            "the task is empty", hint='say what to find out: gitcoord start investigation "…"'
        )
    if len(text) > LONGEST_TASK:
        raise BadInput(
            f"the task has {len(text):,} characters; {LONGEST_TASK:,} is the most",
            hint="put logs in a file and name it: gitcoord start investigation --log FILE …",
        )
    odd = next((char for char in text if not char.isprintable() and char not in "\n\t"), None)
    if odd is not None:
        raise BadInput(
            f"the task has a control character ({odd!r})",
            hint="take it out, and start again: gitcoord start --help",
        )
    return text


def place(repo: Repository, main: Linked, template: str, names: Mapping[str, str]) -> Path:
    """Where a worktree goes by default. Seen from the main worktree, wherever we stand."""
    home = main.path if not main.bare else repo.common_dir
    name = home.name.removesuffix(".git") or "repository"
    if main.bare and home.name in (".git", ".bare"):
        home, name = home.parent, home.parent.name
    places = {**names, "parent": str(home.parent), "repo": name, "home": str(Path.home())}
    return Path(os.path.normpath(home / Path(fill(template, places)).expanduser()))


def context_of(plan: Plan) -> dict[str, Any]:
    """What agents working here are told: the content of context.toml."""
    base = {key: value for key, value in asdict(plan.base).items() if value not in ("", 0)}
    return {
        "schema": SCHEMA,
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


def _make(
    repo: Repository, plan: Plan, record: Record, tip: str, carried: str | None, lease: Lease,
    say: Callable[[str], None],
) -> Worktree:  # fmt: skip
    plan.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        add_worktree(repo, plan.path, plan.branch, tip, lock=LOCK, keep=(lease.fd,))
    except GitFailed:
        # A filter's or a helper's failure may come with a good worktree: look, then decide.
        if not _is_good(repo, plan, tip):
            raise
    admin = _check_made(repo, plan, tip)
    write_mark(admin, plan.id)
    if carried is not None:
        switch_files(repo, plan.path, f"{tip}^{{tree}}", carried)
        repo.run("update-index", "-q", "--refresh", ok=(0, 1), at=plan.path)
    if plan.source is not None and plan.included:
        copied = copy_included(plan.source, plan.path, plan.included)
        say(f"copied {len(copied)} of {len(plan.included)} included files")
    if plan.config.setup.commands:
        say(f"running {len(plan.config.setup.commands)} set-up command(s)")
    log = repo.own_dir / "logs" / f"{plan.id}-setup.log"
    run_setup(
        plan.config.setup.commands, plan.path,
        log=log, timeout=plan.config.setup.timeout, worktree_id=plan.id,
    )  # fmt: skip
    unlock_worktree(repo, plan.path)
    with Store(repo).transaction("start: live") as change:
        live = change.put(record, {**record.body, "state": LIVE})
    linked = Linked(plan.path, tip, f"refs/heads/{plan.branch}", False, False, None, None)
    return Worktree(live, linked, admin)


def _body(plan: Plan, tip: str) -> dict[str, Any]:
    context = context_of(plan)
    kept = {key: context[key] for key in ("kind", "task", "created", "branch", "roles", "base")}
    return {
        **kept, "state": MAKING, "path": str(plan.path), "tip": tip, "carries": plan.with_changes,
    }  # fmt: skip


def _write_context(repo: Repository, plan: Plan) -> str:
    """The branch's first commit: the base plus `.agentcoord/<id>/context.toml`."""
    batch = Batch(repo)
    content = tomli_w.dumps(context_of(plan)).encode()
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
    commit = batch.commit(grown, [plan.base.id], message, author=plan.author)
    batch.write()
    return commit


def _changes_to_carry(repo: Repository, plan: Plan, tip: str) -> str | None:
    """The tree of the new worktree with the user's uncommitted work in it."""
    if not plan.with_changes or plan.source is None:
        return None
    others = [one.path for one in list_worktrees(repo)]
    seen = take_snapshot(repo, plan.source, largest=recovery.LARGEST, exclude=others)
    if seen.conflicts:
        raise BadInput(
            "your worktree has files in conflict, which cannot be carried over",
            hint="resolve them first: git status",
        )
    if seen.left_out:
        raise BadInput(
            f"cannot be carried over: {', '.join(seen.left_out[:5])} (too large, or a repository)",
            hint="move it out of the way, or start without --with-changes",
        )
    head = repo.commit("HEAD")
    if head == plan.base.id and seen.files == tree_of(repo, head):
        return None
    return merge_onto(repo, head, seen.files, tip)


def _check_made(repo: Repository, plan: Plan, tip: str) -> Path:
    admin = git_dir_of(plan.path)
    if admin is None or not _is_good(repo, plan, tip):
        raise Problem(
            f"git made a worktree at {plan.path} that is not as it should be",
            hint="see what git says: git worktree list",
        )
    return admin


def _is_good(repo: Repository, plan: Plan, tip: str) -> bool:
    """By outcome, not by exit code: the right commit on the right branch."""
    if git_dir_of(plan.path) is None:
        return False
    seen = repo.run("rev-parse", "HEAD", "--symbolic-full-name", "HEAD", ok=(0, 128), at=plan.path)
    return seen.lines() == [tip, f"refs/heads/{plan.branch}"]


def _check_limit(worktrees: Sequence[Linked], limit: int) -> None:
    if len(worktrees) - 1 >= limit:
        raise Problem(
            f"this repository has {len(worktrees) - 1} worktrees already; {limit} is the limit",
            hint="remove some (gitcoord list), or raise it: "
            f"gitcoord config set worktree.limit {limit * 2}",
        )


def _check_branch_free(repo: Repository, branch: str) -> None:
    """Also against `agent` and `agent/x`, which cannot both be branches."""
    parts = branch.split("/")
    above = ["refs/heads/" + "/".join(parts[:count]) for count in range(1, len(parts))]
    taken = read_refs(repo, f"refs/heads/{branch}", *above)
    clash = next(
        (ref for ref in taken if ref in above or ref.startswith(f"refs/heads/{branch}")), None
    )
    if clash:
        raise Taken(
            f"a branch {clash.removeprefix('refs/heads/')!r} is in the way of {branch!r}",
            hint="choose another name with --name, or another scheme: "
            "gitcoord config set worktree.branch '{id}'",
        )


def _check_place(path: Path, worktrees: Sequence[Linked]) -> None:
    for linked in worktrees:
        if linked.path == path:
            raise Taken(
                f"{path} is a worktree of this repository already",
                hint="choose another place with --path, or see: git worktree list",
            )
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise Taken(
            f"{path} exists already and is not an empty folder",
            hint="choose another place with --path, or move it away",
        )
    parent = next(one for one in path.parents if one.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise BadInput(
            f"nothing can be made in {parent}: it is not a folder you may write to",
            hint="choose another place with --path, or: gitcoord config set worktree.path …",
        )


def _notes(repo: Repository, worktrees: Sequence[Linked], path: Path) -> tuple[str, ...]:
    inside = [one.path for one in worktrees if not one.bare and path.is_relative_to(one.path)]
    if inside:
        return (
            f"it lies inside {inside[0]}: keep it out of commits with "
            f"`echo /{os.path.relpath(path, inside[0])} >> .git/info/exclude`",
        )
    return ()


def _author(repo: Repository) -> str:
    """Who the commits are by: the user. Raises BadInput when git does not know."""
    name = repo.setting("author.name") or repo.setting("user.name")
    mail = repo.setting("author.email") or repo.setting("user.email")
    if not mail:
        raise BadInput(
            "git does not know who you are: user.email is not set",
            hint="tell it: git config --global user.email you@example.com",
        )
    return signature(name or mail.partition("@")[0], mail, int(time.time()))


def _explained(error: BaseException, plan: Plan) -> BaseException:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return Problem(
            f"{plan.path} could not be made: {error.strerror}; nothing was left behind",
            hint="make room, or choose another disk with --path",
        )
    if isinstance(error, GitFailed):
        return Problem(
            f"{plan.path} could not be made: {error.message}; nothing was left behind",
            hint="see what git says of this repository: git status && git worktree list",
        )
    return error
