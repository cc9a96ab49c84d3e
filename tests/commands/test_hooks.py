"""hooks install, uninstall and status as a person or a program calls them, and doctor's part."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.git.repository import git_version
from gitcoord.hooks.events import OURS
from gitcoord.hooks.places import CONFIGURED
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.hooks.standing import everything, husky

before_254 = pytest.mark.skipif(git_version() >= CONFIGURED, reason="git has hooks in config")


def hooks(sandbox: Sandbox, *words: str, at: Path | None = None) -> tuple[int, str]:
    said = gitcoord("hooks", *words, at=at or sandbox.path)
    assert said.err == "", said
    return said.code, said.out


def test_in_and_out(sandbox: Sandbox) -> None:
    before = everything(sandbox)
    code, out = hooks(sandbox, "status")
    assert (code, out) == (1, "not installed; gitcoord hooks install\n")
    code, out = hooks(sandbox, "install")
    assert code == 0 and out.startswith("installed: ")
    code, out = hooks(sandbox, "install")
    assert code == 0 and out.startswith("installed already: ")
    code, out = hooks(sandbox, "status")
    assert code == 0 and out.startswith("in force for the repository: ")
    assert [f"  {event}: in place" in out for event in OURS] == [True] * len(OURS)
    code, out = hooks(sandbox, "uninstall")
    assert code == 0 and out.startswith("removed: ")
    assert hooks(sandbox, "uninstall") == (0, "no hooks of ours are installed here\n")
    assert everything(sandbox) == before


@pytest.mark.parametrize("words", [["install"], ["install", "--worktree-only"]])
def test_a_dry_run_changes_nothing(sandbox: Sandbox, words: list[str]) -> None:
    before = everything(sandbox)
    code, out = hooks(sandbox, *words, "--dry-run")
    assert code == 0 and out.startswith("would install: ")
    assert everything(sandbox) == before
    hooks(sandbox, *words)
    full = everything(sandbox)
    code, out = hooks(sandbox, "uninstall", *words[1:], "--dry-run")
    assert code == 0 and out.startswith("would remove: ")
    assert everything(sandbox) == full


@before_254
def test_what_a_program_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    husky(sandbox, tmp_path / "told")
    at = sandbox.path
    said = gitcoord("hooks", "install", "--dry-run", "--json", at=at).json
    assert (said["installed"], said["dry_run"], said["already"]) == (False, True, False)
    said = gitcoord("hooks", "install", "--json", at=at).json
    folder = at / ".git" / "agentcoord" / "hooks"
    assert said == {
        "installed": True,
        "dry_run": False,
        "already": False,
        "worktree_only": False,
        "way": "redirect",
        "folder": str(folder),
        "chain": ".husky/_",
        "changes": [str(at / ".git" / "config")],
        "edited": [],
    }
    said = gitcoord("hooks", "status", "--json", at=at).json
    assert said["in_force"] and set(said["events"].values()) == {"in place"}
    said = gitcoord("hooks", "uninstall", "--json", at=at).json
    assert said == {"removed": True, "dry_run": False, "edited": []}
    said = gitcoord("hooks", "status", "--json", at=at).json
    assert (said["installed"], said["in_force"], said["troubles"]) == (False, False, [])


def test_case_83_one_that_was_edited_is_named(sandbox: Sandbox) -> None:
    hooks(sandbox, "install")
    found = gitcoord("hooks", "status", "--json", at=sandbox.path).json
    shim = Path(found["folder"]) / "commit-msg"
    shim.write_text("#!/bin/sh\n# mine\n")
    for verb in ("install", "uninstall"):
        code, out = hooks(sandbox, verb)
        assert code == 1 and str(shim) in out
    assert shim.read_text() == "#!/bin/sh\n# mine\n"
    code, out = hooks(sandbox, "status")
    assert code == 1 and "edited: commit-msg: changed by hand" in out


@before_254
def test_case_82_doctor_tells_of_hooks_that_do_not_run(sandbox: Sandbox, tmp_path: Path) -> None:
    husky(sandbox, tmp_path / "told")
    hooks(sandbox, "install")
    assert gitcoord("doctor", at=sandbox.path).code == 0
    sandbox.git("config", "core.hooksPath", ".husky/_")
    said = gitcoord("doctor", "--fix", at=sandbox.path)
    assert said.code == 1 and "hooks overridden" in said.out
    assert sandbox.git("config", "core.hooksPath") == ".husky/_"  # that is for a person to say
    hooks(sandbox, "install")

    moved = Sandbox(sandbox.path.rename(tmp_path / "moved"))
    said = gitcoord("doctor", at=moved.path)
    assert said.code == 1 and "hooks moved" in said.out
    assert gitcoord("doctor", "--fix", at=moved.path).code == 0
    assert hooks(moved, "status")[0] == 0


def test_a_worktree_of_its_own_is_told_first(sandbox: Sandbox, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    sandbox.git("worktree", "add", "-q", "-b", "linked", str(linked))
    hooks(sandbox, "install", "--worktree-only", at=linked)
    code, out = hooks(sandbox, "status", at=linked)
    assert code == 0 and out.startswith("in force for this worktree: ")
    assert hooks(sandbox, "status") == (1, "not installed; gitcoord hooks install\n")
    assert hooks(sandbox, "uninstall", "--worktree-only", at=linked)[0] == 0


def test_an_agent_does_not_change_hooks(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks(sandbox, "install")
    full = everything(sandbox)
    monkeypatch.setenv("GITCOORD_AGENT", "run-1/fix")
    for verb in ("install", "uninstall"):
        said = gitcoord("hooks", verb, at=sandbox.path)
        assert said.code == 2 and "an agent cannot" in said.err
    assert gitcoord("hooks", "status", at=sandbox.path).code == 0
    assert everything(sandbox) == full
