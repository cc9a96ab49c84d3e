"""Who last touched which lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.errors import GitFailed
from gitcoord.git.blame import blame_lines, unquoted
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox


def test_lines_are_given_to_who_last_touched_them(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    found = blame_lines(repo, repo.commit("HEAD"), "src/auth.py")
    assert [(one.first, one.last, one.subject) for one in found] == [
        (1, 2, "Start the shop"),
        (3, 3, "Shorten the life of a token"),
        (4, 12, "Start the shop"),
    ]
    assert found[1].author == "Ada Tester" and found[1].time == 1767323045
    assert found[1].path == "src/auth.py" and found[1].first_then == 3


def test_ranges_and_a_range_behind_the_end(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    head = repo.commit("HEAD")
    found = blame_lines(repo, head, "src/auth.py", [(3, 3), (11, 12)])
    assert [(one.first, one.last) for one in found] == [(3, 3), (11, 12)]
    with pytest.raises(GitFailed):
        blame_lines(repo, head, "src/auth.py", [(500, 501)])
    with pytest.raises(GitFailed):
        blame_lines(repo, head, "no/such/file")


def test_white_space_makes_nobody_the_author(sandbox: Sandbox) -> None:
    text = (sandbox.path / "src/auth.py").read_text()
    sandbox.commit("indent", {"src/auth.py": text.replace("    ", "\t")})
    repo = Repository.find(sandbox.path)
    found = blame_lines(repo, repo.commit("HEAD"), "src/auth.py")
    assert "indent" not in {one.subject for one in found}


def test_a_commit_to_look_through(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    formatting = sandbox.commit("format", {"src/cart.py": "from src.auth import login as log_in\n"})
    head = repo.commit("HEAD")
    assert {one.subject for one in blame_lines(repo, head, "src/cart.py")} == {"format"}
    seen = blame_lines(repo, head, "src/cart.py", ignoring=[formatting])
    assert {one.subject for one in seen} == {"Start the shop"}


def test_renamed_from_a_name_that_git_quotes(sandbox: Sandbox) -> None:
    odd = 'a\t"odd"\nnämé\\'
    sandbox.commit("odd", {odd: "one line of some length\nand a second one\n"})
    sandbox.git("mv", odd, "plain")
    sandbox.git("commit", "-q", "-m", "rename")
    repo = Repository.find(sandbox.path)
    (found,) = blame_lines(repo, repo.commit("HEAD"), "plain")
    assert found.path == odd and found.subject == "odd"


def test_an_author_who_looks_like_an_entry(sandbox: Sandbox) -> None:
    sandbox.git("config", "user.name", "filename x")
    sandbox.commit("filename y\n\nfilename z", {"f": "1\n"})
    repo = Repository.find(sandbox.path)
    (found,) = blame_lines(repo, repo.commit("HEAD"), "f")
    assert (found.author, found.subject, found.path) == ("filename x", "filename y", "f")


def test_an_empty_file_and_a_broken_setting(sandbox: Sandbox) -> None:
    sandbox.git("config", "blame.ignoreRevsFile", "no-such-file")
    sandbox.commit("empty", {"empty": ""})
    repo = Repository.find(sandbox.path)
    assert blame_lines(repo, repo.commit("HEAD"), "empty") == []


def test_from_a_bare_clone(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("clone", "-q", "--bare", str(sandbox.path), str(tmp_path / "bare"))
    repo = Repository.find(tmp_path / "bare")
    assert len(blame_lines(repo, repo.commit("HEAD"), "src/auth.py")) == 3


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a b", "a b"),
        ('"a\\tb"', "a\tb"),
        ('"\\303\\251"', "é"),
        ('"\\\\x\\""', '\\x"'),
        ('"', '"'),
    ],
)
def test_quoted_names(name: str, plain: str) -> None:
    assert unquoted(name) == plain
