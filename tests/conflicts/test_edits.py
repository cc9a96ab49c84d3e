"""Would this edit collide: lines of the asker's own file against what others changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.conflicts.edits import FILE, SCHEMA, who_edits, would_collide
from gitcoord.conflicts.whole import read_whole, write_whole


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """`me` put three lines after line 2 of f; `you` changed lines 10 and 11 and took 20 out."""
    write_whole(
        tmp_path / FILE,
        {
            "schema": SCHEMA,
            "time": 0,
            "target": "main",
            "worktrees": [["me", "me", ""], ["you", "you", "the task"]],
            "paths": {
                "f": [
                    [0, "edit", [[2, 2, 2, 5]], True],
                    [1, "edit", [[9, 11, 9, 11], [19, 20, 19, 19]], False],
                ],
                "bin": [[1, "other", None, True]],
            },
        },
    )
    return tmp_path


def ids(own_dir: Path, path: str, *lines: tuple[int, int]) -> list[str]:
    found = would_collide(own_dir, "me", path, lines)
    assert found is not None
    return [one.id for one in found]


@pytest.mark.parametrize(
    ("lines", "meets"),
    [
        ((13, 13), True),  # line 10 of the base
        ((14, 14), True),  # line 11
        ((12, 12), True),  # line 9: adjacent to line 10 is as good as the same
        ((11, 11), False),
        ((15, 15), True),  # line 12, adjacent to 11
        ((16, 16), False),
        ((10, 10), False),  # line 7 of the base, although `you` changed line 10
        ((1, 12), True),
        ((3, 5), False),  # own lines
        ((23, 23), True),  # line 20, which is gone there
        ((30, 40), False),
    ],
)
def test_lines_are_those_of_the_askers_file(
    known: Path, lines: tuple[int, int], meets: bool
) -> None:
    assert (ids(known, "f", lines) == ["you"]) is meets


def test_a_file_that_is_no_text_collides_as_a_whole(known: Path) -> None:
    assert ids(known, "bin", (1, 1)) == ["you"]
    assert ids(known, "other", (1, 1)) == []


def test_what_each_does_is_told(known: Path) -> None:
    found = who_edits(known, "f")
    assert found is not None
    assert [(one.id, one.lines, one.committed) for one in found.edits] == [
        ("me", ((3, 5),), True),
        ("you", ((10, 11), (20, 19)), False),
    ]


@pytest.mark.parametrize("damage", [b"", b"{}", b"00000000\n{}"])
def test_a_damaged_file_is_no_answer(known: Path, damage: bytes) -> None:
    (known / FILE).write_bytes(damage)
    assert who_edits(known, "f") is None
    assert would_collide(known, "me", "f", [(1, 1)]) is None


def test_half_a_file_is_refused(known: Path) -> None:
    whole = (known / FILE).read_bytes()
    (known / FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not as it was written"):
        read_whole(known / FILE)
