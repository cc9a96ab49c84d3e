"""Which runner a task gets, what is known of programs, and what their check says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitcoord.config import Config
from gitcoord.errors import BadInput
from gitcoord.runs.role import Role
from gitcoord.runtime.programs.installed import find, version_tuple
from gitcoord.runtime.runners import RUNNERS, agent_of, choose, proved, standing
from gitcoord.testing.fake_agent import install
from tests.calling import gitcoord

DETECTIVE = Role("detective", "Looks.", "You look.")
BUILDER = Role("builder", "Builds.", "You build.", writes=True)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH without any agent program."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return folder


def add(folder: Path, name: str, version: str = "99.0.0") -> None:
    install(folder, name, {"version": f"{version} (Somebody's)", "steps": []})


class TestAuto:
    def test_a_role_with_an_analyser_needs_nothing(self, programs: Path) -> None:
        assert choose("auto", DETECTIVE, Config()) == "local"

    def test_an_installed_program_is_taken(self, programs: Path) -> None:
        add(programs, "gemini")
        add(programs, "codex")
        assert choose("auto", DETECTIVE, Config()) == "codex"

    def test_a_key_is_enough(self, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
        assert choose("auto", BUILDER, Config()) == "api"

    def test_what_the_role_asks_for_is_first(self, programs: Path) -> None:
        add(programs, "claude")
        add(programs, "gemini")
        role = Role("builder", "", "", runners=("aider", "gemini"))
        assert choose("auto", role, Config({"agents.runner": "claude"})) == "gemini"

    def test_then_what_the_settings_name(self, programs: Path) -> None:
        add(programs, "claude")
        add(programs, "gemini")
        assert choose("auto", BUILDER, Config({"agents.runner": "gemini"})) == "gemini"

    def test_what_failed_its_check_is_not_taken_by_itself(self, programs: Path) -> None:
        add(programs, "claude")
        add(programs, "gemini")
        proved(standing(RUNNERS["claude"], Config()))
        assert choose("auto", BUILDER, Config()) == "gemini"
        assert choose("claude", BUILDER, Config()) == "claude"

    def test_with_nothing_at_all_the_ways_out_are_named(self, programs: Path) -> None:
        with pytest.raises(BadInput) as raised:
            choose("auto", BUILDER, Config())
        for way in ("npm install", "ANTHROPIC_API_KEY", "--with human"):
            assert way in raised.value.hint

    def test_a_role_may_ask_for_what_is_none(self, programs: Path) -> None:
        add(programs, "claude")
        assert choose("auto", Role("b", "", "", runners=("no-such",)), Config()) == "claude"


class TestNamed:
    def test_one_that_is_not_there_is_refused_with_how_to_get_it(self, programs: Path) -> None:
        with pytest.raises(BadInput, match="not on PATH") as raised:
            choose("claude", BUILDER, Config())
        assert "npm install" in raised.value.hint

    def test_local_does_only_what_it_can(self, programs: Path) -> None:
        assert choose("local", DETECTIVE, Config()) == "local"
        with pytest.raises(BadInput, match="needs a model"):
            choose("local", BUILDER, Config())

    def test_the_command_runner_needs_its_command(self, programs: Path) -> None:
        with pytest.raises(BadInput, match=r"agents\.command") as refused:
            choose("command", BUILDER, Config())
        assert refused.value.hint.startswith("set it: gitcoord config set")
        config = Config({"agents.command": ("my-agent",)})
        assert choose("command", BUILDER, config) == "command"

    def test_a_person_is_always_there(self, programs: Path) -> None:
        assert choose("human", BUILDER, Config()) == "human"

    @pytest.mark.parametrize("name", ["clod", "local"])
    def test_what_is_no_agent_is_refused(self, name: str) -> None:
        with pytest.raises(BadInput):
            agent_of(name)

    def test_every_other_runner_has_an_agent(self) -> None:
        for name in RUNNERS.keys() - {"local"}:
            assert callable(agent_of(name))


class TestInstalled:
    def test_its_version_is_asked_once(self, programs: Path, tmp_path: Path) -> None:
        add(programs, "claude", "2.1.5")
        found = find("claude", tmp_path)
        assert found is not None and found.version == "2.1.5"
        [kept] = tmp_path.glob("claude*.json")
        kept.write_text(kept.read_text().replace("2.1.5", "2.1.6"))
        again = find("claude", tmp_path)
        assert again is not None and again.version == "2.1.6"

    def test_it_is_asked_again_when_its_file_changed(self, programs: Path, tmp_path: Path) -> None:
        add(programs, "claude", "2.1.5")
        find("claude", tmp_path)
        add(programs, "claude", "2.1.55")
        with (programs / "claude").open("a") as file:
            file.write("# updated\n")
        found = find("claude", tmp_path)
        assert found is not None and found.version == "2.1.55"

    def test_an_old_one_is_warned_about(self, programs: Path) -> None:
        add(programs, "claude", "1.0.3")
        assert "older than" in standing(RUNNERS["claude"], Config()).warning

    def test_a_broken_memory_is_no_memory(self, programs: Path, tmp_path: Path) -> None:
        add(programs, "claude", "2.1.5")
        find("claude", tmp_path)
        [kept] = tmp_path.glob("claude*.json")
        kept.write_text("[")
        found = find("claude", tmp_path)
        assert found is not None and found.version == "2.1.5"

    def test_versions_are_compared_as_numbers(self) -> None:
        assert version_tuple("2.1.329") > version_tuple("2.1.4")
        assert version_tuple("0.170.0-alpha.1") == (0, 170, 0)

    def test_a_check_is_remembered_with_what_it_said(self, programs: Path) -> None:
        add(programs, "claude", "2.1.400")
        checked = proved(standing(RUNNERS["claude"], Config()))
        assert "did not end as done" in checked.warning
        again = standing(RUNNERS["claude"], Config())
        assert again.warning == checked.warning


def test_the_table_and_its_json(programs: Path) -> None:
    add(programs, "claude", "2.1.400")
    listed = gitcoord("agents", "runners", "--json").json
    by_name = {one["name"]: one for one in listed}
    assert by_name.keys() == RUNNERS.keys()
    assert (by_name["claude"]["works"], by_name["claude"]["version"]) == (True, "2.1.400")
    assert by_name["codex"]["works"] is False
    assert "2.1.400" in gitcoord("agents", "runners").out


def test_a_check_that_fails_is_exit_code_1_and_stays_in_the_table(programs: Path) -> None:
    add(programs, "claude", "2.1.400")
    assert gitcoord("agents", "runners", "--probe", "--json").code == 1
    listed = gitcoord("agents", "runners", "--json").json
    [claude] = [one for one in listed if one["name"] == "claude"]
    assert claude["works"] is False
    assert "did not end as done" in claude["warning"]
