from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import NoSuch
from gitcoord.git.objects import FILE, FOLDER, Batch, Entry, signature
from gitcoord.git.refs import Change, change_refs
from gitcoord.git.repository import Repository
from gitcoord.reviews import saying
from gitcoord.reviews.exchange.export import (
    CI,
    DISCUSS,
    REQUESTS,
    export,
    lines_of,
    note_id,
    written,
)
from gitcoord.reviews.exchange.notes import Line, change_lines, read_lines, read_notes
from gitcoord.reviews.review import Review, add_event, open_review, read_review, refresh
from gitcoord.reviews.verdicts.validator import Validator
from gitcoord.reviews.verdicts.verdict import Comment, Subject, Verdict, verdict_id, write_verdict
from tests.conftest import Sandbox
from tests.reviews.exchange import appraise

WORK, MAIN = "refs/heads/work", "refs/heads/main"
WHO = signature("Ada", "ada@example.com", 1_700_000_000)


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    """A repository with a branch `work`, checked out, two commits ahead of main."""
    sandbox.git("switch", "-qc", "work")
    sandbox.commit("Greet", {"src/greet.py": "def greet():\n    return 'hello'\n"})
    sandbox.commit("Greet twice", {"src/greet.py": "def greet():\n    return 2 * 'hello'\n"})
    return Repository.find(sandbox.path)


@pytest.fixture
def review(repo: Repository) -> Review:
    return open_review(repo, branch=WORK, target=MAIN, title="Greet <all>", body="& so", by="ada")


def first(sandbox: Sandbox) -> str:
    return sandbox.git("rev-list", "--reverse", "main..work").split("\n")[0]


def noted(sandbox: Sandbox, ref: str, commit: str) -> list[str]:
    """As git-appraise asks: by git itself."""
    said = sandbox.git("notes", "--ref", ref, "show", commit, ok=False)
    return [line for line in said.split("\n") if line]


def verdict_on(review: Review, state: str) -> Verdict:
    about = Subject(review.head, review.tree, review.base)
    validator = Validator("tests", "command", "true", "", "", 10)
    return Verdict(
        verdict_id(about, validator), state, "tests", "command", validator.digest, about.commit,
        about.tree, about.base, (Comment("src/greet.py", 2, "2 * ?"),),
        time="2026-01-02T03:04:05Z",
    )  # fmt: skip


def test_a_request_hangs_on_the_first_commit(
    repo: Repository, review: Review, sandbox: Sandbox
) -> None:
    export(repo)
    [line] = noted(sandbox, REQUESTS, first(sandbox))
    note = appraise.check(REQUESTS, line)
    assert (note["reviewRef"], note["targetRef"], note["requester"]) == (WORK, MAIN, "ada")
    assert note["description"] == "Greet <all>\n\n& so"
    assert "\\u003call\\u003e" in line


def test_all_that_is_written_is_as_the_schema_has_it(repo: Repository, review: Review) -> None:
    saying.comment(repo, review, "why?\x1b\x08", by="bob", place="src/greet.py:2")
    thread = read_review(repo, review.id).threads[0]
    saying.reply(repo, read_review(repo, review.id), thread.id, "because", by="ada")
    saying.comment(repo, review, "all of it", by="bob")
    saying.comment(repo, review, "this file", by="bob", place="src/greet.py")
    saying.request_changes(repo, read_review(repo, review.id), by="bob", agent=False, text="no")
    saying.approve(repo, read_review(repo, review.id), by="bob", how="command")
    saying.close(repo, read_review(repo, review.id), by="ada")
    saying.reopen(repo, read_review(repo, review.id), by="ada")
    write_verdict(repo, verdict_on(review, "unknown"))
    done = export(repo)
    for line in done.lines:
        appraise.check(line.ref, line.text)
    assert {line.ref for line in done.lines} == {REQUESTS, DISCUSS, CI}


def test_an_answer_names_its_comment_by_hash(
    repo: Repository, review: Review, sandbox: Sandbox
) -> None:
    saying.comment(repo, review, "why?", by="bob", place="src/greet.py:1-2")
    thread = read_review(repo, review.id).threads[0]
    saying.reply(repo, read_review(repo, review.id), thread.id, "so", by="ada", resolve=True)
    export(repo)
    asked, answered = map(json.loads, lines := noted(sandbox, DISCUSS, first(sandbox)))
    assert asked["location"] == {
        "commit": review.head, "path": "src/greet.py", "range": {"startLine": 1, "endLine": 2},
    }  # fmt: skip
    assert answered["parent"] == hashlib.sha1(lines[0].encode()).hexdigest()
    assert answered["resolved"] is True


def test_exporting_again_adds_nothing_and_then_only_what_is_new(
    repo: Repository, review: Review, sandbox: Sandbox
) -> None:
    saying.comment(repo, review, "one", by="bob")
    assert len(export(repo).lines) == 2
    before = sandbox.git("for-each-ref", "refs/notes")
    assert export(repo).lines == ()
    assert sandbox.git("for-each-ref", "refs/notes") == before
    saying.comment(repo, review, "two", by="bob")
    would = export(repo, dry_run=True).lines
    assert [json.loads(line.text)["description"] for line in would] == ["two"]
    assert sandbox.git("for-each-ref", "refs/notes") == before
    assert export(repo).lines == would


def test_lines_of_others_stay(repo: Repository, review: Review, sandbox: Sandbox) -> None:
    commit = first(sandbox)
    sandbox.git("notes", "--ref", DISCUSS, "add", "-m", "not ours", commit)
    sandbox.git("notes", "--ref", DISCUSS, "add", "-m", "elsewhere", "main")
    saying.comment(repo, review, "ours", by="bob")
    export(repo)
    assert noted(sandbox, DISCUSS, commit)[0] == "not ours"
    assert len(noted(sandbox, DISCUSS, commit)) == 2
    removed = export(repo, remove=True).lines
    assert {line.ref for line in removed} == {REQUESTS, DISCUSS}
    assert noted(sandbox, DISCUSS, commit) == ["not ours"]
    assert noted(sandbox, DISCUSS, "main") == ["elsewhere"]
    assert noted(sandbox, REQUESTS, commit) == []
    assert export(repo, remove=True).lines == ()


class TestDecisions:
    def told(self, repo: Repository, sandbox: Sandbox) -> bool | None:
        export(repo)
        return appraise.resolved(noted(sandbox, DISCUSS, first(sandbox)))

    def test_what_was_approved_is_accepted(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        assert self.told(repo, sandbox) is None
        saying.approve(repo, review, by="bob", how="command", text="good")
        assert self.told(repo, sandbox) is True

    def test_a_request_and_then_an_approval(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        saying.request_changes(repo, review, by="bob", agent=False, text="tests!")
        assert self.told(repo, sandbox) is False
        saying.approve(repo, read_review(repo, review.id), by="bob", how="command")
        assert self.told(repo, sandbox) is True

    def test_another_still_wants_changes(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        saying.request_changes(repo, review, by="bob", agent=False, text="tests!")
        saying.approve(repo, read_review(repo, review.id), by="eve", how="command")
        assert self.told(repo, sandbox) is False

    def test_what_was_dismissed_counts_no_more(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        saying.request_changes(repo, review, by="bob", agent=False, text="tests!")
        assert self.told(repo, sandbox) is False
        saying.dismiss(repo, read_review(repo, review.id), "bob", by="ada")
        assert self.told(repo, sandbox) is None

    def test_case_92_an_approval_of_an_earlier_version_is_taken_back(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        saying.approve(repo, review, by="bob", how="command")
        assert self.told(repo, sandbox) is True
        sandbox.commit("More", {"src/more.py": "x = 1\n"})
        refresh(repo, read_review(repo, review.id))
        assert self.told(repo, sandbox) is None


class TestRequests:
    def test_a_closed_review_has_no_target_until_it_is_reopened(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        saying.close(repo, review, by="ada")
        export(repo)
        assert appraise.request_of(noted(sandbox, REQUESTS, first(sandbox)))["targetRef"] == ""
        saying.reopen(repo, read_review(repo, review.id), by="ada")
        export(repo)
        assert appraise.request_of(noted(sandbox, REQUESTS, first(sandbox)))["targetRef"] == MAIN

    def test_a_rebased_or_merged_review_has_an_alias(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        anchor = first(sandbox)
        sandbox.git("commit", "-q", "--amend", "-m", "Other words")
        head = refresh(repo, review).head
        export(repo)
        assert appraise.request_of(noted(sandbox, REQUESTS, anchor))["alias"] == head
        target = sandbox.git("rev-parse", "main")
        add_event(repo, review.id, "merged", commit="a" * 40, target_before=target, by="ada")
        export(repo)
        note = appraise.request_of(noted(sandbox, REQUESTS, anchor))
        assert (note["alias"], note["baseCommit"]) == ("a" * 40, target)

    def test_a_branch_on_top_of_another_has_a_commit_of_its_own(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        sandbox.git("switch", "-qc", "above")
        sandbox.commit("Above", {"src/above.py": "x = 1\n"})
        above = open_review(repo, branch="refs/heads/above", target=MAIN, by="ada")
        export(repo)
        assert export(repo, [above.id]).lines == ()
        second = sandbox.git("rev-list", "--reverse", "main..work").split("\n")[1]
        [line] = noted(sandbox, REQUESTS, second)
        assert json.loads(line)["reviewRef"] == "refs/heads/above"

    def test_a_review_whose_commits_are_elsewhere_is_named(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        add_event(repo, review.id, "version", head="b" * 40, base="c" * 40, tree="d" * 40)
        assert lines_of(repo).reviews == (review.id,)
        batch = Batch(repo)
        files = dict(review.record.entries)
        for name in [name for name in files if name.startswith(b"event-")]:
            del files[name]
        tree = batch.tree(files)
        batch.write()
        sandbox.git("update-ref", f"refs/agentcoord/reviews/{review.id}", tree)
        done = export(repo)
        assert done.lines == () and review.id in done.passed_over[0]

    def test_no_such_review(self, repo: Repository, review: Review) -> None:
        with pytest.raises(NoSuch):
            export(repo, ["nothing-of-the-kind"])


@pytest.mark.skipif(shutil.which("git-appraise") is None, reason="git-appraise is not here")
def test_git_appraise_itself_reads_it(repo: Repository, review: Review, sandbox: Sandbox) -> None:
    def said(*words: str) -> str:
        return subprocess.run(
            ["git-appraise", *words], cwd=sandbox.path, capture_output=True, text=True, check=True
        ).stdout

    saying.comment(repo, review, "why <two> & \u2028 é?", by="bob", place="src/greet.py:1-2")
    thread = read_review(repo, review.id).threads[0]
    saying.reply(repo, read_review(repo, review.id), thread.id, "so", by="ada", resolve=True)
    saying.request_changes(repo, read_review(repo, review.id), by="bob", agent=False, text="no")
    export(repo)
    assert "[rejected]" in said("list")
    saying.approve(repo, read_review(repo, review.id), by="bob", how="command")
    export(repo)
    assert "[accepted]" in said("list")
    shown = json.loads(said("show", "--json", first(sandbox)))
    assert [len(one.get("children", ())) for one in shown["comments"]].count(1) == 1
    sandbox.commit("More", {"src/more.py": "x = 1\n"})
    refresh(repo, read_review(repo, review.id))
    export(repo)
    assert "[pending]" in said("list")


def test_verdicts_are_reports_on_the_commit(
    repo: Repository, review: Review, sandbox: Sandbox
) -> None:
    write_verdict(repo, verdict_on(review, "refused"))
    export(repo)
    [line] = noted(sandbox, CI, review.head)
    assert json.loads(line) == {"timestamp": "1767323045", "status": "failure", "agent": "tests"}
    [remark] = map(json.loads, noted(sandbox, DISCUSS, first(sandbox)))
    assert remark["location"]["range"] == {"startLine": 2}


@given(st.text())
def test_what_is_written_is_one_line_that_reads_back(text: str) -> None:
    line = written({"timestamp": "0000000001", "description": text, "parent": ""})
    assert "\n" not in line
    assert json.loads(line).get("description", "") == text
    assert len(note_id(line)) == 40


def test_bytes_that_are_no_text_are_replaced_as_go_does() -> None:
    assert written({"path": "caf\udce9"}) == '{"path":"caf\ufffd"}'
    assert written({"targetRef": "", "alias": "", "resolved": False}) == (
        '{"targetRef":"","resolved":false}'
    )


class TestNotes:
    def test_in_folders_as_git_keeps_many(self, repo: Repository, sandbox: Sandbox) -> None:
        """git moves notes to folders as they grow; a new one goes beside them."""
        commits = sandbox.git("rev-list", "--all").split("\n")
        batch = Batch(repo)
        blob = Entry(FILE, batch.blob(b"old"))
        folders = {
            one[:2].encode(): Entry(FOLDER, batch.tree({one[2:].encode(): blob}))
            for one in commits[:3]
        }
        made = batch.commit(batch.tree(folders), [], "many", author=WHO)
        batch.write()
        change_refs(repo, [Change(DISCUSS, None, made)])
        lines = [Line(DISCUSS, one, "new") for one in commits]
        assert change_lines(repo, lambda: lines, author=WHO) == lines
        assert noted(sandbox, DISCUSS, commits[0]) == ["old", "new"]
        assert noted(sandbox, DISCUSS, commits[-1]) == ["new"]
        assert len(sandbox.git("notes", "--ref", DISCUSS, "list").split("\n")) == len(commits)

    def test_writers_at_once_lose_no_line(self, repo: Repository, sandbox: Sandbox) -> None:
        code = (
            "import sys; from gitcoord.git.repository import Repository\n"
            "from gitcoord.reviews.exchange.notes import Line, change_lines\n"
            "repo, who = Repository.find(sys.argv[1]), sys.argv[3]\n"
            "for number in range(4):\n"
            "    lines = [Line('refs/notes/x', sys.argv[2], f'{who} {number}')]\n"
            "    change_lines(repo, lambda: lines, author='a <a@b> 1 +0000')\n"
        )
        commit = sandbox.git("rev-parse", "main")
        running = [
            subprocess.Popen([sys.executable, "-c", code, str(sandbox.path), commit, who])
            for who in "abc"
        ]
        assert [one.wait() for one in running] == [0, 0, 0]
        notes = read_notes(repo, ["refs/notes/x"])["refs/notes/x"]
        [lines] = read_lines(repo, notes).values()
        assert len([line for line in lines if line]) == 12
