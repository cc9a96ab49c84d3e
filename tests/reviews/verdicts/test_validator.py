"""Validators as they are configured, and templates that are not to be believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.config import Config, user_file
from gitcoord.errors import BadInput
from gitcoord.git.repository import Repository
from gitcoord.reviews.verdicts.validator import (
    BUILTIN,
    BUILTINS,
    COMMAND,
    ROLE,
    known_validators,
    list_validators,
)
from tests.conftest import Sandbox


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def template(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text)


def test_without_names_the_settings_say_which(repo: Repository) -> None:
    config = Config({"validate.commands": ("make  test", "true")})
    listed = list_validators(repo, config)
    assert [one.name for one in listed] == [*BUILTINS, "make test", "true"]
    assert {one.kind for one in listed} == {BUILTIN, COMMAND}
    assert listed[-2].command == "make  test" and listed[-2].seconds == config.validate.seconds


def test_a_secret_in_a_command_is_not_in_its_name(repo: Repository) -> None:
    secret = "ghp_" + "pLIix6MEOLeMa61EqJomTEI1JEzO3joOj37H"
    (one,) = list_validators(repo, Config({"validate.commands": (f"T={secret} x",)}))[-1:]
    assert one.name == "T=[REDACTED:github_token] x" and secret in one.command


def test_the_roles_that_are_shipped(repo: Repository) -> None:
    config = Config({"agents.runner": "claude"})
    names = ["reviewer", "security-auditor", "tester"]
    assert set(names) <= set(known_validators(repo, config))
    listed = list_validators(repo, config, names)
    assert [(one.kind, one.role, one.runner) for one in listed] == [
        (ROLE, name, "claude") for name in names
    ]


def test_the_nearest_template_wins(repo: Repository) -> None:
    template(user_file().parent / "validators", "lint", 'kind = "command"\ncommand = "far"')
    template(repo.own_dir / "validators", "lint", 'kind = "command"\ncommand = "near"\nseconds = 7')
    (one,) = list_validators(repo, Config(), ["lint"])
    assert (one.command, one.seconds) == ("near", 7)


def test_a_template_among_tracked_files_is_nobodys(sandbox: Sandbox, repo: Repository) -> None:
    for folder in ("validators", ".agentcoord/validators", "templates/validators"):
        template(sandbox.path / folder, "evil", 'kind = "command"\ncommand = "touch /tmp/evil"')
    sandbox.git("add", "-Af")
    assert "evil" not in known_validators(repo, Config())


@pytest.mark.parametrize(
    "text",
    [
        "kind = 3", 'kind = "magic"', 'kind = "command"', 'kind = "role"', "= broken",
        'kind = "command"\ncommand = "x"\nsecond = 3', 'kind = "command"\ncommand = ["x"]',
        'kind = "command"\ncommand = "x"\nseconds = 0', 'kind = "command"\ncommand = "x"\nrole="r"',
        'kind = "command"\ncommand = "x"\nseconds = true',
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used_is_named(repo: Repository, text: str) -> None:
    template(repo.own_dir / "validators", "mine", text)
    with pytest.raises(BadInput, match=r"mine\.toml"):
        list_validators(repo, Config(), ["mine"])
    assert list_validators(repo, Config()), "and is in nobody else's way"


def test_a_name_that_is_none_names_the_nearest(repo: Repository) -> None:
    with pytest.raises(BadInput) as caught:
        list_validators(repo, Config(), ["secret"])
    assert "did you mean secrets?" in caught.value.hint


def test_the_digest_is_of_all_an_answer_depends_on(repo: Repository) -> None:
    def digest(name: str, **values: object) -> str:
        config = Config({key.replace("_", ".", 1): value for key, value in values.items()})  # type: ignore[misc]
        return list_validators(repo, config, [name])[0].digest

    assert digest("large-files") == digest("large-files", validate_seconds=3)
    assert digest("large-files") != digest("large-files", hooks_largest=200_000)
    assert digest("secrets") == digest("secrets", hooks_largest=200_000)
    assert digest("reviewer", agents_runner="api") != digest("reviewer", agents_runner="claude")
