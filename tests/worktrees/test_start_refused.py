"""What `start` cannot do: one clear line, a hint, code 2, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitcoord.worktrees.start import LONGEST_TASK
from tests.calling import PROGRAM, Said, gitcoord, installed
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, look, refused


def start(*words: str | Path, at: Path) -> Said:
    return gitcoord("start", "investigation", *words, "--no-run", at=at)


@contextmanager
def nothing_left(sandbox: Sandbox, *, at: Path | None = None) -> Iterator[None]:
    """Refs, worktrees, files, status and stash are as they were."""
    before = look(sandbox, at=at)
    yield
    assert look(sandbox, at=at) == before


class TestWhere:
    def test_not_a_repository(self, tmp_path: Path) -> None:
        place = tmp_path / "plain"
        place.mkdir()
        refused(start("a task", at=place), "is not in a git repository", "gitcoord -C DIR")
        assert list(place.iterdir()) == []

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        refused(start("a task", at=tmp_path / "nowhere"), "no such folder", "gitcoord -C DIR")

    def test_a_broken_repository_says_what_git_says(self, tmp_path: Path) -> None:
        (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")
        refused(start("a task", at=tmp_path), "git does not open the repository", "status")

    def test_case_01_no_commits(self, tmp_path: Path) -> None:
        fresh = Sandbox(tmp_path / "shop")
        fresh.path.mkdir()
        fresh.git("init", "-q")
        fresh.write("README.md", "not committed")
        with nothing_left(fresh):
            refused(start("a task", at=fresh.path), "no commits yet", "git commit")

    def test_case_01_unborn_branch_beside_others(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "--orphan", "fresh")
        with nothing_left(sandbox):
            refused(start("a task", at=sandbox.path), "no commits yet", "--from main")

    def test_case_02_detached(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "--detach")
        with nothing_left(sandbox):
            refused(start("a task", at=sandbox.path), "HEAD is detached", "--from HEAD")

    @pytest.mark.parametrize("operation", ["rebase", "bisect"])
    def test_case_02_in_the_middle(self, sandbox: Sandbox, operation: str) -> None:
        if operation == "rebase":
            sandbox.git("rebase", "-q", "-i", "HEAD~2", GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/")
        else:
            sandbox.git("bisect", "start", "HEAD", "HEAD~2")
        with nothing_left(sandbox):
            said = start("a task", at=sandbox.path)
            refused(said, f"in the middle of a {operation}", "--from main")

    def test_a_linked_worktree_in_the_middle_of_a_rebase(self, sandbox: Sandbox) -> None:
        sandbox.git("worktree", "add", "-q", "../other", "-b", "other")
        other = sandbox.path.parent / "other"
        sandbox.git(
            "rebase", "-q", "-i", "HEAD~2", at=other, GIT_SEQUENCE_EDITOR="sed -i 1s/pick/edit/"
        )
        refused(start("a task", at=other), "in the middle of a rebase", "--from other")


class TestTask:
    @pytest.mark.parametrize("task", ["", "   ", "\n\t\r\n"])
    def test_empty(self, sandbox: Sandbox, task: str) -> None:
        with nothing_left(sandbox):
            refused(start(task, at=sandbox.path), "the task is empty", "gitcoord start")

    def test_of_a_megabyte(self, sandbox: Sandbox) -> None:
        with nothing_left(sandbox):
            said = start("x" * 1_000_000, at=sandbox.path)
            refused(said, "1,000,000 characters", f"{LONGEST_TASK:,}", "--log FILE")

    @pytest.mark.parametrize("task", ["\x1b[31mred", "a\0b", "a\rb", "a\x7fb", "\x9b0m", "\udcff"])
    def test_control_characters_and_broken_bytes(self, sandbox: Sandbox, task: str) -> None:
        with nothing_left(sandbox):
            refused(start(task, at=sandbox.path), "control character", "gitcoord start --help")

    def test_a_leading_dash_is_an_option_until_after_two(self, sandbox: Sandbox) -> None:
        with nothing_left(sandbox):
            said = gitcoord("start", "investigation", "-rf", "--no-run", at=sandbox.path)
            refused(said, "there is no option -r", "after --")
        said = gitcoord("start", "--no-run", "investigation", "--", "-rf is slow", at=sandbox.path)
        assert said.code == 0
        assert said.out.startswith("investigation-rf-slow-")

    def test_from_stdin(self, sandbox: Sandbox) -> None:
        for text, code, word in (
            (b"why does\nlogin fail\n", 0, ""), (b"", 2, "the task is empty"),
            (b"\xff", 2, "broken byte"), (b"x" * 3_000_000, 2, "is the most"),
        ):  # fmt: skip
            done = subprocess.run(
                [PROGRAM, "start", "investigation", "-", "--no-run", "--json"],
                cwd=sandbox.path, input=text, capture_output=True, check=False,
            )  # fmt: skip
            assert done.returncode == code, done.stderr
            assert word in done.stderr.decode()
            if not code:
                assert json.loads(done.stdout)["worktree"]["task"] == "why does\nlogin fail"

    @pytest.mark.parametrize(
        "words", [("--from", ""), ("--from=",), ("--name", ""), ("--path", ""), ("--since", "")]
    )
    def test_a_variable_that_is_not_set(self, sandbox: Sandbox, words: tuple[str, ...]) -> None:
        with nothing_left(sandbox):
            said = start("a task", *words, at=sandbox.path)
            refused(said, "was given an empty value", "gitcoord start --help")

    @pytest.mark.parametrize("slug", ["???", "\n", "日本"])
    def test_case_07_a_name_that_slugs_to_nothing(self, sandbox: Sandbox, slug: str) -> None:
        with nothing_left(sandbox):
            said = start("a task", "--name", slug, at=sandbox.path)
            refused(said, "no letter or digit", "gitcoord start --help")

    def test_an_unknown_kind_names_those_there_are(self, sandbox: Sandbox) -> None:
        with nothing_left(sandbox):
            said = gitcoord("start", "investigatoin", "a task", "--no-run", at=sandbox.path)
            refused(said, "development, investigation", "did you mean investigation?")


class TestFrom:
    @pytest.mark.parametrize(
        "name",
        [
            *("nope", "-x", "--all", "--help", "HEAD~99", "HEAD:README.md", "HEAD^{tree}"),
            *("main..HEAD", "^main", "README.md", "@{u}", "HEAD^@", "main\n", "refs/heads/*"),
            *("\x1b[31m", "a b", "0000000000000000000000000000000000000000", "main\0", "\udcff"),
        ],
    )
    def test_a_bad_one(self, sandbox: Sandbox, name: str) -> None:
        with nothing_left(sandbox):
            said = start("a task", "--from", name, at=sandbox.path)
            refused(said, "no commit, branch or tag", "git branch --all")

    def test_case_03_only_the_remote_has_it(self, sandbox: Sandbox) -> None:
        sandbox.git("update-ref", "refs/remotes/origin/feature", "HEAD")
        with nothing_left(sandbox):
            said = start("a task", "--from", "feature", at=sandbox.path)
            refused(said, "no branch 'feature'", "--from origin/feature")

    def test_case_03_two_remotes_have_it(self, sandbox: Sandbox) -> None:
        sandbox.git("update-ref", "refs/remotes/origin/feature", "HEAD")
        sandbox.git("update-ref", "refs/remotes/upstream/feature", "HEAD~1")
        said = start("a task", "--from", "feature", at=sandbox.path)
        refused(said, "origin/feature", "upstream/feature")


class TestPlace:
    def test_case_10_a_file_is_there(self, sandbox: Sandbox) -> None:
        place = sandbox.write("../taken", "mine")
        with nothing_left(sandbox):
            refused(start("a task", "--path", place, at=sandbox.path), "exists already", "--path")

    def test_case_10_a_folder_with_something_in_it(self, sandbox: Sandbox) -> None:
        sandbox.write("../build/left.o", "over")
        with nothing_left(sandbox):
            said = start("a task", "--path", "../build", at=sandbox.path)
            refused(said, "exists already", "--path")

    @pytest.mark.parametrize("leads_to", ["nowhere", "empty"])
    def test_case_10_a_symbolic_link(self, sandbox: Sandbox, leads_to: str) -> None:
        (sandbox.path.parent / "empty").mkdir()
        (sandbox.path.parent / "link").symlink_to(leads_to)
        with nothing_left(sandbox):
            said = start("a task", "--path", "../link", at=sandbox.path)
            refused(said, "exists already", "--path")

    def test_case_10_another_repository(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("init", "-q", str(tmp_path / "theirs"))
        with nothing_left(sandbox):
            refused(start("a task", "--path", "../theirs", at=sandbox.path), "exists already")

    def test_case_10_a_worktree_of_this_repository(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        with nothing_left(sandbox):
            said = start("a task", "--path", made["path"], at=sandbox.path)
            refused(said, "is a worktree of this repository already", "git worktree list")

    def test_case_04_a_worktree_that_is_registered_but_gone(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        shutil.rmtree(made["path"])
        with nothing_left(sandbox):
            said = start("a task", "--path", made["path"], at=sandbox.path)
            refused(said, "is a worktree of this repository already", "git worktree list")

    def test_a_file_on_the_way(self, sandbox: Sandbox) -> None:
        sandbox.write("../file", "mine")
        with nothing_left(sandbox):
            said = start("a task", "--path", "../file/x", at=sandbox.path)
            refused(said, "nothing can be made in", "--path")

    def test_in_the_git_folder(self, sandbox: Sandbox) -> None:
        with nothing_left(sandbox):
            said = start("a task", "--path", ".git/worktrees/x", at=sandbox.path)
            refused(said, "git's own folder", "--path")

    def test_a_name_too_long_for_the_file_system(self, sandbox: Sandbox) -> None:
        with nothing_left(sandbox):
            refused(start("a task", "--path", "../" + "x" * 300, at=sandbox.path), "too long")

    @pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
    def test_a_folder_nobody_may_write_to(self, sandbox: Sandbox, tmp_path: Path) -> None:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o555)
        said = start("a task", "--path", closed / "x", at=sandbox.path)
        refused(said, "nothing can be made in", "--path")


class TestBranch:
    @pytest.fixture
    def scheme(self, sandbox: Sandbox) -> str:
        said = gitcoord("config", "set", "worktree.branch", "agent/{id}", at=sandbox.path)
        assert said.code == 0, said.err
        return "agent/{id}"

    @pytest.mark.usefixtures("scheme")
    def test_case_05_the_namespace_is_a_branch(self, sandbox: Sandbox) -> None:
        sandbox.git("branch", "agent")
        with nothing_left(sandbox):
            refused(start("a task", at=sandbox.path), "'agent' is in the way", "worktree.branch")

    @pytest.mark.usefixtures("scheme")
    def test_case_05_the_namespace_is_free(self, sandbox: Sandbox) -> None:
        assert begin(at=sandbox.path)["branch"].startswith("agent/investigation-")

    @pytest.mark.parametrize(
        "scheme", ["-{id}", "a..{id}", "{id}.lock", "{id}/", "a b{id}", "@{id}~"]
    )
    def test_case_06_a_scheme_that_makes_no_branch_name(
        self, sandbox: Sandbox, scheme: str
    ) -> None:
        gitcoord("config", "set", "worktree.branch", "--", scheme, at=sandbox.path)
        with nothing_left(sandbox):
            refused(start("a task", at=sandbox.path), "cannot be a branch name", "worktree.branch")


class TestLimits:
    def test_case_28_more_worktrees_than_allowed(self, sandbox: Sandbox) -> None:
        gitcoord("config", "set", "worktree.limit", "1", at=sandbox.path)
        begin(at=sandbox.path)
        with nothing_left(sandbox):
            said = start("another", at=sandbox.path)
            refused(said, "has 1 worktree", "1 is the limit", "worktree.limit 2")

    def test_case_54_no_mail(self, sandbox: Sandbox, sealed: Path) -> None:
        (sealed / ".config" / "git" / "config").write_text("")
        with nothing_left(sandbox):
            refused(start("a task", at=sandbox.path), "user.email", "git config --global")

    def test_git_is_too_old(self, sandbox: Sandbox, tmp_path: Path) -> None:
        with nothing_left(sandbox):
            said = installed(
                "start", "investigation", "a task", "--no-run",
                at=sandbox.path, PATH=with_git(tmp_path / "home", "echo git version 2.30.2"),
            )  # fmt: skip
            refused(said, "git 2.30.2 is too old", "2.38", "git --version")

    def test_git_is_not_there(self, sandbox: Sandbox, tmp_path: Path) -> None:
        with nothing_left(sandbox):
            said = installed(
                "start", "investigation", "a task", at=sandbox.path, PATH=str(tmp_path / "empty")
            )
            refused(said, "git is not on PATH", "git --version")


class TestDisk:
    def test_case_28_full(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", "size=5m") as disk:
            shop = shop_on(disk, os.urandom(1_900_000))
            for _ in range(2):
                with nothing_left(shop):
                    said = start("a task", "--path", "../new", at=shop.path)
                    refused(said, "could not be made", "--path")
                shop.write("../ballast", b"\0" * 300_000)

    def test_case_28_full_to_the_last_byte(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", "size=2m") as disk:
            shop = shop_on(disk, b"small")
            fill_up(disk / "ballast")
            with nothing_left(shop):
                said = start("a task", "--path", tmp_path / "new", at=shop.path)
                refused(said)

    def test_case_28_no_inodes(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk", "nr_inodes=160") as disk:
            shop = shop_on(disk, b"small", files=50)
            with nothing_left(shop):
                refused(start("a task", "--path", "../new", at=shop.path), "could not be made")

    def test_case_28_full_as_any_user_can_have_it(self, sandbox: Sandbox) -> None:
        """A limit on the size of files ends git in the middle of the checkout, by a signal."""
        sandbox.commit("Something big", {"big": os.urandom(3_000_000)})
        limited = f"ulimit -f 2048; exec {PROGRAM} start investigation 'a task' --no-run"
        with nothing_left(sandbox):
            done = subprocess.run(
                ["/bin/sh", "-c", limited], cwd=sandbox.path, capture_output=True, text=True
            )
            refused(Said(done.returncode, done.stdout, done.stderr), "could not be made")

    def test_case_66_a_repository_on_a_read_only_disk(self, sandbox: Sandbox) -> None:
        with read_only(sandbox.path / ".git"), nothing_left(sandbox):
            refused(start("a task", at=sandbox.path))

    def test_case_66_worktrees_go_to_a_read_only_disk(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        (tmp_path / "disk").mkdir()
        with read_only(tmp_path / "disk"), nothing_left(sandbox):
            refused(start("a task", "--path", tmp_path / "disk" / "x", at=sandbox.path), "--path")


def with_git(folder: Path, script: str) -> str:
    """A PATH on which `git` is a shell script."""
    folder.mkdir(exist_ok=True)
    fake = folder / "git"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def shop_on(disk: Path, content: bytes, *, files: int = 1) -> Sandbox:
    shop = Sandbox(disk / "shop")
    shop.path.mkdir()
    shop.git("init", "-q", "--template=")
    shop.commit("Start", {f"big{number}": content for number in range(files)})
    return shop


def fill_up(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue


@contextmanager
def small_disk(place: Path, options: str) -> Iterator[Path]:
    place.mkdir()
    mount("-t", "tmpfs", "-o", options, "tmpfs", str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@contextmanager
def read_only(place: Path) -> Iterator[None]:
    """By a mount, since modes stop nobody who is root."""
    mount("--bind", str(place), str(place))
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def mount(*words: str) -> None:
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", *words], capture_output=True).returncode
    ):
        pytest.skip("may not mount a file system here")
