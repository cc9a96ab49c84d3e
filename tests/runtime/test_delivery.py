from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gitcoord.config import Config, shipped
from gitcoord.git.repository import Repository
from gitcoord.runtime.delivery import Delivery, Stat, deliver
from gitcoord.worktrees.findings import commit_files, list_findings
from gitcoord.worktrees.kinds import find_kind
from gitcoord.worktrees.start import Wish, plan_start, start
from gitcoord.worktrees.worktree import Worktree
from tests.conftest import Sandbox

AUTHOR = "Ada Tester <ada@example.com> 1767323045 +0000"
SECRET = "ghp_" + "0123456789abcdefABCDEF0123456789wxyz"
FINDING = b'+++\nrole = "builder"\ntitle = "Mended"\nkind = "report"\n+++\n\nIt was the token.\n'


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    sandbox.commit("More", {"a.txt": "one\n", "b.txt": "one\n", "c.txt": "one\n"})
    return Repository.find(sandbox.path)


@pytest.fixture
def mine(repo: Repository) -> Worktree:
    kind = find_kind("development", [shipped("templates") / "workflows"])
    return start(repo, plan_start(repo, Wish(kind, "mend the login"), Config()))


def delivered(repo: Repository, worktree: Worktree, **more: Any) -> Delivery:
    about: dict[str, Any] = {
        "run": "run-1", "task": "build", "role": "builder", "runner": "claude", "author": AUTHOR,
        "since": worktree.linked.head if worktree.linked else "",
        **more,
    }  # fmt: skip
    return deliver(repo, worktree, **about)


def status(sandbox: Sandbox, worktree: Worktree) -> str:
    return sandbox.git("status", "--porcelain", at=worktree.path)


class TestWhatIsCommitted:
    def test_staged_unstaged_untracked_and_deleted(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        top = mine.path
        sandbox.write("a.txt", "staged\n", at=top)
        sandbox.git("add", "a.txt", at=top)
        sandbox.write("a.txt", "staged, then changed\n", at=top)
        sandbox.write("new/deep.py", "x = 1\n", at=top)
        sandbox.write("half.txt", "added, then gone", at=top)
        sandbox.git("add", "half.txt", at=top)
        (top / "half.txt").unlink()
        sandbox.write("meant.txt", "intent to add\n", at=top)
        sandbox.git("add", "-N", "meant.txt", at=top)
        sandbox.git("mv", "c.txt", "moved.txt", at=top)
        (top / "b.txt").unlink()
        (top / "run.sh").write_text("#!/bin/sh\n")
        (top / "run.sh").chmod(0o755)
        sandbox.write("noise.log", "ignored", at=top)
        done = delivered(repo, mine)
        assert done.problems == ()
        assert status(sandbox, mine) == ""
        assert sandbox.git("show", f"{mine.branch}:a.txt") == "staged, then changed"
        listed = sandbox.git("ls-tree", "-r", "--name-only", done.commit, "--", ":/").split()
        assert {"new/deep.py", "meant.txt", "moved.txt", "run.sh"} <= set(listed)
        assert not {"half.txt", "b.txt", "c.txt", "noise.log"} & set(listed)
        assert sandbox.git("ls-tree", done.commit, "run.sh").startswith("100755")
        assert done.stat.files == 7

    def test_nothing_to_commit(self, sandbox: Sandbox, repo: Repository, mine: Worktree) -> None:
        tip = sandbox.git("rev-parse", str(mine.branch))
        assert delivered(repo, mine) == Delivery()
        assert sandbox.git("rev-parse", str(mine.branch)) == tip

    def test_its_own_commits_are_kept_and_told(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        own = sandbox.commit("by the agent", {"x.py": "1\n"}, at=mine.path)
        sandbox.write("y.py", "2\n", at=mine.path)
        done = delivered(repo, mine)
        assert done.own == (own,)
        assert sandbox.git("rev-parse", f"{done.commit}^") == own
        assert done.stat == Stat(2, 2, 0)

    def test_only_its_own_commits(self, sandbox: Sandbox, repo: Repository, mine: Worktree) -> None:
        own = sandbox.commit("by the agent", {"x.py": "1\n"}, at=mine.path)
        done = delivered(repo, mine)
        assert (done.commit, done.own, done.stat.files) == ("", (own,), 1)

    def test_no_hook_runs_and_hidden_changes_count(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        hook = repo.common_dir / "hooks" / "pre-commit"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        sandbox.write("a.txt", "two\n", at=mine.path)
        assert delivered(repo, mine).commit

    def test_litter_of_agent_programs_stays_out(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        for name in (
            ".aider.chat.history.md", ".aider.tags.cache.v4/x", "src/__pycache__/a.pyc",
            ".claude/settings.local.json", "web/node_modules/x/index.js",
        ):  # fmt: skip
            sandbox.write(name, "x", at=mine.path)
        sandbox.write(".claude/agents/mine.md", "kept", at=mine.path)
        done = delivered(repo, mine)
        changed = sandbox.git("show", "--format=", "--name-only", done.commit)
        assert changed == ".claude/agents/mine.md"
        assert set(done.litter) == {
            ".aider.chat.history.md", ".aider.tags.cache.v4", "src/__pycache__",
            ".claude/settings.local.json", "web/node_modules",
        }  # fmt: skip
        assert done.problems == ()

    def test_names_of_any_bytes_links_and_leading_dashes(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        odd = os.fsdecode(b"-a\xff\n b")
        sandbox.write(odd, "x", at=mine.path)
        sandbox.write(":(top)x", "x", at=mine.path)
        (mine.path / "link").symlink_to("/etc/passwd")
        done = delivered(repo, mine)
        assert done.problems == ()
        assert done.stat.files == 3
        assert status(sandbox, mine) == ""
        assert sandbox.git("ls-tree", done.commit, "link").startswith("120000")

    def test_what_another_task_commits_meanwhile_is_kept(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("x.py", "1\n", at=mine.path)
        sandbox.git("commit", "-q", "--allow-empty", "-m", "theirs", at=mine.path)
        theirs = sandbox.git("rev-parse", "HEAD", at=mine.path)
        done = delivered(repo, mine)
        assert sandbox.git("rev-parse", f"{done.commit}^") == theirs

    def test_findings_committed_at_the_same_time(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        def others() -> None:
            for number in range(8):
                commit_files(repo, mine, {f"findings/{number}.md": FINDING}, "x", author=AUTHOR)

        thread = Thread(target=others)
        thread.start()
        commits = []
        for number in range(4):
            sandbox.write(f"{number}.py", "1\n", at=mine.path)
            commits.append(delivered(repo, mine).commit)
        thread.join()
        assert all(commits)
        assert len(list_findings(repo, mine.id, mine.branch)) == 8
        assert len(list_findings(repo, mine.id, "gone")) == 8
        names = sandbox.git("ls-tree", "--name-only", str(mine.branch)).split()
        assert {"0.py", "1.py", "2.py", "3.py"} <= set(names)
        assert status(sandbox, mine) == ""

    def test_long_ids(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("init", "-q", "--object-format=sha256", str(tmp_path / "long"))
        sandbox.commit("one", {"a.txt": "1"}, at=tmp_path / "long")
        repo = Repository.find(tmp_path / "long")
        kind = find_kind("development", [shipped("templates") / "workflows"])
        made = start(repo, plan_start(repo, Wish(kind, "mend it"), Config()))
        sandbox.write("a.txt", "2", at=made.path)
        assert len(delivered(repo, made).commit) == 64
        assert status(sandbox, made) == ""


class TestWhatIsWithheld:
    def test_a_new_file_with_a_secret(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("good.py", "x = 1\n", at=mine.path)
        sandbox.write("bad.py", f"\nTOKEN = '{SECRET}'\n", at=mine.path)
        done = delivered(repo, mine)
        assert sandbox.git("show", "--format=", "--name-only", done.commit) == "good.py"
        assert list(done.withheld) == ["bad.py"]
        assert "line 2" in done.problems[0]
        assert SECRET not in repr(done)
        assert status(sandbox, mine) == "?? bad.py"
        assert not holds(repo, SECRET)

    def test_a_tracked_file_keeps_its_last_version(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("a.txt", f"{SECRET}\n", at=mine.path)
        sandbox.write("b.txt", "two\n", at=mine.path)
        done = delivered(repo, mine)
        assert sandbox.git("show", f"{done.commit}:a.txt") == "one"
        assert (mine.path / "a.txt").read_text() == f"{SECRET}\n"
        assert status(sandbox, mine) == " M a.txt"
        assert not holds(repo, SECRET)

    def test_one_that_the_agent_staged_is_not_committed_either(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("bad.py", SECRET, at=mine.path)
        sandbox.write("good.py", "x = 1\n", at=mine.path)
        sandbox.git("add", "-A", at=mine.path)
        done = delivered(repo, mine)
        assert sandbox.git("show", "--format=", "--name-only", done.commit) == "good.py"
        assert "bad.py" in done.problems[0]

    def test_a_secret_that_was_there_before_is_no_reason(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.commit("a fixture", {"fixture.txt": f"{SECRET}\n"}, at=mine.path)
        now = sandbox.git("rev-parse", "HEAD", at=mine.path)
        sandbox.write("fixture.txt", f"{SECRET}\nmore\n", at=mine.path)
        done = delivered(repo, mine, since=now)
        assert done.withheld == {}
        assert done.commit

    def test_a_secret_in_its_own_commits_is_told_though_taken_out_again(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.commit("oops", {"x.py": SECRET}, at=mine.path)
        sandbox.commit("out", {"x.py": "1"}, at=mine.path)
        done = delivered(repo, mine)
        assert len(done.own) == 2
        assert "gitcoord purge" in done.problems[0]
        assert SECRET not in done.problems[0]

    def test_one_that_is_hidden_from_status(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.git("update-index", "--assume-unchanged", "a.txt", at=mine.path)
        sandbox.git("update-index", "--skip-worktree", "b.txt", at=mine.path)
        sandbox.write("a.txt", SECRET, at=mine.path)
        sandbox.write("b.txt", "two\n", at=mine.path)
        done = delivered(repo, mine)
        assert list(done.withheld) == ["a.txt"]
        assert not holds(repo, SECRET)
        assert sandbox.git("show", f"{done.commit}:b.txt") == "two"

    def test_one_committed_in_our_name(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.commit("x\n\nGitcoord-Run: run-1", {"x.py": SECRET}, at=mine.path)
        assert "gitcoord purge" in delivered(repo, mine).problems[0]

    def test_what_it_merged_from_where_it_grew_is_not_its_own(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.commit("by ada", {"fixture.txt": SECRET, "a.txt": "two\n"})
        sandbox.commit("by the agent", {"b.txt": "two\n"}, at=mine.path)
        sandbox.git("merge", "-q", "--no-edit", "main", at=mine.path)
        done = delivered(repo, mine)
        assert done.problems == ()
        told = sandbox.git("log", "--no-walk=unsorted", "--format=%s", *done.own).splitlines()
        assert told == ["by the agent", f"Merge branch 'main' into {mine.branch}"]

    @pytest.mark.parametrize("how", ["in the merge", "on a branch it merged"])
    def test_a_secret_that_it_put_into_a_merge_is_told(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, how: str
    ) -> None:
        if how == "in the merge":
            sandbox.commit("by ada", {"a.txt": "two\n"})
            sandbox.git("merge", "-q", "--no-ff", "--no-commit", "main", at=mine.path)
        else:
            sandbox.git("checkout", "-qb", "aside", at=mine.path)
        sandbox.commit("oops", {"x.py": SECRET}, at=mine.path)
        if how != "in the merge":
            sandbox.git("checkout", "-q", str(mine.branch), at=mine.path)
            sandbox.git("merge", "-q", "--no-ff", "--no-edit", "aside", at=mine.path)
        assert "gitcoord purge" in delivered(repo, mine).problems[0]

    def test_a_large_file(self, sandbox: Sandbox, repo: Repository, mine: Worktree) -> None:
        sandbox.write("model.bin", b"\0" * 3000, at=mine.path)
        sandbox.write("a.txt", "x" * 3000, at=mine.path)
        sandbox.write("b.txt", "two\n", at=mine.path)
        done = delivered(repo, mine, largest=2000)
        assert set(done.withheld) == {"model.bin", "a.txt"}
        assert sandbox.git("show", "--format=", "--name-only", done.commit) == "b.txt"

    def test_a_repository_inside(self, sandbox: Sandbox, repo: Repository, mine: Worktree) -> None:
        sandbox.git("init", "-q", str(mine.path / "inner"))
        sandbox.commit("inner", {"x": "1"}, at=mine.path / "inner")
        sandbox.write("b.txt", "two\n", at=mine.path)
        done = delivered(repo, mine)
        assert "inner" in done.problems[0]
        assert sandbox.git("show", "--format=", "--name-only", done.commit) == "b.txt"

    def test_a_mask_written_into_code_is_told(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("a.txt", 'key = "[REDACTED:aws_key]"\n', at=mine.path)
        done = delivered(repo, mine)
        assert done.commit
        assert "a.txt has [REDACTED:" in done.problems[0]
        sandbox.write("a.txt", 'key = "[REDACTED:aws_key]"\nmore\n', at=mine.path)
        assert delivered(repo, mine).problems == ()

    def test_many_are_told_in_few_words(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        for number in range(30):
            sandbox.write(f"{number}.py", f"{SECRET}{number}", at=mine.path)
        done = delivered(repo, mine)
        assert len(done.withheld) == 30
        assert len(done.problems) == 11


class TestWhatIsRefused:
    def test_a_merge_in_progress(self, sandbox: Sandbox, repo: Repository, mine: Worktree) -> None:
        sandbox.git("branch", "side")
        sandbox.commit("ours", {"a.txt": "ours\n"}, at=mine.path)
        sandbox.git("switch", "-q", "side")
        sandbox.commit("theirs", {"a.txt": "theirs\n"})
        sandbox.git("merge", "side", at=mine.path, ok=False)
        before = status(sandbox, mine)
        done = delivered(repo, mine)
        assert done.commit == ""
        assert "merge is in progress" in done.refused
        assert status(sandbox, mine) == before

    def test_conflicts_without_an_operation(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("a.txt", "stashed\n", at=mine.path)
        sandbox.git("stash", "-q", at=mine.path)
        sandbox.commit("ours", {"a.txt": "ours\n"}, at=mine.path)
        sandbox.git("stash", "pop", at=mine.path, ok=False)
        before = status(sandbox, mine)
        done = delivered(repo, mine)
        assert "conflicts" in done.refused and "a.txt" in done.refused
        assert status(sandbox, mine) == before

    @pytest.mark.parametrize("argv", [["-qc", "mine-now"], ["-q", "--detach"]])
    def test_another_branch_than_its_own(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, argv: list[str]
    ) -> None:
        sandbox.git("switch", *argv, at=mine.path)
        sandbox.write("x", "1", at=mine.path)
        done = delivered(repo, mine)
        assert done.commit == ""
        assert "left its branch" in done.refused
        assert status(sandbox, mine) == "?? x"

    def test_commits_that_were_taken_back_are_told(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.git("reset", "-q", "--hard", "HEAD~1", at=mine.path)
        done = delivered(repo, mine)
        assert "took back" in done.problems[0]

    def test_where_the_agent_has_to_commit(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write("x.py", "1", at=mine.path)
        done = delivered(repo, mine, commits=False)
        assert done.commit == ""
        assert "x.py" in done.problems[0]
        assert status(sandbox, mine) == "?? x.py"
        sandbox.write(f"{mine.folder}/findings/mended.md", FINDING, at=mine.path)
        sandbox.git("add", "-A", at=mine.path)
        sandbox.git("commit", "-qm", "its own", at=mine.path)
        assert delivered(repo, mine, commits=False).problems == ()
        assert [one.title for one in list_findings(repo, mine.id, "gone")] == ["Mended"]


class TestFindings:
    def test_a_finding_is_seen_and_outlives_the_branch(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write(f"{mine.folder}/findings/mended.md", FINDING, at=mine.path)
        delivered(repo, mine)
        [written] = list_findings(repo, mine.id, mine.branch)
        assert (written.title, written.body) == ("Mended", "It was the token.")
        assert list_findings(repo, mine.id, "no-such-branch") == [written]

    def test_one_that_it_committed_itself_is_archived(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.commit("x", {f"{mine.folder}/findings/mended.md": FINDING}, at=mine.path)
        assert delivered(repo, mine).commit == ""
        assert [one.title for one in list_findings(repo, mine.id, "gone")] == ["Mended"]

    def test_also_where_the_project_ignores_the_folder(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write(".gitignore", ".agentcoord/\n", at=mine.path)
        sandbox.write(f"{mine.folder}/findings/mended.md", FINDING, at=mine.path)
        delivered(repo, mine)
        assert [one.title for one in list_findings(repo, mine.id, mine.branch)] == ["Mended"]
        assert status(sandbox, mine) == ""

    def test_one_with_a_secret_is_not_committed(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write(f"{mine.folder}/findings/bad.md", FINDING + SECRET.encode(), at=mine.path)
        done = delivered(repo, mine)
        assert list_findings(repo, mine.id, mine.branch) == []
        assert "bad.md" in done.problems[0]
        assert not holds(repo, SECRET)

    def test_front_matter_that_is_none_is_told(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.write(f"{mine.folder}/findings/odd.md", "+++\nno toml\n+++\nText", at=mine.path)
        done = delivered(repo, mine)
        assert "odd.md" in done.problems[0]
        assert len(list_findings(repo, mine.id, mine.branch)) == 1

    def test_a_folder_of_findings_that_leads_elsewhere(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, tmp_path: Path
    ) -> None:
        sandbox.write("x.md", "private", at=tmp_path / "elsewhere")
        (mine.path / mine.folder).mkdir(parents=True, exist_ok=True)
        (mine.path / mine.folder / "findings").symlink_to(tmp_path / "elsewhere")
        done = delivered(repo, mine)
        assert not holds(repo, "private")
        assert done.commit


class TestMessage:
    def said(self, sandbox: Sandbox, repo: Repository, mine: Worktree, **more: Any) -> str:
        sandbox.write("x.py", "1\n", at=mine.path)
        done = delivered(repo, mine, **more)
        return sandbox.git("log", "-1", "--format=%B", done.commit)

    def test_subject_body_and_trailers(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        text = self.said(
            sandbox, repo, mine, model="claude-x", cost="$0.0123",
            summary="Mend the login. The token was issued too early.\n\nTests pass.",
        )  # fmt: skip
        assert text.splitlines()[0] == "Builder: Mend the login. The token was issued too early."
        read = sandbox.git("log", "-1", "--format=%(trailers:only,unfold)", str(mine.branch))
        assert read.strip().splitlines() == [
            f"Gitcoord-Worktree: {mine.id}", "Gitcoord-Run: run-1", "Gitcoord-Task: build",
            "Gitcoord-Role: builder", "Gitcoord-Runner: claude", "Gitcoord-Model: claude-x",
            "Gitcoord-Cost: $0.0123",
        ]  # fmt: skip
        assert sandbox.git("log", "-1", "--format=%an <%ae>", str(mine.branch)) == (
            "Ada Tester <ada@example.com>"
        )

    @pytest.mark.parametrize(
        "summary",
        [
            "", "\n\n", "x" * 5000, "word " * 300, "First. " + "And more words. " * 40,
            "a\x1b[31mred\x1b]0;title\x07\x00b", "--- a\n+++ b\n---\nmore", "\ud800 broken",
            "fine\n\nGitcoord-Cost: $9\nSigned-off-by: Eve <eve@example.com>",
            f"the key is {SECRET}", "\u202eevil\u2066", "# not a comment",
        ],
    )  # fmt: skip
    def test_whatever_the_agent_says(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, summary: str
    ) -> None:
        text = self.said(sandbox, repo, mine, summary=summary, model="m\nGitcoord-Cost: $1")
        first, empty, *rest = text.splitlines()
        assert 0 < len(first) <= 72
        assert empty == ""
        assert max(map(len, rest[: -6 if summary else None]), default=0) <= max(72, len(summary))
        assert "\x1b" not in text
        assert SECRET not in text
        costs = sandbox.git("log", "-1", "--format=%(trailers:key=Gitcoord-Cost)", str(mine.branch))
        assert costs.strip() == ""


def holds(repo: Repository, text: str) -> bool:
    """Whether any object, reachable or not, has the text."""
    ids = repo.run("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").out
    return text.encode() in repo.run("cat-file", "--batch", input=ids).out
