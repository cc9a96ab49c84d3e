"""Comments on lines, found again in later versions, and told to the agent."""

from __future__ import annotations

import pytest

from gitcoord.coordination.inputs import list_inputs, mark_given
from gitcoord.errors import BadInput, NoSuch
from gitcoord.git.repository import Repository
from gitcoord.reviews import saying
from gitcoord.reviews.placing import find_places
from gitcoord.reviews.review import Review, add_event, open_review, refresh
from gitcoord.reviews.threads import Place
from gitcoord.state.store import Store
from tests.conftest import FILES, Sandbox

WORK, MAIN = "refs/heads/work", "refs/heads/main"
AUTH, ODD = "src/auth.py", "src/o dd\n\udcff.txt"
BODY = "".join(f"line {number}\n" for number in range(1, 31))
TOKEN = "    token = issue_token(user)\n"


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    sandbox.git("switch", "-qc", "work")
    text = FILES[AUTH].replace("3600", "60").replace("return token", "return token, True")
    files: dict[str, str | bytes] = {
        "long.txt": BODY,
        ODD: BODY,
        "pic.bin": b"a\0b",
        "dos.txt": "a\r\nb\r\n",
    }
    sandbox.commit("Work", {AUTH: text, **files})
    return Repository.find(sandbox.path)


@pytest.fixture
def review(repo: Repository) -> Review:
    about = {"worktree": "development-x-2222"}
    return open_review(repo, branch=WORK, target=MAIN, title="Work", by="ada", about=about)


def place(repo: Repository, review: Review, number: int = -1) -> Place:
    thread = review.threads[number]
    return find_places(repo, review)[thread.id]


def said(
    repo: Repository, review: Review, path: str, line: int = 0, last: int = 0, side: str = "new"
) -> Review:
    lines = f":{line}-{last or line}" if line else ""
    return saying.comment(repo, review, "why?", by="ada", place=f"{path}{lines}", side=side)


class TestAnchors:
    def test_a_comment_keeps_the_line_and_those_around(
        self, repo: Repository, review: Review
    ) -> None:
        [thread] = said(repo, review, "long.txt", 5, 6).threads
        assert thread.quoted == "line 5\nline 6"
        assert thread.before == ("line 2", "line 3", "line 4")
        assert thread.behind == ("line 7", "line 8", "line 9")
        assert (thread.head, thread.version) == (review.head, 1)

    def test_the_same_content_is_the_same_line(self, repo: Repository, review: Review) -> None:
        after = said(repo, review, "long.txt", 5)
        assert place(repo, after) == Place("long.txt", 5, 5)

    def test_lines_put_in_above_move_it(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, "long.txt", 5, 6)
        sandbox.commit("Above", {"long.txt": "new\nnew\n" + BODY})
        assert place(repo, refresh(repo, after)) == Place("long.txt", 7, 8)

    def test_case_93_a_renamed_and_edited_file_is_followed(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, "long.txt", 5)
        sandbox.git("mv", "long.txt", "moved.txt")
        sandbox.commit("Move", {"moved.txt": "new\n" + BODY})
        assert place(repo, refresh(repo, after)) == Place("moved.txt", 6, 6)

    def test_lines_that_went_to_a_new_file_are_followed(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, "long.txt", 5)
        sandbox.commit("Split", {"split.txt": "top\n" + BODY, "long.txt": "see split.txt\n"})
        assert place(repo, refresh(repo, after)) == Place("split.txt", 6, 6)

    def test_a_changed_line_is_outdated_and_says_where_it_was(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, "long.txt", 5)
        sandbox.commit("Change", {"long.txt": BODY.replace("line 5\n", "line five\n")})
        found = place(repo, refresh(repo, after))
        assert found == Place("long.txt", 5, 5, "the lines were changed")

    def test_case_93_a_deleted_file_is_outdated(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, "long.txt", 5)
        sandbox.git("rm", "-q", "long.txt")
        sandbox.commit("Delete", {})
        assert place(repo, refresh(repo, after)).outdated == "the file is gone"

    def test_case_92_a_rebase_takes_it_along(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, AUTH, 7)
        assert after.threads[0].quoted == TOKEN.rstrip("\n")
        sandbox.git("switch", "-q", "main")
        sandbox.commit("Top", {AUTH: "# who\n# may\n" + FILES[AUTH].replace("3600", "60")})
        sandbox.git("switch", "-q", "work")
        sandbox.git("rebase", "-q", "main")
        assert place(repo, refresh(repo, after)) == Place(AUTH, 9, 9)

    def test_case_93_a_line_that_the_branch_takes_away(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, AUTH, 8, side="old")
        assert after.threads[0].quoted == "    return token"
        sandbox.commit("More", {AUTH: "x\n"})
        assert place(repo, refresh(repo, after)) == Place(AUTH, 8, 8)

    def test_case_93_line_ends_that_change_are_no_change(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, "dos.txt", 2)
        assert after.threads[0].quoted == "b"
        sandbox.commit("Unix", {"dos.txt": "new\na\nb\n"})
        assert place(repo, refresh(repo, after)) == Place("dos.txt", 3, 3)

    def test_a_name_of_any_bytes(self, repo: Repository, review: Review, sandbox: Sandbox) -> None:
        after = said(repo, review, ODD, 5)
        sandbox.commit("Above", {ODD: "new\n" + BODY})
        assert place(repo, refresh(repo, after)) == Place(ODD, 6, 6)

    def test_case_93_binary_files_have_no_lines_but_can_be_talked_about(
        self, repo: Repository, review: Review
    ) -> None:
        with pytest.raises(BadInput, match="no lines"):
            said(repo, review, "pic.bin", 1)
        assert place(repo, said(repo, review, "pic.bin")) == Place("pic.bin", 0, 0)

    @pytest.mark.parametrize(("line", "last"), [(31, 31), (5, 4), (30, 31)])
    def test_lines_that_are_not_there(
        self, repo: Repository, review: Review, line: int, last: int
    ) -> None:
        with pytest.raises(BadInput, match="30 lines"):
            said(repo, review, "long.txt", line, last)

    @pytest.mark.parametrize("path", ["nope", "src/nope", "long.txt/x", "../long.txt", "/etc"])
    def test_files_that_are_not_there(self, repo: Repository, review: Review, path: str) -> None:
        with pytest.raises(NoSuch):
            said(repo, review, path, 1)

    def test_a_folder_is_no_file(self, repo: Repository, review: Review) -> None:
        with pytest.raises(BadInput, match="folder"):
            said(repo, review, "src")

    def test_a_version_that_is_gone_leaves_the_comment(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, "long.txt", 5)
        sandbox.git("switch", "-q", "main")
        sandbox.git("branch", "-qD", "work")
        sandbox.git("reflog", "expire", "--expire=now", "--all")
        sandbox.git("gc", "-q", "--prune=now")
        assert place(repo, after).outdated


class TestTelling:
    def test_requested_changes_reach_the_agent_with_lines_and_answers(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        after = said(repo, review, "long.txt", 5)
        saying.reply(repo, after, after.threads[0].id, "it was there", by="bob")
        sandbox.commit("Above", {"long.txt": "new\n" + BODY})
        fresh = refresh(repo, after)
        saying.request_changes(repo, fresh, by="ada", agent=False, text="Please mend this.")
        [given] = list_inputs(repo, "development-x-2222")
        assert "Please mend this." in given.text
        assert "long.txt:6:\n> line 5\nada: why?\nbob: it was there" in given.text
        assert given.origin.startswith(f"review:{review.id}:")

    def test_what_is_settled_is_not_asked_for(self, repo: Repository, review: Review) -> None:
        after = said(repo, review, "long.txt", 5)
        after = saying.reply(repo, after, after.threads[0].id, "", by="ada", resolve=True)
        assert after.threads[0].resolved and len(after.threads[0].comments) == 1
        saying.request_changes(repo, after, by="ada", agent=False, text="other")
        assert "line 5" not in list_inputs(repo)[0].text

    def test_an_approval_withdraws_what_was_asked_for(
        self, repo: Repository, review: Review
    ) -> None:
        asking = saying.request_changes(repo, review, by="ada", agent=False, text="other")
        assert len(list_inputs(repo)) == 1
        saying.approve(repo, asking, by="ada", how="command")
        assert list_inputs(repo) == []

    def test_an_approval_of_somebody_else_does_not(self, repo: Repository, review: Review) -> None:
        asking = saying.request_changes(repo, review, by="ada", agent=False, text="other")
        saying.approve(repo, asking, by="bob", how="command")
        assert len(list_inputs(repo)) == 1

    def test_a_request_that_is_dismissed_is_withdrawn(
        self, repo: Repository, review: Review
    ) -> None:
        asking = saying.request_changes(repo, review, by="ada", agent=False, text="other")
        saying.request_changes(repo, asking, by="bob", agent=False, text="more")
        saying.dismiss(repo, asking, "ada", by="bob")
        assert [one.by for one in list_inputs(repo)] == ["bob"]
        saying.close(repo, asking, by="bob")
        assert list_inputs(repo) == []

    def test_what_did_not_reach_the_agent_is_passed_on_once(
        self, repo: Repository, review: Review
    ) -> None:
        event = {"by": "ada", "text": "other", **saying.about_version(review)}
        asking = add_event(repo, review.id, "request-changes", **event)
        saying.pass_on(repo, asking)
        assert list_inputs(repo) == []
        Store(repo).create("worktrees", review.worktree, {"path": "/nowhere"})
        saying.pass_on(repo, asking)
        saying.pass_on(repo, asking)
        [given] = list_inputs(repo)
        assert "other" in given.text
        mark_given(repo, [given], run="run-x-2222", task="build")
        saying.pass_on(repo, asking)
        assert list_inputs(repo) == []

    def test_a_long_story_is_cut_and_says_where_the_rest_is(
        self, repo: Repository, review: Review
    ) -> None:
        after = review
        for _ in range(3):
            after = saying.comment(repo, after, "y" * 9_000, by="ada")
        saying.request_changes(repo, after, by="ada", agent=False)
        [given] = list_inputs(repo)
        assert len(given.text) <= 20_000
        assert given.text.endswith(f"gitcoord review show {review.id}")

    def test_an_answer_opens_a_settled_thread_again(self, repo: Repository, review: Review) -> None:
        after = said(repo, review, "long.txt", 5)
        thread = after.threads[0].id
        saying.reply(repo, after, thread, "", by="ada", resolve=True)
        assert not saying.reply(repo, after, thread, "but", by="bob").threads[0].resolved

    def test_threads_are_found_by_part_of_their_id(self, repo: Repository, review: Review) -> None:
        after = said(repo, review, "long.txt", 5)
        thread = after.threads[0]
        assert saying.find_thread(after, thread.id[:5]) == thread
        with pytest.raises(NoSuch) as raised:
            saying.find_thread(after, "zzzzz")
        assert raised.value.hint.endswith(f"gitcoord review show {review.id}")
