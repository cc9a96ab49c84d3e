"""Refs taken from and given to a remote of the user's, with the user's own credentials.

Promises: only the refs named travel, no tags and no submodules with them; a ref there is
changed only from the value it was seen to have, all of them or none where the other side can.
git and ssh ask nothing. The user's hooks do not run: what travels is no branch.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from gitcoord.errors import BadInput, GitFailed, GitTimedOut, NoSuch, Problem
from gitcoord.git.refs import Change
from gitcoord.git.remote import shown
from gitcoord.git.repository import Repository
from gitcoord.git.run import Output

_SECONDS = 600.0
# One command line: at most 131,072 bytes an argument, and 2 MB in all on Linux.
_AT_ONCE = 500


def list_remotes(repo: Repository) -> list[str]:
    """Names of the remotes that have a URL, sorted."""
    keys = (key for key in repo.settings if key.startswith("remote.") and key.endswith(".url"))
    return sorted(key.removeprefix("remote.").removesuffix(".url") for key in keys)


def find_remote(repo: Repository, name: str = "") -> str:
    """The remote of that name; "" is origin, or else the only one. Raises NoSuch, BadInput."""
    known = list_remotes(repo)
    if name in known:
        return name
    listed = ", ".join(known) or "none"
    if name:
        raise NoSuch(f"there is no remote {name[:60]!r} (there are: {listed})", hint="git remote")
    if "origin" in known or len(known) == 1:
        return "origin" if "origin" in known else known[0]
    raise BadInput(
        f"which remote? there are: {listed}", hint="name one: gitcoord review sync REMOTE"
    )


def fetch_refs(repo: Repository, remote: str, wanted: Sequence[tuple[str, str]]) -> None:
    """Make refs here mirror those there. wanted: (prefix there, prefix here), each ending in `/`.

    What is gone there goes here. Raises Problem when git cannot fetch.
    """
    specs = [f"+{there}*:{here}*" for there, here in wanted]
    try:
        _run(
            repo, "fetch", "--quiet", "--no-tags", "--prune", "--no-recurse-submodules",
            "--no-auto-maintenance", "--no-write-fetch-head", "--", remote, *specs,
        )  # fmt: skip
    except GitTimedOut:
        raise
    except GitFailed as failure:
        raise _unreachable(repo, remote, "fetch from", failure) from None


def push_refs(
    repo: Repository, remote: str, changes: Sequence[Change], *, atomic: bool = True
) -> str:
    """Change refs there, each from its `old`. "" when done, else what git said, for people.

    A refusal may be a lost race: who asked fetches again to see. Raises GitTimedOut.
    """
    for first in range(0, len(changes), _AT_ONCE):
        some = changes[first : first + _AT_ONCE]
        leases = [f"--force-with-lease={one.ref}:{one.old or ''}" for one in some]
        specs = [f"{one.new or ''}:{one.ref}" for one in some]
        together = ["--atomic"] if atomic else []
        said = _run(
            repo, "push", "--quiet", "--porcelain", "--no-verify", "--no-follow-tags",
            "--no-signed", "--recurse-submodules=no", *together, *leases, "--", remote, *specs,
            ok=(0, 1, 128),
        )  # fmt: skip
        if said.code:
            return _words(said) or f"exit code {said.code}"
    return ""


def refused(repo: Repository, remote: str, words: str) -> Problem:
    """What to say when the other side takes nothing, though nothing moved there.

    words: what git said.
    """
    url = shown(repo.setting(f"remote.{remote}.url"))
    return Problem(
        f"{remote} ({url}) does not take the refs of reviews, or not from you: {words}",
        hint="refs/agentcoord/* has to be allowed there; then: gitcoord review sync",
    )


def _words(said: Output) -> str:
    lines = shown(os.fsdecode(said.err)).splitlines()
    told = [line for line in lines if line.strip() and not line.startswith("hint:")]
    return "".join(char if char.isprintable() else "?" for char in "; ".join(told[:3]))[:400]


def _run(repo: Repository, *argv: str, ok: Sequence[int] = (0,)) -> Output:
    ssh = repo.setting("core.sshcommand", "ssh")
    env = {"GIT_SSH_COMMAND": f"{ssh} -o BatchMode=yes"}
    return repo.run(*argv, ok=ok, env=env, timeout=_SECONDS)


def _unreachable(repo: Repository, remote: str, verb: str, failure: GitFailed) -> Problem:
    said = shown(failure.stderr.strip()) or f"exit code {failure.code}"
    url = shown(repo.setting(f"remote.{remote}.url"))
    return Problem(
        f"git cannot {verb} {remote} ({url}): {said}",
        hint=f"see if it answers: git ls-remote {shlex.quote(remote)}",
    )
