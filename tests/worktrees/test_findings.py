"""What agents found: written on their branch, read back, also when branch and folder are gone."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.errors import Contended, NoSuch, Problem
from gitcoord.git.refs import change_refs
from gitcoord.git.repository import Repository
from gitcoord.worktrees import findings
from gitcoord.worktrees.findings import (
    PREFIX,
    commit_files,
    list_all_findings,
    list_findings,
    parse,
    read_report,
    render,
)
from gitcoord.worktrees.worktree import Worktree, view_worktrees
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin

WHO = "Ada Tester <ada@example.com> 1767323045 +0000"
FOUND = {"findings/01-cause.md": render({"title": "The cause", "confidence": 0.8}, "Because.")}


@pytest.fixture
def made(sandbox: Sandbox) -> tuple[Repository, Worktree]:
    begin(at=sandbox.path)
    repo = Repository.find(sandbox.path)
    return repo, view_worktrees(repo).mine[0]


class TestFile:
    @settings(max_examples=60, deadline=None)
    @given(
        title=st.text(max_size=40).filter(lambda text: text.isprintable()),
        body=st.text(max_size=200).map(lambda text: text.replace("\r", "").strip()),
        number=st.floats(0, 1),
    )
    def test_it_comes_back_as_it_was(self, title: str, body: str, number: float) -> None:
        front = {"title": title, "confidence": number, "evidence": [{"path": "a", "lines": [1]}]}
        back = parse("w", "x.md", render(front, body))
        assert (back.front, back.id) == (front, "x")
        assert back.body == body.encode("utf-8", "replace").decode().strip()
        assert (back.title, back.confidence) == (" ".join(title.split()), number)

    @given(content=st.binary(max_size=200))
    def test_any_bytes_are_read(self, content: bytes) -> None:
        parse("w", "x.md", content)
        parse("w", "x.md", b"+++\n" + content + b"\n+++\n")

    @pytest.mark.parametrize(
        "content",
        [b"just text", b"+++\nnot toml\n+++\ntext", b"+++\nno end", b"", b"+++\n+++\n"],
    )
    def test_one_without_front_matter_is_all_body(self, content: bytes) -> None:
        back = parse("w", "x.md", content)
        assert (back.front, back.title, back.confidence) == ({}, "x", None)
        assert back.evidence == []

    def test_windows_line_ends(self) -> None:
        back = parse("w", "x.md", b'+++\r\ntitle = "T"\r\n+++\r\n\r\nBody\r\n')
        assert (back.title, back.body) == ("T", "Body")

    @pytest.mark.parametrize("value", ["high", True, [], {"a": 1}])
    def test_values_of_another_type(self, value: Any) -> None:
        back = parse("w", "x.md", render({"confidence": value, "evidence": value}, ""))
        assert back.confidence in (None, True)
        assert back.evidence == []


class TestCommit:
    def test_on_the_branch_in_the_folder_and_in_the_archive(
        self, sandbox: Sandbox, made: tuple[Repository, Worktree]
    ) -> None:
        repo, one = made
        commit = commit_files(repo, one, {**FOUND, "report.md": b"# All\n"}, "Found", author=WHO)
        assert sandbox.git("rev-parse", str(one.branch)) == commit
        assert sandbox.git("status", "--porcelain", at=one.path) == ""
        assert (one.path / one.folder / "findings" / "01-cause.md").is_file()
        assert sandbox.git("log", "-1", "--format=%an %s", commit) == "Ada Tester Found"
        assert [found.title for found in list_findings(repo, one.id, one.branch)] == ["The cause"]
        kept = sandbox.git("ls-tree", "-r", "--name-only", PREFIX + one.id)
        assert kept.split() == ["context.toml", "findings/01-cause.md", "report.md"]

    def test_nothing_else_is_committed_or_touched(
        self, sandbox: Sandbox, made: tuple[Repository, Worktree]
    ) -> None:
        repo, one = made
        sandbox.write("README.md", "staged", at=one.path)
        sandbox.git("add", "README.md", at=one.path)
        sandbox.write("README.md", "and changed", at=one.path)
        sandbox.write("new", "untracked", at=one.path)
        before = sandbox.git("status", "--porcelain", at=one.path)
        commit = commit_files(repo, one, FOUND, "Found", author=WHO)
        assert sandbox.git("status", "--porcelain", at=one.path) == before
        changed = sandbox.git("diff", "--name-only", f"{commit}~1", commit)
        assert changed == f"{one.folder}/findings/01-cause.md"

    def test_again_over_what_was_there(
        self, sandbox: Sandbox, made: tuple[Repository, Worktree]
    ) -> None:
        repo, one = made
        for body in ("First.", "Second."):
            commit_files(repo, one, {"findings/a.md": render({}, body)}, "x", author=WHO)
        assert [found.body for found in list_findings(repo, one.id, one.branch)] == ["Second."]

    def test_case_53_the_branch_moves_meanwhile(
        self,
        sandbox: Sandbox,
        made: tuple[Repository, Worktree],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The agent's own commit lands between our reading and our writing: both stay."""
        repo, one = made
        times: list[str] = []

        def late(*words: Any, **rest: Any) -> None:
            if not times:
                times.append(sandbox.commit("The agent's own", {"code.py": "x"}, at=one.path))
            change_refs(*words, **rest)

        monkeypatch.setattr(findings, "change_refs", late)
        commit = commit_files(repo, one, FOUND, "Found", author=WHO)
        assert sandbox.git("rev-parse", f"{commit}~1") == times[0]
        assert sandbox.git("status", "--porcelain", at=one.path) == ""

    def test_a_branch_that_keeps_moving(
        self, made: tuple[Repository, Worktree], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def moved(*_: Any, **__: Any) -> None:
            raise Contended("moved")

        monkeypatch.setattr(findings, "change_refs", moved)
        monkeypatch.setattr(findings, "_TRIES", 2)
        with pytest.raises(Contended, match="keeps moving"):
            commit_files(*made, FOUND, "Found", author=WHO)

    def test_case_34_a_link_in_the_way_leads_nowhere(
        self, sandbox: Sandbox, made: tuple[Repository, Worktree], tmp_path: Path
    ) -> None:
        repo, one = made
        outside = tmp_path / "outside"
        outside.mkdir()
        (one.path / one.folder / "findings").symlink_to(outside)
        with pytest.raises(Problem, match="leads out of its worktree"):
            commit_files(repo, one, FOUND, "Found", author=WHO)
        assert list(outside.iterdir()) == []

    def test_on_no_branch(self, sandbox: Sandbox, made: tuple[Repository, Worktree]) -> None:
        repo, one = made
        sandbox.git("checkout", "-q", "--detach", at=one.path)
        with pytest.raises(Problem, match="is on no branch"):
            commit_files(repo, view_worktrees(repo).mine[0], FOUND, "Found", author=WHO)

    def test_while_the_agents_git_holds_the_index(
        self, sandbox: Sandbox, made: tuple[Repository, Worktree]
    ) -> None:
        repo, one = made
        assert one.admin is not None
        lock = one.admin / "index.lock"
        script = f"touch '{lock}'; echo; sleep 0.2; rm '{lock}'"
        with subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE) as holding:
            assert holding.stdout is not None
            holding.stdout.readline()
            commit_files(repo, one, FOUND, "Found", author=WHO)
        assert sandbox.git("status", "--porcelain", at=one.path) == ""


class TestReading:
    def test_after_worktree_and_branch_are_gone(
        self, sandbox: Sandbox, made: tuple[Repository, Worktree]
    ) -> None:
        repo, one = made
        commit_files(repo, one, {**FOUND, "report.md": b"# All\n"}, "Found", author=WHO)
        said = gitcoord("remove", "--force", one.id, at=sandbox.path)
        assert said.code == 0, said.err
        assert sandbox.git("branch", "--list", str(one.branch)) == ""
        assert [found.title for found in list_findings(repo, one.id)] == ["The cause"]
        assert [found.worktree_id for found in list_all_findings(repo)] == [one.id]
        assert read_report(repo, one.id) == "# All\n"

    def test_none(self, made: tuple[Repository, Worktree]) -> None:
        repo, one = made
        assert list_findings(repo, one.id, one.branch) == []
        assert list_findings(repo, "no-such") == []
        assert list_all_findings(repo) == []
        with pytest.raises(NoSuch, match="has no report"):
            read_report(repo, one.id)

    def test_only_markdown_by_name(
        self, sandbox: Sandbox, made: tuple[Repository, Worktree]
    ) -> None:
        repo, one = made
        files = {f"findings/{name}": b"x" for name in ("b.md", "a.md", "a.txt", "deep/c.md")}
        commit_files(repo, one, files, "Found", author=WHO)
        assert [found.id for found in list_findings(repo, one.id, one.branch)] == ["a", "b"]


def test_a_secret_in_a_finding_is_replaced_before_git_sees_it(
    sandbox: Sandbox, made: tuple[Repository, Worktree]
) -> None:
    repo, worktree = made
    secret = "ghp_" + "0123456789abcdefABCDEF0123456789wxyz"
    commit_files(
        repo, worktree, {"findings/a.md": f"it is {secret}".encode()}, f"x\n\n{secret}",
        author=WHO,
    )  # fmt: skip
    [written] = list_findings(repo, worktree.id, worktree.branch)
    assert written.body == "it is [REDACTED:github_token]"
    assert secret not in sandbox.git("log", "-1", "--format=%B", str(worktree.branch))
