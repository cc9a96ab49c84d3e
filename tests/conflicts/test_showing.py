"""What a merge of two looks like, beyond its lines."""

from __future__ import annotations

from tests.calling import gitcoord
from tests.conflicts.pairs import Edit, both, make_pair, putting
from tests.conftest import Sandbox


def executable(path: str) -> Edit:
    return both(putting(path, "echo\n"), lambda folder: (folder / path).chmod(0o755))


def test_one_text_of_two_modes_says_the_modes(sandbox: Sandbox) -> None:
    """git's own kind is add/add; its markers would be around nothing."""
    make_pair(sandbox, executable("tool"), putting("tool", "echo\n"))
    said = gitcoord("conflicts", "show", "left", "right", at=sandbox.path)
    assert said.code == 1, said.err
    assert said.out == (
        "== tool (add/add): left, right\n   mode 100755 in left, 100644 in right\necho\n"
    )
    [file] = gitcoord("conflicts", "show", "left", "right", "--json", at=sandbox.path).json["files"]
    assert (file["a_mode"], file["b_mode"]) == ("100755", "100644")


def test_a_link_against_a_file_says_the_modes(sandbox: Sandbox) -> None:
    make_pair(
        sandbox, lambda folder: (folder / "tool").symlink_to("list.txt"), putting("tool", "x\n")
    )
    said = gitcoord("conflicts", "show", "left", "right", at=sandbox.path)
    assert "== tool (mode): left, right\n   mode 120000 in left, 100644 in right\n" in said.out


def test_equal_modes_are_no_line(sandbox: Sandbox) -> None:
    make_pair(sandbox, putting("tool", "one\n"), putting("tool", "two\n"))
    assert "mode" not in gitcoord("conflicts", "show", "left", "right", at=sandbox.path).out
