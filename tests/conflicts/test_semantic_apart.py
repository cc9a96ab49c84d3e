"""Half of the work elsewhere, and a text parsed after another: the same answers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.conflicts.semantic import grammars
from gitcoord.conflicts.semantic.apart import in_two
from gitcoord.conflicts.semantic.languages import read_outline

SOURCES = {
    ".js": "import { a } from './b'\nexport class C {\n  m(x) { return a(x) + `t${x}` }\n}\n",
    ".ts": "export interface I { a: string }\nexport const f = (i: I): string => i.a\n",
    ".go": "package p\n\nimport \"fmt\"\n\nfunc F() error {\n\tfmt.Print(1)\n\treturn nil\n}\n",
    ".rb": "class A < B\n  def m(x, y: 1)\n    t = <<~T\n      a\n    T\n    n(t)\n  end\nend\n",
    ".rs": "pub fn f(a: &str) -> u8 {\n    let r = r#\"x\"#;\n    g(a, r)\n}\n",
    ".c": "#define N 3\n\nint f(int a)\n{\n\treturn g(a) + N;\n}\n",
    ".java": "class A {\n  int m(int x) { return n(x); }\n}\n",
}  # fmt: skip
PIECES = ["(", ")", "end\n", "{", "}\n", "\n", "x", " = 1\n", "f(a)\n", "// c\n", "# c\n", '"', "é"]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1_000])
def test_every_second_is_answered_elsewhere_in_the_order_asked(count: int) -> None:
    said = in_two(lambda number: (number, os.getpid()), range(count))
    assert [number for number, _ in said] == list(range(count))
    assert {pid for _, pid in said[::2]} <= {os.getpid()}


def test_more_than_a_pipe_holds_comes_back() -> None:
    assert in_two(lambda size: b"x" * size, [1, 3_000_000, 2, 1]) == [
        b"x", b"x" * 3_000_000, b"xx", b"x",
    ]  # fmt: skip


def test_what_the_other_process_does_not_answer_is_worked_out_here() -> None:
    here = os.getpid()

    def ask(number: int) -> int:
        if os.getpid() != here:
            os._exit(3)
        return number

    assert in_two(ask, [1, 2, 3]) == [1, 2, 3]


def test_an_error_here_leaves_no_process_behind(tmp_path: Path) -> None:
    def ask(number: int) -> bytes:
        if number == 0:
            raise ValueError("no")
        (tmp_path / "pid").write_text(str(os.getpid()))
        return b"x" * 1_000_000

    with pytest.raises(ValueError, match="no"):
        in_two(ask, [0, 1])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@given(
    st.sampled_from(sorted(SOURCES)), st.integers(1, 40), st.lists(
        st.tuples(st.integers(0, 4_000), st.integers(0, 60), st.sampled_from(PIECES)), max_size=3
    ),
)  # fmt: skip
def test_a_text_parsed_after_another_has_the_outline_it_has_alone(
    ending: str, times: int, edits: list[tuple[int, int, str]]
) -> None:
    old = new = SOURCES[ending] * times
    for at, gone, piece in edits:
        new = new[: at % (len(new) + 1)] + piece + new[at % (len(new) + 1) + gone :]
    grammars._last.clear()
    alone = read_outline(ending, new.encode())
    tree = str(grammars.parse(ending, new.encode()))
    grammars._last.clear()
    read_outline(ending, old.encode())
    assert read_outline(ending, new.encode()) == alone
    grammars._last.clear()
    read_outline(ending, old.encode())
    assert str(grammars.parse(ending, new.encode())) == tree
