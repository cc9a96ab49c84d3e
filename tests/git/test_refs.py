"""Refs change together or not at all, and only from the value that was seen."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gitcoord.errors import BadInput, Contended, GitFailed
from gitcoord.git import refs as refs_module
from gitcoord.git.refs import Change, change_refs, find_ref, is_branch_name, read_refs
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

ONE, TWO = "refs/agentcoord/test/one", "refs/agentcoord/test/two"


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


@pytest.fixture
def ids(sandbox: Sandbox) -> list[str]:
    return sandbox.git("rev-list", "HEAD").split()


class TestRead:
    def test_exact_names_and_what_lies_below(self, repo: Repository, ids: list[str]) -> None:
        change_refs(repo, [Change(ONE, None, ids[0]), Change(TWO, None, ids[1])])
        assert read_refs(repo, ONE) == {ONE: ids[0]}
        assert read_refs(repo, "refs/agentcoord/test") == {ONE: ids[0], TWO: ids[1]}
        assert read_refs(repo, "refs/agentcoord/te") == {}
        assert read_refs(repo) == {}
        assert (find_ref(repo, TWO), find_ref(repo, "refs/none")) == (ids[1], None)

    def test_a_prefix_is_not_the_ref_of_that_name(self, repo: Repository, ids: list[str]) -> None:
        change_refs(repo, [Change(f"{ONE}/below", None, ids[0])])
        assert find_ref(repo, ONE) is None

    def test_names_in_any_bytes(self, sandbox: Sandbox, repo: Repository, ids: list[str]) -> None:
        name = b"refs/agentcoord/f\xc3\xa9\xff\xf0\x9f\x91\xb7".decode("utf-8", "surrogateescape")
        change_refs(repo, [Change(name, None, ids[0])])
        assert read_refs(repo, "refs/agentcoord") == {name: ids[0]}

    def test_packed_ones(self, sandbox: Sandbox, repo: Repository, ids: list[str]) -> None:
        change_refs(repo, [Change(ONE, None, ids[0])])
        sandbox.git("pack-refs", "--all")
        assert find_ref(repo, ONE) == ids[0]
        change_refs(repo, [Change(ONE, ids[0], None)])
        assert find_ref(repo, ONE) is None


class TestChange:
    def test_made_moved_and_removed(
        self, sandbox: Sandbox, repo: Repository, ids: list[str]
    ) -> None:
        change_refs(repo, [Change(ONE, None, ids[0])], reason="because")
        change_refs(repo, [Change(ONE, ids[0], ids[1]), Change(TWO, None, ids[2])])
        assert (find_ref(repo, ONE), find_ref(repo, TWO)) == (ids[1], ids[2])
        # gc looks for commits in every reflog, and a record's ref holds a tree.
        assert not (sandbox.path / ".git" / "logs" / ONE).exists()
        change_refs(repo, [Change(ONE, ids[1], None), Change(TWO, ids[2], None)])
        assert read_refs(repo, "refs/agentcoord") == {}

    @pytest.mark.parametrize("old", [None, 2])
    def test_case_59_another_value_than_was_seen(
        self, repo: Repository, ids: list[str], old: int | None
    ) -> None:
        change_refs(repo, [Change(ONE, None, ids[0])])
        seen = None if old is None else ids[old]
        with pytest.raises(Contended, match=ONE):
            change_refs(repo, [Change(TWO, None, ids[0]), Change(ONE, seen, ids[1])])
        assert read_refs(repo, "refs/agentcoord") == {ONE: ids[0]}, "all or nothing"

    @pytest.mark.parametrize("new", [None, 1])
    def test_case_59_gone_by_now(self, repo: Repository, ids: list[str], new: int | None) -> None:
        with pytest.raises(Contended, match=ONE):
            change_refs(repo, [Change(ONE, ids[0], None if new is None else ids[new])])

    def test_a_ref_that_has_to_stay(self, repo: Repository, ids: list[str]) -> None:
        change_refs(repo, [Change(ONE, None, ids[0])])
        change_refs(repo, [Change(ONE, ids[0], ids[0]), Change(TWO, None, ids[1])])
        with pytest.raises(Contended):
            change_refs(repo, [Change(ONE, ids[1], ids[1]), Change(TWO, ids[1], None)])
        assert find_ref(repo, TWO) == ids[1]
        change_refs(repo, [Change("refs/none", None, None), Change(TWO, ids[1], ids[2])])
        assert find_ref(repo, TWO) == ids[2]

    def test_a_lock_that_goes_is_waited_for(
        self, sandbox: Sandbox, repo: Repository, ids: list[str]
    ) -> None:
        lock = sandbox.write(f".git/{ONE}.lock", "")
        threading.Timer(0.15, lock.unlink).start()
        change_refs(repo, [Change(ONE, None, ids[0])])
        assert find_ref(repo, ONE) == ids[0]

    def test_a_lock_that_stays_is_no_lost_race(
        self,
        sandbox: Sandbox,
        repo: Repository,
        ids: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(refs_module, "_LOCK_TRIES", 2)
        sandbox.write(f".git/{ONE}.lock", "")
        with pytest.raises(GitFailed, match="lock"):
            change_refs(repo, [Change(ONE, None, ids[0])])
        assert find_ref(repo, ONE) is None

    def test_a_locked_ref_that_moved_is_a_lost_race(
        self, sandbox: Sandbox, repo: Repository, ids: list[str]
    ) -> None:
        change_refs(repo, [Change(ONE, None, ids[0])])
        sandbox.write(f".git/{ONE}.lock", "")
        began = time.monotonic()
        with pytest.raises(Contended):
            change_refs(repo, [Change(ONE, ids[1], ids[2])])
        assert time.monotonic() - began < 30

    def test_an_object_that_is_not_there(self, repo: Repository) -> None:
        with pytest.raises(GitFailed):
            change_refs(repo, [Change(ONE, None, "1" * 40)])

    @pytest.mark.parametrize("name", ["HEAD", "main", "refs/a\0b", "", "-d"])
    def test_only_full_names(self, repo: Repository, ids: list[str], name: str) -> None:
        with pytest.raises(BadInput, match="not a full ref name"):
            change_refs(repo, [Change(name, None, ids[0])])

    def test_case_05_a_folder_in_the_way(self, repo: Repository, ids: list[str]) -> None:
        change_refs(repo, [Change(ONE, None, ids[0])])
        with pytest.raises(GitFailed):
            change_refs(repo, [Change(f"{ONE}/below", None, ids[0])])

    def test_a_symbolic_ref_is_not_followed(
        self, sandbox: Sandbox, repo: Repository, ids: list[str]
    ) -> None:
        sandbox.git("symbolic-ref", ONE, "refs/heads/main")
        change_refs(repo, [Change(ONE, ids[0], None)])
        assert find_ref(repo, "refs/heads/main") == ids[0]

    def test_six_processes_lose_nothing(self, sandbox: Sandbox, ids: list[str]) -> None:
        """Each adds its own ref and moves a shared one, from what it read."""
        script = (
            "import sys\n"
            "from gitcoord.errors import Contended\n"
            "from gitcoord.git.refs import Change, change_refs, find_ref\n"
            "from gitcoord.git.repository import Repository\n"
            "repo, (number, *ids) = Repository.find(sys.argv[1]), sys.argv[2:]\n"
            "while True:\n"
            f"    old = find_ref(repo, '{ONE}')\n"
            "    new = ids[(ids.index(old) + 1) % len(ids)] if old else ids[0]\n"
            "    mine = f'refs/agentcoord/mine/{number}'\n"
            "    try:\n"
            f"        change_refs(repo, [Change('{ONE}', old, new), Change(mine, None, new)])\n"
            "        break\n"
            "    except Contended:\n"
            "        pass\n"
        )

        running = [
            subprocess.Popen([sys.executable, "-c", script, sandbox.path, str(number), *ids])
            for number in range(6)
        ]
        assert [one.wait() for one in running] == [0] * 6
        repo = Repository.find(sandbox.path)
        assert len(read_refs(repo, "refs/agentcoord/mine")) == 6
        assert find_ref(repo, ONE) == ids[5 % len(ids)]


ALPHABET = st.sampled_from(
    [*"ab/.-@{~^:?*[\\ \t\n", "\x7f", "é", "..", ".lock", "@{", "//", "HEAD"]
)


class TestBranchNames:
    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(name=st.lists(ALPHABET, max_size=5).map("".join))
    @example("HEAD")
    @example("a.lock/b")
    @example("a.lockb")
    @example("refs/heads/x")
    @example("@")
    @example("a/-b")
    @example("a\x00b")
    def test_case_06_and_07_as_git_takes_them(self, sandbox: Sandbox, name: str) -> None:
        if "\0" in name:
            assert not is_branch_name(name)
            return
        asked = subprocess.run(
            ["git", "check-ref-format", "--branch", name], cwd=sandbox.path, capture_output=True
        )
        # `--branch` expands `@{-1}` and the like, which are no names; nothing else is expanded.
        taken = asked.returncode == 0 and asked.stdout.rstrip(b"\n") == name.encode()
        assert is_branch_name(name) == taken

    def test_case_07_length_is_for_the_file_system_to_say(self) -> None:
        assert is_branch_name("x" * 300)
