from __future__ import annotations

import pytest

from gitcoord.config import Config
from gitcoord.hooks.message import list_objections
from tests.conftest import Sandbox

TOKEN = b"ghp_Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"


@pytest.fixture
def config(sandbox: Sandbox) -> Config:
    return Config.load(sandbox.path / ".git/agentcoord")


def test_a_secret_is_said_by_its_line_and_not_shown(config: Config) -> None:
    (one,) = list_objections(b"Fix it\n\nwith " + TOKEN + b"\n", config)
    assert (one.level, one.place) == ("block", "the message:3")
    assert TOKEN.decode() not in repr(one)


def test_what_git_leaves_out_is_left_out(config: Config) -> None:
    comment = b"Fix it\n# " + TOKEN + b"\n"
    cut = b"Fix it\n# ------------------------ >8 ------------------------\n+" + TOKEN + b"\n"
    assert list_objections(comment, config) == []
    assert list_objections(cut, config) == []


def test_words_about_secrets_are_none(config: Config) -> None:
    text = b"Rotate the API token\n\nToken: see the vault. password=changeme\nCloses: #12\n"
    assert list_objections(text, config) == []


def test_any_bytes(config: Config) -> None:
    assert list_objections(b"\xff\xfe\0\n\n", config) == []
