from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gitcoord import redaction
from gitcoord.config import Config
from gitcoord.git.repository import Repository
from gitcoord.hooks import gate
from gitcoord.hooks.staged import list_objections
from gitcoord.redaction import find_secrets
from gitcoord.settings import KEYS as SETTINGS
from tests.conftest import Sandbox

DIFF = (
    "diff-index", "--cached", "--raw", "-p", "-U0", "--inter-hunk-context=0", "--abbrev=64",
    "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv", "--no-relative",
    "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short", "-O/dev/null", "HEAD", "--",
)  # fmt: skip
TOKEN = "ghp_Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
SHIM = "import sys; sys.path.append(sys.argv.pop(1)); import gate; gate.main()"
REUSED = settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture
def passes(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Whether the gate lets through what is staged, in the sandbox or in another worktree."""

    def asked(at: Path | None = None) -> bool:
        folder = at or sandbox.path
        monkeypatch.chdir(folder)
        said = subprocess.run(["git", *DIFF], cwd=folder, capture_output=True, check=True).stdout
        try:
            gate.check(said)
        except Exception:
            return False
        return True

    return asked


@pytest.fixture
def other(sandbox: Sandbox) -> Path:
    sandbox.git("worktree", "add", "-q", "-b", "other", "../other")
    return sandbox.path.parent / "other"


Passes = Callable[..., bool]


def is_let_through(text: str | bytes) -> bool:
    try:
        gate.check_secrets(text if isinstance(text, bytes) else text.encode())
    except gate.Unsure:
        return False
    return True


def test_nothing_heavy_is_imported() -> None:
    tree = ast.parse(Path(gate.__file__).read_text())
    first = {alias.name for node in tree.body if isinstance(node, ast.Import)
             for alias in node.names}  # fmt: skip
    assert first == {"gc", "posix", "sys"}


def test_as_the_shim_runs_it(sandbox: Sandbox) -> None:
    folder = str(Path(gate.__file__).parent)

    def code() -> int:
        said = subprocess.run(["git", *DIFF], cwd=sandbox.path, capture_output=True).stdout
        argv = [sys.executable, "-I", "-S", "-c", SHIM, folder, ""]
        done = subprocess.run(argv, cwd=sandbox.path, input=said, capture_output=True, check=False)
        assert done.stdout == done.stderr == b""
        return done.returncode

    assert code() == 0
    sandbox.write("a.py", "x = '\\d'\nif x is 1: pass\n")
    sandbox.git("add", "-A")
    assert code() == 0
    sandbox.write("a.txt", f"{TOKEN}\n")
    sandbox.git("add", "-A")
    assert code() == gate.UNSURE


def test_usual_commits_pass(sandbox: Sandbox, passes: Passes, other: Path) -> None:
    assert passes()
    sandbox.write("src/auth.py", "import time\n\nTTL = 61\n")
    sandbox.write("new.py", "password = getpass()\ntoken = request.headers['X-Token']\n")
    sandbox.write("notes é.md", "basic authentication, see https://example.com/a:b and task-list\n")
    sandbox.write("a.json", '{"version": "1.2.3"}\n')
    sandbox.write("a.toml", "version = '1.2.3'\n")
    sandbox.write("empty", "")
    sandbox.write("a.png", b"\x89PNG\0\0")
    sandbox.git("rm", "-q", "src/cart.py")
    sandbox.git("add", "-A")
    assert passes()


def test_a_file_committed_again_passes_once_others_copies_are_known(
    sandbox: Sandbox, passes: Passes, other: Path
) -> None:
    repo = Repository.find(other)
    sandbox.commit("once", {"src/auth.py": "TTL = 1\n", "new.py": "x = 1\n"}, at=other)
    sandbox.write("src/auth.py", "TTL = 2\n", at=other)
    sandbox.write("new.py", "x = 2\n", at=other)
    sandbox.git("add", "-A", at=other)
    assert not passes(other)
    assert list_objections(repo, Config.load(repo.own_dir)) == []
    assert passes(other)
    sandbox.write("src/auth.py", "TTL = 3\n")
    assert not passes(other)
    found = list_objections(repo, Config.load(repo.own_dir))
    assert [one.place for one in found] == ["src/auth.py:1"]
    assert not passes(other)


def test_a_copy_is_not_known_any_more_when_its_worktree_took_something_in(
    sandbox: Sandbox, passes: Passes, other: Path
) -> None:
    repo = Repository.find(other)
    sandbox.commit("once", {"src/auth.py": "TTL = 1\n"}, at=other)
    sandbox.write("src/auth.py", "TTL = 2\n", at=other)
    sandbox.git("add", "-A", at=other)
    list_objections(repo, Config.load(repo.own_dir))
    assert passes(other)
    sandbox.git("merge", "-q", "other")
    sandbox.git("checkout", "-q", "HEAD~1", "--", "src/auth.py")
    assert not passes(other)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.py", "x = (\n"),
        ("a.json", "{,}\n"),
        ("a.toml", "a = = 1\n"),
        ("a.txt", "<<<<<<< HEAD\n"),
        ("a.txt", f"{TOKEN}\n"),
        ("a.txt", b"\xff\xfea\0"),
        ("a.txt", "x" * 500_001),
    ],
)
def test_what_the_full_check_might_object_to_is_sent_on(
    sandbox: Sandbox, passes: Passes, name: str, content: str | bytes
) -> None:
    sandbox.write(name, content)
    sandbox.git("add", "-A")
    assert not passes()


def test_what_is_staged_counts_and_not_what_is_on_disk(sandbox: Sandbox, passes: Passes) -> None:
    sandbox.write("a.py", "x = (\n")
    sandbox.git("add", "-A")
    sandbox.write("a.py", "x = 1\n")
    assert not passes()
    (sandbox.path / "a.py").unlink()
    assert not passes()


@pytest.mark.parametrize(
    ("name", "whole", "broken"),
    [
        ("a.go", "package a\n", "package\n"),
        ("a.tsx", "let a = <b>x</b>;\n", "let a = <b>x;\n"),
        ("a.rb", "def f\nend\n", "def f\n"),
        ("a.yml", "a: !x [1]\n---\nb: 1\n", "a: [1\n"),
    ],
)
def test_other_languages_are_parsed_where_they_changed(
    sandbox: Sandbox, name: str, whole: str, broken: str
) -> None:
    """In a process of its own: the gate loads half of packages that others load whole."""
    folder = str(Path(gate.__file__).parent)

    def code(content: str) -> int:
        sandbox.write(name, content)
        sandbox.git("add", "-A")
        said = subprocess.run(["git", *DIFF], cwd=sandbox.path, capture_output=True).stdout
        argv = [sys.executable, "-I", "-S", "-c", SHIM, folder, ""]
        return subprocess.run(argv, cwd=sandbox.path, input=said, check=False).returncode

    sandbox.commit("before", {name: f"{whole}\n"})
    assert code(whole) == 0
    assert code(broken) == gate.UNSURE


@pytest.mark.parametrize("how", ["edit", "stage", "commit", "remove", "add"])
def test_what_another_worktree_changes_too_is_sent_on(
    sandbox: Sandbox, passes: Passes, other: Path, how: str
) -> None:
    path = "new.py" if how == "add" else "src/auth.py"
    sandbox.write(path, "x = 1\n")
    sandbox.git("add", "-A")
    assert passes()
    if how == "remove":
        (other / path).unlink()
    else:
        sandbox.write(path, "x = 2\n", at=other)
    if how in ("stage", "commit"):
        sandbox.git("add", "-A", at=other)
    if how == "commit":
        sandbox.git("commit", "-q", "-m", "x", at=other)
    assert not passes()


def test_the_main_worktree_is_one_of_the_others(
    sandbox: Sandbox, passes: Passes, other: Path
) -> None:
    sandbox.write("src/auth.py", "x = 1\n", at=other)
    sandbox.git("add", "-A", at=other)
    assert passes(other)
    sandbox.write("src/auth.py", "x = 2\n")
    assert not passes(other)


def test_a_worktree_whose_folder_is_gone_edits_nothing(
    sandbox: Sandbox, passes: Passes, other: Path
) -> None:
    other.rename(sandbox.path.parent / "elsewhere")
    sandbox.write("src/auth.py", "x = 1\n")
    sandbox.git("add", "-A")
    assert passes()


@pytest.mark.parametrize("packed", [False, True])
def test_any_claim_is_sent_on(sandbox: Sandbox, passes: Passes, packed: bool) -> None:
    sandbox.write("src/auth.py", "x = 1\n")
    sandbox.git("add", "-A")
    sandbox.git("update-ref", "refs/agentcoord/claims/one", "HEAD^{tree}")
    if packed:
        sandbox.git("pack-refs", "--all", "--prune")
    assert not passes()


def test_no_head_and_no_diff_are_sent_on(sandbox: Sandbox) -> None:
    for said in (b"unsure\n", b":100644 100644 a\n", b"\0", b"x" * (gate.MOST + 1)):
        with pytest.raises(gate.Unsure):
            gate.check(said)


def test_a_diff_that_git_did_not_end_is_sent_on() -> None:
    said = f":100644 000000 {'1' * 40} {'0' * 40} D\ta\n\n".encode()
    assert len(gate.parse(said)) == 1
    with pytest.raises(gate.Unsure):
        gate.parse(said + b"unsure\n")


def test_links_submodules_and_names_in_any_bytes(sandbox: Sandbox, passes: Passes) -> None:
    for name in (b"a b", b"tab\there", b"new\nline", b'quo"te', b"\xff\xfe"):
        (sandbox.path / os.fsdecode(name)).write_bytes(b"x\n")
    sandbox.git("add", "-A")
    assert passes()
    (sandbox.path / "link").symlink_to("README.md")
    sandbox.git("add", "-A")
    assert not passes()


def test_a_file_behind_a_linked_folder_is_not_read(sandbox: Sandbox, passes: Passes) -> None:
    sandbox.write("a.txt", "x\n")
    sandbox.git("add", "-A")
    (sandbox.path / "a.txt").unlink()
    (sandbox.path / "a.txt").symlink_to("README.md")
    assert not passes()


RULES = [(head, re.sub(r"(?<=[}*+])\+", "", rest)) for _, head, rest in redaction._RULES]


@pytest.mark.parametrize(("head", "rest"), RULES, ids=[head for head, _ in RULES])
def test_whatever_is_a_token_is_sent_on(head: str, rest: str) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(re.compile(re.escape(head) + rest, re.ASCII), fullmatch=True))
    def ask(token: str) -> None:
        for text in (f"{token}\n", f'x = "{token}"\n', f"é{token}", f"\u4e2d{token[1:]}\n"):
            if find_secrets(text):
                assert not is_let_through(text)

    ask()


VALUES = st.text(st.sampled_from("aZ09.-_/+=$%é²\u4e2d\"' "), min_size=6, max_size=40)
NAMES = st.sampled_from(
    [
        *redaction._NAMES,
        *(f"{one}_key" for one in redaction._KEYS),
        "api-Key",
        "APIKEY",
        "private  key",
    ]
)


@settings(max_examples=400)
@given(NAMES, st.sampled_from(["=", ": ", " := ", "']=", '": "', " => ", '"] = "', "='"]), VALUES)
@example("assword", ' = "', 'Abc-def!"')
def test_whatever_is_assigned_to_a_secret_name_is_sent_on(name: str, sign: str, value: str) -> None:
    for text in (f"{name}{sign}{value}", f"my_{name}{sign}'{value}'\n", f'{name}{sign}"{value}"'):
        if find_secrets(text):
            assert not is_let_through(text)


@settings(max_examples=300)
@given(
    st.sampled_from(["://", "://user:", "Bearer ", "Basic ", "Authorization: token ", '"auth": "']),
    st.text(st.sampled_from("aZ09.-_/+=:@é² "), min_size=3, max_size=50),
)
@example("Basic ", "dXNlcjpxOFh6TTQ3a1BwUg==")
@example("://user:", "q8XzM47k@host/path")
def test_whatever_is_in_an_address_or_a_header_is_sent_on(head: str, rest: str) -> None:
    if find_secrets(f"{head}{rest}\n"):
        assert not is_let_through(f"{head}{rest}\n")


JSON_PARTS = [*'{}[],:" \n\tx1-.e\\é', "null", "NaN", '"a"', "\x00", "\u00a0", "\x0c"]
JSON = st.lists(st.sampled_from(JSON_PARTS), max_size=12).map("".join)


@settings(max_examples=400)
@given(JSON)
@example('{"a": [1, -2.5e3, null, true, NaN, "\\u00e9"]}\n')
def test_json_that_does_not_parse_is_sent_on(text: str) -> None:
    if passes_as_json(text):
        json.loads(text)


def passes_as_json(text: str) -> bool:
    try:
        gate.check_json(text)
    except Exception:
        return False
    return True


LINES = st.sampled_from(
    ["x = 1", "y = (", ")", "<<<<<<< HEAD", "=======", ">>>>>>> topic", "", f"key = {TOKEN}",
     "password = 'Abc-1234-x'", '{"a": 1}', "a: [1", "token = load()", "é", "\ttab", "a = 1"]
)  # fmt: skip
PATHS = st.sampled_from(["a.py", "b.json", "c.toml", "d.yml", "e.txt", "tests/f.py"])
TREES = st.dictionaries(PATHS, st.lists(LINES, max_size=5).map("\n".join), max_size=3)


@REUSED
@given(before=TREES, after=TREES, theirs=TREES)
def test_what_the_gate_lets_through_the_full_check_says_nothing_of(
    sandbox: Sandbox,
    passes: Passes,
    before: dict[str, str],
    after: dict[str, str],
    theirs: dict[str, str],
) -> None:
    other = sandbox.path.parent / "other"
    if not other.exists():
        sandbox.git("worktree", "add", "-q", "--detach", "../other")
        sandbox.git("branch", "start")
    sandbox.git("reset", "-q", "--hard", "start")
    sandbox.commit("before", dict(before))
    sandbox.git("checkout", "-q", "-f", "--detach", "main", at=other)
    sandbox.git("clean", "-qfd", at=other)
    for path, content in theirs.items():
        sandbox.write(path, content, at=other)
    for path, content in after.items():
        sandbox.write(path, content)
    sandbox.git("add", "-A")
    if passes():
        repo = Repository.find(sandbox.path)
        assert list_objections(repo, Config.load(repo.own_dir)) == []


def test_no_setting_makes_a_file_large_that_the_gate_takes_for_small() -> None:
    key = SETTINGS["hooks.largest"]
    assert key.refuse(gate.LARGEST - 1)
    assert not key.refuse(gate.LARGEST)
