"""undo: all of it comes back, whatever it was, and nothing else is touched; the trash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.errors import NoSuch, Problem, Refused, Taken
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.worktrees import recovery
from gitcoord.worktrees.trash import empty, find_trashed, list_trash
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.holding import (
    bring,
    held,
    make,
    plan,
    seen,
    take_away,
    there_and_back,
)


def test_case_115_everything_uncommitted_comes_back(sandbox: Sandbox) -> None:
    """Staged, changed, untracked, deleted, ignored; modes, links, files that became folders."""
    worktree = make(sandbox)
    top = worktree.path
    sandbox.commit(
        "work", {"kept": "1\n", "gone": "2\n", "dir/inner": "3\n", "plain": "4\n"}, at=top
    )
    sandbox.write("kept", "changed, staged\n", top)
    sandbox.git("add", "kept", at=top)
    sandbox.write("kept", "changed again\n", top)
    (top / "gone").unlink()
    sandbox.git("rm", "-q", "--cached", "plain", at=top)
    (top / "dir" / "inner").unlink()
    (top / "dir").rmdir()
    sandbox.write("dir", "a file now", top)
    (top / "README.md").unlink()
    sandbox.write("README.md/inside", "a folder now", top)
    (top / "src" / "cart.py").unlink()
    (top / "src" / "cart.py").symlink_to("auth.py")
    (top / "src" / "auth.py").chmod(0o755)
    sandbox.write("new/deep/file with\nnewline", "x", top)
    sandbox.write("-leading", "dash", top)
    (top / "dangling").symlink_to("nowhere/at all")
    sandbox.write("meant", "to be added", top)
    sandbox.git("add", "-N", "meant", at=top)
    sandbox.write(".env", "SECRET=1\n", top)
    sandbox.write("new/deep/run.log", "an ignored file in an untracked folder", top)
    (top / ".env").chmod(0o600)
    before = held(sandbox, top)
    assert there_and_back(sandbox, worktree) == before
    assert (top / ".env").stat().st_mode & 0o777 == 0o600


def test_case_37_names_in_any_bytes_come_back(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    for name in (b"\xff\xfe", b"caf\xe9.log", b"tab\there", b'quo"te', b" space ", b"\\back"):
        Path(os.fsdecode(os.fsencode(worktree.path) + b"/" + name)).write_bytes(name)
    before = held(sandbox, worktree.path)
    assert len(before.files) > 10
    assert there_and_back(sandbox, worktree) == before


def test_flags_of_the_index_come_back(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("update-index", "--assume-unchanged", "README.md", at=worktree.path)
    sandbox.git("update-index", "--skip-worktree", "src/cart.py", at=worktree.path)
    sandbox.write("README.md", "hidden change\n", worktree.path)
    sandbox.write("src/cart.py", "another one\n", worktree.path)
    before = held(sandbox, worktree.path)
    assert there_and_back(sandbox, worktree) == before


def test_line_endings_come_back_as_they_were(sandbox: Sandbox) -> None:
    """git stores them as LF; what is on disk was not."""
    worktree = make(sandbox)
    sandbox.write(".gitattributes", "*.txt text=auto\n*.bat text eol=crlf\n", worktree.path)
    sandbox.write("mixed.txt", b"one\r\ntwo\nthree\r\n", worktree.path)
    sandbox.write("run.bat", b"one\ntwo\r\n", worktree.path)
    sandbox.write("staged.txt", b"one\r\n", worktree.path)
    sandbox.git("add", "staged.txt", at=worktree.path)
    before = held(sandbox, worktree.path)
    assert there_and_back(sandbox, worktree) == before


def test_case_17_what_a_filter_drops_comes_back(sandbox: Sandbox) -> None:
    """As nbstripout does to notebooks; and a required filter that fails altogether."""
    worktree = make(sandbox)
    sandbox.git("config", "filter.strip.clean", "sed s/output.*//")
    sandbox.git("config", "filter.broken.clean", "false")
    sandbox.git("config", "filter.broken.required", "true")
    sandbox.commit("old", {"old.nb": "x\n", "gone": "y\n", "bad.x": "before\n"}, at=worktree.path)
    sandbox.write(".gitattributes", "*.nb filter=strip\n*.x filter=broken\n", worktree.path)
    sandbox.write("new.nb", "code\noutput 42\n", worktree.path)
    sandbox.write("old.nb", "code\noutput 43\n", worktree.path)
    sandbox.write("new.x", "cannot be stored", worktree.path)
    sandbox.write("bad.x", "after\n", worktree.path)
    (worktree.path / "gone").unlink()
    sandbox.git("config", "filter.broken.smudge", "cat")
    before = held(sandbox, worktree.path).files
    take_away(sandbox, worktree.id)
    bring(sandbox)
    assert held(sandbox, worktree.path).files == before


def test_permissions_that_git_does_not_know_come_back(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("key", "secret", worktree.path).chmod(0o600)
    sandbox.write("README.md", "read only", worktree.path).chmod(0o444)
    take_away(sandbox, worktree.id)
    bring(sandbox)
    assert (worktree.path / "key").stat().st_mode & 0o777 == 0o600
    assert (worktree.path / "README.md").stat().st_mode & 0o777 == 0o444
    assert (worktree.path / "README.md").read_text() == "read only"


def _conflict(sandbox: Sandbox, top: Path) -> None:
    """Two commits that conflict: HEAD and the branch `other`."""
    sandbox.git("branch", "other", at=top)
    sandbox.commit("ours", {"README.md": "ours\n", "kept.log": "ours\n"}, at=top)
    sandbox.git("add", "-f", "kept.log", at=top)
    sandbox.git("commit", "-qm", "ours, ignored", at=top)
    elsewhere = top.parent / "elsewhere"
    sandbox.git("worktree", "add", "-q", str(elsewhere), "other")
    sandbox.write("README.md", "theirs\n", elsewhere)
    sandbox.write("kept.log", "theirs\n", elsewhere)
    sandbox.git("add", "-f", "README.md", "kept.log", at=elsewhere)
    sandbox.git("commit", "-qm", "theirs", at=elsewhere)
    sandbox.git("worktree", "remove", "--force", str(elsewhere))


def test_case_73_the_middle_of_a_merge_comes_back(sandbox: Sandbox) -> None:
    """Also when the branch that was merged is gone and garbage was collected; a file in
    conflict that an ignore rule would hide is not forgotten."""
    worktree = make(sandbox)
    _conflict(sandbox, worktree.path)
    sandbox.git("merge", "-q", "other", at=worktree.path, ok=False)
    sandbox.git("branch", "-D", "other")
    sandbox.write("kept.log", "half resolved\n", worktree.path)
    before = held(sandbox, worktree.path)
    assert "MERGE_HEAD" in before.admin and "u UU" in before.state
    assert there_and_back(sandbox, worktree, gc=True) == before
    sandbox.git("add", "-f", "-A", at=worktree.path)
    sandbox.git("commit", "-qm", "merged", at=worktree.path)


@pytest.mark.parametrize("how", ["rebase", "cherry-pick", "revert", "am"])
def test_case_73_the_middle_of_other_operations_comes_back(sandbox: Sandbox, how: str) -> None:
    worktree = make(sandbox)
    top = worktree.path
    _conflict(sandbox, top)
    if how == "am":
        patch = sandbox.git("format-patch", "--stdout", "-1", "other", at=top)
        (top.parent / "patch").write_text(f"{patch}\n")
        sandbox.git("am", "-3", str(top.parent / "patch"), at=top, ok=False)
    elif how == "revert":
        sandbox.git("revert", "--no-edit", "main", at=top, ok=False)
    else:
        sandbox.git(how, "other", at=top, ok=False)
    before = held(sandbox, top)
    assert there_and_back(sandbox, worktree, gc=True) == before
    sandbox.git(how, "--abort", at=top)


def test_case_64_private_refs_and_a_bisect_come_back(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    top = worktree.path
    private = sandbox.commit("only here", {"x": "1"}, at=top)
    sandbox.git("update-ref", "refs/worktree/mine", private, at=top)
    sandbox.git("tag", "-a", "-m", "t", "tag", private, at=top)
    sandbox.git("update-ref", "refs/worktree/tagged", "refs/tags/tag", at=top)
    sandbox.git("reset", "-q", "--hard", "HEAD~1", at=top)
    sandbox.git("bisect", "start", "HEAD", "HEAD~2", at=top)
    before = held(sandbox, top)
    assert "refs/worktree/mine" in before.refs and "refs/bisect/bad" in before.refs
    assert there_and_back(sandbox, worktree, gc=True) == before


def test_commits_of_its_reflog_come_back(sandbox: Sandbox) -> None:
    """What an agent reset away is still to be had, also after a gc."""
    worktree = make(sandbox)
    lost = [sandbox.commit(f"lost {n}", {"x": f"{n}"}, at=worktree.path) for n in range(3)]
    sandbox.git("reset", "-q", "--hard", "HEAD~3", at=worktree.path)
    amended = sandbox.commit("to be amended", {"y": "1"}, at=worktree.path)
    sandbox.git("commit", "-q", "--amend", "-m", "amended", at=worktree.path)
    there_and_back(sandbox, worktree, gc=True)
    logged = sandbox.git("log", "-g", "--format=%H", at=worktree.path).split()
    assert {*lost, amended} <= set(logged)


def test_a_detached_head_comes_back(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("checkout", "-q", "--detach", at=worktree.path)
    sandbox.commit("on no branch", {"x": "1"}, at=worktree.path)
    before = held(sandbox, worktree.path)
    assert there_and_back(sandbox, worktree, gc=True) == before


def test_a_branch_without_commits_comes_back(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("checkout", "-q", "--orphan", "fresh", at=worktree.path)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    assert there_and_back(sandbox, worktree) == before


def test_case_20_a_sparse_worktree_comes_back_sparse(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.commit("more", {"a/1": "1", "b/2": "2", "c/3": "3"}, at=worktree.path)
    sandbox.git("sparse-checkout", "set", "a", at=worktree.path)
    sandbox.write("a/1", "changed", worktree.path)
    sandbox.write("b/new", "outside of the cone", worktree.path)
    before = held(sandbox, worktree.path)
    assert b"c/3" not in before.files
    assert there_and_back(sandbox, worktree) == before


def test_case_20_a_whole_worktree_stays_whole_where_the_main_one_is_sparse(
    sandbox: Sandbox,
) -> None:
    worktree = make(sandbox)
    sandbox.git("sparse-checkout", "set", "src")
    before = held(sandbox, worktree.path)
    assert there_and_back(sandbox, worktree) == before
    sandbox.git("checkout", "-q", "HEAD", at=worktree.path)
    assert held(sandbox, worktree.path).files == before.files


def test_a_split_index_comes_back(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("update-index", "--split-index", at=worktree.path)
    sandbox.write("new", "x", worktree.path)
    sandbox.git("add", "new", at=worktree.path)
    before = held(sandbox, worktree.path)
    after = there_and_back(sandbox, worktree)
    assert (after.state, after.files) == (before.state, before.files)


def test_nested_repositories_come_back_with_their_history(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    top = worktree.path
    for name, with_commit in (("vendor/lib", True), ("unborn", False)):
        (top / name).mkdir(parents=True)
        sandbox.git("init", "-q", at=top / name)
        sandbox.write(f"{name}/file", "x", top)
        if with_commit:
            sandbox.git("add", "-A", at=top / name)
            sandbox.git("commit", "-qm", "inner", at=top / name)
    sandbox.write("README.md", "changed too", top)
    before = held(sandbox, top)
    assert there_and_back(sandbox, worktree) == before
    assert sandbox.git("log", "--format=%s", at=top / "vendor" / "lib") == "inner"


def test_large_untracked_files_are_moved_aside_and_back(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitcoord.worktrees.recovery.LARGEST", 100)
    monkeypatch.setitem(recovery.keep.__kwdefaults__ or {}, "largest", 100)
    worktree = make(sandbox)
    sandbox.write("data/large.bin", b"\0" * 1000, worktree.path)
    sandbox.write("data/small.bin", b"\0" * 50, worktree.path)
    before = held(sandbox, worktree.path)
    take_away(sandbox, worktree.id)
    kept = Repository.find(sandbox.path).own_dir / "trash" / worktree.id / "aside"
    assert [file.name for file in kept.rglob("*.bin")] == ["large.bin"]
    bring(sandbox)
    assert held(sandbox, worktree.path) == before


def test_case_63_in_a_sha256_repository(tmp_path: Path) -> None:
    top = tmp_path / "sha256"
    top.mkdir()
    sandbox = Sandbox(top)
    sandbox.git("init", "-q", "--object-format=sha256")
    sandbox.commit("one", {"a": "1", ".gitignore": ".env\n"})
    worktree = make(sandbox)
    sandbox.write("a", "2", worktree.path)
    sandbox.write(".env", "3", worktree.path)
    before = held(sandbox, worktree.path)
    assert there_and_back(sandbox, worktree) == before


def test_again_and_again(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    sandbox.write(".env", "y", worktree.path)
    before = held(sandbox, worktree.path)
    for _ in range(3):
        take_away(sandbox, worktree.id)
        bring(sandbox, worktree.id)
    assert held(sandbox, worktree.path) == before
    own = Repository.find(sandbox.path).own_dir
    assert not list((own / "trash").rglob("*"))
    assert gitcoord("doctor", at=sandbox.path).code == 0


def test_elsewhere_by_path(sandbox: Sandbox, tmp_path: Path) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    take_away(sandbox, worktree.id)
    (tmp_path / "there").mkdir()
    back = bring(sandbox, path=tmp_path / "there")
    assert back.path == tmp_path / "there"
    assert held(sandbox, back.path).files == before.files
    assert seen(sandbox, worktree.id).state == "live"
    assert gitcoord("doctor", at=sandbox.path).code == 0


def test_a_place_in_use_is_refused_with_a_way_out(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    take_away(sandbox, worktree.id)
    sandbox.write("mine", "theirs", worktree.path)
    with pytest.raises(Taken) as refused:
        bring(sandbox)
    assert "--path" in refused.value.hint
    assert (worktree.path / "mine").read_text() == "theirs"
    assert [one.id for one in list_trash(Repository.find(sandbox.path))] == [worktree.id]


def test_case_108_the_place_of_an_absent_worktree_is_not_taken_over(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    take_away(sandbox, worktree.id)
    other = worktree.path
    sandbox.git("worktree", "add", "-q", "-b", "other", str(other))
    sandbox.write("staged", "x", other)
    sandbox.git("add", "staged", at=other)
    other.rename(other.with_name("unplugged"))
    with pytest.raises(Taken, match="absent"):
        bring(sandbox)
    other.with_name("unplugged").rename(other)
    assert "staged" in sandbox.git("status", "--porcelain", at=other)


@pytest.mark.parametrize("how", ["moved", "checked out"])
def test_a_branch_in_use_is_refused_with_a_way_out(sandbox: Sandbox, how: str) -> None:
    worktree = make(sandbox)
    branch = str(worktree.branch)
    tip = sandbox.git("rev-parse", branch)
    take_away(sandbox, worktree.id)
    if how == "moved":
        sandbox.git("branch", branch, "main")
    else:
        sandbox.git("branch", branch, tip)
        sandbox.git("checkout", "-q", branch)
    with pytest.raises(Taken) as refused:
        bring(sandbox)
    assert refused.value.hint.endswith(f"git branch -m {branch} {branch}-2")
    sandbox.git("branch", "-m", branch, f"{branch}-2")
    assert bring(sandbox).id == worktree.id
    assert sandbox.git("rev-parse", branch) == tip


def test_a_restore_that_cannot_be_leaves_the_trash_as_it_was(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here: the place is taken between the look and the last step."""
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    sandbox.write(".env", "y", worktree.path)
    before = held(sandbox, worktree.path)
    take_away(sandbox, worktree.id)
    refs = read_refs(Repository.find(sandbox.path), "refs/")

    def taken(path: Path) -> None:
        sandbox.write("theirs", "1", worktree.path)
        raise OSError(39, "Directory not empty", str(path))

    monkeypatch.setattr("gitcoord.worktrees.trash._move_in", lambda _, path: taken(path))
    with pytest.raises(Problem, match="cannot be brought back"):
        bring(sandbox)
    monkeypatch.undo()
    assert read_refs(Repository.find(sandbox.path), "refs/") == refs
    assert os.listdir(worktree.path.parent) == [worktree.path.name]
    (worktree.path / "theirs").unlink()
    bring(sandbox)
    assert held(sandbox, worktree.path) == before


def test_two_processes_undo_at_once(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    take_away(sandbox, worktree.id)
    code = "import sys; from gitcoord.main import main; main()"
    argv = [sys.executable, "-c", code, "undo", worktree.id]
    both = [
        subprocess.Popen(argv, cwd=sandbox.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [one.communicate() for one in both]
    assert sorted(one.returncode for one in both) == [0, 2], said
    assert held(sandbox, worktree.path) == before
    assert gitcoord("doctor", at=sandbox.path).code == 0


def test_the_users_view_is_as_before(sandbox: Sandbox) -> None:
    """Status, stash, branches and `git log --all` but for the trash."""
    sandbox.write("README.md", "stashed\n")
    sandbox.git("stash")
    sandbox.write("README.md", "mine\n")
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    sandbox.git("stash", "-u", at=worktree.path)
    sandbox.write("new", "y", worktree.path)

    def view() -> list[str]:
        return [
            sandbox.git("status", "--porcelain"), sandbox.git("stash", "list"),
            sandbox.git("log", "--all", "--format=%H"), sandbox.git("config", "--list", "--local"),
        ]  # fmt: skip

    before = view()
    take_away(sandbox, worktree.id)
    assert view()[:2] == before[:2]
    bring(sandbox)
    assert view() == before


def test_case_115_the_trash_is_emptied_when_told(sandbox: Sandbox) -> None:
    worktrees = [make(sandbox, f"task {number}") for number in range(3)]
    for worktree in worktrees:
        sandbox.write(".env", "y", worktree.path)
        take_away(sandbox, worktree.id)
    repo = Repository.find(sandbox.path)
    listed = list_trash(repo)
    assert [one.id for one in listed] == [one.id for one in reversed(worktrees)]
    assert gitcoord("trash", "empty", at=sandbox.path).code == 0
    assert len(list_trash(repo)) == 3, "they are young"
    said = gitcoord("trash", "empty", "--all", at=sandbox.path)
    assert said.code == 2 and "gitcoord trash empty --all --yes" in said.err
    assert gitcoord("trash", "empty", worktrees[0].id, "--yes", at=sandbox.path).code == 0
    assert [one.id for one in list_trash(repo)] == [worktrees[2].id, worktrees[1].id]
    assert not (repo.own_dir / "trash" / worktrees[0].id).exists()
    with pytest.raises(NoSuch):
        find_trashed(repo, worktrees[0].id)
    said = gitcoord("trash", "empty", "--older-than", "0", "--yes", at=sandbox.path)
    assert (said.code, list_trash(repo)) == (0, [])
    assert not list((repo.own_dir / "trash").iterdir())
    with pytest.raises(NoSuch, match="empty"):
        find_trashed(repo)


def test_what_is_being_removed_is_not_emptied(sandbox: Sandbox) -> None:
    from gitcoord.process import hold

    worktree = make(sandbox)
    take_away(sandbox, worktree.id)
    repo = Repository.find(sandbox.path)
    with hold(repo.own_dir, worktree.id), pytest.raises(Refused, match="in use"):
        empty(repo, list_trash(repo))
    assert bring(sandbox).id == worktree.id


def test_a_trash_restore_by_part_of_its_id(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    take_away(sandbox, worktree.id)
    said = gitcoord("trash", "list", "--json", at=sandbox.path)
    assert [one["id"] for one in said.json] == [worktree.id]
    assert gitcoord("trash", "restore", worktree.id[-4:], at=sandbox.path).code == 0
    assert plan(sandbox, worktree.id).losses == ()
