from __future__ import annotations

import pytest

from tests.calling import gitcoord
from tests.conftest import Sandbox


@pytest.fixture
def claimed(sandbox: Sandbox) -> str:
    """A claim of another worktree on src/; its id."""
    sandbox.git("worktree", "add", "-q", "../one", "-b", "one")
    said = gitcoord("claim", "src", "--why", "login", "--json", at=sandbox.path.parent / "one")
    assert said.code == 0, said.err
    return str(said.json["id"])


def test_claims_are_listed(sandbox: Sandbox, claimed: str) -> None:
    [row] = gitcoord("claims", "--json", at=sandbox.path).json
    assert (row["id"], row["worktree"], row["patterns"]) == (claimed, "one", ["src/"])
    assert row["state"] == "live"
    assert claimed in gitcoord("claims", at=sandbox.path).out


def test_no_claims_is_an_empty_list(sandbox: Sandbox) -> None:
    assert gitcoord("claims", "--json", at=sandbox.path).json == []
    assert "nobody claims" in gitcoord("claims", at=sandbox.path).err


def test_a_claim_in_the_way_is_named_with_a_way_out(sandbox: Sandbox, claimed: str) -> None:
    said = gitcoord("claim", "auth.py", at=sandbox.path / "src")
    assert said.code == 2
    assert claimed in said.err and "--force" in said.err
    assert gitcoord("claim", "auth.py", "--force", at=sandbox.path / "src").code == 0


def test_dry_runs_change_nothing(sandbox: Sandbox, claimed: str) -> None:
    assert gitcoord("claim", "README.md", "-n", at=sandbox.path).out.startswith("would claim")
    here = sandbox.path.parent / "one"
    [row] = gitcoord("release", "-n", "--json", at=here).json
    assert row["dry_run"] is True
    assert len(gitcoord("claims", "--json", at=sandbox.path).json) == 1


def test_release_of_ones_own(sandbox: Sandbox, claimed: str) -> None:
    here = sandbox.path.parent / "one"
    assert claimed in gitcoord("release", "src", at=here).out
    assert gitcoord("release", at=here).code == 2


def test_anothers_claim_is_ended_by_a_person_who_insists(
    sandbox: Sandbox, claimed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--force" in gitcoord("release", claimed, at=sandbox.path).err
    with monkeypatch.context() as patch:
        patch.setenv("GITCOORD_AGENT", "run/task")
        said = gitcoord("release", claimed, "--force", at=sandbox.path)
        assert said.code == 2 and "an agent cannot" in said.err
    assert gitcoord("release", claimed, "--force", at=sandbox.path).code == 0


def test_for_another_worktree(sandbox: Sandbox) -> None:
    gitcoord("start", "development", "fix the cart", "--no-run", at=sandbox.path)
    [started] = gitcoord("list", "--json", at=sandbox.path).json
    worktree = started["id"]
    assert gitcoord("claim", "src", "--for", worktree, at=sandbox.path).code == 0
    [row] = gitcoord("claims", "--json", at=sandbox.path).json
    assert row["worktree"] == worktree
    assert gitcoord("release", "--for", worktree, at=sandbox.path).code == 0


def test_a_path_means_anothers_claim_where_one_has_none(sandbox: Sandbox, claimed: str) -> None:
    said = gitcoord("release", "src", at=sandbox.path)
    assert said.code == 2 and said.err.rstrip().endswith(f"gitcoord release {claimed} --force")
    assert claimed in gitcoord("release", "src", "--force", at=sandbox.path).out
