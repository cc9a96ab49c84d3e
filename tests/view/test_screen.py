"""What goes to which stream, in what form, on a terminal and off it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.view.screen import Screen, aligned, as_json, fitted


class State(Enum):
    LIVE = "live"


class Spot(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Kept:
    path: PurePath
    at: datetime
    names: tuple[str, ...]


def on_terminal(code: str, *, columns: int, rows: int = 24, **env: str) -> str:
    """What a piece of Python that has a `screen` writes to a terminal of that size."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (rows, columns))
    whole = f"from gitcoord.view.screen import Screen\nscreen = Screen()\n{code}"
    process = subprocess.Popen(
        [sys.executable, "-c", whole],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "", "COLUMNS": "", **env},
    )  # fmt: skip
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 65536):
            written += chunk
    except OSError:  # Linux says EIO once the other side is closed
        pass
    os.close(ours)
    assert process.wait(timeout=20) == 0, written
    return written.decode()


class TestStreams:
    def test_answers_and_narration_are_told_apart(self, capsys: pytest.CaptureFixture[str]) -> None:
        screen = Screen()
        screen.answer("here\nand there")
        screen.say("looking\x1b")
        screen.warn("mind the gap")
        assert tuple(capsys.readouterr()) == (
            "here\nand there\n",
            "looking\\x1b\nwarning: mind the gap\n",
        )

    def test_quiet_leaves_answers_and_warnings(self, capsys: pytest.CaptureFixture[str]) -> None:
        screen = Screen(quiet=True)
        screen.say("looking")
        with screen.progress() as progress:
            progress.show(["working"])
            progress.say("half way")
        screen.warn("gap")
        screen.answer("here")
        assert tuple(capsys.readouterr()) == ("here\n", "warning: gap\n")

    def test_a_path_is_whole_when_piped(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        Screen().answer_path(Path("/a\udcff\x1b b"))
        assert capfdbinary.readouterr().out == b"/a\xff\x1b b\n"

    def test_a_path_is_harmless_on_a_terminal(self) -> None:
        said = on_terminal(r"screen.answer_path('/a\x1b[2J')", columns=80)
        assert said == "/a\\x1b[2J\r\n"


class TestJson:
    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (Path("a/b"), "a/b"),
            (b"a\xff", "a\udcff"),
            (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
            (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05Z"),
            (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00Z"),
            (date(2026, 1, 2), "2026-01-02"),
            (State.LIVE, "live"),
            ({State.LIVE: 1, Path("p"): 2, 3: 4}, {"live": 1, "p": 2, "3": 4}),
            (MappingProxyType({"b": 1, "a": 2}), {"b": 1, "a": 2}),
            ({"b", "a"}, ["a", "b"]),
            ((1, None, True, 0.5), [1, None, True, 0.5]),
            (Spot(1, 2), {"x": 1, "y": 2}),
            (
                Kept(Path("p"), datetime(2026, 1, 1, tzinfo=UTC), ("n",)),
                {"path": "p", "at": "2026-01-01T00:00:00Z", "names": ["n"]},
            ),
        ],
    )
    def test_shapes(self, value: object, said: object) -> None:
        assert as_json(value) == said

    def test_what_has_no_shape_is_refused(self) -> None:
        with pytest.raises(TypeError, match="object has no JSON form"):
            as_json([object()])

    def test_is_ascii_and_keeps_the_order(self, capsys: pytest.CaptureFixture[str]) -> None:
        screen = Screen()
        screen.answer_json({"b": "日\udcff\x1b", "a": []})
        said = capsys.readouterr().out
        assert said.isascii()
        assert "\x1b" not in said
        assert list(json.loads(said).items()) == [("b", "日\udcff\x1b"), ("a", [])]
        assert screen.answered

    def test_there_is_one_document(self) -> None:
        screen = Screen()
        screen.answer_json([])
        with pytest.raises(AssertionError):
            screen.answer_json([])


class TestTable:
    def test_piped_it_is_aligned_and_whole(self, capsys: pytest.CaptureFixture[str]) -> None:
        Screen().table(["id", "task"], [["a", "x" * 300], ["日本", None], ["b\x1b", 3]])
        assert capsys.readouterr().out == (f"ID     TASK\na      {'x' * 300}\n日本\nb\\x1b  3\n")

    def test_nothing_is_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        Screen().table(["id"], [])
        assert capsys.readouterr().out == ""

    @given(st.lists(st.lists(st.text(), min_size=2, max_size=2), max_size=4))
    def test_a_row_is_a_line(self, rows: Sequence[Sequence[str]]) -> None:
        from gitcoord.view.plain import plain

        cells = [[plain(cell) for cell in row] for row in rows]
        assert aligned(["a", "b"], cells).count("\n") == len(rows) + 1

    @pytest.mark.parametrize("columns", [0, 1, 10, 39, 40, 80, 500])
    def test_case_116_any_width(self, columns: int) -> None:
        code = "screen.table(['id', 'task'], [['login-fails-7q3f', 'why ' * 20]])"
        said = on_terminal(code, columns=columns)
        assert "why" in said.replace("\r\n", "")

    @pytest.mark.parametrize("columns", [40, 60, 80, 120])
    def test_case_116_a_row_is_one_line_and_an_id_is_whole(self, columns: int) -> None:
        ids = ["investigation-login-fails-7q3f", "x"]
        code = (
            f"rows = [[{ids[0]!r}, 'live', '日本語 ' * 30], [{ids[1]!r}, 'missing', 'short']]\n"
            "screen.color = False\n"
            "screen.table(['id', 'state', 'task'], rows)"
        )
        lines = on_terminal(code, columns=columns).split("\r\n")
        assert len(lines) == 4 and lines[1].startswith(ids[0])
        assert lines[1].endswith("…") and lines[2].endswith("short"[: columns - 3])

    def test_where_it_is_narrow_empty_columns_go_first(self) -> None:
        code = (
            "screen.color = False\nscreen.table(['id', 'checks', 'title'], [['a', '', 'x' * 30]])"
        )
        assert "CHECKS" in on_terminal(code, columns=80)
        said = on_terminal(code, columns=40)
        assert "CHECKS" not in said and "x" * 30 in said

    def test_the_widest_text_is_cut_first(self) -> None:
        rows = [["id-1234", "a" * 20, "b" * 40], ["id-5678", "short", "b"]]
        cut = fitted(["id", "a", "b"], rows, [False, True, True], 60)
        assert cut == [["id-1234", "a" * 20, "b" * 28 + "…"], ["id-5678", "short", "b"]]
        cut = fitted(["id", "a", "b"], rows, [False, True, True], 31)
        assert cut[0] == ["id-1234", "a" * 9 + "…", "b" * 9 + "…"]
        assert fitted(["id", "a", "b"], rows, [False, True, True], 1)[0][0] == "id-1234"

    @given(st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), max_size=4))
    def test_what_may_be_cut_fits(self, rows: Sequence[Sequence[str]]) -> None:
        from gitcoord.view.plain import plain, width

        cells = [[plain(cell) for cell in row] for row in rows]
        for line in aligned(
            ["a", "b", "c"], fitted(["a", "b", "c"], cells, [True] * 3, 40)
        ).splitlines():
            assert width(line) <= 40

    def test_no_markup_is_obeyed(self) -> None:
        said = on_terminal("screen.table(['id'], [['[red]x[/] :smile:']])", columns=80)
        assert "[red]x[/] :smile:" in said

    def test_without_colour_there_is_no_escape(self) -> None:
        code = "screen.color = False\nscreen.table(['id'], [['x']])"
        assert "\x1b" not in on_terminal(code, columns=80)
        assert "\x1b" in on_terminal("screen.table(['id'], [['x']])", columns=80)

    def test_a_dumb_terminal_gets_plain_lines(self) -> None:
        said = on_terminal("screen.dumb = True\nscreen.table(['id'], [['x']])", columns=80)
        assert said == "ID\r\nx\r\n"

    def test_piped_needs_no_rich(self) -> None:
        code = (
            "import sys; from gitcoord.view.screen import Screen\n"
            "screen = Screen(); screen.table(['a'], [['b']])\n"
            "with screen.progress() as progress: progress.show(['x']); progress.say('y')\n"
            "sys.exit('rich' in sys.modules)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "A\nb\n", "y\n")


class TestProgress:
    CODE = (
        "import time\n"
        "with screen.progress() as progress:\n"
        "    progress.show(['detective  looks \\x1b[31m', 'researcher ' + 'waits ' * 40])\n"
        "    time.sleep(0.15)\n"
        "    progress.say('detective: done')\n"
        "    progress.show([])\n"
        "screen.answer('the end')\n"
    )

    @pytest.mark.parametrize("columns", [0, 1, 20, 80])
    def test_draws_on_a_terminal_of_any_width(self, columns: int) -> None:
        said = on_terminal(self.CODE, columns=columns)
        assert "the end" in said
        assert "\x1b[31m" not in said

    def test_is_drawn_live_and_milestones_stay(self) -> None:
        said = on_terminal(self.CODE, columns=80)
        assert "detective  looks \\x1b[31m" in said
        assert "detective: done" in said
        assert "waits " * 20 not in said

    def test_elsewhere_only_milestones(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Screen().progress() as progress:
            progress.show(["working"])
            progress.say("half way")
        assert tuple(capsys.readouterr()) == ("", "half way\n")

    def test_case_117_an_interrupt_leaves_the_cursor_visible(self) -> None:
        code = (
            "try:\n"
            "    with screen.progress() as progress:\n"
            "        progress.show(['x'])\n"
            "        raise KeyboardInterrupt\n"
            "except KeyboardInterrupt: pass\n"
        )
        said = on_terminal(code, columns=80)
        assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")
