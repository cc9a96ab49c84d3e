from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitcoord.config import Config, shipped
from gitcoord.git.repository import Repository
from gitcoord.process import hold
from gitcoord.runtime.watch import Incident, compare, look
from gitcoord.state.journal import Journal
from gitcoord.worktrees.kinds import find_kind
from gitcoord.worktrees.losses import plan_removal
from gitcoord.worktrees.removal import remove
from gitcoord.worktrees.start import Wish, plan_start, start
from gitcoord.worktrees.worktree import Worktree, view_worktrees
from tests.conftest import Sandbox


def made(repo: Repository, task: str) -> Worktree:
    kind = find_kind("investigation", [shipped("templates") / "workflows"])
    return start(repo, plan_start(repo, Wish(kind, task), Config()))


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    sandbox.commit("More", {"a.txt": "one\n", "b.txt": "one\n", "c.txt": "one\n"})
    return Repository.find(sandbox.path)


@pytest.fixture
def mine(repo: Repository) -> Worktree:
    return made(repo, "why does login fail?")


@pytest.fixture
def other(repo: Repository) -> Worktree:
    return made(repo, "another question entirely")


def brief(found: list[Incident]) -> list[tuple[str, str]]:
    return [(one.what, one.path) for one in found]


class TestNothingToReport:
    def test_an_agent_that_stays_inside(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, other: Worktree
    ) -> None:
        sandbox.write("dirty.txt", "mine")
        before = look(repo)
        sandbox.commit("work", {"x.py": "1", "a.txt": "2"}, at=mine.path)
        sandbox.write("y.py", "2", at=mine.path)
        assert compare(repo, before, mine=mine.id) == []

    def test_refreshed_times_and_indexes_are_no_change(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, other: Worktree
    ) -> None:
        sandbox.write("dirty.txt", "mine")
        sandbox.write("a.txt", "changed")
        before = look(repo)
        for path in (sandbox.path, other.path):
            for file in ("a.txt", "b.txt"):
                os.utime(path / file, ns=(5, 5))
            sandbox.git("status", at=path)
        os.utime(sandbox.path / "dirty.txt", ns=(5, 5))
        assert compare(repo, before, mine=mine.id) == []

    def test_another_agent_at_work_is_left_out_with_its_branch(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, other: Worktree
    ) -> None:
        before = look(repo)
        with hold(repo.own_dir, other.id):
            sandbox.commit("theirs", {"theirs.py": "1"}, at=other.path)
            assert compare(repo, before, mine=mine.id) == []

    def test_one_that_was_at_work_when_we_began_is_left_out(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, other: Worktree
    ) -> None:
        with hold(repo.own_dir, other.id):
            before = look(repo)
            sandbox.commit("theirs", {"theirs.py": "1"}, at=other.path)
        assert compare(repo, before, mine=mine.id) == []

    def test_worktrees_that_gitcoord_makes_and_removes_meanwhile(
        self, repo: Repository, mine: Worktree, other: Worktree
    ) -> None:
        before = look(repo)
        made(repo, "a third one")
        view = view_worktrees(repo)
        gone = plan_removal(repo, view, view.find(other.id), Config().trash, cwd=None)
        remove(repo, gone, force=True)
        assert compare(repo, before, mine=mine.id) == []

    def test_fetching_in_the_background(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        before = look(repo)
        sandbox.git("update-ref", "refs/remotes/origin/main", "HEAD~1")
        assert compare(repo, before, mine=mine.id) == []


class TestFiles:
    def test_a_committed_file_changed_and_a_new_one(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        before = look(repo)
        sandbox.write("a.txt", "two\n")
        sandbox.write("new.txt", "new\n")
        (sandbox.path / "b.txt").unlink()
        found = compare(repo, before, mine=mine.id)
        assert sorted(brief(found)) == [
            ("file", "a.txt"), ("file", "b.txt"), ("untracked", "new.txt"),
        ]  # fmt: skip
        assert {one.worktree for one in found} == {str(sandbox.path)}
        gone = next(one for one in found if one.path == "b.txt")
        assert (gone.before, gone.after) == ("as committed", "gone")

    @pytest.mark.parametrize("name", ["a.txt", "dirty.txt"])
    def test_a_dirty_file_changed_again_to_the_same_size(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, name: str
    ) -> None:
        sandbox.write(name, "mine")
        before = look(repo)
        sandbox.write(name, "his!")
        [found] = compare(repo, before, mine=mine.id)
        assert found.path == name
        assert found.before != found.after

    def test_work_of_the_user_taken_back(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("a.txt", "work of an hour")
        before = look(repo)
        sandbox.git("checkout", "--", "a.txt")
        [found] = compare(repo, before, mine=mine.id)
        assert (found.what, found.path) == ("file", "a.txt")

    def test_staging_and_committing_tell_no_false_change_of_files(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("a.txt", "two\n")
        sandbox.write("new.txt", "new\n")
        before = look(repo)
        sandbox.git("add", "-A")
        assert sorted(brief(compare(repo, before, mine=mine.id))) == [
            ("index", "a.txt"), ("index", "new.txt"),
        ]  # fmt: skip
        sandbox.git("commit", "-qm", "theirs")
        found = compare(repo, before, mine=mine.id)
        assert brief(found) == [("head", ""), ("ref", "refs/heads/main")]

    def test_unstaging_is_a_change_of_the_index_alone(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("a.txt", "two\n")
        sandbox.git("add", "-A")
        before = look(repo)
        sandbox.git("reset", "-q")
        assert brief(compare(repo, before, mine=mine.id)) == [("index", "a.txt")]

    def test_the_mode_of_a_file_that_was_changed_before(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("a.txt", "two\n")
        before = look(repo)
        (sandbox.path / "a.txt").chmod(0o755)
        assert brief(compare(repo, before, mine=mine.id)) == [("file", "a.txt")]

    def test_ignored_files_count_where_they_are_precious(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write(".env", "KEY=1\n")
        sandbox.write("noise.log", "1\n")
        before = look(repo, precious=(".env",))
        sandbox.write(".env", "KEY=2\n")
        sandbox.write("noise.log", "2\n")
        assert brief(compare(repo, before, mine=mine.id)) == [("ignored", ".env")]

    def test_names_of_any_bytes_and_links(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        odd = os.fsdecode(b"a\xff\n\x1b[31m")
        before = look(repo)
        sandbox.write(odd, "x")
        (sandbox.path / "link").symlink_to("/etc")
        found = compare(repo, before, mine=mine.id)
        assert sorted(one.path for one in found) == sorted([odd, "link"])
        journal = Journal(repo.own_dir)
        for one in found:
            journal.append("incident", run="r", **one.as_event())
        assert sorted(one.fields["path"] for one in journal.tail()) == sorted([odd, "link"])

    def test_a_thousand_changes_are_told_in_few(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        before = look(repo)
        for number in range(300):
            sandbox.write(f"many/{number}", "x")
        found = compare(repo, before, mine=mine.id)
        assert len(found) == 21
        assert found[-1].before == "280 more"

    def test_a_worktree_inside_another_is_its_own(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.git("worktree", "add", "-q", "inner", "-b", "inner")
        before = look(repo)
        sandbox.write("x", "1", at=sandbox.path / "inner")
        [found] = compare(repo, before, mine=mine.id)
        assert (found.worktree, found.path) == (str(sandbox.path / "inner"), "x")


class TestTheRest:
    def test_another_branch_is_checked_out(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        before = look(repo)
        sandbox.git("switch", "-qc", "elsewhere", "HEAD~1")
        found = compare(repo, before, mine=mine.id)
        assert brief(found) == [
            ("branch", ""), ("head", ""), ("ref", "refs/heads/elsewhere"),
        ]  # fmt: skip

    def test_a_commit_in_an_idle_worktree(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, other: Worktree
    ) -> None:
        before = look(repo)
        sandbox.commit("not theirs", {"x": "1"}, at=other.path)
        found = compare(repo, before, mine=mine.id)
        assert brief(found) == [("head", ""), ("ref", f"refs/heads/{other.branch}")]
        assert found[0].worktree == str(other.path)

    def test_branches_and_tags(self, sandbox: Sandbox, repo: Repository, mine: Worktree) -> None:
        sandbox.git("branch", "old")
        before = look(repo)
        sandbox.git("branch", "-D", "old")
        sandbox.git("tag", "v1")
        sandbox.git("update-ref", "refs/replace/" + "a" * 40, "HEAD")
        found = compare(repo, before, mine=mine.id)
        assert [one.path for one in found] == [
            "refs/heads/old", "refs/replace/" + "a" * 40, "refs/tags/v1",
        ]  # fmt: skip

    def test_a_push_of_what_it_made(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        before = look(repo)
        made_here = sandbox.commit("work", {"x.py": "1"}, at=mine.path)
        sandbox.git("update-ref", "refs/remotes/origin/sneaky", made_here)
        assert brief(compare(repo, before, mine=mine.id)) == [
            ("pushed", "refs/remotes/origin/sneaky")
        ]

    def test_an_older_entry_of_the_stash_dropped(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        for number in range(2):
            sandbox.write("a.txt", f"{number} stashed")
            sandbox.git("stash", "push", "-q")
        before = look(repo)
        sandbox.git("stash", "drop", "-q", "stash@{1}")
        [found] = compare(repo, before, mine=mine.id)
        assert (found.what, found.before, found.after) == ("stash", "2 entries", "1 entry")

    def test_settings_by_key_and_never_by_value(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.git("config", "core.editor", "vi")
        before = look(repo)
        sandbox.git("config", "core.fsmonitor", "/tmp/evil")
        sandbox.git("config", "core.editor", "https://me:hunter2@example.com")
        found = compare(repo, before, mine=mine.id)
        assert [one.path.split(" ")[0] for one in found] == ["core.editor", "core.fsmonitor"]
        assert "hunter2" not in repr(found)
        assert not [one for one in found if "evil" in repr(one)]

    def test_the_upstream_of_its_own_branch_is_its_own_affair(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        before = look(repo)
        sandbox.git("config", f"branch.{mine.branch}.remote", "origin")
        assert compare(repo, before, mine=mine.id) == []
        sandbox.git("config", "branch.main.remote", "origin")
        [found] = compare(repo, before, mine=mine.id)
        assert found.path.startswith("branch.main.remote ")

    def test_hooks_and_our_own_settings(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        before = look(repo)
        hook = repo.common_dir / "hooks" / "pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\n")
        (repo.own_dir / "config.toml").write_text('[ui]\ncolor = "never"\n')
        found = compare(repo, before, mine=mine.id)
        assert [(one.what, Path(one.path).name, one.after) for one in found] == [
            ("config", "config.toml", "there"), ("hook", "pre-commit", "there"),
        ]  # fmt: skip

    def test_a_merge_begun_and_a_worktree_removed_by_hand(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, other: Worktree
    ) -> None:
        before = look(repo)
        (repo.common_dir / "MERGE_HEAD").write_text(sandbox.git("rev-parse", "HEAD") + "\n")
        sandbox.git("worktree", "remove", "--force", str(other.path))
        found = compare(repo, before, mine=mine.id)
        assert brief(found) == [("operation", ""), ("worktree", "")]
        assert found[1].after == "gone"

    def test_an_index_that_cannot_be_read_any_more(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        before = look(repo)
        (repo.git_dir / "index").write_bytes(b"broken")
        assert brief(compare(repo, before, mine=mine.id)) == [("unreadable", "")]

    def test_where_the_main_worktree_is_bare_and_ids_are_long(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.git("init", "-q", "--object-format=sha256", str(tmp_path / "long"))
        sandbox.commit("one", {"a.txt": "1"}, at=tmp_path / "long")
        bare = tmp_path / "bare.git"
        sandbox.git("clone", "-q", "--bare", str(tmp_path / "long"), str(bare))
        sandbox.git("worktree", "add", "-q", str(tmp_path / "w1"), "-b", "w1", at=bare)
        repo = Repository.find(tmp_path / "w1")
        before = look(repo)
        sandbox.write("a.txt", "2", at=tmp_path / "w1")
        sandbox.git("tag", "v1", at=bare)
        assert brief(compare(repo, before, mine="")) == [("file", "a.txt"), ("ref", "refs/tags/v1")]

    def test_a_submodule_that_was_moved_on(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.git("init", "-q", "../lib")
        lib = sandbox.path.parent / "lib"
        sandbox.commit("lib", {"x": "1"}, at=lib)
        sandbox.git("submodule", "--quiet", "add", str(lib), "lib")
        sandbox.git("commit", "-qam", "with lib")
        before = look(repo)
        sandbox.commit("more", {"x": "2"}, at=sandbox.path / "lib")
        assert brief(compare(repo, before, mine=mine.id)) == [("file", "lib")]

    def test_no_program_of_the_settings_is_run(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, tmp_path: Path
    ) -> None:
        trap = sandbox.write("../trap.sh", f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
        trap.chmod(0o755)
        sandbox.git("config", "core.fsmonitor", str(trap))
        compare(repo, look(repo), mine=mine.id)
        assert not (tmp_path / "sprung").exists()
