"""The text files of one commit, read without a checkout; shared by all analysers.

    corpus = read_corpus(repo, "HEAD")
    corpus.paths                     every path that may hold text, sorted
    for path, content in corpus.texts(): …        bytes, binary files left out
    corpus.read("src/auth.py")       bytes, or None
    corpus.text("src/auth.py")       str, or ""

Promises: two git processes for any number of files, any commit-ish of any kind of
repository. Contents stay bytes: a file may be in any encoding, and bytes cost one byte
each. A corpus does not change once read, so threads may share it.
Refuses: symlinks, submodules and files over MAX_FILE (they are in `skipped`, with their
size), and to hold more than KEEP bytes: what is beyond is read again when it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.git.objects import EXECUTABLE, FILE, Reader
from gitcoord.git.repository import Repository

MAX_FILE = 1 << 20
KEEP = 96 << 20
# As far as git itself looks for a NUL before it calls a file binary (buffer_is_binary).
_HEAD = 8000


class Blob(NamedTuple):
    """A file's content at the commit: object id and size in bytes."""

    id: str
    size: int


@dataclass(frozen=True)
class Corpus:
    """blobs: path -> Blob of every regular file that is not too large, text or not.
    kept: contents by object id. skipped: path -> size of the files over MAX_FILE."""

    repo: Repository
    commit: str
    blobs: Mapping[str, Blob]
    kept: Mapping[str, bytes]
    skipped: Mapping[str, int]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self.blobs)

    def texts(self, paths: Iterable[str] | None = None) -> Iterator[tuple[str, bytes]]:
        """(path, content) of the text files, kept ones first; of `paths` only, if given."""
        wanted = self.blobs if paths is None else [path for path in paths if path in self.blobs]
        away = []
        for path in wanted:
            content = self.kept.get(self.blobs[path].id)
            if content is None:
                away.append(path)
            elif not is_binary(content):
                yield path, content
        if away:
            yield from self._read_again(away)

    def read(self, path: str) -> bytes | None:
        """The content of one text file, None where there is no such file or it is binary."""
        return next((content for _, content in self.texts([path])), None)

    def text(self, path: str) -> str:
        """The same as str: UTF-8, other bytes as surrogates. Empty where `read` is None."""
        return (self.read(path) or b"").decode("utf-8", "surrogateescape")

    def _read_again(self, paths: list[str]) -> Iterator[tuple[str, bytes]]:
        with Reader(self.repo) as reader:
            found = reader.find_all(self.blobs[path].id for path in paths)
            for path, answer in zip(paths, found, strict=True):
                if answer is not None and not is_binary(answer[2]):
                    yield path, answer[2]


def read_corpus(
    repo: Repository,
    at: str = "HEAD",
    *,
    only: Sequence[str] | None = None,
    cache: MutableMapping[str, bytes] | None = None,
) -> Corpus:
    """The corpus at the commit that `at` means. Raises NoSuch.

    only: the paths whose contents are read at once; by default all, as far as KEEP goes.
    cache: contents by object id from earlier calls, added to; then KEEP does not apply.
    """
    commit = repo.commit(at)
    blobs, skipped = _list_blobs(repo, commit)
    kept: MutableMapping[str, bytes] = {} if cache is None else cache
    if only is not None:
        chosen = [blobs[path] for path in only if path in blobs]
    else:
        chosen = _fitting(blobs) if cache is None else list(blobs.values())
    wanted = [oid for oid in dict.fromkeys(blob.id for blob in chosen) if oid not in kept]
    if wanted:
        with Reader(repo) as reader:
            for oid, answer in zip(wanted, reader.find_all(wanted), strict=True):
                # A blob can be absent in a partial clone: it is then a file without text.
                content = answer[2] if answer else b""
                kept[oid] = content[:_HEAD] if is_binary(content) else content
    return Corpus(repo, commit, blobs, kept, skipped)


def is_binary(content: bytes) -> bool:
    """git's own rule: a NUL within the first 8,000 bytes."""
    return b"\0" in content[:_HEAD]


def _list_blobs(repo: Repository, commit: str) -> tuple[dict[str, Blob], dict[str, int]]:
    blobs, skipped = {}, {}
    for line in repo.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit).out.split(b"\0"):
        head, _, name = line.partition(b"\t")
        mode, _, rest = head.decode().partition(" ")
        if mode not in (FILE, EXECUTABLE):
            continue
        _, oid, size = rest.split()
        if size.isdigit() and int(size) <= MAX_FILE:
            blobs[os.fsdecode(name)] = Blob(oid, int(size))
        else:
            skipped[os.fsdecode(name)] = int(size) if size.isdigit() else -1
    return blobs, skipped


def _fitting(blobs: Mapping[str, Blob]) -> list[Blob]:
    """Source before the rest and small files before large ones, until KEEP is full."""
    if sum(blob.size for blob in blobs.values()) <= KEEP:
        return list(blobs.values())
    fitting = []
    total = 0
    order = sorted(blobs, key=lambda path: (kind_of(path) is not Kind.SOURCE, blobs[path].size))
    for path in order:
        total += blobs[path].size
        if total > KEEP:
            break
        fitting.append(blobs[path])
    return fitting
