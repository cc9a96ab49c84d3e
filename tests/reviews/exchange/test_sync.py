"""Reviews between real clones with a bare remote between them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.coordination.inputs import list_inputs
from gitcoord.errors import BadInput, Contended, NoSuch, Problem, Refused
from gitcoord.git.exchange import push_refs
from gitcoord.git.objects import FILE, Batch, Entry
from gitcoord.git.refs import Change, change_refs, read_refs
from gitcoord.git.repository import Repository
from gitcoord.process import hold
from gitcoord.reviews.exchange import sync as subject
from gitcoord.reviews.exchange.sync import Exchange, sync
from gitcoord.reviews.review import Review, add_event, list_reviews, open_review, read_review
from gitcoord.reviews.verdicts.validator import Validator
from gitcoord.reviews.verdicts.verdict import (
    Subject,
    Verdict,
    list_verdicts,
    verdict_id,
    write_verdict,
)
from gitcoord.state.store import Store
from tests.conftest import Sandbox

OURS = ("refs/agentcoord/reviews/", "refs/agentcoord/versions/", "refs/agentcoord/verdicts/")


@dataclass(frozen=True)
class Clones:
    one: Repository
    two: Repository
    between: Repository
    review: Review


@pytest.fixture
def clones(sandbox: Sandbox, tmp_path: Path) -> Clones:
    """Two clones and the remote of both; a review with a commit nobody pushed, in the first."""
    sandbox.git("clone", "-q", "--bare", ".", str(tmp_path / "between"))
    for name in ("one", "two"):
        sandbox.git("clone", "-q", str(tmp_path / "between"), str(tmp_path / name))
    one = tmp_path / "one"
    sandbox.git("switch", "-qc", "work", at=one)
    sandbox.commit("Greet", {"src/greet.py": "print('hello')\n"}, at=one)
    first, second, between = (Repository.find(tmp_path / n) for n in ("one", "two", "between"))
    review = open_review(
        first, branch="refs/heads/work", target="refs/heads/main", title="Greet", by="ada"
    )
    return Clones(first, second, between, review)


def names(review: Review) -> list[str]:
    return [event.name for event in review.events]


def kinds(done: Exchange) -> tuple[list[str], list[str]]:
    [told] = done.reviews
    return [event.kind for event in told.sent], [event.kind for event in told.received]


def verdict_on(review: Review, state: str) -> Verdict:
    about = Subject(review.head, review.tree, review.base)
    validator = Validator("tests", "command", "true", "", "", 10)
    return Verdict(
        verdict_id(about, validator), state, "tests", "command", validator.digest, about.commit,
        about.tree, about.base, time="2026-01-02T03:04:05Z",
    )  # fmt: skip


def test_a_review_arrives_whole_with_its_commit(clones: Clones) -> None:
    sent = sync(clones.one)
    assert kinds(sent) == (["version"], [])
    assert sent.reviews[0].begun == "here"
    came = sync(clones.two)
    assert kinds(came) == ([], ["version"])
    assert came.reviews[0].begun == "there"
    there = read_review(clones.two, clones.review.id)
    assert names(there) == names(clones.review)
    assert clones.two.find_commit(there.head) == clones.review.head
    assert read_refs(clones.between, *OURS) == read_refs(clones.two, *OURS)


def test_what_was_said_on_both_sides_is_there_on_both(clones: Clones) -> None:
    sync(clones.one)
    sync(clones.two)
    add_event(clones.one, clones.review.id, "comment", text="from one", by="ada")
    add_event(clones.two, clones.review.id, "approve", text="from two", by="bob")
    sync(clones.one)
    assert kinds(sync(clones.two)) == (["approve"], ["comment"])
    assert kinds(sync(clones.one)) == ([], ["approve"])
    one, two = (read_review(side, clones.review.id) for side in (clones.one, clones.two))
    assert one.record.version == two.record.version
    assert len(one.events) == 3
    assert not any(told.moved for told in sync(clones.one).reviews)


def test_both_at_once_lose_nothing(clones: Clones) -> None:
    sync(clones.one)
    sync(clones.two)
    code = (
        "import sys; from gitcoord.git.repository import Repository\n"
        "from gitcoord.reviews.review import add_event\n"
        "from gitcoord.reviews.exchange.sync import sync\n"
        "repo = Repository.find(sys.argv[1])\n"
        "for number in range(3):\n"
        "    add_event(repo, sys.argv[2], 'comment', text=str(number), by=sys.argv[1])\n"
        "    sync(repo)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(side.top), clones.review.id])
        for side in (clones.one, clones.two)
    ]
    assert [one.wait() for one in running] == [0, 0]
    for side in (clones.one, clones.two, clones.one):
        sync(side)
    one, two = (read_review(side, clones.review.id) for side in (clones.one, clones.two))
    assert one.record.version == two.record.version
    assert [event.kind for event in one.events].count("comment") == 6


@settings(
    max_examples=4, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=4, max_size=7))
def test_three_clones_end_with_the_same_review(
    clones: Clones, sandbox: Sandbox, steps: list[tuple[int, bool]]
) -> None:
    """Whoever says something or exchanges in whatever order; the server allows no forced push
    of branches."""
    sandbox.git("config", "receive.denyNonFastForwards", "true", at=clones.between.home)
    third = clones.between.home.parent / "three"
    if not third.exists():
        sandbox.git("clone", "-q", str(clones.between.home), str(third))
    sides = [clones.one, clones.two, Repository.find(third)]
    for side in sides:
        sync(side)
    before = len(read_review(clones.one, clones.review.id).events)
    for number, speaks in steps:
        if speaks:
            add_event(sides[number], clones.review.id, "comment", text="so", by=str(number))
        else:
            sync(sides[number])
    for side in [*sides, *sides]:
        sync(side)
    seen = [read_review(side, clones.review.id) for side in sides]
    assert len({one.record.version for one in seen}) == 1
    assert len(seen[0].events) == before + sum(speaks for _, speaks in steps)
    assert [one.threads for one in seen[1:]] == [seen[0].threads] * 2


def test_a_lost_race_is_run_again(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other clone pushes in between what we saw and what we push."""
    sync(clones.one)
    sync(clones.two)
    add_event(clones.one, clones.review.id, "comment", text="from one", by="ada")
    add_event(clones.two, clones.review.id, "comment", text="from two", by="bob")
    pushes: list[str] = []

    def slow(repo: Repository, remote: str, changes: list[Change], *, atomic: bool = True) -> str:
        if not pushes:
            pushes.append("")
            with monkeypatch.context() as patch:
                patch.setattr(subject, "push_refs", push_refs)
                sync(clones.two)
        pushes.append(push_refs(repo, remote, changes, atomic=atomic))
        return pushes[-1]

    monkeypatch.setattr(subject, "push_refs", slow)
    told: list[str] = []
    done = sync(clones.one, say=told.append)
    assert [bool(said) for said in pushes] == [False, True, False]
    assert len(told) == 1
    assert kinds(done) == (["comment"], ["comment"])


def test_only_what_was_asked_for_goes_out(clones: Clones, sandbox: Sandbox) -> None:
    at = clones.one.top
    sandbox.git("branch", "other", "work", at=at)
    other = open_review(clones.one, branch="refs/heads/other", target="refs/heads/main", by="ada")
    Store(clones.one).create("findings", "secret", {"text": "private"})
    Store(clones.one).create("memory", "own", {"text": "private"})
    before = read_refs(clones.between, "refs/")
    sync(clones.one, parts=[clones.review.id])
    added = read_refs(clones.between, "refs/").keys() - before.keys()
    assert added == {
        f"refs/agentcoord/reviews/{clones.review.id}",
        f"refs/agentcoord/versions/{clones.review.id}/{clones.review.head}",
    }
    sync(clones.one)
    assert f"refs/agentcoord/reviews/{other.id}" in read_refs(clones.between, "refs/")
    assert not read_refs(clones.between, "refs/agentcoord/findings", "refs/agentcoord/memory")


def test_agents_notes_that_go_out_are_said(clones: Clones, sandbox: Sandbox) -> None:
    assert not sync(clones.one, dry_run=True).reviews[0].notes
    sandbox.commit("Notes", {".agentcoord/x/findings.md": "found"}, at=clones.one.top)
    sandbox.git("branch", "noted", at=clones.one.top)
    noted = open_review(clones.one, branch="refs/heads/noted", target="refs/heads/main", by="ada")
    assert sync(clones.one, parts=[noted.id]).reviews[0].notes


def test_a_dry_run_changes_no_review_and_nothing_there(clones: Clones) -> None:
    sync(clones.one)
    add_event(clones.one, clones.review.id, "comment", text="more", by="ada")
    before = read_refs(clones.one, *OURS), read_refs(clones.between, *OURS)
    assert kinds(sync(clones.one, dry_run=True)) == (["comment"], [])
    assert (read_refs(clones.one, *OURS), read_refs(clones.between, *OURS)) == before


def test_verdicts_travel_and_ours_are_not_replaced(clones: Clones) -> None:
    sync(clones.one)
    sync(clones.two)
    write_verdict(clones.one, verdict_on(clones.review, "approved"))
    assert len(sync(clones.one).reviews[0].verdicts_sent) == 1
    write_verdict(clones.two, verdict_on(clones.review, "refused"))
    sync(clones.two)
    assert [one.state for one in list_verdicts(clones.two)] == ["refused"]


def test_a_verdict_arrives(clones: Clones) -> None:
    write_verdict(clones.one, verdict_on(clones.review, "refused"))
    sync(clones.one)
    assert len(sync(clones.two).reviews[0].verdicts_received) == 1
    assert list_verdicts(clones.two) == list_verdicts(clones.one)


def test_a_verdict_under_the_name_of_another_stays_out(clones: Clones) -> None:
    sync(clones.one)
    Store(clones.between).create(
        "verdicts", "f" * 32, {**vars(verdict_on(clones.review, "approved")), "comments": []}
    )
    done = sync(clones.two)
    assert any("f" * 32 in line for line in done.passed_over)
    assert list_verdicts(clones.two) == []


def test_an_event_with_two_contents_is_kept_twice_and_named(clones: Clones) -> None:
    sync(clones.one)
    sync(clones.two)
    for side in (clones.one, clones.two):
        batch, there = Batch(side), read_review(side, clones.review.id)
        text = f'kind = "comment"\nby = "{side.home.name}"\n'.encode()
        files = {**there.record.entries, b"event-x-aaaaaaaa.toml": Entry(FILE, batch.blob(text))}
        change = Change(there.record.ref, there.record.version, batch.tree(files))
        batch.write()
        change_refs(side, [change])
    sync(clones.one)
    assert sync(clones.two).clashed == (f"{clones.review.id}: event-x-aaaaaaaa.toml",)
    assert sync(clones.one).clashed == ()
    both = {event.by for event in read_review(clones.one, clones.review.id).events}
    assert {"one", "two"} <= both


def test_what_is_no_review_there_stays_as_it_is(clones: Clones) -> None:
    sync(clones.one)
    ref = "refs/agentcoord/reviews/review-bad"
    tree = clones.between.run("rev-parse", "refs/heads/main^{tree}").text
    change_refs(clones.between, [Change(ref, None, tree)])
    done = sync(clones.two)
    assert any("review-bad" in line for line in done.passed_over)
    assert [one.id for one in list_reviews(clones.two)] == [clones.review.id]
    assert read_refs(clones.between, ref) == {ref: tree}


def test_a_server_without_atomic_pushes_takes_them(clones: Clones, sandbox: Sandbox) -> None:
    sandbox.git("config", "receive.advertiseAtomic", "false", at=clones.between.home)
    assert kinds(sync(clones.one)) == (["version"], [])
    assert clones.review.id in str(read_refs(clones.between, *OURS))


def test_a_server_that_takes_nothing_is_said_to(clones: Clones, sandbox: Sandbox) -> None:
    hook = clones.between.home / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no reviews please >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Problem, match=r"does not take the refs.*no reviews please"):
        sync(clones.one)


def test_which_remote(clones: Clones, sandbox: Sandbox) -> None:
    with pytest.raises(NoSuch, match="origin"):
        sync(clones.one, "elsewhere")
    sandbox.git("remote", "rename", "origin", "a", at=clones.one.top)
    one = Repository.find(clones.one.home)
    assert sync(one).remote == "a"
    sandbox.git("remote", "add", "b", "x", at=clones.one.top)
    with pytest.raises(BadInput, match="a, b"):
        sync(Repository.find(clones.one.home))


def test_case_24_a_remote_out_of_reach_is_named(clones: Clones, sandbox: Sandbox) -> None:
    sandbox.git("remote", "add", "gone", "https://ada:secret@localhost:1/x.git", at=clones.one.top)
    with pytest.raises(Problem, match="cannot fetch from gone") as caught:
        sync(Repository.find(clones.one.home), "gone")
    assert "secret" not in caught.value.message


def test_one_at_a_time_in_a_clone(clones: Clones) -> None:
    with hold(clones.one.own_dir, "review-sync"), pytest.raises(Refused, match="in use"):
        sync(clones.one)


def test_it_gives_up_on_a_race_without_end(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(repo: Repository, remote: str, changes: list[Change], *, atomic: bool = True) -> str:
        there = read_review(clones.between, clones.review.id)
        add_event(clones.between, there.id, "comment", text="again", by="bob")
        return "first"

    sync(clones.one)
    add_event(clones.one, clones.review.id, "comment", text="more", by="ada")
    monkeypatch.setattr(subject, "push_refs", lost)
    monkeypatch.setattr(subject, "_TRIES", 3)
    with pytest.raises(Contended, match="again and again"):
        sync(clones.one)


def test_changes_asked_for_elsewhere_reach_the_agent_here(clones: Clones) -> None:
    Store(clones.one).create("worktrees", "development-greet-7q3f", {"state": "live"})
    clones.one.run("branch", "again", "work")
    review = open_review(
        clones.one, branch="refs/heads/again", target="refs/heads/main", title="Greet", by="ada",
        about={"worktree": "development-greet-7q3f"},
    )  # fmt: skip
    sync(clones.one)
    sync(clones.two)
    there = read_review(clones.two, review.id)
    add_event(
        clones.two, review.id, "request-changes", text="in Latin, please", by="bob",
        head=there.head, tree=there.tree, base=there.base,
    )  # fmt: skip
    sync(clones.two)
    sync(clones.one)
    [told] = list_inputs(clones.one, "development-greet-7q3f")
    assert "in Latin, please" in told.text
