from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import BadInput
from gitcoord.runs.role import Role
from gitcoord.runs.role_files import KNOWN_TOOLS, NAME, read_role, render_role
from gitcoord.runs.role_index import MOST_BYTES, Origin

CLAUDE = b"""---
name: code-reviewer
description: Expert code review. Use PROACTIVELY after a change.
tools: Read, Grep, Bash(git add, git log *)
model: sonnet
color: red
maxTurns: 12
---

You review code.

---
This line is part of the prompt.
"""


def role_of(front: str, prompt: str = "Do it.") -> Role:
    return read_role(f"---\n{front}---\n{prompt}\n".encode(), "a.md").role


def refused(content: bytes) -> str:
    with pytest.raises(BadInput) as caught:
        read_role(content, "roles/a.md")
    assert caught.value.message.startswith("roles/a.md: ")
    assert "\n" not in caught.value.message
    assert caught.value.message.isprintable()
    return caught.value.message


def front(*lines: str) -> bytes:
    told = "\n".join(("name: a", "description: b", *lines))
    return f"---\n{told}\n---\nc\n".encode()


class TestShape:
    def test_claude_code_s_own_is_read(self) -> None:
        role = read_role(CLAUDE, "x/code-reviewer.md").role
        assert role.name == "code-reviewer"
        assert role.description.startswith("Expert code review.")
        assert role.tools == ("Read", "Grep", "Bash(git add, git log *)")
        assert (role.model, role.max_turns, role.writes) == ("sonnet", 12, False)
        assert role.prompt == "You review code.\n\n---\nThis line is part of the prompt."
        assert role.source == "x/code-reviewer.md"

    def test_ours_is_read(self) -> None:
        role = role_of(
            "name: b\ndescription: >\n  two\n  lines\ncapabilities: [Backend, testing]\n"
            "runners: claude, api\nwrites: yes\nmax_turns: 30\nbudget: $2.50\ntools: []\n"
        )
        assert role.description == "two lines"
        assert role.capabilities == ("backend", "testing")
        assert role.runners == ("claude", "api")
        assert (role.writes, role.max_turns, role.budget, role.tools) == (True, 30, 2.5, ())

    def test_no_tools_said_is_all_and_may_write(self) -> None:
        role = role_of("name: a\ndescription: b\n")
        assert (role.tools, role.writes) == (None, True)
        assert role_of("name: a\ndescription: b\ntools: '*'\n").tools is None
        assert not role_of("name: a\ndescription: b\ntools: Read, Bash\n").writes

    def test_a_forbidden_tool_is_taken_from_the_list(self) -> None:
        role = role_of("name: a\ndescription: b\ndisallowedTools: Bash(rm *), Write\n")
        assert role.tools == tuple(one for one in KNOWN_TOOLS if one not in ("Bash", "Write"))
        role = role_of("name: a\ndescription: b\ntools: Read, Bash(ls)\ndisallowedTools: [Bash]\n")
        assert role.tools == ("Read",)

    def test_no_is_a_name_and_a_number_is_text(self) -> None:
        role = role_of("name: no\ndescription: 2024-01-01\nmodel: inherit\n")
        assert (role.name, role.description, role.model) == ("no", "2024-01-01", "")

    def test_windows_made_it(self) -> None:
        crlf = b"\xef\xbb\xbf" + CLAUDE.replace(b"\n", b"\r\n")
        assert read_role(crlf, "a.md").role == read_role(CLAUDE, "a.md").role

    def test_a_colon_in_an_unquoted_description_is_read(self) -> None:
        """No YAML, but common in public collections, and Claude Code reads it."""
        said = 'Use this when: he says "hi": \\n or #2'
        role = role_of(f"name: a\ndescription: {said}\ntools: Read\n")
        assert role.description == said
        assert role.tools == ("Read",)

    def test_a_dialogue_in_a_description_is_read(self) -> None:
        """The shape of contains-studio/agents, which is no YAML."""
        role = role_of(
            "name: guard\ndescription: Use it when: x. Examples:\\n\\n<example>\n"
            'user: "We need: an identity"\nassistant: "I\'ll help"\n</example>\ncolor: red\n'
            "tools: [Read,\n  Grep]\nhooks:\n  Stop: x\nmodel: sonnet\n"
        )
        assert role.description.endswith(
            'user: "We need: an identity" assistant: "I\'ll help" </example>'
        )
        assert (role.tools, role.model) == (("Read", "Grep"), "sonnet")

    @pytest.mark.parametrize(
        "more",
        [
            "tools: Read\ntools: Bash\n",
            "tools: &a [Read]\n",
            "tools: [Read\n",
            "tools: Read\n  x: y\n",
        ],
    )  # fmt: skip
    def test_what_is_no_yaml_is_not_read_to_mean_more(self, more: str) -> None:
        refused(f"---\nname: a\ndescription: b: c: d\n{more}---\nx\n".encode())

    def test_the_file_s_name_stands_in(self) -> None:
        assert read_role(b"---\ndescription: b\n---\nc", "a.md", stem="own").role.name == "own"

    def test_capabilities_come_from_the_name_when_unsaid(self) -> None:
        assert role_of("name: backend-tester\ndescription: b\n").capabilities == (
            "testing", "backend",
        )  # fmt: skip
        assert role_of("name: tester\ndescription: b\ncapabilities: []\n").capabilities == ()


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"", "no front matter"),
            (b"# Just Markdown\n", "no front matter"),
            (b"---\nname: a\n", "no front matter"),
            (b"--- \nname: a\ndescription: b\n---\n", "the prompt is missing"),
            (b"---\nname: a\n---\nc", "no description"),
            (b"---\n- a\n- b\n---\nc", "a list, not keys"),
            (b"---\njust text\n---\nc", "'just text', not keys"),
            (b"---\n---\nc", "nothing, not keys"),
            (b"\xff\xfe---", "not UTF-8 at byte 0"),
            (b"---\nname: a\x00\n---\nc", "NUL"),
            (front("x: '" + "y" * MOST_BYTES + "'"), "96 KiB"),
            (front("x: '" + "y" * 40_000 + "'"), "32 KiB"),
            (front("x: [unclosed"), "no YAML in line 5"),
            (front("x: [\x1b[31m]"), "no YAML"),
            (front("tools:"), "tools is empty"),
            (front("tools: {Read: 1}"), "not a mapping"),
            (front("tools: [[Read]]"), "not a list"),
            (front("tools: Read; rm -rf"), "which is no name"),
            (front("tools: [" + "a, " * 300 + "]"), "at most 200"),
            (front("model: --dangerously-skip-permissions"), "no name of a model"),
            (front("model: [a]"), "not a list"),
            (front("writes: maybe"), "true or false"),
            (front("max_turns: 1.5"), "whole number"),
            (front("max_turns: -1"), "a number from 0"),
            (front("max_turns: 99999"), "a number from 0 to 10,000"),
            (front("budget: much"), "a number from 0"),
            (front("budget: nan"), "a number from 0"),
            (front("budget: 1e9"), "a number from 0"),
            (front("capabilities: [a b]"), "which is no name"),
            (front("name: z"), "there twice"),
            (b"---\nname: ../../etc/passwd\ndescription: b\n---\nc", "no name for a role"),
            (b"---\nname: --help\ndescription: b\n---\nc", "no name for a role"),
            (b"---\nname: \"a\\e[31m\"\ndescription: b\n---\nc", "no name for a role"),
            (b"---\nname: [a]\ndescription: b\n---\nc", "not a list"),
            (b"---\nname: a\ndescription: {x: y}\n---\nc", "not a mapping"),
        ],
    )  # fmt: skip
    def test_a_bad_file_has_one_clear_line(self, content: bytes, why: str) -> None:
        assert why in refused(content)

    def test_a_bomb_of_aliases_is_refused_before_it_is_built(self) -> None:
        lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
        lines += [f"{b}: &{b} [{', '.join(['*' + a] * 9)}]" for a, b in pairwise("abcdefghi")]
        assert "anchors and aliases" in refused(front(*lines))

    def test_depth_is_refused_before_it_is_built(self) -> None:
        assert "too deep" in refused(front("x: " + "[" * 15_000))
        assert "too deep" in refused(front("x: [" + "a, " * 9_000 + "]"))

    def test_a_tag_makes_no_object(self) -> None:
        made = role_of(
            "name: a\ndescription: b\nx: !!python/object/apply:os.system ['exit 3']\n"
            "model: !!python/name:os.system sonnet\n"
        )
        assert made.model == "sonnet"

    def test_an_escape_sequence_in_a_description_does_nothing(self) -> None:
        role = role_of('name: a\ndescription: "x \\e[2J\\e]0;title\\a y\\u202e"\n')
        assert role.description.isprintable()
        assert "x" in role.description

    def test_what_widens_has_no_effect(self) -> None:
        plain = role_of("name: a\ndescription: b\ntools: Read\n")
        wide = role_of(
            "name: a\ndescription: b\ntools: Read\npermissionMode: bypassPermissions\n"
            "hooks:\n  PreToolUse: [{command: x}]\nmcpServers: {s: {command: x}}\n"
        )
        assert wide == plain


class TestProperties:
    @given(st.binary(max_size=300))
    def test_any_bytes_are_a_role_or_a_refusal(self, content: bytes) -> None:
        for tried in (content, b"---\n" + content + b"\n---\nc"):
            try:
                role = read_role(tried, "a.md", stem="a").role
            except BadInput as refusal:
                assert "\n" not in refusal.message
            else:
                assert NAME.fullmatch(role.name)
                assert role.description.isprintable()

    texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
    lines = texts.map(lambda text: " ".join(text.split())).filter(str.isprintable).filter(len)

    @given(
        description=lines,
        prompt=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")),
        tools=st.none() | st.lists(st.sampled_from(["Read", "Bash(git add, git *)", "mcp__a__b"])),
        words=st.lists(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,9}", fullmatch=True), unique=True),
        writes=st.booleans(),
        turns=st.integers(0, 10_000),
        cents=st.integers(0, 100_000),
    )  # fmt: skip
    def test_what_is_written_is_read_back(
        self, description: str, prompt: str, tools: list[str] | None, words: list[str],
        writes: bool, turns: int, cents: int,
    ) -> None:  # fmt: skip
        listed = None if tools is None else tuple(dict.fromkeys(tools))
        role = Role(
            "a-b", description, prompt.strip() or "p", listed, "m:1",
            tuple(words), tuple(words), writes, turns, cents / 100, "a.md",
        )  # fmt: skip
        origin = Origin("https://example.com/a", "c0ffee", "x/ü.md", "MIT", "x", "", listed, ())
        read = read_role(render_role(role, origin), "a.md")
        assert (read.role, read.origin) == (role, origin)
