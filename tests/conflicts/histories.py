"""Random histories, made as objects without a checkout: hundreds of sides in one process."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping

from gitcoord.git.objects import FILE, LINK, SUBMODULE, Batch, Entry, Reader, graft, signature
from gitcoord.git.repository import Repository

WHO = signature("Ada Tester", "ada@example.com", 1_700_000_000)
EXECUTABLE = "100755"
Files = Mapping[str, tuple[str, bytes]]


def lines(rng: random.Random, count: int = 12) -> bytes:
    return b"".join(b"line %d %d\n" % (number, rng.randrange(10**6)) for number in range(count))


def base_files(rng: random.Random) -> dict[str, tuple[str, bytes]]:
    """A few folders of a few files, some binary, some executable, one link."""
    files = {
        f"{folder}{name}": (FILE, lines(rng))
        for folder in ("", "src/", "src/deep/", "docs/", "lib/")
        for name in ("a.txt", "b.txt", "c.txt")
    }
    files["lib/run.sh"] = (EXECUTABLE, lines(rng))
    files["data.bin"] = (FILE, b"\0" + lines(rng))
    files["link"] = (LINK, b"src/a.txt")
    files["sub"] = (SUBMODULE, b"1" * 40)
    files["long.txt"] = (FILE, b"same\n" * 500 + lines(rng, 3) + b"same\n" * 500)
    files["windows.txt"] = (FILE, lines(rng).replace(b"\n", b"\r\n"))
    files[os.fsdecode(b"na\xefve\n.txt")] = (FILE, lines(rng))
    return files


def changed(rng: random.Random, files: Files) -> dict[str, tuple[str, bytes]]:
    """`files` after one to four random edits of every structural sort git knows."""
    now = dict(files)
    for _ in range(rng.randint(1, 4)):
        rng.choice(_EDITS)(rng, now)
    return now


def _edit(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    _edit_at(rng, now, rng.choice(sorted(now)))


def _edit_at(rng: random.Random, now: dict[str, tuple[str, bytes]], path: str) -> None:
    mode, content = now[path]
    if mode == SUBMODULE:
        now[path] = (mode, rng.choice([b"2", b"3", b"4"]) * 40)
        return
    rows = content.splitlines(keepends=True)
    at = rng.randrange(len(rows) + 1)
    rows[at : at + rng.randrange(3)] = [b"edit %d\n" % rng.randrange(4)] * rng.randrange(3)
    now[path] = (mode, b"".join(rows))


def _delete(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    if len(now) > 3:
        del now[rng.choice(sorted(now))]


def _add(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    folder = rng.choice(["", "src/", "src/deep/", "docs/", "new/", "lib/"])
    _put(now, f"{folder}n{rng.randrange(3)}.txt", (FILE, lines(rng, 4)))


def _rename(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    path = rng.choice(sorted(now))
    _put(now, rng.choice(["moved/", "src/", ""]) + f"r{rng.randrange(3)}.txt", now.pop(path))


def _rename_and_edit(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    path = rng.choice(sorted(now))
    to = rng.choice(["moved/", "src/", "docs/", ""]) + f"r{rng.randrange(3)}.txt"
    _put(now, to, now.pop(path))
    _edit_at(rng, now, to)


def _repeat(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    """Lines added or taken among equal ones: where a hunk is found depends on the algorithm."""
    path = rng.choice([one for one in now if now[one][0] == FILE])
    mode, content = now[path]
    rows = content.splitlines(keepends=True) or [b"same\n"]
    at = rng.randrange(len(rows))
    now[path] = (mode, b"".join([*rows[:at], *rows[at : at + 1] * rng.choice([0, 2, 3]),
                                 *rows[at + 1 :]]))  # fmt: skip


def _line_ends(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    path = rng.choice([one for one in now if now[one][0] == FILE])
    mode, content = now[path]
    windows = b"\r\n" in content
    now[path] = (mode, content.replace(*((b"\r\n", b"\n") if windows else (b"\n", b"\r\n"))))


def _rename_folder(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    old, new = rng.choice([("src/", "source/"), ("docs/", "src/docs/"), ("lib/", "vendor/")])
    for path in [one for one in now if one.startswith(old)]:
        _put(now, new + path.removeprefix(old), now.pop(path))


def _mode(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    path = rng.choice(sorted(now))
    if now[path][0] != SUBMODULE:
        now[path] = (rng.choice([FILE, EXECUTABLE, LINK]), now[path][1])


def _file_for_folder(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    folder = rng.choice(["src", "docs", "lib", "src/deep", "new"])
    _put(now, folder, (FILE, lines(rng, 3)))


def _folder_for_file(rng: random.Random, now: dict[str, tuple[str, bytes]]) -> None:
    path = rng.choice(sorted(now))
    _put(now, f"{path}/inside.txt", now.pop(path))


def _put(now: dict[str, tuple[str, bytes]], path: str, entry: tuple[str, bytes]) -> None:
    """A path cannot be a file and a folder at once: what is in the way goes."""
    for other in [one for one in now if one.startswith(f"{path}/") or path.startswith(f"{one}/")]:
        del now[other]
    now[path] = entry


_EDITS = [
    _edit, _edit, _edit, _delete, _add, _add, _rename, _rename_folder, _mode, _file_for_folder,
    _folder_for_file, _rename_and_edit, _repeat, _line_ends,
]  # fmt: skip


class History:
    """Commits made from dictionaries of files."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.batch = Batch(repo)

    def commit(self, files: Files, *parents: str) -> str:
        with Reader(self.repo) as reader:
            entries = {
                path: Entry(
                    mode, content.decode() if mode == SUBMODULE else self.batch.blob(content)
                )
                for path, (mode, content) in files.items()
            }
            tree = graft(self.batch, reader, None, entries)
        return self.batch.commit(tree, parents, "a commit", author=WHO)

    def write(self) -> None:
        self.batch.write()
