"""The train as people call it, and the story it was made for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gitcoord.coordination.inputs import list_inputs
from gitcoord.view.train import frame_lines
from tests.calling import gitcoord, installed
from tests.conftest import Sandbox
from tests.reviews.train.trains import CHECK, MAIN, approved, repository, review, waiting

# What a test runner does at least: it loads every file of the program.
LOAD_ALL = f"for file in src/*.py; do PYTHONPATH=. {sys.executable} $file || exit 1; done"


def development(sandbox: Sandbox, name: str, files: dict[str, str]) -> tuple[str, str]:
    """(worktree, review) of a development worktree with one commit, approved by a person."""
    made = installed("start", "development", name, "--no-run", "--json", at=sandbox.path).json
    worktree, folder = made["worktree"]["id"], Path(made["worktree"]["path"])
    for path, content in files.items():
        sandbox.write(path, content, at=folder)
    sandbox.git("add", *files, at=folder)
    sandbox.git("commit", "-q", "-m", name, at=folder)
    opened = installed("review", "open", worktree, "--json", at=sandbox.path)
    assert opened.code == 0, opened.err
    said = installed("review", "approve", opened.json["id"], at=sandbox.path)
    assert said.code == 0, said.err
    return worktree, opened.json["id"]


def test_two_that_merge_as_text_and_break_together(sandbox: Sandbox) -> None:
    """One renames a function with its uses, the other adds a use of the old name in a new file:
    the first lands, the second goes back, and the checkout's uncommitted work is as it was."""
    auth = (sandbox.path / "src/auth.py").read_text().replace("login", "log_in")
    cart = (sandbox.path / "src/cart.py").read_text().replace("login", "log_in")
    test = (sandbox.path / "tests/test_auth.py").read_text().replace("login", "log_in")
    _, renames = development(sandbox, "rename login", {
        "src/auth.py": auth, "src/cart.py": cart, "tests/test_auth.py": test,
    })  # fmt: skip
    worktree, uses = development(sandbox, "admin page", {
        "src/admin.py": "from src.auth import login\n\n\ndef admin(user):\n    login(user, '')\n",
    })  # fmt: skip
    sandbox.write("README.md", b"staged \xff\r\n")
    sandbox.git("add", "README.md")
    sandbox.write("README.md", b"not staged \xfe\r\n")
    sandbox.write("notes.txt", "mine\n")
    before = state_of(sandbox)

    added = installed("train", "add", "--approved", at=sandbox.path)
    assert added.code == 0 and renames in added.out and uses in added.out
    ran = installed("train", "run", "--check", LOAD_ALL, "--json", at=sandbox.path)

    assert ran.code == 1, ran.err
    assert [one["review"] for one in ran.json["landed"]] == [renames]
    [culprit] = ran.json["culprits"]
    assert culprit["review"] == uses and culprit["stacked_on"] == [renames]
    assert "cannot import name 'login'" in culprit["output"]
    assert "log_in" in (sandbox.path / "src/auth.py").read_text()
    assert not (sandbox.path / "src/admin.py").exists()
    [told] = list_inputs(repository(sandbox), worktree)
    assert "cannot import name 'login'" in told.text and LOAD_ALL in told.text
    assert renames in told.text
    assert state_of(sandbox) == before
    shown = installed("review", "show", uses, "--json", at=sandbox.path).json
    assert shown["state"] == "open"


def state_of(sandbox: Sandbox) -> tuple[object, ...]:
    """What is uncommitted in the main worktree, to the byte, its index included."""
    names = ("README.md", "notes.txt")
    return (
        sandbox.git("status", "--porcelain"),
        sandbox.git("ls-files", "--stage", "--", *names),
        *((sandbox.path / name).read_bytes() for name in names),
    )


def test_add_status_remove(sandbox: Sandbox) -> None:
    one = approved(sandbox, "one", {"a": "a\n"})
    planned = gitcoord("train", "add", "one", "--dry-run", at=sandbox.path)
    assert planned.out == f"would add {one.id} to the train for main\n"
    assert gitcoord("train", "status", "--json", at=sandbox.path).json == []
    assert gitcoord("train", "add", "one", "--json", at=sandbox.path).json["added"][0][
        "review"
    ] == (one.id)
    again = gitcoord("train", "add", "one", at=sandbox.path)
    assert again.code == 2 and again.err.rstrip().endswith("gitcoord train status")
    [shown] = gitcoord("train", "status", "--json", at=sandbox.path).json
    assert (shown["target"], shown["state"]) == ("main", "1 review waiting")
    assert [waits["review"] for waits in shown["queue"]] == [one.id]
    assert gitcoord("train", "remove", "one", "-n", at=sandbox.path).out.startswith("would remove")
    assert gitcoord("train", "remove", "one", at=sandbox.path).code == 0
    assert gitcoord("train", "status", at=sandbox.path).out == "train for main: idle\n"
    assert gitcoord("train", "remove", "one", at=sandbox.path).code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add"], "gitcoord train add --approved"),
        (["add", "one", "--approved"], "gitcoord train add --approved"),
        (["add", "nothing-like-it"], "gitcoord review list --all"),
        (["add", "two"], "gitcoord review approve {two}"),
        (["add", "one", "--into", "gone"], "git branch --list"),
        (["add", "one", "--into", "other"], "gitcoord train add {one}"),
        (["status", "--into", "gone"], "git branch --list"),
    ],
)
def test_what_cannot_be_is_one_line_and_a_command(
    sandbox: Sandbox, words: list[str], says: str
) -> None:
    one = approved(sandbox, "one", {"a": "a\n"})
    sandbox.git("checkout", "-q", "-b", "two")
    sandbox.commit("two", {"b": "b\n"})
    sandbox.git("checkout", "-q", "main")
    two = review(sandbox, "two")
    sandbox.git("branch", "other")
    said = gitcoord("train", *words, at=sandbox.path)
    assert said.code == 2 and said.out == ""
    assert said.err.rstrip().endswith(says.format(one=one.id, two=two.id))


def test_without_a_check_it_says_how_to_set_one(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    said = gitcoord("train", "run", at=sandbox.path)
    assert said.code == 2
    assert said.err.rstrip().endswith('gitcoord config set train.check "pytest -q"')
    gitcoord("config", "set", "train.check", "true", at=sandbox.path)
    assert "1 landed, 0 went back" in gitcoord("train", "run", at=sandbox.path).out


def test_when_nobody_waits_there_is_nothing_to_do(sandbox: Sandbox) -> None:
    said = gitcoord("train", "run", "--check", "true", "--json", at=sandbox.path)
    assert said.code == 0 and said.json["landed"] == [] and "--approved" in said.err


def test_an_agent_may_not_run_it(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    said = installed(
        "train", "run", "--check", "true", at=sandbox.path, GITCOORD_AGENT="run-a-2222/build"
    )
    assert said.code == 2 and len(gitcoord("train", "status", "--json", at=sandbox.path).json) == 1


def test_a_dry_run_changes_nothing_and_shows_order_and_conflicts(sandbox: Sandbox) -> None:
    one = approved(sandbox, "one", {"README.md": "one\n"})
    two = approved(sandbox, "two", {"README.md": "two\n"})
    three = approved(sandbox, "three", {"three": "3\n"})
    gitcoord("train", "add", "--approved", at=sandbox.path)
    before = sandbox.git("for-each-ref")
    said = gitcoord("train", "run", "-n", "--check", "make test", at=sandbox.path).out
    assert sandbox.git("for-each-ref") == before
    places = [said.index(each.id) for each in (one, three, two)]
    assert places == sorted(places) and "README.md" in said and "make test" in said
    plan = gitcoord("train", "run", "-n", "--json", at=sandbox.path).json
    assert plan["order"] == [one.id, three.id]
    assert plan["conflicts"][0]["meets"] == [one.id]


def test_what_a_check_prints_cannot_act_on_the_terminal(sandbox: Sandbox) -> None:
    waiting(sandbox, 2, bad={1})
    check = "printf '\\033[2Jerror: \\007gone\\n'; ! grep -rl BAD changes"
    said = gitcoord("train", "run", "--check", check, at=sandbox.path)
    assert said.code == 1 and "\x1b" not in said.out + said.err and "\x07" not in said.out
    assert "    │ error: gone" in said.out.splitlines() or "│" in said.out


def test_frames_say_what_runs_and_how_long(sandbox: Sandbox) -> None:
    from gitcoord.reviews.train.checks import Frame

    frame = Frame(MAIN, 3, 2, ("r9",), (), ((("r1", "r2", "r3"), 4.2), (("r1",), 0.0)), 5)
    assert frame_lines(frame) == [
        "train for main: 2 landed, 3 to go, 5 checks",
        "     4 s  checking 3 reviews, r1 to r3",
        "     0 s  checking r1",
        "  under suspicion: r9",
    ]


def test_trains_of_two_targets_are_two(sandbox: Sandbox) -> None:
    waiting(sandbox, 1)
    sandbox.git("branch", "release")
    sandbox.git("checkout", "-q", "-b", "mend", "release")
    sandbox.commit("fix", {"fix": "fix\n"})
    sandbox.git("checkout", "-q", "main")
    opened = gitcoord("review", "open", "mend", "--into", "release", "--json", at=sandbox.path).json
    assert "id" in opened, opened
    assert gitcoord("review", "approve", opened["id"], at=sandbox.path).code == 0
    gitcoord("train", "add", "--approved", "--into", "release", at=sandbox.path)
    which = gitcoord("train", "run", "--check", "true", at=sandbox.path)
    assert which.code == 2 and "several branches" in which.err
    ran = gitcoord("train", "run", "--check", "true", "--into", "release", at=sandbox.path)
    assert ran.code == 0 and sandbox.git("show", "release:fix") == "fix"


def test_what_broke_the_check_waits_again_only_by_its_name(sandbox: Sandbox) -> None:
    [_, bad] = waiting(sandbox, 2, bad={1})
    assert gitcoord("train", "run", "--check", CHECK, at=sandbox.path).code == 1
    shown = gitcoord("review", "show", bad.id, at=sandbox.path).out
    assert "it broke the check of the train: failed with exit code 1" in shown
    assert "ready" not in shown
    left = gitcoord("train", "add", "--approved", at=sandbox.path)
    assert "nothing to add" in left.out and f"gitcoord train add {bad.id}" in left.err
    sandbox.git("checkout", "-q", "change-1")
    named = gitcoord("train", "add", ".", "--json", at=sandbox.path)
    assert [one["review"] for one in named.json["added"]] == [bad.id]


def test_a_new_version_of_what_broke_the_check_is_as_good_as_any(sandbox: Sandbox) -> None:
    [bad] = waiting(sandbox, 1, bad={0})
    assert gitcoord("train", "run", "--check", CHECK, at=sandbox.path).code == 1
    sandbox.git("checkout", "-q", "change-0")
    sandbox.commit("mend", {"changes/c0.txt": "good\n"})
    sandbox.git("checkout", "-q", "main")
    assert "broke" not in gitcoord("review", "show", bad.id, at=sandbox.path).out
    gitcoord("review", "approve", bad.id, at=sandbox.path)
    assert bad.id in gitcoord("train", "add", "--approved", at=sandbox.path).out
