"""Where a new worktree grows from, and how old that is.

Offline: what is known of a remote is what the last fetch left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitcoord.errors import BadInput, GitFailed, NoSuch
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import branch_before, find_operation

_USUAL = ("refs/heads/main", "refs/heads/master", "refs/heads/trunk")
_KINDS = ("refs/heads/", "refs/tags/", "refs/remotes/")


@dataclass(frozen=True)
class Base:
    """name: as the user knows it. ref: full name, "" for a bare commit. id: the commit.

    upstream: what it is compared with, "" when nothing is known. behind: commits there that
    the base lacks.
    """

    name: str
    ref: str
    id: str
    upstream: str = ""
    behind: int = 0

    def __str__(self) -> str:
        age = f", {self.behind} behind {self.upstream}" if self.upstream else ""
        return f"{self.name} ({self.id[:9]}{age})"


def resolve_base(repo: Repository, name: str = "") -> Base:
    """The commit a new worktree starts from: `name`, or what is checked out here.

    Raises NoSuch for a name that is none, BadInput for one that is two or in a repository
    without commits.
    """
    wanted = name or "HEAD"
    found = _look_up(repo, wanted)
    if found is None:
        raise _no_base(repo, name)
    commit, ref = found
    short = _short(ref) or wanted
    namesakes = [kind + short for kind in _KINDS]
    guesses = _guesses(repo, ref)
    there = read_refs(repo, *namesakes, *guesses)
    if not ref:
        _check_one(wanted, [one for one in namesakes if one in there])
    shown = "a detached HEAD" if not ref and wanted == "HEAD" else short
    # A local branch called origin/x hides the remote's: then say which one it is.
    if ref in there and len(there.keys() & set(namesakes)) > 1:
        shown = ref
    upstream = _first(guesses, there, ref)
    behind = _count(repo, commit, upstream) if upstream else None
    if behind is None:
        return Base(shown, ref, commit)
    return Base(shown, ref, commit, upstream.removeprefix("refs/remotes/"), behind)


def check_on_branch(repo: Repository, base: Base) -> None:
    """Raise BadInput when `base` is what is checked out here, and that is no branch.

    In a rebase or a bisect it is a commit nobody chose to build on.
    """
    if base.ref:
        return
    operation = find_operation(repo.git_dir)
    if operation:
        raise BadInput(
            f"this worktree is in the middle of a {operation}",
            hint="end it, or name where to start from: "
            f"gitcoord start --from {branch_before(repo.git_dir) or 'BRANCH'} …",
        )
    raise BadInput(
        f"HEAD is detached at {base.id[:9]}, on no branch",
        hint="if it is what you want to start from, say so: gitcoord start --from HEAD …",
    )


def _look_up(repo: Repository, name: str) -> tuple[str, str] | None:
    """(commit, full ref name) of `name`; "" for an id, a detached HEAD, HEAD~2, or two refs."""
    if name.startswith(("-", "^")) or "\0" in name:
        return None
    asked = repo.run(
        "rev-parse", "--quiet", f"{name}^{{commit}}", "--symbolic-full-name", name, ok=(0, 128)
    )
    match asked.lines():
        case [commit] if asked.code == 0:
            return commit, ""
        case [commit, ref] if asked.code == 0:
            return commit, ref if ref.startswith("refs/") else ""
    return None


def _short(ref: str) -> str:
    kind = next((kind for kind in _KINDS if ref.startswith(kind)), "")
    return ref.removeprefix(kind)


def _check_one(name: str, namesakes: list[str]) -> None:
    """git would take the tag, with a warning that few read."""
    if len(namesakes) > 1:
        raise BadInput(
            f"{name!r} means {len(namesakes)} things here: {', '.join(namesakes)}",
            hint=f"say which: gitcoord start --from {namesakes[0]} …",
        )


def _guesses(repo: Repository, ref: str) -> list[str]:
    """What a base could be behind, the best guess first: the remote branch a local one follows,
    else a remote's branch of that name, else a remote's default."""
    name = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""
    remote, merge = repo.setting(f"branch.{name}.remote"), repo.setting(f"branch.{name}.merge")
    follows = f"refs/remotes/{remote}/{merge.removeprefix('refs/heads/')}"
    guesses = [follows] if remote and merge and remote != "." else []
    named = [key[7:-4] for key in repo.settings if key.startswith("remote.") and key[-4:] == ".url"]
    remotes = dict.fromkeys(["origin", *named])
    guesses += [f"refs/remotes/{one}/{name}" for one in remotes if name]
    defaults = ("HEAD", "main", "master", "trunk")
    return guesses + [f"refs/remotes/{one}/{default}" for one in remotes for default in defaults]


def _first(guesses: Sequence[str], there: Mapping[str, str], ref: str) -> str:
    """The first guess that is there; a remote's HEAD by the name of the branch it stands for."""
    found = next((one for one in guesses if one in there and one != ref), "")
    if not found.endswith("/HEAD"):
        return found
    same = (one for one in guesses if there.get(one) == there[found] and one[-5:] != "/HEAD")
    name = next(same, found)
    return name if name != ref else ""


def _count(repo: Repository, commit: str, upstream: str) -> int | None:
    try:
        return int(repo.run("rev-list", "--count", f"{commit}..{upstream}", "--").text)
    except GitFailed:  # a shallow or broken remote: unknown, not an obstacle
        return None


def _no_base(repo: Repository, name: str) -> NoSuch | BadInput:
    remote = [_short(ref) for ref in read_refs(repo, "refs/remotes") if ref.endswith(f"/{name}")]
    if name and remote:
        return NoSuch(
            f"there is no branch {name!r} here, but there is {' and '.join(remote[:4])}",
            hint=f"start from that: gitcoord start --from {remote[0]} …",
        )
    if name and name != "HEAD":
        return NoSuch(
            f"{name!r} is no commit, branch or tag in this repository",
            hint="see what there is: git branch --all && git tag",
        )
    branches = sorted(read_refs(repo, "refs/heads"), key=lambda ref: ref not in _USUAL)
    if branches:
        return BadInput(
            "the branch checked out here has no commits yet",
            hint=f"name one that has: gitcoord start --from {_short(branches[0])} …",
        )
    return BadInput(
        "this repository has no commits yet, so there is nothing to start from",
        hint="make the first one: git add -A && git commit -m 'Start'",
    )
