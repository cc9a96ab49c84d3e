"""Frames in segments: whole, or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import NewerSchema
from gitcoord.state import segments
from gitcoord.state.segments import frame, frames, frames_after, reader_in, whole_end

BODIES = [b'[[event]]\na = "%d"\n' % number for number in range(4)]
WHOLE = b"".join(map(frame, BODIES))
LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b" ") + b"\n"))


def bodies(content: bytes, offset: int = 0) -> list[bytes]:
    return [found.body for found in frames(reader_in(content), offset)]


def test_case_58_torn_at_any_byte_only_whole_frames_are_seen() -> None:
    ends = [found.end for found in frames(reader_in(WHOLE))]
    for length in range(len(WHOLE) + 1):
        torn = WHOLE[:length]
        whole = sum(end <= length for end in ends)
        assert bodies(torn) == BODIES[:whole]
        assert whole_end(reader_in(torn), length) == ([0, *ends])[whole]


def test_case_58_one_wrong_byte_hides_one_frame_only() -> None:
    for at in range(len(WHOLE)):
        wrong = bytearray(WHOLE)
        wrong[at] ^= 1
        seen = bodies(bytes(wrong))
        assert len(seen) >= len(BODIES) - 1
        assert set(seen) <= set(BODIES)


@given(LINES, LINES)
def test_what_looks_like_a_frame_is_none(before: list[bytes], after: list[bytes]) -> None:
    junk, more = b"".join(before), b"".join(after)
    assert bodies(junk + frame(b"x = 1\n") + more) == [b"x = 1\n"]


@given(st.lists(st.integers(0, 3_000_000), max_size=3), st.integers(0, 99))
def test_frames_of_any_size_are_read(sizes: list[int], seed: int) -> None:
    wanted = [bytes([97 + seed % 26]) * size + b"\n" for size in sizes]
    assert bodies(b"".join(map(frame, wanted))) == wanted


def test_a_place_inside_a_frame_is_before_it() -> None:
    ends = [found.end for found in frames(reader_in(WHOLE))]
    for offset in range(len(WHOLE) + 50):
        seen = [found.body for found in frames_after(reader_in(WHOLE), offset)]
        assert seen == [body for body, end in zip(BODIES, ends, strict=True) if end > offset]


def test_a_torn_tail_is_cut_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "20260102T030405678.toml"
    for torn in range(1, len(WHOLE), 3):
        path.write_bytes(WHOLE + WHOLE[:torn])
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
        end = segments.heal(fd, path)
        os.close(fd)
        content = path.read_bytes()
        assert len(content) == end and (WHOLE + WHOLE[:torn]).startswith(content)
        kept = list((tmp_path / "torn").glob("*"))
        assert b"".join(one.read_bytes() for one in kept) == WHOLE[:torn][end - len(WHOLE) :]
        for one in kept:
            one.unlink()


def test_a_segment_says_what_it_is_from_its_first_moment(tmp_path: Path) -> None:
    segments.create(tmp_path, "20260102T030405678", "20260102T030405000")
    content = (tmp_path / "20260102T030405678.toml").read_bytes()
    said = segments.header(reader_in(content), "here")
    assert said == {"schema": 1, "after": "20260102T030405000"}
    segments.check(reader_in(content), "here")
    assert segments.names(tmp_path) == ["20260102T030405678"]


def test_case_70_a_segment_of_a_newer_schema_is_refused() -> None:
    with pytest.raises(NewerSchema, match="here"):
        segments.check(reader_in(frame(b"schema = 2\nafter = ''\n")), "here")


def test_case_56_names_go_on_when_the_clock_goes_back() -> None:
    first = segments.name_after("", "2026-01-02T03:04:05.999Z")
    second = segments.name_after(first, "2025-01-01T00:00:00.000Z")
    assert (first, second) == ("20260102T030405999", "20260102T030406000")
    assert segments.name_after(second, "2027-01-01T00:00:00.000Z") == "20270101T000000000"
