"""Two worktrees that conflict, made with plain git; and what of a repository can be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.calling import Said, gitcoord
from tests.conftest import Sandbox

Edit = Callable[[Path], None]

TEXT = "".join(f"line {number}\n" for number in range(1, 21))


@dataclass(frozen=True)
class Pair:
    """left and right: folders of two linked worktrees, and the names they go by."""

    sandbox: Sandbox
    left: Path
    right: Path

    def resolve(self, *words: str) -> Said:
        return gitcoord("resolve", *words, at=self.sandbox.path)

    def by(self, strategy: str, *words: str) -> Said:
        return self.resolve("left", "right", "--with", strategy, *words)

    def shown(self, path: str, name: str = "resolve/left+right") -> str:
        return self.sandbox.git("show", f"{name}:{path}")

    def records(self) -> Any:
        return self.resolve("--list", "--json").json

    def seen(self) -> dict[str, str]:
        """All that must stay as it is: refs, objects, index, stash, files."""
        git = self.sandbox.git
        found = {"refs": git("for-each-ref"), "objects": git("count-objects", "-v")}
        own = self.sandbox.path / ".git"
        for at in (self.sandbox.path, self.left, self.right):
            git_dir = own if at == self.sandbox.path else own / "worktrees" / at.name
            stat = (git_dir / "index").stat()
            found[f"index {at.name}"] = f"{stat.st_mtime_ns} {stat.st_size} {stat.st_ino}"
            found[f"head {at.name}"] = (git_dir / "HEAD").read_text()
            found[f"files {at.name}"] = str(
                sorted(
                    (str(file), file.stat().st_mtime_ns)
                    for file in at.rglob("*.*")
                    if ".git" not in file.parts
                )
            )
        found["worktrees"] = git("worktree", "list")
        return found


def make_pair(sandbox: Sandbox, left: Edit, right: Edit) -> Pair:
    """Worktrees `left` and `right` of branches of that name; each has one commit."""
    base = dict.fromkeys(("list.txt", "other.txt", "gone.txt", "data.bin", "run.sh"), TEXT)
    sandbox.commit("More files", {**base, "data.bin": b"\0" + TEXT.encode()})
    folders = []
    for name, edit in (("left", left), ("right", right)):
        folder = sandbox.path.parent / name
        sandbox.git("worktree", "add", "-q", "-b", name, str(folder))
        edit(folder)
        sandbox.git("add", "-A", at=folder)
        sandbox.git("commit", "-q", "-m", f"Work of {name}", at=folder)
        folders.append(folder)
    return Pair(sandbox, folders[0], folders[1])


def putting(path: str, content: str | bytes) -> Edit:
    """Writes a file."""

    def edit(folder: Path) -> None:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


def line(number: int, text: str, path: str = "list.txt") -> Edit:
    """Replaces one line, counted from 1."""

    def edit(folder: Path) -> None:
        rows = (folder / path).read_text().splitlines()
        rows[number - 1] = text
        (folder / path).write_text("\n".join(rows) + "\n")

    return edit


def removing(path: str) -> Edit:
    return lambda folder: (folder / path).unlink()


def renaming(path: str, to: str) -> Edit:
    def edit(folder: Path) -> None:
        (folder / to).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).rename(folder / to)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(folder: Path) -> None:
        for one in edits:
            one(folder)

    return edit


KINDS: dict[str, tuple[str, Edit, Edit]] = {
    "content": ("list.txt", line(5, "five of left"), line(5, "five of right")),
    "add/add": ("new.txt", putting("new.txt", "left\n"), putting("new.txt", "right\n")),
    "modify/delete": ("gone.txt", line(3, "three", "gone.txt"), removing("gone.txt")),
    "rename/delete": ("moved.txt", renaming("gone.txt", "moved.txt"), removing("gone.txt")),
    "binary": ("data.bin", putting("data.bin", b"\0left"), putting("data.bin", b"\0right")),
}  # fmt: skip
"""Kind -> its path, and what makes it on each side."""
