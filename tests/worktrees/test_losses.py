"""What removal refuses, each with its reason and a way out; and what it lets go."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gitcoord.config import Config
from gitcoord.errors import Refused
from gitcoord.git.repository import Repository
from gitcoord.worktrees.losses import plan_removal
from gitcoord.worktrees.parking import park
from gitcoord.worktrees.worktree import view_worktrees
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.holding import make, plan, seen

Spoil = Callable[[Sandbox, Path], object]


def _staged(sandbox: Sandbox, top: Path) -> None:
    sandbox.write("README.md", "x", top)
    sandbox.git("add", "-A", at=top)


def _hidden(flag: str) -> Spoil:
    def spoil(sandbox: Sandbox, top: Path) -> None:
        sandbox.git("update-index", flag, "README.md", at=top)
        sandbox.write("README.md", "hidden", top)

    return spoil


def _meant(sandbox: Sandbox, top: Path) -> None:
    sandbox.write("meant", "x", top)
    sandbox.git("add", "-N", "meant", at=top)


def _nested(sandbox: Sandbox, top: Path) -> None:
    (top / "nested").mkdir()
    sandbox.git("init", "-q", at=top / "nested")


def _detached(sandbox: Sandbox, top: Path) -> None:
    sandbox.git("checkout", "-q", "--detach", at=top)
    sandbox.commit("x", {"x": "1"}, at=top)


def _merging(sandbox: Sandbox, top: Path) -> None:
    sandbox.git("branch", "theirs", "main~1")
    sandbox.git("merge", "-q", "--no-commit", "--no-ff", "-s", "ours", "main", at=top)
    sandbox.git("commit", "-q", "--amend", "--no-edit", "--allow-empty", at=top, ok=False)
    (top.parent.parent / "shop" / ".git" / "worktrees" / top.name / "MERGE_HEAD").write_text(
        sandbox.git("rev-parse", "main") + "\n"
    )


SPOILS: dict[str, tuple[Spoil, str]] = {
    "changed": (lambda s, t: s.write("README.md", "x", t), "1 changed"),
    "staged": (_staged, "1 staged"),
    "untracked": (lambda s, t: s.write("new", "x", t), "1 untracked"),
    "deleted": (lambda s, t: (t / "README.md").unlink(), "1 changed"),
    "intent to add": (_meant, "1 changed"),
    "assume-unchanged": (_hidden("--assume-unchanged"), "1 changed and hidden"),
    "skip-worktree": (_hidden("--skip-worktree"), "1 changed and hidden"),
    "nested repository": (_nested, "1 untracked"),
    "commit": (lambda s, t: s.commit("x", {"x": "1"}, at=t), "1 commit on development"),
    "detached commit": (_detached, "1 commit on a detached HEAD"),
    "merge": (_merging, "a merge in progress"),
    "bisect": (lambda s, t: s.git("bisect", "start", at=t), "a bisect in progress"),
    "secret": (lambda s, t: s.write(".env", "x", t), "ignored files that count: .env"),
    "deep secret": (
        lambda s, t: (s.write(".gitignore", "data/\n", t), s.write("data/my.sqlite", "x", t)),
        "data/my.sqlite",
    ),
}


@pytest.mark.parametrize("name", SPOILS)
def test_case_102_what_would_be_lost_is_named(sandbox: Sandbox, name: str) -> None:
    """Whatever the user's settings hide from `git status`."""
    sandbox.git("config", "status.showUntrackedFiles", "no")
    sandbox.git("config", "diff.ignoreSubmodules", "all")
    worktree = make(sandbox)
    spoil, reason = SPOILS[name]
    spoil(sandbox, worktree.path)
    removal = plan(sandbox, worktree.id)
    assert (removal.never, any(reason in loss for loss in removal.losses)) == ((), True), removal
    with pytest.raises(Refused, match="holds what is nowhere else") as refused:
        removal.refuse(force=False)
    assert refused.value.hint.endswith(f"gitcoord remove --force {worktree.id}")
    removal.refuse(force=True)
    assert worktree.path.is_dir()


def test_case_104_a_fresh_one_with_nothing_but_its_context_goes(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    assert gitcoord("remove", worktree.id, at=sandbox.path).code == 0
    assert not worktree.path.exists()
    assert not worktree.path.parent.exists(), "the folder that start made goes with the last one"


def test_case_102_the_same_secret_as_the_main_worktree_has_is_no_loss(sandbox: Sandbox) -> None:
    sandbox.write(".env", "SECRET=1\n")
    worktree = make(sandbox)
    sandbox.write(".env", "SECRET=1\n", worktree.path)
    assert plan(sandbox, worktree.id).losses == ()
    sandbox.write(".env", "SECRET=2\n", worktree.path)
    assert plan(sandbox, worktree.id).losses != ()


def test_parked_work_is_a_loss(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    assert park(Repository.find(sandbox.path), worktree)
    assert plan(sandbox, worktree.id).losses == ("1 piece of parked work",)


def test_case_102_a_status_that_fails_is_not_clean(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    assert worktree.admin
    (worktree.admin / "index").write_bytes(b"DIRC no index at all")
    said = gitcoord("remove", "--force", worktree.id, at=sandbox.path)
    assert said.code == 2 and "cannot be read" in said.err, said.err
    assert f"hint: mend it first: git -C '{worktree.path}' status" in said.err
    assert seen(sandbox, worktree.id).state == "live"


def test_case_101_locked_is_refused_also_when_absent(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("worktree", "lock", "--reason", "on a stick", str(worktree.path))
    for _ in ("there", "absent"):
        removal = plan(sandbox, worktree.id)
        assert removal.never == ("it is locked (on a stick)",)
        with pytest.raises(Refused, match="locked") as refused:
            removal.refuse(force=True)
        assert refused.value.hint.endswith(f"git worktree unlock '{worktree.path}'")
        if worktree.path.exists():
            worktree.path.rename(worktree.path.with_name("unplugged"))


def test_case_101_not_while_one_stands_in_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = make(sandbox)
    monkeypatch.chdir(worktree.path / "src")
    said = gitcoord("remove", "--force", worktree.id, at=sandbox.path)
    assert said.code == 2 and "you are standing in it" in said.err
    assert f"cd '{sandbox.path}' && gitcoord remove" in said.err


def test_case_101_not_while_a_process_lives_in_it(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    with subprocess.Popen(["sleep", "60"], cwd=worktree.path / "src") as living:
        try:
            removal = plan(sandbox, worktree.id)
        finally:
            living.kill()
    assert removal.never == (f"1 process(es) live in it: sleep ({living.pid})",)


def test_case_107_not_when_something_else_is_at_its_place(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    worktree.path.rename(worktree.path.with_name("moved"))
    worktree.path.mkdir()
    sandbox.git("init", "-q", at=worktree.path)
    removal = plan(sandbox, worktree.id)
    assert "holds something else now" in removal.never[0]


def test_not_while_another_worktree_lies_in_it(sandbox: Sandbox) -> None:
    outer = make(sandbox)
    inner = outer.path / "inner"
    sandbox.git("worktree", "add", "-q", "-b", "inner", str(inner))
    assert plan(sandbox, outer.id).never == (f"the worktree {inner} lies in it",)
    sandbox.git("worktree", "remove", str(inner))
    assert plan(sandbox, outer.id).never == ()


def test_case_113_an_adopted_one_keeps_its_branch(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("worktree", "add", "-q", "-b", "theirs", str(tmp_path / "theirs"))
    sandbox.commit("x", {"x": "1"}, at=tmp_path / "theirs")
    assert gitcoord("adopt", tmp_path / "theirs", at=sandbox.path).code == 0
    worktree = view_worktrees(Repository.find(sandbox.path)).mine[0]
    removal = plan(sandbox, worktree.id)
    assert (removal.losses, removal.deletes_branch) == ((), None)
    assert gitcoord("remove", worktree.id, at=sandbox.path).code == 0
    assert sandbox.git("log", "-1", "--format=%s", "theirs") == "x"


def test_case_113_never_one_that_others_made_at_the_same_place(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("worktree", "remove", "--force", str(worktree.path))
    sandbox.git("worktree", "add", "-q", "-b", "theirs", str(worktree.path))
    sandbox.write("theirs", "x", worktree.path)
    assert gitcoord("remove", "--force", worktree.id, at=sandbox.path).code == 0
    assert (worktree.path / "theirs").read_text() == "x"


def test_a_folder_that_is_gone_keeps_what_is_staged(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("staged", "x", worktree.path)
    sandbox.git("add", "staged", at=worktree.path)
    subprocess.run(["rm", "-rf", worktree.path], check=True)
    assert plan(sandbox, worktree.id).losses[-1] == "what is staged in it"
    assert gitcoord("remove", "--force", worktree.id, at=sandbox.path).code == 0
    assert gitcoord("undo", at=sandbox.path).code == 0
    assert sandbox.git("status", "--porcelain", at=worktree.path) == "A  staged"
    assert (worktree.path / "staged").read_text() == "x"


def test_a_base_that_nobody_else_holds_is_a_loss(sandbox: Sandbox) -> None:
    """The branch it was cut from is deleted: its own is the last to hold those commits."""
    sandbox.git("checkout", "-q", "-b", "feature")
    sandbox.commit("only here", {"x": "1"})
    sandbox.git("checkout", "-q", "main")
    worktree = make(sandbox, from_ref="feature")
    assert plan(sandbox, worktree.id).losses == ()
    sandbox.git("branch", "-D", "feature")
    assert "commit" in plan(sandbox, worktree.id).losses[0]


def test_two_removed_together_do_not_vouch_for_each_other(sandbox: Sandbox) -> None:
    first = make(sandbox, "one")
    sandbox.commit("work", {"x": "1"}, at=first.path)
    second = make(sandbox, "two", from_ref=str(first.branch))
    assert plan(sandbox, first.id).losses == ()
    together = [first.id, second.id]
    assert plan(sandbox, first.id, together=together).losses != ()
    said = gitcoord("remove", first.id, second.id, at=sandbox.path)
    assert said.code == 2 and first.path.is_dir() and second.path.is_dir()


def _with_submodule(sandbox: Sandbox, tmp_path: Path) -> Path:
    library = Sandbox(tmp_path / "library")
    library.path.mkdir()
    library.git("init", "-q")
    library.commit("one", {"lib.py": "1\n"})
    sandbox.git("submodule", "add", "-q", str(library.path), "lib/inner")
    sandbox.git("commit", "-qm", "use it")
    worktree = make(sandbox)
    sandbox.git("submodule", "update", "-q", "--init", at=worktree.path)
    return worktree.path


def test_case_102_commits_of_submodules_that_no_remote_has(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    top = _with_submodule(sandbox, tmp_path)
    assert plan(sandbox, top.name).losses == ()
    sandbox.commit("inner work", {"lib.py": "2\n"}, at=top / "lib" / "inner")
    losses = plan(sandbox, top.name).losses
    assert "commits in submodule lib/inner that no remote has" in losses
    sandbox.git("reset", "-q", "--hard", "HEAD~1", at=top / "lib" / "inner")
    assert losses[-1:] == plan(sandbox, top.name).losses, "still in its reflog"


def test_submodules_come_back_with_all_that_is_in_them(sandbox: Sandbox, tmp_path: Path) -> None:
    top = _with_submodule(sandbox, tmp_path)
    inner = top / "lib" / "inner"
    tip = sandbox.commit("inner work", {"lib.py": "2\n"}, at=inner)
    sandbox.write("lib.py", "3\n", inner)
    sandbox.write("untracked", "4\n", inner)
    before = sandbox.git("status", "--porcelain=v2", at=top)
    assert gitcoord("remove", "--force", top.name, at=sandbox.path).code == 0
    there = tmp_path / "a" / "place"
    assert gitcoord("undo", "--path", there, at=sandbox.path).code == 0
    inner = there / "lib" / "inner"
    assert sandbox.git("rev-parse", "HEAD", at=inner) == tip
    assert sandbox.git("status", "--porcelain", at=inner) == " M lib.py\n?? untracked"
    assert sandbox.git("status", "--porcelain=v2", at=there) == before


def test_a_folder_a_build_makes_again_is_not_kept_a_file_of_that_name_is(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write(".gitignore", "node_modules\ntarget/\ndist\n", worktree.path)
    sandbox.write("node_modules/x", "x", worktree.path)
    sandbox.write("target/x", "x", worktree.path)
    sandbox.write("dist", "a file", worktree.path)
    removal = plan(sandbox, worktree.id)
    assert (removal.rebuilt, removal.aside) == (("node_modules", "target"), ("dist",))


def test_the_main_worktree_is_never_ours(sandbox: Sandbox) -> None:
    """Even if a record said so."""
    worktree = make(sandbox)
    repo = Repository.find(sandbox.path)
    view = view_worktrees(repo)
    false = replace(worktree, linked=view.main, admin=repo.common_dir)
    removal = plan_removal(repo, view, false, Config().trash, cwd=None)
    assert removal.never[0] == "it is the main worktree"


def test_dry_run_says_it_and_changes_nothing(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    refs = sandbox.git("for-each-ref")
    said = gitcoord("remove", "--dry-run", worktree.id, at=sandbox.path)
    assert said.code == 1 and "1 untracked" in said.out
    assert sandbox.git("for-each-ref") == refs and os.listdir(worktree.path)
