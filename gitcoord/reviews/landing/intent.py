"""Moving a checked-out target: announced, carried out, and settled when its process died.

The order of a move: the intent is written, `index.lock` taken, the files are moved, then the refs
in one transaction, then the index. So whatever is seen in between, uncommitted work is where it
was, and the user's git waits.

A ref of its own keeps the new commit from gc meanwhile, and votes: the transaction that moves the
target deletes it, and so does whoever takes the move back. Only one of them can.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from gitcoord.errors import Contended, GitFailed, Problem, Refused
from gitcoord.git.refs import Change, change_refs, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import find_operation, write_whole
from gitcoord.process import Lease, hold, is_held
from gitcoord.records import between, random_text
from gitcoord.reviews.landing.checkout import (
    Asker,
    Checkout,
    Steps,
    bring,
    copy_index,
    in_the_way,
    read_steps,
)
from gitcoord.state.documents import decode, encode
from gitcoord.state.store import NAMESPACE
from gitcoord.worktrees.mark import read_mark

KEPT = f"{NAMESPACE}/landings/"
_FOLDER = "landings"
_LOCK_SECONDS = 3.0
_MARK = "gitcoord: "


@dataclass(frozen=True)
class Intent:
    """What is about to happen. path, admin: of the checkout."""

    id: str
    target: str
    old: str
    new: str
    path: str
    admin: str

    @property
    def checkout(self) -> Checkout:
        return Checkout(Path(self.path), Path(self.admin))

    @property
    def keep_ref(self) -> str:
        return f"{KEPT}{self.id}"

    @property
    def index(self) -> Path:
        """The index to be, beside the real one so that it can be renamed over it."""
        return Path(self.admin) / f"index.{self.id}"

    @property
    def lock(self) -> Path:
        return Path(self.admin) / "index.lock"


def move_along(
    repo: Repository,
    checkout: Checkout,
    target: str,
    ends: tuple[str, str],
    steps: Steps,
    changes: Sequence[Change],
    *,
    reason: str,
) -> list[tuple[str, str]]:
    """Move `changes`, one of which moves `target` between `ends`, and the checkout with it: the
    paths in `steps`.

    Returns what was in the way by the time the user's git was locked out: then nothing moved.
    Raises Contended when a ref moved first, Refused when git is at work there.
    """
    with _announced(repo, checkout, target, ends) as (intent, lease):
        _check_still(repo, intent)
        copy_index(checkout, intent.index)
        ask = Asker(repo, checkout, intent.index, (lease.fd,))
        obstacles = in_the_way(ask, checkout, intent.old, steps)
        if obstacles:
            _vote(repo, intent)
            return obstacles
        _moving(repo, intent).touch()
        _move_files(ask, intent)
        _move_refs(repo, intent, changes, reason)
        intent.index.replace(checkout.admin / "index")
    return []


def catch_up(repo: Repository, checkout: Checkout, target: str, ends: tuple[str, str]) -> None:
    """Bring a checkout along whose target moved already. Raises Problem, naming what stays."""
    with _announced(repo, checkout, target, ends, moved=True) as (intent, lease):
        for line in _complete(repo, intent, lease):
            raise Problem(line, hint=f"see: git -C '{checkout.path}' status")


def find_dead(repo: Repository) -> list[Intent]:
    """Landings whose process died, without a git process where there are none."""
    folder = repo.own_dir / _FOLDER
    found = []
    for file in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        if not is_held(repo.own_dir, file.stem):
            with suppress(FileNotFoundError):
                found.append(_read(file))
    return found


def settle_landings(repo: Repository) -> list[str]:
    """Complete each landing that died if its refs had moved, else take it back. Returns what was
    done, a line each. Raises Problem for one that cannot be settled now."""
    dead = find_dead(repo)
    for begun in (repo.own_dir / _FOLDER).glob("*.new"):
        if not is_held(repo.own_dir, begun.name.partition(".")[0]):
            begun.unlink(missing_ok=True)
    return [line for intent in dead for line in settle_one(repo, intent)]


def settle_one(repo: Repository, intent: Intent) -> list[str]:
    """What was done about it; nothing where somebody else is at it."""
    try:
        lease = hold(repo.own_dir, intent.id)
    except Contended:
        return []
    with lease:
        if not _file(repo, intent.id).exists():
            return []
        lines = _settle(repo, intent, lease)
        _conclude(repo, intent)
    return lines


def _settle(repo: Repository, intent: Intent, lease: Lease) -> list[str]:
    short = intent.target.removeprefix("refs/heads/")
    moved = _vote(repo, intent)
    died = f"a landing on {short}, which was interrupted"
    if not (intent.checkout.path.is_dir() and intent.checkout.admin.is_dir()):
        return [f"gave up {died}: its checkout {intent.path} is gone"]
    _lock(intent)
    if moved and _is_on(repo, intent, intent.new):
        return [f"completed {died}", *_complete(repo, intent, lease)]
    if not moved and not _moving(repo, intent).exists():
        return [f"took back {died}"]
    if not moved and _is_on(repo, intent, intent.old):
        return [f"took back {died}", *_take_back(repo, intent, lease)]
    return [f"gave up {died}: {intent.path} was worked in since, and nothing was touched there"]


@contextmanager
def _announced(
    repo: Repository,
    checkout: Checkout,
    target: str,
    ends: tuple[str, str],
    *,
    moved: bool = False,
) -> Iterator[tuple[Intent, Lease]]:
    """An intent, with the user's git locked out; afterwards all is as it should be, whatever
    went wrong. moved: the refs did already."""
    places = (str(checkout.path), str(checkout.admin))
    intent = Intent(f"landing-{random_text(10)}", target, *ends, *places)
    with _kept_there(repo, checkout), hold(repo.own_dir, intent.id) as lease:
        _write(repo, intent)
        try:
            if not moved:
                change_refs(repo, [Change(intent.keep_ref, None, intent.new)], reason="landing")
            _lock(intent)
            yield intent, lease
        except BaseException:
            _unwind(repo, intent, lease)
            raise
        _conclude(repo, intent)


def _kept_there(repo: Repository, checkout: Checkout) -> AbstractContextManager[object]:
    """A worktree of ours is not parked, removed or restored meanwhile. Raises Contended."""
    ours = read_mark(checkout.admin)
    return hold(repo.own_dir, ours) if ours else nullcontext()


def _unwind(repo: Repository, intent: Intent, lease: Lease) -> None:
    """After a failure: as a settling would, and at once."""
    voted = _vote(repo, intent)
    if voted and not _holds(intent):
        return  # the checkout could not be brought along now: that is for a settling
    if voted:
        _complete(repo, intent, lease)
    elif _moving(repo, intent).exists():
        _take_back(repo, intent, lease)
    _conclude(repo, intent)


def _move_files(ask: Asker, intent: Intent) -> None:
    """Files and the index to be; the real index stays. Raises Problem when git cannot."""
    try:
        ask("read-tree", "-m", "-u", intent.old, intent.new)
    except GitFailed as failure:
        raise Problem(
            f"the files of {intent.path} could not be moved, and were put back: {failure.stderr}",
            hint=f"see what is there: git -C '{intent.path}' status",
        ) from failure


def _move_refs(repo: Repository, intent: Intent, changes: Sequence[Change], reason: str) -> None:
    """In the checkout, so that its HEAD has the move in its reflog."""
    there = repo.seen_from(intent.checkout.path)
    change_refs(there, [*changes, Change(intent.keep_ref, intent.new, None)], reason=reason)


def _complete(repo: Repository, intent: Intent, lease: Lease) -> list[str]:
    return _bring(repo, intent, lease, back=False)


def _take_back(repo: Repository, intent: Intent, lease: Lease) -> list[str]:
    return _bring(repo, intent, lease, back=True)


def _bring(repo: Repository, intent: Intent, lease: Lease, *, back: bool) -> list[str]:
    """Files and index to one of the two ends. Returns what a person has to look at."""
    steps = read_steps(repo, intent.old, intent.new)
    begun = _moving(repo, intent)
    since = begun.stat().st_mtime if begun.exists() else None
    left = bring(repo, intent.checkout, steps, back=back, since=since, keep=(lease.fd,))
    ends = (intent.new, intent.old) if back else (intent.old, intent.new)
    lines = [f"{intent.path}/{path} was changed meanwhile and stays as it is" for path in left]
    return [*lines, *_follow_index(repo, intent, ends, lease)]


def _follow_index(
    repo: Repository, intent: Intent, ends: tuple[str, str], lease: Lease
) -> list[str]:
    """The index from one commit to the other, what is staged besides kept."""
    intent.index.with_name(f"{intent.index.name}.lock").unlink(missing_ok=True)
    copy_index(intent.checkout, intent.index)
    ask = Asker(repo, intent.checkout, intent.index, (lease.fd,))
    try:
        ask("read-tree", "-i", "-m", *ends)
    except GitFailed:
        return [f"the index of {intent.path} was changed meanwhile and stays as it is"]
    ask("update-index", "-q", "--refresh", ok=(0, 1))
    intent.index.replace(Path(intent.admin) / "index")
    return []


def _vote(repo: Repository, intent: Intent) -> bool:
    """Whether the target moved. After this it does not any more, if it did not before."""
    while True:
        refs = read_refs(repo, intent.keep_ref, intent.target)
        kept, tip = refs.get(intent.keep_ref), refs.get(intent.target)
        if kept is not None:
            with suppress(Contended):
                change_refs(repo, [Change(intent.keep_ref, kept, None)], reason="landing")
                return False
            continue
        if tip is None or tip == intent.new:
            return tip is not None
        asked = ("merge-base", "--is-ancestor", intent.new, tip)
        return repo.run(*asked, ok=(0, 1, 128)).code == 0


def _check_still(repo: Repository, intent: Intent) -> None:
    """The checkout is as it was seen, now that the user's git is locked out."""
    if not _is_on(repo, intent, intent.old) or find_operation(intent.checkout.admin):
        raise Contended(
            f"{intent.path} was worked in meanwhile", hint="try again: gitcoord review merge ID"
        )


def _is_on(repo: Repository, intent: Intent, commit: str) -> bool:
    """Whether the checkout has the target checked out, and that is at `commit`."""
    asked = ("rev-parse", "HEAD", "--symbolic-full-name", "HEAD")
    said = repo.run(*asked, at=intent.checkout.path, ok=(0, 128)).lines()
    return said == [commit, intent.target]


def _lock(intent: Intent) -> None:
    """Take the lock git takes for the index, under our name. Raises Refused after 3 s.

    Linked, as a whole: a lock that does not say whose it is would stay for ever.
    """
    mark = intent.index.with_name(f"{intent.index.name}.mark")
    mark.write_text(_MARK + intent.id)
    until = time.monotonic() + _LOCK_SECONDS
    while not _holds(intent):
        try:
            _put_lock(intent, mark)
        except FileExistsError:
            if time.monotonic() > until:
                raise Refused(
                    f"git is at work in {intent.path}, or died there",
                    hint=f"let it end; if it is dead: rm '{intent.lock}'",
                ) from None
            time.sleep(between(0.005, 0.02))
    mark.unlink(missing_ok=True)


def _put_lock(intent: Intent, mark: Path) -> None:
    """Raises FileExistsError when somebody has it."""
    try:
        os.link(mark, intent.lock)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with intent.lock.open("x") as lock:
            lock.write(_MARK + intent.id)


def _holds(intent: Intent) -> bool:
    try:
        return intent.lock.read_bytes() == (_MARK + intent.id).encode()
    except OSError:
        return False


def _conclude(repo: Repository, intent: Intent) -> None:
    """The lock goes, then what was announced."""
    if _holds(intent):
        intent.lock.unlink()
    for ending in ("", ".lock", ".mark"):
        intent.index.with_name(f"{intent.index.name}{ending}").unlink(missing_ok=True)
    _moving(repo, intent).unlink(missing_ok=True)
    _file(repo, intent.id).unlink(missing_ok=True)


def _moving(repo: Repository, intent: Intent) -> Path:
    """A file that is there once files began to move: before, none of them is ours to touch."""
    return repo.own_dir / _FOLDER / f"{intent.id}.moving"


def _file(repo: Repository, intent_id: str) -> Path:
    return repo.own_dir / _FOLDER / f"{intent_id}.toml"


def _write(repo: Repository, intent: Intent) -> None:
    file = _file(repo, intent.id)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, encode(asdict(intent)).decode())


def _read(file: Path) -> Intent:
    said = decode(file.read_bytes(), str(file))
    return Intent(**{name: str(said.get(name, "")) for name in Intent.__dataclass_fields__})
