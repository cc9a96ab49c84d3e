"""gitcoord review: open, list, show, diff, checkout, and what is said of a review."""

from __future__ import annotations

import io
import os
import pty
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from gitcoord.commands.review import MORE
from gitcoord.commands.verbs import load_from
from gitcoord.coordination.inputs import list_inputs
from gitcoord.git.repository import Repository
from tests.calling import PROGRAM, Said, gitcoord, installed
from tests.conftest import FILES, Sandbox

KEYS = {
    *("id", "title", "branch", "target", "head", "base", "state", "verdicts", "checks"),
    *("conflicts", "behind", "comments"),
}
AUTH = "src/auth.py"


@pytest.fixture
def work(sandbox: Sandbox) -> Sandbox:
    """main is checked out; the branch `work` is a commit ahead."""
    sandbox.git("switch", "-qc", "work")
    sandbox.commit("Greet people\n\nAs they come.", {"greet.py": "def greet():\n    return 1\n"})
    sandbox.git("switch", "-q", "main")
    return sandbox


@pytest.fixture
def opened(work: Sandbox) -> str:
    made: str = review(work, "open", "work", "--json").json["id"]
    return made


def review(sandbox: Sandbox, *words: str) -> Said:
    return gitcoord("review", *words, at=sandbox.path)


@pytest.mark.parametrize("name", MORE)
def test_a_command_in_a_file_of_its_own_explains_itself(name: str) -> None:
    command = load_from(MORE[name][0], f"review {name}", [])
    assert command.help and f"gitcoord review {name}" in command.epilog
    said = gitcoord("review", name, "--help")
    assert said.code == 0 and "Examples:" in said.out


def test_an_empty_value_is_a_variable_that_is_not_set(sandbox: Sandbox) -> None:
    done = gitcoord("review", "approve", "x", "--at", "", at=sandbox.path)
    assert done.code == 2 and done.err.rstrip().endswith("gitcoord review approve --help")


class TestOpening:
    def test_a_branch_by_name_with_the_title_of_its_commit(self, work: Sandbox) -> None:
        done = review(work, "open", "work", "--json")
        assert done.code == 0 and done.json.keys() >= KEYS
        made = done.json
        assert (made["title"], made["branch"], made["target"]) == ("Greet people", "work", "main")
        assert (made["state"], made["ahead"], made["behind"]) == ("open", 1, 0)
        assert made["head"] == work.git("rev-parse", "work")

    def test_dry_run_changes_nothing(self, work: Sandbox) -> None:
        said = review(work, "open", "work", "-n")
        assert said.out.startswith("would open a review of work for main")
        assert review(work, "open", "work", "-n", "--json").json["dry_run"] is True
        assert work.git("for-each-ref", "refs/agentcoord/reviews") == ""

    def test_a_worktree_with_its_task_from_where_one_stands(self, sandbox: Sandbox) -> None:
        made = gitcoord(
            "start", "development", "mend the login", "--no-run", "--json", at=sandbox.path
        ).json["worktree"]
        place = Path(made["path"])
        message = "Mend\n\nGitcoord-Run: run-x-2222\nGitcoord-Task: build\nGitcoord-Role: builder"
        sandbox.commit(message, {"mended": "1\n"}, at=place)
        (place / "deep").mkdir()
        done = gitcoord("review", "open", "--json", at=place / "deep").json
        assert (done["title"], done["worktree"]) == ("mend the login", made["id"])
        shown = review(sandbox, "show", made["id"], "--json").json
        assert (shown["run"], shown["task"], shown["agent"]) == ("run-x-2222", "build", "builder")
        again = review(sandbox, "open", "mend-login")
        assert again.code == 2 and done["id"] in again.err

    @pytest.mark.parametrize(
        ("words", "said", "hint"),
        [
            (("main",), "main is where it would land", "--into TARGET"),
            (("nope",), "neither a worktree of ours nor a branch", "git branch"),
            (("w*",), "neither a worktree of ours nor a branch", "git branch"),
            (("-", "--into", "main"), "neither", "git branch"),
            (("work", "--into", "nope"), "no branch 'nope' to land on", "git branch"),
            (("work", "--into", "work"), "work is where it would land", "--into TARGET"),
        ],
    )
    def test_what_cannot_be_reviewed(
        self, work: Sandbox, words: tuple[str, ...], said: str, hint: str
    ) -> None:
        done = review(work, "open", *words)
        assert done.code == 2 and said in done.err and done.err.rstrip().endswith(hint)

    def test_a_remote_branch_is_nothing_to_land_on(self, work: Sandbox) -> None:
        work.git("update-ref", "refs/remotes/origin/next", "main")
        done = review(work, "open", "work", "--into", "origin/next")
        assert done.err.rstrip().endswith("git branch next origin/next")

    def test_nothing_is_checked_out(self, work: Sandbox) -> None:
        work.git("switch", "-q", "--detach", "work")
        done = review(work, "open")
        assert done.code == 2 and "gitcoord review open ID" in done.err

    def test_case_6_names_no_shell_would_like(self, work: Sandbox) -> None:
        work.git("update-ref", "refs/heads/-x", "work")
        assert review(work, "open", "--json", "--", "-x").json["branch"] == "-x"

    def test_outside_of_a_repository(self, tmp_path: Path) -> None:
        assert gitcoord("review", "list", at=tmp_path).code == 2


class TestLooking:
    def test_list_and_show_have_all_keys(self, work: Sandbox, opened: str) -> None:
        [row] = review(work, "list", "--json").json
        shown = review(work, "show", opened, "--json").json
        assert row.keys() >= KEYS and shown.keys() >= KEYS
        assert [one["subject"] for one in shown["commits"]] == ["Greet people"]
        assert shown["missing"][0]["what"] == "0 of 1 approvals"
        table = review(work, "list").out
        assert opened in table and "Greet people" in table

    def test_show_has_a_line_for_each_changed_file(self, sandbox: Sandbox) -> None:
        sandbox.git("switch", "-qc", "work")
        sandbox.git("mv", AUTH, "src/\x1bodd\n.py")
        files: dict[str, str | bytes] = {
            "pic": b"\0\1",
            ".agentcoord/x/report.md": "# found\n",
            "new": "1\n2\n",
        }
        sandbox.commit("Move", files)
        made = review(sandbox, "open", "work", "--json").json["id"]
        changed = review(sandbox, "show", made, "--json").json["changed"]
        assert [tuple(one.values()) for one in changed] == [
            ("new", "", 2, 0), ("pic", "", None, None), ("src/\x1bodd\n.py", AUTH, 0, 0),
        ]  # fmt: skip
        said = review(sandbox, "show", made).out.splitlines()
        assert "  changes   3 files, +2 -0" in said and "    pic binary" in said
        assert f"    src/\\x1bodd\\n.py (was {AUTH}) +0 -0" in said

    def test_what_is_not_committed_is_said_to_be_left_out(self, work: Sandbox) -> None:
        work.git("switch", "-q", "work")
        work.write("forgotten.py", "1\n")
        opened = review(work, "open")
        assert "it leaves out what is not committed (1 file): git -C " in opened.err
        shown = review(work, "show")
        assert "  left out  what is not committed (1 file)" in shown.out
        assert review(work, "show", "--json").json["left_out"][0]["files"] == 1
        work.commit("More", {"forgotten.py": "1\n"})
        assert "left out" not in review(work, "show").out

    def test_lists_by_state(self, work: Sandbox, opened: str) -> None:
        review(work, "close", opened)
        assert review(work, "list", "--json").json == []
        assert "open one with: gitcoord review open" in review(work, "list").err
        assert [one["id"] for one in review(work, "list", "--all", "--json").json] == [opened]
        assert len(review(work, "list", "--state", "closed", "--json").json) == 1
        assert review(work, "list", "--state", "merged", "--json").json == []
        assert review(work, "list", "--state", "odd").code == 2

    def test_show_takes_up_new_commits(self, work: Sandbox, opened: str) -> None:
        work.git("switch", "-q", "work")
        head = work.commit("More", {"more": "1\n"})
        shown = review(work, "show", opened, "--json").json
        assert shown["head"] == head and len(shown["versions"]) == 2
        assert "version 2" in review(work, "show", opened).out

    def test_the_review_of_the_branch_one_is_on(self, work: Sandbox, opened: str) -> None:
        assert "main" in review(work, "show").err
        work.git("switch", "-q", "work")
        assert review(work, "show", "--json").json["id"] == opened
        assert review(work, "comment", ".", "greet.py:1", "x").code == 0
        work.git("switch", "-q", "--detach")
        assert review(work, "diff").err.rstrip().endswith("gitcoord review list")

    def test_what_was_written_elsewhere_cannot_act_on_a_terminal(self, work: Sandbox) -> None:
        work.git("switch", "-q", "work")
        work.commit("\x1b]0;evil\x07Sub\u202eject", {"x": "\x1b[2J\n"})
        made = review(
            work, "open", "work", "--title", "a\x1b[31mb", "--body", "c\x9bd", "--json"
        ).json["id"]
        review(work, "comment", made, "x:1", "t\x1b[2Ju\u202e")
        for said in (review(work, "show", made), review(work, "list")):
            assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(said.out)

    def test_on_a_terminal_a_patch_is_harmless_too(self, work: Sandbox) -> None:
        work.git("switch", "-q", "work")
        work.commit("Odd", {"x": "\x1b[2J\n"})
        made = review(work, "open", "work", "--json").json["id"]
        assert b"\x1b" not in on_terminal("review", "diff", made, at=work.path)
        assert "\x1b" in installed("review", "diff", made, at=work.path).out

    def test_a_diff_is_what_git_can_apply(self, work: Sandbox, opened: str) -> None:
        patch = installed("review", "diff", opened, at=work.path).out
        work.write("patch", patch)
        work.git("apply", "--check", "patch")
        assert "greet.py | 2 ++" in installed("review", "diff", opened, "--stat", at=work.path).out

    def test_a_diff_leaves_the_folders_of_findings_out(self, work: Sandbox, opened: str) -> None:
        work.git("switch", "-q", "work")
        work.commit("Found", {".agentcoord/x/report.md": "# found\n", "deep/.agentcoord": "y\n"})
        seen = installed("review", "diff", opened, at=work.path / "src").out
        assert "report.md" not in seen and "deep/.agentcoord" in seen
        both = installed("review", "diff", opened, "--findings", at=work.path).out
        assert "report.md" in both

    def test_case_92_versions_against_each_other(self, work: Sandbox, opened: str) -> None:
        first = installed("review", "diff", opened, "--range-diff", at=work.path)
        assert first.code == 2 and "no version before" in first.err
        work.git("switch", "-q", "work")
        work.git("commit", "-q", "--amend", "-m", "Welcome people")
        seen = installed("review", "diff", opened, "--range-diff", at=work.path).out
        assert "Welcome people" in seen and "Greet people" in seen
        before = installed("review", "diff", opened, "--version", "1", at=work.path)
        assert before.code == 0 and "+def greet" in before.out
        as_json = review(work, "diff", opened, "--version", "1", "--json").json
        assert as_json["diff"] == before.out and as_json["number"] == 1
        assert installed("review", "diff", opened, "--version", "9", at=work.path).code == 2


class TestCheckout:
    def test_the_worktree_of_the_branch_is_there(
        self, work: Sandbox, opened: str, tmp_path: Path
    ) -> None:
        place = tmp_path / "there"
        work.git("worktree", "add", "-q", str(place), "work")
        assert review(work, "checkout", opened).out == f"{place}\n"

    def test_one_is_made_detached_and_goes_again(self, work: Sandbox, opened: str) -> None:
        foreseen = review(work, "checkout", opened, "-n")
        assert not Path(foreseen.out.rstrip("\n")).exists()
        done = review(work, "checkout", opened)
        place = Path(done.out.rstrip("\n"))
        assert done.code == 0 and (place / "greet.py").is_file()
        assert work.git("rev-parse", "--abbrev-ref", "HEAD", at=place) == "HEAD"
        assert work.git("status", "--porcelain") == ""
        ours = done.err.rstrip().rpartition(" ")[2]
        assert gitcoord("remove", ours, at=work.path).code == 0
        assert not place.exists() and work.git("rev-parse", "work")

    def test_a_place_that_is_taken_stays_as_it_is(
        self, work: Sandbox, opened: str, tmp_path: Path
    ) -> None:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine").write_text("x")
        done = review(work, "checkout", opened, "--path", str(tmp_path / "full"))
        assert done.code == 2 and (tmp_path / "full" / "mine").read_text() == "x"
        assert review(work, "checkout", opened, "--path", str(tmp_path / "free")).code == 0
        assert (tmp_path / "free" / "greet.py").is_file()

    def test_one_that_cannot_be_filled_leaves_nothing_behind(
        self, work: Sandbox, opened: str, tmp_path: Path
    ) -> None:
        work.git("switch", "-q", "work")
        work.commit("Filter", {".gitattributes": "*.bin filter=broken\n", "x.bin": "x\n"})
        work.git("switch", "-q", "main")
        work.git("config", "filter.broken.smudge", "false")
        work.git("config", "filter.broken.required", "true")
        before = work.git("worktree", "list", "--porcelain")
        done = review(work, "checkout", opened, "--path", str(tmp_path / "look"))
        assert done.code == 2 and not (tmp_path / "look").exists()
        assert work.git("worktree", "list", "--porcelain") == before


class TestSaying:
    def test_comment_reply_and_settle(self, work: Sandbox, opened: str) -> None:
        said = review(work, "comment", opened, "greet.py:2", "why 1?", "--json").json
        [thread] = said["comments"]
        assert (thread["path"], thread["line"], thread["quoted"]) == ("greet.py", 2, "    return 1")
        done = review(work, "reply", opened, thread["id"][:4], "because", "--resolve", "--json")
        [thread] = done.json["comments"]
        assert [one["text"] for one in thread["comments"]] == ["why 1?", "because"]
        assert thread["resolved"] is True
        shown = review(work, "show", opened).out
        assert "greet.py:2, settled" in shown and "> " in shown and "because" in shown

    def test_a_comment_on_a_file_a_range_an_old_line_and_the_whole(self, sandbox: Sandbox) -> None:
        sandbox.git("switch", "-qc", "work")
        sandbox.commit("Cut", {AUTH: FILES[AUTH].replace("import time\n", ""), "a:1": "x\n"})
        made = review(sandbox, "open", "work", "--json").json["id"]
        for words in (
            (AUTH, "the file"), (f"{AUTH}:2-3", "a range"), ("the whole",),
            (f"{AUTH}:1", "why not?", "--side", "old"), ("a:1", "odd name"),
        ):  # fmt: skip
            assert review(sandbox, "comment", made, *words).code == 0, words
        places = [
            (one["path"], one["line"], one["last"], one["side"])
            for one in review(sandbox, "show", made, "--json").json["comments"]
        ]
        assert places == [
            (AUTH, 0, 0, "new"), (AUTH, 2, 3, "new"), ("", 0, 0, "new"), (AUTH, 1, 1, "old"),
            ("a:1", 0, 0, "new"),
        ]  # fmt: skip

    def test_a_file_is_named_from_where_one_stands(self, work: Sandbox) -> None:
        work.git("switch", "-q", "work")
        work.commit("Deep", {"src/greet.py": "deep\n"})
        made = review(work, "open", "work", "--json").json["id"]
        inside = work.path / "src"
        for name, path in (("greet.py:1", "src/greet.py"), ("README.md", "README.md")):
            said = gitcoord("review", "comment", made, name, "x", "--json", at=inside).json
            assert said["comments"][-1]["path"] == path

    def test_a_text_from_stdin(
        self, work: Sandbox, opened: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = io.BytesIO("länger\nals eine Zeile".encode())
        fake = SimpleNamespace(buffer=content, isatty=lambda: False, fileno=lambda: -1)
        monkeypatch.setattr("sys.stdin", fake)
        said = review(work, "comment", opened, "greet.py:1", "-", "--json").json
        assert said["comments"][0]["comments"][0]["text"] == "länger\nals eine Zeile"

    @pytest.mark.parametrize(
        "words",
        [("greet.py:1", "a", "b"), ("greet.py:1", " "), ("greet.py:99", "x"), ("gone", "x"),
         ("greet.py:0", "x"), ("greet.py:1", "x", "--side", "left"), ("x" * 20_001,),
         ("greet.py",), ("greet.py:1",)],
    )  # fmt: skip
    def test_comments_that_make_no_sense(
        self, work: Sandbox, opened: str, words: tuple[str, ...]
    ) -> None:
        done = review(work, "comment", opened, *words)
        assert done.code == 2 and "hint: " in done.err
        assert review(work, "show", opened, "--json").json["comments"] == []

    def test_approve_and_request_changes(self, work: Sandbox, opened: str) -> None:
        assert review(work, "approve", opened, "-n").out.startswith("would approve")
        done = review(work, "approve", opened, "-m", "good", "--json").json
        assert done["decision"] == "approved" and done["verdicts"][0]["text"] == "good"
        assert done["conflicts"] is None
        asking = review(work, "request-changes", opened, "-m", "a test", "--json").json
        assert asking["decision"] == "changes-requested"
        name = asking["verdicts"][0]["by"]
        assert review(work, "dismiss", opened, name, "--json").json["decision"] == ""
        assert review(work, "dismiss", opened, "nobody").code == 2

    def test_what_was_asked_of_an_earlier_version_is_to_be_looked_at_again(
        self, work: Sandbox, opened: str
    ) -> None:
        review(work, "request-changes", opened, "-m", "a test")
        work.git("switch", "-q", "work")
        work.commit("A test", {"test": "1\n"})
        missing = review(work, "show", opened, "--json").json["missing"]
        assert "of an earlier version" in missing[0]["what"]
        assert missing[0]["command"] == f"gitcoord review diff {opened} --range-diff"

    def test_an_answer_without_words_says_how_to_answer(self, work: Sandbox, opened: str) -> None:
        review(work, "comment", opened, "why?")
        [thread] = review(work, "show", opened, "--json").json["comments"]
        done = review(work, "reply", opened, thread["id"], "")
        assert done.code == 2 and "gitcoord review reply" in done.err

    def test_an_approval_of_what_was_seen(self, work: Sandbox, opened: str) -> None:
        seen = work.git("rev-parse", "work")
        work.git("switch", "-q", "work")
        work.commit("More", {"more": "1\n"})
        done = review(work, "approve", opened, "--at", seen)
        assert done.code == 2 and done.err.rstrip().endswith("--range-diff")
        assert review(work, "approve", opened, "--at", work.git("rev-parse", "HEAD")[:8]).code == 0

    def test_requested_changes_are_the_agents_next_prompt(self, sandbox: Sandbox) -> None:
        made = gitcoord(
            "start", "development", "mend the login", "--no-run", "--json", at=sandbox.path
        ).json["worktree"]
        sandbox.commit("Mend", {"mended": "1\n"}, at=Path(made["path"]))
        opened = review(sandbox, "open", made["id"], "--json").json["id"]
        review(sandbox, "comment", opened, "mended:1", "why 1?")
        foreseen = review(sandbox, "request-changes", opened, "-m", "do better", "-n").out
        done = review(sandbox, "request-changes", opened, "-m", "do better")
        assert done.err.rstrip().endswith(f"gitcoord resume {made['id']}")
        repo = Repository.find(sandbox.path)
        [given] = list_inputs(repo, made["id"])
        assert "do better" in given.text and "mended:1:\n> 1" in given.text
        assert given.text == foreseen.rstrip("\n")
        assert review(sandbox, "approve", opened).code == 0
        assert list_inputs(repo, made["id"]) == []

    def test_an_agent_may_speak_but_not_decide(self, work: Sandbox, opened: str) -> None:
        def agent(*words: str) -> Said:
            return installed("review", *words, at=work.path, GITCOORD_AGENT="run-x/reviewer")

        assert agent("comment", opened, "greet.py:1", "hm").code == 0
        assert agent("request-changes", opened, "-m", "no").code == 0
        for words in (("approve",), ("close",), ("dismiss",)):
            rest = ("reviewer",) if words == ("dismiss",) else ()
            done = agent(*words, opened, *rest)
            assert done.code == 2 and f"an agent cannot {words[0]} a " in done.err
        shown = review(work, "show", opened, "--json").json
        assert shown["comments"][0]["comments"][0]["by"] == "run-x/reviewer"
        assert [one["agent"] for one in shown["verdicts"]] == [True]
        assert review(work, "approve", opened, "--json").json["decision"] == "approved"

    def test_in_an_agents_worktree_it_is_said_where_to_approve(self, sandbox: Sandbox) -> None:
        made = gitcoord(
            "start", "development", "mend the login", "--no-run", "--json", at=sandbox.path
        ).json["worktree"]
        sandbox.commit("Mend", {"mended": "1\n"}, at=Path(made["path"]))
        opened = review(sandbox, "open", made["id"], "--json").json["id"]
        done = gitcoord("review", "approve", opened, at=Path(made["path"]))
        assert done.code == 2
        assert done.err.rstrip().endswith(f"in your own checkout: cd {sandbox.path}")

    def test_one_that_has_no_more_than_its_start_changes_no_file(self, sandbox: Sandbox) -> None:
        made = gitcoord(
            "start", "development", "mend the login", "--no-run", "--json", at=sandbox.path
        ).json["worktree"]
        review(sandbox, "open", made["id"])
        assert "  changes   no file\n" in review(sandbox, "show", made["id"]).out

    def test_close_and_reopen(self, work: Sandbox, opened: str) -> None:
        assert review(work, "reopen", opened).code == 2
        assert review(work, "close", opened, "-n").out.startswith("would close")
        assert review(work, "close", opened, "-m", "later").code == 0
        done = review(work, "approve", opened)
        assert done.code == 2 and done.err.rstrip().endswith(f"gitcoord review reopen {opened}")
        assert review(work, "reopen", opened, "-n").out.startswith("would reopen")
        assert review(work, "reopen", opened, "--json").json["state"] == "open"


def on_terminal(*words: str, at: Path) -> bytes:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([PROGRAM, *words], cwd=at, stdout=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 1 << 16):
            said += piece
    except OSError:
        pass
    os.close(ours)
    assert process.wait() == 0
    return said
