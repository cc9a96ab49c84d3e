"""Out of the worktree there is no way: paths, links, links swapped in, settings, records."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gitcoord.errors import BadInput, NoSuch, Problem, Refused
from gitcoord.runtime.api.reach import Reach


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A worktree beside a folder with a secret."""
    top = tmp_path / "worktree"
    (top / "src").mkdir(parents=True)
    (top / "src" / "a.py").write_text("a = 1\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("s3cret")
    return top


@pytest.fixture
def reach(top: Path) -> Reach:
    return Reach(top, ".agentcoord/mine", ("tools/hooks",))


class TestPlaces:
    @pytest.mark.parametrize(
        "name", ["src/a.py", "./src/../src/a.py", "src//a.py", "{top}/src/a.py"]
    )
    def test_ways_to_say_one_file(self, reach: Reach, top: Path, name: str) -> None:
        assert reach.place(name.format(top=top)) == ("src", "a.py")

    @pytest.mark.parametrize(
        "name",
        ["..", "../outside/secret", "src/../../outside/secret", "/etc/passwd", "{top}/../outside",
         "{top}2/x", "src/../.."],
    )  # fmt: skip
    def test_outside(self, reach: Reach, top: Path, name: str) -> None:
        with pytest.raises(Refused, match="outside"):
            reach.place(name.format(top=top))

    @pytest.mark.parametrize("name", ["", " ", "a\0b"])
    def test_no_path(self, reach: Reach, name: str) -> None:
        with pytest.raises(BadInput):
            reach.place(name)

    @pytest.mark.parametrize(
        "name",
        [".git", ".git/config", ".GIT/config", "sub/.git/hooks/pre-commit", ".g\u200cit/config",
         ".git./config", ".claude/settings.json", ".mcp.json", ".codex/config.toml", ".gemini/x",
         "src/.claude/agents/x.md", "opencode.json", ".agentcoord/other/findings/1.md"],
    )  # fmt: skip
    def test_settings_and_records_of_others_cannot_be_read(self, reach: Reach, name: str) -> None:
        with pytest.raises(Refused):
            reach.place(name)

    @pytest.mark.parametrize(
        "name",
        [".agentcoord/mine/context.toml", ".agentcoord/x", ".husky/pre-commit",
         "tools/hooks/pre-push", ".pre-commit-config.yaml", ".envrc"],
    )  # fmt: skip
    def test_records_and_hooks_cannot_be_written(self, reach: Reach, name: str) -> None:
        with pytest.raises(Refused):
            reach.place(name, writing=True)

    def test_an_agents_own_context_can_be_read(self, reach: Reach) -> None:
        assert reach.place(".agentcoord/mine/context.toml")

    @pytest.mark.parametrize(
        "name", [".gitignore", ".gitattributes", "git", ".github/x.yml", "claude"]
    )
    def test_names_that_only_look_like_it(self, reach: Reach, name: str) -> None:
        assert reach.place(name, writing=True)


class TestLinks:
    @pytest.mark.parametrize(
        "target", ["../outside/secret", "../outside", "/etc/passwd", ".git/config"]
    )
    def test_one_that_leads_out_is_not_read_or_written(
        self, reach: Reach, top: Path, target: str
    ) -> None:
        (top / "link").symlink_to(target)
        for writing in (False, True):
            with pytest.raises(Refused):
                reach.place("link", writing=writing)

    def test_through_a_linked_folder(self, reach: Reach, top: Path) -> None:
        (top / "folder").symlink_to("../outside")
        with pytest.raises(Refused):
            reach.place("folder/secret")

    def test_a_chain_of_them(self, reach: Reach, top: Path) -> None:
        (top / "one").symlink_to("two")
        (top / "two").symlink_to("src/three")
        (top / "src" / "three").symlink_to("../../outside/secret")
        with pytest.raises(Refused):
            reach.place("one")

    def test_one_that_stays_within_is_followed(self, reach: Reach, top: Path) -> None:
        (top / "link").symlink_to("src/a.py")
        assert reach.read(reach.place("link")) == b"a = 1\n"

    def test_one_to_itself(self, reach: Reach, top: Path) -> None:
        (top / "loop").symlink_to("loop")
        with pytest.raises(Problem):
            reach.read(reach.place("loop"))

    def test_swapped_in_for_a_file_after_it_was_judged(self, reach: Reach, top: Path) -> None:
        place = reach.place("src/a.py")
        (top / "src" / "a.py").unlink()
        (top / "src" / "a.py").symlink_to("../../outside/secret")
        with pytest.raises(BadInput):
            reach.read(place)

    def test_swapped_in_for_a_folder_after_it_was_judged(self, reach: Reach, top: Path) -> None:
        read, write = reach.place("src/a.py"), reach.place("src/new", writing=True)
        (top / "src").rename(top / "moved")
        (top / "src").symlink_to("../outside")
        with pytest.raises(BadInput):
            reach.read(read)
        with pytest.raises(BadInput):
            reach.write(write, b"x")
        assert os.listdir(top.parent / "outside") == ["secret"]

    def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(
        self, reach: Reach, top: Path
    ) -> None:
        place = reach.place("src/a.py", writing=True)
        (top / "src" / "a.py").unlink()
        (top / "src" / "a.py").symlink_to("../../outside/secret")
        reach.write(place, b"b = 2\n")
        assert (top.parent / "outside" / "secret").read_text() == "s3cret"
        assert (top / "src" / "a.py").read_text() == "b = 2\n"

    def test_swapped_back_and_forth_meanwhile(self, reach: Reach, top: Path) -> None:
        """A race for real: a thread swaps a folder and a link to the outside, we read."""
        (top / "d").mkdir()
        (top / "d" / "secret").write_text("public")
        over = threading.Event()

        def swap() -> None:
            while not over.is_set():
                (top / "d").rename(top / "kept")
                (top / "d").symlink_to("../outside")
                (top / "d").unlink()
                (top / "kept").rename(top / "d")

        thread = threading.Thread(target=swap)
        thread.start()
        seen = set()
        for _ in range(1500):
            try:
                seen.add(reach.read(reach.place("d/secret")))
            except (Problem, OSError):
                continue
        over.set()
        thread.join()
        assert seen <= {b"public"}


class TestFiles:
    def test_a_hard_link_to_the_outside_is_broken_by_writing(self, reach: Reach, top: Path) -> None:
        os.link(top.parent / "outside" / "secret", top / "hard")
        reach.write(reach.place("hard", writing=True), b"new")
        assert (top.parent / "outside" / "secret").read_text() == "s3cret"

    def test_a_pipe_is_not_waited_for(self, reach: Reach, top: Path) -> None:
        os.mkfifo(top / "pipe")
        with pytest.raises(BadInput, match="no file"):
            reach.read(reach.place("pipe"))
        with pytest.raises(BadInput, match="no file"):
            reach.write(reach.place("pipe", writing=True), b"")

    def test_folders_are_made_and_modes_kept(self, reach: Reach, top: Path) -> None:
        reach.write(reach.place("x/y/z.sh", writing=True), b"#!/bin/sh\n")
        (top / "x/y/z.sh").chmod(0o755)
        reach.write(reach.place("x/y/z.sh", writing=True), b"#!/bin/sh\nls\n")
        assert (top / "x/y/z.sh").stat().st_mode & 0o777 == 0o755
        assert os.listdir(top / "x/y") == ["z.sh"]

    def test_a_folder_is_no_file(self, reach: Reach) -> None:
        with pytest.raises(BadInput):
            reach.read(reach.place("src"))
        with pytest.raises(BadInput):
            reach.write(reach.place("src", writing=True), b"")

    def test_too_large(self, reach: Reach, top: Path) -> None:
        with (top / "big").open("wb") as file:
            file.truncate(5 * 1024 * 1024)
        with pytest.raises(BadInput, match="search it"):
            reach.read(reach.place("big"))

    def test_nothing_there(self, reach: Reach) -> None:
        with pytest.raises(NoSuch, match="there is no nowhere"):
            reach.read(reach.place("nowhere"))

    def test_a_list_leaves_out_what_cannot_be_read(self, reach: Reach, top: Path) -> None:
        for name in (".git", ".claude", ".agentcoord"):
            (top / name).mkdir()
        assert reach.names(()) == [".agentcoord/", "src/"]

    def test_names_that_are_no_utf8(self, reach: Reach, top: Path) -> None:
        Path(os.fsdecode(os.fsencode(top) + b"/\xff.txt")).write_text("x")
        assert reach.names(()) == ["src/", "\udcff.txt"]
