"""Where a new worktree goes, and what is in its way there.

Promises: a path as git will name it (no symbolic link, no `..` in it), so that records and
git agree on it. Refuses: a place where anything is, and git's own folder.
"""

from __future__ import annotations

import fcntl
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitcoord.config import fill
from gitcoord.errors import BadInput, Problem, Refused, Taken
from gitcoord.git.objects import Reader
from gitcoord.git.refs import is_branch_name, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import Linked, git_dir_of

_ELSEWHERE = "choose another place: gitcoord start --path DIR …"
_OTHER_SCHEME = "choose another scheme: gitcoord config set worktree.branch '{id}'"


def default_place(repo: Repository, main: Linked, template: str, names: Mapping[str, str]) -> Path:
    """Where a worktree goes by the setting. Seen from the main worktree, wherever we stand;
    of a submodule, seen from the outermost repository that it is a part of, as beside the
    submodule it would lie in the checkout of another."""
    home = main.path if not main.bare else repo.common_dir
    name = home.name.removesuffix(".git") or "repository"
    if main.bare and home.name in (".git", ".bare"):
        home, name = home.parent, home.parent.name
    whole = _outermost(repo, home)
    places = {**names, "parent": str(whole.parent), "repo": name, "home": str(Path.home())}
    return whole / Path(fill(template, places)).expanduser()


def free_place(repo: Repository, path: Path, worktrees: Sequence[Linked]) -> Path:
    """`path` as git will name it. Raises Taken or BadInput when no worktree can be made there."""
    if path.is_symlink():
        raise Taken(f"{path} exists already: it is a symbolic link", hint=_ELSEWHERE)
    real = Path(os.path.realpath(path))
    if any(one.path == real for one in worktrees):
        raise Taken(
            f"{real} is a worktree of this repository already",
            hint="choose another place with --path, or see: git worktree list",
        )
    if real.is_relative_to(repo.common_dir):
        raise BadInput(f"{real} lies in git's own folder", hint=_ELSEWHERE)
    if os.path.lexists(real) and not (real.is_dir() and not any(real.iterdir())):
        raise Taken(f"{real} exists already and is not an empty folder", hint=_ELSEWHERE)
    parent = next(one for one in real.parents if one.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise BadInput(
            f"nothing can be made in {parent}: it is not a folder you may write to",
            hint="choose another place with --path, or: gitcoord config set worktree.path …",
        )
    return real


def check_branch(repo: Repository, branch: str) -> None:
    """Raise BadInput when git takes no such branch, Taken when another is in the way.

    `agent` and `agent/x` cannot both be branches.
    """
    if not is_branch_name(branch):
        raise BadInput(f"{branch!r} cannot be a branch name", hint=_OTHER_SCHEME)
    parts = branch.split("/")
    above = ["refs/heads/" + "/".join(parts[:count]) for count in range(1, len(parts))]
    wanted = f"refs/heads/{branch}"
    there = read_refs(repo, wanted, *above)
    clash = next((ref for ref in there if ref in above or ref.startswith(wanted)), None)
    if clash:
        raise Taken(
            f"the branch {clash.removeprefix('refs/heads/')!r} is in the way of {branch!r}",
            hint=_OTHER_SCHEME,
        )


def check_limit(worktrees: Sequence[Linked], limit: int) -> None:
    """Raise Problem when there are too many already: a loop that runs away is stopped."""
    count = len(worktrees) - 1
    if count >= limit:
        raise Problem(
            f"this repository has {count} worktree{'s' if count > 1 else ''} already; "
            f"{limit} is the limit",
            hint="remove some (gitcoord list), or raise it: "
            f"gitcoord config set worktree.limit {limit * 2}",
        )


def check_unseen(repo: Repository, path: Path) -> None:
    """Raise Refused where a worktree at `path` would show up in the status of the checkout
    around it: of this repository, or of one that it is a submodule of."""
    around = next((one for one in path.parents if os.path.lexists(one / ".git")), None)
    if around is None or not (_is_ours(repo, around) or _is_above(repo, around)):
        return
    inside = path.relative_to(around)
    if repo.run("check-ignore", "-q", f"./{inside}/", at=around, ok=(0, 1, 128)).code == 0:
        return
    asked = repo.run("rev-parse", "--path-format=absolute", "--git-path", "info/exclude", at=around)
    line, exclude = shlex.quote(f"/{inside.parts[0]}/"), shlex.quote(asked.text)
    raise Refused(
        f"{path} lies in the checkout at {around}, and would show in its status",
        hint=f"choose a place outside, or have it ignored there first: echo {line} >> {exclude}",
    )


def _outermost(repo: Repository, home: Path) -> Path:
    """`home`, or of a submodule the top of the outermost repository that it is a part of."""
    return next((one for one in reversed(home.parents) if _is_above(repo, one)), home)


def _is_above(repo: Repository, folder: Path) -> bool:
    """Whether the checkout at `folder` is of a repository that ours is a submodule of."""
    git_dir = git_dir_of(folder)
    return (
        git_dir is not None
        and repo.common_dir != git_dir
        and repo.common_dir.is_relative_to(git_dir)
    )


def _is_ours(repo: Repository, folder: Path) -> bool:
    git_dir = git_dir_of(folder)
    return git_dir is not None and git_dir.is_relative_to(repo.common_dir)


@contextmanager
def claim_place(repo: Repository, path: Path) -> Iterator[None]:
    """Have `path` to ourselves while git makes a worktree there. Raises Taken.

    git takes an empty folder: two `worktree add` at once both take the same one. The lock is
    on the git dir itself, so a killed process leaves no file, and held for some milliseconds.
    """
    fd = os.open(repo.common_dir, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        if (path / ".git").exists():
            raise Taken(f"{path} has become a worktree meanwhile", hint=_ELSEWHERE)
        yield
    finally:
        os.close(fd)


def sort_paths(repo: Repository, paths: list[Path], base: str) -> tuple[Path | None, list[str]]:
    """Paths that the base tracks narrow the search; one that it does not is the place.

    Raises BadInput for two places, and for one inside a tracked folder: more likely a slip.
    """
    if not paths:
        return None, []
    inside = {path: _inside(repo, path) for path in paths}
    with Reader(repo) as reader:
        tracked = {
            path: name
            for path, name in inside.items()
            if name is not None and reader.find(f"{base or 'HEAD'}:{name}") is not None
        }
        places = [path for path in paths if path not in tracked]
        for path in places:
            folder = (inside[path] or "").partition("/")[0]
            if folder and reader.find(f"{base or 'HEAD'}:{folder}") is not None:
                raise BadInput(
                    f"{inside[path]} is not in {base or 'HEAD'}, and no place for a worktree",
                    hint=f"see what there is: git ls-tree -r --name-only {base or 'HEAD'}",
                )
    if len(places) > 1:
        raise BadInput(
            f"a worktree has one place, not {len(places)}: {places[0]} and {places[1]}",
            hint="see: gitcoord start --help",
        )
    return (places[0] if places else None), list(tracked.values())


def _inside(repo: Repository, path: Path) -> str | None:
    """The path relative to the top of the worktree we stand in, None outside of it."""
    absolute = Path(os.path.normpath(path))
    if repo.top is None or not absolute.is_relative_to(repo.top):
        return None
    return str(absolute.relative_to(repo.top)) if absolute != repo.top else None
