from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.errors import BadInput, NoSuch, Problem
from gitcoord.git.objects import Reader
from gitcoord.git.remote import remote, shown
from tests.conftest import Sandbox


def test_one_commit_is_there_and_then_nothing(sandbox: Sandbox) -> None:
    with remote(f"file://{sandbox.path}") as (repo, commit):
        assert commit == sandbox.git("rev-parse", "HEAD")
        assert repo.top is None
        with Reader(repo) as reader:
            assert b"README.md" in reader.tree(f"{commit}^{{tree}}")
        assert repo.run("rev-list", "--count", commit).text == "1"
        home = repo.git_dir
    assert not home.exists()


def test_branches_tags_and_commits(sandbox: Sandbox) -> None:
    first = sandbox.git("rev-parse", "HEAD~2")
    sandbox.git("tag", "-a", "v1", "-m", "x", first)
    sandbox.git("branch", "fix/it", first)
    for name in ("v1", "fix/it", first, first[:9]):
        with remote(f"file://{sandbox.path}", name) as (_, commit):
            assert commit == first


@pytest.mark.parametrize("name", ["-x", "a..b", "a:b", "a b", "+a", "*", "a\n", "@{1}"])
def test_a_name_that_is_none_is_refused_before_git_is_asked(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(BadInput), remote(f"file://{sandbox.path}", name):
        pass


@pytest.mark.parametrize("url", ["ext::sh -c touch% pwned", "fd::1", "foo://x/y"])
def test_a_protocol_that_starts_programs_is_refused(
    sandbox: Sandbox, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sandbox.git("config", "--global", "protocol.ext.allow", "always")
    with pytest.raises(Problem), remote(url):
        pass
    assert not (tmp_path / "pwned").exists()


def test_what_is_not_there(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(NoSuch), remote(f"file://{sandbox.path}", "v404"):
        pass
    with pytest.raises(Problem, match="cannot fetch"), remote(f"file://{tmp_path}/nothing"):
        pass


def test_no_hook_and_no_template_of_the_user_runs(sandbox: Sandbox, tmp_path: Path) -> None:
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("reference-transaction", "post-checkout", "post-merge"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
        (hooks / name).chmod(0o755)
    sandbox.git("config", "--global", "init.templateDir", str(tmp_path / "template"))
    with remote(f"file://{sandbox.path}"):
        pass
    assert not (tmp_path / "pwned").exists()


def test_who_asks_is_not_shown() -> None:
    assert shown("https://me:token@example.com/a@b") == "https://example.com/a@b"
    assert shown("git@example.com:a/b") == "git@example.com:a/b"
