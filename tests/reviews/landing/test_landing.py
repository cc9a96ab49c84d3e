"""Landings: a target moved, with its checkout where it has one, and nobody's work touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from gitcoord.errors import BadInput, Contended, NoSuch, Problem, Refused
from gitcoord.git.refs import Change, change_refs
from gitcoord.git.repository import Repository
from gitcoord.process import hold
from gitcoord.reviews.landing.landing import check_landing, land, settle_landings
from tests.calling import gitcoord
from tests.conftest import Sandbox

MAIN = "refs/heads/main"


def _ahead(sandbox: Sandbox, files: dict[str, str | None], *, name: str = "work") -> str:
    """A commit on top of main, made elsewhere. None removes a file."""
    path = sandbox.path.parent / name
    sandbox.git("worktree", "add", "-q", "-b", name, str(path), "main")
    for file, content in files.items():
        if content is None:
            sandbox.git("rm", "-rq", file, at=path)
    written = {file: content for file, content in files.items() if content is not None}
    commit = sandbox.commit("work", {**written}, at=path)
    sandbox.git("worktree", "remove", "--force", str(path))
    return commit


def _land(sandbox: Sandbox, new: str, *also: Change, target: str = MAIN) -> None:
    old = sandbox.git("rev-parse", "--verify", target)
    land(Repository.find(sandbox.path), target, old, new, reason="landed x", also=also)


def _status(sandbox: Sandbox, at: Path | None = None) -> str:
    return sandbox.git("status", "--porcelain", "--ignored", at=at)


def _nothing_left(sandbox: Sandbox) -> None:
    left = [one for one in (sandbox.path / ".git").rglob("*") if "landing" in one.name]
    assert [one for one in left if one.is_file() and "logs" not in one.parts] == []
    assert not (sandbox.path / ".git" / "index.lock").exists()
    assert sandbox.git("for-each-ref", "refs/agentcoord/landings/") == ""


def test_a_target_nobody_has_checked_out_moves_with_other_refs(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"new.py": "new = 1\n"})
    sandbox.git("branch", "release")
    before = _status(sandbox)
    _land(sandbox, new, Change("refs/agentcoord/x/y", None, new), target="refs/heads/release")
    assert sandbox.git("rev-parse", "release", "refs/agentcoord/x/y").split() == [new, new]
    assert "landed x" in sandbox.git("reflog", "release")
    assert _status(sandbox) == before
    assert not (sandbox.path / "new.py").exists()


def test_case_94_a_checked_out_target_gets_its_files_and_keeps_all_else(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"README.md": "# new\n", "lib/deep/new.py": "1\n", "src/cart.py": None})
    sandbox.write("src/auth.py", "changed = 1\n")
    sandbox.write("staged.py", "staged = 1\n")
    sandbox.git("add", "staged.py")
    sandbox.write("staged.py", "staged = 2\n")
    sandbox.write("meant.py", "meant = 1\n")
    sandbox.git("add", "-N", "meant.py")
    sandbox.write("untracked/file", "u\n")
    before, diff = _status(sandbox), sandbox.git("diff") + sandbox.git("diff", "--cached")
    _land(sandbox, new)
    assert _status(sandbox) == before
    assert sandbox.git("diff") + sandbox.git("diff", "--cached") == diff
    assert (sandbox.path / "README.md").read_text() == "# new\n"
    assert (sandbox.path / "lib/deep/new.py").exists()
    assert not (sandbox.path / "src/cart.py").exists()
    assert "landed x" in sandbox.git("reflog", "HEAD", "-1")
    assert sandbox.git("rev-parse", "HEAD") == new
    _nothing_left(sandbox)


@pytest.mark.parametrize("how", ["unstaged", "staged", "deleted", "assumed", "conflict", "mode"])
def test_case_94_a_change_to_a_path_that_lands_is_refused(sandbox: Sandbox, how: str) -> None:
    new = _ahead(sandbox, {"README.md": "# new\n"})
    file = sandbox.path / "README.md"
    if how == "assumed":
        sandbox.git("update-index", "--assume-unchanged", "README.md")
    if how == "deleted":
        file.unlink()
    elif how == "mode":
        file.chmod(0o755)
    else:
        file.write_text("mine\n")
    if how == "staged":
        sandbox.git("add", "README.md")
        file.write_text("# shop\n\nA small shop with a login.\n")
    if how == "conflict":
        blob = sandbox.git("hash-object", "-w", "README.md")
        lines = "".join(f"100644 {blob} {stage}\tREADME.md\n" for stage in (1, 2, 3))
        subprocess.run(
            ["git", "update-index", "--index-info"], cwd=sandbox.path, check=True,
            input=f"0 {'0' * 40}\tREADME.md\n{lines}".encode(),
        )  # fmt: skip
    before = (_status(sandbox), sandbox.git("rev-parse", "main"))
    with pytest.raises(Refused, match=r"README\.md"):
        _land(sandbox, new)
    assert (_status(sandbox), sandbox.git("rev-parse", "main")) == before
    _nothing_left(sandbox)


@pytest.mark.parametrize(
    ("mine", "lands"),
    [
        ("new.py", "new.py"),  # a file
        (".env", ".env"),  # an ignored one: git itself would write over it
        ("lib", "lib/new.py"),  # a file where a folder is to be
        ("new.py/mine", "new.py"),  # a folder where a file is to be
        ("src/cart.py/", "x"),
    ],
)
def test_case_94_an_untracked_file_in_the_way_is_refused(
    sandbox: Sandbox, mine: str, lands: str
) -> None:
    sandbox.commit("ignore", {".gitignore": ".env\n"})
    sandbox.git("config", "core.excludesFile", "/dev/null")
    path = sandbox.path.parent / "work"
    sandbox.git("worktree", "add", "-q", "-b", "work", str(path), "main")
    sandbox.write(lands, "theirs\n", path)
    sandbox.git("add", "-f", lands, at=path)
    sandbox.git("commit", "-qm", "work", at=path)
    new = sandbox.git("rev-parse", "HEAD", at=path)
    if mine.endswith("/"):
        _land(sandbox, new)
        return
    sandbox.write(mine, "mine\n")
    with pytest.raises(Refused, match="is untracked"):
        _land(sandbox, new)
    assert (sandbox.path / mine).read_text() == "mine\n"
    assert sandbox.git("rev-parse", "main") != new


def test_an_ignored_file_in_a_folder_that_becomes_a_file_is_refused(sandbox: Sandbox) -> None:
    sandbox.commit("cache", {".gitignore": "*.log\n", "box/kept.py": "1\n"})
    new = _ahead(sandbox, {"box/kept.py": None, "box": "a file now\n"})
    sandbox.write("box/run.log", "precious\n")
    with pytest.raises(Refused, match=r"box/run\.log is untracked"):
        _land(sandbox, new)
    assert (sandbox.path / "box/run.log").read_text() == "precious\n"
    (sandbox.path / "box/run.log").unlink()
    _land(sandbox, new)
    assert (sandbox.path / "box").read_text() == "a file now\n"
    assert _status(sandbox) == ""


def test_a_file_that_becomes_a_folder_and_a_link_land(sandbox: Sandbox) -> None:
    path = sandbox.path.parent / "work"
    sandbox.git("worktree", "add", "-q", "-b", "work", str(path), "main")
    sandbox.git("rm", "-q", "src/cart.py", at=path)
    sandbox.write("src/cart.py/inner.py", "1\n", path)
    (path / "link").symlink_to("README.md")
    new = sandbox.commit("turn", {}, at=path)
    _land(sandbox, new)
    assert (sandbox.path / "src/cart.py/inner.py").exists()
    assert (sandbox.path / "link").is_symlink()
    assert _status(sandbox) == ""


@pytest.mark.parametrize("state", ["merge", "rebase", "bisect"])
def test_case_94_a_target_in_the_middle_of_an_operation_is_refused(
    sandbox: Sandbox, state: str
) -> None:
    new = _ahead(sandbox, {"new.py": "1\n"})
    sandbox.git("checkout", "-qb", "side")
    sandbox.commit("side", {"README.md": "side\n"})
    sandbox.git("checkout", "-q", "main")
    if state == "merge":
        sandbox.git("merge", "--no-commit", "--no-ff", "side")
    elif state == "rebase":
        sandbox.git("rebase", "-q", "--exec", "false", "HEAD~1", ok=False)
    else:
        sandbox.git("bisect", "start", "main", "main~2")
        assert sandbox.git("rev-parse", "--abbrev-ref", "HEAD") == "HEAD"
    with pytest.raises(Refused, match=f"in the middle of a {state}"):
        _land(sandbox, new)
    assert sandbox.git("rev-parse", "main") != new


def test_a_target_checked_out_twice_or_in_a_folder_that_is_gone_is_refused(
    sandbox: Sandbox,
) -> None:
    new = _ahead(sandbox, {"new.py": "1\n"})
    other = sandbox.path.parent / "other"
    sandbox.git("worktree", "add", "-fq", str(other), "main")
    with pytest.raises(Refused, match="checked out twice"):
        _land(sandbox, new)
    sandbox.git("checkout", "-q", "--detach")
    other.rename(other.with_name("away"))
    with pytest.raises(Refused, match="not there"):
        _land(sandbox, new)


def test_only_a_local_branch_at_its_old_value_is_landed_on(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"new.py": "1\n"})
    old = sandbox.git("rev-parse", "main")
    repo = Repository.find(sandbox.path)
    sandbox.git("tag", "v1")
    sandbox.git("update-ref", "refs/remotes/origin/main", "main")
    sandbox.git("symbolic-ref", "refs/heads/trunk", MAIN)
    for ref in ("refs/tags/v1", "refs/remotes/origin/main"):
        with pytest.raises(BadInput):
            check_landing(repo, ref, old, new)
    with pytest.raises(NoSuch):
        check_landing(repo, "refs/heads/none", old, new)
    with pytest.raises(Refused, match="only stands for main"):
        check_landing(repo, "refs/heads/trunk", old, new)
    with pytest.raises(Refused, match="dropped"):
        check_landing(repo, MAIN, old, sandbox.git("rev-parse", "main~1"))
    with pytest.raises(Contended):
        check_landing(repo, MAIN, sandbox.git("rev-parse", "main~1"), new)


def test_case_95_when_another_ref_moved_the_files_are_put_back(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"README.md": "# new\n", "new.py": "1\n", "src/cart.py": None})
    sandbox.write("src/auth.py", "mine\n")
    before = _status(sandbox)
    with pytest.raises(Contended):
        _land(sandbox, new, Change("refs/agentcoord/x/y", new, None))
    assert _status(sandbox) == before
    assert sandbox.git("rev-parse", "main") != new
    _nothing_left(sandbox)


def test_a_filter_that_fails_leaves_all_as_it_was(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"a.txt": "1\n", "z.bin": "2\n", ".gitattributes": "*.bin filter=odd\n"})
    sandbox.git("config", "filter.odd.smudge", "false")
    sandbox.git("config", "filter.odd.required", "true")
    before = _status(sandbox)
    with pytest.raises(Problem, match="put back"):
        _land(sandbox, new)
    assert _status(sandbox) == before
    assert sandbox.git("rev-parse", "main") != new
    _nothing_left(sandbox)


def test_line_endings_are_those_of_the_checkout(sandbox: Sandbox) -> None:
    sandbox.git("config", "core.autocrlf", "true")
    new = _ahead(sandbox, {"dos.txt": "a\nb\n"})
    _land(sandbox, new)
    assert (sandbox.path / "dos.txt").read_bytes() == b"a\r\nb\r\n"
    assert _status(sandbox) == ""


def test_a_sparse_checkout_stays_sparse(sandbox: Sandbox) -> None:
    sandbox.commit("more", {"docs/a.md": "a\n"})
    new = _ahead(sandbox, {"docs/a.md": "b\n", "docs/new.md": "n\n", "src/new.py": "1\n"})
    sandbox.git("sparse-checkout", "set", "src")
    _land(sandbox, new)
    assert not (sandbox.path / "docs").exists()
    assert (sandbox.path / "src/new.py").exists()
    assert _status(sandbox) == ""


def test_a_lock_of_the_users_git_is_waited_for_and_respected(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"new.py": "1\n"})
    lock = sandbox.path / ".git" / "index.lock"
    lock.touch()
    threading.Timer(0.3, lock.unlink).start()
    _land(sandbox, new)
    assert _status(sandbox) == ""


def test_a_lock_that_stays_is_refused(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitcoord.reviews.landing.intent._LOCK_SECONDS", 0.1)
    new = _ahead(sandbox, {"new.py": "1\n"})
    lock = sandbox.path / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(Refused, match="git is at work"):
        _land(sandbox, new)
    assert lock.exists() and not (sandbox.path / "new.py").exists()
    lock.unlink()
    _nothing_left(sandbox)


def test_a_new_commit_of_a_submodule_is_recorded_and_its_files_stay(sandbox: Sandbox) -> None:
    library = Sandbox(sandbox.path.parent / "library")
    library.path.mkdir()
    library.git("init", "-q")
    library.commit("one", {"lib.py": "1\n"})
    sandbox.git("submodule", "--quiet", "add", str(library.path), "lib")
    sandbox.git("commit", "-qm", "library")
    second = library.commit("two", {"lib.py": "2\n"})
    old = sandbox.git("rev-parse", "main")
    sandbox.git("checkout", "-qb", "work")
    sandbox.git("update-index", "--cacheinfo", f"160000,{second},lib")
    sandbox.git("commit", "-qm", "newer library")
    new = sandbox.git("rev-parse", "HEAD")
    sandbox.git("checkout", "-q", "main")
    assert check_landing(Repository.find(sandbox.path), MAIN, old, new).submodules == ("lib",)
    sandbox.write("lib/mine.py", "mine\n")
    _land(sandbox, new)
    assert (sandbox.path / "lib/mine.py").exists()
    assert (sandbox.path / "lib/lib.py").read_text() == "1\n"
    assert sandbox.git("ls-files", "-s", "lib").split()[1] == second


def test_two_landings_at_once_one_wins_and_the_other_is_told(sandbox: Sandbox) -> None:
    first = _ahead(sandbox, {"one.py": "1\n"}, name="one")
    second = _ahead(sandbox, {"two.py": "2\n"}, name="two")
    old, outcomes = sandbox.git("rev-parse", "main"), []

    def run(new: str) -> None:
        try:
            land(Repository.find(sandbox.path), MAIN, old, new, reason="race")
            outcomes.append(new)
        except Contended:
            outcomes.append("lost")

    threads = [threading.Thread(target=run, args=(new,)) for new in (first, second)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(outcomes)[-1] == "lost"
    assert sandbox.git("rev-parse", "main") in outcomes
    assert _status(sandbox) == ""
    _nothing_left(sandbox)


def test_settling_with_nothing_to_settle_says_nothing(sandbox: Sandbox) -> None:
    assert settle_landings(Repository.find(sandbox.path)) == []


def test_case_95_a_user_who_commits_all_the_while_loses_nothing(sandbox: Sandbox) -> None:
    """Landings on what is checked out, while git itself commits there in a loop."""
    theirs = [
        _ahead(sandbox, {f"lands{number}.py": "1\n"}, name=f"lands{number}") for number in range(5)
    ]
    script = (
        "for i in $(seq 1 12); do echo $i > mine$i.py; "
        "until git add mine$i.py && git commit -qm mine$i; do sleep 0.01; done; done"
    )
    user = subprocess.Popen(["sh", "-c", script], cwd=sandbox.path, stderr=subprocess.DEVNULL)
    repo = Repository.find(sandbox.path)
    for new in theirs:
        _land_again(sandbox, repo, new)
    assert user.wait() == 0
    assert sandbox.git("status", "--porcelain") == ""
    names = sandbox.git("ls-files").split()
    assert {f"mine{number}.py" for number in range(1, 13)} <= set(names)
    assert {f"lands{number}.py" for number in range(5)} <= set(names)
    assert {one for one in names if not (sandbox.path / one).exists()} == set()
    sandbox.git("fsck", "--strict")
    _nothing_left(sandbox)


def _land_again(sandbox: Sandbox, repo: Repository, other: str) -> None:
    """Merge `other` in memory, until nobody was first."""
    while True:
        old = sandbox.git("rev-parse", "main")
        tree = sandbox.git("merge-tree", "--write-tree", old, other)
        new = sandbox.git("commit-tree", tree, "-p", old, "-p", other, "-m", "landed")
        try:
            return land(repo, MAIN, old, new, reason="landed")
        except Contended:
            continue


def _dead_landing(sandbox: Sandbox, new: str, *, at: str = "_move_refs") -> None:
    """A landing that died at a step: if not said with the files moved and nothing else."""
    die = (
        "import os, signal, sys; from gitcoord.reviews.landing import intent, landing; "
        "from gitcoord.git.repository import Repository; "
        f"intent.{at} = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "landing.land(Repository.find('.'), 'refs/heads/main', *sys.argv[1:], reason='x')"
    )
    old = sandbox.git("rev-parse", "main")
    died = subprocess.run([sys.executable, "-c", die, old, new], cwd=sandbox.path, check=False)
    assert died.returncode == -signal.SIGKILL


def test_settling_never_writes_over_what_was_edited_since(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"README.md": "# new\n", "src/cart.py": "new = 1\n"})
    _dead_landing(sandbox, new)
    sandbox.write("README.md", "edited since\n")
    said = settle_landings(Repository.find(sandbox.path))
    assert "took back a landing on main" in said[0]
    assert "README.md was changed meanwhile and stays as it is" in said[1]
    assert (sandbox.path / "README.md").read_text() == "edited since\n"
    assert _status(sandbox) == " M README.md"
    _nothing_left(sandbox)


def test_settling_leaves_a_checkout_alone_that_was_worked_in_since(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"new.py": "new = 1\n"})
    _dead_landing(sandbox, new)
    (sandbox.path / ".git" / "index.lock").unlink()
    sandbox.git("checkout", "-q", "-b", "elsewhere")
    sandbox.commit("what lay there", {})
    [said] = settle_landings(Repository.find(sandbox.path))
    assert "gave up" in said
    assert sandbox.git("log", "-1", "--format=%s") == "what lay there"
    assert (sandbox.path / "new.py").exists()
    _nothing_left(sandbox)


def test_a_landing_that_died_is_settled_by_the_next_one(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"new.py": "new = 1\n"})
    _dead_landing(sandbox, new)
    said: list[str] = []
    old = sandbox.git("rev-parse", "main")
    land(Repository.find(sandbox.path), MAIN, old, new, reason="again", say=said.append)
    assert len(said) == 1 and "took back" in said[0]
    assert sandbox.git("rev-parse", "main") == new
    assert _status(sandbox) == ""


def test_a_checkout_made_while_the_target_moved_is_brought_along(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = _ahead(sandbox, {"new.py": "new = 1\n", "README.md": "# new\n"})
    sandbox.git("checkout", "-q", "--detach")

    def after_a_checkout(*args: Any, **more: Any) -> None:
        sandbox.git("checkout", "-q", "main")
        change_refs(*args, **more)

    monkeypatch.setattr("gitcoord.reviews.landing.landing.change_refs", after_a_checkout)
    _land(sandbox, new)
    assert sandbox.git("rev-parse", "HEAD") == new
    assert (sandbox.path / "new.py").exists()
    assert _status(sandbox) == ""
    _nothing_left(sandbox)


def test_a_worktree_of_ours_in_which_something_else_happens_is_left_alone(
    sandbox: Sandbox,
) -> None:
    repo = Repository.find(sandbox.path)
    said = gitcoord("start", "development", "x", "--no-run", "--json", at=sandbox.path)
    made = said.json["worktree"]
    target = f"refs/heads/{made['branch']}"
    old = sandbox.git("rev-parse", target)
    tree = sandbox.git("rev-parse", f"{_ahead(sandbox, {'new.py': '1'})}^{{tree}}")
    new = sandbox.git("commit-tree", "-p", old, "-m", "new", tree)
    with hold(repo.own_dir, made["id"]), pytest.raises(Contended, match="in use"):
        land(repo, target, old, new, reason="x")
    land(repo, target, old, new, reason="x")
    assert (Path(made["path"]) / "new.py").exists()


def test_a_checkout_made_meanwhile_that_is_busy_is_told_and_settled_later(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = _ahead(sandbox, {"new.py": "new = 1\n"})
    old = sandbox.git("rev-parse", "main")
    sandbox.git("checkout", "-q", "--detach")
    lock = sandbox.path / ".git" / "index.lock"

    def after_a_checkout(*args: Any, **more: Any) -> None:
        sandbox.git("checkout", "-q", "main")
        lock.touch()
        change_refs(*args, **more)

    monkeypatch.setattr("gitcoord.reviews.landing.landing.change_refs", after_a_checkout)
    monkeypatch.setattr("gitcoord.reviews.landing.intent._LOCK_SECONDS", 0.05)
    said: list[str] = []
    repo = Repository.find(sandbox.path)
    land(repo, MAIN, old, new, reason="x", say=said.append)
    assert "git is at work" in said[0]
    lock.unlink()
    assert "completed a landing" in settle_landings(repo)[0]
    assert _status(sandbox) == ""
    assert (sandbox.path / "new.py").exists()
    _nothing_left(sandbox)


def test_a_split_index_and_a_hidden_flag_are_no_obstacle(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"README.md": "# new\n", "new.py": "new = 1\n"})
    sandbox.git("update-index", "--split-index", "--assume-unchanged", "README.md")
    sandbox.git("update-index", "--assume-unchanged", "src/cart.py")
    sandbox.write("src/cart.py", "hidden = 1\n")
    _land(sandbox, new)
    assert (sandbox.path / "README.md").read_text() == "# new\n"
    assert sandbox.git("ls-files", "-v", "src/cart.py") == "h src/cart.py"
    assert (sandbox.path / "src/cart.py").read_text() == "hidden = 1\n"
    sandbox.git("update-index", "--no-assume-unchanged", "src/cart.py")
    assert _status(sandbox) == " M src/cart.py"


def test_a_landing_in_a_bare_repository_with_sha256(tmp_path: Path) -> None:
    work = Sandbox(tmp_path / "work")
    work.path.mkdir()
    work.git("init", "-q", "--object-format=sha256")
    old = work.commit("one", {"a": "1\n"})
    new = work.commit("two", {"a": "2\n"})
    bare = tmp_path / "bare.git"
    work.git("clone", "-q", "--bare", str(work.path), str(bare))
    work.git("update-ref", MAIN, old, at=bare)
    land(Repository.find(bare), MAIN, old, new, reason="x")
    assert work.git("rev-parse", "main", at=bare) == new
    work.git("checkout", "-q", "-B", "main", old)
    land(Repository.find(work.path), MAIN, old, new, reason="x")
    assert (work.path / "a").read_text() == "2\n"
    assert work.git("status", "--porcelain") == ""


def test_a_landing_that_moved_nothing_yet_takes_nothing_back(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are as the new commit has them can be the user's own."""
    new = _ahead(sandbox, {"README.md": "# new\n", "src/cart.py": "new = 1\n"})

    def switched(*_: object) -> None:
        sandbox.write("README.md", "# new\n")
        (sandbox.path / "src/cart.py").unlink()
        raise Contended("worked in meanwhile")

    monkeypatch.setattr("gitcoord.reviews.landing.intent._check_still", switched)
    with pytest.raises(Contended):
        _land(sandbox, new)
    assert _status(sandbox) == " M README.md\n D src/cart.py"
    _nothing_left(sandbox)


def test_settling_a_landing_that_moved_nothing_keeps_a_deletion(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"README.md": "# new\n", "src/cart.py": "new = 1\n"})
    sandbox.write("README.md", "# new\n")
    (sandbox.path / "src/cart.py").unlink()
    _dead_landing(sandbox, new, at="in_the_way")
    [said] = settle_landings(Repository.find(sandbox.path))
    assert "took back" in said
    assert _status(sandbox) == " M README.md\n D src/cart.py"
    _nothing_left(sandbox)


def test_settling_knows_a_torn_file_from_one_that_was_shortened_since(sandbox: Sandbox) -> None:
    new = _ahead(sandbox, {"README.md": "# new\nsecond\n", "src/cart.py": "new = 1\nnext = 2\n"})
    _dead_landing(sandbox, new)
    last = (sandbox.path / "README.md").stat().st_mtime
    sandbox.write("src/cart.py", "new = 1\n")
    os.utime(sandbox.path / "src/cart.py", (last + 60, last + 60))
    sandbox.write("README.md", "# n")
    os.utime(sandbox.path / "README.md", (last, last))
    _, said = settle_landings(Repository.find(sandbox.path))
    assert "src/cart.py was changed meanwhile" in said
    assert (sandbox.path / "src/cart.py").read_text() == "new = 1\n"
    assert _status(sandbox) == " M src/cart.py"
