"""Where a worktree grows from: what it is called, and how far behind it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.errors import BadInput
from gitcoord.git.repository import Repository
from gitcoord.worktrees.base import Base, resolve_base
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin


def base(sandbox: Sandbox, name: str = "", *, at: Path | None = None) -> Base:
    return resolve_base(Repository.find(at or sandbox.path), name)


@pytest.fixture
def clone(sandbox: Sandbox, tmp_path: Path) -> Sandbox:
    """A clone of the sandbox whose origin is three commits ahead by now."""
    place = tmp_path / "clone"
    sandbox.git("clone", "-q", str(sandbox.path), str(place))
    for number in range(3):
        sandbox.commit(f"Later {number}", {"later.txt": str(number)})
    cloned = Sandbox(place)
    cloned.git("fetch", "-q")
    return cloned


class TestLine:
    def test_always_printed_before_anything_is_made(self, sandbox: Sandbox) -> None:
        said = gitcoord("start", "investigation", "x", "--no-run", at=sandbox.path)
        short = sandbox.git("rev-parse", "HEAD")[:9]
        assert said.err.startswith(f"starting from main ({short})\n")

    def test_case_24_behind_what_it_follows(self, clone: Sandbox) -> None:
        said = gitcoord("start", "investigation", "x", "--no-run", at=clone.path)
        assert "starting from main (" in said.err
        assert ", 3 behind origin/main)" in said.err
        made = begin(at=clone.path)
        assert (made["upstream"], made["behind"]) == ("origin/main", 3)

    def test_case_24_offline(self, clone: Sandbox) -> None:
        clone.git("remote", "set-url", "origin", "https://example.invalid/shop.git")
        assert begin(at=clone.path)["behind"] == 3

    def test_with_dry_run_too(self, clone: Sandbox) -> None:
        said = gitcoord("start", "investigation", "x", "-n", at=clone.path)
        assert "3 behind origin/main" in said.out


class TestUpstream:
    def test_case_25_no_remote(self, sandbox: Sandbox) -> None:
        assert base(sandbox) == Base("main", "refs/heads/main", sandbox.git("rev-parse", "HEAD"))

    def test_even(self, clone: Sandbox) -> None:
        clone.git("merge", "-q", "--ff-only", "origin/main")
        assert str(base(clone)).endswith(", 0 behind origin/main)")

    def test_a_branch_nobody_follows_is_compared_with_the_default(self, clone: Sandbox) -> None:
        clone.git("checkout", "-q", "-b", "mine", "--no-track")
        assert str(base(clone)).startswith("mine (")
        assert (base(clone).upstream, base(clone).behind) == ("origin/main", 3)

    def test_case_25_origin_head_is_not_set(self, clone: Sandbox) -> None:
        clone.git("remote", "set-head", "origin", "--delete")
        clone.git("checkout", "-q", "-b", "mine", "--no-track")
        assert base(clone).upstream == "origin/main"

    def test_case_25_a_default_branch_called_trunk(self, clone: Sandbox) -> None:
        clone.git("remote", "set-head", "origin", "--delete")
        clone.git("update-ref", "refs/remotes/origin/trunk", "refs/remotes/origin/main")
        clone.git("update-ref", "-d", "refs/remotes/origin/main")
        clone.git("branch", "--unset-upstream")
        assert base(clone).upstream == "origin/trunk"

    def test_case_25_a_remote_of_another_name(self, clone: Sandbox) -> None:
        clone.git("remote", "rename", "origin", "upstream")
        assert base(clone).upstream == "upstream/main"
        clone.git("branch", "--unset-upstream")
        assert base(clone).upstream == "upstream/main"

    def test_case_25_several_remotes_the_one_followed_counts(self, clone: Sandbox) -> None:
        clone.git("remote", "add", "fork", str(clone.path))
        clone.git("update-ref", "refs/remotes/fork/main", "HEAD")
        clone.git("config", "branch.main.remote", "fork")
        assert (base(clone).upstream, base(clone).behind) == ("fork/main", 0)

    def test_a_local_branch_it_follows_says_nothing(self, clone: Sandbox) -> None:
        clone.git("checkout", "-q", "-b", "mine", "--track", "main")
        assert base(clone).upstream == "origin/main"

    def test_the_remote_branch_itself(self, clone: Sandbox) -> None:
        found = base(clone, "origin/main")
        assert (found.name, found.ref) == ("origin/main", "refs/remotes/origin/main")
        assert (found.upstream, found.behind) == ("", 0)

    def test_case_23_a_bare_clone_without_remote_refs(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.git("clone", "-q", "--bare", str(sandbox.path), str(tmp_path / "bare"))
        assert base(sandbox, at=tmp_path / "bare").upstream == ""

    def test_unrelated_histories(self, clone: Sandbox) -> None:
        clone.git("checkout", "-q", "--orphan", "fresh")
        clone.commit("Another start", {"a": "a"})
        assert base(clone).behind == 6


class TestName:
    @pytest.mark.parametrize("name", ["HEAD", "@", "main", "heads/main", "refs/heads/main"])
    def test_a_branch(self, sandbox: Sandbox, name: str) -> None:
        assert (base(sandbox, name).name, base(sandbox, name).ref) == ("main", "refs/heads/main")

    def test_a_tag_annotated_or_not(self, sandbox: Sandbox) -> None:
        sandbox.git("tag", "v1", "HEAD~1")
        sandbox.git("tag", "-a", "-m", "two", "v2", "HEAD~1")
        for name in ("v1", "v2"):
            found = base(sandbox, name)
            assert (found.name, found.ref) == (name, f"refs/tags/{name}")
            assert found.id == sandbox.git("rev-parse", "HEAD~1")

    def test_a_commit(self, sandbox: Sandbox) -> None:
        full = sandbox.git("rev-parse", "HEAD~1")
        for name in (full, full[:8], "HEAD~1", "main^", "HEAD^{/Shorten}", "main@{0}~1"):
            assert (base(sandbox, name).id, base(sandbox, name).ref) == (full, "")

    def test_the_branch_before(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "-b", "next")
        assert base(sandbox, "@{-1}").name == "main"

    def test_case_02_a_detached_head_by_name(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "--detach", "HEAD~1")
        found = base(sandbox, "HEAD")
        assert (found.name, found.ref) == ("a detached HEAD", "")
        assert begin("--from", "HEAD", at=sandbox.path)["base_sha"] == found.id

    def test_case_03_a_branch_and_a_tag_of_one_name(self, sandbox: Sandbox) -> None:
        sandbox.git("branch", "twice", "HEAD~1")
        sandbox.git("tag", "twice", "HEAD~2")
        with pytest.raises(BadInput, match="means 2 things") as refusal:
            base(sandbox, "twice")
        assert "--from refs/heads/twice" in refusal.value.hint
        assert base(sandbox, "refs/heads/twice").name == "refs/heads/twice"
        assert base(sandbox, "tags/twice").id == sandbox.git("rev-parse", "HEAD~2")

    def test_case_03_the_branch_checked_out_has_a_tag_of_its_name(self, sandbox: Sandbox) -> None:
        sandbox.git("tag", "main", "HEAD~2")
        found = base(sandbox)
        assert (found.name, found.id) == ("refs/heads/main", sandbox.git("rev-parse", "HEAD"))

    def test_case_26_a_local_branch_called_origin_foo(self, clone: Sandbox) -> None:
        clone.git("branch", "origin/main", "HEAD~1")
        with pytest.raises(BadInput, match="means 2 things"):
            base(clone, "origin/main")
        assert base(clone, "refs/remotes/origin/main").id == clone.git(
            "rev-parse", "refs/remotes/origin/main"
        )
        clone.git("checkout", "-q", "refs/heads/origin/main", "--")
        clone.git("symbolic-ref", "HEAD", "refs/heads/origin/main")
        assert base(clone).name == "refs/heads/origin/main"

    def test_names_in_any_bytes(self, sandbox: Sandbox) -> None:
        name = b"f\xc3\xa9\xff\xf0\x9f\x91\xb7".decode("utf-8", "surrogateescape")
        sandbox.git("branch", name)
        assert base(sandbox, name).ref == f"refs/heads/{name}"
        made = begin("--from", name, at=sandbox.path)
        assert made["base"] == name
        assert gitcoord("list", "--json", at=sandbox.path).json[0]["base"] == name

    def test_replaced_objects_are_not_followed(self, sandbox: Sandbox) -> None:
        head, other = sandbox.git("rev-parse", "HEAD"), sandbox.git("rev-parse", "HEAD~2")
        sandbox.git("replace", head, other)
        assert base(sandbox).id == head
        made = begin(at=sandbox.path)
        assert (Path(made["path"]) / "README.md").read_text().endswith("with a login.\n")
