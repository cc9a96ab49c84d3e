"""The demo: what it shows is what the commands did, and nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.errors import Problem
from gitcoord.runtime import demo
from gitcoord.runtime.demo_shop import make_repository
from tests.calling import installed


class TestShop:
    def test_its_tests_pass_and_its_fault_is_real(self, tmp_path: Path) -> None:
        make_repository(tmp_path / "shop")
        tests = [sys.executable, "-m", "unittest", "-q"]
        assert not subprocess.run(tests, cwd=tmp_path / "shop", capture_output=True).returncode
        order = "from shop.orders import *; from shop.pricing import *; place([Line('pen', 201)])"
        refused = subprocess.run(
            [sys.executable, "-c", order], cwd=tmp_path / "shop", capture_output=True, text=True
        )
        assert "Refused: more than 200" in refused.stderr


class TestDemo:
    def test_all_of_it(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        told: list[str] = []
        shop = demo.tell(tmp_path, told.append, pause=0)
        printed, words = capfd.readouterr().out, "\n".join(told)
        assert "The limit of an order is in euros, its total in cents" in printed
        assert "conflict  shop/orders.py" in printed
        assert "Count the limit of an order in cents" in words
        assert "Raise the limit of an order to 500 euros" in words

        def git(*argv: str) -> str:
            return subprocess.run(
                ["git", *argv], cwd=shop, capture_output=True, text=True, check=True
            ).stdout

        branches = git("branch", "--format=%(refname:short)", "--list", "*/*", "*-*").split()
        assert len(branches) == 3
        for kind, limit in (("cents", "200_00"), ("five-hundred", "500")):
            [branch] = [name for name in branches if kind in name]
            assert f"LIMIT = {limit}" in git("show", f"{branch}:shop/orders.py")
        assert git("status", "--porcelain") == ""
        assert git("rev-parse", "--abbrev-ref", "HEAD") == "main\n"

    def test_it_uses_nothing_of_the_users(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "the user's")
        monkeypatch.setenv("GITCOORD_AGENTS_MODEL", "dear")
        (tmp_path / "demo").mkdir()
        env = demo.environment(tmp_path / "demo", "http://127.0.0.1:1")
        assert env["ANTHROPIC_API_KEY"] == "scripted"
        assert env["HOME"] != os.environ["HOME"]
        assert not any(name.startswith(("GITCOORD_", "GIT_")) for name in env)

    def test_a_command_that_fails_is_a_problem(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        wrong = demo.Scene("Wrong.", (("show", "nothing-there"),))
        monkeypatch.setattr(demo, "SCENES", (wrong,))
        with pytest.raises(Problem, match="gitcoord show nothing-there"):
            demo.tell(tmp_path, lambda _line: None)
        assert "nothing-there" in capfd.readouterr().err

    def test_help_says_that_the_model_is_scripted(self) -> None:
        assert "scripted" in installed("demo", "--help").out
