"""A scan in words: readable with 3 and with 60 worktrees, one line for a cause."""

from __future__ import annotations

import pytest

from gitcoord.conflicts.scan import CONFLICT, NEAR, TOUCHING, Clash, Scan, Seen, Stale, Unknown
from gitcoord.view.conflicts import cause_lines, is_common, matrix_lines, scan_lines


def scan_of(count: int, *clashes: Clash, stale: bool = False) -> Scan:
    path = "a/path to/some file.py"
    seen = tuple(
        Seen(
            f"development-number-{n:03}", "b", "/w", "live", "h", "t",
            stale=(Stale(path, "content"),) if stale else (),
        )
        for n in range(count)
    )  # fmt: skip
    return Scan("main", "0" * 40, seen, clashes, ())


def clash(one: int, other: int, grade: str = CONFLICT, path: str = "src/a.py") -> Clash:
    a, b = f"development-number-{one:03}", f"development-number-{other:03}"
    return Clash(a, b, grade, "content", path, path, path, ((1, 3),), ((2, 2),))


@pytest.mark.parametrize(("count", "columns"), [(3, 80), (3, 120), (60, 80), (60, 120)])
def test_the_matrix_fits(count: int, columns: int) -> None:
    found = scan_of(count, *(clash(n, n + 1) for n in range(count - 1)))
    lines = matrix_lines(found, columns)
    assert max(map(len, lines)) <= columns
    assert sum("development-" in line for line in lines) == count


def test_the_gravest_grade_of_a_pair_is_in_the_matrix() -> None:
    found = scan_of(2, clash(0, 1), clash(0, 1, NEAR, "x"), clash(0, 1, TOUCHING, "y"))
    assert "  1    X  " in matrix_lines(found)[1]


def test_one_line_for_a_cause_however_many_have_it() -> None:
    pairs = [clash(a, b, NEAR) for a in range(14) for b in range(a)]
    [line] = cause_lines(scan_of(14, *pairs))
    assert line.startswith("near      src/a.py (content): 14 worktrees: development-number-000,")
    assert line.endswith(" …")


def test_what_everybody_edits_comes_last_and_is_not_hidden() -> None:
    pairs = [clash(a, b, path="CHANGELOG.md") for a in range(4) for b in range(a)]
    lines = cause_lines(scan_of(4, *pairs, clash(0, 1, NEAR)))
    assert lines[0].startswith("near      src/a.py")
    assert lines[1] == "files that everybody edits, or that git does not track:"
    assert lines[2].startswith("conflict  CHANGELOG.md")


@pytest.mark.parametrize(
    ("path", "common"),
    [
        ("CHANGELOG.md", True),
        ("docs/changes.rst", True),
        ("web/package-lock.json", True),
        ("poetry.lock", True),
        ("Cargo.lock", True),
        ("src/lock.py", False),
        ("src/changelog/parse.py", False),
    ],
)
def test_files_that_everybody_edits(path: str, common: bool) -> None:
    assert is_common(path) is common


def test_stale_and_unknown_are_said_with_what_to_do() -> None:
    found = scan_of(1, stale=True)
    unknown = (Unknown("x", "", "its folder is not there"),)
    found = Scan(found.target, found.target_id, found.worktrees, (), unknown)
    assert scan_lines(found, 80) == [
        "stale     development-number-000 conflicts with main: a/path to/some file.py (content)",
        "            next: gitcoord conflicts show development-number-000",
        "unknown   x: its folder is not there",
    ]
