"""The train over real repositories: what lands, what goes back, and what is refused."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitcoord.config import Config
from gitcoord.coordination.inputs import list_inputs
from gitcoord.errors import BadInput, Refused
from gitcoord.git.refs import Change
from gitcoord.reviews.landing.landing import land
from gitcoord.reviews.review import (
    Review,
    add_event,
    event_change,
    open_review,
    read_review,
    refresh,
)
from gitcoord.reviews.train import outcomes
from gitcoord.reviews.train import run as train_run
from gitcoord.reviews.train.run import plan_run, run_train
from gitcoord.reviews.train.train import CULPRIT, LANDED, add, find_train, remove
from gitcoord.reviews.verdicts.checking import validate
from gitcoord.reviews.verdicts.telling import subject_under
from gitcoord.reviews.verdicts.validator import COMMAND, Validator, list_validators
from gitcoord.reviews.verdicts.verdict import list_verdicts
from tests.calling import PROGRAM, gitcoord
from tests.conftest import Sandbox
from tests.reviews.train.trains import (
    MAIN,
    approve,
    approved,
    branch,
    how,
    repository,
    review,
    waiting,
)


def test_what_is_green_lands_each_as_its_own_commit(sandbox: Sandbox) -> None:
    made = waiting(sandbox, 3)
    repo = repository(sandbox)
    result = run_train(repo, MAIN, how())
    assert [one.review for one in result.of(LANDED)] == [one.id for one in made]
    tops = sandbox.git("log", "--first-parent", "--format=%H", "-3", "main").splitlines()
    assert [one.commit for one in result.of(LANDED)] == tops[::-1]
    assert all(read_review(repo, one.id).state == "merged" for one in made)
    assert (sandbox.path / "changes/c2.txt").read_text() == "good\n"
    assert sandbox.git("status", "--porcelain") == ""
    train = find_train(repo, MAIN)
    assert train.queue == () and train.run is None


def test_a_culprit_goes_back_and_the_others_land(sandbox: Sandbox) -> None:
    made = waiting(sandbox, 4, bad={1})
    repo = repository(sandbox)
    result = run_train(repo, MAIN, how())
    [culprit] = result.of(CULPRIT)
    assert culprit.review == made[1].id and "changes/c1.txt" in culprit.output
    assert len(result.of(LANDED)) == 3
    back = read_review(repo, made[1].id)
    assert back.state == "open"
    [event] = [one for one in back.events if one.kind == "check"]
    assert event.text("state") == "refused" and "changes/c1.txt" in event.text("text")
    assert find_train(repo, MAIN).queue == ()


def test_two_that_break_together_the_second_is_named(sandbox: Sandbox) -> None:
    one = approved(sandbox, "one", {"changes/one": "1\n"})
    two = approved(sandbox, "two", {"changes/two": "2\n"})
    train_of(sandbox, one, two)
    result = run_train(repository(sandbox), MAIN, how("! [ -e changes/one -a -e changes/two ]"))
    [culprit] = result.of(CULPRIT)
    assert (culprit.review, culprit.stacked_on) == (two.id, (one.id,))


def train_of(sandbox: Sandbox, *reviews: Review) -> None:
    add(repository(sandbox), reviews, by="ada")


def test_when_the_target_fails_by_itself_nobody_is_blamed(sandbox: Sandbox) -> None:
    made = waiting(sandbox, 2)
    repo, before = repository(sandbox), sandbox.git("rev-parse", "main")
    result = run_train(repo, MAIN, how("echo no such luck; false"))
    assert result.broken == "no such luck" and result.outcomes == []
    assert find_train(repo, MAIN).queue == tuple(one.id for one in made)
    assert sandbox.git("rev-parse", "main") == before


def test_a_check_that_cannot_run_blames_nobody(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    with pytest.raises(Refused, match="cannot run"):
        run_train(repository(sandbox), MAIN, how("no-such-program-here"))
    assert len(find_train(repository(sandbox), MAIN).queue) == 1


def test_without_a_check_nothing_lands(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    with pytest.raises(BadInput) as refused:
        run_train(repository(sandbox), MAIN, how(" "))
    assert "gitcoord config set train.check" in refused.value.hint


def test_a_flake_is_told_and_lands(sandbox: Sandbox, tmp_path: Path) -> None:
    [made] = waiting(sandbox, 1)
    once = f"[ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; echo shaky; false; }}"
    result = run_train(repository(sandbox), MAIN, how(once))
    assert [one.state for one in result.outcomes] == ["landed", "flake"]
    assert result.of("flake")[0].output == "shaky" and result.checks == 2
    assert read_review(repository(sandbox), made.id).state == "merged"


def test_one_that_conflicts_is_set_aside_with_the_paths(sandbox: Sandbox) -> None:
    one = approved(sandbox, "one", {"README.md": "one\n"})
    two = approved(sandbox, "two", {"README.md": "two\n"})
    train_of(sandbox, one, two)
    plan = plan_run(repository(sandbox), MAIN, how("true"))
    assert plan.stack == (one.id,) and plan.misfits[0].meets == (one.id,)
    result = run_train(repository(sandbox), MAIN, how("true"))
    [conflict] = result.of("conflict")
    assert conflict.review == two.id and conflict.paths == ("README.md",)


def test_one_that_conflicted_with_a_culprit_only_lands_after_all(sandbox: Sandbox) -> None:
    bad = approved(sandbox, "bad", {"README.md": "BAD\n"})
    good = approved(sandbox, "good", {"README.md": "good\n"})
    train_of(sandbox, bad, good)
    result = run_train(repository(sandbox), MAIN, how("! grep -l BAD README.md"))
    assert [one.review for one in result.of(CULPRIT)] == [bad.id]
    assert [one.review for one in result.of(LANDED)] == [good.id]


def test_case_98_a_review_that_moved_since_its_approval_does_not_land(sandbox: Sandbox) -> None:
    [one, two] = waiting(sandbox, 2)
    sandbox.git("checkout", "-q", "change-0")
    sandbox.commit("more", {"changes/more": "more\n"})
    sandbox.git("checkout", "-q", "main")
    result = run_train(repository(sandbox), MAIN, how())
    assert [(one.review, one.said) for one in result.of("unapproved")] == [
        (one.id, "not approved as it is now")
    ]
    assert [one.review for one in result.of(LANDED)] == [two.id]


def test_case_98_one_that_moves_while_it_is_checked_does_not_land(sandbox: Sandbox) -> None:
    [one] = waiting(sandbox, 1)
    move = f"git -C {sandbox.path} branch -f change-0 main~1"
    result = run_train(repository(sandbox), MAIN, how(move))
    assert result.of(LANDED) == [] and result.of("unapproved")[0].review == one.id


def test_case_95_a_target_that_moved_is_stacked_on_and_checked_again(sandbox: Sandbox) -> None:
    [one] = waiting(sandbox, 1)
    elsewhere = branch(sandbox, "elsewhere", {"other.txt": "other\n"})
    sandbox.git("checkout", "-q", "--detach")
    move = f"git -C {sandbox.path} update-ref refs/heads/main {elsewhere}"
    result = run_train(repository(sandbox), MAIN, how(move))
    assert [landed.review for landed in result.of(LANDED)] == [one.id] and result.checks == 2
    assert sandbox.git("merge-base", "--is-ancestor", elsewhere, "main") == ""


def test_what_was_green_is_not_checked_again_on_the_same_tree(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    sandbox.write("changes/c0.txt", "mine\n")
    said: list[str] = []
    with pytest.raises(Refused, match=r"changes/c0\.txt"):
        run_train(repository(sandbox), MAIN, how(), say=said.append)
    assert said[-1].endswith("gitcoord train run") and "kept" in said[-1]
    assert (sandbox.path / "changes/c0.txt").read_text() == "mine\n"
    assert find_train(repository(sandbox), MAIN).interrupted
    (sandbox.path / "changes/c0.txt").unlink()
    result = run_train(repository(sandbox), MAIN, how())
    assert result.checks == 0 and len(result.of(LANDED)) == 1


def test_no_answer_is_taken_from_another_tree_than_the_one_that_lands(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every landing is looked at as it happens: its tree has a verdict of its own, and that
    verdict was found in a scratch that held this tree."""
    repo = repository(sandbox)
    waiting(sandbox, 6, bad={2, 3})
    seen = sandbox.path.parent / "trees"
    landings: list[str] = []

    def watched(repo_: object, target: str, old: str, new: str, **more: object) -> None:
        landings.append(sandbox.git("rev-parse", f"{new}^{{tree}}"))
        land(repo_, target, old, new, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(outcomes, "land", watched)
    command = f"git rev-parse HEAD^{{tree}} >> {seen}; ! grep -rl BAD changes"
    run_train(repo, MAIN, how(command, workers=2))
    checked = seen.read_text().split()
    green = {one.tree for one in list_verdicts(repo) if one.state == "approved"}
    assert landings and set(landings) <= green & set(checked)
    assert sandbox.git("rev-parse", "main^{tree}") == landings[-1]


def test_a_landing_of_a_tree_nobody_checked_does_not_happen(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(sandbox, 1)
    before = sandbox.git("rev-parse", "main")
    monkeypatch.setattr(outcomes.Landing, "_greens", lambda _: set())
    rounds: list[str] = []

    def said(line: str) -> None:
        rounds.append(line)
        if len(rounds) > 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_train(repository(sandbox), MAIN, how(), say=said)
    assert sandbox.git("rev-parse", "main") == before


def test_one_that_is_taken_out_meanwhile_does_not_land(sandbox: Sandbox) -> None:
    [one, two] = waiting(sandbox, 2)
    repo = repository(sandbox)

    def said(line: str) -> None:
        if "stacked on main" in line and one.id in find_train(repo, MAIN).queue:
            remove(repo, find_train(repo, MAIN), one.id)

    result = run_train(repo, MAIN, how(), say=said)
    assert [landed.review for landed in result.of(LANDED)] == [two.id]
    assert read_review(repo, one.id).state == "open"


def test_a_comment_made_meanwhile_is_no_obstacle(sandbox: Sandbox) -> None:
    [made] = waiting(sandbox, 1)
    repo = repository(sandbox)
    times: list[int] = []

    def late(*given: object, **fields: object) -> Change:
        change = event_change(*given, **fields)  # type: ignore[arg-type]
        if not times:
            times.append(1)
            comment(sandbox, made.id)
        return change

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcomes, "event_change", late)
        result = run_train(repo, MAIN, how())
    assert len(result.of(LANDED)) == 1
    assert {"comment", "merged"} <= {one.kind for one in read_review(repo, made.id).events}


def comment(sandbox: Sandbox, id: str) -> None:  # noqa: A002
    add_event(repository(sandbox), id, "comment", by="bob", text="wait", path="", line=0)


def test_uncommitted_changes_elsewhere_in_the_checkout_stay(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    sandbox.write("README.md", "mine, staged\n")
    sandbox.git("add", "README.md")
    sandbox.write("README.md", "mine, not staged\n")
    sandbox.write("new.txt", "new\n")
    before = sandbox.git("status", "--porcelain"), sandbox.git("diff", "--cached")
    run_train(repository(sandbox), MAIN, how())
    assert (sandbox.git("status", "--porcelain"), sandbox.git("diff", "--cached")) == before
    assert (sandbox.path / "README.md").read_text() == "mine, not staged\n"
    assert (sandbox.path / "changes/c0.txt").exists()


def test_one_that_was_approved_again_can_be_added_again(sandbox: Sandbox) -> None:
    [one] = waiting(sandbox, 1, bad={0})
    waits = approved(sandbox, "fine", {"changes/fine": "fine\n"})
    train_of(sandbox, waits)
    run_train(repository(sandbox), MAIN, how())
    sandbox.git("checkout", "-q", "change-0")
    sandbox.commit("mend", {"changes/c0.txt": "good\n"})
    sandbox.git("checkout", "-q", "main")

    mended = approve(
        sandbox, refresh(repository(sandbox), read_review(repository(sandbox), one.id))
    )
    train_of(sandbox, mended)
    result = run_train(repository(sandbox), MAIN, how())
    assert [landed.review for landed in result.of(LANDED)] == [one.id]


def test_branches_on_top_of_each_other_land_and_fall_together(sandbox: Sandbox) -> None:
    branch(sandbox, "low", {"changes/low": "BAD\n"})
    branch(sandbox, "high", {"changes/high": "good\n"}, onto="low")
    low, high = (approve(sandbox, review(sandbox, name)) for name in ("low", "high"))
    fine = approved(sandbox, "fine", {"changes/fine": "fine\n"})
    train_of(sandbox, low, high, fine)
    result = run_train(repository(sandbox), MAIN, how())
    assert [one.review for one in result.of(LANDED)] == [fine.id]
    assert {one.review for one in result.of(CULPRIT)} == {low.id, high.id}


@pytest.mark.parametrize("method", ["squash", "rebase"])
def test_the_method_of_reviews_holds_for_the_train(sandbox: Sandbox, method: str) -> None:
    made = waiting(sandbox, 2)
    given = replace(how(), method=method)
    result = run_train(repository(sandbox), MAIN, given)
    assert [one.review for one in result.of(LANDED)] == [one.id for one in made]
    assert sandbox.git("rev-list", "--merges", "main") == ""
    assert [one.commit for one in result.of(LANDED)] == sandbox.git(
        "rev-list", "--reverse", "-2", "main"
    ).split()


def test_more_than_fit_in_a_round_land_in_rounds(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_run, "_MOST_AT_ONCE", 2)
    clash = [approved(sandbox, name, {"README.md": f"{name}\n"}) for name in ("a", "b", "c")]
    sandbox.commit("Reword", {"README.md": "reworded\n"})
    train_of(sandbox, *clash)
    made = waiting(sandbox, 3)
    result = run_train(repository(sandbox), MAIN, how())
    assert [one.review for one in result.of("conflict")] == [one.id for one in clash]
    assert [one.review for one in result.of(LANDED)] == [one.id for one in made]


def test_a_target_in_the_middle_of_a_merge_is_refused_before_anything_is_checked(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    branch(sandbox, "other", {"README.md": "other\n"})
    waiting(sandbox, 1)
    sandbox.commit("Mine", {"README.md": "mine\n"})
    sandbox.git("merge", "other", ok=False)
    with pytest.raises(Refused, match="in the middle of a merge"):
        run_train(repository(sandbox), MAIN, how(f"touch {tmp_path}/ran"))
    assert not (tmp_path / "ran").exists()


def test_a_check_out_of_time_counts_as_failed(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    fine = approved(sandbox, "fine", {"changes/fine": "fine\n"})
    train_of(sandbox, fine)
    slow = "if [ -e changes/c0.txt ]; then sleep 60; fi"
    result = run_train(repository(sandbox), MAIN, replace(how(slow), seconds=1))
    assert [one.said for one in result.of(CULPRIT)] == ["ran out of its 1 s"]
    assert [one.review for one in result.of(LANDED)] == [fine.id]


def test_the_command_is_not_in_the_record_of_the_train(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    secret = "TOKEN=hunter2hunter2 no-such-program-here"
    with pytest.raises(Refused):
        run_train(repository(sandbox), MAIN, how(secret))
    record = find_train(repository(sandbox), MAIN).record
    assert record is not None and "hunter2" not in str(record.documents["run"]["how"])


def test_what_lands_is_signed_where_all_commits_are_and_only_then(sandbox: Sandbox) -> None:
    key = sandbox.path.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    waiting(sandbox, 5, bad={2})
    asked = sandbox.path.parent / "signatures"
    program = sandbox.write("sign", f'#!/bin/sh\necho x >> {asked}\nexec ssh-keygen "$@"\n')
    program.chmod(0o755)
    program.rename(program := sandbox.path.parent / "sign")
    for name, value in {
        "commit.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": str(key),
        "gpg.ssh.program": str(program),
    }.items():  # fmt: skip
        sandbox.git("config", name, value)
    result = run_train(repository(sandbox), MAIN, how())
    landed = result.of(LANDED)
    assert len(landed) == 4 and len(result.of(CULPRIT)) == 1
    assert all("gpgsig" in sandbox.git("cat-file", "-p", one.commit) for one in landed)
    assert len(asked.read_text().split()) == 4
    assert sandbox.git("rev-parse", "main") == landed[-1].commit


def test_branches_that_grew_from_another_land_with_it(sandbox: Sandbox) -> None:
    branch(sandbox, "low", {"changes/low": "low\n"})
    branch(sandbox, "high", {"changes/high": "high\n"}, onto="low")
    high, low = (approve(sandbox, review(sandbox, name)) for name in ("high", "low"))
    train_of(sandbox, high, low)
    repo = repository(sandbox)
    result = run_train(repo, MAIN, how())
    assert {one.review for one in result.of(LANDED)} == {high.id, low.id}
    assert all(read_review(repo, one.id).state == "merged" for one in (high, low))
    assert len({one.commit for one in result.of(LANDED)}) == 1


def test_one_of_which_nothing_would_land_is_set_aside(sandbox: Sandbox) -> None:
    same = [approved(sandbox, name, {"changes/same": "same\n"}) for name in ("one", "two")]
    train_of(sandbox, *same)
    result = run_train(repository(sandbox), MAIN, how())
    assert [one.review for one in result.of(LANDED)] == [same[0].id]
    [aside] = result.of("conflict")
    assert aside.review == same[1].id and aside.said.startswith("nothing of it would land")


def test_what_stops_a_merge_stops_the_train(sandbox: Sandbox) -> None:
    """A secret in an approved review: its built-in check is made where nobody made it."""
    secret = "AKIA" + "QWERTYUIOPASDFGH"
    leaking = approved(sandbox, "leaking", {"changes/key.py": f'KEY = "{secret}"\n'})
    train_of(sandbox, leaking)
    repo = repository(sandbox)
    validators = tuple(list_validators(repo, Config.load(repo.own_dir)))
    result = run_train(repo, MAIN, replace(how(), validators=validators))
    [aside] = result.of("unapproved")
    assert aside.review == leaking.id and "secrets says refused" in aside.said
    assert result.checks == 0 and find_train(repo, MAIN).queue == ()


def test_what_is_refused_while_it_is_checked_does_not_land(sandbox: Sandbox) -> None:
    [made] = waiting(sandbox, 1)
    repo, marker = repository(sandbox), sandbox.path.parent / "red"
    validator = Validator("tests", COMMAND, command=f"test ! -e {marker}")
    validate(repo, subject_under(made), [validator])

    def said(line: str) -> None:
        if line.startswith("green"):
            marker.touch()
            validate(repo, subject_under(made), [validator], again=True)

    result = run_train(repo, MAIN, replace(how(), validators=(validator,)), say=said)
    [aside] = result.of("unapproved")
    assert aside.review == made.id and "tests says refused" in aside.said


def test_what_waits_of_a_train_is_of_the_last_commit_and_gone_once_it_landed(
    sandbox: Sandbox,
) -> None:
    repo = repository(sandbox)
    branch(sandbox, "work", {"changes/a.txt": "BAD\n"})
    made = open_review(
        repo, branch="refs/heads/work", target=MAIN, by="ada", about={"worktree": "w-1"}
    )
    for content in ("BAD\n", "BAD still\n", "good\n"):
        branch(sandbox, "work", {"changes/a.txt": content}, onto="work")
        train_of(sandbox, approve(sandbox, refresh(repo, made)))
        run_train(repo, MAIN, how())
        waits = list_inputs(repo, "w-1")
        assert [one.origin.rpartition(":")[2] for one in waits] == (
            [sandbox.git("rev-parse", "work")] if "BAD" in content else []
        )


def test_what_was_reviewed_is_kept_when_its_branch_goes(sandbox: Sandbox) -> None:
    [made] = waiting(sandbox, 1)
    run_train(repository(sandbox), MAIN, replace(how(), method="squash"))
    sandbox.git("branch", "-D", "change-0")
    assert made.head in sandbox.git("for-each-ref", "--format=%(objectname)", "refs/agentcoord")


def test_case_37_paths_in_conflict_may_have_any_bytes(sandbox: Sandbox) -> None:
    name = os.fsdecode(b"caf\xe9 \x1b[2J.txt")
    clash = [approved(sandbox, word, {name: f"{word}\n"}) for word in ("one", "two")]
    train_of(sandbox, *clash)
    result = run_train(repository(sandbox), MAIN, how("true"))
    assert result.of("conflict")[0].paths == (name,)
    assert find_train(repository(sandbox), MAIN).outcomes[-1]["paths"] == [name]
    [event] = [
        one for one in read_review(repository(sandbox), clash[1].id).events if one.kind == "check"
    ]
    assert "conflicts with" in event.text("text")
    shown = gitcoord("train", "status", at=sandbox.path)
    assert shown.code == 0 and "\x1b" not in shown.out


def test_case_68_objects_that_somebody_prunes_meanwhile_are_made_again(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody writes: beside a writer `gc --prune=now` breaks any repository, git-gc(1)."""
    waiting(sandbox, 2)
    real = outcomes.Landing._land
    pruned: list[str] = []

    def land_pruned(self: outcomes.Landing, stack: tuple[str, ...]) -> None:
        if not pruned:
            pruned.append(sandbox.git("gc", "-q", "--prune=now"))
        real(self, stack)

    monkeypatch.setattr(outcomes.Landing, "_land", land_pruned)
    said: list[str] = []
    result = run_train(repository(sandbox), MAIN, how("true"), say=said.append)
    assert len(result.of(LANDED)) == 2 and find_train(repository(sandbox), MAIN).queue == ()
    assert any("stacked anew" in line for line in said)


def test_what_an_agent_wrote_can_approve_nothing_while_it_is_checked(sandbox: Sandbox) -> None:
    branch(sandbox, "waits", {"waits.txt": "x\n"})
    other = review(sandbox, "waits")
    waiting(sandbox, 1)
    command = f'{PROGRAM} -C {sandbox.path} review approve {other.id}; test -n "$GITCOORD_AGENT"'
    assert len(run_train(repository(sandbox), MAIN, how(command)).of(LANDED)) == 1
    assert read_review(repository(sandbox), other.id).decision == ""


def test_a_check_is_on_record_before_it_begins(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(sandbox, 2)
    real = outcomes.Landing.running

    def late(self: outcomes.Landing, running: list[Mapping[str, Any]]) -> None:
        time.sleep(0.3)
        real(self, running)

    monkeypatch.setattr(outcomes.Landing, "running", late)
    ref = "refs/agentcoord/trains/main:run.toml"
    command = f"git -C {sandbox.path} cat-file blob {ref} | grep since"
    assert len(run_train(repository(sandbox), MAIN, how(command)).of(LANDED)) == 2
