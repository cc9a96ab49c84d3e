"""park and unpark: a pile for each worktree, nothing dropped, nothing mixed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.errors import Contended, NoSuch, Refused
from gitcoord.git.repository import Repository
from gitcoord.worktrees import parking
from gitcoord.worktrees.parking import list_parked, park, unpark
from gitcoord.worktrees.worktree import Worktree
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.holding import bring, held, make, seen, take_away


def parked(sandbox: Sandbox, worktree: Worktree) -> int:
    found = park(Repository.find(sandbox.path), worktree)
    assert found is not None
    return found.number


def taken_up(sandbox: Sandbox, worktree: Worktree, number: int | None = None) -> int:
    return unpark(Repository.find(sandbox.path), worktree, number).number


def _dirty(sandbox: Sandbox, top: Path) -> None:
    sandbox.write("README.md", "staged\n", top)
    sandbox.git("add", "README.md", at=top)
    sandbox.write("README.md", "and changed\n", top)
    (top / "src" / "cart.py").unlink()
    sandbox.write("new/file", "untracked\n", top)
    sandbox.write("meant", "x\n", top)
    sandbox.git("add", "-N", "meant", at=top)
    (top / "src" / "auth.py").chmod(0o755)
    sandbox.git("update-index", "--assume-unchanged", ".gitignore", at=top)
    sandbox.write(".gitignore", "hidden change\n.env\n", top)


def test_all_of_it_comes_back_exactly(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    _dirty(sandbox, worktree.path)
    sandbox.write(".env", "stays", worktree.path)
    before, stash = held(sandbox, worktree.path), sandbox.git("stash", "list")
    assert parked(sandbox, worktree) == 1
    assert sandbox.git("status", "--porcelain", at=worktree.path) == ""
    assert (worktree.path / ".env").read_text() == "stays"
    assert taken_up(sandbox, worktree) == 1
    assert held(sandbox, worktree.path) == before
    assert sandbox.git("stash", "list") == stash
    assert list_parked(Repository.find(sandbox.path), worktree.id) == []


def test_case_45_each_worktree_has_its_own_pile(sandbox: Sandbox) -> None:
    one, two = make(sandbox, "one"), make(sandbox, "two")
    for worktree in (one, two):
        sandbox.write("mine", worktree.id, worktree.path)
        assert parked(sandbox, worktree) == 1
    assert taken_up(sandbox, two) == 1
    with pytest.raises(NoSuch, match="nothing parked"):
        taken_up(sandbox, two)
    assert (two.path / "mine").read_text() == two.id
    assert not (one.path / "mine").exists()


def test_any_piece_by_its_number(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    for text in "123":
        sandbox.write(f"file-{text}", text, worktree.path)
        assert parked(sandbox, worktree) == int(text)
    assert taken_up(sandbox, worktree, 2) == 2
    assert [one.number for one in list_parked(Repository.find(sandbox.path), worktree.id)] == [3, 1]
    with pytest.raises(NoSuch, match="no piece 2"):
        taken_up(sandbox, worktree, 2)
    sandbox.git("clean", "-fdq", at=worktree.path)
    assert taken_up(sandbox, worktree) == 3


def test_nothing_to_park(sandbox: Sandbox) -> None:
    assert park(Repository.find(sandbox.path), make(sandbox)) is None


def test_onto_a_branch_that_moved_on(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("README.md", "# shop, parked\n\nA small shop with a login.\n", worktree.path)
    parked(sandbox, worktree)
    sandbox.commit("moved", {"README.md": "# shop\n\nA small shop with a login.\n\nMore.\n"},
                   at=worktree.path)  # fmt: skip
    taken_up(sandbox, worktree)
    text = (worktree.path / "README.md").read_text()
    assert text == "# shop, parked\n\nA small shop with a login.\n\nMore.\n"


@pytest.mark.parametrize("driver", [False, True])
def test_a_conflict_is_refused_and_changes_nothing(sandbox: Sandbox, *, driver: bool) -> None:
    """Also where a merge driver would settle it by dropping what was parked."""
    worktree = make(sandbox)
    if driver:
        sandbox.git("config", "merge.ours.driver", "true")
        sandbox.commit("driver", {".gitattributes": "* merge=ours\n"}, at=worktree.path)
    sandbox.write("README.md", "parked\n", worktree.path)
    parked(sandbox, worktree)
    sandbox.commit("moved", {"README.md": "moved\n"}, at=worktree.path)
    before = held(sandbox, worktree.path)
    with pytest.raises(Refused, match=r"conflicts .*README.md"):
        taken_up(sandbox, worktree)
    assert held(sandbox, worktree.path) == before
    assert seen(sandbox, worktree.id).state == "live"
    sandbox.git("reset", "-q", "--hard", "HEAD~1", at=worktree.path)
    taken_up(sandbox, worktree)
    assert (worktree.path / "README.md").read_text() == "parked\n"


def test_never_mixed_with_other_uncommitted_files(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("one", "1", worktree.path)
    parked(sandbox, worktree)
    sandbox.write("two", "2", worktree.path)
    with pytest.raises(Refused, match="mix") as refused:
        taken_up(sandbox, worktree)
    assert refused.value.hint.endswith(f"gitcoord park {worktree.id}")


def test_not_in_the_middle_of_something(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("bisect", "start", at=worktree.path)
    sandbox.write("one", "1", worktree.path)
    with pytest.raises(Refused, match="in the middle of a bisect") as refused:
        parked(sandbox, worktree)
    assert refused.value.hint.endswith("bisect reset")


def test_case_123_not_while_git_is_at_work_there(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("one", "1", worktree.path)
    assert worktree.admin
    (worktree.admin / "index.lock").touch()
    with pytest.raises(Refused, match="git is at work"):
        parked(sandbox, worktree)
    assert (worktree.path / "one").exists()


def test_what_a_commit_cannot_hold_is_refused(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    (worktree.path / "nested").mkdir()
    sandbox.git("init", "-q", at=worktree.path / "nested")
    with pytest.raises(Refused, match="nested"):
        parked(sandbox, worktree)
    assert list_parked(Repository.find(sandbox.path), worktree.id) == []


def test_what_a_filter_would_drop_is_refused(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("config", "filter.strip.clean", "sed s/output.*//")
    sandbox.git("config", "filter.shout.clean", "tr A-Z a-z")
    sandbox.git("config", "filter.shout.smudge", "tr a-z A-Z")
    sandbox.commit("f", {".gitattributes": "*.nb filter=strip\n*.up filter=shout\n* text=auto\n"},
                   at=worktree.path)  # fmt: skip
    sandbox.write("loud.up", "LOUD\n", worktree.path)
    sandbox.write("dos.txt", b"one\r\n", worktree.path)
    assert parked(sandbox, worktree) == 1, "these come back, but for line endings"
    taken_up(sandbox, worktree)
    sandbox.write("book.nb", "code\noutput 42\n", worktree.path)
    with pytest.raises(Refused, match=r"a filter would give book.nb back"):
        parked(sandbox, worktree)
    assert (worktree.path / "book.nb").read_text() == "code\noutput 42\n"


def test_case_78_a_file_written_meanwhile_stops_it_before_anything_changed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = make(sandbox)
    sandbox.write("README.md", "parked\n", worktree.path)
    keep = parking._keep

    def and_write(*args: object) -> object:
        kept = keep(*args)  # type: ignore[arg-type]
        sandbox.write("README.md", "written meanwhile\n", worktree.path)
        return kept

    monkeypatch.setattr(parking, "_keep", and_write)
    with pytest.raises(Contended):
        parked(sandbox, worktree)
    monkeypatch.undo()
    assert (worktree.path / "README.md").read_text() == "written meanwhile\n"
    assert list_parked(Repository.find(sandbox.path), worktree.id) == []
    assert seen(sandbox, worktree.id).state == "live"


def test_case_55_two_processes_take_up_the_same_piece(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    _dirty(sandbox, worktree.path)
    before = held(sandbox, worktree.path)
    parked(sandbox, worktree)
    code = "from gitcoord.main import main; main()"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, "unpark", worktree.id], cwd=sandbox.path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [one.communicate() for one in both]
    assert sorted(one.returncode for one in both) == [0, 2], said
    assert held(sandbox, worktree.path) == before


def test_parked_work_outlives_its_worktree(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("one", "1", worktree.path)
    parked(sandbox, worktree)
    take_away(sandbox, worktree.id)
    bring(sandbox)
    assert taken_up(sandbox, seen(sandbox, worktree.id)) == 1
    assert (worktree.path / "one").read_text() == "1"


def test_a_sparse_worktree_stays_sparse(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("sparse-checkout", "set", "src", at=worktree.path)
    sandbox.write("src/auth.py", "changed", worktree.path)
    before = held(sandbox, worktree.path)
    parked(sandbox, worktree)
    assert not (worktree.path / "tests").exists()
    taken_up(sandbox, worktree)
    assert held(sandbox, worktree.path) == before


def test_changes_in_a_submodule_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    library = Sandbox(tmp_path / "library")
    library.path.mkdir()
    library.git("init", "-q")
    library.commit("one", {"lib.py": "1\n"})
    sandbox.git("submodule", "add", "-q", str(library.path), "lib")
    sandbox.git("commit", "-qm", "use it")
    worktree = make(sandbox)
    sandbox.git("submodule", "update", "-q", "--init", at=worktree.path)
    sandbox.write("README.md", "x", worktree.path)
    assert parked(sandbox, worktree) == 1
    taken_up(sandbox, worktree)
    sandbox.commit("inner", {"lib.py": "2\n"}, at=worktree.path / "lib")
    with pytest.raises(Refused, match="submodule lib has changes"):
        parked(sandbox, worktree)


def test_by_words(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    worktree = make(sandbox)
    sandbox.write("one", "1", worktree.path)
    monkeypatch.chdir(worktree.path)
    assert gitcoord("park", "-m", "half a fix").out.endswith("as 1\n")
    assert "half a fix" in gitcoord("show", worktree.id).out
    assert gitcoord("unpark").code == 0
