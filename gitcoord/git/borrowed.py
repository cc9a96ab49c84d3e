"""The git dir of a repository that borrows another's objects and answers like it.

Promises: nothing is copied but names: objects are read through `objects/info/alternates`,
the configuration through `include.path`, so no credential leaves the user's `.git`. Sparse
patterns, attributes, excludes and the edge of a shallow clone come along.
Refuses: the user's hooks, stash, `refs/worktree` and `refs/bisect`, and our own records.
"""

from __future__ import annotations

import os
from contextlib import suppress

from gitcoord.git.repository import Repository

_OVERRIDES = """[core]
\tbare = false
\tworktree = "../{name}"
\thooksPath = /dev/null
\tfsmonitor = false
\tuntrackedCache = false
\tsplitIndex = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
# Refs that mean something in the user's worktree only, and our own records.
_NOT_COPIED = ("refs/agentcoord/", "refs/bisect/", "refs/worktree/", "refs/rewritten/")


def lay_out(repo: Repository) -> dict[str, bytes]:
    """Path in the git dir -> content. The worktree is `../<folder_name>` beside it."""
    files = {
        "HEAD": b"ref: refs/scratch/none\n",
        "config": _config(repo),
        "objects/info/alternates": b"".join(
            _alternate(os.fsencode(folder)) + b"\n" for folder in _object_folders(repo)
        ),
        "packed-refs": _refs(repo),
    }
    borrowed = {
        "shallow": repo.common_dir,
        "info/attributes": repo.common_dir,
        "info/exclude": repo.common_dir,
        "info/sparse-checkout": repo.git_dir,
    }
    for name, folder in borrowed.items():
        with suppress(FileNotFoundError):
            files[name] = (folder / name).read_bytes()
    return files


def _object_folders(repo: Repository) -> list[str]:
    """Where the objects are: seen from a quarantine, in two places."""
    aside = dict(repo.overlay).get("GIT_OBJECT_DIRECTORY")
    return [str(repo.common_dir / "objects"), *([aside] if aside else [])]


def _config(repo: Repository) -> bytes:
    """The user's configuration by reference: credentials in it are not copied anywhere."""
    sha256 = repo.object_format == "sha256"
    head = "[core]\n\trepositoryformatversion = " + ("1\n" if sha256 else "0\n")
    head += "[extensions]\n\tobjectFormat = sha256\n" if sha256 else ""
    paths = (repo.common_dir / "config", repo.git_dir / "config.worktree")
    includes = b"".join(b"[include]\n\tpath = " + _quoted(os.fsencode(path)) for path in paths)
    return head.encode() + includes + os.fsencode(_OVERRIDES.format(name=folder_name(repo)))


def _quoted(value: bytes) -> bytes:
    """A value as git-config(1), "Syntax", reads it back."""
    plain = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + plain + b'"\n'


def _alternate(path: bytes) -> bytes:
    """A line of `objects/info/alternates`. Only what needs it is quoted: git-lfs reads the
    file too and knows no quotes."""
    if not path.startswith((b'"', b"#")) and b"\n" not in path:
        return path
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'


def _refs(repo: Repository) -> bytes:
    """The names of all commits as a packed-refs file."""
    listed = repo.run("for-each-ref", "--format=%(objectname) %(refname)").out
    hidden = tuple(os.fsencode(prefix) for prefix in _NOT_COPIED)
    lines = [
        line
        for line in listed.splitlines(keepends=True)
        if not line.partition(b" ")[2].startswith(hidden) and not line.endswith(b" refs/stash\n")
    ]
    return b"# pack-refs with: sorted \n" + b"".join(lines)


def folder_name(repo: Repository) -> str:
    """The name of the repository's own folder, also when seen from a linked worktree."""
    folder = repo.common_dir
    own = folder.parent.name if folder.name == ".git" else folder.name.removesuffix(".git")
    plain = "".join(char for char in own if char.isalnum() or char in "._- +@")
    return plain if plain.strip(". ") and plain not in ("git", "index") else "scratch"
