"""`start --with-changes`: my uncommitted work is there too, and mine is as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.calling import Said, gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, look, refused

SIX = "".join(f"line {number}\n" for number in range(6))


@pytest.fixture
def busy(sandbox: Sandbox) -> Sandbox:
    """Work of every kind: staged, changed after that, untracked, deleted, renamed, executable."""
    sandbox.commit("More files", {"six.txt": SIX, "old.txt": "old\n", "run.sh": "echo\n", "x": "x"})
    sandbox.write("README.md", "staged\n")
    sandbox.git("add", "README.md")
    sandbox.write("README.md", "staged\nand changed\n")
    sandbox.write("src/cart.py", "changed only\n")
    sandbox.write("new/staged.py", "new\n")
    sandbox.git("add", "new")
    sandbox.write("untracked é\n.txt", b"\0\xff")
    sandbox.git("rm", "-q", "x")
    (sandbox.path / "tests" / "test_auth.py").unlink()
    sandbox.git("mv", "old.txt", "renamed.txt")
    (sandbox.path / "run.sh").chmod(0o755)
    (sandbox.path / "link").symlink_to("README.md")
    return sandbox


@contextmanager
def untouched(sandbox: Sandbox) -> Iterator[None]:
    """Mine byte for byte, the index and its time, the stash and its log."""
    index = sandbox.path / ".git" / "index"
    before, stat = look(sandbox), index.stat()
    yield
    after = look(sandbox)
    mine = {name for name in before.files if name.startswith("shop/") and "/.git/" not in name}
    assert {name: after.files.get(name) for name in mine} == {n: before.files[n] for n in mine}
    assert after.files["shop/.git/index"] == before.files["shop/.git/index"]
    assert index.stat().st_mtime_ns == stat.st_mtime_ns
    assert (after.status, after.stash) == (before.status, before.stash)


def status(sandbox: Sandbox, at: Path) -> str:
    return sandbox.git("status", "--porcelain", "--no-renames", "-z", "-uall", at=at)


def start(*words: str, at: Path) -> Said:
    return gitcoord("start", "development", "x", "--no-run", "--with-changes", *words, at=at)


def test_all_of_it_staged_as_it_was(busy: Sandbox) -> None:
    with untouched(busy):
        made = begin("--with-changes", at=busy.path)
    path = Path(made["path"])
    assert status(busy, path) == status(busy, busy.path)
    for name in ("README.md", "src/cart.py", "new/staged.py", "untracked é\n.txt", "renamed.txt"):
        assert (path / name).read_bytes() == (busy.path / name).read_bytes()
    assert os.access(path / "run.sh", os.X_OK)
    assert os.readlink(path / "link") == "README.md"
    assert not (path / "tests" / "test_auth.py").exists()
    assert busy.git("diff", "--cached", "--stat", at=path) == busy.git("diff", "--cached", "--stat")


def test_without_being_asked_nothing_is_carried(busy: Sandbox) -> None:
    with untouched(busy):
        made = begin(at=busy.path)
    assert status(busy, Path(made["path"])) == ""


def test_nothing_to_carry(sandbox: Sandbox) -> None:
    made = begin("--with-changes", at=sandbox.path)
    assert status(sandbox, Path(made["path"])) == ""


def test_ignored_files_are_not_carried(sandbox: Sandbox) -> None:
    sandbox.write(".env", "KEY=1")
    made = begin("--with-changes", at=sandbox.path)
    assert not (Path(made["path"]) / ".env").exists()


def test_from_a_subdirectory_all_is_carried(busy: Sandbox) -> None:
    made = begin("--with-changes", at=busy.path / "src")
    assert status(busy, Path(made["path"])) == status(busy, busy.path)


def test_from_a_linked_worktree_its_changes_are_carried(sandbox: Sandbox) -> None:
    sandbox.write("README.md", "of the main one")
    first = Path(begin(at=sandbox.path)["path"])
    sandbox.write("README.md", "of the first", at=first)
    second = Path(begin("--with-changes", at=first)["path"])
    assert (second / "README.md").read_text() == "of the first"


def test_onto_another_base(busy: Sandbox) -> None:
    busy.git("branch", "release", "HEAD~1")
    with untouched(busy):
        said = start("--from", "main~1", "--json", at=busy.path)
    # six.txt is not in that base, and not part of the changes.
    assert said.code == 2, "run.sh was changed here, and is not there"

    busy.git("branch", "-f", "release", "main")
    busy.git("update-ref", "refs/heads/release", grown(busy, {"other.txt": "theirs\n"}))
    with untouched(busy):
        made = begin("--with-changes", "--from", "release", at=busy.path)
    path = Path(made["path"])
    assert (path / "other.txt").read_text() == "theirs\n"
    assert status(busy, path) == status(busy, busy.path)


def test_onto_another_base_merged_within_a_file(sandbox: Sandbox) -> None:
    sandbox.commit("Six lines", {"six.txt": SIX})
    tip = grown(sandbox, {"six.txt": SIX.replace("line 5", "their line")})
    sandbox.write("six.txt", SIX.replace("line 0", "my line"))
    made = begin("--with-changes", "--from", tip, at=sandbox.path)
    merged = SIX.replace("line 0", "my line").replace("line 5", "their line")
    assert (Path(made["path"]) / "six.txt").read_text() == merged


def test_onto_a_base_it_conflicts_with(sandbox: Sandbox) -> None:
    tip = grown(sandbox, {"README.md": "theirs\n"})
    sandbox.write("README.md", "mine\n")
    before = look(sandbox)
    said = start("--from", tip, at=sandbox.path)
    refused(said, "conflict", "README.md")
    assert look(sandbox) == before


def test_staged_work_that_conflicts_is_carried_unstaged(sandbox: Sandbox) -> None:
    tip = grown(sandbox, {"README.md": "theirs\n"})
    content = (sandbox.path / "README.md").read_text()
    sandbox.write("README.md", "mine\n")
    sandbox.git("add", "README.md")
    sandbox.write("README.md", content)
    sandbox.write("new.txt", "new\n")
    path = Path(begin("--with-changes", "--from", tip, at=sandbox.path)["path"])
    assert status(sandbox, path) == "?? new.txt\0"


def test_case_73_in_a_conflict(sandbox: Sandbox) -> None:
    tip = grown(sandbox, {"README.md": "theirs\n"})
    sandbox.commit("Mine", {"README.md": "mine\n"})
    sandbox.git("merge", "-q", tip, ok=False)
    before = look(sandbox)
    refused(start(at=sandbox.path), "in conflict", "git status")
    assert look(sandbox) == before
    assert begin(at=sandbox.path), "without the changes it works"


def test_a_repository_within(sandbox: Sandbox) -> None:
    sandbox.git("init", "-q", "vendored")
    sandbox.commit("Inside", {"a": "a"}, at=sandbox.path / "vendored")
    before = look(sandbox)
    refused(start(at=sandbox.path), "vendored", "without --with-changes")
    assert look(sandbox) == before


def test_case_31_a_worktree_within_is_not_carried(sandbox: Sandbox) -> None:
    sandbox.git("worktree", "add", "-q", "trees/one")
    sandbox.write("README.md", "changed")
    path = Path(begin("--with-changes", at=sandbox.path)["path"])
    assert (path / "README.md").read_text() == "changed"
    assert not (path / "trees").exists()


def test_case_22_a_bare_repository_has_none(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("clone", "-q", "--bare", str(sandbox.path), str(tmp_path / "bare.git"))
    refused(start(at=tmp_path / "bare.git"), "no worktree")


def test_case_20_in_a_sparse_checkout(sandbox: Sandbox) -> None:
    sandbox.git("sparse-checkout", "set", "src")
    sandbox.write("src/cart.py", "changed\n")
    sandbox.write("src/new.py", "staged\n")
    sandbox.git("add", "src/new.py")
    with untouched(sandbox):
        path = Path(begin("--with-changes", at=sandbox.path)["path"])
    assert status(sandbox, path) == status(sandbox, sandbox.path)
    assert not (path / "tests").exists()


def test_hidden_changes_are_carried_too(sandbox: Sandbox) -> None:
    sandbox.git("update-index", "--assume-unchanged", "README.md")
    sandbox.write("README.md", "hidden\n")
    path = Path(begin("--with-changes", at=sandbox.path)["path"])
    assert (path / "README.md").read_text() == "hidden\n"


def test_while_another_git_holds_the_index(busy: Sandbox) -> None:
    busy.write(".git/index.lock", "")
    made = begin("--with-changes", at=busy.path)
    (busy.path / ".git" / "index.lock").unlink()
    assert status(busy, Path(made["path"])) == status(busy, busy.path)


def grown(sandbox: Sandbox, files: dict[str, str]) -> str:
    """A commit on HEAD with other content, made beside the checkout. Returns its id."""
    place = sandbox.path.parent / "beside"
    sandbox.git("worktree", "add", "-q", "--detach", str(place))
    tip = sandbox.commit("Theirs", dict(files), at=place)
    sandbox.git("worktree", "remove", str(place))
    return tip
