from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from gitcoord.checks.markers import find_markers

CONFLICT = b"a\n<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> topic\nb\n"
WITH_BASE = b"<<<<<<< HEAD\nx\n||||||| 1234567\nz\n=======\ny\n>>>>>>> topic\n"


def everything(line: int) -> bool:
    return True


def only(*lines: int) -> Callable[[int], bool]:
    return lines.__contains__


def test_a_whole_conflict_is_said_once_where_it_begins() -> None:
    assert find_markers(CONFLICT, "a.py", everything) == [2]
    assert find_markers(WITH_BASE, "a.py", everything) == [1]
    assert find_markers(CONFLICT + CONFLICT, "a.py", everything) == [2, 9]


def test_lines_may_end_as_on_windows() -> None:
    assert find_markers(CONFLICT.replace(b"\n", b"\r\n"), "a.py", everything) == [2]


def test_a_conflict_that_was_there_before_is_left_alone() -> None:
    assert find_markers(CONFLICT, "a.py", only(1, 7)) == []


def test_one_forgotten_marker_is_said_of_code_but_not_of_prose_or_tests() -> None:
    left = b"a\n>>>>>>> feature/login\nb\n"
    assert find_markers(left, "src/a.py", everything) == [2]
    for path in ("README.md", "tests/a.py", "src/a.spec.ts", "docs/a.c", "test_a.py"):
        assert find_markers(left, path, everything) == []


def test_a_whole_conflict_is_said_of_tests_as_well() -> None:
    assert find_markers(CONFLICT, "tests/data/a.py", everything) == [2]


def test_headings_prompts_quotes_and_rules_are_no_markers() -> None:
    for text in (
        b"Title\n=======\n\ntext\n",
        b"Title\n=======\n>>>>>>>>> deeply quoted\n",
        b"<<<<<<<<<<<<<<<< banner\n=======\n>>>>>>>>>>>>>>>> banner\n",
        b"    <<<<<<< HEAD\n    =======\n    >>>>>>> x\n",
        b'print("<<<<<<< HEAD")\n',
        b">>> 1 << 7\n",
        b"<<<<<<<HEAD\n=======\n>>>>>>>x\n",
    ):
        assert find_markers(text, "a.py", everything) == [], text


def test_separators_alone_say_nothing() -> None:
    assert find_markers(b"=======\n||||||| x\n=======\n", "a.py", everything) == []


@given(st.lists(st.sampled_from([b"<<<<<<< a", b"=======", b">>>>>>> b", b"||||||| c", b"x", b""])))
def test_every_line_said_is_a_marker(lines: list[bytes]) -> None:
    for line in find_markers(b"\n".join(lines), "a.py", everything):
        assert lines[line - 1][:1] in (b"<", b">")
