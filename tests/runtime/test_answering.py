"""What an agent says of a change is believed only in the form that was asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.reviews.verdicts.verdict import (
    APPROVED,
    CONDITIONS,
    REFUSED,
    STATES,
    UNKNOWN,
    Comment,
)
from gitcoord.runtime.answering import FILE, Answer, clear, read_answer

LENGTHS = {"a.py": 10}
GOOD = {"verdict": "approved", "summary": "fine"}


def lines(path: str) -> int:
    return LENGTHS.get(path, -1)


def answer(top: Path, written: object = None, said: str = "") -> Answer:
    if written is not None:
        (top / FILE).parent.mkdir(parents=True, exist_ok=True)
        text = written if isinstance(written, str) else json.dumps(written)
        (top / FILE).write_text(text, "utf-8", "surrogateescape")
    return read_answer(top, said, lines)


def block(said: object) -> str:
    return f"I read it.\n```json\n{json.dumps(said, indent=1)}\n```\n"


def test_a_file_or_the_last_block_of_its_words(tmp_path: Path) -> None:
    assert answer(tmp_path, said=block({"verdict": "refused"}) + block(GOOD)).state == APPROVED
    assert answer(tmp_path, GOOD) == Answer(APPROVED, "fine")
    assert answer(tmp_path, GOOD, block(GOOD)).state == APPROVED
    assert answer(tmp_path, GOOD, "no block").state == APPROVED


@pytest.mark.parametrize(
    "written",
    [
        "", "null", "[]", "approved", '"approved"', "{", '{"verdict": true}', '{"verdict": "ok"}',
        '{"verdict": ["approved"]}', '{"verdict": "APPROVED"}', "[" * 200_000, '{"a":' * 50_000,
        '{"verdict": "approved | refused | conditions", "summary": "one line"}',
        "x" * (1 << 20) + json.dumps(GOOD),
    ],
)  # fmt: skip
def test_what_is_no_verdict_is_never_approved(tmp_path: Path, written: str) -> None:
    assert answer(tmp_path, written).state == UNKNOWN
    assert answer(tmp_path, "", f"```\n{written}\n```").state == UNKNOWN


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"verdict": "conditions", "conditions": []}, "named none"),
        ({"verdict": "conditions", "conditions": "later"}, "named none"),
        ({"verdict": "refused"}, "no reason"),
        ({"verdict": "refused", "comments": [{"path": "a.py", "line": 1}]}, "no reason"),
    ],
)
def test_a_verdict_without_what_makes_it_one(tmp_path: Path, said: Any, why: str) -> None:
    found = answer(tmp_path, said)
    assert found.state == UNKNOWN and why in found.said


def test_two_answers_that_differ_are_none(tmp_path: Path) -> None:
    found = answer(tmp_path, GOOD, block({"verdict": "refused", "summary": "no"}))
    assert found == Answer(UNKNOWN, "it wrote approved and said refused")


def test_comments_on_places_that_are_not_there_are_about_all_of_it(tmp_path: Path) -> None:
    comments = [
        {"path": "a.py", "line": 10, "text": "kept"},
        {"path": "a.py", "line": 11, "text": "too far"},
        {"path": "a.py", "line": -1, "text": "before"},
        {"path": "a.py", "line": "3", "text": "no number"},
        {"path": "../etc/passwd", "line": 1, "text": "outside"},
        {"path": ["a.py"], "line": True, "text": "odd"},
        "only words", 7, None, {"text": ""},
    ]  # fmt: skip
    said = {"verdict": "refused", "comments": comments, "conditions": ["not kept"]}
    found = answer(tmp_path, said)
    assert found.conditions == ()
    assert found.comments == (
        Comment("a.py", 10, "kept"), Comment("", 0, "a.py:11: too far"),
        Comment("", 0, "a.py:-1: before"), Comment("a.py", 0, "no number"),
        Comment("", 0, "../etc/passwd:1: outside"), Comment("", 0, "odd"),
        Comment("", 0, "only words"),
    )  # fmt: skip


def test_conditions_are_kept_with_an_approval(tmp_path: Path) -> None:
    found = answer(tmp_path, {"verdict": "conditions", "conditions": ["add a test", 3, " "]})
    assert (found.state, found.conditions) == (CONDITIONS, ("add a test",))


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "linked folder"])
def test_what_stands_in_the_place_of_the_file_is_not_followed(tmp_path: Path, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "verdict.json").write_text(json.dumps(GOOD))
    top = tmp_path / "top"
    file = top / FILE
    (top if kind == "linked folder" else file.parent).mkdir(parents=True)
    match kind:
        case "link":
            file.symlink_to(elsewhere / "verdict.json")
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case _:
            file.parent.symlink_to(elsewhere)
    assert answer(top).state == UNKNOWN
    clear(top)
    assert not os.path.lexists(file)
    assert (elsewhere / "verdict.json").exists()


def test_a_verdict_that_came_with_the_commit_is_taken_away(tmp_path: Path) -> None:
    assert answer(tmp_path, GOOD).state == APPROVED
    clear(tmp_path)
    assert answer(tmp_path).state == UNKNOWN


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(("verdict", "comments", "conditions", "path", "line", "text", "summary")),
        inner | st.sampled_from(STATES), max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(PARTS, st.text(max_size=200))
def test_any_answer_is_read_without_harm(said: object, words: str) -> None:
    nowhere = Path("/nonexistent")
    found = read_answer(nowhere, f"{words}\n{block(said)}", lines)
    assert found.state in STATES
    for one in found.comments:
        assert one.path == "" or 0 <= one.line <= LENGTHS[one.path]
    if found.state == REFUSED:
        assert found.comments or found.said
    if found.state == APPROVED:
        assert isinstance(said, dict) and said["verdict"] == "approved"
