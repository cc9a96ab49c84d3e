from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from gitcoord.analysis.finding import FACT, HYPOTHESIS, LEAD, PLAN, recreate
from gitcoord.config import shipped
from gitcoord.errors import BadInput, NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runs.capabilities import CAPABILITIES
from gitcoord.runs.role_files import read_role
from gitcoord.runs.role_index import SETTLED
from gitcoord.runs.roles import (
    HOME,
    IMPORTED,
    REPOSITORY,
    SHIPPED,
    USER,
    find_role,
    list_roles,
    read_roles,
)
from gitcoord.worktrees.findings import parse
from tests.conftest import Sandbox

OURS = (
    *("detective", "analyst", "researcher", "builder", "strategist", "tester", "reviewer"),
    *("backend-architect", "database-optimizer", "frontend-developer", "test-automator"),
    *("security-auditor", "frontend-security-coder", "backend-security-coder", "cloud-architect"),
    *("performance-engineer", "code-reviewer", "docs-architect", "deployment-engineer"),
    "devops-troubleshooter",
)


def repo_of(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def put(folder: Path, name: str, description: str = "Does it.", more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.md"
    file.write_text(
        f"---\nname: {name}\ndescription: {description}\n{more}---\nPrompt of {name}.\n"
    )
    return file


@pytest.fixture
def places(sandbox: Sandbox, sealed: Path) -> dict[str, Path]:
    return {
        REPOSITORY: sandbox.path / ".claude" / "agents",
        HOME: sealed / ".claude" / "agents",
        USER: sealed / ".config" / "gitcoord" / "agents",
        IMPORTED: sandbox.path / ".git" / "agentcoord" / "agents",
    }


class TestPlaces:
    def test_the_nearest_of_a_name_counts_and_the_shadowed_are_known(
        self, sandbox: Sandbox, places: dict[str, Path]
    ) -> None:
        repo = repo_of(sandbox)
        for place in reversed(places):
            put(places[place], "reviewer", f"From {place}.")
            roles = read_roles(repo)
            one = roles.find("reviewer")
            assert (one.place, one.role.description) == (place, f"From {place}.")
        shadowed = [other.place for other in roles.shadowed(one)]
        assert shadowed == [HOME, USER, IMPORTED, SHIPPED]
        assert [role.name for role in list_roles(repo)].count("reviewer") == 1

    def test_a_linked_worktree_has_its_own_and_shares_the_imported(
        self, sandbox: Sandbox, places: dict[str, Path], tmp_path: Path
    ) -> None:
        put(places[IMPORTED], "shared")
        put(places[REPOSITORY], "only-main")
        sandbox.git("worktree", "add", "-q", str(tmp_path / "wt"))
        names = {role.name for role in list_roles(Repository.find(tmp_path / "wt"))}
        assert "shared" in names
        assert "only-main" not in names

    def test_outside_of_a_repository_there_are_one_s_own_and_the_shipped(
        self, places: dict[str, Path]
    ) -> None:
        put(places[HOME], "mine")
        assert {"mine", *OURS} == {role.name for role in list_roles(None)}

    def test_folders_below_are_read_and_read_me_is_no_role(
        self, sandbox: Sandbox, places: dict[str, Path]
    ) -> None:
        put(places[REPOSITORY] / "team" / "web", "deep")
        (places[REPOSITORY] / "README.md").write_text("# Ours\n")
        roles = read_roles(repo_of(sandbox))
        assert roles.find("deep").place == REPOSITORY
        assert roles.broken == ()

    def test_what_is_no_file_is_not_opened(
        self, sandbox: Sandbox, places: dict[str, Path], tmp_path: Path
    ) -> None:
        folder = places[REPOSITORY]
        put(folder, "fine")
        os.mkfifo(folder / "pipe.md")
        (folder / "zero.md").symlink_to("/dev/zero")
        (folder / "gone.md").symlink_to(tmp_path / "nowhere")
        (folder / "loop").symlink_to(folder, target_is_directory=True)
        put(tmp_path / "dotfiles", "linked")
        (folder / "linked.md").symlink_to(tmp_path / "dotfiles" / "linked.md")
        near = [one.role.name for one in read_roles(repo_of(sandbox)).found if one.place != SHIPPED]
        assert near == ["fine", "linked"]

    def test_a_repository_that_is_the_home_has_each_role_once(self, sealed: Path) -> None:
        home = Sandbox(sealed)
        home.git("init", "-q")
        put(sealed / ".claude" / "agents", "reviewer")
        roles = read_roles(Repository.find(sealed))
        one = roles.find("reviewer")
        assert [other.place for other in (one, *roles.shadowed(one))] == [REPOSITORY, SHIPPED]

    def test_a_name_in_any_bytes(self, sandbox: Sandbox, places: dict[str, Path]) -> None:
        file = put(places[REPOSITORY], "a")
        file.rename(os.fsdecode(os.fsencode(places[REPOSITORY]) + b"/\xff\n.md"))
        (places[REPOSITORY] / "b\n.md").write_text("no\n")
        roles = read_roles(repo_of(sandbox))
        assert roles.find("a").role.source.endswith("\udcff\n.md")
        assert len(roles.broken) == 1

    def test_more_files_than_are_read_is_told(
        self, sandbox: Sandbox, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitcoord.runs.roles._MOST_FILES", 2)
        for name in "abc":
            put(places[IMPORTED], name)
        told = [one.problem for one in read_roles(repo_of(sandbox)).broken]
        assert f"{places[IMPORTED]} has more than 2 files; the others are not read" in told


class TestBroken:
    def test_a_broken_file_is_named_and_the_others_are_listed(
        self, sandbox: Sandbox, places: dict[str, Path]
    ) -> None:
        put(places[REPOSITORY], "good")
        (places[REPOSITORY] / "bad.md").write_bytes(b"\xff")
        roles = read_roles(repo_of(sandbox))
        assert roles.find("good").role.description == "Does it."
        [broken] = roles.broken
        assert broken.problem == f"{places[REPOSITORY]}/bad.md: not UTF-8 at byte 0"

    def test_a_broken_file_is_not_passed_over_for_one_further_away(
        self, sandbox: Sandbox, places: dict[str, Path]
    ) -> None:
        """Its author meant another role than the shipped one, maybe one with fewer tools."""
        put(places[REPOSITORY], "reviewer", more="tools: [\n")
        with pytest.raises(BadInput, match="no YAML"):
            find_role(repo_of(sandbox), "reviewer")

    def test_a_broken_file_behind_a_good_one_is_in_nobody_s_way(
        self, sandbox: Sandbox, places: dict[str, Path]
    ) -> None:
        put(places[REPOSITORY], "reviewer")
        put(places[HOME], "reviewer", more="tools: [\n")
        assert find_role(repo_of(sandbox), "reviewer").prompt == "Prompt of reviewer."

    def test_an_unreadable_file_is_named(self, sandbox: Sandbox, places: dict[str, Path]) -> None:
        put(places[REPOSITORY], "closed").chmod(0)
        roles = read_roles(repo_of(sandbox))
        if os.geteuid():
            assert "permission denied" in roles.broken[0].problem


class TestNames:
    def test_an_unknown_name_has_the_nearest_ones(self, sandbox: Sandbox) -> None:
        with pytest.raises(NoSuch) as caught:
            find_role(repo_of(sandbox), "reviewr")
        assert "did you mean reviewer" in caught.value.hint
        assert caught.value.hint.endswith("gitcoord agents list")

    def test_a_hostile_name_is_only_looked_for(self, sandbox: Sandbox) -> None:
        for name in ("../../etc/passwd", "--help", "a" * 100_000, "\x1b[2J", ""):
            with pytest.raises(NoSuch):
                find_role(repo_of(sandbox), name)


class TestIndex:
    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if all files had been written long ago."""
        monkeypatch.setattr("gitcoord.runs.role_index.SETTLED", -1)

    def test_a_change_is_seen_though_size_and_mtime_are_the_same(
        self, sandbox: Sandbox, places: dict[str, Path]
    ) -> None:
        repo = repo_of(sandbox)
        file = put(places[REPOSITORY], "a", "One.")
        os.utime(file, ns=(10**18, 10**18))
        assert find_role(repo, "a").description == "One."
        put(places[REPOSITORY], "a", "Two.")
        os.utime(file, ns=(10**18, 10**18))
        assert find_role(repo, "a").description == "Two."

    def test_it_answers_in_place_of_the_file(
        self, sandbox: Sandbox, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repo = repo_of(sandbox)
        put(places[REPOSITORY], "a", more="tools: Read\ncapabilities: [testing]\n")
        put(places[REPOSITORY], "bad", more="tools:\n")
        before = read_roles(repo)

        def never(*_: object, **__: object) -> None:
            raise AssertionError("a file was parsed again")

        monkeypatch.setattr("gitcoord.runs.role_files.read_role", never)
        after = read_roles(repo)
        assert (after.found, after.broken) == (before.found, before.broken)

    def test_what_is_gone_is_forgotten(self, sandbox: Sandbox, places: dict[str, Path]) -> None:
        repo = repo_of(sandbox)
        file = put(places[REPOSITORY], "a")
        read_roles(repo)
        file.unlink()
        assert "a" not in read_roles(repo).by_name
        assert str(file) not in (repo.own_dir / "cache" / "roles.json").read_text()

    @pytest.mark.parametrize(
        "content",
        [b"", b"\0" * 100, b"{}", b'{"schema": 1, "roles": []}', b"[" * 100_000],
    )
    def test_a_damaged_index_is_an_empty_one(self, sandbox: Sandbox, content: bytes) -> None:
        from gitcoord.conflicts.whole import _digest

        repo = repo_of(sandbox)
        file = repo.own_dir / "cache" / "roles.json"
        file.parent.mkdir(parents=True)
        file.write_bytes(_digest(content) + b"\n" + content)
        assert {role.name for role in list_roles(repo)} == {*OURS}

    def test_an_entry_of_another_shape_is_read_anew(
        self, sandbox: Sandbox, places: dict[str, Path]
    ) -> None:
        from gitcoord.conflicts.whole import read_whole, write_whole

        repo = repo_of(sandbox)
        file = put(places[REPOSITORY], "a")
        read_roles(repo)
        index = repo.own_dir / "cache" / "roles.json"
        document = read_whole(index)
        document["roles"][str(file)][1] = ["only", "three", "words"]
        write_whole(index, document)
        assert read_roles(repo).find("a").role.description == "Does it."


def test_a_file_just_written_is_not_remembered(sandbox: Sandbox, places: dict[str, Path]) -> None:
    """It may change once more within the clock's grain, as git knows of its index."""
    assert SETTLED > 0
    file = put(places[REPOSITORY], "a")
    repo = repo_of(sandbox)
    read_roles(repo)
    index = repo.own_dir / "cache" / "roles.json"
    assert not index.exists() or str(file) not in index.read_text()


class TestShipped:
    def test_all_are_there_and_none_is_broken(self, sandbox: Sandbox) -> None:
        roles = read_roles(repo_of(sandbox))
        assert {one.role.name for one in roles.found} == {*OURS}
        assert roles.broken == ()

    @pytest.mark.parametrize("name", OURS)
    def test_each_says_what_it_is(self, name: str) -> None:
        file = shipped("templates") / "agents" / f"{name}.md"
        role = read_role(file.read_bytes(), str(file)).role
        strict = yaml.safe_load(file.read_text("utf-8").split("---\n")[1])
        assert (role.name, role.description) == (name, strict["description"])
        assert {*role.capabilities} <= {*CAPABILITIES}
        assert role.capabilities
        assert role.model == ""
        assert role.runners == ()
        assert role.max_turns > 0
        assert role.budget > 0
        assert role.tools
        assert role.writes == ("Edit" in role.tools)
        assert not re.search(r"opus|sonnet|haiku|gpt|gemini", role.prompt, re.IGNORECASE)

    @pytest.mark.parametrize("name", OURS)
    def test_the_form_it_teaches_is_the_form_that_is_read(self, name: str) -> None:
        prompt = (shipped("templates") / "agents" / f"{name}.md").read_text("utf-8")
        [example] = re.findall(r"```\n(\+\+\+\n.*?)```", prompt, re.DOTALL)
        written = parse("w", "plan-1.md", example.encode())
        finding = recreate(written.front, written.body)
        assert finding.role == name
        assert finding.kind in (FACT, HYPOTHESIS, PLAN, LEAD)
        assert finding.evidence[0].command
        assert finding.evidence[0].note
        assert {"{findings}", "{task}", "{worktree}"} == {*re.findall(r"\{\w+\}", prompt)}

    @pytest.mark.parametrize("name", OURS)
    def test_who_judges_ends_with_a_verdict_and_who_writes_leaves_commits(self, name: str) -> None:
        file = shipped("templates") / "agents" / f"{name}.md"
        role = read_role(file.read_bytes(), str(file)).role
        judges = name in ("reviewer", "code-reviewer", "security-auditor", "tester")
        assert ("`VERDICT: approve`" in role.prompt) == judges
        told = "Leave your changes uncommitted" if role.writes else "no other file changes"
        assert told in " ".join(role.prompt.split())
