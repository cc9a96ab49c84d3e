"""A worktree's uncommitted state as trees: read only, and nothing dropped in silence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitcoord.errors import Contended, GitFailed
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import (
    Snapshot,
    differs,
    find_hidden,
    find_unlike,
    switch_files,
    take_index,
    take_snapshot,
)
from tests.conftest import Sandbox


def snap(
    sandbox: Sandbox, *, largest: int = 1_000_000, exclude: list[Path] | None = None
) -> Snapshot:
    repo = Repository.find(sandbox.path)
    return take_snapshot(repo, sandbox.path, largest=largest, exclude=exclude or [])


def names(sandbox: Sandbox, tree: str) -> list[str]:
    listed = sandbox.git("ls-tree", "-r", "--name-only", "-z", tree)
    return [name for name in listed.split("\0") if name]


def test_case_73_files_and_index_are_told_apart(sandbox: Sandbox) -> None:
    sandbox.write("README.md", "staged\n")
    sandbox.git("add", "README.md")
    sandbox.write("README.md", "on disk\n")
    sandbox.write("new", "untracked\n")
    sandbox.write("meant", "x")
    sandbox.git("add", "-N", "meant")
    (sandbox.path / "src" / "cart.py").unlink()
    seen = snap(sandbox)
    assert sandbox.git("show", f"{seen.files}:README.md") == "on disk"
    assert sandbox.git("show", f"{seen.staged}:README.md") == "staged"
    assert {"new", "meant"} <= set(names(sandbox, seen.files))
    assert "src/cart.py" not in names(sandbox, seen.files)
    assert not {"new", "meant"} & set(names(sandbox, seen.staged))
    assert (seen.left_out, seen.conflicts) == ((), {})


def test_it_is_only_read(sandbox: Sandbox) -> None:
    """Index, files and stash; `git count-objects` may grow by what was new."""
    sandbox.write("README.md", "changed\n")
    sandbox.git("stash")
    sandbox.write("new", "x")
    index = sandbox.path / ".git" / "index"
    before = (index.stat().st_mtime_ns, index.stat().st_ino, index.read_bytes())
    refs = sandbox.git("for-each-ref")
    snap(sandbox)
    grown = sandbox.git("count-objects")
    snap(sandbox)
    assert (index.stat().st_mtime_ns, index.stat().st_ino, index.read_bytes()) == before
    assert sandbox.git("for-each-ref") == refs
    assert sandbox.git("count-objects") == grown, "the second finds all objects there"


def test_case_123_while_somebody_holds_the_index(sandbox: Sandbox) -> None:
    (sandbox.path / ".git" / "index.lock").touch()
    sandbox.write("new", "x")
    assert "new" in names(sandbox, snap(sandbox).files)


def test_case_67_objects_go_where_they_are_told(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.write("new", "x")
    before = sandbox.git("count-objects")
    repo = Repository.find(sandbox.path)
    env = {
        "GIT_OBJECT_DIRECTORY": str(tmp_path),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(sandbox.path / ".git" / "objects"),
    }
    take_snapshot(repo, sandbox.path, largest=100, env=env)
    assert sandbox.git("count-objects") == before


def test_case_31_nested_worktrees_and_repositories_are_left_out(sandbox: Sandbox) -> None:
    sandbox.git("worktree", "add", "-q", "-b", "inner", "inner")
    sandbox.git("init", "-q", "unborn")
    sandbox.git("clone", "-q", ".", "deep/clone")
    sandbox.write("beside", "x")
    seen = snap(sandbox, exclude=[sandbox.path / "inner"])
    assert set(seen.left_out) == {"inner", "unborn", "deep/clone"}
    assert "beside" in names(sandbox, seen.files)


def test_large_files_are_left_out_unless_tracked(sandbox: Sandbox) -> None:
    sandbox.write("large", "x" * 200)
    sandbox.write("README.md", "y" * 200)
    seen = snap(sandbox, largest=100)
    assert seen.left_out == ("large",)
    assert sandbox.git("show", f"{seen.files}:README.md") == "y" * 200


def test_changes_hidden_by_flags_are_seen(sandbox: Sandbox) -> None:
    sandbox.git("update-index", "--assume-unchanged", "README.md")
    sandbox.git("update-index", "--skip-worktree", "src/auth.py")
    repo = Repository.find(sandbox.path)
    assert find_hidden(repo, sandbox.path) == []
    sandbox.write("README.md", "hidden\n")
    sandbox.write("src/auth.py", "hidden too\n")
    seen = snap(sandbox)
    assert sandbox.git("show", f"{seen.files}:README.md") == "hidden"
    assert sandbox.git("show", f"{seen.files}:src/auth.py") == "hidden too"
    assert find_hidden(repo, sandbox.path) == ["README.md", "src/auth.py"]


def test_case_20_what_a_sparse_checkout_leaves_out_is_absent_not_deleted(sandbox: Sandbox) -> None:
    sandbox.git("status")  # a copied index has old times, and git leaves such files where they are
    sandbox.git("sparse-checkout", "set", "src")
    seen = snap(sandbox)
    assert seen.absent == ("tests/test_auth.py",)
    assert "tests/test_auth.py" in names(sandbox, seen.files)


def test_case_73_a_conflict_is_kept_stage_by_stage(sandbox: Sandbox) -> None:
    sandbox.git("branch", "theirs")
    sandbox.commit("ours", {"README.md": "ours\n"})
    sandbox.git("checkout", "-q", "theirs")
    sandbox.commit("theirs", {"README.md": "theirs\n"})
    sandbox.git("merge", "main", ok=False)
    sandbox.write(".gitignore", "README.md\n")
    sandbox.write("README.md", "half resolved\n")
    seen = snap(sandbox)
    assert {stage: list(paths) for stage, paths in seen.conflicts.items()} == {
        stage: ["README.md"] for stage in "123"
    }
    assert "README.md" not in names(sandbox, seen.staged)
    assert sandbox.git("show", f"{seen.files}:README.md") == "half resolved"


def test_case_17_what_a_filter_refuses_is_left_out_and_deletions_are_seen(sandbox: Sandbox) -> None:
    sandbox.git("config", "filter.broken.clean", "false")
    sandbox.git("config", "filter.broken.required", "true")
    sandbox.write(".gitattributes", "*.x filter=broken\n")
    sandbox.write("bad.x", "x")
    (sandbox.path / "README.md").unlink()
    seen = snap(sandbox)
    assert "bad.x" in seen.left_out
    assert "README.md" not in names(sandbox, seen.files)


def test_what_would_come_back_as_another_file(sandbox: Sandbox) -> None:
    sandbox.write(".gitattributes", "*.txt text=auto\n")
    sandbox.write("dos.txt", b"one\r\n")
    sandbox.write("plain.txt", "one\n")
    sandbox.write("secret", "x").chmod(0o600)
    repo = Repository.find(sandbox.path)
    seen = snap(sandbox)
    assert find_unlike(repo, sandbox.path, "HEAD", seen.files) == ["dos.txt", "secret"]


def test_case_37_names_in_any_bytes(sandbox: Sandbox) -> None:
    wanted = [os.fsdecode(name) for name in (b"\xff", b"new\nline", b"-dash", b'"', b":(top)x")]
    for name in wanted:
        sandbox.write(name, "x")
    assert set(wanted) <= set(names(sandbox, snap(sandbox).files))


def test_a_branch_without_commits(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.git("init", "-q")
    sandbox.write("new", "x")
    seen = snap(sandbox)
    assert (seen.index, "new" in names(sandbox, seen.files)) == (None, True)


def test_what_is_staged_where_the_folder_is_gone(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    sandbox.write("new", "x", tmp_path / "other")
    sandbox.git("add", "new", at=tmp_path / "other")
    shutil.rmtree(tmp_path / "other")
    seen = take_index(Repository.find(sandbox.path), sandbox.path / ".git" / "worktrees" / "other")
    assert "new" in names(sandbox, seen.staged)


def test_switching_stops_before_anything_changed(sandbox: Sandbox) -> None:
    """A file somebody wrote, or an untracked one in the way."""
    repo = Repository.find(sandbox.path)
    sandbox.commit("next", {"README.md": "next\n", "added": "x\n"})
    sandbox.git("reset", "-q", "--hard", "HEAD~1")
    for name in ("README.md", "added"):
        sandbox.write(name, "mine\n")
        before = sandbox.git("status", "--porcelain")
        with pytest.raises(Contended, match="nothing was touched"):
            switch_files(repo, sandbox.path, "HEAD^{tree}", "HEAD@{1}^{tree}")
        assert sandbox.git("status", "--porcelain") == before
        sandbox.git("checkout", "-q", ".")
        sandbox.git("clean", "-fdq")


def test_a_folder_is_compared_without_its_git(sandbox: Sandbox, tmp_path: Path) -> None:
    """Missing files are no difference; what git cannot tell is no "none"."""
    repo = Repository.find(sandbox.path)
    folder = tmp_path / "folder"
    shutil.copytree(sandbox.path, folder, ignore=shutil.ignore_patterns(".git"))
    (folder / ".git").write_text("gitdir: /nowhere\n")
    (folder / "README.md").unlink()
    assert differs(repo, folder, "HEAD^{tree}") == []
    (folder / "new").write_text("x")
    assert differs(repo, folder, "HEAD^{tree}") == ["new"]
    sandbox.git("init", "-q", str(folder / "unborn"))
    with pytest.raises(GitFailed):
        differs(repo, folder, "HEAD^{tree}")
