"""`--dry-run` of park, unpark and undo: the deed's own refusals, and nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, look, refused


def objects(sandbox: Sandbox) -> set[Path]:
    return set((sandbox.path / ".git" / "objects").rglob("*"))


@pytest.fixture
def place(sandbox: Sandbox) -> Path:
    """A worktree with an untracked file."""
    path = Path(begin(at=sandbox.path)["path"])
    sandbox.write("new.txt", "new", at=path)
    return path


def test_park(sandbox: Sandbox, place: Path) -> None:
    before = look(sandbox)
    assert "1 untracked" in gitcoord("park", "-n", at=place).out
    said = gitcoord("park", "--dry-run", "--json", at=place).json
    assert (said["number"], said["changes"]["untracked"], said["dry_run"]) == (None, 1, True)
    assert look(sandbox) == before
    assert gitcoord("park", "--json", at=place).json["number"] == 1
    assert not (place / "new.txt").exists()
    assert gitcoord("park", "--json", at=place).json["number"] is None


def test_unpark(sandbox: Sandbox, place: Path) -> None:
    assert gitcoord("park", at=place).code == 0
    before = look(sandbox)
    assert "would take up piece 1" in gitcoord("unpark", "-n", at=place).out
    assert look(sandbox) == before
    refused(gitcoord("unpark", "-n", "--number", "7", at=place), "no piece 7")
    assert gitcoord("unpark", "--json", at=place).json["number"] == 1
    assert (place / "new.txt").read_text() == "new"
    refused(gitcoord("unpark", "-n", at=place), "nothing parked")


def test_an_unpark_that_would_conflict(sandbox: Sandbox, place: Path) -> None:
    sandbox.write("README.md", "mine", at=place)
    assert gitcoord("park", at=place).code == 0
    sandbox.commit("Theirs", {"README.md": "theirs"}, at=place)
    before, stored = look(sandbox), objects(sandbox)
    refused(gitcoord("unpark", "-n", at=place), "conflicts", "README.md")
    assert (look(sandbox), objects(sandbox)) == (before, stored)


def test_in_the_middle_of_something(sandbox: Sandbox, place: Path) -> None:
    sandbox.git("bisect", "start", at=place)
    refused(gitcoord("park", "-n", at=place), "in the middle of a bisect")


@pytest.mark.parametrize("verb", [("undo",), ("trash", "restore")])
def test_undo(sandbox: Sandbox, place: Path, verb: tuple[str, ...]) -> None:
    assert gitcoord("remove", "--force", place, at=sandbox.path).code == 0
    before = look(sandbox)
    assert f"at {place}" in gitcoord(*verb, place.name, "-n", at=sandbox.path).out
    said = gitcoord(*verb, place.name, "-n", "--json", "--path", "../x", at=sandbox.path).json
    assert (said["path"], said["dry_run"]) == (str(sandbox.path.parent / "x"), True)
    assert look(sandbox) == before
    place.mkdir(parents=True)
    sandbox.write("in.txt", "the way", at=place)
    refused(gitcoord(*verb, place.name, "-n", at=sandbox.path), "exists already")
    back = gitcoord(*verb, place.name, "--json", "--path", "../x", at=sandbox.path).json
    assert back["path"] == str(sandbox.path.parent / "x")


def test_an_undo_whose_branch_is_in_use(sandbox: Sandbox, place: Path) -> None:
    assert gitcoord("remove", "--force", place, at=sandbox.path).code == 0
    sandbox.git("branch", place.name)
    refused(gitcoord("undo", "-n", at=sandbox.path), "at another commit", "git branch -m")


def test_trash_empty_as_json(sandbox: Sandbox, place: Path) -> None:
    assert gitcoord("remove", "--force", place, at=sandbox.path).code == 0
    would = gitcoord("trash", "empty", "--all", "-n", "--json", at=sandbox.path).json
    assert (would["emptied"], [one["id"] for one in would["trash"]]) == (False, [place.name])
    said = gitcoord("trash", "empty", "--all", "--json", at=sandbox.path)
    assert said.code == 2 and "gitcoord trash empty --all --yes" in said.err
    assert "1 recovery copy would be gone" in said.err
    done = gitcoord("trash", "empty", "--all", "--yes", "--json", at=sandbox.path).json
    assert done["emptied"] is True
    assert gitcoord("trash", "list", "--json", at=sandbox.path).json == []


def test_what_was_removed_and_what_is_a_run_are_named(sandbox: Sandbox, place: Path) -> None:
    run = gitcoord("start", "investigation", "why login", "--json", at=sandbox.path).json
    said = gitcoord("show", run["run"]["id"], at=sandbox.path)
    refused(said, "is a run", f"gitcoord show {run['worktree']['id']}")
    assert gitcoord("remove", "--force", place, at=sandbox.path).code == 0
    for verb in ("show", "remove", "path"):
        said = gitcoord(verb, place.name, at=sandbox.path)
        refused(said, "is in the trash", f"gitcoord undo {place.name}")


def test_a_refused_removal_is_a_no(sandbox: Sandbox, place: Path) -> None:
    assert gitcoord("remove", "-n", place, at=sandbox.path).code == 1
    assert gitcoord("remove", "-n", "--json", place, at=sandbox.path).code == 1
    assert gitcoord("remove", "-n", "--force", place, at=sandbox.path).code == 0
    assert gitcoord("remove", "-n", "--force", ".", at=place).code in (0, 1)


def test_doctor_works_with_settings_that_do_not(sandbox: Sandbox, place: Path) -> None:
    assert gitcoord("doctor", "-n", "--fix", at=sandbox.path).code == 0
    sandbox.write(".git/agentcoord/config.toml", "trash.days = 'many'\n")
    said = gitcoord("doctor", at=sandbox.path)
    assert said.code == 1
    assert "trash.days" in said.out and "all is in step" not in said.err
    (one,) = gitcoord("doctor", "--json", at=sandbox.path).json
    assert (one["kind"], one["mendable"]) == ("config", False)
