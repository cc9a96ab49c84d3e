"""The tree grafted from what status lists is the one git writes from a copied index."""

from __future__ import annotations

import os
import random
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gitcoord.conflicts.grafting import Grafter
from gitcoord.conflicts.sample import Subject, _by_index, _commit_of, _with_uncommitted
from gitcoord.git.objects import Batch
from gitcoord.git.quarantine import put_objects, quarantine
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import list_worktrees
from tests.conftest import Sandbox

NAMES = [
    "a",
    "b",
    "dir/a",
    "dir/b",
    "dir/deep/c",
    "dir/deep/d",
    "z.txt",
    "lib/e",
    "dir.x",
    "dir0/y",
    "with space",
    os.fsdecode(b"by\xfftes"),
    "-dash",
    'quo"te',
    "new\nline",
    "tab\t",
    "link",
]


class Telling(Grafter):
    """Keeps what it was asked last: "" before, None where git had to be asked."""

    last: str | None = ""

    def tree(self, *words: Any) -> str | None:
        self.last = super().tree(*words)
        return self.last


def trees(sandbox: Sandbox) -> tuple[list[str], int]:
    """Of each worktree: its tree, compared with that of git's own hands; how many were grafted."""
    repo = Repository.find(sandbox.path)
    home = repo.seen_from(repo.common_dir)
    listed = list_worktrees(home)
    around = [one.path for one in listed]
    grafted, made = 0, []
    with quarantine(home) as aside:
        batch = Batch(aside)
        with Telling(aside, batch) as grafter:
            for linked in listed:
                seen = _commit_of(Subject(linked.path.name, "", linked))
                grafter.last = ""
                said = _with_uncommitted(grafter, seen, linked.path, around)
                grafted += bool(grafter.last)
                assert said == _by_index(aside, seen, linked.path, around), grafter.last
                made.append(said[1])
        put_objects(aside, batch)
        for tree in filter(None, made):
            aside.run("ls-tree", "-r", "-t", "-l", tree)
    return made, grafted


def change(rng: random.Random, at: Path, sandbox: Sandbox) -> None:
    """One thing that happens to one path, in any state it may be in."""
    name = rng.choice(NAMES)
    file = at / name
    way = rng.randrange(12)
    literal = f":(literal){name}"
    with suppress(OSError):
        if way in (0, 1, 2):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(rng.choice([b"one\n", b"two\n", b"t\r\nhree\r\n", b"", b"\0\1"]))
        elif way == 3:
            file.unlink()
        elif way == 4:
            shutil.rmtree(file)
        elif way == 5:
            file.unlink(missing_ok=True)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.symlink_to(rng.choice(["a", "dir", "nowhere"]))
        elif way == 6:
            file.chmod(file.stat().st_mode ^ stat.S_IXUSR)
        elif way == 7:
            file.unlink()
            (file / "inside").mkdir(parents=True)
            (file / "inside" / "f").write_text(f"{rng.random()}")
        elif way == 8:
            shutil.rmtree(file.parent) if file.parent != at else None
            file.parent.write_text("a file now\n")
        elif way == 9:
            sandbox.git("add", "--", literal, at=at, ok=False)
        elif way == 10:
            sandbox.git("rm", "-q", "-r", "--cached", "--", literal, at=at, ok=False)
        elif way == 11:
            sandbox.git("add", "-N", "--", literal, at=at, ok=False)


@pytest.mark.parametrize("seed", range(12))
def test_any_changes_give_the_tree_git_writes(sandbox: Sandbox, seed: int) -> None:
    rng = random.Random(seed)
    for name in rng.sample(NAMES, 9):
        with suppress(OSError):
            sandbox.write(name, f"{name!r}\n")
    sandbox.commit("More", {})
    for number in range(3):
        at = sandbox.path.parent / f"w{number}"
        sandbox.git("worktree", "add", "-q", "--detach", str(at))
        for _ in range(rng.choice([1, 4, 15, 40])):
            change(rng, at, sandbox)
    trees(sandbox)


def test_plain_changes_are_grafted(sandbox: Sandbox) -> None:
    sandbox.write("src/auth.py", "staged\n")
    sandbox.git("add", "-A")
    sandbox.write("src/auth.py", "and changed again\n")
    sandbox.write("src/new/file.py", "new\n")
    sandbox.write("build/ignored.o", "x")
    sandbox.git("rm", "-q", "--cached", "README.md")
    (sandbox.path / "src/cart.py").unlink()
    (sandbox.path / "tests/test_auth.py").chmod(0o755)
    (tree,), grafted = trees(sandbox)
    assert tree and grafted == 1


def test_a_commit_after_the_worktrees_were_listed_is_in_the_tree(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    home = repo.seen_from(repo.common_dir)
    (linked,) = list_worktrees(home)
    sandbox.commit("Meanwhile", {"meanwhile.txt": "1\n"})
    sandbox.write("README.md", "and this\n")
    seen = _commit_of(Subject("main", "", linked))
    with quarantine(home) as aside, Grafter(aside, Batch(aside)) as grafter:
        _, tree = _with_uncommitted(grafter, seen, linked.path, [])
        assert "meanwhile.txt" in aside.run("ls-tree", "--name-only", tree).lines()


def test_a_worktree_that_loses_all_its_files_has_the_empty_tree(sandbox: Sandbox) -> None:
    sandbox.git("rm", "-q", "-r", ".")
    (tree,), grafted = trees(sandbox)
    assert grafted == 1
    assert tree == sandbox.git("hash-object", "-t", "tree", "/dev/null")


ASKED: dict[str, Callable[[Sandbox], object]] = {
    "crlf": lambda s: s.write("src/auth.py", b"a\r\nb\r\n"),
    "ident": lambda s: s.write("src/auth.py", b"$Id: x$\n"),
    "filter": lambda s: s.write("src/auth.py", b"upper\n"),
    "large": lambda s: s.write("src/auth.py", b"x" * 5_000_001),
    "attributes deleted": lambda s: (s.path / ".gitattributes").unlink(),
    "sparse": lambda s: (s.git("sparse-checkout", "set", "src"), s.write("src/cart.py", "1\n")),
    "submodule": lambda s: s.git(
        "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor"
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_git_is_asked_where_status_does_not_tell_all(sandbox: Sandbox, case: str) -> None:
    rules = {"crlf": "*.py text=auto\n", "ident": "*.py ident\n", "filter": "*.py filter=up\n",
             "attributes deleted": "*.py text\n"}  # fmt: skip
    sandbox.git("config", "filter.up.clean", "tr a-z A-Z")
    sandbox.commit("Rules", {".gitattributes": rules.get(case, "")})
    ASKED[case](sandbox)
    (tree,), grafted = trees(sandbox)
    assert tree and grafted == 0


@pytest.mark.parametrize(
    "key", ["core.autocrlf=input", "core.fileMode=false", "core.symlinks=false"]
)
def test_settings_that_change_content_or_modes_give_the_same(sandbox: Sandbox, key: str) -> None:
    sandbox.git("config", *key.split("="))
    sandbox.write("src/auth.py", b"a\r\nb\r\n")
    sandbox.write("src/new.py", b"new\n").chmod(0o755)
    (sandbox.path / "src/cart.py").chmod(0o755)
    (sandbox.path / "a-link").symlink_to("src")
    trees(sandbox)


def test_lines_with_carriage_returns_that_are_committed_stay(sandbox: Sandbox) -> None:
    sandbox.commit("As it is", {"src/dos.py": b"a\r\nb\r\n"})
    sandbox.commit("Then rules", {".gitattributes": "* text=auto\n"})
    sandbox.write("src/dos.py", b"a\r\nb\r\nc\r\n")
    trees(sandbox)


def test_what_is_hidden_from_status_stays_as_the_index_has_it(sandbox: Sandbox) -> None:
    sandbox.git("update-index", "--assume-unchanged", "README.md")
    sandbox.git("update-index", "--skip-worktree", "src/cart.py")
    sandbox.write("README.md", "hidden\n")
    (sandbox.path / "src/cart.py").unlink()
    sandbox.write("src/auth.py", "seen\n")
    nested = sandbox.path / "nested"
    nested.mkdir()
    sandbox.git("init", "-q", at=nested)
    sandbox.commit("Inner", {"f": "1\n"}, nested)
    trees(sandbox)
