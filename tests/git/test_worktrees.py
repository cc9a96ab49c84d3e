"""git's own list of worktrees, read whatever is in it."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from gitcoord.errors import GitFailed
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import (
    Status,
    add_worktree,
    admin_dirs,
    branch_before,
    check_out,
    find_operation,
    git_dir_of,
    list_worktrees,
    read_status,
    unlock_worktree,
)
from tests.conftest import Sandbox


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def linked(sandbox: Sandbox, name: str, *words: str) -> Path:
    place = sandbox.path.parent / name
    sandbox.git("worktree", "add", "-q", *words, str(place))
    return place


class TestList:
    def test_the_main_one_first(self, sandbox: Sandbox, repo: Repository) -> None:
        head = sandbox.git("rev-parse", "HEAD")
        other = linked(sandbox, "other")
        main, one = list_worktrees(repo)
        assert (main.path, main.main, main.bare, main.branch) == (
            sandbox.path, True, False, "refs/heads/main",
        )  # fmt: skip
        assert (one.path, one.main, one.branch_name, one.head) == (other, False, "other", head)
        assert (one.locked, one.prunable) == (None, None)

    def test_detached_unborn_locked_and_gone(self, sandbox: Sandbox, repo: Repository) -> None:
        linked(sandbox, "detached", "--detach")
        unborn = linked(sandbox, "unborn")
        sandbox.git("checkout", "-q", "--orphan", "fresh", at=unborn)
        sandbox.git("worktree", "lock", str(linked(sandbox, "locked")))
        reason = 'on a stick\nwith "quotes" and é'
        sandbox.git("worktree", "lock", "--reason", reason, str(linked(sandbox, "why")))
        shutil.rmtree(linked(sandbox, "gone"))
        found = {one.path.name: one for one in list_worktrees(repo)}
        assert (found["detached"].branch, found["detached"].branch_name) == (None, None)
        assert (found["unborn"].head, found["unborn"].branch_name) == (None, "fresh")
        assert found["locked"].locked == ""
        assert found["why"].locked == reason
        assert found["gone"].prunable

    def test_case_12_and_37_paths_in_any_bytes(self, sandbox: Sandbox, repo: Repository) -> None:
        names = [os.fsdecode(name) for name in (b"new\nline", b"\xff\xfe", "👷 é".encode(), b"a b")]
        places = [linked(sandbox, name, "--detach") for name in names]
        assert {one.path for one in list_worktrees(repo)[1:]} == set(places)
        assert set(admin_dirs(repo)) == set(places)

    def test_from_a_linked_one_and_from_the_git_folder(
        self, sandbox: Sandbox, repo: Repository
    ) -> None:
        other = linked(sandbox, "other")
        for place in (other, sandbox.path / ".git", sandbox.path / ".git" / "worktrees" / "other"):
            assert list_worktrees(Repository.find(place)) == list_worktrees(repo)

    def test_case_22_bare(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("clone", "-q", "--bare", str(sandbox.path), str(tmp_path / "x.git"))
        (main,) = list_worktrees(Repository.find(tmp_path / "x.git"))
        assert (main.bare, main.main, main.path) == (True, True, tmp_path / "x.git")

    def test_case_19_in_a_submodule_the_main_one_has_files(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        product = Sandbox(tmp_path / "product")
        product.path.mkdir()
        product.git("init", "-q")
        product.git("submodule", "--quiet", "add", str(sandbox.path), "libs/shop")
        repo = Repository.find(product.path / "libs" / "shop")
        assert [one.path for one in list_worktrees(repo)] == [product.path / "libs" / "shop"]


class TestAdminDirs:
    def test_case_11_the_name_says_nothing(self, sandbox: Sandbox, repo: Repository) -> None:
        one, other = linked(sandbox, "a/same", "-b", "x"), linked(sandbox, "b/same", "-b", "y")
        found = admin_dirs(repo)
        assert {found[one].name, found[other].name} == {"same", "same1"}
        assert git_dir_of(one) == found[one]

    def test_the_folder_may_be_gone_and_the_pointer_broken(
        self, sandbox: Sandbox, repo: Repository
    ) -> None:
        gone, broken = linked(sandbox, "gone"), linked(sandbox, "broken")
        shutil.rmtree(gone)
        (sandbox.path / ".git" / "worktrees" / "broken" / "gitdir").unlink()
        (sandbox.path / ".git" / "worktrees" / "a file").write_text("")
        assert list(admin_dirs(repo)) == [gone]
        assert git_dir_of(gone) is None
        assert git_dir_of(broken) is not None

    def test_no_worktrees_at_all(self, repo: Repository) -> None:
        assert admin_dirs(repo) == {}

    @pytest.mark.parametrize("pointer", [b"", b"not one", b"\xff\0", b"gitdir:"])
    def test_a_git_file_that_leads_nowhere(self, tmp_path: Path, pointer: bytes) -> None:
        (tmp_path / ".git").write_bytes(pointer)
        assert git_dir_of(tmp_path) is None


class TestAdd:
    def test_case_13_no_branch_is_tracked_and_it_is_locked(
        self, sandbox: Sandbox, repo: Repository
    ) -> None:
        sandbox.git("update-ref", "refs/remotes/origin/main", "HEAD")
        sandbox.git("branch", "--no-track", "fresh", "origin/main")
        place = sandbox.path.parent / "-x 👷"
        add_worktree(repo, place, "fresh", lock="being made")
        (one,) = list_worktrees(repo)[1:]
        assert (one.path, one.branch_name, one.locked) == (place, "fresh", "being made")
        assert os.listdir(place) == [".git"]
        check_out(repo, place)
        assert read_status(repo, place).clean
        unlock_worktree(repo, place)
        unlock_worktree(repo, place)
        assert list_worktrees(repo)[1].locked is None
        assert "branch.fresh" not in sandbox.git("config", "--list")

    def test_case_04_a_branch_that_is_checked_out(self, sandbox: Sandbox, repo: Repository) -> None:
        with pytest.raises(GitFailed, match="main"):
            add_worktree(repo, sandbox.path.parent / "x", "main", lock="x")
        assert not (sandbox.path.parent / "x").exists()

    def test_case_14_beside_one_that_is_half_made(self, sandbox: Sandbox, repo: Repository) -> None:
        """As git leaves it for an instant: `commondir` is there and empty."""
        linked(sandbox, "other")
        half = sandbox.path / ".git" / "worktrees" / "other" / "commondir"
        content = half.read_bytes()
        half.write_bytes(b"")
        threading.Timer(0.015, half.write_bytes, [content]).start()
        assert len(list_worktrees(repo)) == 2
        half.write_bytes(b"")
        assert len(list_worktrees(repo)) == 2
        assert half.read_bytes() == content


class TestStatus:
    def test_clean(self, sandbox: Sandbox, repo: Repository) -> None:
        assert read_status(repo, sandbox.path) == Status()
        assert read_status(repo, sandbox.path).clean

    def test_counted_by_where(self, sandbox: Sandbox, repo: Repository) -> None:
        sandbox.write("README.md", "staged")
        sandbox.git("add", "README.md")
        sandbox.write("README.md", "and changed")
        sandbox.write("src/cart.py", "changed")
        sandbox.git("rm", "-q", "--cached", "src/auth.py")
        sandbox.write("new\nline", "x")
        sandbox.write("folder/one", "x")
        sandbox.write("folder/two", "x")
        sandbox.write("ignored.log", "x")
        seen = read_status(repo, sandbox.path)
        assert (seen.staged, seen.unstaged, seen.unmerged) == (2, 2, 0)
        assert seen.untracked == 3, "src/auth.py, new line, folder/"
        assert not seen.clean

    def test_whatever_the_users_settings_show(self, sandbox: Sandbox, repo: Repository) -> None:
        for key, value in {
            "status.showUntrackedFiles": "no", "status.relativePaths": "true",
            "status.branch": "true", "status.showStash": "true", "status.short": "true",
            "core.quotePath": "true", "color.status": "always", "status.aheadBehind": "true",
            "diff.ignoreSubmodules": "all", "core.untrackedCache": "true",
        }.items():  # fmt: skip
            sandbox.git("config", key, value)
        sandbox.write("untracked", "x")
        sandbox.git("stash", "push", "-q", "-u")
        sandbox.write("untracked", "x")
        assert read_status(repo, sandbox.path) == Status(untracked=1)

    def test_in_conflict(self, sandbox: Sandbox, repo: Repository) -> None:
        sandbox.git("checkout", "-q", "-b", "other", "HEAD~1")
        sandbox.commit("Theirs", {"README.md": "theirs"})
        sandbox.git("merge", "-q", "main", ok=False)
        assert read_status(repo, sandbox.path) == Status(unmerged=1)
        assert find_operation(sandbox.path / ".git") == "merge"

    def test_what_cannot_be_read_is_not_clean(self, sandbox: Sandbox, repo: Repository) -> None:
        sandbox.write(".git/index", "no index")
        with pytest.raises(GitFailed):
            read_status(repo, sandbox.path)

    def test_a_dirty_submodule(self, sandbox: Sandbox, tmp_path: Path) -> None:
        product = Sandbox(tmp_path / "product")
        product.path.mkdir()
        product.git("init", "-q")
        product.git("submodule", "--quiet", "add", str(sandbox.path), "shop")
        product.commit("Take it in", {})
        product.write("shop/README.md", "changed")
        assert read_status(Repository.find(product.path), product.path) == Status(unstaged=1)


class TestOperations:
    def test_none(self, sandbox: Sandbox) -> None:
        assert find_operation(sandbox.path / ".git") is None
        assert branch_before(sandbox.path / ".git") == ""

    @pytest.mark.parametrize(
        ("words", "name", "before"),
        [
            (["rebase", "-q", "-i", "HEAD~2"], "rebase", "main"),
            (["rebase", "-q", "--apply", "--onto", "HEAD~2", "HEAD~1"], "rebase", "main"),
            (["bisect", "start", "HEAD", "HEAD~2"], "bisect", "main"),
            (["cherry-pick", "side"], "cherry-pick", ""),
            (["revert", "HEAD~1"], "revert", ""),
        ],
    )
    def test_each(self, sandbox: Sandbox, words: list[str], name: str, before: str) -> None:
        sandbox.git("branch", "side", "HEAD~1")
        sandbox.commit("More", {"README.md": "more\n", "src/auth.py": "more\n"})
        sandbox.git("checkout", "-q", "side")
        sandbox.commit("Other", {"README.md": "other\n"})
        sandbox.git("checkout", "-q", "main")
        sandbox.git(*words, ok=False, GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
        assert find_operation(sandbox.path / ".git") == name
        assert branch_before(sandbox.path / ".git") == before

    def test_from_a_detached_head_there_is_no_branch(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "--detach")
        sandbox.git("rebase", "-q", "-i", "HEAD~2", GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
        assert branch_before(sandbox.path / ".git") == ""
