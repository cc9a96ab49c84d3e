"""What a scan meets in the field: one clear line for that worktree, the others still answered."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.engine import compare, prepare
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from tests.calling import gitcoord
from tests.conftest import FILES, Sandbox

README = "README.md"


def add_worktree(
    sandbox: Sandbox, name: str, *files: tuple[str, str], commit: bool = False
) -> Path:
    path = sandbox.path.parent / name
    sandbox.git("worktree", "add", "-q", "-b", name, str(path))
    for file, content in files:
        sandbox.write(file, content, path)
    if commit:
        sandbox.commit(f"Work of {name}", {}, path)
    return path


def two_that_conflict(sandbox: Sandbox) -> tuple[Path, Path]:
    return (
        add_worktree(sandbox, "one", (README, "# one\n")),
        add_worktree(sandbox, "two", (README, "# two\n")),
    )


def conflicts(sandbox: Sandbox, *words: str) -> tuple[set[tuple[str, str, str]], dict[str, str]]:
    """Hard pairs with their path, and the reasons of what is unknown."""
    said = gitcoord("conflicts", "--json", *words, at=sandbox.path)
    assert said.code in (0, 1), said.err
    hard = {(p["a"], p["b"], p["path"]) for p in said.json["pairs"] if p["grade"] == "conflict"}
    return hard, {one["a"]: one["reason"] for one in said.json["unknown"]}


BOTH = {("one", "two", README)}


def test_case_71_an_unrelated_history_is_unknown_and_the_others_answered(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    path = sandbox.path.parent / "alien"
    sandbox.git("worktree", "add", "-q", "--detach", str(path))
    sandbox.git("checkout", "-q", "--orphan", "alien", at=path)
    sandbox.commit("From nowhere", {"x": "x"}, path)
    hard, unknown = conflicts(sandbox)
    assert hard == BOTH
    assert unknown == {"alien": "it has no common history with the target"}


def test_an_unborn_branch_is_unknown(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    path = sandbox.path.parent / "unborn"
    sandbox.git("worktree", "add", "-q", "--detach", str(path))
    sandbox.git("checkout", "-q", "--orphan", "unborn", at=path)
    hard, unknown = conflicts(sandbox)
    assert hard == BOTH
    assert "no commit yet" in unknown["unborn"]


def test_a_worktree_that_vanished_is_named(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    path = add_worktree(sandbox, "gone")
    sandbox.git("worktree", "lock", str(path))
    shutil.rmtree(path)
    hard, unknown = conflicts(sandbox)
    assert hard == BOTH
    assert set(unknown) == {"gone"}


def test_a_vanished_worktree_that_git_would_prune_is_named(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    shutil.rmtree(add_worktree(sandbox, "gone"))
    lost = add_worktree(sandbox, "lost")
    (lost / ".git").unlink()
    hard, unknown = conflicts(sandbox)
    assert hard == BOTH
    assert unknown["gone"] == "its folder is not there"
    assert unknown["lost"].startswith("git has lost it: ")
    said = gitcoord("conflicts", "gone", at=sandbox.path)
    assert "unknown   gone: its folder is not there" in said.out
    assert "its folder is not there" in gitcoord("conflicts", "show", "gone", at=sandbox.path).err


def test_one_of_ours_that_git_lists_no_more_is_named(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    path = add_worktree(sandbox, "gone")
    assert gitcoord("adopt", path, at=sandbox.path).code == 0
    shutil.rmtree(path)
    sandbox.git("worktree", "prune")
    hard, unknown = conflicts(sandbox)
    assert hard == BOTH
    [(who, why)] = unknown.items()
    assert "its folder is not there" in why
    said = gitcoord("conflicts", who, at=sandbox.path)
    assert f"unknown   {who}: its folder is not there" in said.out
    sandbox.git("worktree", "add", "-q", "--detach", str(path))
    there = gitcoord("conflicts", "--json", at=sandbox.path).json["worktrees"]
    assert {seen["id"]: seen["state"] for seen in there if seen["path"] == str(path)} == {
        who: "unknown",
        "gone": "live",
    }


def test_a_file_where_a_vanished_worktree_was_is_compared(sandbox: Sandbox) -> None:
    one, two = (add_worktree(sandbox, name) for name in ("one", "two"))
    sandbox.git("worktree", "add", "-q", "--detach", str(one / "inside"))
    shutil.rmtree(one / "inside")
    for path in (one, two):
        sandbox.write("inside", f"of {path.name}\n", path)
    assert conflicts(sandbox)[0] == {("one", "two", "inside")}


def test_a_damaged_index_is_named(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    path = add_worktree(sandbox, "broken", ("x", "x"))
    index = Path(sandbox.git("rev-parse", "--path-format=absolute", "--git-path", "index", at=path))
    index.write_bytes(b"DIRC nonsense")
    hard, unknown = conflicts(sandbox)
    assert hard == BOTH
    assert set(unknown) == {"broken"}


def test_case_73_an_unmerged_index_is_looked_at_as_committed(sandbox: Sandbox) -> None:
    one, two = two_that_conflict(sandbox)
    for path in (one, two):
        sandbox.commit("Commit it", {}, path)
    third = add_worktree(sandbox, "third", (README, "# three\n"), commit=True)
    sandbox.git("merge", "one", at=third, ok=False)
    said = gitcoord("conflicts", "--json", at=sandbox.path)
    [seen] = [one for one in said.json["worktrees"] if one["id"] == "third"]
    assert seen["state"] == "merge"
    pairs = {(p["a"], p["b"]) for p in said.json["pairs"] if p["grade"] == "conflict"}
    assert {frozenset(pair) for pair in pairs} == {
        frozenset(pair) for pair in (("one", "two"), ("one", "third"), ("two", "third"))
    }


def test_case_73_mid_rebase_is_said(sandbox: Sandbox) -> None:
    one, _ = two_that_conflict(sandbox)
    sandbox.commit("Commit it", {}, one)
    sandbox.commit("Move on", {README: "# moved on\n"})
    sandbox.git("rebase", "main", at=one, ok=False)
    said = gitcoord("conflicts", "--json", at=sandbox.path)
    states = {seen["id"]: seen["state"] for seen in said.json["worktrees"]}
    assert states["one"] == "rebase"
    stale = {seen["id"]: seen["stale"] for seen in said.json["worktrees"]}
    assert stale["two"] == [{"path": README, "kind": "content"}]
    shown = gitcoord("conflicts", at=sandbox.path).out
    assert "midway    one is in the middle of a rebase" in shown


def test_a_shallow_clone_answers(sandbox: Sandbox, tmp_path: Path) -> None:
    clone = Sandbox(tmp_path / "shallow" / "shop")
    clone.path.parent.mkdir()
    sandbox.git("clone", "-q", "--depth", "1", f"file://{sandbox.path}", str(clone.path))
    two_that_conflict(clone)
    assert conflicts(clone) == (BOTH, {})


def test_a_history_cut_off_by_a_shallow_clone_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("branch", "side")
    sandbox.commit("Move on", {"x": "x"})
    sandbox.git("checkout", "-q", "side")
    sandbox.commit("Aside", {"y": "y"})
    clone = Sandbox(tmp_path / "shallow" / "shop")
    clone.path.parent.mkdir()
    source = f"file://{sandbox.path}"
    sandbox.git("clone", "-q", "--depth=1", "--no-single-branch", source, str(clone.path))
    said = conflicts(clone, "--against", "origin/main")[1]["main"]
    assert said.startswith("it has no common history with the target in this shallow clone")


def test_ten_thousand_changed_files(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    path = add_worktree(sandbox, "many")
    (path / "made").mkdir()
    for number in range(10_000):
        (path / "made" / f"{number}.txt").touch()
    hard, unknown = conflicts(sandbox)
    assert (hard, unknown) == (BOTH, {})


def test_a_very_large_untracked_file_is_not_hashed(sandbox: Sandbox) -> None:
    one, _ = two_that_conflict(sandbox)
    with (one / "huge.bin").open("wb") as file:
        file.truncate(500_000_000)
    said = gitcoord("conflicts", "--json", at=sandbox.path)
    [seen] = [each for each in said.json["worktrees"] if each["id"] == "one"]
    assert seen["not_compared"] == ["huge.bin"]
    assert conflicts(sandbox)[0] == BOTH


def test_case_37_names_in_any_bytes(sandbox: Sandbox) -> None:
    name = os.fsdecode(b'na\xffme\t"q".txt')
    for each in ("one", "two"):
        add_worktree(sandbox, each, (name, f"of {each}\n"))
    assert conflicts(sandbox)[0] == {("one", "two", name)}
    assert gitcoord("conflicts", at=sandbox.path).code == 1
    assert gitcoord("conflicts", "show", "one", "two", at=sandbox.path).code == 1


def test_a_repository_in_a_worktree_is_left_out_by_name(sandbox: Sandbox) -> None:
    one, _ = two_that_conflict(sandbox)
    sandbox.git("init", "-q", str(one / "inner"))
    said = gitcoord("conflicts", "--json", at=sandbox.path)
    [seen] = [each for each in said.json["worktrees"] if each["id"] == "one"]
    assert seen["not_compared"] == ["inner/"]
    assert conflicts(sandbox)[0] == BOTH


def test_case_31_a_worktree_inside_another_is_no_change_of_it(sandbox: Sandbox) -> None:
    sandbox.git("worktree", "add", "-q", "-b", "inside", str(sandbox.path / "inside"))
    said = gitcoord("conflicts", "--json", at=sandbox.path)
    assert (said.code, said.json["pairs"]) == (0, [])


def test_line_endings_that_git_converts_are_no_edit(sandbox: Sandbox) -> None:
    sandbox.commit("Convert", {".gitattributes": "* text=auto eol=crlf\n"})
    for name, line in (("one", "# one"), ("two", "# two")):
        add_worktree(sandbox, name, (README, f"{line}\r\n"))
    add_worktree(sandbox, "three", (README, FILES[README].replace("\n", "\r\n")))
    hard, unknown = conflicts(sandbox)
    assert unknown == {}
    assert ("one", "two", README) in hard


def fake_git(folder: Path, script: str) -> None:
    real = shutil.which("git")
    folder.mkdir()
    wrapper = folder / "git"
    wrapper.write_text(f"#!{sys.executable}\nimport os, sys\nreal = {real!r}\n{script}\n")
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)


DIES = """
if "merge-tree" in sys.argv and "--stdin" in sys.argv:
    import subprocess
    for line in sys.stdin.buffer:
        if os.environ["DIES_ON"] in line.decode():
            os.abort()
        sys.stdout.buffer.write(subprocess.run([real, *sys.argv[1:]], input=line,
                                               stdout=subprocess.PIPE).stdout)
        sys.stdout.buffer.flush()
    sys.exit(0)
os.execv(real, [real, *sys.argv[1:]])
"""


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_git_that_dies_on_one_side_makes_that_one_unknown(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    base = sandbox.git("rev-parse", "HEAD")
    tree = sandbox.git("rev-parse", "HEAD^{tree}")
    sides = [sandbox.git("commit-tree", tree, "-p", base, "-m", f"side {n}") for n in range(count)]
    fake_git(tmp_path / "bin", DIES)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("DIES_ON", f" {sides[count // 2]}")
    from gitcoord.git.run import program

    program.cache_clear()
    try:
        repo = Repository.find(sandbox.path)
        with quarantine(repo) as aside:
            found = compare(prepare(aside, base, Cache()), sides)
    finally:
        program.cache_clear()
    assert found.unmerged == {count // 2}
    assert set(found.trees) == {*range(count)} - {count // 2}


def test_a_git_that_is_too_old_is_said(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_git(
        tmp_path / "bin",
        'if sys.argv[-1] == "version": print("git version 2.37.1"); sys.exit()\n'
        "os.execv(real, [real, *sys.argv[1:]])",
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    from gitcoord.git.run import program

    program.cache_clear()
    try:
        said = gitcoord("conflicts", at=sandbox.path)
    finally:
        program.cache_clear()
    assert said.code == 2
    assert "2.37" in said.err


def test_a_target_that_is_none(sandbox: Sandbox) -> None:
    said = gitcoord("conflicts", "--against", "nowhere", at=sandbox.path)
    assert (said.code, said.out) == (2, "")
    assert "nowhere" in said.err


def test_git_2_38_has_no_batches_and_is_asked_one_by_one(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_that_conflict(sandbox)
    fake_git(
        tmp_path / "bin",
        'if sys.argv[-1] == "version": print("git version 2.38.1"); sys.exit()\n'
        'if "merge-tree" in sys.argv and "--stdin" in sys.argv: sys.exit(129)\n'
        "os.execv(real, [real, *sys.argv[1:]])",
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    from gitcoord.git.run import program

    program.cache_clear()
    try:
        assert conflicts(sandbox) == (BOTH, {})
    finally:
        program.cache_clear()


def test_case_78_a_worktree_written_while_it_is_sampled_is_moving(sandbox: Sandbox) -> None:
    """A clean filter runs while git reads the file: it stands for an agent at work."""
    one, _ = two_that_conflict(sandbox)
    sandbox.write("later.txt", "x\n", one)
    slow = f"cat; sleep 0.05; echo more >> '{one}/later.txt'"
    sandbox.git("config", "filter.slow.clean", slow)
    sandbox.write(".git/info/attributes", "README.md filter=slow\n")
    said = gitcoord("conflicts", "--json", at=sandbox.path)
    states = {seen["id"]: seen["state"] for seen in said.json["worktrees"]}
    assert states["one"] == "moving"


def test_a_filter_that_fails_makes_that_worktree_unknown(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    path = add_worktree(sandbox, "three", ("own.bad", "x\n"))
    sandbox.git("config", "filter.bad.clean", "exit 1")
    sandbox.git("config", "filter.bad.required", "true")
    sandbox.write(".git/info/attributes", "*.bad filter=bad\n")
    hard, unknown = conflicts(sandbox)
    assert hard == BOTH
    assert set(unknown) == {"three"}
    assert path.is_dir()


def test_a_partial_clone_answers(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("config", "uploadpack.allowFilter", "true")
    clone = Sandbox(tmp_path / "partial" / "shop")
    clone.path.parent.mkdir()
    source = f"file://{sandbox.path}"
    sandbox.git("clone", "-q", "--filter=blob:none", source, str(clone.path))
    two_that_conflict(clone)
    assert conflicts(clone) == (BOTH, {})


def test_a_sha256_repository_answers(tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "long" / "shop")
    other.path.mkdir(parents=True)
    other.git("init", "-q", "--object-format=sha256")
    other.commit("Begin", dict(FILES))
    two_that_conflict(other)
    assert conflicts(other) == (BOTH, {})


def test_a_damaged_cache_is_as_good_as_none(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    assert conflicts(sandbox)[0] == BOTH
    cache = sandbox.path / ".git/agentcoord/cache"
    for file in (one for one in cache.rglob("*") if one.is_file()):
        file.write_bytes(file.read_bytes()[:40])
    assert conflicts(sandbox)[0] == BOTH
    shutil.rmtree(sandbox.path / ".git/agentcoord/cache")
    (sandbox.path / ".git/agentcoord/cache").write_text("a file in the way\n")
    assert conflicts(sandbox)[0] == BOTH


def test_scratch_files_of_one_name_are_a_class_of_their_own(sandbox: Sandbox) -> None:
    for name in ("one", "two"):
        add_worktree(sandbox, name, ("NOTES.md", f"{name}\n"))
    [pair] = gitcoord("conflicts", "--json", at=sandbox.path).json["pairs"]
    assert (pair["kind"], pair["untracked"]) == ("add/add", True)
    said = gitcoord("conflicts", at=sandbox.path).out
    assert "that git does not track:\nconflict  NOTES.md" in said


def test_only_what_was_asked_about_counts(sandbox: Sandbox) -> None:
    two_that_conflict(sandbox)
    add_worktree(sandbox, "three", ("src/cart.py", "x\n"))
    sandbox.commit("Move on", {"src/cart.py": "y\n"})
    assert gitcoord("conflicts", "--path", "src", at=sandbox.path).code == 1
    assert gitcoord("conflicts", "--path", "tests", at=sandbox.path).code == 0
    assert gitcoord("conflicts", "three", at=sandbox.path).code == 1
    assert conflicts(sandbox, "three")[0] == set()
