"""Which files a question is about: one signal at a time, on small real histories."""

from __future__ import annotations

import os

import pytest

from gitcoord.analysis.localise import find_lines, rank_files
from gitcoord.analysis.question import parse_question
from gitcoord.analysis.redaction import shown
from gitcoord.errors import NoSuch
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox


def ranked(sandbox: Sandbox, text: str, *, at: str = "HEAD", **narrowed: str) -> list[str]:
    question = parse_question(text, **narrowed)
    return [one.name for one in rank_files(Repository.find(sandbox.path), question, at=at)]


def first_reasons(sandbox: Sandbox, text: str) -> tuple[str, ...]:
    return rank_files(Repository.find(sandbox.path), parse_question(text))[0].reasons


def fillers(count: int, word: str = "value") -> dict[str, str | bytes]:
    return {f"src/part{n}.py": f"def run{n}({word}):\n    return {word}\n" for n in range(count)}


def test_the_words_of_a_question_find_the_file(sandbox: Sandbox) -> None:
    assert ranked(sandbox, "why does the token expire?")[0] == "src/auth.py"


def test_scores_are_shares_in_descending_order(sandbox: Sandbox) -> None:
    suspects = rank_files(Repository.find(sandbox.path), parse_question("login token"))
    scores = [one.score for one in suspects]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert sum(scores) == pytest.approx(1)


def test_a_path_in_the_question_wins(sandbox: Sandbox) -> None:
    sandbox.commit("Add parts", fillers(10, "login_token"))
    assert ranked(sandbox, "login token is lost, see cart.py")[0] == "src/cart.py"
    assert "its path is in the question" in first_reasons(sandbox, "login token, see cart.py")


def test_a_frame_of_a_stack_trace_wins(sandbox: Sandbox) -> None:
    trace = (
        "login token login token\n"
        "Traceback (most recent call last):\n"
        '  File "/app/src/auth.py", line 7, in login\n'
        '  File "/app/src/cart.py", line 5, in add\n'
        "KeyError: 'x'\n"
    )
    assert ranked(sandbox, trace)[:2] == ["src/cart.py", "src/auth.py"]
    assert "in the stack trace" in first_reasons(sandbox, trace)


def test_a_rare_name_beats_common_words(sandbox: Sandbox) -> None:
    sandbox.commit("Add parts", fillers(20))
    sandbox.commit("Add ledger", {"src/ledger.py": "def settle_balance(a):\n    return a\n"})
    sandbox.commit("Run", {f"src/run{n}.py": "value = run = value\n" * 9 for n in range(3)})
    assert ranked(sandbox, "settle_balance returns the value of run")[0] == "src/ledger.py"
    reasons = first_reasons(sandbox, "settle_balance returns the value of run")
    assert any("settle_balance" in reason for reason in reasons)


def test_what_earlier_commits_like_this_changed_comes_first(sandbox: Sandbox) -> None:
    sandbox.commit("Add parts", fillers(12))
    changed = "def run3(value):\n    return value + 1\n"
    fix = sandbox.commit("Fix rounding of invoices", {"src/part3.py": changed})
    for n in range(4):
        sandbox.commit(f"Note {n}", {f"src/part{n + 6}.py": f"x = {n}\n"})
    assert ranked(sandbox, "Fix wrong rounding of invoices")[0] == "src/part3.py"
    assert any(fix[:10] in reason for reason in first_reasons(sandbox, "rounding of invoices"))


def test_a_moved_file_keeps_its_past(sandbox: Sandbox) -> None:
    sandbox.commit("Add parts", fillers(6))
    sandbox.commit("Fix rounding of invoices", {"lib/till.py": "a = 1\n"})
    sandbox.git("mv", "lib/till.py", "src/till.py")
    sandbox.commit("Move", {f"src/part{n}.py": f"y = {n}\n" for n in range(6)})
    assert ranked(sandbox, "rounding of invoices")[0] == "src/till.py"


def test_nothing_after_the_commit_is_seen(sandbox: Sandbox) -> None:
    sandbox.commit("Add parts", fillers(5))
    before = sandbox.git("rev-parse", "HEAD")
    ranking = rank_files(
        Repository.find(sandbox.path), parse_question("Fix rounding of invoices"), at=before
    )
    sandbox.commit("Fix rounding of invoices", {"src/part4.py": "rounding = invoices = 1\n"})
    again = rank_files(
        Repository.find(sandbox.path), parse_question("Fix rounding of invoices"), at=before
    )
    assert again == ranking
    assert ranked(sandbox, "Fix rounding of invoices")[0] == "src/part4.py"


def test_tests_and_docs_come_after_the_source_unless_asked_for(sandbox: Sandbox) -> None:
    text = "settle the balance of the ledger\n" * 5
    code = {"docs/ledger.md": text, "tests/test_ledger.py": f'"""{text}"""\n'}
    sandbox.commit(
        "Add ledger", {**code, "src/books.py": "def settle(balance, ledger):\n    pass\n"}
    )
    assert ranked(sandbox, "settle the ledger balance")[0] == "src/books.py"
    assert ranked(sandbox, "documentation of settle ledger balance")[0] == "docs/ledger.md"


def test_within_narrows_the_place(sandbox: Sandbox) -> None:
    question = parse_question("login token", within=["tests"])
    names = [one.name for one in rank_files(Repository.find(sandbox.path), question)]
    assert names == ["tests/test_auth.py"]


def test_since_narrows_what_counts_as_recent(sandbox: Sandbox) -> None:
    sandbox.commit("Add a", {"src/part1.py": "a = 1\n"})
    question = parse_question("part", since="2030-01-01")
    reasons = [
        reason
        for one in rank_files(Repository.find(sandbox.path), question)
        for reason in one.reasons
    ]
    assert not any(reason.startswith("changed") and "ago" in reason for reason in reasons)


@pytest.mark.parametrize("text", ["???", "fix bug", "#1", "the", "登录失败", "größe"])
def test_a_question_with_nothing_to_look_for_is_answered(sandbox: Sandbox, text: str) -> None:
    assert len(ranked(sandbox, text)) == 5


def test_words_that_are_not_english_are_found(sandbox: Sandbox) -> None:
    sandbox.commit("Add parts", fillers(5))
    sandbox.commit("Neu", {"src/x.py": "# Größe der Bestellung\n", "src/y.py": "# 登录失败\n"})
    assert ranked(sandbox, "Größe falsch")[0] == "src/x.py"
    assert ranked(sandbox, "登录失败")[0] == "src/y.py"


def test_case_37_names_in_any_bytes(sandbox: Sandbox) -> None:
    name = os.fsdecode(b"src/caf\xe9 \n.py")
    sandbox.commit("Add", {name: b"def brew_coffee():\n    pass  # \xff\xfe\n"})
    assert ranked(sandbox, "brew_coffee fails")[0] == name


def test_links_submodules_binary_and_huge_files_are_passed_over(sandbox: Sandbox) -> None:
    sandbox.write("src/big.py", b"brew = 1\n" * 200_000)
    sandbox.write("src/image.py", b"brew\0\n")
    os.symlink("auth.py", sandbox.path / "src/link.py")
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},src/brew")
    sandbox.commit("Add", {"src/small.py": "brew = 1\n"})
    names = ranked(sandbox, "brew")
    assert names[0] == "src/small.py"
    assert not {"src/big.py", "src/image.py", "src/link.py", "src/brew"} & set(names)


def test_a_bare_repository_is_ranked_all_the_same(sandbox: Sandbox) -> None:
    bare = sandbox.path.parent / "bare.git"
    sandbox.git("clone", "-q", "--bare", ".", str(bare))
    question = parse_question("why does the token expire?")
    assert rank_files(Repository.find(bare), question)[0].name == "src/auth.py"


def test_a_missing_old_content_does_not_end_the_ranking(sandbox: Sandbox) -> None:
    old = sandbox.git("rev-parse", "HEAD~2:src/auth.py")
    (sandbox.path / ".git/objects" / old[:2] / old[2:]).unlink()
    assert ranked(sandbox, "why does the token expire?")[0] == "src/auth.py"


def test_no_such_commit_is_said(sandbox: Sandbox) -> None:
    with pytest.raises(NoSuch):
        ranked(sandbox, "token", at="nowhere")


def test_the_same_question_gets_the_same_answer(sandbox: Sandbox) -> None:
    question = parse_question("login token of the cart")
    repo = Repository.find(sandbox.path)
    assert rank_files(repo, question) == rank_files(repo, question)


def test_lines_that_say_the_words_and_lines_of_the_trace(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    found = find_lines(repo, "src/auth.py", parse_question("issue_token"))
    assert any(first <= 11 <= last for first, last in found)
    trace = 'Traceback (most recent call last):\n  File "src/auth.py", line 3, in <module>\nE: x\n'
    assert find_lines(repo, "src/auth.py", parse_question(trace))[0] == (3, 3)
    assert find_lines(repo, "no/such.py", parse_question("token")) == []


def test_reasons_name_commits_in_a_way_that_is_not_taken_for_a_secret(sandbox: Sandbox) -> None:
    fix = sandbox.commit("Fix the session of a login", {"src/auth.py": "def login(s):\n    pass\n"})
    sandbox.commit("Say more", {"README.md": "# shop\n"})
    reasons = first_reasons(sandbox, "the login session is lost")
    said = next(one for one in reasons if fix[:10] in one and "about" in one)
    assert shown(said) == said and said.startswith("changed by an earlier commit (")


def test_stop_words_and_words_that_all_files_have_are_no_reasons(sandbox: Sandbox) -> None:
    sandbox.commit("Add parts", fillers(12))
    sandbox.commit("Add ledger", {"src/ledger.py": "def run(value):\n    return settle, could\n"})
    reasons = first_reasons(sandbox, "`could_settle` of a value")
    assert "says settle" in reasons
