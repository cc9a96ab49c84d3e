"""Scratch worktrees: what a command does there stays there and does not outlive the commit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitcoord.errors import NoSuch, Problem
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Pool, Scratch, list_leftovers, remove_folder, remove_leftovers
from tests.conftest import Sandbox

NASTY = """
git tag left && git branch -f main HEAD~1 && git update-ref refs/heads/other HEAD
echo changed >> README.md && git stash -q
git config user.email else@example.com && git config core.bare true
git config core.bare false && echo x > new && git add new && git commit -qm more
mkdir -p .git-hooks && git config core.hooksPath .git-hooks
git worktree add -q ../second HEAD && git gc -q --prune=now && git worktree prune
touch build.log && mkdir -p build && echo x > build/x
"""


def picture(path: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below `path`, but for our own folder: mode, time of change and content.

    Times of objects are left out: git renews one when it is asked to write what is there.
    """
    found = {}
    for parent, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name != "agentcoord"]
        for name in files:
            file = Path(parent, name)
            seen = file.lstat()
            content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
            changed = 0 if "objects" in file.parts else seen.st_mtime_ns
            found[str(file)] = (seen.st_mode, changed, content)
    return found


def files_in(scratch: Scratch) -> set[str]:
    return {
        str(path.relative_to(scratch.tree))
        for path in scratch.tree.rglob("*")
        if not path.is_dir() and path.name != ".git"
    }


def use(scratch: Scratch, command: str) -> str:
    """Run a command in the scratch as a bisection does."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=scratch.tree,
        env=scratch.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout.strip()


def test_a_commit_is_shown_and_git_answers_there_as_at_home(sandbox: Sandbox) -> None:
    sandbox.git("tag", "-a", "-m", "first", "v1", "main~2")
    first, last = sandbox.git("rev-parse", "main~2", "main").split()
    with Scratch.pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        assert scratch.tree.name == "shop"
        assert scratch.show("main") == last
        assert scratch.show("v1") == first
        assert (scratch.tree / "README.md").read_text() == "# shop\n\nA small shop.\n"
        assert use(scratch, "git rev-parse HEAD main --is-inside-work-tree") == (
            f"{first}\n{last}\ntrue"
        )
        assert use(scratch, "git describe; git log --format=%s | head -1; git status --short") == (
            "v1\nStart the shop"
        )
        assert use(scratch, "git config user.name; git rev-parse --show-toplevel") == (
            f"Ada Tester\n{scratch.tree}"
        )


def test_a_tree_is_shown_as_a_commit_nobody_else_knows(sandbox: Sandbox) -> None:
    tree, parent = sandbox.git("rev-parse", "main~1^{tree}", "main~2").split()
    with Scratch.pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        commit = scratch.show(tree, parents=[parent])
        assert use(scratch, "git rev-parse HEAD^{tree} HEAD^") == f"{tree}\n{parent}"
        assert use(scratch, "git status --short") == ""
    assert commit not in sandbox.git("cat-file", "--batch-check", "--batch-all-objects")


@pytest.mark.parametrize("name", ["nothing", "", "-f", "main:README.md", "a\nb", "0" * 40])
def test_what_is_no_commit_is_refused(sandbox: Sandbox, name: str) -> None:
    repo = Repository.find(sandbox.path)
    with Scratch.pool(repo, 1) as pool, pool.one() as scratch, pytest.raises(NoSuch):
        scratch.show(name)


def test_case_45_whatever_a_command_does_the_users_repository_stays(sandbox: Sandbox) -> None:
    sandbox.write("README.md", "edited, not committed")
    sandbox.git("stash", "-q")
    sandbox.write("src/auth.py", "half done")
    sandbox.write("notes.log", "ignored")
    sandbox.git("bisect", "start")
    hook = sandbox.write("../hooks/post-commit", "#!/bin/sh\ntouch hook-ran\n")
    hook.chmod(0o755)
    sandbox.git("config", "core.hooksPath", str(hook.parent))
    before = picture(sandbox.path)
    with Scratch.pool(Repository.find(sandbox.path), 2) as pool:
        for scratch in pool.scratches:
            scratch.show("main")
            use(scratch, "git commit -q --allow-empty -m x")
            use(scratch, NASTY)
            assert not (scratch.tree / "hook-ran").exists()
            use(scratch, "rm -rf .git; git stash; git reset --hard HEAD~1; git clean -ffdx")
    assert picture(sandbox.path) == before
    assert len(sandbox.git("worktree", "list").splitlines()) == 1
    assert not list((sandbox.path / ".git/agentcoord/scratch").glob("*.toml"))
    assert not pool.folder.exists()


@pytest.mark.parametrize(
    "command",
    [
        NASTY,
        "rm -rf .git && git init -q . && touch x && git add -A && git commit -qm other",
        "git config core.bare true; git config core.worktree /no; git config core.autocrlf true",
        "cd $(git rev-parse --git-dir) && touch index.lock; echo garbage | tee HEAD config index",
        "git merge -q --no-commit --no-ff main; git rm -rq .; git update-ref refs/heads/main HEAD",
        "git update-index --skip-worktree src/auth.py; echo x > src/auth.py",
        "git update-index --assume-unchanged src/auth.py; echo x > src/auth.py",
        "rm -rf src && ln -s / src; rm README.md && mkdir README.md && touch README.md/x",
        "mkdir -p closed/in && touch closed/in/x && chmod 000 closed/in && chmod 500 closed",
        "mkdir nested && cd nested && git init -q . && git commit -q --allow-empty -m x",
        "git checkout -q -b side && git sparse-checkout set tests",
        "printf 'TTL = 99\\n' > src/auth.py && touch -d @1 src/auth.py",
        "cd .. && rm -rf shop && mkdir else && touch else/precious && ln -s else shop",
        "cd .. && mv shop moved",
        "cd ../.. && rm -rf 0",
        "for i in $(seq 30); do mkdir $(seq -s '' 99) && cd $(seq -s '' 99); done; touch x",
        "rm -rf $(git rev-parse --git-dir)",
        "rm -rf $(git rev-parse --git-dir)/objects",
    ],
)  # fmt: skip
def test_the_next_commit_finds_nothing_of_what_a_command_did(
    sandbox: Sandbox, command: str
) -> None:
    with Scratch.pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        scratch.show("main~1")
        use(scratch, command)
        commit = scratch.show("main~2")
        tracked = sandbox.git("ls-tree", "-r", "--name-only", "main~2").splitlines()
        assert files_in(scratch) == set(tracked)
        assert not scratch.tree.is_symlink()
        for name in tracked:
            assert use(scratch, f"cat {name}") == sandbox.git("show", f"main~2:{name}").strip()
        assert use(scratch, "git status --short --ignored") == ""
        assert use(scratch, "git rev-parse HEAD main") == "\n".join(
            [commit, sandbox.git("rev-parse", "main")]
        )
        assert use(scratch, "git tag; git stash list; git config user.email") == "ada@example.com"
        precious = scratch.home / "else/precious"
        assert precious.exists() == ("precious" in command)


def test_moving_on_writes_only_what_differs(sandbox: Sandbox) -> None:
    with Scratch.pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        scratch.show("main")
        same, other = scratch.tree / "src/cart.py", scratch.tree / "src/auth.py"
        before = same.stat().st_ino, same.stat().st_ctime_ns, other.read_text()
        scratch.show("main~2")
        assert (same.stat().st_ino, same.stat().st_ctime_ns) == before[:2]
        assert other.read_text() != before[2]


def test_git_finds_no_repository_above_a_scratch(sandbox: Sandbox) -> None:
    place = sandbox.path / "inside"
    place.mkdir()
    before = sandbox.git("for-each-ref")
    with Scratch.pool(Repository.find(sandbox.path), 1, at=place) as pool, pool.one() as scratch:
        scratch.show("main")
        said = use(
            scratch, "rm .git; git tag oops; git reset -q --hard HEAD~1; git clean -ffdxq .."
        )
        assert said.count("not a git repository") == 3
        scratch.show("main~1")
    assert sandbox.git("for-each-ref") == before


def test_a_change_of_the_same_second_and_size_is_undone(sandbox: Sandbox) -> None:
    with Scratch.pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        for _ in range(5):
            scratch.show("main")
            file = scratch.tree / "src/auth.py"
            assert "TTL = 60" in file.read_text()
            seen = file.stat()
            file.write_text(file.read_text().replace("60", "61"))
            os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def test_case_47_a_git_dir_in_the_environment_leads_nobody_astray(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(sandbox.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(sandbox.path / ".git/index"))
    before = picture(sandbox.path)
    with Scratch.pool(Repository.find(sandbox.path), 1) as pool, pool.one() as scratch:
        scratch.show("main~2")
        assert use(scratch, "git rev-parse --absolute-git-dir") == str(scratch.git_dir)
    assert picture(sandbox.path) == before


def test_case_22_63_bare_and_sha256_repositories(tmp_path: Path) -> None:
    home = Sandbox(tmp_path / "work")
    home.path.mkdir()
    home.git("init", "-q", "--object-format=sha256")
    home.commit("one", {"a": "1"})
    home.git("clone", "-q", "--bare", ".", str(tmp_path / "store.git"))
    with Scratch.pool(Repository.find(tmp_path / "store.git"), 1) as pool, pool.one() as scratch:
        assert len(scratch.show("main")) == 64
        assert scratch.tree.name == "store"
        assert use(scratch, "git status --short; cat a; git rev-parse --is-bare-repository") == (
            "1false"
        )


def test_case_19_20_21_submodule_sparse_and_shallow(sandbox: Sandbox, tmp_path: Path) -> None:
    outer = Sandbox(tmp_path / "outer")
    outer.path.mkdir()
    outer.git("init", "-q")
    outer.git("submodule", "--quiet", "add", str(sandbox.path), "sub")
    outer.commit("with a submodule", {"a": "1"})
    with Scratch.pool(Repository.find(outer.path), 1) as pool, pool.one() as scratch:
        scratch.show("main")
        assert list((scratch.tree / "sub").iterdir()) == []
        assert use(scratch, "git submodule --quiet update --init && cat sub/README.md | head -1")
        assert (scratch.tree / "sub/README.md").exists()
    with Scratch.pool(Repository.find(outer.path / "sub"), 1) as pool, pool.one() as scratch:
        scratch.show("main~2")
        assert use(scratch, "git rev-parse --show-toplevel") == str(scratch.tree)
        assert "README.md" in files_in(scratch)

    outer.git("clone", "-q", "--depth=2", f"file://{sandbox.path}", str(tmp_path / "shallow"))
    shallow = Sandbox(tmp_path / "shallow")
    shallow.git("sparse-checkout", "set", "src")
    with Scratch.pool(Repository.find(shallow.path), 1) as pool, pool.one() as scratch:
        scratch.show("main~1")
        assert files_in(scratch) == {"README.md", ".gitignore", "src/auth.py", "src/cart.py"}
        assert use(scratch, "git log --format=%s") == "Shorten the life of a token"


def test_case_12_37_odd_paths_and_names(sandbox: Sandbox, tmp_path: Path) -> None:
    odd = Sandbox(tmp_path / 'a "b"\\c\n$(touch oops)é')
    shutil.copytree(sandbox.path, odd.path)
    name = os.fsdecode(b"caf\xe9\n")
    odd.commit("odd", {name: "1"})
    place = tmp_path / "tmp 'with' \"quotes\"\n"
    place.mkdir()
    # Repository.find does not read a path with a newline; alternates and config can name one.
    repo = Repository(odd.path, odd.path / ".git", odd.path / ".git", "sha1")
    with Scratch.pool(repo, 1, at=place) as pool, pool.one() as scratch:
        scratch.show("main")
        assert name in files_in(scratch)
        assert use(scratch, "git status --short; git config user.name") == "Ada Tester"


def test_seen_from_a_linked_worktree_with_a_config_of_its_own(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    sandbox.git("worktree", "add", "-q", "--detach", str(linked), "main~2")
    sandbox.git("config", "extensions.worktreeConfig", "true")
    sandbox.git("config", "--worktree", "user.name", "Linked", at=linked)
    with Scratch.pool(Repository.find(linked), 1) as pool, pool.one() as scratch:
        scratch.show("main")
        assert scratch.tree.name == "shop"
        assert use(scratch, "git config user.name") == "Linked"


POOL = """
import sys, time
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Scratch
with Scratch.pool(Repository.find(sys.argv[1]), 2) as pool:
    pool.scratches[0].show("main")
    print(pool.folder, flush=True)
    time.sleep(60)
"""


def test_case_33_a_killed_process_leaves_what_can_be_found_and_removed(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    process = subprocess.Popen(
        [sys.executable, "-c", POOL, str(sandbox.path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    try:
        assert list_leftovers(repo) == []
        assert remove_leftovers(repo) == []
        assert (folder / "0/shop/README.md").exists()
    finally:
        process.kill()
        process.communicate()
    assert [leftover.folder for leftover in list_leftovers(repo)] == [folder]
    assert [leftover.folder for leftover in remove_leftovers(repo)] == [folder]
    assert not folder.exists()
    assert list_leftovers(repo) == []


def test_a_leftover_counts_as_in_use_while_a_program_lives_there(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    repo = Repository.find(sandbox.path)
    script = POOL.replace(
        "    print",
        "    import subprocess\n    s = pool.scratches[0]\n"
        "    child = subprocess.Popen(['sleep', '60'], pass_fds=s.keep)\n"
        "    print(child.pid, flush=True)\n    print",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(sandbox.path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    folder = Path(process.stdout.readline().strip())
    process.kill()
    process.wait()
    try:
        assert remove_leftovers(repo) == []
        assert folder.exists()
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
    until = time.monotonic() + 20
    while not remove_leftovers(repo) and time.monotonic() < until:
        time.sleep(0.01)
    assert not folder.exists()


def test_a_note_never_leads_to_a_folder_that_is_not_ours(sandbox: Sandbox, tmp_path: Path) -> None:
    repo = Repository.find(sandbox.path)
    notes = repo.own_dir / "scratch"
    notes.mkdir(parents=True)
    precious = sandbox.write("precious", "x", at=tmp_path / "gitcoord-bbbb")
    link = tmp_path / "gitcoord-cccc"
    link.symlink_to(precious.parent)
    (notes / "aaaa.toml").write_text(f'folder = "{precious.parent}"\n')
    (notes / "cccc.toml").write_text(f'folder = "{link}"\n')
    (notes / "dddd.toml").write_text("torn = ")
    (notes / "eeee.toml").write_text("")
    assert [leftover.folder for leftover in remove_leftovers(repo)] == [None] * 4
    assert precious.read_text() == "x"
    assert link.is_symlink()
    assert list_leftovers(repo) == []


CROWD = """
import os, sys
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Scratch
repo = Repository.find(sys.argv[1])
children = []
for number in range(24):
    pid = os.fork()
    if not pid:
        try:
            with Scratch.pool(repo, 1) as pool, pool.one() as scratch:
                commit = scratch.show(f"main~{number % 3}")
                assert scratch.run("rev-parse", "HEAD").text == commit
                scratch.run("commit-tree", "HEAD^{tree}", "-m", "x")
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    children.append(pid)
print(sum(os.waitpid(pid, 0)[1] == 0 for pid in children))
"""


def test_case_13_24_processes_at_once(sandbox: Sandbox) -> None:
    before = picture(sandbox.path)
    done = subprocess.run(
        [sys.executable, "-c", CROWD, str(sandbox.path)], capture_output=True, text=True
    )
    assert done.stdout.strip() == "24", done.stderr
    assert picture(sandbox.path) == before
    assert list_leftovers(Repository.find(sandbox.path)) == []


def in_a_mount(options: str, place: Path, script: str, *arguments: str) -> str:
    """Run Python where `place` is a file system of its own; skip where that is not allowed."""
    mount = f'mount -t tmpfs -o {options} gitcoord-test "$0" && exec "$@"'
    argv = ["unshare", "-rm", "/bin/sh", "-c", mount, str(place)]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*argv, "true"], capture_output=True).returncode
    ):
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        [*argv, sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FULL = """
import sys
from pathlib import Path
from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import Scratch
repo, place = Repository.find(sys.argv[1]), Path(sys.argv[2])
try:
    with Scratch.pool(repo, 1) as pool, pool.one() as scratch:
        scratch.show("main")
except Problem as problem:
    print(type(problem).__name__, problem.message.split(str(place))[0], problem.hint)
print(list(place.iterdir()), list((repo.own_dir / "scratch").glob("*.toml")))
"""


def test_case_28_a_full_disk_is_said_and_leaves_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    sandbox.commit("big", {f"big{number}": os.urandom(100_000) for number in range(10)})
    said = in_a_mount("size=400k", place, FULL, str(sandbox.path), str(place)).splitlines()
    assert said[0].startswith("Problem no room left in  free some")
    assert said[1] == "[] []"
    said = in_a_mount("nr_inodes=12", place, FULL, str(sandbox.path), str(place)).splitlines()
    assert said == ["Problem no room left in  " + said[0].split("in  ")[1], "[] []"]


def test_where_no_program_may_run_in_the_temporary_folder_another_is_used(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "noexec"
    place.mkdir()
    script = "\n".join([*POOL.splitlines()[:-1]])
    folder = in_a_mount("noexec", place, script, str(sandbox.path))
    assert Path(folder).parent == sandbox.path / ".git/agentcoord/scratch"
    assert not Path(folder).exists()


def test_a_folder_that_cannot_be_written_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"cannot write .*absent/gitcoord-") as said:
        Pool(Repository.find(sandbox.path), 1, at=tmp_path / "absent")
    assert said.value.hint.startswith("name a folder")
    assert list_leftovers(Repository.find(sandbox.path)) == []


def test_remove_folder_takes_links_not_what_they_lead_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    (folder / "link").symlink_to(kept)
    (folder / "in").chmod(0o500)
    remove_folder(folder)
    remove_folder(folder)
    assert (kept / "file").exists() and not folder.exists()


def test_a_pool_lends_what_was_used_last(sandbox: Sandbox) -> None:
    with Scratch.pool(Repository.find(sandbox.path), 3) as pool:
        with pool.one() as first, pool.one() as second:
            assert first is not second
        with pool.one() as third:
            assert third is first
    with pytest.raises(ValueError, match="a pool of 0"):
        Scratch.pool(Repository.find(sandbox.path), 0)
