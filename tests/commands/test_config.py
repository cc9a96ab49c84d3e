"""`gitcoord config`, as it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.config import KEYS
from tests.calling import gitcoord, installed
from tests.conftest import Sandbox


def own_file(sandbox: Sandbox) -> Path:
    return sandbox.path / ".git" / "agentcoord" / "config.toml"


def test_list_shows_every_key(sandbox: Sandbox) -> None:
    said = gitcoord("config", "list", at=sandbox.path)
    lines = said.out.splitlines()
    assert lines[0].split() == ["KEY", "VALUE"]
    assert [line.split()[0] for line in lines[1:]] == list(KEYS)
    assert gitcoord("config", at=sandbox.path) == said


def test_list_says_where_values_come_from(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITCOORD_TRASH_DAYS", "3")
    gitcoord("config", "set", "worktree.limit", "9", at=sandbox.path)
    said = gitcoord("config", "list", "--sources", at=sandbox.path)
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines()}
    assert rows["trash.days"] == ["GITCOORD_TRASH_DAYS", "3"]
    assert rows["worktree.limit"] == [str(own_file(sandbox)), "9"]
    assert rows["run.workers"] == ["default", "0"]


def test_list_json_has_the_documented_shape(sandbox: Sandbox) -> None:
    rows = gitcoord("config", "list", "--json", at=sandbox.path).json
    assert {tuple(row) for row in rows} == {("key", "value", "default", "source", "does")}
    assert {row["key"]: row["value"] for row in rows}["trash.days"] == 30


def test_set_get_unset(sandbox: Sandbox) -> None:
    assert gitcoord("config", "set", "trash.days", "7", at=sandbox.path).err == (
        f"trash.days is now 7 (was not set) in {own_file(sandbox)}\n"
    )
    assert gitcoord("config", "get", "trash.days", at=sandbox.path).out == "7\n"
    assert gitcoord("config", "get", "trash.days", "--json", at=sandbox.path).json == 7
    assert gitcoord("config", "unset", "trash.days", at=sandbox.path).err == (
        f"trash.days is now not set (was 7) in {own_file(sandbox)}\n"
    )
    assert gitcoord("config", "get", "trash.days", at=sandbox.path).out == "30\n"


def test_a_list_has_one_line_for_each_text(sandbox: Sandbox) -> None:
    gitcoord("config", "set", "setup.commands", "npm ci", "make", at=sandbox.path)
    assert gitcoord("config", "get", "setup.commands", at=sandbox.path).out == "npm ci\nmake\n"


def test_a_value_that_begins_with_a_dash(sandbox: Sandbox) -> None:
    said = gitcoord("config", "set", "worktree.base", "--", "-x", at=sandbox.path)
    assert said.code == 0
    assert gitcoord("config", "get", "worktree.base", at=sandbox.path).out == "-x\n"


@pytest.mark.parametrize("words", [["set", "trash.days", "7"], ["unset", "worktree.limit"]])
def test_a_dry_run_shows_and_changes_nothing(sandbox: Sandbox, words: list[str]) -> None:
    gitcoord("config", "set", "worktree.limit", "9", at=sandbox.path)
    before = own_file(sandbox).read_text()
    said = gitcoord("config", *words, "--dry-run", at=sandbox.path)
    assert "would be" in said.err
    assert own_file(sandbox).read_text() == before


def test_a_dry_run_makes_no_folder(sandbox: Sandbox) -> None:
    gitcoord("config", "set", "trash.days", "7", "-n", at=sandbox.path)
    gitcoord("config", "list", at=sandbox.path)
    assert not own_file(sandbox).parent.exists()


def test_a_linked_worktree_shares_the_repositorys_settings(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.git("worktree", "add", "-q", str(tmp_path / "linked"))
    gitcoord("config", "set", "trash.days", "7", at=tmp_path / "linked")
    assert gitcoord("config", "get", "trash.days", at=sandbox.path).out == "7\n"


def test_outside_a_repository_the_users_file_can_be_changed(tmp_path: Path) -> None:
    assert gitcoord("config", "set", "--user", "trash.days", "8", at=tmp_path).code == 0
    assert gitcoord("config", "get", "trash.days", at=tmp_path).out == "8\n"


def test_outside_a_repository_the_flag_is_named(tmp_path: Path) -> None:
    said = gitcoord("config", "set", "trash.days", "8", at=tmp_path)
    assert said.code == 2
    assert "is not in a git repository" in said.err
    assert "--user" in said.err


def test_path_is_for_a_shell(sandbox: Sandbox, sealed: Path) -> None:
    assert gitcoord("config", "path", at=sandbox.path).out == f"{own_file(sandbox)}\n"
    mine = gitcoord("config", "path", "--user", at=sandbox.path)
    assert mine.out == f"{sealed}/.config/gitcoord/config.toml\n"


def test_case_37_a_path_that_is_not_utf8(sandbox: Sandbox, tmp_path: Path) -> None:
    odd = tmp_path / "sh\udcffop"
    sandbox.path.rename(odd)
    assert installed("config", "path", at=odd).out == f"{odd}/.git/agentcoord/config.toml\n"
    assert gitcoord("config", "set", "trash.days", "1", at=odd).code == 0


def test_a_broken_file_is_named_and_can_be_mended(sandbox: Sandbox) -> None:
    own_file(sandbox).parent.mkdir()
    own_file(sandbox).write_text("[trash]\ndayz = 3\n")
    said = gitcoord("config", "list", at=sandbox.path)
    assert said.code == 2
    assert f"error: {own_file(sandbox)}, line 2: there is no setting 'trash.dayz'" in said.err
    assert "did you mean trash.days?" in said.err
    assert gitcoord("config", "unset", "trash.dayz", at=sandbox.path).code == 0
    assert gitcoord("config", "list", at=sandbox.path).code == 0


def test_a_value_of_the_wrong_type_changes_nothing(sandbox: Sandbox) -> None:
    said = gitcoord("config", "set", "trash.days", "soon", at=sandbox.path)
    assert said.code == 2
    assert "trash.days: has to be a whole number, not 'soon'" in said.err
    assert not own_file(sandbox).exists()


def test_case_66_a_place_that_takes_no_file_is_said(sandbox: Sandbox) -> None:
    own_file(sandbox).parent.symlink_to("/dev/null/nowhere")
    said = gitcoord("config", "set", "trash.days", "7", at=sandbox.path)
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert "hint: see what is there: ls -ld " in said.err
