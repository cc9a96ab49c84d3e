"""Is it merged? Never a false yes; a squash, a rebase or cherry-picks are a true one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitcoord.git.repository import Repository
from gitcoord.worktrees.integration import Integration, find_integration
from tests.conftest import Sandbox

FOLDER = ".agentcoord/x"
LINES = "".join(f"line {number}\n" for number in range(40))


def asked(sandbox: Sandbox, *, base: str = "start") -> Integration:
    """What is said of the branch `work`, cut from the tag-less commit `start` of main."""
    return find_integration(
        Repository.find(sandbox.path), sandbox.git("rev-parse", "work"),
        besides={"refs/heads/work"}, base=sandbox.git("rev-parse", f"{base}^{{commit}}"),
        base_ref="refs/heads/main", folder=FOLDER,
    )  # fmt: skip


def begin(sandbox: Sandbox, *changes: dict[str, str | bytes]) -> None:
    """main with a file of 40 lines; `work` with its context and a commit for each change."""
    sandbox.commit("lines", {"lines": LINES})
    sandbox.git("update-ref", "refs/start", "HEAD")
    sandbox.git("checkout", "-q", "-b", "work")
    sandbox.commit("Start", {f"{FOLDER}/context.toml": "x = 1\n"})
    for number, files in enumerate(changes):
        sandbox.commit(f"work {number}", files)
    sandbox.git("checkout", "-q", "main")


def edited(number: int, text: str, lines: str = LINES) -> str:
    return lines.replace(f"line {number}\n", f"{text}\n")


ONE, TWO = edited(5, "five"), edited(30, "thirty", edited(5, "five"))


def _squash(sandbox: Sandbox) -> None:
    sandbox.git("merge", "-q", "--squash", "work")
    sandbox.git("rm", "-rqf", "--ignore-unmatch", ".agentcoord")
    sandbox.git("commit", "-qm", "squashed")


def _rebase(sandbox: Sandbox) -> None:
    sandbox.commit("main moved", {"other": "1\n"})
    sandbox.git("cherry-pick", "work~1", "work")


def _apart(sandbox: Sandbox) -> None:
    """Each commit on its own, with others in between."""
    for name in ("work~1", "work"):
        sandbox.git("cherry-pick", name)
        sandbox.commit("between", {f"between-{name}": "1\n"})


def _squash_then_edit(sandbox: Sandbox) -> None:
    _squash(sandbox)
    sandbox.commit("on the same lines", {"lines": edited(5, "cinq", TWO).replace("five", "cinq")})


def _squash_then_revert(sandbox: Sandbox) -> None:
    _squash(sandbox)
    sandbox.git("revert", "--no-edit", "HEAD")


def _squash_on_moved(sandbox: Sandbox) -> None:
    sandbox.commit("main moved, same file", {"lines": edited(18, "eighteen")})
    _squash(sandbox)
    sandbox.git("mv", "lines", "renamed")
    sandbox.git("commit", "-qm", "rename")


def _with_findings(sandbox: Sandbox) -> None:
    sandbox.git("merge", "-q", "--squash", "work")
    sandbox.git("commit", "-qm", "squashed with the findings")


def _upstream_only(sandbox: Sandbox) -> None:
    """origin/main has it, the local main does not."""
    _squash(sandbox)
    sandbox.git("update-ref", "refs/remotes/origin/main", "HEAD")
    sandbox.git("config", "branch.main.remote", "origin")
    sandbox.git("config", "branch.main.merge", "refs/heads/main")
    sandbox.git("reset", "-q", "--hard", "HEAD~1")


MERGED: dict[str, Callable[[Sandbox], object]] = {
    "fast-forward": lambda s: s.git("merge", "-q", "--ff-only", "work"),
    "merge commit": lambda s: s.git("merge", "-q", "--no-ff", "--no-edit", "work"),
    "in a tag only": lambda s: s.git("tag", "v1", "work"),
    "in another branch": lambda s: s.git("branch", "other", "work"),
    "squash": _squash,
    "squash with findings": _with_findings,
    "rebase": _rebase,
    "cherry-picks apart": _apart,
    "squash, then others edit the same lines": _squash_then_edit,
    "squash, then revert": _squash_then_revert,
    "squash where main moved, then rename": _squash_on_moved,
    "upstream only": _upstream_only,
}


@pytest.mark.parametrize("how", MERGED)
def test_case_103_merged_in_any_way_is_known(sandbox: Sandbox, how: str) -> None:
    begin(sandbox, {"lines": ONE}, {"lines": TWO})
    assert not asked(sandbox)
    MERGED[how](sandbox)
    assert asked(sandbox), how


def _half(sandbox: Sandbox) -> None:
    sandbox.git("cherry-pick", "work~1")


def _whitespace(sandbox: Sandbox) -> None:
    """What git-patch-id takes for the same patch."""
    sandbox.commit(
        "indented", {"lines": TWO.replace("five", "  five").replace("thirty", "\tthirty")}
    )


def _elsewhere(sandbox: Sandbox) -> None:
    """The same patch, in another file."""
    sandbox.commit("copy", {"copy": TWO})


def _driver(sandbox: Sandbox) -> None:
    """A merge that keeps its own side always adds nothing."""
    sandbox.commit("attributes", {".gitattributes": "* merge=ours\n"})
    sandbox.git("config", "merge.ours.driver", "true")
    sandbox.commit("edit", {"lines": edited(5, "not five")})


def _union(sandbox: Sandbox) -> None:
    sandbox.commit("attributes", {".gitattributes": "* merge=union\n"})
    sandbox.commit("edit", {"lines": edited(5, "not five", edited(30, "x"))})


def _merged_then_discarded(sandbox: Sandbox) -> None:
    """`-s ours` in the other direction: its commits are not in main."""
    sandbox.git("branch", "side", "work")
    sandbox.git("branch", "-D", "side")
    sandbox.commit("moved", {"other": "1\n"})


NOT_MERGED: dict[str, Callable[[Sandbox], object]] = {
    "nothing done": lambda s: None,
    "main moved": lambda s: s.commit("x", {"other": "1\n"}),
    "half of it": _half,
    "other white space": _whitespace,
    "another file": _elsewhere,
    "merge driver": _driver,
    "union": _union,
    "branch gone again": _merged_then_discarded,
    "conflicting edit": lambda s: s.commit("x", {"lines": edited(5, "fünf")}),
    "file deleted": lambda s: (s.git("rm", "-q", "lines"), s.git("commit", "-qm", "gone")),
    "remote branch only": lambda s: s.git("update-ref", "refs/remotes/origin/work", "work"),
}


@pytest.mark.parametrize("how", NOT_MERGED)
def test_case_103_never_a_false_yes(sandbox: Sandbox, how: str) -> None:
    begin(sandbox, {"lines": ONE}, {"lines": TWO})
    NOT_MERGED[how](sandbox)
    found = asked(sandbox)
    assert (found.by, found.missing) == ("", 2)


def test_binary_files_are_told_apart(sandbox: Sandbox) -> None:
    """A patch only says that they differ."""
    begin(sandbox, {"image": b"\0\1work"})
    sandbox.commit("another image", {"image": b"\0\2main"})
    assert not asked(sandbox)
    sandbox.commit("the same image", {"image": b"\0\1work"})
    assert asked(sandbox)


def test_modes_and_deletions_are_work(sandbox: Sandbox) -> None:
    begin(sandbox)
    sandbox.git("checkout", "-q", "work")
    sandbox.git("rm", "-q", "README.md")
    (sandbox.path / "src" / "cart.py").chmod(0o755)
    sandbox.git("commit", "-qam", "less")
    sandbox.git("checkout", "-q", "main")
    assert asked(sandbox).missing == 1
    sandbox.git("rm", "-q", "README.md")
    sandbox.git("commit", "-qm", "half")
    assert not asked(sandbox)


def test_nothing_but_the_agents_own_folder_is_no_work(sandbox: Sandbox) -> None:
    begin(sandbox, {f"{FOLDER}/findings/one.md": "x"})
    assert asked(sandbox).by == "it changes no file"
    sandbox.git("checkout", "-q", "work")
    sandbox.commit("another's folder", {".agentcoord/y/context.toml": "x"})
    assert not asked(sandbox)


def test_commits_that_cancel_out_are_work(sandbox: Sandbox) -> None:
    """Somebody may want one of them back."""
    begin(sandbox, {"lines": ONE}, {"lines": LINES})
    assert asked(sandbox).missing == 2


def test_main_merged_into_it_is_no_work(sandbox: Sandbox) -> None:
    begin(sandbox)
    sandbox.commit("main moved", {"other": "1\n"})
    sandbox.git("checkout", "-q", "work")
    sandbox.git("merge", "-q", "--no-edit", "main")
    sandbox.git("checkout", "-q", "main")
    assert asked(sandbox)


def test_an_evil_merge_is_work(sandbox: Sandbox) -> None:
    """An edit that is in no patch, only in the merge commit."""
    begin(sandbox)
    sandbox.commit("main moved", {"other": "1\n"})
    sandbox.git("checkout", "-q", "work")
    sandbox.git("merge", "-q", "--no-commit", "--no-ff", "main")
    sandbox.write("lines", ONE)
    sandbox.git("commit", "-qam", "merge, and more")
    sandbox.git("checkout", "-q", "main")
    assert not asked(sandbox)


def test_a_discarded_line_of_work_is_work(sandbox: Sandbox) -> None:
    """Merged with `-s ours`, it is in no file; a walk that simplifies history passes it over."""
    begin(sandbox)
    sandbox.git("checkout", "-q", "-b", "side", "work")
    sandbox.commit("side", {"side": "1\n"})
    sandbox.git("checkout", "-q", "work")
    sandbox.git("merge", "-q", "-s", "ours", "--no-edit", "side")
    sandbox.git("branch", "-D", "side")
    sandbox.git("checkout", "-q", "main")
    assert not asked(sandbox)


def test_case_71_unrelated_and_shallow_histories_fail_closed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    begin(sandbox, {"lines": ONE})
    shallow = Sandbox(tmp_path / "shallow")
    sandbox.git(
        "clone", "-q", "--depth=1", "--no-single-branch", f"file://{sandbox.path}", "../shallow"
    )
    shallow.git("branch", "work", "origin/work")
    shallow.git("update-ref", "-d", "refs/remotes/origin/work")
    assert not asked(shallow, base="main")
    sandbox.git("checkout", "-q", "--orphan", "unrelated")
    sandbox.commit("unrelated", {"lines": ONE})
    sandbox.git("branch", "-f", "work", "unrelated")
    sandbox.git("checkout", "-q", "-f", "main")
    sandbox.git("branch", "-D", "unrelated")
    assert not asked(sandbox)


def test_asking_leaves_no_object_of_its_merges(sandbox: Sandbox) -> None:
    """Case 67: only the commit without the findings, and its trees, may be there afterwards."""
    begin(sandbox, {"lines": ONE})
    for number in range(5):
        sandbox.commit("main moved", {"lines": edited(20, f"twenty {number}")})
    before = int(sandbox.git("count-objects").split()[0])
    assert not asked(sandbox)
    assert int(sandbox.git("count-objects").split()[0]) - before <= 3
