"""Where we stand: found from anywhere, whatever the environment and the names."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gitcoord.errors import NoSuch, NotARepository, Problem
from gitcoord.git import run as run_module
from gitcoord.git.repository import Repository, check_version, git_version
from tests.conftest import Sandbox


class TestFind:
    @pytest.mark.parametrize("inside", ["", "src", ".git", ".git/refs"])
    def test_case_118_from_inside(self, sandbox: Sandbox, inside: str) -> None:
        repo = Repository.find(sandbox.path / inside)
        assert repo.common_dir == repo.git_dir == sandbox.path / ".git"
        assert repo.top == (None if inside.startswith(".git") else sandbox.path)
        assert repo.home == (sandbox.path if repo.top else sandbox.path / ".git")
        assert repo.own_dir == sandbox.path / ".git" / "agentcoord"

    def test_a_linked_worktree(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("worktree", "add", "-q", "../linked")
        (tmp_path / "link").symlink_to(tmp_path / "linked" / "src")
        repo = Repository.find(tmp_path / "link")
        assert repo.top == tmp_path / "linked"
        assert repo.git_dir == sandbox.path / ".git" / "worktrees" / "linked"
        assert repo.common_dir == sandbox.path / ".git"

    @pytest.mark.parametrize("form", ["sha1", "sha256"])
    def test_case_63_bare_and_object_format(self, tmp_path: Path, form: str) -> None:
        Sandbox(tmp_path).git("init", "-q", "--bare", f"--object-format={form}", "x.git")
        repo = Repository.find(tmp_path / "x.git")
        assert (repo.top, repo.git_dir) == (None, tmp_path / "x.git")
        assert (repo.object_format, len(repo.null_id)) == (form, 40 if form == "sha1" else 64)

    def test_case_19_a_submodule(self, sandbox: Sandbox, tmp_path: Path) -> None:
        product = Sandbox(tmp_path / "product")
        product.path.mkdir()
        product.git("init", "-q")
        product.git("submodule", "--quiet", "add", str(sandbox.path), "shop")
        repo = Repository.find(product.path / "shop" / "src")
        assert repo.top == product.path / "shop"
        assert repo.common_dir == product.path / ".git" / "modules" / "shop"

    @pytest.mark.parametrize(
        "name",
        [b"new\nline", b"ends\n", b"\nsha1", b"sha1", b" ", b"\xff", "👷".encode(), b"a\n\nb"],
    )
    def test_case_12_and_37_paths_in_any_bytes(self, sandbox: Sandbox, name: bytes) -> None:
        place = sandbox.path.parent / os.fsdecode(name) / "x"
        place.parent.mkdir()
        sandbox.path.rename(place)
        repo = Repository.find(place / "src")
        assert (repo.top, repo.common_dir) == (place, place / ".git")
        assert Repository.find(place / ".git").top is None

    def test_case_42_and_57_a_repository_of_another_owner(self, sandbox: Sandbox) -> None:
        if os.getuid() != 0:
            pytest.skip("only root can give a folder away")
        for path in (sandbox.path, sandbox.path / ".git"):
            os.chown(path, 12345, 12345)
        with pytest.raises(NotARepository, match="git does not open the repository at"):
            Repository.find(sandbox.path)

    def test_nothing_here(self, tmp_path: Path) -> None:
        with pytest.raises(NotARepository, match="is not in a git repository"):
            Repository.find(tmp_path)
        with pytest.raises(Problem):
            Repository.find(tmp_path / "gone")
        with pytest.raises(Problem):
            (tmp_path / "file").write_text("")
            Repository.find(tmp_path / "file")

    def test_case_63_an_unknown_extension(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "core.repositoryFormatVersion", "1")
        sandbox.git("config", "extensions.fromTheFuture", "1")
        with pytest.raises(NotARepository, match=r"git does not open .* unknown"):
            Repository.find(sandbox.path)


class TestSettings:
    def test_the_last_value_counts_and_all_are_there(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "--add", "My.SubSection.Key", "a\nb")
        sandbox.git("config", "--add", "My.SubSection.Key", "é = 1")
        repo = Repository.find(sandbox.path)
        assert repo.setting("my.SubSection.key") == "é = 1"
        assert repo.settings["my.SubSection.key"] == ["a\nb", "é = 1"]
        assert repo.setting("no.such", "default") == "default"

    def test_a_key_without_a_value(self, sandbox: Sandbox) -> None:
        sandbox.write(".git/config", (sandbox.path / ".git" / "config").read_text() + "[a]\n\tb\n")
        assert Repository.find(sandbox.path).setting("a.b", "x") == ""


class TestCommit:
    def test_by_any_name(self, sandbox: Sandbox) -> None:
        repo, head = Repository.find(sandbox.path), sandbox.git("rev-parse", "HEAD")
        sandbox.git("tag", "-a", "v1", "-m", "one")
        for name in ("HEAD", "main", "refs/heads/main", "v1", head, head[:7], "@"):
            assert repo.commit(name) == head

    @pytest.mark.parametrize(
        "name",
        ["", "nope", "-q", "--all", "^main", "main^{tree}", "main..HEAD", "a\0b", "HEAD:src", "\n"],
    )
    def test_what_is_none(self, sandbox: Sandbox, name: str) -> None:
        repo = Repository.find(sandbox.path)
        assert repo.find_commit(name) is None
        with pytest.raises(NoSuch):
            repo.commit(name)


class TestVersion:
    def fake(self, monkeypatch: pytest.MonkeyPatch, folder: Path, words: str) -> None:
        folder.mkdir(exist_ok=True)
        program = folder / "git"
        program.write_text(f"#!/bin/sh\necho '{words}'\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(run_module, "program", lambda: str(program))
        monkeypatch.setattr("gitcoord.git.repository.program", lambda: str(program))

    @pytest.mark.parametrize(
        ("words", "numbers"),
        [
            ("git version 2.39.5", (2, 39, 5)),
            ("git version 2.39.5 (Apple Git-154)", (2, 39, 5)),
            ("git version 2.45.1.windows.1", (2, 45, 1)),
            ("git version 2.50.0.rc1.12.gabc", (2, 50, 0)),
            ("git version 3.0", (3, 0, 0)),
        ],
    )
    def test_as_it_says(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str, numbers: tuple[int, ...]
    ) -> None:
        self.fake(monkeypatch, tmp_path / words[:20], words)
        assert git_version() == numbers
        check_version()

    @pytest.mark.parametrize("words", ["git version 2.37.9", "git version 1.9.1"])
    def test_too_old(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: str) -> None:
        self.fake(monkeypatch, tmp_path / "bin", words)
        with pytest.raises(Problem, match=r"is too old: gitcoord needs 2\.38"):
            check_version()

    def test_no_version_at_all(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.fake(monkeypatch, tmp_path / "bin", "hello")
        with pytest.raises(Problem, match="does not say its version"):
            git_version()
