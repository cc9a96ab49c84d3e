"""Where a new worktree grows from, and how old that is.

Offline: what is known of a remote is what the last fetch left.
"""

from __future__ import annotations

from dataclasses import dataclass

from gitcoord.errors import BadInput, GitFailed, NoSuch
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository


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

    Raises NoSuch for a name that is none, BadInput in a repository without commits.
    """
    wanted = name or "HEAD"
    commit = repo.find_commit(wanted)
    if commit is None:
        raise _no_base(repo, name)
    ref = _full_name(repo, wanted)
    shown = _shown(repo, wanted, ref)
    upstream = _upstream(repo, ref)
    behind = _count(repo, commit, upstream) if upstream else None
    if behind is None:
        return Base(shown, ref, commit)
    return Base(shown, ref, commit, upstream.removeprefix("refs/remotes/"), behind)


def _full_name(repo: Repository, name: str) -> str:
    """`refs/heads/main` for main or for a HEAD on it, "" for an id, a detached HEAD, HEAD~2."""
    asked = repo.run(
        "rev-parse", "--symbolic-full-name", "--verify", "--quiet", "--end-of-options", name,
        ok=(0, 1, 128),
    ).text  # fmt: skip
    # git prints the option itself back in some versions, and HEAD for a detached one.
    lines = [line for line in asked.split("\n") if line.startswith("refs/")]
    return lines[0] if lines else ""


def _shown(repo: Repository, wanted: str, ref: str) -> str:
    for prefix in ("refs/heads/", "refs/remotes/", "refs/tags/"):
        if ref.startswith(prefix):
            short = ref.removeprefix(prefix)
            # A local branch called origin/x hides the remote's: then say which one it is.
            hides = prefix == "refs/heads/" and read_refs(repo, f"refs/remotes/{short}")
            return ref if hides else short
    return "a detached HEAD" if wanted == "HEAD" else wanted


def _upstream(repo: Repository, ref: str) -> str:
    """The remote branch a local one follows, else the remote's branch of that name or default."""
    name = ref.removeprefix("refs/heads/")
    remote, merge = repo.setting(f"branch.{name}.remote"), repo.setting(f"branch.{name}.merge")
    configured = f"refs/remotes/{remote}/{merge.removeprefix('refs/heads/')}"
    guesses = [configured] if remote and merge and remote != "." else []
    guesses += [f"refs/remotes/origin/{name}"] if ref.startswith("refs/heads/") else []
    guesses += [
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/main",
        "refs/remotes/origin/master",
    ]
    there = read_refs(repo, *guesses)
    return next((guess for guess in guesses if guess in there and guess != ref), "")


def _count(repo: Repository, commit: str, upstream: str) -> int | None:
    try:
        return int(repo.run("rev-list", "--count", f"{commit}..{upstream}", "--").text)
    except GitFailed:  # a shallow or broken remote: unknown, not an obstacle
        return None


def _no_base(repo: Repository, name: str) -> NoSuch | BadInput:
    remote = (
        [ref for ref in read_refs(repo, "refs/remotes") if ref.endswith(f"/{name}")] if name else []
    )
    if remote:
        short = remote[0].removeprefix("refs/remotes/")
        return NoSuch(
            f"there is no branch {name!r} here, but there is {short}",
            hint=f"start from that: --from {short}",
        )
    if name and name != "HEAD":
        return NoSuch(
            f"{name!r} is no commit, branch or tag in this repository",
            hint="see what there is: git branch --all && git tag",
        )
    if read_refs(repo, "refs/heads"):
        return BadInput(
            "the branch checked out here has no commits yet",
            hint="name one that has: --from BRANCH (see: git branch)",
        )
    return BadInput(
        "this repository has no commits yet, so there is nothing to start from",
        hint="make the first one: git add -A && git commit -m 'Start'",
    )
