"""What can be started: shipped templates, the user's, the repository's."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.config import shipped
from gitcoord.errors import BadInput
from gitcoord.worktrees.kinds import find_kind, list_kinds
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import refused

OWN = 'description = "Look for holes."\nroles = ["auditor"]\nconstraints = ["Be polite."]\n'


def write(folder: Path, name: str, content: str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_those_shipped() -> None:
    folders = [shipped("templates") / "workflows"]
    assert {"investigation", "development"} <= set(list_kinds(folders))
    kinds = {name: find_kind(name, folders) for name in list_kinds(folders)}
    assert kinds["investigation"].roles == ("detective", "researcher", "analyst")
    assert (kinds["investigation"].writes, kinds["development"].writes) == (False, True)
    assert all(kind.description and kind.constraints for kind in kinds.values())


def test_the_nearest_folder_wins(tmp_path: Path) -> None:
    write(tmp_path / "near", "audit.toml", OWN)
    write(tmp_path / "far", "audit.toml", 'description = "Other."\n')
    write(tmp_path / "far", "more.toml", "writes = true\n")
    folders = [tmp_path / "gone", tmp_path / "near", tmp_path / "far"]
    assert find_kind("audit", folders).description == "Look for holes."
    assert find_kind("audit", folders).source == tmp_path / "near" / "audit.toml"
    more = find_kind("more", folders)
    assert (more.writes, more.roles) == (True, ())


def test_an_unknown_one_names_those_there_are(tmp_path: Path) -> None:
    write(tmp_path, "audit.toml", OWN)
    with pytest.raises(BadInput, match="'audti' is no kind of worktree; there are: audit") as said:
        find_kind("audti", [tmp_path])
    assert "did you mean audit?" in said.value.hint


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"roles = [", "is no workflow"),
        (b"\xff\xfe", "is no workflow"),
        (b"roles = 'one'", "roles is not a list of texts"),
        (b"roles = [1]", "roles is not a list of texts"),
        (b"description = 1", "description is not text"),
        (b"constraints = {}", "constraints is not a list"),
    ],
)
def test_a_broken_template_is_named_with_its_file(
    tmp_path: Path, content: bytes, what: str
) -> None:
    file = write(tmp_path, "audit.toml", content)
    with pytest.raises(BadInput, match=what) as said:
        find_kind("audit", [tmp_path])
    assert str(file) in said.value.message
    assert str(file) in said.value.hint


def test_a_broken_template_breaks_no_other_kind(tmp_path: Path) -> None:
    write(tmp_path / "near", "broken.toml", "roles = [")
    write(tmp_path / "far", "audit.toml", OWN)
    assert find_kind("audit", [tmp_path / "near", tmp_path / "far"]).roles == ("auditor",)
    with pytest.raises(BadInput, match="there are: audit, broken"):
        find_kind("other", [tmp_path / "near", tmp_path / "far"])


@pytest.mark.parametrize("name", ["../audit", "", ".", "a/b", "audit.toml", "\0"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    write(tmp_path / "inner", "x.toml", OWN)
    write(tmp_path, "audit.toml", OWN)
    with pytest.raises(BadInput, match="is no kind"):
        find_kind(name, [tmp_path / "inner"])


@pytest.mark.parametrize("where", ["repository", "user"])
def test_started_from_either_folder(sandbox: Sandbox, sealed: Path, where: str) -> None:
    own = sandbox.path / ".git" / "agentcoord" / "workflows"
    folder = own if where == "repository" else sealed / ".config" / "gitcoord" / "workflows"
    write(folder, "audit.toml", OWN)
    said = gitcoord("start", "audit", "the login", "--no-run", "--json", at=sandbox.path)
    assert said.code == 0, said.err
    made = said.json["worktree"]
    assert made["kind"] == "audit"
    context = Path(made["path"], ".agentcoord", made["id"], "context.toml").read_text()
    assert 'constraints = [\n    "Be polite.",\n]' in context


def test_a_broken_one_of_ours_is_refused_in_words(sandbox: Sandbox) -> None:
    file = write(sandbox.path / ".git" / "agentcoord" / "workflows", "audit.toml", "roles = [")
    refused(gitcoord("start", "audit", "x", "--no-run", at=sandbox.path), str(file), "$EDITOR")
    said = gitcoord("start", "investigation", "x", "--no-run", at=sandbox.path)
    assert said.code == 0, said.err
