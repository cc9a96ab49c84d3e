"""History as git tells it: framing that no message breaks, bounded time, honest limits."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.errors import GitFailed
from gitcoord.git.history import Patience, list_commits, literal, pickaxe, sight
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

NASTY = (
    "subject \x1e \x1f :100644\n\nM\n\x1e\x1fbody\x01 \x7f\nA\n:100644 100644 a b M\n" + "0" * 40
)


def repository(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def raw_commit(sandbox: Sandbox, body: bytes) -> str:
    """A commit object with exactly these bytes after its tree and parent."""
    tree, parent = (sandbox.git("rev-parse", name) for name in ("HEAD^{tree}", "HEAD"))
    done = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        cwd=sandbox.path,
        input=f"tree {tree}\nparent {parent}\n".encode() + body,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def test_commits_come_newest_first_with_their_paths(sandbox: Sandbox) -> None:
    commits = list(list_commits(repository(sandbox), "HEAD"))
    assert [commit.subject for commit in commits] == [
        "Say what it is",
        "Shorten the life of a token",
        "Start the shop",
    ]
    assert commits[1].paths == ("src/auth.py",)
    assert commits[0].parents == (commits[1].id,)
    assert commits[2].parents == () and len(commits[2].paths) == 5
    assert commits[0].author == "Ada Tester" and commits[0].mail == "ada@example.com"
    assert commits[0].time == 1767323045


@pytest.mark.parametrize("with_paths", [True, False])
def test_a_nasty_message_breaks_no_other_commit(sandbox: Sandbox, with_paths: bool) -> None:
    sandbox.commit(NASTY, {"a.txt": "1\n"})
    sandbox.commit("M", {})
    sandbox.commit("plain", {"b.txt": "1\n"})
    commits = list(list_commits(repository(sandbox), "HEAD", with_paths=with_paths))
    assert [commit.subject for commit in commits[:2]] == ["plain", "M"]
    assert commits[2].body.startswith("M\n\x1e\x1fbody")
    assert len(commits) == 6
    if with_paths:
        assert [commit.paths for commit in commits[:3]] == [("b.txt",), (), ("a.txt",)]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    message=st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])),
    name=st.binary(min_size=1, max_size=20).filter(lambda raw: not set(raw) & set(b"\0/")),
)
def test_any_message_and_any_path(prepared: Path, message: str, name: bytes) -> None:
    """One commit object and one tree entry of any bytes, written without git's cleaning."""
    if name in (b".", b"..") or name.lower() == b".git":
        return
    repo = Repository.find(prepared)
    blob = repo.run("hash-object", "-w", "--stdin", input=b"x").text
    entry = b"100644 blob " + blob.encode() + b"\t" + name + b"\0"
    tree = repo.run("mktree", "-z", input=entry).text
    base = repo.commit("HEAD")
    who = "A <a@b> 1700000000 +0000"
    body = f"tree {tree}\nparent {base}\nauthor {who}\ncommitter {who}\n\n".encode()
    oid = repo.run(
        "hash-object", "-t", "commit", "-w", "--stdin", input=body + message.encode()
    ).text
    listed = list(list_commits(repo, oid))
    assert len(listed) == 4
    assert listed[0].id == oid and listed[0].parents == (base,)
    assert os.fsdecode(name) in listed[0].paths
    assert listed[1].subject == "Say what it is"


def test_a_path_with_newline_and_one_like_a_status(sandbox: Sandbox) -> None:
    sandbox.commit("odd names", {"new\nline": "1", "M": "1", "\n": "1", "é\x1f": "1"})
    first = next(list_commits(repository(sandbox), "HEAD"))
    assert set(first.paths) == {"new\nline", "M", "\n", "é\x1f"}


def test_a_name_that_is_not_utf8(sandbox: Sandbox) -> None:
    (sandbox.path / os.fsdecode(b"caf\xe9")).write_bytes(b"1")
    sandbox.commit("latin", {})
    first = next(list_commits(repository(sandbox), "HEAD"))
    assert [os.fsencode(path) for path in first.paths] == [b"caf\xe9"]


def test_messages_in_other_encodings_come_as_text(sandbox: Sandbox) -> None:
    head = b"author A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\n"
    latin = raw_commit(sandbox, head + b"encoding ISO-8859-1\n\ncaf\xe9\n")
    klingon = raw_commit(sandbox, head + b"encoding KLINGON\n\ncaf\xe9\n")
    repo = repository(sandbox)
    assert next(list_commits(repo, latin)).subject == "café"
    assert os.fsencode(next(list_commits(repo, klingon)).subject) == b"caf\xe9"


def test_commits_made_by_hand(sandbox: Sandbox) -> None:
    """A NUL in the message, no date, a date that is none, a year that is none."""
    nul = raw_commit(sandbox, b"author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\none\0two\n")
    bare = raw_commit(sandbox, b"author nobody\ncommitter nobody\n\nno date\n")
    far = b"author A <a@b> 9999999999999999999999 +0000\ncommitter A <a@b> 99999999999999 +0000\n"
    late = raw_commit(sandbox, far + b"\nlate\n")
    repo = repository(sandbox)
    assert next(list_commits(repo, nul)).subject == "one"
    assert next(list_commits(repo, bare)).time == 0
    assert next(list_commits(repo, late)).subject == "late"
    assert all(len(list(list_commits(repo, oid))) == 4 for oid in (nul, bare, late))


def test_the_users_settings_for_reading_logs_change_nothing(sandbox: Sandbox) -> None:
    before = list(list_commits(repository(sandbox), "HEAD"))
    (sandbox.path / "order").write_text("tests/*\n")
    for key, value in {
        "diff.orderFile": str(sandbox.path / "order"), "diff.renames": "copies",
        "log.showSignature": "true", "log.follow": "true", "log.diffMerges": "combined",
        "color.ui": "always", "diff.relative": "true", "format.pretty": "oneline",
        "i18n.logOutputEncoding": "UTF-16", "diff.noprefix": "true", "diff.external": "false",
    }.items():  # fmt: skip
        sandbox.git("config", key, value)
    assert list(list_commits(repository(sandbox), "HEAD")) == before


def test_replaced_and_grafted_commits_are_seen_as_they_are(sandbox: Sandbox) -> None:
    head, root = sandbox.git("rev-parse", "HEAD"), sandbox.git("rev-parse", "HEAD~2")
    sandbox.git("replace", "--graft", head, root)
    (sandbox.path / ".git/info").mkdir(exist_ok=True)
    (sandbox.path / ".git/info/grafts").write_text(f"{head}\n")
    assert len(list(list_commits(repository(sandbox), head))) == 3


def test_a_merge_has_its_parents_and_no_paths(sandbox: Sandbox) -> None:
    sandbox.git("checkout", "-q", "-b", "side", "HEAD~1")
    sandbox.commit("side", {"side.txt": "1\n"})
    sandbox.git("checkout", "-q", "main")
    sandbox.git("merge", "-q", "side", "-m", "bring it in")
    merge = next(list_commits(repository(sandbox), "HEAD"))
    assert merge.subject == "bring it in" and len(merge.parents) == 2 and merge.paths == ()


def test_pathspecs_that_look_like_patterns(sandbox: Sandbox) -> None:
    sandbox.commit("a star", {"*": "1\n"})
    sandbox.commit("a colon", {":(top)x": "1\n"})
    repo = repository(sandbox)
    assert [one.subject for one in list_commits(repo, "HEAD", within=[literal("*")])] == ["a star"]
    found = list_commits(repo, "HEAD", within=[literal(":(top)x")])
    assert [one.subject for one in found] == ["a colon"]


def test_a_shallow_clone_says_where_it_ends(sandbox: Sandbox, tmp_path: Path) -> None:
    clone = tmp_path / "shallow"
    sandbox.git("clone", "-q", "--depth=2", sandbox.path.as_uri(), str(clone))
    repo = Repository.find(clone)
    seen = sight(repo)
    commits = list(list_commits(repo, "HEAD"))
    assert [commit.subject for commit in commits][1] == "Shorten the life of a token"
    assert seen.edge == {commits[1].id} and not seen.whole
    # git shows the edge as a commit that added every file; it did not.
    assert commits[1].paths == () and commits[0].paths == ("README.md",)


@pytest.mark.parametrize("kept", ["blob:none", "tree:0"])
def test_case_21_a_partial_clone_is_read_without_the_network(
    sandbox: Sandbox, tmp_path: Path, kept: str
) -> None:
    clone = tmp_path / "partial"
    sandbox.git("config", "uploadpack.allowFilter", "true")
    sandbox.git("clone", "-q", f"--filter={kept}", sandbox.path.as_uri(), str(clone))
    objects = sandbox.git("count-objects", "-v", at=clone)
    repo = Repository.find(clone)
    seen = sight(repo)
    assert not seen.blobs and seen.trees == (kept == "blob:none")
    assert len(list(list_commits(repo, "HEAD"))) == 3
    with pytest.raises(GitFailed):
        list(pickaxe(repo, repo.commit("HEAD"), "3600", patience=Patience(10)))
    assert sandbox.git("count-objects", "-v", at=clone) == objects


def test_pickaxe_finds_who_changed_how_often_a_name_occurs(sandbox: Sandbox) -> None:
    repo = repository(sandbox)
    head = repo.commit("HEAD")
    found = list(pickaxe(repo, head, "3600", patience=Patience(10)))
    assert [commit.subject for commit in found] == [
        "Shorten the life of a token",
        "Start the shop",
    ]
    assert not list(pickaxe(repo, head, "-x", patience=Patience(10)))


def test_out_of_patience_git_is_ended_and_what_it_said_is_kept(sandbox: Sandbox) -> None:
    patience = Patience(0)
    commits = list(list_commits(repository(sandbox), "HEAD", patience=patience))
    assert patience.cut and len(commits) < 3
    patience = Patience(30)
    assert len(list(list_commits(repository(sandbox), "HEAD", patience=patience))) == 3
    assert not patience.cut


def test_a_reader_that_stops_early_leaves_no_process(sandbox: Sandbox) -> None:
    commits = list_commits(repository(sandbox), "HEAD")
    next(commits)
    commits.close()  # type: ignore[attr-defined]
    children = subprocess.run(
        ["ps", "--ppid", str(os.getpid()), "-o", "comm="], capture_output=True, text=True
    )
    assert "git" not in children.stdout.split()


def test_no_such_revision_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(GitFailed):
        list(list_commits(repository(sandbox), "0" * 40))


def test_limit_since_and_until(sandbox: Sandbox) -> None:
    repo = repository(sandbox)
    assert len(list(list_commits(repo, "HEAD", limit=2))) == 2
    assert not list(list_commits(repo, "HEAD", since="2027-01-01"))
    assert not list(list_commits(repo, "HEAD", until="2020-01-01"))
