"""Resolutions as plans and records: nothing before its time, nothing half, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.calling import PROGRAM, gitcoord
from tests.conflicts.pairs import KINDS, Pair, both, line, make_pair, putting
from tests.conftest import Sandbox

_SAFE = ("queue", "split", "rebase", "union", "owner", "person")


@pytest.fixture
def pair(sandbox: Sandbox) -> Pair:
    """Both change one line of a file; left changes another file too."""
    return make_pair(
        sandbox,
        both(line(5, "five of left"), line(2, "two", "other.txt")),
        line(5, "five of right"),
    )


def _branches(pair: Pair) -> str:
    return pair.sandbox.git("for-each-ref", "--format=%(refname)", "refs/heads/resolve")


class TestDryRun:
    def test_it_changes_nothing_at_all(self, pair: Pair) -> None:
        before = pair.seen()
        for strategy in _SAFE:
            said = pair.by(strategy, "--dry-run", "--check", "touch made.txt")
            assert said.code in (0, 1), said.err
            assert pair.seen() == before, strategy
        assert pair.by("union", "--dry-run", "--json").json["made"] is False

    def test_what_is_shown_is_what_is_made(self, pair: Pair) -> None:
        planned = pair.by("split", "--dry-run", "--json").json
        made = pair.by("split", "--json").json
        for key in ("state", "branch", "conflicts", "why_first", "strategies"):
            assert made[key] == planned[key]


class TestBadInput:
    def test_the_same_twice(self, pair: Pair) -> None:
        said = pair.resolve("left", "left", "--with", "union")
        assert said.code == 2 and "are the same worktree: left" in said.err

    def test_an_unknown_one(self, pair: Pair) -> None:
        said = pair.resolve("left", "nobody", "--with", "union")
        assert said.code == 2 and "'nobody'" in said.err

    @pytest.mark.parametrize(
        ("slip", "meant"), [("unoin", "union"), ("peson", "person"), ("structual", "structural")]
    )
    def test_a_strategy_that_is_none(self, pair: Pair, slip: str, meant: str) -> None:
        said = pair.by(slip)
        assert said.code == 2 and f"did you mean {meant}?" in said.err

    def test_no_strategy_lists_them(self, pair: Pair) -> None:
        said = pair.resolve("left", "right")
        assert said.code == 2 and "queue, split, rebase, union" in said.err

    def test_no_conflict(self, sandbox: Sandbox) -> None:
        made = make_pair(sandbox, line(2, "two"), line(12, "twelve"))
        said = made.by("union")
        assert said.code == 2
        assert "left and right do not conflict: there is nothing to resolve" in said.err
        assert f"git -C '{made.right}' merge left" in said.err

    @pytest.mark.parametrize("words", [["left"], ["left", "right", "third"]])
    def test_not_two(self, pair: Pair, words: list[str]) -> None:
        said = pair.resolve(*words, "--with", "union")
        assert said.code == 2 and f"not {len(words)}" in said.err

    def test_a_third_cannot_go_first(self, pair: Pair) -> None:
        said = pair.by("queue", "--first", "third")
        assert said.code == 2 and "nothing here is called 'third'" in said.err

    def test_two_things_at_once(self, pair: Pair) -> None:
        assert pair.resolve("left", "right", "--list").code == 2
        assert pair.resolve("--list", "--undo", "x").code == 2

    def test_no_such_resolution(self, pair: Pair) -> None:
        assert pair.resolve("--undo", "x").code == 2
        assert pair.resolve("--done", "x").code == 2
        assert pair.resolve().code == 0

    def test_case_71_unrelated_histories_are_unknown(self, sandbox: Sandbox) -> None:
        made = make_pair(sandbox, line(2, "two"), line(2, "zwei"))
        sandbox.git("checkout", "-q", "--orphan", "alone", at=made.right)
        sandbox.git("commit", "-qm", "alone", at=made.right)
        said = made.by("union")
        assert said.code == 2 and "unknown whether they conflict" in said.err

    def test_one_in_the_middle_of_a_merge(self, pair: Pair) -> None:
        pair.sandbox.git("merge", "left", at=pair.right, ok=False)
        said = pair.by("union")
        assert said.code == 2 and "right is in the middle of a merge" in said.err

    def test_a_branch_in_the_way(self, pair: Pair) -> None:
        pair.sandbox.git("branch", "resolve")
        said = pair.by("union")
        assert said.code == 2 and "git branch -m resolve" in said.err
        assert pair.records() == []


class TestUncommitted:
    def test_in_a_path_in_conflict_it_is_refused(self, pair: Pair) -> None:
        putting("list.txt", "more\n")(pair.right)
        said = pair.by("union")
        assert said.code == 2
        assert "right has uncommitted changes in list.txt" in said.err
        assert "gitcoord park right" in said.err

    def test_elsewhere_it_stays_where_it_is(self, pair: Pair) -> None:
        putting("README.md", "more\n")(pair.right)
        assert pair.by("union").code == 0
        assert pair.shown("README.md") != "more"
        assert (pair.right / "README.md").read_text() == "more\n"

    def test_it_is_taken_along_when_asked_for(self, pair: Pair) -> None:
        putting("README.md", "more\n")(pair.right)
        putting("untracked.txt", "mine\n")(pair.right)
        line(6, "six of right")(pair.right)
        before = pair.seen()
        assert pair.by("union", "--with-uncommitted").code == 0
        assert pair.shown("README.md") == "more"
        assert pair.shown("untracked.txt") == "mine"
        assert "six of right" in pair.shown("list.txt")
        subjects = pair.sandbox.git("log", "--format=%s", "resolve/left+right")
        assert "Uncommitted work of right" in subjects
        after = pair.seen()
        assert {key: after[key] for key in before if key not in ("refs", "objects")} == {
            key: before[key] for key in before if key not in ("refs", "objects")
        }
        assert pair.sandbox.git("fsck", "--strict", "--connectivity-only") == ""

    def test_of_the_later_side_they_cannot_go_into_a_merge_by_hand(self, pair: Pair) -> None:
        line(6, "six of right")(pair.right)
        before = pair.seen()
        said = pair.by("rebase", "--with-uncommitted")
        assert said.code == 2 and "right has uncommitted changes" in said.err
        assert pair.seen() == before


class TestCheck:
    def test_it_runs_on_the_merged_files(self, pair: Pair) -> None:
        command = "grep -q 'five of left' list.txt && grep -q 'five of right' list.txt"
        said = pair.by("union", "--check", command, "--json")
        assert (said.code, said.json["check"]["good"]) == (0, True), said.err

    def test_when_it_fails_nothing_is_made_and_that_is_kept(self, pair: Pair) -> None:
        said = pair.by("union", "--check", "echo broken; exit 3")
        assert said.code == 1
        assert "nothing was made: the check failed, exit code 3" in said.err
        assert "broken" in said.err
        assert _branches(pair) == ""
        [record] = pair.records()
        assert (record["state"], record["branch"]) == ("failed", "")
        assert pair.by("union").code == 0

    def test_what_is_not_merged_is_not_checked_and_that_is_said(self, pair: Pair) -> None:
        said = pair.by("person", "--check", "true")
        assert said.code == 1 and "the check was not run" in said.err


class TestUndo:
    def test_the_branch_goes_and_its_commit_stays(self, pair: Pair) -> None:
        made = pair.by("union", "--json").json
        assert pair.resolve("--undo", made["id"]).code == 0
        assert _branches(pair) == ""
        pair.sandbox.git("reflog", "expire", "--expire=now", "--all")
        pair.sandbox.git("gc", "-q", "--prune=now")
        assert pair.sandbox.git("cat-file", "-t", made["commit"]) == "commit"
        assert gitcoord("doctor", at=pair.sandbox.path).code == 0
        assert pair.resolve("--undo", made["id"]).code == 2
        assert pair.by("split").code == 0

    def test_not_when_somebody_worked_on_it(self, pair: Pair) -> None:
        made = pair.by("union", "--json").json
        place = pair.sandbox.path.parent / "work"
        pair.sandbox.git("worktree", "add", "-q", str(place), made["branch"])
        held = pair.resolve("--undo", made["id"])
        assert held.code == 2 and "is checked out in" in held.err
        pair.sandbox.commit("more", {"more.txt": "more\n"}, at=place)
        moved = pair.resolve("--undo", made["id"])
        assert moved.code == 2 and "has moved since it was made" in moved.err
        assert pair.sandbox.git("rev-parse", made["branch"] + "^") == made["commit"]

    def test_what_was_taken_back_is_not_remembered(self, pair: Pair) -> None:
        made = pair.by("union", "--json").json
        pair.resolve("--undo", made["id"])
        [step] = pair.by("person", "--dry-run", "--json").json["conflicts"]
        assert step["outcome"] == "left"


class TestMemory:
    def test_the_same_contents_are_resolved_as_before(self, pair: Pair) -> None:
        made = pair.by("union", "--json").json
        for name in ("left", "right"):
            pair.sandbox.commit("on", {f"{name}.txt": "on\n"}, at=getattr(pair, name))
        pair.sandbox.git("branch", "-D", made["branch"])
        again = pair.by("person", "--json")
        [step] = again.json["conflicts"]
        assert (again.code, step["strategy"]) == (0, "remembered")
        assert f"the same contents were resolved so in {made['id']}" == step["why"]
        assert "five of left\nfive of right" in pair.shown("list.txt")

    def test_its_contents_outlive_the_branch(self, pair: Pair) -> None:
        made = pair.by("union", "--json").json
        pair.sandbox.git("branch", "-D", made["branch"])
        pair.sandbox.git("reflog", "expire", "--expire=now", "--all")
        pair.sandbox.git("gc", "-q", "--prune=now")
        assert pair.by("person").code == 0

    def test_afresh_decides_again(self, pair: Pair) -> None:
        made = pair.by("union", "--json").json
        pair.sandbox.git("branch", "-D", made["branch"])
        [step] = pair.by("split", "--afresh", "--json").json["conflicts"]
        assert step["strategy"] == "split"

    def test_other_contents_are_not_taken_for_the_same(self, pair: Pair) -> None:
        made = pair.by("union", "--json").json
        pair.sandbox.git("branch", "-D", made["branch"])
        line(5, "five of left, again")(pair.left)
        pair.sandbox.git("commit", "-qam", "again", at=pair.left)
        [step] = pair.by("person", "--dry-run", "--json").json["conflicts"]
        assert step["outcome"] == "left"

    def test_what_a_person_merged_by_hand_is_learnt(self, sandbox: Sandbox) -> None:
        _, left, right = KINDS["modify/delete"]
        made = make_pair(sandbox, left, right)
        opened = made.by("person", "--json").json
        sandbox.git("checkout", "-q", "-b", "keep", at=made.right)
        sandbox.git("checkout", "-q", "right", at=made.right)
        sandbox.git("merge", "left", at=made.right, ok=False)
        sandbox.write("gone.txt", "kept after all\n", at=made.right)
        sandbox.git("add", "-A", at=made.right)
        sandbox.git("commit", "-qm", "by hand", at=made.right)
        assert made.resolve("--done", opened["id"]).code == 0
        sandbox.git("reset", "-q", "--hard", "HEAD^", at=made.right)
        again = made.by("queue", "--json")
        assert again.json["conflicts"][0]["strategy"] == "remembered"
        assert made.shown("gone.txt") == "kept after all"


class TestAtOnce:
    @pytest.mark.parametrize("strategy", ["union", "person"])
    def test_two_processes_make_one_resolution(self, pair: Pair, strategy: str) -> None:
        words = [str(PROGRAM), "resolve", "left", "right", "--with", strategy]
        running = [
            subprocess.Popen(words, cwd=pair.sandbox.path, stdout=-3, stderr=-1) for _ in "ab"
        ]
        said = [one.communicate()[1].decode() for one in running]
        codes = sorted(one.returncode for one in running)
        assert codes == [0 if strategy == "union" else 1, 2], said
        assert len(pair.records()) == 1
        assert bool(_branches(pair)) == (strategy == "union")

    def test_a_side_that_moves_meanwhile_is_noticed(self, pair: Pair) -> None:
        said = pair.by("union", "--check", f"cd '{pair.left}' && git commit -q --allow-empty -m on")
        assert said.code == 2 and "a side has moved since" in said.err
        assert (_branches(pair), pair.records()) == ("", [])


class TestKilled:
    """git dies of nothing, gitcoord of SIGKILL, just before or after it called git."""

    def _die(self, pair: Pair, verb: str, when: str, strategy: str, count: int = 1) -> None:
        folder = pair.sandbox.path.parent / "bin"
        folder.mkdir()
        real = subprocess.run(["which", "git"], capture_output=True, text=True).stdout.strip()
        nth = f'echo . >> "{folder}/n"; [ $(wc -l < "{folder}/n") = {count} ]'
        kill = f"{nth} && kill -9 $PPID && exit 1"
        call = f'"{real}" "$@"'
        steps = {"before": f"{kill}\n{call}", "after": f"{call}\ncode=$?\n{kill}\nexit $code"}
        (folder / "git").write_text(
            f'#!/bin/sh\nfor word; do [ "$word" = {verb} ] && {{ {steps[when]}\nexit; }}; done\n'
            f"exec {call}\n"
        )
        (folder / "git").chmod(0o755)
        died = subprocess.run(
            [PROGRAM, "resolve", "left", "right", "--with", strategy],
            cwd=pair.sandbox.path, capture_output=True, stdin=subprocess.DEVNULL,
            env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        )  # fmt: skip
        assert died.returncode == -signal.SIGKILL, died.stderr

    @pytest.mark.parametrize(
        ("verb", "when"),
        [("unpack-objects", "after"), ("update-ref", "before"), ("update-ref", "after")],
    )
    def test_branch_and_record_are_both_there_or_neither(
        self, pair: Pair, verb: str, when: str
    ) -> None:
        self._die(pair, verb, when, "union")
        made = (verb, when) == ("update-ref", "after")
        assert (bool(_branches(pair)), len(pair.records()) == 1) == (made, made)
        assert pair.by("union").code == (2 if made else 0)
        assert len(pair.records()) == 1
        assert gitcoord("doctor", "--fix", at=pair.sandbox.path).code == 0

    @pytest.mark.parametrize(
        ("verb", "when"),
        [("worktree", "before"), ("reset", "after"), ("merge", "before"), ("merge", "after")],
    )
    def test_the_next_call_completes_what_was_begun(self, pair: Pair, verb: str, when: str) -> None:
        self._die(pair, verb, when, "rebase", count=2 if verb == "worktree" else 1)
        again = pair.by("rebase")
        assert again.code in (1, 2), again.err
        open_ = [one for one in pair.records() if one["state"] == "open"]
        assert len(open_) == 1
        place = Path(gitcoord("path", open_[0]["worktree"], at=pair.sandbox.path).out.strip())
        assert "UU list.txt" in pair.sandbox.git("status", "--porcelain", at=place)
        assert gitcoord("doctor", "--fix", at=pair.sandbox.path).code == 0
