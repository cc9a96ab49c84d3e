from __future__ import annotations

from gitcoord.hooks.objection import BLOCK, WARN, Objection
from gitcoord.view.hook import objection_lines

SECRET = Objection("secrets", BLOCK, "a.py:2", "this looks like a secret: jwt")
OVERLAP = Objection("overlap", WARN, "b.py:1", "line 1 is being edited", "see both: gitcoord x")


def test_what_stops_git_comes_first_and_then_the_ways_on() -> None:
    assert list(objection_lines([OVERLAP, SECRET], "git commit --no-verify")) == [
        "error: a.py:2: this looks like a secret: jwt",
        "warning: b.py:1: line 1 is being edited",
        "hint: see both: gitcoord x",
        "hint: when it is meant to be so: git commit --no-verify",
        "hint: to be warned only: gitcoord config set hooks.secrets warn",
    ]


def test_who_is_guarded_is_told_no_way_past() -> None:
    refused = Objection("guard", BLOCK, "refs/stash", "it is shared", "park it: gitcoord park")
    assert list(objection_lines([refused])) == [
        "error: refs/stash: it is shared",
        "hint: park it: gitcoord park",
    ]


def test_names_reach_the_terminal_harmless_and_lists_end() -> None:
    many = [Objection("syntax", WARN, f"a\x1b[2J\n{number}", "x") for number in range(25)]
    lines = list(objection_lines(many))
    assert len(lines) == 21 and lines[-1] == "and 5 more"
    assert all(line.isprintable() for line in lines)


def test_nothing_to_say_says_nothing() -> None:
    assert list(objection_lines([], "git commit --no-verify")) == []
