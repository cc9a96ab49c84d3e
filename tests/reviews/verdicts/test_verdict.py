"""Verdicts on record: found again while they hold, and never anything else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import Problem
from gitcoord.git.refs import Change, change_refs, find_ref
from gitcoord.git.repository import Repository
from gitcoord.records import now
from gitcoord.reviews.verdicts.subjects import subject_of
from gitcoord.reviews.verdicts.validator import COMMAND, Validator
from gitcoord.reviews.verdicts.verdict import (
    APPROVED,
    LONGEST_OUTPUT,
    REFUSED,
    Comment,
    Subject,
    Verdict,
    find_verdicts,
    forget_verdicts,
    lines,
    list_verdicts,
    one_line,
    stale_verdicts,
    verdict_id,
    write_verdict,
)
from gitcoord.state.store import ref_of
from tests.conftest import Sandbox

SECRET = "ghp_" + "pLIix6MEOLeMa61EqJomTEI1JEzO3joOj37H"
TESTS = Validator("tests", COMMAND, command="true")


def verdict(subject: Subject, validator: Validator = TESTS, state: str = APPROVED) -> Verdict:
    return Verdict(
        verdict_id(subject, validator), state, validator.name, validator.kind, validator.digest,
        subject.commit, subject.tree, subject.base, time="2020-01-02T03:04:05.000Z",
    )  # fmt: skip


def test_a_verdict_is_found_while_tree_base_and_settings_are_the_same(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    subject = subject_of(repo, "HEAD")
    written = write_verdict(repo, verdict(subject))
    assert find_verdicts(repo, subject, [TESTS]) == {"tests": replace(written, reused=True)}
    others = [
        (replace(subject, tree=sandbox.git("rev-parse", "HEAD~1^{tree}")), TESTS),
        (replace(subject, base=sandbox.git("rev-parse", "HEAD~2")), TESTS),
        (subject, replace(TESTS, command="false")),
        (subject, replace(TESTS, name="other")),
        (subject, replace(TESTS, seconds=1)),
    ]
    assert [find_verdicts(repo, one, [by]) for one, by in others] == [{}] * len(others)


def test_another_commit_of_the_same_tree_has_the_same_verdict(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    subject = subject_of(repo, "HEAD")
    write_verdict(repo, verdict(subject))
    sandbox.git("commit", "-q", "--amend", "-m", "other words")
    other = subject_of(repo, "HEAD")
    assert [one.commit for one in list_verdicts(repo, commit=other.commit)] == [subject.commit]
    assert other.commit != subject.commit
    assert find_verdicts(repo, other, [TESTS])["tests"].commit == other.commit


def test_what_is_stale_is_named_with_what_it_said(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    subject = subject_of(repo, "HEAD")
    write_verdict(repo, verdict(subject, state=REFUSED))
    assert stale_verdicts(repo, subject, [TESTS]) == {}
    sandbox.commit("more", {"more.txt": "more\n"})
    later = subject_of(repo, "HEAD")
    assert stale_verdicts(repo, later, [TESTS]) == {}, "of another branch, for all we know"
    on_branch = replace(verdict(subject, state=REFUSED), branch="refs/heads/main")
    write_verdict(repo, on_branch)
    assert stale_verdicts(repo, later, [TESTS])["tests"].state == REFUSED
    write_verdict(repo, verdict(later))
    assert stale_verdicts(repo, later, [TESTS]) == {}


def test_lists_by_commit_and_tree_and_passes_over_what_is_damaged(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    subject = subject_of(repo, "HEAD")
    written = write_verdict(repo, verdict(subject))
    ref, wrong = ref_of("verdicts", "f" * 32), sandbox.git("rev-parse", "HEAD^{tree}")
    change_refs(repo, [Change(ref, None, wrong)])
    bad: list[Problem] = []
    assert list_verdicts(repo, commit=subject.commit, bad=bad) == [written]
    assert len(bad) == 1
    assert list_verdicts(repo, tree=subject.tree) == [written]
    assert list_verdicts(repo, tree=subject.commit) == []
    assert list_verdicts(repo, commit="0" * 40) == []


def test_a_damaged_verdict_is_none(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    subject = subject_of(repo, "HEAD")
    change_refs(repo, [Change(ref_of("verdicts", verdict_id(subject, TESTS)), None, subject.tree)])
    assert find_verdicts(repo, subject, [TESTS]) == {}
    write_verdict(repo, verdict(subject))
    assert find_verdicts(repo, subject, [TESTS])["tests"].state == APPROVED


def test_old_ones_are_forgotten_and_asked_again(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    subject = subject_of(repo, "HEAD")
    write_verdict(repo, verdict(subject))
    young = replace(TESTS, name="young")
    write_verdict(repo, replace(verdict(subject, young), time=now()))
    assert forget_verdicts(repo, days=36_500) == 0
    assert forget_verdicts(repo) == 1
    assert [*find_verdicts(repo, subject, [TESTS, young])] == ["young"]
    assert forget_verdicts(repo) == 0


def test_secrets_escapes_and_floods_are_not_kept(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    subject = subject_of(repo, "HEAD")
    written = write_verdict(
        repo,
        replace(
            verdict(subject),
            state=REFUSED,
            said=f"\x1b[31mtoken {SECRET}\nmore",
            output=f"{'x' * 30_000}\n\x1b]0;title\x07key {SECRET}\nlast",
            comments=(Comment("a.py", 1, f"{SECRET} is here"),) * 500,
        ),
    )
    ref = ref_of("verdicts", written.id)
    assert find_ref(repo, ref)
    kept = sandbox.git("cat-file", "blob", f"{ref}:record.toml")
    assert SECRET not in kept and "\x1b" not in kept
    assert len(written.output) <= LONGEST_OUTPUT and written.output.endswith("last")
    assert len(written.comments) == 200 and "\n" not in written.said


@given(st.text(max_size=400), st.integers(1, 60))
def test_what_is_kept_of_any_text_is_short_and_harmless(text: str, most: int) -> None:
    for kept in (one_line(text, most), lines(text, most)):
        assert len(kept) <= most
        assert all(char in "\n\t" or ord(char) >= 32 for char in kept)
