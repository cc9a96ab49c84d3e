"""Each tool, used as the loop uses it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest

from gitcoord.runs.role import Role
from gitcoord.runtime.api.hands import TOOLS, allowed, described
from tests.runtime.api.conftest import READER, Bench, Use, call

PATCH = (
    "--- a/src/cart.py\n+++ b/src/cart.py\n@@ -2,4 +2,4 @@\n \n \n def add(user, thing):\n"
    "-    login(user, '')\n+    login(user, 'x')\n"
)


class TestRead:
    def test_lines_are_numbered(self, use: Use) -> None:
        assert use("read", path="src/auth.py", first_line=6, lines=2) == (
            "6\tdef login(user, password):\n7\t    token = issue_token(user)\n"
            "[… up to line 7 of 12; go on with first_line=8]"
        )

    def test_beyond_its_end_and_empty(self, bench: Bench, use: Use) -> None:
        bench.sandbox.write("empty", "")
        assert use("read", path="empty") == "it is empty"
        assert use("read", path="README.md", first_line=99) == "it is empty"

    def test_what_is_no_text(self, bench: Bench, use: Use) -> None:
        bench.sandbox.write("logo.png", b"\x89PNG\0\0")
        assert use("read", path="logo.png") == "it is no text: 6 bytes"

    def test_other_encodings_do_not_end_the_talk(self, bench: Bench, use: Use) -> None:
        bench.sandbox.write("latin.txt", b"caf\xe9\n")
        assert use("read", path="latin.txt") == "1\tcaf\ufffd"

    def test_a_long_line_and_a_long_file_are_cut(self, bench: Bench, use: Use) -> None:
        bench.sandbox.write(
            "long", "x" * 9000 + "\n" + "y" * 1500 + "\n" * 1 + ("z" * 99 + "\n") * 900
        )
        said = use("read", path="long")
        assert len(said) < 31_000
        assert "[… 7,002 characters]" in said
        assert said.endswith("]")

    def test_outside(self, use: Use) -> None:
        assert use("read", path="../../etc/passwd") == "../../etc/passwd is outside of the worktree"


class TestListAndSearch:
    def test_a_folder(self, use: Use) -> None:
        assert use("list") == ".gitignore\nREADME.md\nsrc/\ntests/"

    def test_a_pattern(self, use: Use) -> None:
        assert use("list", pattern="*.py") == "src/auth.py\nsrc/cart.py\ntests/test_auth.py"
        assert use("list", path="src", pattern="c*.py") == "src/cart.py"

    def test_words_in_files(self, use: Use) -> None:
        assert use("search", pattern="def (add|login)") == (
            "src/auth.py:6:def login(user, password):\nsrc/cart.py:4:def add(user, thing):"
        )
        assert use("search", pattern="def (add", fixed=True) == "no match"
        assert use("search", pattern="LOGIN", ignore_case=True, names_only=True, glob="*.md") == (
            "README.md"
        )

    def test_files_not_added_yet_are_searched_and_ignored_ones_not(
        self, bench: Bench, use: Use
    ) -> None:
        bench.sandbox.write("new.py", "needle\n")
        bench.sandbox.write(".env", "needle\n")
        assert use("search", pattern="needle") == "new.py:1:needle"

    def test_settings_and_records_are_not_searched(self, bench: Bench, use: Use) -> None:
        for name in (
            ".claude/settings.json",
            ".agentcoord/other/x.md",
            "sub/.codex/c",
            ".mcp.json",
        ):
            bench.sandbox.write(name, "needle\n")
        assert use("search", pattern="needle") == "no match"
        assert use("list", pattern="**") == (
            ".gitignore\nREADME.md\nsrc/auth.py\nsrc/cart.py\ntests/test_auth.py"
        )

    def test_what_looks_like_an_option_is_none(self, use: Use) -> None:
        assert use("search", pattern="--open-files-in-pager=touch x") == "no match"
        assert use("search", pattern="x", glob="--help") == "no match"

    def test_a_bad_expression_is_said(self, use: Use) -> None:
        assert use("search", pattern="(").startswith("git says: ")


class TestHistory:
    def test_log_show_blame_and_diff(self, bench: Bench, use: Use) -> None:
        assert "Shorten the life of a token" in use("history", what="log", path="src/auth.py")
        assert "-TTL = 3600" in use("history", what="show", commit="HEAD~1", path="src/auth.py")
        assert "Ada Tester" in use("history", what="blame", path="src/auth.py", first_line=3)
        bench.sandbox.write("README.md", "# new\n")
        assert "+# new" in use("history", what="diff")

    def test_which_commit_changed_a_text(self, use: Use) -> None:
        said = use("history", what="log", changed="3600")
        assert "Shorten" in said
        assert "Say what it is" not in said

    @pytest.mark.parametrize("commit", ["--output=/tmp/x", "nowhere", "-1", "HEAD..HEAD~1", ""])
    def test_a_commit_that_is_none(self, bench: Bench, use: Use, commit: str) -> None:
        said = use("history", what="show", commit=commit)
        assert ("is not a commit" in said) == bool(commit)

    def test_no_program_of_the_settings_runs(self, bench: Bench, use: Use) -> None:
        bench.sandbox.git("config", "diff.external", f"touch {bench.top}/ran")
        bench.sandbox.git("config", "diff.x.textconv", f"touch {bench.top}/ran; cat")
        bench.sandbox.write(".gitattributes", "* diff=x\n")
        bench.sandbox.write("README.md", "# new\n")
        for what in ("diff", "show", "log"):
            use("history", what=what)
        use("history", what="log", changed="shop")
        use("history", what="blame", path="README.md")
        use("search", pattern="shop")
        assert not (bench.top / "ran").exists()


class TestEdit:
    def test_one_exact_text(self, bench: Bench, use: Use) -> None:
        said = use("edit", path="src/auth.py", old="TTL = 60", new="TTL = 90")
        assert said == "src/auth.py: 1 replaced, from line 3"
        assert "TTL = 90" in (bench.top / "src/auth.py").read_text()

    def test_not_there_and_not_unique(self, bench: Bench, use: Use) -> None:
        assert "is not in src/auth.py" in use("edit", path="src/auth.py", old="nope", new="x")
        assert "4 times" in use("edit", path="src/auth.py", old="token", new="x")
        assert "4 replaced" in use("edit", path="src/auth.py", old="token", new="pass", all=True)

    def test_line_ends_of_windows_stay(self, bench: Bench, use: Use) -> None:
        bench.sandbox.write("dos.txt", b"a\r\nb\r\nc\r\n")
        use("edit", path="dos.txt", old="a\nb\n", new="a\nx\n")
        assert (bench.top / "dos.txt").read_bytes() == b"a\r\nx\r\nc\r\n"

    def test_bytes_it_does_not_understand_stay(self, bench: Bench, use: Use) -> None:
        bench.sandbox.write("latin.txt", b"caf\xe9 one\n")
        use("edit", path="latin.txt", old="one", new="two")
        assert (bench.top / "latin.txt").read_bytes() == b"caf\xe9 two\n"

    def test_a_secret_it_cannot_see_is_not_overwritten(self, bench: Bench, use: Use) -> None:
        secret = "key = AKIAIOSFODNN7EXAMPLA\n"
        bench.sandbox.write("deploy.txt", secret)
        seen = use("read", path="deploy.txt").split("\t")[1]
        assert "[REDACTED:" in seen
        assert "cannot see" in use("edit", path="deploy.txt", old=seen, new="x")
        assert "cannot see" in use("write", path="deploy.txt", content=f"{seen}\nmore\n")
        assert (bench.top / "deploy.txt").read_text() == secret

    def test_a_role_that_does_not_write(self, bench: Bench, use: Use) -> None:
        assert "you have no tool 'write'" in use("write", path="x", content="y", role=READER)
        assert not (bench.top / "x").exists()

    def test_hooks_of_the_repository(self, bench: Bench, use: Use) -> None:
        bench.sandbox.git("config", "core.hooksPath", "scripts/hooks")
        assert "hooks are out of reach" in use(
            "write", path="scripts/hooks/pre-commit", content="x"
        )


class TestPatch:
    def test_a_unified_diff(self, bench: Bench, use: Use) -> None:
        assert use("apply_patch", patch=PATCH) == "applied to src/cart.py"
        assert "login(user, 'x')" in (bench.top / "src/cart.py").read_text()

    def test_one_that_does_not_apply_changes_nothing(self, bench: Bench, use: Use) -> None:
        second = "--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# nothing like it\n+# x\n"
        assert "does not apply" in use("apply_patch", patch=PATCH + second)
        assert bench.sandbox.git("status", "--porcelain", "--", "src") == ""

    @pytest.mark.parametrize(
        "patch",
        [
            "--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+x\n",
            "--- /dev/null\n+++ b/../out\n@@ -0,0 +1 @@\n+x\n",
            "--- /dev/null\n+++ b/.claude/settings.json\n@@ -0,0 +1 @@\n+x\n",
            "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/\n",
            "diff --git a/.mcp.json b/y\nrename from .mcp.json\nrename to y\n",
            'diff --git "a/\\056claude/x" b/y\nrename from "\\056claude/x"\nrename to y\n',
            "what is this\n",
        ],
    )
    def test_out_of_reach(self, bench: Bench, use: Use, patch: str) -> None:
        bench.sandbox.write(".mcp.json", "{}")
        before = sorted(os.listdir(bench.top))
        assert not use("apply_patch", patch=patch).startswith("applied")
        assert sorted(os.listdir(bench.top)) == before

    def test_over_a_link(self, bench: Bench, use: Use, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (bench.top / "link").symlink_to(tmp_path / "outside")
        said = use("apply_patch", patch="--- /dev/null\n+++ b/link/x\n@@ -0,0 +1 @@\n+x\n")
        assert not said.startswith("applied")
        assert os.listdir(tmp_path / "outside") == []


class TestFindings:
    FINDING: ClassVar[dict[str, object]] = {
        "title": "login forgets", "body": "It does.", "kind": "hypothesis", "confidence": 0.8,
        "evidence": [{"command": "git log", "note": "see", "path": "src/auth.py", "lines": [3, 3]}],
        "files": [{"name": "src/auth.py", "score": 0.9, "reasons": ["TTL"]}],
    }  # fmt: skip

    def test_it_is_written_where_analysers_write(self, bench: Bench) -> None:
        first, second = (call("record_finding", **self.FINDING) for _ in range(2))
        bench.run([{"tools": [first, second]}, "done"], role=READER)
        assert bench.results()[1] == "recorded as .agentcoord/build/findings/build-2.md"
        text = (bench.top / ".agentcoord/build/findings/build-1.md").read_text()
        front = tomllib.loads(text.split("+++\n")[1])
        assert (front["role"], front["title"], front["confidence"]) == (
            "analyst", "login forgets", 0.8,
        )  # fmt: skip
        assert front["evidence"][0]["lines"] == [3, 3]
        assert text.endswith("\nIt does.\n")

    @pytest.mark.parametrize(
        "wrong",
        [{"confidence": 3}, {"kind": "rumour"}, {"evidence": [{"note": "x"}]}, {"files": ["a"]}],
    )
    def test_one_that_is_not_usable(self, bench: Bench, use: Use, wrong: dict[str, object]) -> None:
        assert "recorded" not in use("record_finding", **(self.FINDING | wrong))
        assert not (bench.top / ".agentcoord").exists()

    def test_over_a_link(self, bench: Bench, use: Use, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (bench.top / ".agentcoord").symlink_to(tmp_path / "outside")
        assert "recorded" not in use("record_finding", **self.FINDING)
        assert os.listdir(tmp_path / "outside") == []


class TestWhoMayWhat:
    @pytest.mark.parametrize(
        ("tools", "writes", "names"),
        [
            (("Read", "Grep", "Glob"), True, ("read", "list", "search", "history")),
            (("Read", "Edit", "Bash"), True, ("read", "history", "edit", "apply_patch", "run")),
            (("Read", "Edit", "Bash"), False, ("read", "history", "run")),
            (("Read", "Bash(git *)"), True, ("read", "history")),
            (("Bash(rm *)",), True, ()),
            (("WebFetch", "Task"), True, ()),
            ((), True, ()),
            (("write", "run"), True, ("write", "run")),
        ],
    )
    def test_a_roles_list_only_narrows(
        self, tools: tuple[str, ...], writes: bool, names: tuple[str, ...]
    ) -> None:
        role = Role("r", "", "", tools=tools, writes=writes)
        assert allowed(role, shell=True) == (*names, "record_finding")

    def test_without_a_shell_there_is_no_run(self) -> None:
        assert "run" not in allowed(Role("r", "", "", writes=True), shell=False)

    def test_every_tool_says_what_it_does(self) -> None:
        for tool in described(tuple(TOOLS)):
            assert tool["description"].endswith(".")
            assert (
                set(tool["input_schema"]["required"]) <= tool["input_schema"]["properties"].keys()
            )
