from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitcoord.errors import BadInput, NoSuch, Problem, Refused
from gitcoord.git.repository import Repository
from gitcoord.runs.collecting import plugin_of, read_collection, split_place
from gitcoord.runs.importing import (
    HARMLESS,
    NEW,
    SAME,
    UPDATED,
    Import,
    find_imported,
    plan_import,
    remove_imported,
    take_over,
    tools_within,
)
from gitcoord.runs.role_files import read_role
from gitcoord.runs.roles import IMPORTED, find_role, read_roles
from tests.calling import installed
from tests.conftest import Sandbox

MIT = (
    "MIT License\n\nCopyright (c) 2024 A\n\n"
    "Permission is hereby granted, free of charge, to any person obtaining a copy\n"
)


def role_text(name: str, more: str = "", says: str = "Does it.") -> str:
    return f"---\nname: {name}\ndescription: {says}\n{more}---\n\nYou are {name}.\n"


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


@pytest.fixture
def collection(tmp_path: Path) -> Sandbox:
    """A repository in the shape of the public ones."""
    made = Sandbox(tmp_path / "collection")
    made.path.mkdir()
    made.git("init", "-q")
    made.commit(
        "Collect",
        {
            "LICENSE": MIT,
            "README.md": "# Agents\n",
            "plugins/shop/agents/pricer.md": role_text("pricer"),
            "plugins/shop/agents/code-reviewer.md": role_text("code-reviewer"),
            "plugins/shop/commands/sell.md": role_text("sell"),
            "plugins/web/agents/code-reviewer.md": role_text("web-code-reviewer"),
            "plugins/web/.claude-plugin/plugin.json": '{"name": "web", "license": "Apache-2.0"}',
            "plugins/web/agents/runner.md": role_text(
                "runner", "tools: Read, Bash, Bash(git *), mcp__x__y, WebFetch, Teleport\n"
            ),
        },
    )
    return made


def take(repo: Repository, place: object, *allowed: str, force: bool = False) -> Import:
    return take_over(repo, read_collection(str(place), Path("/")), allowed, force=force)


def tools(repo: Repository, name: str) -> tuple[str, ...] | None:
    return find_role(repo, name).tools


class TestWhere:
    @pytest.mark.parametrize("way", ["{path}", "{path}@main", "file://{path}", "{path}/.git"])
    def test_folder_and_url_give_the_same_roles(
        self, repo: Repository, collection: Sandbox, way: str
    ) -> None:
        plan = take(repo, way.format(path=collection.path))
        assert [one.role.name for one in plan.roles] == [
            "shop-code-reviewer", "shop-pricer", "web-code-reviewer", "web-runner",
        ]  # fmt: skip
        assert plan.commit == collection.git("rev-parse", "HEAD")
        found = read_roles(repo).find("shop-pricer")
        assert found.place == IMPORTED
        assert found.origin is not None
        assert (found.origin.commit, found.origin.licence) == (plan.commit, "MIT")
        assert found.origin.path == "plugins/shop/agents/pricer.md"

    def test_a_commit_is_pinned_also_by_a_shortened_id_and_a_tag(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        old = collection.git("rev-parse", "HEAD")
        collection.git("tag", "-a", "v1", "-m", "one")
        collection.commit("More", {"plugins/shop/agents/late.md": role_text("late")})
        for name in ("v1", old, old[:8]):
            plan = take(repo, f"file://{collection.path}@{name}")
            assert plan.commit == old
            assert "shop-late" not in {one.role.name for one in plan.roles}

    def test_a_commit_that_is_not_there(self, repo: Repository, collection: Sandbox) -> None:
        for name in ("v9", "0" * 40, "c0ffee0"):
            with pytest.raises(NoSuch, match=name):
                take(repo, f"file://{collection.path}@{name}")

    def test_uncommitted_changes_are_read_and_no_commit_is_told(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        collection.write("plugins/shop/agents/draft.md", role_text("draft"))
        plan = take(repo, collection.path)
        assert plan.commit == ""
        assert "shop-draft" in {one.role.name for one in plan.roles}

    @pytest.mark.parametrize(
        ("place", "split"),
        [
            ("https://h/o/r", ("https://h/o/r", "")),
            ("https://h/o/r@v1.2", ("https://h/o/r", "v1.2")),
            ("https://me:pw@h/o/r", ("https://me:pw@h/o/r", "")),
            ("https://me@h/o/r@fix/a", ("https://me@h/o/r", "fix/a")),
            ("git@h:o/r.git", ("git@h:o/r.git", "")),
            ("git@h:o/r.git@abc", ("git@h:o/r.git", "abc")),
            ("roles@abc", ("roles", "abc")),
        ],
    )
    def test_a_commit_is_told_from_who_asks(self, place: str, split: tuple[str, str]) -> None:
        assert split_place(place) == split

    @pytest.mark.parametrize(
        "place",
        [
            "nowhere",
            "",
            "--upload-pack=x",
            "ext::sh -c touch% pwned",
            "-c@x",
            "h:r@--x",
            "h:r@a..b",
        ],
    )
    def test_what_is_no_place_is_refused_and_runs_nothing(
        self, repo: Repository, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(Problem):
            take(repo, place)
        assert not (tmp_path / "pwned").exists()

    def test_a_token_in_a_url_is_not_recorded(self, repo: Repository, collection: Sandbox) -> None:
        with pytest.raises(Problem) as caught:
            take(repo, "https://me:s3cret@127.0.0.1:9/o/r")
        assert "s3cret" not in caught.value.message + caught.value.hint


class TestHostileCollections:
    def test_links_filters_and_submodules_do_nothing(
        self, repo: Repository, collection: Sandbox, tmp_path: Path
    ) -> None:
        (tmp_path / "secret.md").write_text(role_text("secret"))
        agents = collection.path / "plugins" / "shop" / "agents"
        (agents / "link.md").symlink_to(tmp_path / "secret.md")
        (agents / "folder").symlink_to(tmp_path, target_is_directory=True)
        collection.commit("Links", {".gitattributes": "*.md filter=evil\n"})
        collection.git("config", "filter.evil.smudge", f"touch {tmp_path}/pwned; cat")
        for place in (f"file://{collection.path}", collection.path):
            plan = take(repo, place, force=True)
            assert "secret" not in str([one.role.name for one in plan.roles])
        assert not (tmp_path / "pwned").exists()

    def test_a_pipe_is_not_waited_for(self, repo: Repository, collection: Sandbox) -> None:
        os.mkfifo(collection.path / "plugins" / "shop" / "agents" / "pipe.md")
        assert len(take(repo, collection.path).roles) == 4

    def test_bad_files_are_left_out_with_the_reason(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        bad = {
            "huge": "x" * 300_000,
            "hidden": role_text("hidden") + "do evil\U000e0041\U000e0042",
            "bidi": role_text("bidi", says="a\u202eb"),
            "escape": role_text("escape") + "\x1b[2J",
            "bomb": role_text("bomb", "x: &x [1]\ny: *x\n"),
            "none": "# no front matter\n",
            "shop-pricer": role_text("pricer"),
        }
        for name, text in bad.items():
            collection.write(f"plugins/shop/agents/zz-{name}.md", text)
        plan = take(repo, collection.path)
        why = {Path(path).stem.removeprefix("zz-"): said for path, said in plan.left_out}
        assert {*why} == {*bad}
        assert why["huge"] == "too large"
        assert why["hidden"] == "it has signs that cannot be seen: U+E0041, U+E0042"
        assert "is the name of plugins/shop/agents/pricer.md too" in why["shop-pricer"]
        assert len(plan.roles) == 4

    def test_a_name_with_spaces_and_capitals_becomes_one(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        collection.write("plugins/My Shop/agents/x.md", role_text('"Senior ../Code Reviewer"'))
        assert "my-shop-senior-code-reviewer" in {
            one.role.name for one in take(repo, collection.path).roles
        }
        folder = repo.own_dir / "agents"
        assert all(file.parent == folder for file in folder.rglob("*"))

    def test_nothing_to_take_over_says_why(self, repo: Repository, tmp_path: Path) -> None:
        empty = tmp_path / "empty"
        empty.mkdir()
        with pytest.raises(NoSuch, match="no role to take over"):
            take(repo, empty)
        (empty / "notes.md").write_text("# notes\n")
        with pytest.raises(NoSuch, match="no front matter"):
            take(repo, empty)


class TestTools:
    def test_all_becomes_the_harmless_ones(self, repo: Repository, collection: Sandbox) -> None:
        take(repo, collection.path)
        assert tools(repo, "shop-pricer") == HARMLESS
        assert find_role(repo, "shop-pricer").writes

    def test_dangerous_and_unknown_ones_are_dropped_and_told(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        plan = take(repo, collection.path)
        assert tools(repo, "web-runner") == ("Read",)
        [runner] = [one for one in plan.roles if one.role.name == "web-runner"]
        assert runner.without == ("Bash", "Bash(git *)", "mcp__x__y", "WebFetch", "Teleport")

    def test_the_user_may_name_some(self, repo: Repository, collection: Sandbox) -> None:
        take(repo, collection.path, "Bash(git *)", "mcp__x__*")
        assert tools(repo, "web-runner") == ("Read", "Bash(git *)", "mcp__x__y")
        take(repo, collection.path, "Bash")
        assert tools(repo, "web-runner") == ("Read", "Bash", "Bash(git *)", "mcp__x__y")

    def test_what_the_user_named_is_remembered(self, repo: Repository, collection: Sandbox) -> None:
        take(repo, collection.path, "Bash")
        before = tools(repo, "web-runner")
        take(repo, collection.path)
        assert tools(repo, "web-runner") == before == ("Read", "Bash", "Bash(git *)")

    def test_no_more_than_a_role_of_that_name_has(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        """code-reviewer is shipped, reads only, and has a shell."""
        take(repo, collection.path)
        for name in ("shop-code-reviewer", "web-code-reviewer"):
            role = find_role(repo, name)
            assert role.tools == ("Read", "Grep", "Glob", "Write")
            assert not role.writes

    def test_nor_than_one_of_the_repository_s(
        self, sandbox: Sandbox, repo: Repository, collection: Sandbox
    ) -> None:
        own = role_text("pricer", "tools: Read, Bash\n")
        sandbox.write(".claude/agents/pricer.md", own)
        take(repo, collection.path)
        assert tools(repo, "shop-pricer") == ("Read",)
        assert not find_role(repo, "shop-pricer").writes

    def test_an_update_cannot_widen(self, repo: Repository, collection: Sandbox) -> None:
        """Trusted once with Read, later asking for more."""
        file = "plugins/shop/agents/pricer.md"
        collection.commit("Narrow", {file: role_text("pricer", "tools: Read\n")})
        take(repo, collection.path)
        collection.commit("Wide", {file: role_text("pricer", "tools: Read, Edit, Write, Bash\n")})
        plan = take(repo, collection.path)
        assert tools(repo, "shop-pricer") == ("Read",)
        [one] = [one for one in plan.roles if one.role.name == "shop-pricer"]
        assert one.without == ("Edit", "Write", "Bash")
        take(repo, collection.path, "Edit")
        assert tools(repo, "shop-pricer") == ("Read", "Edit")
        assert not find_role(repo, "shop-pricer").writes

    def test_other_ways_to_widen_are_gone(self, repo: Repository, collection: Sandbox) -> None:
        collection.write(
            "plugins/shop/agents/sly.md",
            role_text(
                "sly",
                "tools: []\nrunners: [command]\nwrites: true\npermissionMode: bypassPermissions\n"
                "hooks: {Stop: [{command: x}]}\norigin: {allowed: [Bash], source: me}\n",
            ),
        )
        take(repo, collection.path)
        role = find_role(repo, "sly")
        assert (role.tools, role.runners, role.writes) == ((), (), False)
        text = Path(role.source).read_text()
        assert "permissionMode" not in text
        assert "hooks" not in text
        origin = read_roles(repo).find("sly").origin
        assert origin is not None
        assert (origin.allowed, origin.source) == ((), str(collection.path))

    @pytest.mark.parametrize(
        ("asked", "ceiling", "given"),
        [
            (None, ("Read", "Bash(git *)"), ("Read", "Bash(git *)")),
            (("Bash",), ("Bash(git *)",), ("Bash(git *)",)),
            (("Bash(rm *)",), ("Bash(git *)",), ()),
            (("Bash(rm *)",), ("Bash",), ("Bash(rm *)",)),
            (("mcp__*",), ("mcp__x__y",), ()),
            (("mcp__x__y", "mcp__z__y"), ("mcp__x__*",), ("mcp__x__y",)),
            ((), ("Read",), ()),
        ],
    )
    def test_the_tools_two_lists_have_in_common(
        self, asked: tuple[str, ...] | None, ceiling: tuple[str, ...], given: tuple[str, ...]
    ) -> None:
        assert tools_within(asked, ceiling)[0] == given

    def test_a_tool_that_is_no_name_is_refused(self, repo: Repository, collection: Sandbox) -> None:
        with pytest.raises(BadInput, match="no name of a tool"):
            take(repo, collection.path, "Bash; rm")


class TestAgain:
    def test_the_same_changes_nothing(self, repo: Repository, collection: Sandbox) -> None:
        assert {one.state for one in take(repo, collection.path).roles} == {NEW}
        files = {file: file.stat().st_mtime_ns for file in (repo.own_dir / "agents").iterdir()}
        assert {one.state for one in take(repo, collection.path).roles} == {SAME}
        assert files == {file: file.stat().st_mtime_ns for file in files}

    def test_a_newer_one_updates_and_what_is_gone_is_told(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        take(repo, collection.path)
        (collection.path / "plugins/shop/agents/code-reviewer.md").unlink()
        newer = {"plugins/shop/agents/pricer.md": role_text("pricer", says="Newer.")}
        commit = collection.commit("Newer", dict(newer))
        plan = take(repo, collection.path)
        states = {one.role.name: one.state for one in plan.roles}
        assert states["shop-pricer"] == UPDATED
        assert find_role(repo, "shop-pricer").description == "Newer."
        assert plan.gone == ("shop-code-reviewer",)
        assert read_roles(repo).find("shop-code-reviewer").place == IMPORTED
        origin = read_roles(repo).find("shop-pricer").origin
        assert origin is not None
        assert origin.commit == commit

    def test_a_file_changed_by_hand_is_kept_unless_forced(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        take(repo, collection.path)
        file = Path(find_role(repo, "shop-pricer").source)
        file.write_text(file.read_text() + "My own line.\n")
        plan = take(repo, collection.path)
        assert "changed here by hand" in dict(plan.left_out)["plugins/shop/agents/pricer.md"]
        assert "My own line." in find_role(repo, "shop-pricer").prompt
        with pytest.raises(Refused):
            find_imported(repo, "shop-pricer")
        take(repo, collection.path, force=True)
        assert "My own line." not in find_role(repo, "shop-pricer").prompt

    def test_a_file_broken_by_hand_is_kept_unless_forced(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        take(repo, collection.path)
        file = Path(find_role(repo, "shop-pricer").source)
        file.write_text("mine")
        assert (
            "cannot be read"
            in dict(take(repo, collection.path).left_out)["plugins/shop/agents/pricer.md"]
        )
        assert file.read_text() == "mine"
        take(repo, collection.path, force=True)
        assert find_role(repo, "shop-pricer").prompt == "You are pricer."

    def test_another_source_does_not_replace_unless_forced(
        self, repo: Repository, collection: Sandbox, tmp_path: Path
    ) -> None:
        take(repo, collection.path)
        other = tmp_path / "other" / "plugins" / "shop" / "agents"
        other.mkdir(parents=True)
        (other / "pricer.md").write_text(role_text("pricer", says="Evil."))
        (other / "new.md").write_text(role_text("new"))
        plan = take(repo, tmp_path / "other")
        assert str(collection.path) in plan.left_out[0][1]
        assert [one.role.name for one in plan.roles] == ["shop-new"]

    def test_dry_run_writes_nothing(self, repo: Repository, collection: Sandbox) -> None:
        plan_import(repo, read_collection(str(collection.path), Path("/")))
        assert not (repo.own_dir / "agents").exists()

    def test_several_at_once_leave_whole_files(
        self, sandbox: Sandbox, repo: Repository, collection: Sandbox
    ) -> None:
        def once() -> int:
            return installed("agents", "import", collection.path, at=sandbox.path).code

        with ThreadPoolExecutor(4) as pool:
            begun = [pool.submit(once) for _ in range(4)]
            while not all(one.done() for one in begun):
                assert read_roles(repo).broken == ()
        assert [one.result() for one in begun] == [0] * 4
        roles = read_roles(repo)
        assert roles.broken == ()
        assert len([one for one in roles.found if one.place == IMPORTED]) == 4
        assert [file for file in (repo.own_dir / "agents").iterdir() if file.suffix != ".md"] == []


class TestNames:
    def test_the_short_name_answers_when_it_is_the_only_one(
        self, repo: Repository, collection: Sandbox
    ) -> None:
        take(repo, collection.path)
        assert find_role(repo, "pricer").name == "shop-pricer"
        assert find_role(repo, "runner").name == "web-runner"
        assert find_role(repo, "code-reviewer").name == "code-reviewer"
        collection.commit("Twin", {"plugins/web/agents/pricer.md": role_text("pricer")})
        take(repo, collection.path)
        with pytest.raises(NoSuch, match="any of 2: shop-pricer, web-pricer"):
            find_role(repo, "pricer")

    @pytest.mark.parametrize(
        ("path", "plugin"),
        [
            ("plugins/shop/agents/a.md", "shop"),
            ("plugins/My Shop!/agents/deep/a.md", "my-shop"),
            ("agents/a.md", ""),
            (".claude/agents/a.md", ""),
            ("shop/.claude/agents/a.md", ""),
            ("a.md", ""),
        ],
    )
    def test_the_plugin_is_the_folder_above(self, path: str, plugin: str) -> None:
        assert plugin_of(path) == plugin

    def test_removing_by_either_name(self, repo: Repository, collection: Sandbox) -> None:
        take(repo, collection.path)
        remove_imported(find_imported(repo, "pricer"))
        with pytest.raises(NoSuch):
            find_imported(repo, "shop-pricer")
        with pytest.raises(Refused, match="not imported"):
            find_imported(repo, "builder")


class TestLicences:
    def test_the_nearest_counts(self, repo: Repository, collection: Sandbox) -> None:
        collection.write("plugins/shop/agents/own.md", role_text("own", "license: CC0-1.0\n"))
        take(repo, collection.path)
        roles = read_roles(repo)
        said = {name: roles.find(name).origin for name in ("web-runner", "shop-pricer", "own")}
        licences = {name: origin.licence for name, origin in said.items() if origin}
        assert licences == {"web-runner": "Apache-2.0", "shop-pricer": "MIT", "own": "CC0-1.0"}

    def test_none_is_told_as_none(self, repo: Repository, collection: Sandbox) -> None:
        collection.git("rm", "-q", "LICENSE")
        take(repo, collection.path)
        origin = read_roles(repo).find("shop-pricer").origin
        assert origin is not None
        assert origin.licence == ""


def test_what_is_written_is_a_role_file(repo: Repository, collection: Sandbox) -> None:
    plan = plan_import(repo, read_collection(str(collection.path), Path("/")))
    for one in plan.roles:
        read = read_role(one.content, "")
        assert read.role == one.role
        assert read.origin is not None
        assert read.origin.made
