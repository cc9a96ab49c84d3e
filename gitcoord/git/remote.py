"""Another's repository, looked at and thrown away.

Promises: it is fetched into a bare repository in a temporary folder, so nothing of it is
checked out: no filter, link, attribute, submodule or hook of it comes to life. git and ssh ask
nothing, and speak only protocols that start no program of the repository's choice.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitcoord.errors import BadInput, GitFailed, GitTimedOut, NoSuch, Problem
from gitcoord.git.repository import Repository
from gitcoord.git.run import run

_PROTOCOLS = {"GIT_ALLOW_PROTOCOL": "https:http:ssh:git:file"}
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")
_HERE = "refs/gitcoord/wanted"
_SECONDS = 600.0


@contextmanager
def remote(url: str, name: str = "") -> Iterator[tuple[Repository, str]]:
    """A bare repository that holds one commit of `url`, and the commit's id; gone afterwards.

    name: a branch, tag or commit; "" is the default branch. Raises BadInput on a name or URL
    that cannot be one, NoSuch when there is no such commit, Problem when git cannot fetch.
    """
    if name and (not _NAME.fullmatch(name) or ".." in name):
        raise BadInput(f"{name[:60]!r} is no commit, branch or tag", hint=_list(url))
    if url.startswith("-") or not url.isprintable():
        raise BadInput(f"{url[:60]!r} is no URL", hint="git ls-remote URL")
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        run("init", "--quiet", "--bare", "--template=", "git", cwd=folder)
        repo = Repository.find(Path(folder) / "git")
        yield repo, _fetched(repo, url, name)


def _fetched(repo: Repository, url: str, name: str) -> str:
    """The newest state alone where the server gives it, else all, for a shortened id."""
    whole_id = bool(_ID.fullmatch(name))
    try:
        _fetch(repo, url, "--depth=1", f"+{name or 'HEAD'}:{_HERE}")
        return repo.commit(_HERE)
    except GitTimedOut:
        raise
    except GitFailed as failure:
        if not name:
            raise _unreachable(url, failure) from None
    try:
        _fetch(repo, url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    except GitFailed as failure:
        raise _unreachable(url, failure) from None
    found = repo.find_commit(name)
    if found is None:
        what = "commit" if whole_id else "branch, tag or commit"
        raise NoSuch(f"there is no {what} {name!r} in {shown(url)}", hint=_list(url))
    return found


def shown(url: str) -> str:
    """A URL without who asks: a name, password or token in it stays here."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


def _fetch(repo: Repository, url: str, *argv: str) -> None:
    options = [one for one in argv if one.startswith("--")]
    refs = [one for one in argv if not one.startswith("--")]
    ssh = repo.setting("core.sshcommand", "ssh")
    repo.run(
        "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-maintenance",
        "--no-write-fetch-head", *options, "--", url, *refs, timeout=_SECONDS,
        env={**_PROTOCOLS, "GIT_SSH_COMMAND": f"{ssh} -o BatchMode=yes"},
    )  # fmt: skip


def _unreachable(url: str, failure: GitFailed) -> Problem:
    said = shown(failure.stderr.strip()) or f"exit code {failure.code}"
    return Problem(f"git cannot fetch {shown(url)}: {said}", hint=_list(url))


def _list(url: str) -> str:
    return f"see what is there: git ls-remote {shlex.quote(shown(url))}"
