from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitcoord.checks.content import CHECKS, File, examine

TOKEN = b"ghp_" + b"Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
LARGE = 100_000


def said(file: File, **wanted: object) -> list[tuple[str, int]]:
    found = examine([file], largest=LARGE, **wanted)  # type: ignore[arg-type]
    return [(one.check, one.line) for one in found]


def new(content: bytes, path: str = "a.txt") -> File:
    return File(path, content, None, None)


def test_a_secret_is_said_by_its_line_and_never_shown() -> None:
    (remark,) = examine([new(b"a\nkey = " + TOKEN + b"\n")], largest=LARGE)
    assert (remark.check, remark.line) == ("secrets", 2)
    assert TOKEN.decode() not in repr(remark)
    assert remark.place == "a.txt:2"


def test_a_secret_that_was_there_before_is_left_alone_wherever_it_went() -> None:
    old = b"key = " + TOKEN + b"\n"
    assert said(File("a.txt", b"\n\n" + old, old, [1, 2])) == []
    assert said(File("a.txt", b"\n\n" + old, old, None)) == []


def test_only_added_lines_count() -> None:
    content = b"a\nkey = " + TOKEN + b"\n"
    assert said(File("a.txt", content, b"b\n", [1])) == []
    assert said(File("a.txt", content, b"b\n", [2])) == [("secrets", 2)]


def test_a_password_for_this_machine_alone_is_none() -> None:
    assert said(new(b"amqp://guest:gu3st-Aa@localhost:5672//\n")) == []
    assert said(new(b"amqp://guest:gu3st-Aa@10.1.2.3:5672//\n")) == [("secrets", 1)]


def test_a_large_file_is_one_whatever_is_in_it() -> None:
    assert said(new(b"\0" * (LARGE + 1))) == [("large-files", 0)]
    assert said(new(b"\0" * LARGE)) == []
    assert said(File("a.bin", b"", None, None, size=LARGE + 1)) == [("large-files", 0)]


def test_a_pointer_of_git_lfs_is_small() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 99999999999\n"
    assert said(new(pointer, "film.mp4")) == []


def test_binary_files_are_no_text() -> None:
    assert said(new(b"\0" + TOKEN)) == []


def test_utf_16_is_text() -> None:
    assert said(new(f"key = {TOKEN.decode()}\n".encode("utf-16"))) == [("secrets", 1)]


def test_only_what_is_asked_for_is_looked_for() -> None:
    content = b"<<<<<<< a\n=======\n>>>>>>> b\nkey = " + TOKEN + b"\n" + b"x" * LARGE
    file = new(content, "a.py")
    for check in CHECKS:
        assert {one for one, _ in said(file, only=(check,))} <= {check}
    assert {one for one, _ in said(file)} == {"conflict-markers", "secrets", "large-files"}


def test_what_did_not_change_is_left_alone() -> None:
    content = b"<<<<<<< a\n=======\n>>>>>>> b\n"
    assert said(File("a.py", content, content, ())) == []


@given(st.binary(max_size=400), st.sampled_from(["a.py", "a.json", "a.yml", "a.toml", "a.rs"]))
def test_any_bytes_are_answered(content: bytes, path: str) -> None:
    for remark in examine([new(content, path)], largest=LARGE):
        assert 0 <= remark.line <= content.count(b"\n") + 2
        assert remark.text.isprintable()
