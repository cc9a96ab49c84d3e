"""What agents found, as files below `.agentcoord/<id>` on their branch, written and read back.

A finding is Markdown with TOML front matter between `+++` lines. Each commit of findings
also moves refs/agentcoord/findings/<id> to that folder's tree, in the same transaction, so
that they can be read when worktree and branch are gone.
"""

from __future__ import annotations

import os
import re
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from gitcoord.errors import Contended, NoSuch, Problem
from gitcoord.git.objects import FILE, FOLDER, Batch, Entry, Reader, graft
from gitcoord.git.refs import Change, change_refs, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.records import match_id
from gitcoord.redaction import redact
from gitcoord.worktrees.worktree import Worktree, view_worktrees

PREFIX = "refs/agentcoord/findings/"
_TRIES = 20
_FENCE = "+++\n"


@dataclass(frozen=True)
class Written:
    """A finding as it was committed. front: its front matter. body: the Markdown below."""

    worktree_id: str
    id: str
    front: Mapping[str, Any]
    body: str

    @property
    def role(self) -> str:
        return str(self.front.get("role", ""))

    @property
    def title(self) -> str:
        """On one line, whatever an agent wrote: a second one could pass for ours."""
        return " ".join(str(self.front.get("title", self.id)).split())

    @property
    def kind(self) -> str:
        return str(self.front.get("kind", ""))

    @property
    def confidence(self) -> float | None:
        value = self.front.get("confidence")
        return float(value) if isinstance(value, int | float) else None

    @property
    def evidence(self) -> Sequence[Mapping[str, Any]]:
        found = self.front.get("evidence", [])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def render(front: Mapping[str, Any], body: str) -> bytes:
    """A finding's file. The front matter must fit TOML: no None."""
    text = f"{_FENCE}{tomli_w.dumps(dict(front))}{_FENCE}\n{body.strip()}\n"
    return text.encode("utf-8", "surrogateescape")


def parse(worktree_id: str, name: str, content: bytes) -> Written:
    """Read a finding back; one without usable front matter is all body, since agents err."""
    text = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    front: dict[str, Any] = {}
    found = re.match(r"\+\+\+\n(.*?)\n?\+\+\+\n(.*)\Z", text, re.DOTALL)
    if found:
        try:
            front, text = tomllib.loads(found.group(1)), found.group(2)
        except tomllib.TOMLDecodeError:
            front = {}
    return Written(worktree_id, name.removesuffix(".md"), front, text.strip())


def commit_files(
    repo: Repository, worktree: Worktree, files: Mapping[str, bytes], message: str, *, author: str
) -> str:
    """Commit `files` (names below the worktree's folder) on its branch, and only these.

    On disk and in the index they are written too, so that the worktree stays as clean as it
    was; anything else staged or changed there is not touched. Secrets in text are replaced.
    Returns the commit. Raises Contended when the branch keeps moving.
    """
    if worktree.branch is None:
        raise Problem(
            f"{worktree.id} is on no branch, so nothing can be committed there",
            hint=f"git -C '{worktree.path}' switch {worktree.record.body.get('branch', '')}",
        )
    paths = {f"{worktree.folder}/{name}": _masked(content) for name, content in files.items()}
    batch = Batch(repo)
    entries = {path: Entry(FILE, batch.blob(content)) for path, content in paths.items()}
    batch.write()
    _write_to_worktree(repo, worktree, paths, entries)
    for _ in range(_TRIES):
        try:
            return _commit_entries(repo, worktree, entries, redact(message), author)
        except Contended:
            time.sleep(0.01)
    raise Contended(
        f"the branch of {worktree.id} keeps moving", hint=f"gitcoord show {worktree.id}"
    )


def put_back(repo: Repository, worktree: Worktree, *, author: str) -> str:
    """Bring back, as a commit, the folder that its branch has lost: a review lands without it, so
    merging the target into the branch takes it away. "" where nothing is missing; what is on disk
    stays as it is. Raises what `commit_files` raises."""
    with Reader(repo) as reader:
        if reader.find(f"refs/heads/{worktree.branch}:{worktree.folder}") is not None:
            return ""
        kept = reader.find(PREFIX + worktree.id)
        files = dict(_files_below(reader, kept[0])) if kept else {}
    folder = worktree.path / worktree.folder
    lost = {name: one for name, one in files.items() if not os.path.lexists(folder / name)}
    said = "Bring back what was found: it landed without it"
    return commit_files(repo, worktree, lost, said, author=author) if lost else ""


def _files_below(reader: Reader, tree: str) -> Iterator[tuple[str, bytes]]:
    for name, entry in reader.tree(tree).items():
        if entry.mode == FOLDER:
            for path, content in _files_below(reader, entry.id):
                yield f"{os.fsdecode(name)}/{path}", content
        elif entry.mode == FILE:
            yield os.fsdecode(name), reader.read(entry.id)[2]


def list_findings(repo: Repository, worktree_id: str, branch: str | None = None) -> list[Written]:
    """The findings of a worktree, by name; also of one that is gone."""
    names = [f"refs/heads/{branch or worktree_id}:.agentcoord/{worktree_id}", PREFIX + worktree_id]
    with Reader(repo) as reader:
        for name in names:
            found = reader.find(name)
            if found is not None and found[1] == "tree":
                return list(_read_findings(reader, worktree_id, reader.tree(found[0])))
    return []


def find_holder(repo: Repository, part: str) -> tuple[str, str | None]:
    """The id that `part` means among worktrees and those that left findings, and its branch
    while the worktree is there. Raises NoSuch."""
    live = {one.id: one for one in view_worktrees(repo).mine}
    kept = read_refs(repo, PREFIX.rstrip("/"))
    chosen = match_id(part, {*live, *(ref.removeprefix(PREFIX) for ref in kept)})
    return chosen, live[chosen].branch if chosen in live else None


def list_all_findings(repo: Repository) -> list[Written]:
    """The findings of every worktree there ever was here."""
    with Reader(repo) as reader:
        return [
            one
            for ref, tree in read_refs(repo, PREFIX.rstrip("/")).items()
            for one in _read_findings(reader, ref.removeprefix(PREFIX), reader.tree(tree))
        ]


def read_report(repo: Repository, worktree_id: str, branch: str | None = None) -> str:
    """report.md or plan.md of a worktree, also of one that is gone. Raises NoSuch."""
    folders = [
        f"refs/heads/{branch or worktree_id}:.agentcoord/{worktree_id}/",
        f"{PREFIX}{worktree_id}:",
    ]
    names = [folder + name for folder in folders for name in ("report.md", "plan.md")]
    with Reader(repo) as reader:
        found = next((one for one in reader.find_all(names) if one is not None), None)
    if found is None:
        raise NoSuch(
            f"{worktree_id} has no report",
            hint=f"go on with its run: gitcoord resume {worktree_id}",
        )
    return found[2].decode("utf-8", "replace")


def _read_findings(
    reader: Reader, worktree_id: str, top: Mapping[bytes, Entry]
) -> Iterator[Written]:
    folder = top.get(b"findings")
    if folder is None or folder.mode != FOLDER:
        return
    entries = {name: one for name, one in reader.tree(folder.id).items() if name.endswith(b".md")}
    bodies = reader.find_all(entry.id for entry in entries.values())
    for name, found in zip(entries, list(bodies), strict=True):
        if found is not None:
            yield parse(worktree_id, os.fsdecode(name), found[2])


def _masked(content: bytes) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    masked = redact(text)
    return content if masked == text else masked.encode("utf-8", "surrogateescape")


def _write_to_worktree(
    repo: Repository, worktree: Worktree, paths: Mapping[str, bytes], entries: Mapping[str, Entry]
) -> None:
    for path, content in paths.items():
        target = _confined(worktree.path, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    lines = "".join(f"{entry.mode} {entry.id} 0\t{path}\0" for path, entry in entries.items())
    argv = ("update-index", "--add", "-z", "--index-info")
    for left in reversed(range(_TRIES)):
        try:
            repo.run(*argv, input=os.fsencode(lines), at=worktree.path)
            return
        except Problem:  # the agent's own git holds index.lock for a moment
            if not left:
                raise
            time.sleep(0.05)


def _confined(top: Path, path: str) -> Path:
    """A symbolic link that an agent put in the way must not lead our writing elsewhere."""
    target = top / path
    if not target.parent.resolve().is_relative_to(top.resolve()) or target.is_symlink():
        raise Problem(
            f"{target} leads out of its worktree", hint=f"look at it: ls -l '{target.parent}'"
        )
    return target


def _commit_entries(
    repo: Repository, worktree: Worktree, entries: Mapping[str, Entry], message: str, author: str
) -> str:
    branch = f"refs/heads/{worktree.branch}"
    tip = find_ref(repo, branch)
    if tip is None:
        raise NoSuch(f"{worktree.branch} does not exist any more", hint="see: gitcoord doctor")
    batch = Batch(repo)
    with Reader(repo) as reader:
        tree = reader.read(f"{tip}^{{tree}}")[0]
        grown = graft(batch, reader, tree, entries)
        kept = reader.find(f"{tip}:{worktree.folder}")
        below = {path.removeprefix(f"{worktree.folder}/"): one for path, one in entries.items()}
        folder = graft(batch, reader, kept[0] if kept else None, below)
    commit = batch.commit(grown, [tip], message, author=author)
    batch.write()
    archive = PREFIX + worktree.id
    changes = [Change(branch, tip, commit)]
    old = find_ref(repo, archive)
    changes += [Change(archive, old, folder)] if old != folder else []
    change_refs(repo, changes, reason="findings")
    return commit
