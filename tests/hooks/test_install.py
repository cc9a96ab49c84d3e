"""Hooks put beside what is there, and taken out again: every byte, argument and exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcoord.errors import Contended, Problem, Refused
from gitcoord.git.repository import Repository, git_version
from gitcoord.hooks import gate
from gitcoord.hooks.condition import condition
from gitcoord.hooks.events import OTHERS, OURS, WHERE_PRESENT
from gitcoord.hooks.install import install, plan_install, uninstall
from gitcoord.hooks.places import CONFIG, CONFIGURED, FOLDER, REDIRECT
from tests.conftest import Sandbox
from tests.hooks.standing import (
    LAYOUTS,
    Ours,
    dump_hooks,
    everything,
    forget,
    husky,
    lay,
    said_to,
    write,
)
from tests.hooks.standing import ours as ours  # a fixture

before_254 = pytest.mark.skipif(git_version() >= CONFIGURED, reason="git has hooks in config")
since_254 = pytest.mark.skipif(git_version() < CONFIGURED, reason="git has no hooks in config")


def repo_of(sandbox: Sandbox, at: Path | None = None) -> Repository:
    return Repository.find(at or sandbox.path)


def put_in(sandbox: Sandbox, at: Path | None = None, *, here: bool = False) -> str:
    """Install; says by which way."""
    plan = install(repo_of(sandbox, at), here=here)
    assert not plan.edited
    return plan.wanted.way


def shim_of(sandbox: Sandbox, event: str) -> Path:
    return plan_install(repo_of(sandbox), here=False).wanted.folder / event


def work(sandbox: Sandbox, *, all_of_it: bool = True) -> None:
    """What sets off every event of standing.EVENTS, or those of a commit."""
    sandbox.commit("One", {"one.txt": "1\n"})
    if not all_of_it:
        return
    sandbox.git("checkout", "-q", "-b", "side", "HEAD~1")
    sandbox.commit("Two", {"two.txt": "2\n"})
    sandbox.git("commit", "-q", "--amend", "-m", "Two, said better")
    sandbox.git("merge", "-q", "--no-ff", "-m", "Both", "main")
    sandbox.git("push", "-q", "../there.git", "side", "main")


@pytest.mark.parametrize("layout", ["husky", "pre_commit", "own_script", "global_path"])
def test_case_83_a_hook_that_was_there_sees_what_git_gave(
    sandbox: Sandbox, tmp_path: Path, layout: str, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PWD", str(sandbox.path))  # which every sh puts right, ours too
    told = tmp_path / "told" / "by hooks"
    lay(layout, sandbox, told)
    sandbox.git("init", "-q", "--bare", "../there.git")
    kept = tmp_path / "kept"
    for one in ("shop", "there.git"):
        shutil.copytree(tmp_path / one, kept / one, symlinks=True)
    forget(told)
    everywhere = layout in ("husky", "pre_commit")  # each is 60 programs
    work(sandbox, all_of_it=everywhere)
    alone = said_to(told)
    assert len(alone) > (20 if everywhere else 4)
    assert any("refs/heads/main" in one["stdin"] for one in alone)

    for one in ("shop", "there.git"):
        shutil.rmtree(tmp_path / one)
        (kept / one).rename(tmp_path / one)
    forget(told)
    put_in(sandbox)
    work(sandbox, all_of_it=everywhere)
    assert said_to(told) == alone
    asked = {"pre-commit", "pre-merge-commit", "pre-push"} if everywhere else {"pre-commit"}
    assert asked <= set(ours.events())


@pytest.mark.parametrize("event", ["pre-commit", "pre-push", "post-checkout"])
@before_254
def test_case_83_the_exit_code_of_a_hook_is_its_own(
    sandbox: Sandbox, tmp_path: Path, event: str, ours: Ours
) -> None:
    dump_hooks(sandbox.path / ".git" / "hooks", tmp_path / "told")
    assert put_in(sandbox) == REDIRECT
    shim = shim_of(sandbox, event)
    for code in (1, 2, 77, 137, 0):
        (tmp_path / f"{event}.ends").write_text(str(code))
        done = subprocess.run([shim, "a"], cwd=sandbox.path, input=b"b\n")
        # One that was killed is told by its signal, or as sh tells it.
        assert done.returncode in (code, 128 - code)
        # Where it said no, ours is not asked as well.
        if event != "post-checkout":  # at which ours does nothing
            assert len(ours.calls) == (1 if code == 0 else 0)


def test_case_83_a_hook_that_refuses_stops_the_commit(
    sandbox: Sandbox, tmp_path: Path, ours: Ours
) -> None:
    dump_hooks(sandbox.path / ".git" / "hooks", tmp_path / "told")
    (tmp_path / "pre-commit.ends").write_text("2")
    put_in(sandbox)
    head = sandbox.git("rev-parse", "HEAD")
    sandbox.git("commit", "-q", "--allow-empty", "-m", "No", ok=False)
    assert sandbox.git("rev-parse", "HEAD") == head


@pytest.mark.parametrize("event", ["pre-push", "post-rewrite", "reference-transaction"])
@before_254
def test_case_83_standard_input_goes_to_both_byte_for_byte(
    sandbox: Sandbox, tmp_path: Path, event: str, ours: Ours
) -> None:
    told = tmp_path / "told"
    dump_hooks(sandbox.path / ".git" / "hooks", told)
    put_in(sandbox)
    shim = shim_of(sandbox, event)
    linked = agents_worktree(sandbox, tmp_path)
    words = ["prepared"] if event == "reference-transaction" else ["rebase"]
    for given in (b"", b"a b c d\n", b"\n\n", b"no end", b"\xff\xfe %s\\n\n\n"):
        forget(told)
        ours.forget()
        subprocess.run([shim, *words], cwd=linked, input=given, check=True)
        assert [one["stdin"].encode("latin-1") for one in said_to(told)] == [given]
        if event == "reference-transaction":  # which is asked of ours where something is guarded
            continue
        wait_for(lambda: len(ours.calls) == 1)
        assert ours.calls[0]["stdin"].encode("latin-1") == given
        assert ours.calls[0]["argv"] == ["gitcoord", "hook", event, "rebase"]


def agents_worktree(sandbox: Sandbox, tmp_path: Path) -> Path:
    linked = tmp_path / "linked"
    sandbox.git("worktree", "add", "-q", "-b", "linked", str(linked))
    sandbox.write(".git/worktrees/linked/agentcoord-id", "linked\n")
    return linked


def wait_for(ready: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not ready() and time.monotonic() < until:
        time.sleep(0.01)
    assert ready()


@pytest.mark.parametrize("layout", [*LAYOUTS, "nothing"])
def test_case_83_uninstall_restores_exactly(sandbox: Sandbox, tmp_path: Path, layout: str) -> None:
    lay(layout, sandbox, tmp_path / "told")
    before = everything(sandbox)
    way = put_in(sandbox)
    expected = FOLDER if layout == "nothing" else REDIRECT
    assert way == (CONFIG if git_version() >= CONFIGURED else expected)
    assert everything(sandbox) != before
    put_in(sandbox)
    assert uninstall(repo_of(sandbox), here=False).old is not None
    assert everything(sandbox) == before
    assert uninstall(repo_of(sandbox), here=False).old is None


@pytest.mark.parametrize("layout", ["husky", "nothing"])
@pytest.mark.parametrize(
    "config",
    [
        b"[core]\r\n\tbare = false\r\n[user]\r\n\tname = A\r\n",
        b"[core]\n\tbare = false # no newline at the end",
        b"# \xff\xfe\n[core]\n\n;x\n  bare=false\n[core]\nignorecase = false\n",
    ],
)
def test_case_83_a_configuration_written_by_hand_keeps_its_bytes(
    sandbox: Sandbox, tmp_path: Path, config: bytes, layout: str
) -> None:
    lay(layout, sandbox, tmp_path / "told")
    file = sandbox.path / ".git" / "config"
    if layout == "husky":
        config += b"\n[core]\r\nhooksPath = .husky/_\r\n"
    file.write_bytes(config)
    file.chmod(0o600)
    put_in(sandbox)
    assert file.stat().st_mode & 0o777 == 0o600
    assert condition(repo_of(sandbox), here=False).in_force
    uninstall(repo_of(sandbox), here=False)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (config, 0o600)


@pytest.mark.parametrize("layout", ["husky", "own_script"])
def test_uninstall_takes_out_only_ours_from_a_configuration_changed_since(
    sandbox: Sandbox, tmp_path: Path, layout: str
) -> None:
    lay(layout, sandbox, tmp_path / "told")
    config = sandbox.git("config", "--local", "--list")
    put_in(sandbox)
    sandbox.git("config", "user.email", "new@example.com")
    uninstall(repo_of(sandbox), here=False)
    assert sandbox.git("config", "--local", "--list") == f"{config}\nuser.email=new@example.com"


@before_254
def test_a_hooks_path_that_is_set_later_makes_ours_inert(sandbox: Sandbox, tmp_path: Path) -> None:
    assert put_in(sandbox) == FOLDER
    husky(sandbox, tmp_path / "told")
    before = {**everything(sandbox)}
    [trouble] = condition(repo_of(sandbox), here=False).troubles
    assert trouble.kind == "overridden"
    assert put_in(sandbox) == REDIRECT
    assert not list((sandbox.path / ".git" / "hooks").glob("[!.]*[!e]"))  # but for .sample
    uninstall(repo_of(sandbox), here=False)
    assert everything(sandbox).items() <= before.items()


@before_254
def test_a_hooks_path_that_others_took_back_stays_theirs(sandbox: Sandbox, tmp_path: Path) -> None:
    husky(sandbox, tmp_path / "told")
    put_in(sandbox)
    sandbox.git("config", "core.hooksPath", ".husky/_")
    [trouble] = condition(repo_of(sandbox), here=False).troubles
    assert (trouble.kind, trouble.advice) == ("overridden", "gitcoord hooks install")
    put_in(sandbox)
    assert condition(repo_of(sandbox), here=False).in_force
    sandbox.git("config", "core.hooksPath", ".others")
    uninstall(repo_of(sandbox), here=False)
    assert sandbox.git("config", "core.hooksPath") == ".others"


def test_installed_twice_is_installed_once(sandbox: Sandbox) -> None:
    put_in(sandbox)
    once = everything(sandbox)
    plan = install(repo_of(sandbox), here=False)
    assert plan.done
    assert everything(sandbox) == once


def test_two_installs_at_once_take_turns(sandbox: Sandbox, tmp_path: Path) -> None:
    husky(sandbox, tmp_path / "told")
    before = everything(sandbox)
    code = (
        "from gitcoord.git.repository import Repository as R\n"
        "from gitcoord.hooks.install import install\ninput()\n"
        "install(R.find('.'), here=False)\n"
    )
    several = [
        subprocess.Popen([sys.executable, "-c", code], cwd=sandbox.path, stdin=subprocess.PIPE)
        for _ in range(3)
    ]
    for one in several:
        assert one.stdin is not None
        one.stdin.write(b"\n")
        one.stdin.close()
    assert [one.wait() for one in several] == [0, 0, 0]
    assert condition(repo_of(sandbox), here=False).in_force
    uninstall(repo_of(sandbox), here=False)
    assert everything(sandbox) == before


@pytest.mark.parametrize("layout", ["nothing", "husky"])
def test_killed_between_any_two_steps_the_next_call_gets_right(
    sandbox: Sandbox, tmp_path: Path, layout: str
) -> None:
    """In a process of its own, which forks one to be killed for each step."""
    lay(layout, sandbox, tmp_path / "told")
    done = subprocess.run(
        [sys.executable, "-m", "tests.hooks.killed", sandbox.path],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    killed = json.loads(done.stdout)
    assert killed["install"] > 20 and killed["uninstall"] > 12, killed


@pytest.mark.parametrize("layout", ["nothing", "husky"])
def test_case_83_a_file_changed_by_hand_is_never_touched(
    sandbox: Sandbox, tmp_path: Path, layout: str
) -> None:
    lay(layout, sandbox, tmp_path / "told")
    put_in(sandbox)
    shim = shim_of(sandbox, "pre-push")
    shim.write_bytes(shim.read_bytes() + b"echo mine\n")
    edited = everything(sandbox)
    assert install(repo_of(sandbox), here=False).edited == (shim,)
    assert uninstall(repo_of(sandbox), here=False).edited == (shim,)
    assert everything(sandbox) == edited
    [trouble] = condition(repo_of(sandbox), here=False).troubles
    assert (trouble.kind, "pre-push" in trouble.what) == ("edited", True)
    shim.rename(tmp_path / "mine")
    assert condition(repo_of(sandbox), here=False).events["pre-push"] == "missing"
    put_in(sandbox)
    assert condition(repo_of(sandbox), here=False).in_force


def test_case_89_gitcoord_gone_lets_commits_through_with_a_notice(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    put_in(sandbox)
    python.unlink()
    done = commit(sandbox)
    assert done.returncode == 0
    assert done.stderr.count("gitcoord is not at") == 1 and done.stderr.count("\n") == 1


def commit(sandbox: Sandbox, **env: str) -> subprocess.CompletedProcess[str]:
    sandbox.write("big.txt", f"{time.monotonic_ns()}\n")
    sandbox.git("add", "-A")
    return subprocess.run(
        ["git", "commit", "-q", "-m", "Changed"],
        cwd=sandbox.path,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "how", ["sys.exit(3)", "sys.exit(2)", "import nowhere", "os.kill(os.getpid(), 9)", "1 / 0"]
)
def test_case_89_gitcoord_broken_lets_commits_through_with_a_notice(
    sandbox: Sandbox, ours: Ours, how: str
) -> None:
    ours.end(how)
    put_in(sandbox)
    done = commit(sandbox)
    assert done.returncode == 0
    assert "git goes on without" in done.stderr
    assert "pre-commit" in ours.events()


def test_case_89_a_python_that_cannot_start_is_no_refusal(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python ends with 1 when it finds no library of its own."""
    python = tmp_path / "python"
    write(python, "#!/bin/sh\nexit 1\n")
    monkeypatch.setattr(sys, "executable", str(python))
    put_in(sandbox)
    done = commit(sandbox)
    assert (done.returncode, "git goes on without" in done.stderr) == (0, True)


def test_only_our_own_no_stops_a_commit(sandbox: Sandbox, ours: Ours) -> None:
    ours.end("sys.exit(1)")
    put_in(sandbox)
    head = sandbox.git("rev-parse", "HEAD")
    done = commit(sandbox)
    assert (done.returncode, done.stderr) == (1, "")
    assert sandbox.git("rev-parse", "HEAD") == head
    assert commit(sandbox, GITCOORD_HOOKS="off").returncode == 0


def test_case_86_our_own_calls_of_git_run_no_hook(
    sandbox: Sandbox, tmp_path: Path, ours: Ours
) -> None:
    dump_hooks(sandbox.path / ".git" / "hooks", tmp_path / "told")
    put_in(sandbox)
    repo = repo_of(sandbox)
    repo.run("commit", "--allow-empty", "-m", "Ours")
    repo.run("update-ref", "refs/heads/ours", "HEAD")
    assert said_to(tmp_path / "told") == []
    assert ours.calls == []


@since_254
@pytest.mark.parametrize("name", ["lint", "a=b.c", "with space"])
def test_our_own_calls_of_git_run_no_hook_of_its_configuration(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    for event in ("reference-transaction", "pre-commit", "post-index-change"):
        sandbox.git("config", "--add", f"hook.{name}.event", event)
    sandbox.git("config", f"hook.{name}.command", f"touch '{tmp_path}/ran'; :")
    repo = repo_of(sandbox)
    repo.run("commit", "--allow-empty", "-m", "Ours")
    repo.run("update-ref", "refs/heads/ours", "HEAD")
    assert not (tmp_path / "ran").exists()
    sandbox.git("update-ref", "refs/heads/theirs", "HEAD")
    assert (tmp_path / "ran").exists()


@since_254
def test_case_85_hooks_in_the_configuration_stand_beside_others(
    sandbox: Sandbox, tmp_path: Path, ours: Ours
) -> None:
    dump_hooks(sandbox.path / ".git" / "hooks", tmp_path / "told")
    sandbox.git("config", "hook.theirs.event", "pre-commit")
    sandbox.git("config", "hook.theirs.command", f"touch '{tmp_path}/ran'; :")
    assert put_in(sandbox) == CONFIG
    listed = sandbox.git("hook", "list", "pre-commit").split("\n")
    assert listed == ["theirs", "gitcoord-pre-commit", "hook from hookdir"]
    assert commit(sandbox).returncode == 0
    assert (tmp_path / "ran").exists()
    assert "pre-commit" in ours.events()
    assert said_to(tmp_path / "told")[0]["event"] == "pre-commit"
    shutil.rmtree(sandbox.path / ".git" / "agentcoord" / "hooks")
    done = commit(sandbox)
    assert (done.returncode, "its hooks are gone" in done.stderr) == (0, True)


def test_case_88_after_a_commit_nothing_of_gits_is_held(
    sandbox: Sandbox, tmp_path: Path, ours: Ours
) -> None:
    """ours is made to live on: whoever waits for the end of git's output must not wait for it."""
    ours.end("time.sleep(3)")
    put_in(sandbox)
    linked = agents_worktree(sandbox, tmp_path)
    reader, writer = os.pipe()
    subprocess.run(
        [shim_path(sandbox, "post-merge"), "0"],
        cwd=linked,
        pass_fds=[writer],
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)
    wait_for(lambda: "post-merge" in ours.events())
    [call] = [call for call in ours.calls if call["argv"][2] == "post-merge"]
    assert call["leader"] and call["streams"] in ([], ["/dev/null"] * 3)
    assert set(call["fds"]) <= {"0", "1", "2", "3"}  # 3 is what lists them


def shim_path(sandbox: Sandbox, event: str) -> Path:
    repo = repo_of(sandbox)
    found = condition(repo, here=False).installed
    assert found is not None
    return found.folder / event


@pytest.mark.parametrize("words", [("cherry-pick",), ("revert", "--no-edit")])
def test_case_87_of_commits_picked_together_only_the_last_starts_something(
    sandbox: Sandbox, tmp_path: Path, ours: Ours, words: tuple[str, ...]
) -> None:
    sandbox.git("checkout", "-q", "-b", "side")
    for number in range(3):
        sandbox.commit(f"Side {number}", {f"side{number}.txt": "1\n"})
    linked = tmp_path / "linked"
    begin = "side" if "revert" in words else "main"
    sandbox.git("worktree", "add", "-q", "-b", "new", str(linked), begin)
    sandbox.write(".git/worktrees/linked/agentcoord-id", "linked\n")
    put_in(sandbox)
    sandbox.git(*words, "main..side", at=linked)
    sandbox.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "One more", at=linked)
    wait_for(lambda: ours.events().count("post-commit") >= 2)
    assert ours.events().count("post-commit") == 2


def test_case_87_a_rebase_starts_nothing_until_its_end(
    sandbox: Sandbox, tmp_path: Path, ours: Ours
) -> None:
    sandbox.git("checkout", "-q", "-b", "side")
    for number in range(3):
        sandbox.commit(f"Side {number}", {f"side{number}.txt": "1\n"})
    sandbox.git("checkout", "-q", "main")
    sandbox.commit("Main", {"main.txt": "1\n"})
    linked = tmp_path / "linked"
    sandbox.git("worktree", "add", "-q", str(linked), "side")
    sandbox.write(".git/worktrees/linked/agentcoord-id", "linked\n")
    put_in(sandbox)
    sandbox.git("rebase", "-q", "main", at=linked)
    wait_for(lambda: "post-rewrite" in ours.events())
    seen = ours.events()
    assert seen.count("post-rewrite") == 1
    assert "post-commit" not in seen
    [call] = [call for call in ours.calls if call["argv"][2] == "post-rewrite"]
    assert call["argv"][3:] == ["rebase"] and call["stdin"].count("\n") == 3


def test_a_file_in_place_of_the_folder_is_refused_before_anything_changed(
    sandbox: Sandbox,
) -> None:
    folder = sandbox.path / ".git" / "hooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("no folder")
    before = everything(sandbox)
    if git_version() < CONFIGURED:
        with pytest.raises(Problem, match="not a folder"):
            put_in(sandbox)
        assert everything(sandbox) == before


def test_a_configuration_locked_by_others_is_left_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    husky(sandbox, tmp_path / "told")
    lock = sandbox.path / ".git" / "config.lock"
    lock.write_text("theirs")
    config = (sandbox.path / ".git" / "config").read_bytes()
    with pytest.raises(Contended, match="locked"):
        put_in(sandbox)
    assert lock.read_text() == "theirs"
    assert (sandbox.path / ".git" / "config").read_bytes() == config
    lock.unlink()
    put_in(sandbox)
    assert condition(repo_of(sandbox), here=False).in_force


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write anywhere"
)
@before_254
def test_a_read_only_folder_is_refused_before_anything_changed(sandbox: Sandbox) -> None:
    folder = sandbox.path / ".git" / "hooks"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o555)
    before = everything(sandbox)
    drop: list[str | Path] = [
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-all",
    ]
    words = [str(Path(sys.executable).with_name("gitcoord")), "hooks", "install"]
    done = subprocess.run(
        [*(drop if os.geteuid() == 0 else []), *words],
        cwd=sandbox.path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "cannot write in" in done.stderr) == (2, True), done.stderr
    assert everything(sandbox) == before


@before_254
def test_a_hook_that_appears_meanwhile_is_not_overwritten(sandbox: Sandbox) -> None:
    repo = repo_of(sandbox)
    hook = sandbox.path / ".git" / "hooks" / "pre-push"
    plan = plan_install(repo, here=False)
    assert plan.wanted.way == FOLDER
    write(hook, "#!/bin/sh\n")
    assert put_in(sandbox) == REDIRECT
    assert hook.read_text() == "#!/bin/sh\n"


@before_254
def test_every_other_event_is_passed_on_and_none_that_would_change_git(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    write(sandbox.path / ".git" / "hooks" / "pre-rebase", "#!/bin/sh\nexit 9\n")
    write(sandbox.path / ".git" / "hooks" / "pre-push", "#!/bin/sh\n")
    put_in(sandbox)
    folder = sandbox.path / ".git" / "agentcoord" / "hooks"
    assert {file.name for file in folder.iterdir()} == {*OURS, *OTHERS}
    assert subprocess.run([folder / "pre-rebase"], cwd=sandbox.path).returncode == 9
    assert subprocess.run([folder / "update"], cwd=sandbox.path).returncode == 0
    uninstall(repo_of(sandbox), here=False)
    write(sandbox.path / ".git" / "hooks" / "push-to-checkout", "#!/bin/sh\n")
    put_in(sandbox)
    assert (folder / "push-to-checkout").exists()
    assert set(WHERE_PRESENT) - {file.name for file in folder.iterdir()} == {"proc-receive"}


@pytest.mark.parametrize("layout", ["husky"])
def test_case_82_a_relative_folder_is_looked_for_in_each_worktree(
    sandbox: Sandbox, tmp_path: Path, layout: str
) -> None:
    sandbox.git("config", "core.hooksPath", "hooks here")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        sandbox.git("worktree", "add", "-q", "-b", folder.name, str(folder))
        write(folder / "hooks here" / "pre-commit", f"#!/bin/sh\necho {folder.name} $0 >&2\n")
    put_in(sandbox, folders[0])
    for folder in folders:
        done = subprocess.run(
            ["git", "commit", "-q", "--allow-empty", "-m", "x"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert f"{folder.name} hooks here/pre-commit\n" in done.stderr


def test_case_22_a_bare_repository(sandbox: Sandbox, tmp_path: Path) -> None:
    bare = Sandbox(tmp_path / "bare.git")
    sandbox.git("clone", "-q", "--bare", ".", str(bare.path))
    before = everything(bare)
    with pytest.raises(Refused, match=r"core\.bare"):
        put_in(bare, here=True)
    put_in(bare)
    assert condition(repo_of(bare), here=False).in_force
    sandbox.commit("More", {"more.txt": "1\n"})
    sandbox.git("push", "-q", str(bare.path), "main")
    assert bare.git("rev-parse", "main") == sandbox.git("rev-parse", "main")
    uninstall(repo_of(bare), here=False)
    assert {name for name in everything(bare) if "hooks" in name} == {
        name for name in before if "hooks" in name
    }


def test_case_19_a_submodule(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("init", "-q", str(tmp_path / "part"))
    part = Sandbox(tmp_path / "part")
    part.commit("Part", {"part.txt": "1\n"})
    sandbox.git("submodule", "--quiet", "add", str(part.path), "sub")
    sub = Sandbox(sandbox.path / "sub")
    config = sandbox.path / ".git" / "modules" / "sub" / "config"
    before = config.read_bytes()
    with pytest.raises(Refused, match=r"core\.worktree"):
        put_in(sub, here=True)
    put_in(sub)
    assert condition(repo_of(sub), here=False).in_force
    assert condition(repo_of(sandbox), here=False).installed is None
    assert commit(sub).returncode == 0
    uninstall(repo_of(sub), here=False)
    assert config.read_bytes() == before


def test_for_one_worktree_alone(sandbox: Sandbox, tmp_path: Path, ours: Ours) -> None:
    linked = tmp_path / "linked"
    sandbox.git("worktree", "add", "-q", "-b", "linked", str(linked))
    before = everything(sandbox)
    put_in(sandbox, linked, here=True)
    assert sandbox.git("config", "extensions.worktreeConfig") == "true"
    assert condition(repo_of(sandbox, linked), here=True).in_force
    assert condition(repo_of(sandbox), here=False).installed is None
    commit(sandbox)
    assert ours.calls == []
    sandbox.git("commit", "-q", "--allow-empty", "-m", "There", at=linked)
    assert "pre-commit" in ours.events()
    repo = repo_of(sandbox, linked)
    assert uninstall(repo, here=False).old is None
    assert uninstall(repo, here=True).old is not None
    config = {name: after for name, after in everything(sandbox).items() if "config" in name}
    assert config == {name: was for name, was in before.items() if "config" in name}


def test_a_worktree_with_a_configuration_of_its_own_keeps_the_extension(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    sandbox.git("worktree", "add", "-q", "-b", "linked", str(linked))
    put_in(sandbox, linked, here=True)
    sandbox.git("config", "--worktree", "user.name", "Else")
    uninstall(repo_of(sandbox, linked), here=True)
    assert sandbox.git("config", "user.name") == "Else"


def test_the_whole_repository_and_one_worktree_would_run_twice(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    put_in(sandbox)
    with pytest.raises(Refused, match="already"):
        put_in(sandbox, here=True)


@pytest.mark.parametrize("layout", ["husky", "own_script", "nothing"])
def test_case_61_a_repository_that_was_moved(sandbox: Sandbox, tmp_path: Path, layout: str) -> None:
    """core.hooksPath names the old place: git runs no hook at all, and says nothing."""
    lay(layout, sandbox, tmp_path / "told")
    before = sandbox.git("config", "--local", "--list")
    way = put_in(sandbox)
    moved = Sandbox(sandbox.path.rename(tmp_path / "moved"))
    found = condition(repo_of(moved), here=False)
    assert found.in_force == (way == FOLDER)
    assert {one.kind for one in found.troubles} == (set() if way == FOLDER else {"moved"})
    put_in(moved)
    assert condition(repo_of(moved), here=False).in_force
    uninstall(repo_of(moved), here=False)
    assert moved.git("config", "--local", "--list") == before


SECRETS = [
    "AKIA" + "Q" * 16,
    "xoxb" + "-1234567890",
    "ghp" + "_" + "aB3dE" * 8,
    "see https://ada:" + "hunter22@example.com",
    "pass" + "word = 'correct-horse'",
    "API_" + "KEY: a1b2c3d4e5f6",
    "Authorization: Basic YWRhOmh1bnRlcjIyMg==",
    "-----BEGIN " + "RSA PRIVATE KEY-----",
    "https://hooks.slack.com/" + "services/T0000000/B0000000/" + "a1" * 9,
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_message_with_a_secret_is_looked_at_in_full(
    sandbox: Sandbox, ours: Ours, secret: str
) -> None:
    (ours.package / "hooks").mkdir()
    shutil.copy(gate.__file__, ours.package / "hooks")
    put_in(sandbox)
    sandbox.write("M", f"Say more\n\n{secret}\n")
    subprocess.run([shim_path(sandbox, "commit-msg"), "M"], cwd=sandbox.path, check=True)
    assert ours.events() == ["commit-msg"]


@pytest.mark.parametrize(
    "message",
    ["Start", "Fix login of users: it's slow\n\nSee src/auth.py, lines 10-20.\n", "", "é\xff\n# x"],
)
def test_a_message_of_words_needs_no_process(sandbox: Sandbox, ours: Ours, message: str) -> None:
    """ours has no gate here: whatever is not told by the shell reaches the full check."""
    put_in(sandbox)
    sandbox.write("M", message)
    subprocess.run([shim_path(sandbox, "commit-msg"), "M"], cwd=sandbox.path, check=True)
    assert ours.calls == []


def test_only_commits_of_agents_start_anything(
    sandbox: Sandbox, tmp_path: Path, ours: Ours
) -> None:
    put_in(sandbox)
    shim = shim_path(sandbox, "post-commit")
    subprocess.run([shim], cwd=sandbox.path, check=True)
    linked = tmp_path / "linked"
    sandbox.git("worktree", "add", "-q", "-b", "linked", str(linked))
    subprocess.run([shim], cwd=linked, check=True)
    sandbox.write(".git/worktrees/linked/agentcoord-id", "linked\n")
    subprocess.run([shim], cwd=linked, check=True)
    wait_for(lambda: len(ours.calls) == 1)
    assert ours.calls[0]["cwd"] == str(linked)
    sandbox.write(".git/agentcoord/config.toml", '[hooks]\nvalidate = "all"\n')
    subprocess.run([shim], cwd=sandbox.path, check=True)
    wait_for(lambda: len(ours.calls) == 2)


@before_254
def test_case_46_a_path_to_hooks_that_are_gone(sandbox: Sandbox, tmp_path: Path) -> None:
    husky(sandbox, tmp_path / "told")
    put_in(sandbox)
    shutil.rmtree(sandbox.path / ".git" / "agentcoord")
    [trouble] = condition(repo_of(sandbox), here=False).troubles
    assert (trouble.kind, trouble.advice) == ("stale", "git config --unset core.hooksPath")


@before_254
def test_a_path_that_outweighs_ours_is_refused_and_nothing_stays(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    file = sandbox.path / ".git" / "config"
    file.write_text(file.read_text() + "[include]\n\tpath = more\n")
    (sandbox.path / ".git" / "more").write_text("[core]\n\thooksPath = .others\n")
    before = everything(sandbox)
    with pytest.raises(Refused, match="outweighs"):
        put_in(sandbox)
    assert everything(sandbox) == before
