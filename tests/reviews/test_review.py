"""Reviews as records: opened once, changed by events, the same story in every clone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.errors import BadInput, Contended, Corrupt, NoSuch, Problem, Refused, Taken
from gitcoord.git.objects import FILE, Batch, Entry, Reader
from gitcoord.git.refs import Change, change_refs, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.reviews import saying
from gitcoord.reviews.events import Event, in_order, parse_event
from gitcoord.reviews.review import (
    Review,
    add_event,
    event_change,
    find_review,
    list_reviews,
    open_review,
    read_review,
    refresh,
    refresh_all,
)
from gitcoord.reviews.showing import show
from gitcoord.reviews.standing import standing
from gitcoord.reviews.states import known_states
from gitcoord.reviews.versions import fold_opinions, fold_versions
from gitcoord.state.documents import encode
from tests.conftest import Sandbox

WORK, MAIN = "refs/heads/work", "refs/heads/main"
AUTH = "src/auth.py"


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    """A repository with a branch `work`, checked out, one commit ahead of main."""
    sandbox.git("switch", "-qc", "work")
    sandbox.commit("Greet", {"src/greet.py": "def greet():\n    return 'hello'\n"})
    return Repository.find(sandbox.path)


@pytest.fixture
def review(repo: Repository) -> Review:
    return open_review(repo, branch=WORK, target=MAIN, title="Greet people", by="ada")


def approved(repo: Repository, review: Review, by: str = "ada") -> Review:
    return saying.approve(repo, review, by=by, how="command")


def put_event(repo: Repository, review: Review, name: str, content: bytes) -> None:
    """A file in the record's tree, as another version or a bad disk would leave it."""
    batch = Batch(repo)
    entries = {**review.record.entries, name.encode(): Entry(FILE, batch.blob(content))}
    tree = batch.tree(entries)
    batch.write()
    change_refs(repo, [Change(review.record.ref, review.record.version, tree)])


class TestOpening:
    def test_a_review_says_what_lands_where(self, repo: Repository, review: Review) -> None:
        assert (review.title, review.branch, review.target) == ("Greet people", WORK, MAIN)
        assert (review.state, review.decision) == ("open", "")
        refs = read_refs(repo, WORK, MAIN)
        assert (review.head, review.base) == (refs[WORK], refs[MAIN])
        assert review.id.startswith("review-greet-people-")

    def test_one_branch_is_under_review_once(self, repo: Repository, review: Review) -> None:
        with pytest.raises(Taken) as raised:
            open_review(repo, branch=WORK, target=MAIN, by="ada")
        assert review.id in raised.value.message and review.id in raised.value.hint

    def test_case_97_a_branch_is_not_reviewed_for_itself(self, repo: Repository) -> None:
        with pytest.raises(BadInput):
            open_review(repo, branch=MAIN, target=MAIN, by="ada")

    def test_what_has_landed_or_never_began_is_refused(
        self, repo: Repository, sandbox: Sandbox
    ) -> None:
        sandbox.git("branch", "empty", "main")
        with pytest.raises(Refused):
            open_review(repo, branch="refs/heads/empty", target=MAIN, by="ada")

    @pytest.mark.parametrize("gone", [WORK, MAIN])
    def test_refs_that_are_not_there_are_named(self, repo: Repository, gone: str) -> None:
        nowhere = "refs/heads/nowhere"
        branch, target = (nowhere, MAIN) if gone == WORK else (WORK, nowhere)
        with pytest.raises(NoSuch, match="nowhere"):
            open_review(repo, branch=branch, target=target, by="ada")

    def test_a_history_of_its_own_has_no_base(self, repo: Repository, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "--orphan", "alone")
        sandbox.commit("Alone", {"x": "1\n"})
        made = open_review(repo, branch="refs/heads/alone", target=MAIN, by="ada")
        assert made.base == ""

    def test_a_title_is_one_harmless_line_of_bounded_length(
        self, repo: Repository, sandbox: Sandbox
    ) -> None:
        made = open_review(
            repo, branch=WORK, target=MAIN, title="\x1b[31mred\nand  " + "x" * 500, by="ada"
        )
        assert made.title.startswith("red and xxx") and len(made.title) == 200
        assert len(made.id) <= 48 and "\x1b" not in made.title

    def test_more_text_than_anybody_reads_is_refused(self, repo: Repository) -> None:
        with pytest.raises(BadInput, match="20,001 characters"):
            open_review(repo, branch=WORK, target=MAIN, body="x" * 20_001, by="ada")
        assert list_reviews(repo) == []

    def test_a_secret_in_a_description_is_not_kept(self, repo: Repository) -> None:
        token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"
        made = open_review(repo, branch=WORK, target=MAIN, body=f"use {token}", by="ada")
        assert token not in made.body and "REDACTED" in made.body

    def test_two_that_open_at_once_make_one(self, repo: Repository) -> None:
        code = (
            "import sys\nfrom gitcoord.git.repository import Repository\n"
            "from gitcoord.reviews.review import open_review\n"
            f"open_review(Repository.find(sys.argv[1]), branch={WORK!r}, target={MAIN!r}, by='x')"
        )
        argv = [sys.executable, "-c", code, str(repo.top)]
        racers = [subprocess.Popen(argv, stderr=subprocess.PIPE) for _ in range(4)]
        errors = [racer.communicate()[1] for racer in racers]
        assert sorted(racer.returncode for racer in racers) == [0, 1, 1, 1]
        assert sum(b"under review already" in error for error in errors) == 3
        assert len(list_reviews(repo)) == 1


class TestFinding:
    def test_words_that_look_like_a_merge_are_none(self, repo: Repository, review: Review) -> None:
        add_event(repo, review.id, "comment", by="x", text='\nkind = "merged"\n')
        assert [one.id for one in list_reviews(repo)] == [review.id]

    def test_a_branch_called_like_part_of_an_id_is_the_branch(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        sandbox.git("branch", "greet", "work")
        other = open_review(repo, branch="refs/heads/greet", target=MAIN, title="Other", by="ada")
        assert find_review(repo, "greet").id == other.id
        assert find_review(repo, "greet-people").id == review.id

    def test_by_id_branch_and_worktree(self, repo: Repository, review: Review) -> None:
        for part in (review.id, review.id[-4:], "greet-people", "work", WORK):
            assert find_review(repo, part).id == review.id

    def test_by_a_part_of_the_worktree_that_is_in_no_id(
        self, repo: Repository, sandbox: Sandbox
    ) -> None:
        about = {"worktree": "development-quieter-echo-ydbs"}
        first = open_review(repo, branch=WORK, target=MAIN, title="A", by="ada", about=about)
        saying.close(repo, first, by="ada")
        assert find_review(repo, "quieter").id == first.id
        again = open_review(repo, branch=WORK, target=MAIN, title="B", by="ada", about=about)
        assert find_review(repo, "quieter").id == again.id
        sandbox.git("branch", "other-echo", "work")
        open_review(repo, branch="refs/heads/other-echo", target=MAIN, title="C", by="ada")
        with pytest.raises(NoSuch, match="any of 2"):
            find_review(repo, "echo")

    def test_a_branch_without_a_review_is_called_by_its_name(
        self, repo: Repository, review: Review
    ) -> None:
        with pytest.raises(NoSuch, match="no review of main"):
            find_review(repo, MAIN)

    def test_of_a_branch_the_open_one_is_meant(self, repo: Repository, review: Review) -> None:
        saying.close(repo, review, by="ada")
        other = open_review(repo, branch=WORK, target=MAIN, by="ada")
        assert find_review(repo, "work").id == other.id

    def test_nothing_found_says_where_to_look(self, repo: Repository, review: Review) -> None:
        with pytest.raises(NoSuch) as raised:
            find_review(repo, "zzz")
        assert raised.value.hint.endswith("gitcoord review list --all")


class TestEvents:
    def test_events_of_many_processes_are_all_there(self, repo: Repository, review: Review) -> None:
        code = (
            "import sys\nfrom gitcoord.git.repository import Repository\n"
            "from gitcoord.reviews.review import add_event\n"
            "repo = Repository.find(sys.argv[1])\n"
            "for n in range(4): add_event(repo, sys.argv[2], 'comment', by=sys.argv[3],"
            " text=str(n))"
        )
        racers = [
            subprocess.Popen([sys.executable, "-c", code, str(repo.top), review.id, f"w{n}"])
            for n in range(4)
        ]
        assert [racer.wait() for racer in racers] == [0] * 4
        said = [(one.comments[0].by, one.comments[0].text)
                for one in read_review(repo, review.id).threads]  # fmt: skip
        assert sorted(said) == [(f"w{n}", str(m)) for n in range(4) for m in range(4)]

    def test_what_somebody_else_did_first_is_asked_about_again(
        self, repo: Repository, review: Review
    ) -> None:
        stale = event_change(repo, review, "approve", by="ada")
        add_event(repo, review.id, "comment", by="bob", text="wait")
        with pytest.raises(Contended):
            change_refs(repo, [stale])
        assert [one.kind for one in read_review(repo, review.id).events] == ["version", "comment"]

    def test_an_event_of_a_newer_version_is_kept_and_passed_over(
        self, repo: Repository, review: Review
    ) -> None:
        newer = encode({"kind": "teleport", "time": "2099", "by": "x", "after": 1, "how": 3})
        put_event(repo, review, "event-20990101t000000.000z-abcdefgh.toml", newer)
        after = approved(repo, read_review(repo, review.id))
        assert after.decision == "approved"
        assert [one.kind for one in after.events] == ["version", "teleport", "approve"]

    @pytest.mark.parametrize("content", [b"\xff", b"kind = ", b"schema = 99\nkind = 'x'\n"])
    def test_a_damaged_event_is_named_and_the_rest_is_told(
        self, repo: Repository, review: Review, content: bytes
    ) -> None:
        name = "event-20260101t000000.000z-abcdefgh.toml"
        put_event(repo, review, name, content)
        found = approved(repo, read_review(repo, review.id))
        assert found.decision == "approved"
        [damage] = found.damaged
        assert name.removesuffix(".toml") in damage.message
        with Reader(repo) as reader:
            assert reader.read(f"{found.record.ref}:{name}")[2] == content

    def test_what_another_clone_wrote_is_not_handed_to_git_or_the_shell(
        self, repo: Repository, review: Review
    ) -> None:
        body = {"title": "x", "branch": "--shell", "target": "refs/heads/*", "worktree": "$(rm)"}
        version = {"kind": "version", "head": "main\n--all", "base": "--x", "tree": "HEAD"}
        batch = Batch(repo)
        documents = {b"record.toml": body, b"event-x-abcdefgh.toml": version}
        tree = batch.tree(
            {name: Entry(FILE, batch.blob(encode(one))) for name, one in documents.items()}
        )
        batch.write()
        change_refs(repo, [Change("refs/agentcoord/reviews/review-evil-2222", None, tree)])
        evil = read_review(repo, "review-evil-2222")
        assert (evil.branch, evil.target, evil.worktree, evil.head) == ("", "", "", "")
        both = refresh_all(repo, list_reviews(repo))
        assert standing(repo, both)[evil.id].unknown and not standing(repo, both)[review.id].unknown
        shown = show(repo, evil, approvals=1)
        assert all("$(" not in one.command for one in shown.missing)

    def test_a_text_that_grew_elsewhere_is_cut_and_says_so(
        self, repo: Repository, review: Review
    ) -> None:
        content = encode({"kind": "comment", "text": "x" * 30_000, "by": "y" * 999, "after": 1})
        put_event(repo, review, "event-20260101t000000.000z-abcdefgh.toml", content)
        [thread] = read_review(repo, review.id).threads
        assert thread.comments[0].text.endswith("… and 10,000 more characters")
        assert len(thread.comments[0].by) == 200

    def test_files_of_others_in_a_record_stay(self, repo: Repository, review: Review) -> None:
        put_event(repo, review, "notes.toml", b"not even toml")
        after = approved(repo, read_review(repo, review.id))
        assert b"notes.toml" in after.record.entries and after.damaged == ()

    def test_a_record_that_cannot_be_read_hides_no_other(
        self, repo: Repository, review: Review
    ) -> None:
        blob = repo.run("hash-object", "-w", "--stdin", input=b"x").text
        change_refs(repo, [Change("refs/agentcoord/reviews/review-bad-2222", None, blob)])
        bad: list[Problem] = []
        assert [one.id for one in list_reviews(repo, bad=bad)] == [review.id]
        assert bad[0].about.endswith("review-bad-2222")
        with pytest.raises(Corrupt):
            find_review(repo, "bad")
        with pytest.raises(Corrupt):
            list_reviews(repo)
        assert find_review(repo, "greet").id == review.id

    def test_a_clock_that_went_back_does_not_put_an_answer_before_its_question(self) -> None:
        question = parse_event("event-b", {"kind": "close", "time": "2026-02", "after": 1})
        answer = parse_event("event-a", {"kind": "reopen", "time": "2026-01", "after": 2})
        assert in_order([answer, question]) == [question, answer]

    @given(st.permutations(range(6)))
    @settings(max_examples=30)
    def test_the_order_does_not_depend_on_the_order_of_reading(self, order: list[int]) -> None:
        events = [Event(f"event-{n}", "comment", f"2026-{n % 2}", "x", n // 2) for n in range(6)]
        assert in_order([events[n] for n in order]) == in_order(events)

    @given(st.dictionaries(
        st.sampled_from(["kind", "time", "by", "after", "head", "thread", "line", "before"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers()),
    ))  # fmt: skip
    def test_whatever_another_version_wrote_is_read(self, document: dict[str, object]) -> None:
        for kind in ("comment", "reply", "version", "approve", "dismiss", document.get("kind")):
            event = parse_event("event-x-abcdefgh", {**document, "kind": kind})
            record = Review.__new__(Review)
            object.__setattr__(record, "events", (event,))
            assert record.threads is not None
            assert fold_opinions([event], None) is not None
            assert fold_versions([event]) is not None


class TestStates:
    def test_what_is_over_is_known_without_reading_it(
        self, repo: Repository, review: Review
    ) -> None:
        saying.close(repo, review, by="ada")
        assert list_reviews(repo) == []
        assert list(known_states(repo.own_dir).values()) == ["closed"]
        assert list_reviews(repo) == []
        assert [one.state for one in list_reviews(repo, state="closed")] == ["closed"]
        saying.reopen(repo, read_review(repo, review.id), by="ada")
        assert [one.id for one in list_reviews(repo)] == [review.id]
        assert known_states(repo.own_dir) == {}

    @pytest.mark.parametrize("content", [b"", b"\xff", b"00000000\n[]", b'{"x": 1}'])
    def test_a_cache_that_is_damaged_costs_time_only(
        self, repo: Repository, review: Review, content: bytes
    ) -> None:
        saying.close(repo, review, by="ada")
        list_reviews(repo)
        [file] = (repo.own_dir / "cache").glob("review-states-*.json")
        file.write_bytes(content)
        assert list_reviews(repo) == []
        assert [one.id for one in list_reviews(repo, state="")] == [review.id]


class TestVersions:
    def test_a_branch_that_did_not_move_has_one_version(
        self, repo: Repository, review: Review
    ) -> None:
        assert refresh(repo, review) is review

    def test_new_commits_are_a_new_version(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        head = sandbox.commit("More", {"more": "1\n"})
        after = refresh(repo, review)
        assert (after.head, after.version.number, after.base) == (head, 2, review.base)
        assert read_refs(repo, "refs/agentcoord/versions/") == {}

    def test_case_92_the_head_before_a_rebase_stays_alive(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        sandbox.git("commit", "-q", "--amend", "-m", "Greet again")
        after = refresh(repo, review)
        assert find_ref(repo, f"refs/agentcoord/versions/{review.id}/1") == review.head
        sandbox.git("reflog", "expire", "--expire=now", "--all")
        sandbox.git("gc", "-q", "--prune=now")
        assert repo.find_commit(review.head) and after.version.number == 2

    def test_many_are_refreshed_at_once(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        head = sandbox.commit("More", {"more": "1\n"})
        assert [one.head for one in refresh_all(repo, [review])] == [head]

    def test_a_branch_that_is_gone_changes_nothing(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        sandbox.git("switch", "-q", "main")
        sandbox.git("branch", "-qD", "work")
        assert refresh(repo, review).head == review.head
        sandbox.git("reflog", "expire", "--expire=now", "--all")
        sandbox.git("gc", "-q", "--prune=now")
        assert repo.find_commit(review.head)

    def test_a_clone_that_is_behind_does_not_take_a_version_back(
        self, repo: Repository, review: Review, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        other = tmp_path / "other"
        sandbox.git("clone", "-q", str(sandbox.path), str(other))
        sandbox.git("branch", "-q", "main", "origin/main", at=other)
        sandbox.commit("More", {"more": "1\n"})
        newer = refresh(repo, review)
        sandbox.git("fetch", "-q", str(sandbox.path), "+refs/agentcoord/*:refs/agentcoord/*",
                    at=other)  # fmt: skip
        behind = Repository.find(other)
        assert refresh(behind, read_review(behind, review.id)).head == newer.head


class TestDecision:
    def test_an_approval_is_of_a_tree_and_a_base(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        assert approved(repo, review).decision == "approved"
        sandbox.git("commit", "-q", "--amend", "-m", "Other words")
        same = refresh(repo, read_review(repo, review.id))
        assert same.decision == "approved" and len(same.approvals()) == 1
        sandbox.commit("More", {"more": "1\n"})
        after = refresh(repo, same)
        assert after.decision == "" and after.approvals() == []
        assert [one.by for one in after.approvals(review.head)] == ["ada"]
        assert [one.stale for one in after.opinions] == [True]

    def test_another_base_makes_an_approval_stale(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        approved(repo, review)
        sandbox.git("switch", "-q", "main")
        sandbox.commit("Elsewhere", {"other": "1\n"})
        sandbox.git("switch", "-q", "work")
        sandbox.git("rebase", "-q", "main")
        assert refresh(repo, read_review(repo, review.id)).decision == ""

    def test_case_98_a_version_nobody_saw_is_not_approved(
        self, repo: Repository, review: Review, sandbox: Sandbox
    ) -> None:
        sandbox.commit("More", {"more": "1\n"})
        refresh(repo, review)
        with pytest.raises(Contended):
            approved(repo, review)

    def test_who_asks_for_changes_outweighs_who_approves(
        self, repo: Repository, review: Review
    ) -> None:
        saying.request_changes(repo, review, by="bob", agent=False, text="no")
        assert approved(repo, review).decision == "changes-requested"
        assert approved(repo, review, by="bob").decision == "approved"

    def test_a_person_answers_for_what_agents_asked(self, repo: Repository, review: Review) -> None:
        saying.request_changes(repo, review, by="reviewer", agent=True, text="no")
        assert approved(repo, review).decision == "approved"

    def test_an_agent_named_like_a_person_takes_nothing_back_for_them(
        self, repo: Repository, review: Review
    ) -> None:
        saying.request_changes(repo, review, by="bob", agent=False, text="no")
        saying.request_changes(repo, review, by="bob", agent=True, text="it is fine")
        assert approved(repo, review).decision == "changes-requested"

    def test_an_approval_by_an_agent_counts_for_nothing(
        self, repo: Repository, review: Review
    ) -> None:
        about = {"by": "builder", "agent": True, **saying.about_version(review)}
        assert add_event(repo, review.id, "approve", **about).decision == ""

    def test_a_verdict_can_be_taken_out_of_the_count(
        self, repo: Repository, review: Review
    ) -> None:
        said = saying.request_changes(repo, review, by="bob", agent=False, text="no")
        assert saying.dismiss(repo, said, "bob", by="ada").decision == ""
        with pytest.raises(NoSuch, match="nobody yet"):
            saying.dismiss(repo, review, "eve", by="ada")

    def test_changes_that_say_nothing_are_refused(self, repo: Repository, review: Review) -> None:
        with pytest.raises(BadInput):
            saying.request_changes(repo, review, by="bob", agent=False, text=" ")

    def test_what_is_merged_stays_merged(self, repo: Repository, review: Review) -> None:
        add_event(repo, review.id, "merged", by="ada", commit=review.head, method="merge")
        add_event(repo, review.id, "close", by="ada")
        after = add_event(repo, review.id, "reopen", by="ada")
        assert list_reviews(repo) == list_reviews(repo, state="closed") == []
        assert [one.id for one in list_reviews(repo, state="merged")] == [review.id]
        assert after.state == "merged" and after.merge is not None
        with pytest.raises(Refused):
            approved(repo, after)
        with pytest.raises(Refused):
            saying.reopen(repo, after, by="ada")

    def test_closed_and_opened_again(self, repo: Repository, review: Review) -> None:
        closed = saying.close(repo, review, by="ada", text="later")
        assert closed.state == "closed"
        with pytest.raises(Refused) as raised:
            saying.comment(repo, closed, "but", by="bob")
        assert raised.value.hint.endswith(f"gitcoord review reopen {review.id}")
        other = open_review(repo, branch=WORK, target=MAIN, by="ada")
        with pytest.raises(Refused, match=other.id):
            saying.reopen(repo, closed, by="ada")
        saying.close(repo, other, by="ada")
        assert saying.reopen(repo, closed, by="ada").state == "open"

    def test_title_and_target_may_change(self, repo: Repository, review: Review) -> None:
        add_event(repo, review.id, "retitle", by="ada", title="Say hello")
        after = add_event(repo, review.id, "retarget", by="ada", target="refs/heads/next")
        assert (after.title, after.target) == ("Say hello", "refs/heads/next")
