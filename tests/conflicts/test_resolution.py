"""Each strategy on each kind of conflict, in real worktrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.calling import gitcoord
from tests.conflicts.pairs import (
    KINDS,
    TEXT,
    Pair,
    both,
    line,
    make_pair,
    putting,
    renaming,
)
from tests.conftest import Sandbox


@pytest.fixture
def pair(sandbox: Sandbox) -> Pair:
    """left changes lines 5 and 15 of a file, right line 5 and another file."""
    return make_pair(
        sandbox,
        both(line(5, "five of left"), line(15, "fifteen of left")),
        both(line(5, "five of right"), line(9, "nine", "other.txt")),
    )


def _driver(pair: Pair, script: str) -> None:
    """A merge driver called `clever`, as a user would configure it."""
    pair.sandbox.git("config", "merge.clever.driver", script)
    gitcoord("config", "set", "resolve.driver", "clever", at=pair.sandbox.path)


class TestByMachine:
    def test_union_keeps_the_lines_of_both_and_all_else(self, pair: Pair) -> None:
        said = pair.by("union", "--json")
        assert said.code == 0, said.err
        rows = pair.shown("list.txt").split("\n")
        assert rows[3:7] == ["line 4", "five of left", "five of right", "line 6"]
        assert rows[15] == "fifteen of left"
        assert pair.shown("other.txt").split("\n")[8] == "nine"
        parents = pair.sandbox.git("log", "-1", "--format=%P", "resolve/left+right").split()
        assert parents == [pair.sandbox.git("rev-parse", name) for name in ("left", "right")]
        assert said.json["conflicts"][0]["outcome"] == "done"

    def test_taken_up_by_both_there_is_no_conflict_left(self, pair: Pair) -> None:
        assert gitcoord("conflicts", "left", at=pair.sandbox.path).code == 1
        branch = pair.by("union", "--json").json["branch"]
        for folder in (pair.left, pair.right):
            pair.sandbox.git("merge", "-q", "--ff-only", branch, at=folder)
        assert gitcoord("conflicts", "left", at=pair.sandbox.path).code == 0
        assert "do not conflict" in pair.by("union").err

    def test_split_gives_the_region_to_who_changed_more_and_says_so(self, pair: Pair) -> None:
        said = pair.by("split")
        assert said.code == 0, said.err
        rows = pair.shown("list.txt").split("\n")
        assert (rows[4], rows[14]) == ("five of left", "fifteen of left")
        assert pair.shown("other.txt").split("\n")[8] == "nine"
        assert "left changed more of it: 4 lines against 2" in said.out
        head = pair.sandbox.git("rev-parse", "--short=12", "right")
        assert f"what right has there is left out: git show {head}:list.txt" in said.out

    @pytest.mark.parametrize("kind", KINDS)
    def test_split_of_every_kind_says_whose_it_became(self, sandbox: Sandbox, kind: str) -> None:
        path, left, right = KINDS[kind]
        made = make_pair(sandbox, left, right)
        said = made.by("split", "--json")
        [step] = said.json["conflicts"]
        assert (said.code, step["kind"], step["path"]) == (0, kind, path)
        owner = {"left": made.left, "right": made.right}[step["to"]] / path
        there = made.sandbox.git("show", f"resolve/left+right:{path}", ok=False)
        assert there == (owner.read_text().rstrip("\n") if owner.exists() else "")
        assert f"{step['to']} changed more" in step["why"] or "both changed" in step["why"]
        assert "is left out" in step["why"]

    def test_a_path_goes_to_whom_it_was_given(self, pair: Pair) -> None:
        said = pair.resolve("left", "right", "--give", "list.txt=right", "--json")
        [step] = said.json["conflicts"]
        assert (said.code, step["strategy"], step["to"]) == (0, "split", "right"), said.err
        assert step["why"].startswith("right gets it, as was asked")
        rows = pair.shown("list.txt").split("\n")
        assert (rows[4], rows[14]) == ("five of right", "fifteen of left")

    @pytest.mark.parametrize(
        ("word", "said"),
        [
            ("list.txt", "does not say what goes to whom"),
            ("other.txt=left", "nothing conflicts in 'other.txt'"),
            ("list.txt=nobody", "nothing here is called 'nobody'"),
        ],
    )
    def test_what_cannot_be_given(self, pair: Pair, word: str, said: str) -> None:
        refused = pair.resolve("left", "right", "--with", "split", "--give", word)
        assert refused.code == 2 and said in refused.err

    def test_split_of_a_tie_goes_to_who_was_first(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = make_pair(sandbox, line(5, "five of left"), line(5, "five of right"))
        later = "2026-02-02T00:00:00+00:00"
        sandbox.git(
            "commit", "-q", "--amend", "-m", "later", at=made.left,
            GIT_COMMITTER_DATE=later, GIT_AUTHOR_DATE=later,
        )  # fmt: skip
        said = made.by("split")
        assert "both changed 2 lines, right did so first" in said.out
        assert made.shown("list.txt").split("\n")[4] == "five of right"

    def test_structural_uses_the_driver_that_is_named(self, pair: Pair) -> None:
        _driver(pair, "cat %A %B | grep five > %A.out; echo noise; mv %A.out %A")
        said = pair.by("structural", "--json")
        assert said.code == 0, said.err
        assert pair.shown("list.txt") == "five of left\nfive of right"

    def test_structural_uses_mergiraf_when_it_is_on_path(
        self, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        program = tmp_path / "bin" / "mergiraf"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\n[ "$1 $2" = "merge --git" ] && echo by $7 > "$4"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
        assert pair.by("structural").code == 0
        assert pair.shown("list.txt") == "by list.txt"

    @pytest.mark.parametrize("driver", ["true", "cp %B %A"])
    def test_a_driver_that_takes_a_side_is_not_believed(self, pair: Pair, driver: str) -> None:
        pair.sandbox.git("checkout", "-q", "--detach", "main")
        _driver(pair, driver)
        said = pair.by("structural", "--json")
        [step] = said.json["conflicts"]
        assert (said.code, step["outcome"]) == (1, "left")
        assert "one side as it is" in step["why"]
        assert pair.sandbox.git("for-each-ref", "refs/heads/resolve") == ""

    def test_a_driver_that_crashes_leaves_the_conflict(self, pair: Pair) -> None:
        _driver(pair, "kill -9 $$")
        said = pair.by("structural", "--json")
        assert (said.code, said.json["conflicts"][0]["outcome"]) == (1, "left")

    def test_without_a_driver_it_is_said_how_to_have_one(self, pair: Pair) -> None:
        said = pair.by("structural")
        assert said.code == 2
        assert "mergiraf is not on PATH" in said.err
        assert "gitcoord config set resolve.driver NAME" in said.err

    @pytest.mark.parametrize("kind", ["modify/delete", "rename/delete", "binary"])
    @pytest.mark.parametrize("strategy", ["union", "structural"])
    def test_what_has_no_lines_is_left_to_a_person(
        self, sandbox: Sandbox, kind: str, strategy: str
    ) -> None:
        _, left, right = KINDS[kind]
        made = make_pair(sandbox, left, right)
        _driver(made, "false")
        said = made.by(strategy, "--json")
        [step] = said.json["conflicts"]
        assert (said.code, step["outcome"], said.json["state"]) == (1, "left", "open")
        assert "cannot decide this kind" in step["why"]
        assert made.sandbox.git("for-each-ref", "refs/heads/resolve") == ""

    def test_two_new_names_are_nobodys_to_choose(self, sandbox: Sandbox) -> None:
        made = make_pair(sandbox, renaming("gone.txt", "a.txt"), renaming("gone.txt", "b.txt"))
        said = made.by("split", "--json")
        assert said.code == 1
        assert {one["outcome"] for one in said.json["conflicts"]} == {"left"}

    def test_a_file_for_a_folder_is_left(self, sandbox: Sandbox) -> None:
        made = make_pair(sandbox, putting("thing", "file\n"), putting("thing/in", "folder\n"))
        said = made.by("split", "--json")
        assert (said.code, said.json["branch"]) == (1, "")

    def test_case_74_modes_that_differ(self, sandbox: Sandbox) -> None:
        def linked(folder: Path) -> None:
            (folder / "run.sh").unlink()
            (folder / "run.sh").symlink_to("list.txt")

        made = make_pair(sandbox, line(1, "#!/bin/bash", "run.sh"), linked)
        said = made.by("split", "--json")
        for step in said.json["conflicts"]:
            assert step["outcome"] == "left" or step["to"] in ("left", "right")
        assert said.code in (0, 1)

    def test_odd_names_get_the_rule_and_no_others_do(self, sandbox: Sandbox) -> None:
        names = ["a b*?.txt", "[x].txt", 'q"uo\\te.txt', "-dash.txt", "ünï.txt", "new\nline.txt"]
        bait = ["a bcd.txt", "x.txt"]
        made = make_pair(
            sandbox,
            both(*(putting(f"dir/{name}", "left\n") for name in names + bait)),
            both(*(putting(f"dir/{name}", "right\n") for name in names + bait)),
        )
        gitcoord("config", "set", "resolve.add_add", "union", at=sandbox.path)
        said = made.resolve("left", "right", "--json")
        assert said.code == 0, said.err
        for name in names:
            assert made.shown(f"dir/{name}") == "left\nright"

    def test_a_rule_is_given_to_the_path_in_conflict_only(self, sandbox: Sandbox) -> None:
        made = make_pair(
            sandbox,
            both(line(5, "left"), putting("b?c.txt", "left\n"), putting("bbc.txt", "left\n")),
            both(line(5, "right"), putting("b?c.txt", "right\n"), putting("bbc.txt", "right\n")),
        )
        gitcoord("config", "set", "resolve.content", "union", at=sandbox.path)
        gitcoord("config", "set", "resolve.strategy", "person", at=sandbox.path)
        steps = made.resolve("left", "right", "--json").json["conflicts"]
        assert {one["path"]: one["outcome"] for one in steps} == {
            "list.txt": "done", "b?c.txt": "left", "bbc.txt": "left",
        }  # fmt: skip

    def test_case_75_a_file_not_to_be_merged_by_line_is_not(self, sandbox: Sandbox) -> None:
        sandbox.commit("no lines", {".gitattributes": "list.txt -merge\n"})
        made = make_pair(sandbox, line(5, "left"), line(5, "right"))
        said = made.by("union", "--json")
        [step] = said.json["conflicts"]
        assert (said.code, step["outcome"]) == (1, "left")

    def test_case_75_what_an_attribute_merges_is_no_conflict(self, sandbox: Sandbox) -> None:
        sandbox.commit("union", {".gitattributes": "list.txt merge=union\n"})
        made = make_pair(sandbox, line(5, "left"), line(5, "right"))
        said = made.by("union")
        assert said.code == 2 and "do not conflict" in said.err


class TestLeftToSomebody:
    def test_queue_says_who_goes_first_and_what_the_second_does_then(self, pair: Pair) -> None:
        said = pair.by("queue", "--json")
        assert (said.code, said.json["state"], said.json["first"]["id"]) == (1, "queued", "left")
        assert said.json["next"][0].startswith("left lands on main first")
        assert f"git -C '{pair.right}' merge main" in said.json["next"][1]
        assert pair.sandbox.git("for-each-ref", "refs/heads/resolve") == ""

    def test_who_goes_first_is_who_is_older_or_was_named(self, sandbox: Sandbox) -> None:
        for name in ("zebra", "ant"):
            gitcoord("start", "development", name, "--no-run", "--name", name, at=sandbox.path)
            path = Path(gitcoord("path", name, at=sandbox.path).out.strip())
            sandbox.commit("work", {"README.md": f"# {name}\n"}, at=path)
        older = gitcoord("resolve", "ant", "zebra", "--with", "queue", "-n", at=sandbox.path)
        assert "zebra" in older.out.splitlines()[0]
        assert "it is older, begun 2" in older.out
        asked = gitcoord(
            "resolve", "ant", "zebra", "--with", "queue", "-n", "--first", "ant", at=sandbox.path
        )
        assert "ant" in asked.out.splitlines()[0] and "as was asked" in asked.out

    def test_owner_is_who_changed_the_file_before(self, sandbox: Sandbox) -> None:
        for number in range(2):
            sandbox.write("list.txt", f"{number}\n" + TEXT)
            sandbox.git("add", "-A")
            sandbox.git("commit", "-qm", "by Bo", "--author", "Bo <bo@example.com>")
        made = make_pair(sandbox, line(5, "left"), line(5, "right"))
        said = made.by("owner", "--json")
        [step] = said.json["conflicts"]
        assert (said.code, step["to"]) == (1, "Bo <bo@example.com>")
        assert step["why"] == "made 2 of its 3 last changes before both began"

    def test_person_stays_open_until_it_is_closed(self, pair: Pair) -> None:
        said = pair.by("person", "--json")
        assert (said.code, said.json["state"]) == (1, "open")
        again = pair.by("person")
        assert again.code == 2 and said.json["id"] in again.err
        assert len(pair.records()) == 1
        closed = pair.resolve("--done", said.json["id"], "--note", "left it is", "--json")
        assert (closed.code, closed.json["state"], closed.json["note"]) == (
            0,
            "closed",
            "left it is",
        )
        twice = pair.resolve("--done", said.json["id"])
        assert twice.code == 2 and "not open" in twice.err

    def test_settings_choose_by_kind(self, sandbox: Sandbox) -> None:
        made = make_pair(
            sandbox,
            both(KINDS["content"][1], KINDS["modify/delete"][1]),
            both(KINDS["content"][2], KINDS["modify/delete"][2]),
        )
        gitcoord("config", "set", "resolve.content", "union", at=sandbox.path)
        gitcoord("config", "set", "resolve.modify_delete", "split", at=sandbox.path)
        said = made.resolve("left", "right", "--json")
        assert said.code == 0, said.err
        assert {one["kind"]: one["strategy"] for one in said.json["conflicts"]} == {
            "content": "union", "modify/delete": "split",
        }  # fmt: skip
        refused = gitcoord("config", "set", "resolve.content", "guess", at=sandbox.path)
        assert refused.code == 2 and "none of queue, split" in refused.err


class TestRebase:
    def test_what_is_left_is_left_in_a_worktree(self, pair: Pair) -> None:
        before = pair.seen()
        said = pair.by("rebase", "--json")
        assert (said.code, said.json["state"]) == (1, "open"), said.err
        place = Path(gitcoord("path", said.json["worktree"], at=pair.sandbox.path).out.strip())
        status = pair.sandbox.git("status", "--porcelain", at=place)
        assert "UU list.txt" in status
        assert "five of right" in (place / "list.txt").read_text()
        merged = pair.sandbox.git("rev-parse", "MERGE_HEAD", at=place)
        assert merged == pair.sandbox.git("rev-parse", "left")
        assert (place / "other.txt").read_text().splitlines()[8] == "nine"
        after = pair.seen()
        kept = before.keys() - {"refs", "objects", "worktrees"}
        assert {key: after[key] for key in kept} == {key: before[key] for key in kept}

    def test_it_is_done_when_it_is_committed_there(self, pair: Pair) -> None:
        made = pair.by("rebase", "--json").json
        early = pair.resolve("--done", made["id"])
        assert early.code == 2 and "not committed yet" in early.err
        place = Path(gitcoord("path", made["worktree"], at=pair.sandbox.path).out.strip())
        pair.sandbox.write("list.txt", "settled\n", at=place)
        pair.sandbox.git("commit", "-qam", "both", at=place)
        assert pair.resolve("--done", made["id"]).code == 0

        again = pair.by("person", "--json")
        [step] = again.json["conflicts"]
        assert (again.code, step["strategy"]) == (0, "remembered")
        assert made["id"] in step["why"]
        assert pair.shown("list.txt") == "settled"

    def test_a_second_call_names_the_first(self, pair: Pair) -> None:
        made = pair.by("rebase", "--json").json
        again = pair.by("rebase")
        assert again.code == 2 and made["id"] in again.err
        assert len(pair.records()) == 1

    def test_undo_waits_for_the_worktree_to_be_removed(self, pair: Pair) -> None:
        made = pair.by("rebase", "--json").json
        refused = pair.resolve("--undo", made["id"])
        assert refused.code == 2 and f"gitcoord remove {made['worktree']}" in refused.err
        assert gitcoord("remove", "-f", made["worktree"], at=pair.sandbox.path).code == 0
        assert pair.resolve("--undo", made["id"]).code == 0

    def test_what_was_decided_is_staged_beside_what_is_left(self, sandbox: Sandbox) -> None:
        made = make_pair(
            sandbox,
            both(KINDS["content"][1], KINDS["modify/delete"][1]),
            both(KINDS["content"][2], KINDS["modify/delete"][2]),
        )
        said = made.by("union", "--json")
        assert said.code == 1
        place = Path(gitcoord("path", said.json["worktree"], at=sandbox.path).out.strip())
        status = sandbox.git("status", "--porcelain", at=place).split("\n")
        assert [one for one in status if one.startswith("U") or one[1:2] == "U"] == ["DU gone.txt"]
        rows = (place / "list.txt").read_text().split("\n")
        assert rows[4:6] == ["five of left", "five of right"]
