"""`start`: what comes out, and where from and where to it works."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from gitcoord.git.repository import git_version
from tests.calling import PROGRAM, gitcoord, installed
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, look, refused


class TestWhatComesOut:
    def test_a_worktree_on_a_branch_with_the_context_as_its_first_commit(
        self, sandbox: Sandbox
    ) -> None:
        head = sandbox.git("rev-parse", "HEAD")
        made = begin(at=sandbox.path)
        path, branch, name = Path(made["path"]), made["branch"], made["id"]
        assert path == sandbox.path.parent / "shop.worktrees" / name
        assert made["base"] == "main"
        assert made["base_sha"] == head
        assert sandbox.git("rev-parse", f"{branch}~1") == head
        assert sandbox.git("branch", "--show-current", at=path) == branch
        assert sandbox.git("status", "--porcelain", at=path) == ""
        changed = sandbox.git("diff", "--name-only", "main", branch)
        assert changed == f".agentcoord/{name}/context.toml"
        context = tomllib.loads((path / changed).read_text())
        assert context["task"] == "why is it slow"
        assert context["id"] == name
        assert context["roles"] == ["detective", "researcher", "analyst"]
        assert context["base"] == {"name": "main", "ref": "refs/heads/main", "id": head}
        assert sandbox.git("log", "-1", "--format=%an <%ae>", branch) == (
            "Ada Tester <ada@example.com>"
        )

    def test_mine_stays_as_it_was(self, sandbox: Sandbox) -> None:
        sandbox.write("README.md", "changed")
        before, log = look(sandbox), sandbox.git("log", "--all", "--format=%H")
        made = begin(at=sandbox.path)
        after = look(sandbox)
        assert (after.status, after.stash) == (before.status, before.stash)
        tip = sandbox.git("rev-parse", made["branch"])
        assert set(sandbox.git("log", "--all", "--format=%H").split()) == {tip, *log.split()}
        config = "shop/.git/config"
        assert after.files[config] == before.files[config]

    def test_it_is_not_locked_and_leaves_no_lease(self, sandbox: Sandbox) -> None:
        begin(at=sandbox.path)
        assert "\nlocked" not in sandbox.git("worktree", "list", "--porcelain")
        assert list((sandbox.path / ".git" / "agentcoord" / "leases").iterdir()) == []

    def test_case_27_nothing_is_tracked_or_pushed_to_main(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "branch.autoSetupMerge", "always")
        sandbox.git("config", "push.autoSetupRemote", "true")
        sandbox.git("update-ref", "refs/remotes/origin/main", "HEAD")
        made = begin("--from", "origin/main", at=sandbox.path)
        config = sandbox.git("config", "--list", "--local")
        assert f"branch.{made['branch']}." not in config

    def test_case_07_the_same_task_twice(self, sandbox: Sandbox) -> None:
        one, other = begin(at=sandbox.path), begin(at=sandbox.path)
        assert one["id"] != other["id"]
        assert one["path"] != other["path"]

    @pytest.mark.parametrize(
        "task", ["???", "日本語", "👨‍👩‍👧 family", "no\u00a0break", "two\r\nlines", "a\u202eb"]
    )
    def test_case_07_any_words(self, sandbox: Sandbox, task: str) -> None:
        made = begin(at=sandbox.path, task=task)
        assert made["id"].isascii()
        context = Path(made["path"], ".agentcoord", made["id"], "context.toml")
        assert tomllib.loads(context.read_text("utf-8"))["task"] == task.replace("\r\n", "\n")

    def test_a_long_task_becomes_a_short_title(self, sandbox: Sandbox) -> None:
        task = "it fails\n" + "at line of code\n" * 3_000
        made = begin(at=sandbox.path, task=task)
        title = sandbox.git("log", "-1", "--format=%s", made["branch"])
        assert title.startswith("Start investigation: it fails at line")
        assert len(title) < 90

    def test_case_08_names_with_slashes_and_dashes_stay_apart(self, sandbox: Sandbox) -> None:
        one = begin("--name", "a/b", at=sandbox.path)
        other = begin("--name", "a-b", at=sandbox.path)
        assert one["id"].startswith("investigation-a-b-")
        assert one["path"] != other["path"]

    @pytest.mark.parametrize("name", ["../x", "-x", ".lock", "CON", "Ünï côdé", "a" * 300, "a@{b"])
    def test_case_07_and_09_any_name_becomes_a_safe_one(self, sandbox: Sandbox, name: str) -> None:
        made = begin("--name", name, at=sandbox.path)
        assert Path(made["path"]).parent == sandbox.path.parent / "shop.worktrees"
        assert len(made["id"]) <= 48
        assert made["id"] == made["id"].lower()

    def test_case_11_the_same_folder_name_in_two_places(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        one = begin("--path", tmp_path / "a" / "same", at=sandbox.path)
        other = begin("--path", tmp_path / "b" / "same", at=sandbox.path)
        listed = {
            row["id"]: row["path"] for row in gitcoord("list", "--json", at=sandbox.path).json
        }
        assert listed == {one["id"]: one["path"], other["id"]: other["path"]}

    def test_through_the_installed_program(self, sandbox: Sandbox) -> None:
        said = installed(
            "start", "development", "let users change their mail", "--no-run", at=sandbox.path
        )
        assert said.code == 0, said.err
        name = said.out.split("\n")[0]
        assert name.startswith("development-let-users-change-mail-")
        assert (sandbox.path.parent / "shop.worktrees" / name / "README.md").is_file()
        assert "starting from main (" in said.err

    def test_the_users_number_of_checkout_workers_holds(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "checkout.workers", "no number")
        said = gitcoord("start", "investigation", "x", "--no-run", at=sandbox.path)
        assert said.code == 2, "git reads the setting, since ours is not put over it"
        sandbox.git("config", "checkout.workers", "1")
        assert begin(at=sandbox.path)


class TestDryRun:
    @pytest.mark.parametrize("form", [(), ("--json",)])
    def test_it_changes_nothing_at_all(self, sandbox: Sandbox, form: tuple[str, ...]) -> None:
        sandbox.write("README.md", "changed")
        sandbox.write(".env", "KEY=1")
        sandbox.write(".worktreeinclude", ".env\n")
        gitcoord("config", "set", "setup.commands", "touch made", at=sandbox.path)
        before = look(sandbox)
        objects = sandbox.git("count-objects", "-v")
        said = gitcoord(
            "start", "investigation", "a task", "--dry-run", "--with-changes", *form,
            at=sandbox.path,
        )  # fmt: skip
        assert said.code == 0, said.err
        for shown in ("investigation-task-", "main", "shop.worktrees", ".env", "touch made"):
            assert shown in said.out
        assert look(sandbox) == before
        assert sandbox.git("count-objects", "-v") == objects

    def test_not_even_our_folder_is_made(self, sandbox: Sandbox) -> None:
        assert gitcoord("start", "investigation", "x", "-n", at=sandbox.path).code == 0
        assert not (sandbox.path / ".git" / "agentcoord").exists()

    def test_what_would_be_refused_is_refused(self, sandbox: Sandbox) -> None:
        assert gitcoord("start", "investigation", "", "-n", at=sandbox.path).code == 2
        said = gitcoord("start", "investigation", "x", "-n", "--path", ".", at=sandbox.path)
        assert said.code == 2


class TestFromWhere:
    """Wherever one stands: the new worktree belongs to the one repository, beside it."""

    def beside(self, made: dict[str, str], home: Path) -> None:
        assert Path(made["path"]).parent == home.parent / f"{home.name}.worktrees"
        assert (Path(made["path"]) / "README.md").is_file()

    def test_case_118_a_subdirectory(self, sandbox: Sandbox) -> None:
        self.beside(begin(at=sandbox.path / "src"), sandbox.path)

    def test_case_118_the_git_folder(self, sandbox: Sandbox) -> None:
        self.beside(begin(at=sandbox.path / ".git"), sandbox.path)

    def test_case_118_through_a_symbolic_link(self, sandbox: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(sandbox.path)
        self.beside(begin(at=tmp_path / "link"), sandbox.path)

    def test_case_118_a_place_through_a_symbolic_link(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        made = begin("--path", tmp_path / "link" / "new", at=sandbox.path)
        assert made["path"] == str(tmp_path / "real" / "new")
        assert gitcoord("path", made["id"], at=sandbox.path).out == made["path"] + "\n"

    def test_case_30_a_linked_worktree_does_not_nest(self, sandbox: Sandbox) -> None:
        first = begin(at=sandbox.path)
        second = begin(at=Path(first["path"]))
        self.beside(second, sandbox.path)
        assert second["base"] == first["branch"]

    def test_case_22_a_bare_repository(self, sandbox: Sandbox, tmp_path: Path) -> None:
        bare = tmp_path / "store.git"
        sandbox.git("clone", "-q", "--bare", str(sandbox.path), str(bare))
        made = begin(at=bare)
        assert Path(made["path"]).parent == tmp_path / "store.worktrees"
        assert sandbox.git("status", "--porcelain", at=Path(made["path"])) == ""

    def test_case_22_a_bare_git_folder_in_a_wrapper(self, sandbox: Sandbox, tmp_path: Path) -> None:
        wrapper = tmp_path / "wrapper"
        sandbox.git("clone", "-q", "--bare", str(sandbox.path), str(wrapper / ".git"))
        made = begin(at=wrapper)
        assert Path(made["path"]).parent == tmp_path / "wrapper.worktrees"

    def test_case_22_a_linked_worktree_of_a_bare_one(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        bare = tmp_path / "wrapper" / ".bare"
        sandbox.git("clone", "-q", "--bare", str(sandbox.path), str(bare))
        (tmp_path / "wrapper" / ".git").write_text("gitdir: ./.bare\n")
        sandbox.git("worktree", "add", "-q", "main", at=tmp_path / "wrapper")
        made = begin(at=tmp_path / "wrapper" / "main" / "src")
        assert Path(made["path"]).parent == tmp_path / "wrapper.worktrees"

    def test_case_19_inside_a_submodule(self, sandbox: Sandbox, tmp_path: Path) -> None:
        parent = Sandbox(tmp_path / "product")
        parent.path.mkdir()
        parent.git("init", "-q")
        parent.git("submodule", "--quiet", "add", str(sandbox.path), "libs/shop")
        parent.commit("Take the shop in", {"top": "x"})
        inside = parent.path / "libs" / "shop"
        made = begin(at=inside)
        path = Path(made["path"])
        assert path.parent == tmp_path / "shop.worktrees"
        assert sandbox.git("rev-parse", "HEAD~1", at=path) == sandbox.git("rev-parse", "HEAD")
        assert parent.git("status", "--porcelain") == ""
        words = ("start", "investigation", "x", "--no-run", "--path", parent.path / "libs" / "x")
        refused(gitcoord(*words, at=inside), f"lies in the checkout at {parent.path}")
        (parent.path / ".git" / "info" / "exclude").write_text("/libs/x/\n")
        assert gitcoord(*words, at=inside).code == 0
        assert parent.git("status", "--porcelain") == ""

    def test_case_19_in_a_submodule_of_a_submodule_in_a_linked_worktree(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        for name, part in (("middle", "shop"), ("product", "middle")):
            whole = Sandbox(tmp_path / name)
            whole.path.mkdir()
            whole.git("init", "-q")
            whole.git("submodule", "--quiet", "add", str(tmp_path / part), part)
            whole.commit("Take it in", {"top": "x"})
        (tmp_path / "far").mkdir()
        linked = tmp_path / "far" / "linked"
        whole.git("worktree", "add", "-q", str(linked))
        whole.git("submodule", "--quiet", "update", "--init", "--recursive", at=linked)
        made = begin("--from", "HEAD", at=linked / "middle" / "shop")
        assert Path(made["path"]).parent == tmp_path / "far" / "shop.worktrees"

    def test_case_19_that_its_submodules_are_empty_is_said(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.git("clone", "-q", str(sandbox.path), str(tmp_path / "lib"))
        sandbox.git("submodule", "--quiet", "add", str(tmp_path / "lib"), "lib")
        sandbox.commit("Take lib in", {})
        said = gitcoord("start", "investigation", "x", "--no-run", at=sandbox.path)
        assert "submodule update --init --recursive" in said.err

    def test_case_63_sha256(self, tmp_path: Path) -> None:
        shop = Sandbox(tmp_path / "shop")
        shop.path.mkdir()
        shop.git("init", "-q", "--object-format=sha256")
        shop.commit("Start", {"README.md": "x"})
        made = begin(at=shop.path)
        assert len(made["base_sha"]) == 64
        assert gitcoord("list", "--json", at=shop.path).json[0]["ahead"] == 1

    @pytest.mark.skipif(git_version() < (2, 45), reason="git has no reftable yet")
    def test_case_63_reftable(self, tmp_path: Path) -> None:
        shop = Sandbox(tmp_path / "shop")
        shop.path.mkdir()
        shop.git("init", "-q", "--ref-format=reftable")
        shop.commit("Start", {"README.md": "x"})
        begin(at=shop.path)
        assert gitcoord("list", "--json", at=shop.path).json[0]["ahead"] == 1

    def test_case_21_a_shallow_clone(self, sandbox: Sandbox, tmp_path: Path) -> None:
        shallow = tmp_path / "shallow"
        sandbox.git("clone", "-q", "--depth", "1", f"file://{sandbox.path}", str(shallow))
        made = begin(at=shallow)
        assert (made["upstream"], made["behind"]) == ("origin/main", 0)
        assert gitcoord("list", "--json", at=shallow).json[0]["ahead"] == 1

    def test_case_21_a_partial_clone(self, sandbox: Sandbox, tmp_path: Path) -> None:
        partial = tmp_path / "partial"
        sandbox.git("config", "uploadpack.allowFilter", "true")
        sandbox.git(
            "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{sandbox.path}",
            str(partial),
        )  # fmt: skip
        made = begin(at=partial)
        assert (Path(made["path"]) / "src" / "auth.py").is_file()

    @pytest.mark.parametrize("cone", ["--cone", "--no-cone"])
    def test_case_20_sparse_checkout_is_carried_and_shows_the_context(
        self, sandbox: Sandbox, cone: str
    ) -> None:
        sandbox.git("sparse-checkout", "set", cone, "src")
        made = begin(at=sandbox.path)
        path = Path(made["path"])
        assert (path / "src" / "auth.py").is_file()
        assert not (path / "tests").exists()
        assert (path / ".agentcoord" / made["id"] / "context.toml").is_file()
        assert sandbox.git("status", "--porcelain", at=path) == ""
        assert sandbox.git("sparse-checkout", "list") == "src"

    def test_case_20_sparse_checkout_of_a_linked_worktree(self, sandbox: Sandbox) -> None:
        first = Path(begin(at=sandbox.path)["path"])
        sandbox.git("sparse-checkout", "set", "tests", at=first)
        second = Path(begin(at=first)["path"])
        assert not (second / "src").exists()
        assert (second / "tests").is_dir()
        assert (sandbox.path / "src").is_dir()

    def test_case_20_sparse_checkout_that_was_ended(self, sandbox: Sandbox) -> None:
        sandbox.git("sparse-checkout", "set", "src")
        sandbox.git("sparse-checkout", "disable")
        assert (Path(begin(at=sandbox.path)["path"]) / "tests").is_dir()

    def test_case_12_and_37_paths_in_any_bytes(self, sandbox: Sandbox, tmp_path: Path) -> None:
        home = tmp_path / os.fsdecode(
            "new\nline é 👷 \xff".encode("utf-8", "surrogateescape") + b"\xff"
        )
        sandbox.path.rename(home)
        shop = Sandbox(home)
        made = begin(at=home / "src")
        path = Path(made["path"])
        assert path.parent == home.parent / f"{home.name}.worktrees"
        assert shop.git("status", "--porcelain", at=path) == ""
        row = gitcoord("list", "--json", at=home).json[0]
        assert (row["path"], row["state"], row["dirty"]) == (made["path"], "live", False)
        second = begin("--path", tmp_path / "b\nc\n", at=path)
        assert Path(second["path"]).is_dir()
        assert len(gitcoord("list", "--json", at=Path(second["path"])).json) == 2

    @pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
    def test_case_47_and_119_git_variables_are_not_ours(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv(variable, ".git/nonsense")
        said = gitcoord("start", "investigation", "x", "--no-run", at=sandbox.path)
        monkeypatch.delenv(variable)
        assert said.code == 0, said.err
        assert sandbox.git("status", "--porcelain") == ""

    def test_case_119_as_a_git_alias(self, sandbox: Sandbox) -> None:
        """git sets GIT_DIR and GIT_PREFIX, and stands at the top."""
        program = PROGRAM.with_name("git-coord")
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        sandbox.git("coord", "start", "investigation", "x", "--no-run", PATH=path)
        assert len(gitcoord("list", "--json", at=sandbox.path).json) == 1


class TestHooksAndFilters:
    @pytest.mark.parametrize("body", ["exit 1", "sleep 600", "touch ran"])
    def test_case_15_and_16_hooks_do_not_run(self, sandbox: Sandbox, body: str) -> None:
        for name in ("post-checkout", "reference-transaction", "post-index-change"):
            hook = sandbox.write(f".git/hooks/{name}", f"#!/bin/sh\n{body}\n")
            hook.chmod(0o755)
        path = Path(begin(at=sandbox.path)["path"])
        assert not (path / "ran").exists()
        assert not (sandbox.path / "ran").exists()

    def test_case_17_a_required_filter_that_fails(self, sandbox: Sandbox) -> None:
        sandbox.commit("Keep pictures elsewhere", {".gitattributes": "*.png filter=big\n"})
        sandbox.commit("A picture", {"a.png": "pointer"})
        sandbox.git("config", "filter.big.smudge", "false")
        sandbox.git("config", "filter.big.required", "true")
        before = look(sandbox)
        said = gitcoord("start", "investigation", "x", "--no-run", at=sandbox.path)
        assert said.code == 2
        assert "a.png" in said.err
        assert "nothing was left behind" in said.err
        assert look(sandbox) == before

    def test_case_17_an_optional_filter_that_fails(self, sandbox: Sandbox) -> None:
        sandbox.commit("Keep pictures elsewhere", {".gitattributes": "*.png filter=big\n"})
        sandbox.commit("A picture", {"a.png": "pointer"})
        sandbox.git("config", "filter.big.smudge", "false")
        path = Path(begin(at=sandbox.path)["path"])
        assert (path / "a.png").read_text() == "pointer"

    def test_case_110_no_daemon_is_started(self, sandbox: Sandbox) -> None:
        sandbox.git("config", "core.fsmonitor", "true")
        path = Path(begin(at=sandbox.path)["path"])
        assert not list(path.parent.rglob("fsmonitor*"))
        assert not list((sandbox.path / ".git" / "worktrees").rglob("fsmonitor*"))


class TestPlaces:
    def test_path_makes_what_is_missing_on_the_way(self, sandbox: Sandbox, tmp_path: Path) -> None:
        made = begin("--path", "../deep/er/place", at=sandbox.path)
        assert made["path"] == str(tmp_path / "deep" / "er" / "place")

    def test_case_10_an_empty_folder_will_do(self, sandbox: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert begin("--path", tmp_path / "empty", at=sandbox.path)

    def test_case_10_an_empty_folder_stays_when_it_fails(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        (tmp_path / "empty").mkdir()
        gitcoord("config", "set", "setup.commands", "false", at=sandbox.path)
        before = look(sandbox)
        words = ("--path", tmp_path / "empty", "--no-run")
        assert gitcoord("start", "investigation", "x", *words, at=sandbox.path).code == 2
        after = look(sandbox)
        assert after.folders == before.folders

    def test_case_31_inside_the_main_worktree(self, sandbox: Sandbox) -> None:
        words = ("start", "investigation", "x", "--no-run", "--path", "my trees/one")
        before = look(sandbox)
        said = gitcoord(*words, at=sandbox.path)
        refused(said, f"lies in the checkout at {sandbox.path}", "info/exclude", "outside")
        assert look(sandbox) == before
        follow_the_advice(said.err)
        assert gitcoord(*words, at=sandbox.path).code == 0
        assert sandbox.git("status", "--porcelain") == ""

    def test_case_31_inside_a_linked_worktree(self, sandbox: Sandbox) -> None:
        first = Path(begin(at=sandbox.path)["path"])
        words = ("start", "investigation", "x", "--no-run", "--path", "trees/one")
        said = gitcoord(*words, at=first)
        refused(said, f"lies in the checkout at {first}")
        follow_the_advice(said.err)
        assert gitcoord(*words, at=first).code == 0
        assert sandbox.git("status", "--porcelain", at=first) == ""

    def test_the_place_is_a_template(self, sandbox: Sandbox, sealed: Path) -> None:
        for template, where in {
            "{home}/trees/{repo}/{kind}/{id}": sealed / "trees" / "shop" / "investigation",
            "../elsewhere/{id}": sandbox.path.parent / "elsewhere",
            "~/{id}": sealed,
        }.items():
            gitcoord("config", "set", "worktree.path", template, at=sandbox.path)
            made = begin(at=sandbox.path)
            assert Path(made["path"]) == where / made["id"]

    def test_the_base_is_a_setting(self, sandbox: Sandbox) -> None:
        gitcoord("config", "set", "worktree.base", "HEAD~1", at=sandbox.path)
        assert begin(at=sandbox.path)["base_sha"] == sandbox.git("rev-parse", "HEAD~1")
        assert begin("--from", "main", at=sandbox.path)["base"] == "main"

    def test_case_18_a_failure_never_works_in_the_main_checkout(self, sandbox: Sandbox) -> None:
        gitcoord("config", "set", "setup.commands", "touch here; exit 3", at=sandbox.path)
        assert gitcoord("start", "investigation", "x", at=sandbox.path).code == 2
        assert not (sandbox.path / "here").exists()


def follow_the_advice(narration: str) -> None:
    """Run the command a hint gives, as a shell would."""
    line = next(line for line in narration.splitlines() if "ignored there first: " in line)
    subprocess.run(["/bin/sh", "-c", line.partition(" first: ")[2]], check=True)
