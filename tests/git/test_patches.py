"""Patches by the counts in their heads, whatever their text says."""

from __future__ import annotations

import pytest

from gitcoord.git.patches import LONGEST, Hunk, list_patches
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

FORGED = "--- a/x\n+++ b/y\n@@ -1 +1 @@\ndiff --git a/x b/x\n" + "0" * 40 + "\n\\ No newline\n"


def hunks(sandbox: Sandbox, revision: str = "HEAD") -> tuple[Hunk, ...]:
    return next(list_patches(Repository.find(sandbox.path), revision, limit=1)).hunks


def test_a_changed_line(sandbox: Sandbox) -> None:
    (hunk,) = hunks(sandbox, "HEAD~1")
    assert (hunk.path, hunk.old_start, hunk.new_start) == ("src/auth.py", 3, 3)
    assert (hunk.removed, hunk.added) == (("TTL = 3600",), ("TTL = 60",))


def test_text_that_looks_like_a_patch(sandbox: Sandbox) -> None:
    sandbox.commit("forged", {"f": FORGED})
    sandbox.commit("take some out", {"f": FORGED.replace("+++ b/y\n", "").removesuffix("\n")})
    assert hunks(sandbox, "HEAD~1")[0].added == tuple(FORGED.split("\n")[:-1])
    assert [hunk.removed[0] for hunk in hunks(sandbox)] == ["+++ b/y", "\\ No newline"]
    assert len(list(list_patches(Repository.find(sandbox.path), "HEAD"))) == 5


@pytest.mark.parametrize("name", ["with space", "new\nline", 'q"uote', "é\\", "-- a/x"])
def test_names_of_any_kind(sandbox: Sandbox, name: str) -> None:
    sandbox.commit("add", {name: "1\n"})
    (hunk,) = hunks(sandbox)
    assert (hunk.old, hunk.new, hunk.added) == (None, name, ("1",))
    sandbox.git("rm", "-q", "--", name)
    sandbox.git("commit", "-q", "-m", "remove")
    (hunk,) = hunks(sandbox)
    assert (hunk.old, hunk.new, hunk.path) == (name, None, name)


def test_settings_for_the_eye_change_nothing(sandbox: Sandbox) -> None:
    before = hunks(sandbox, "HEAD~1")
    for key in ("diff.noprefix", "diff.mnemonicPrefix"):
        sandbox.git("config", key, "true")
    sandbox.git("config", "diff.external", "false")
    sandbox.git("config", "diff.interHunkContext", "9")
    assert hunks(sandbox, "HEAD~1") == before


def test_binary_modes_and_long_lines(sandbox: Sandbox) -> None:
    sandbox.commit("binary", {"b": b"\0\1\2" * 100, "long": "x" * 1_000_000 + "\nshort\n"})
    (hunk,) = hunks(sandbox)
    assert hunk.path == "long" and len(hunk.added[0]) < LONGEST and hunk.added[1] == "short"
    (sandbox.path / "src/auth.py").chmod(0o755)
    sandbox.commit("mode", {})
    assert hunks(sandbox) == ()
