from __future__ import annotations

from pathlib import Path

import pytest

from tests.calling import gitcoord, installed
from tests.conftest import Sandbox

SHAPE = ["name", "description", "capabilities", "runners", "writes", "source"]


def put(sandbox: Sandbox, name: str, more: str = "", prompt: str = "Do it.") -> Path:
    text = f"---\nname: {name}\ndescription: Does {name}.\n{more}---\n{prompt}\n"
    return sandbox.write(f".claude/agents/{name}.md", text)


class TestList:
    def test_its_json_has_the_documented_shape(self, sandbox: Sandbox) -> None:
        put(sandbox, "own", "capabilities: [testing]\nrunners: [claude]\nwrites: false\n")
        listed = gitcoord("agents", "list", "--json", at=sandbox.path).json
        assert len(listed) == 21
        assert all([*one] == SHAPE for one in listed)
        [own] = [one for one in listed if one["name"] == "own"]
        assert own == {
            "name": "own",
            "description": "Does own.",
            "capabilities": ["testing"],
            "runners": ["claude"],
            "writes": False,
            "source": str(sandbox.path / ".claude/agents/own.md"),
        }

    def test_the_short_way_says_what_the_long_way_says(self, sandbox: Sandbox) -> None:
        """`agents list` goes without typer; with another option it goes through it."""
        put(sandbox, "own")
        (sandbox.path / ".claude/agents/bad.md").write_text("x")
        for words in (["--json"], []):
            short = installed("agents", "list", *words, at=sandbox.path)
            long = installed("-C", ".", "agents", "list", *words, at=sandbox.path)
            assert (short.code, short.out, short.err) == (long.code, long.out, long.err)
            assert "bad.md: no front matter" in short.err

    def test_only_those_with_a_capability(self, sandbox: Sandbox) -> None:
        both = ("--capability", "Security", "--capability", "frontend")
        said = gitcoord("agents", "list", *both, at=sandbox.path)
        assert [line.split()[0] for line in said.out.splitlines()[1:]] == [
            "frontend-security-coder"
        ]
        assert (
            gitcoord("agents", "list", "--capability", "no", "--json", at=sandbox.path).json == []
        )

    def test_it_works_outside_of_a_repository(self, tmp_path: Path) -> None:
        assert len(gitcoord("agents", "list", "--json", at=tmp_path).json) == 20

    def test_a_hostile_file_does_nothing_to_the_terminal(self, sandbox: Sandbox) -> None:
        put(sandbox, "a", 'tools: "\\e[2J"\n')
        sandbox.write(".claude/agents/\x1b]0;x\x07.md", "x")
        said = gitcoord("agents", "list", at=sandbox.path)
        assert "\x1b" not in said.out + said.err
        assert "\x07" not in said.out + said.err
        assert said.code == 0


class TestShow:
    def test_everything_about_one(self, sandbox: Sandbox) -> None:
        put(sandbox, "reviewer", "tools: Read\nmodel: fast\nmax_turns: 5\nbudget: 1.5\n")
        text = gitcoord("agents", "show", "reviewer", at=sandbox.path).out
        for told in ("reviewer (repository)", "Read", "fast", "at most 5", "$1.5", "Do it."):
            assert told in text
        assert "shadows" in text
        shown = gitcoord("agents", "show", "reviewer", "--json", at=sandbox.path).json
        assert shown["prompt"] == "Do it."
        assert shown["place"] == "repository"
        assert [Path(file).name for file in shown["shadows"]] == ["reviewer.md"]

    def test_a_prompt_with_escapes_is_harmless(self, sandbox: Sandbox) -> None:
        put(sandbox, "a", prompt="x\x1b[2Jy\u202ez")
        out = gitcoord("agents", "show", "a", at=sandbox.path).out
        assert "\x1b" not in out
        assert "\u202e" not in out

    def test_an_unknown_one(self, sandbox: Sandbox) -> None:
        said = gitcoord("agents", "show", "bilder", at=sandbox.path)
        assert said.code == 2
        assert "did you mean builder" in said.err


class TestPickAndSearch:
    def test_reasons_are_shown(self, sandbox: Sandbox) -> None:
        picked = gitcoord("agents", "pick", "the orders query is slow", "--json", at=sandbox.path)
        first = picked.json[0]
        assert first["name"] == "database-optimizer"
        assert "the task says" in first["reasons"][0]
        assert first["past"] == {"done": 0, "failed": 0}
        assert {*SHAPE} < {*first}
        assert "the task says" in gitcoord("agents", "pick", "slow query", at=sandbox.path).out

    def test_no_one_fits(self, sandbox: Sandbox) -> None:
        said = gitcoord("agents", "pick", "zzz", "--json", at=sandbox.path)
        assert (said.code, said.json) == (1, [])
        said = gitcoord("agents", "pick", "x", "--capability", "cooking", at=sandbox.path)
        assert said.code == 2
        assert "cooking" in said.err

    def test_searching(self, sandbox: Sandbox) -> None:
        found = gitcoord("agents", "search", "screen", "reader", "--json", at=sandbox.path).json
        assert found[0]["name"] == "frontend-developer"
        assert gitcoord("agents", "search", "xyzzy", at=sandbox.path).code == 1

    def test_the_examples_of_the_help_find_something(self, sandbox: Sandbox) -> None:
        said = gitcoord("agents", "search", "--help", at=sandbox.path).out
        shown = [line.split()[1:] for line in said.splitlines() if "Usage" not in line]
        examples = [words for words in shown if words[:2] == ["agents", "search"]]
        assert len(examples) == 2
        assert [gitcoord(*words, at=sandbox.path).code for words in examples] == [0, 0]


class TestImport:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        folder = tmp_path / "roles" / "plugins" / "shop" / "agents"
        folder.mkdir(parents=True)
        (folder / "pricer.md").write_text(
            "---\nname: pricer\ndescription: Prices.\ntools: Read, Bash\n---\nPrice it.\n"
        )
        (folder / "bad.md").write_text("no\n")
        return tmp_path / "roles"

    def test_from_trying_to_removing(self, sandbox: Sandbox, place: Path) -> None:
        def names() -> set[str]:
            return {one["name"] for one in gitcoord("agents", "list", "--json", at=at).json}

        at = sandbox.path
        tried = gitcoord("agents", "import", place, "--dry-run", "--json", at=at).json
        assert tried["dry_run"]
        assert tried["roles"][0]["tools"] == ["Read"]
        assert tried["roles"][0]["without"] == ["Bash"]
        assert tried["left_out"][0]["path"] == "plugins/shop/agents/bad.md"
        assert "shop-pricer" not in names()
        said = gitcoord("agents", "import", place, at=at)
        assert said.code == 0
        assert "took over 1 role (1 new)" in said.err
        assert "left out plugins/shop/agents/bad.md: no front matter" in said.err
        assert "shop-pricer" in names()
        assert "imported from" in gitcoord("agents", "show", "pricer", at=at).out
        assert sandbox.git("status", "--porcelain") == ""
        assert gitcoord("agents", "remove", "pricer", "--dry-run", at=at).code == 0
        assert "shop-pricer" in names()
        assert gitcoord("agents", "remove", "pricer", at=at).code == 0
        assert "shop-pricer" not in names()
        assert gitcoord("agents", "remove", "builder", at=at).code == 2

    def test_a_tool_may_be_named(self, sandbox: Sandbox, place: Path) -> None:
        gitcoord("agents", "import", place, "--allow-tool", "Bash", at=sandbox.path)
        shown = gitcoord("agents", "show", "pricer", "--json", at=sandbox.path).json
        assert shown["tools"] == ["Read", "Bash"]
        assert shown["origin"]["allowed"] == ["Bash"]
