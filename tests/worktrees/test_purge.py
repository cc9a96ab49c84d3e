from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.config import Config, shipped
from gitcoord.errors import BadInput, Contended
from gitcoord.git.repository import Repository
from gitcoord.process import hold
from gitcoord.state import journal as journals
from gitcoord.state.journal import Journal
from gitcoord.state.store import Store
from gitcoord.worktrees.findings import commit_files, list_findings
from gitcoord.worktrees.kinds import find_kind
from gitcoord.worktrees.losses import plan_removal
from gitcoord.worktrees.purge import Purged, find_leaks, plan_purge, purge, written_ways
from gitcoord.worktrees.removal import remove
from gitcoord.worktrees.start import Wish, plan_start, start
from gitcoord.worktrees.trash import find_trashed, restore
from gitcoord.worktrees.worktree import Worktree, view_worktrees
from tests.conftest import Sandbox

AUTHOR = "Ada Tester <ada@example.com> 1767323045 +0000"
TEXT = 'slipped "through" äöü'
TOKEN = "ghp_" + "0123456789abcdefABCDEF0123456789wxyz"


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


@pytest.fixture
def mine(repo: Repository) -> Worktree:
    kind = find_kind("investigation", [shipped("templates") / "workflows"])
    return start(repo, plan_start(repo, Wish(kind, "why does login fail?"), Config()))


def holds(repo: Repository, text: str = TEXT) -> bool:
    """Whether any object, reachable or not, has the text, or any file below our folder."""
    ids = repo.run("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").out
    every = [repo.run("cat-file", "--batch", input=ids).out]
    every += [file.read_bytes() for file in repo.own_dir.rglob("*") if file.is_file()]
    return any(way in content for way in written_ways([text]) for content in every)


def purged(repo: Repository, text: str = TEXT, *, branches: bool = False) -> Purged:
    done = purge(repo, plan_purge(repo, [text]), branches=branches)
    repo.run("fsck", "--full", "--strict", "--no-dangling")
    return done


class TestRecords:
    def test_a_record_a_finding_and_the_journal(self, repo: Repository) -> None:
        Store(repo).create("decisions", "one", {"why": f"since {TEXT} is set", "kept": 1})
        Journal(repo.own_dir).append("said", text=f"it is {TEXT}")
        plan = plan_purge(repo, [TEXT])
        assert plan.records == ("refs/agentcoord/decisions/one",)
        assert len(plan.files) == 1
        done = purged(repo)
        assert done.left == {}
        body = Store(repo).read("decisions", "one").body
        assert body == {"why": "since [REDACTED:purged] is set", "kept": 1}
        event, noted = Journal(repo.own_dir).tail()
        assert (noted.kind, noted.fields["objects"]) == ("purge", done.dropped)
        assert event.fields["text"] == "it is [REDACTED:purged]"
        assert plan_purge(repo, [TEXT]).empty

    def test_segments_that_are_sealed(
        self, repo: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journals, "FULL", 200)
        journal = Journal(repo.own_dir)
        for number in range(6):
            journal.append("said", number=number, text=f"it is {TEXT}")
        assert journal.seal(repo)
        journal.seal(repo)
        assert purged(repo).left == {}
        events = [one for one in Journal(repo.own_dir).tail() if one.kind == "said"]
        assert [one.fields["number"] for one in events] == list(range(6))
        assert {one.fields["text"] for one in events} == {"it is [REDACTED:purged]"}
        assert not holds(repo)
        journal.append("said", text="goes on")
        journal.seal(repo)
        assert len(list(Journal(repo.own_dir).tail())) == 8

    def test_logs_keep_their_mode(self, repo: Repository) -> None:
        log = repo.own_dir / "logs" / "run-1" / "look.jsonl"
        log.parent.mkdir(parents=True)
        log.write_text(f'{{"text": "{TEXT}"}}\n')
        log.chmod(0o600)
        done = purged(repo)
        assert done.files == (log,)
        assert TEXT not in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_a_text_that_goes_across_the_syntax_of_a_record_is_left(self, repo: Repository) -> None:
        Store(repo).create("decisions", "one", {"why": "abcdefgh", "then": "ijklmnop"})
        done = purged(repo, 'abcdefgh"\nthen')
        assert "TOML" in next(iter(done.left.values()))
        assert Store(repo).read("decisions", "one").body["why"] == "abcdefgh"

    def test_other_unreachable_work_stays(self, sandbox: Sandbox, repo: Repository) -> None:
        sandbox.write("README.md", "work of an hour")
        lost = sandbox.git("stash", "create")
        Store(repo).create("decisions", "one", {"why": TEXT})
        Store(repo).change("decisions", "one", lambda _: {"why": "better"})
        assert holds(repo)
        done = purged(repo)
        assert (done.dropped, done.left) == (1, {})
        assert not holds(repo)
        assert sandbox.git("cat-file", "-t", lost) == "commit"

    @pytest.mark.parametrize("how", ["all", "bitmaps", "graph"])
    def test_objects_in_packs(self, sandbox: Sandbox, repo: Repository, how: str) -> None:
        sandbox.write("work.txt", "of an hour")
        sandbox.git("add", "work.txt")
        lost = sandbox.git("rev-parse", ":work.txt")
        for number in range(5):
            Store(repo).create("decisions", f"d{number}", {"why": f"{number} {TEXT}"})
        sandbox.git("repack", "-adk", *(["--write-bitmap-index"] if how == "bitmaps" else []))
        if how == "graph":
            sandbox.git("commit-graph", "write", "--reachable")
            sandbox.git("multi-pack-index", "write")
        assert purged(repo).left == {}
        assert not holds(repo)
        assert sandbox.git("cat-file", "-p", lost) == "of an hour"
        assert Store(repo).read("decisions", "d3").body["why"] == "3 [REDACTED:purged]"

    def test_a_pack_that_is_kept_is_left_and_named(
        self, sandbox: Sandbox, repo: Repository
    ) -> None:
        Store(repo).create("decisions", "one", {"why": TEXT})
        sandbox.git("repack", "-adq")
        [pack] = (repo.common_dir / "objects" / "pack").glob("*.pack")
        pack.with_suffix(".keep").touch()
        done = purged(repo)
        assert any("keep" in why for why in done.left.values())


class TestBranches:
    @pytest.fixture
    def leaked(self, sandbox: Sandbox, repo: Repository, mine: Worktree) -> str:
        """A finding and code with it, in the middle of a branch's history."""
        sandbox.commit("before", {"x.py": "1\n"}, at=mine.path)
        commit_files(repo, mine, {"findings/a.md": TEXT.encode()}, "Found", author=AUTHOR)
        sandbox.commit(f"with {TEXT}", {"x.py": f"# {TEXT}\n", "y.py": "2\n"}, at=mine.path)
        return sandbox.commit("after", {"x.py": "3\n", "z.py": "4\n"}, at=mine.path)

    def test_findings_are_rewritten_and_the_branch_named(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, leaked: str
    ) -> None:
        done = purged(repo)
        assert done.refs == (f"refs/agentcoord/findings/{mine.id}",)
        assert done.left[f"refs/heads/{mine.branch}"] == "rewritten with --branches only"
        assert sandbox.git("rev-parse", str(mine.branch)) == leaked

    def test_the_branch_is_rewritten_when_asked(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, leaked: str
    ) -> None:
        users = sandbox.git("rev-parse", "main")
        done = purged(repo, branches=True)
        assert done.left == {}
        assert not holds(repo)
        assert sandbox.git("status", "--porcelain", at=mine.path) == ""
        subjects = sandbox.git("log", "--format=%s", f"main..{mine.branch}").splitlines()
        assert subjects[:2] == ["after", "with [REDACTED:purged]"]
        assert [one.body for one in list_findings(repo, mine.id, mine.branch)] == [
            "[REDACTED:purged]"
        ]
        assert sandbox.git("rev-parse", "main") == users
        assert (mine.path / "x.py").read_text() == "3\n"
        finding = mine.path / mine.folder / "findings" / "a.md"
        assert finding.read_text() == "[REDACTED:purged]"

    def test_an_amended_commit_that_only_the_reflog_knows(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        sandbox.commit("oops", {"x.py": TEXT}, at=mine.path)
        sandbox.write("x.py", "1", at=mine.path)
        sandbox.git("commit", "-qa", "--amend", "-m", "better", at=mine.path)
        done = purged(repo, branches=True)
        assert done.left == {}
        assert not holds(repo)
        assert sandbox.git("reflog", "show", str(mine.branch), at=mine.path)

    def test_uncommitted_work_beside_it_stays(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, leaked: str
    ) -> None:
        sandbox.write("y.py", "staged\n", at=mine.path)
        sandbox.git("add", "y.py", at=mine.path)
        sandbox.write("z.py", "not staged\n", at=mine.path)
        purged(repo, branches=True)
        assert sandbox.git("status", "--porcelain", at=mine.path).split("\n") == [
            "M  y.py", " M z.py",
        ]  # fmt: skip

    def test_in_the_trash(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, leaked: str
    ) -> None:
        sandbox.write("uncommitted.txt", f"also {TEXT}", at=mine.path)
        view = view_worktrees(repo)
        remove(repo, plan_removal(repo, view, view.mine[0], Config().trash, cwd=None), force=True)
        done = purged(repo)
        assert done.left == {}
        assert not holds(repo)
        assert find_trashed(repo, mine.id).id == mine.id

    def test_brought_back_from_the_trash_afterwards(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree, leaked: str
    ) -> None:
        sandbox.write("uncommitted.txt", f"also {TEXT}", at=mine.path)
        sandbox.write("y.py", "changed\n", at=mine.path)
        view = view_worktrees(repo)
        remove(repo, plan_removal(repo, view, view.mine[0], Config().trash, cwd=None), force=True)
        purged(repo)
        restore(repo, find_trashed(repo, mine.id))
        assert (mine.path / "uncommitted.txt").read_text() == "also [REDACTED:purged]"
        assert (mine.path / "y.py").read_text() == "changed\n"


@pytest.mark.parametrize("where", ["change_refs", "_rewrite_worktree", "drop_objects"])
def test_killed_and_done_again(
    sandbox: Sandbox, repo: Repository, mine: Worktree, where: str
) -> None:
    """At the start of each step; the next call completes what was begun."""
    Store(repo).create("decisions", "one", {"why": TEXT})
    sandbox.commit("with it", {"x.py": f"# {TEXT}\n"}, at=mine.path)
    sandbox.write("y.py", "uncommitted\n", at=mine.path)
    code = f"""
import os
from gitcoord.git.repository import Repository
from gitcoord.worktrees import purge
def die(*_, **__):
    os.kill(os.getpid(), 9)
setattr(purge, {where!r}, die)
repo = Repository.find({str(sandbox.path)!r})
purge.purge(repo, purge.plan_purge(repo, [{TEXT!r}]), branches=True)
"""
    died = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert died.returncode == -9, died.stderr
    done = purged(repo, branches=True)
    assert done.left == {}
    assert not holds(repo)
    assert sandbox.git("status", "--porcelain", at=mine.path) == "?? y.py"
    assert (mine.path / "x.py").read_text() == "# [REDACTED:purged]\n"


class TestTheUsers:
    def test_their_branches_tags_and_stash_are_named_and_stay(
        self, sandbox: Sandbox, repo: Repository, mine: Worktree
    ) -> None:
        brought = sandbox.commit("oops", {"key.txt": TEXT})
        sandbox.git("tag", "v1")
        before = sandbox.git("for-each-ref")
        plan = plan_purge(repo, [TEXT])
        assert plan.others == {"refs/heads/main": brought, "refs/tags/v1": brought}
        done = purged(repo, branches=True)
        assert done.refs == ()
        assert set(done.left) == {"refs/heads/main", "refs/tags/v1"}
        assert sandbox.git("for-each-ref") == before
        assert sandbox.git("show", "main:key.txt") == TEXT

    def test_an_agents_branch_from_there_is_not_made_to_change_it(
        self, sandbox: Sandbox, repo: Repository
    ) -> None:
        sandbox.commit("oops", {"key.txt": TEXT})
        kind = find_kind("investigation", [shipped("templates") / "workflows"])
        made = start(repo, plan_start(repo, Wish(kind, "why?"), Config()))
        tip = sandbox.git("rev-parse", str(made.branch))
        purged(repo, branches=True)
        assert sandbox.git("rev-parse", str(made.branch)) == tip


class TestRefused:
    def test_while_an_agent_is_at_work(self, repo: Repository, mine: Worktree) -> None:
        Store(repo).create("decisions", "one", {"why": TEXT})
        with hold(repo.own_dir, mine.id), pytest.raises(Contended, match="at work"):
            purged(repo)
        assert holds(repo)

    @pytest.mark.parametrize("text", ["", "a", "     \n"])
    def test_a_text_that_is_everywhere(self, repo: Repository, text: str) -> None:
        with pytest.raises(BadInput):
            plan_purge(repo, [text])


def test_what_looks_like_a_secret_is_found_in_what_is_ours_alone(
    sandbox: Sandbox, repo: Repository, mine: Worktree
) -> None:
    sandbox.commit("the user's own", {"key.txt": TOKEN.replace("0", "9")})
    Store(repo).create("decisions", "one", {"why": f"the token is {TOKEN}"})
    assert find_leaks(repo) == {TOKEN}
    sandbox.commit("by the agent", {"x.py": f"t = '{TOKEN}x'"}, at=mine.path)
    assert find_leaks(repo) == {TOKEN, f"{TOKEN}x"}


def test_nothing_to_find(repo: Repository, mine: Worktree, tmp_path: Path) -> None:
    plan = plan_purge(repo, ["not anywhere at all"])
    assert plan.empty
    assert purge(repo, plan) == Purged((), (), 0, {})
