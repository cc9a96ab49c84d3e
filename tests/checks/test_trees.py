from __future__ import annotations

import os

from gitcoord.checks.content import File
from gitcoord.checks.trees import LARGEST, changed_files, committed_files, staged_files
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox


def staged(sandbox: Sandbox) -> dict[str, File]:
    return {one.path: one for one in staged_files(Repository.find(sandbox.path))[0]}


def test_changed_added_and_removed_files(sandbox: Sandbox) -> None:
    sandbox.write("README.md", "# shop\n\nnew\nA small shop with a login.\nend\n")
    sandbox.write("new.py", "a\nb\n")
    sandbox.git("rm", "-q", "src/cart.py")
    sandbox.git("add", "-A")
    files, removed = staged_files(Repository.find(sandbox.path))
    by_path = {one.path: one for one in files}
    assert by_path["README.md"].added == [3, 5]
    assert by_path["README.md"].old == b"# shop\n\nA small shop with a login.\n"
    assert by_path["new.py"] == File("new.py", b"a\nb\n", None, [1, 2], 4)
    assert removed.keys() == {"src/cart.py"} and b"login" in removed["src/cart.py"]


def test_before_the_first_commit_everything_is_new(sandbox: Sandbox) -> None:
    sandbox.git("checkout", "-q", "--orphan", "empty")
    assert staged(sandbox)["README.md"].old is None


def test_two_trees(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    (one,) = changed_files(repo, "HEAD~1", "HEAD")
    assert (one.path, one.added) == ("README.md", [3])
    assert len(changed_files(repo, None, "HEAD")) == 5
    assert changed_files(repo, "HEAD", "HEAD") == []


def test_names_in_any_bytes(sandbox: Sandbox) -> None:
    names = [
        b"a b",
        b"tab\there",
        b"new\nline",
        b'quo"te',
        b"\xff\xfe",
        "ü".encode(),
        b"@@ -1 +1 @@",
    ]
    for name in names:
        (sandbox.path / os.fsdecode(name)).write_bytes(b"x\n")
    sandbox.git("add", "-A")
    found = staged(sandbox)
    assert {os.fsencode(path) for path in found} == {*names}
    assert all(one.added == [1] and one.content == b"x\n" for one in found.values())


def test_a_text_that_looks_like_a_patch_is_only_text(sandbox: Sandbox) -> None:
    text = "--- a/x\n+++ b/README.md\n@@ -1,9 +1,9 @@\n+++ b/evil\ndiff --git a/x b/x\n"
    sandbox.write("a.patch", text)
    sandbox.write("b.py", "x\n")
    sandbox.git("add", "-A")
    found = staged(sandbox)
    assert found.keys() == {"a.patch", "b.py"}
    assert found["a.patch"].added == [1, 2, 3, 4, 5]


def test_what_the_user_set_for_reading_diffs_changes_nothing(sandbox: Sandbox) -> None:
    for key, value in {
        "diff.noprefix": "true", "diff.mnemonicPrefix": "true", "diff.renames": "copies",
        "color.ui": "always", "diff.external": "false", "diff.context": "9",
        "diff.algorithm": "histogram", "diff.suppressBlankEmpty": "true", "diff.relative": "true",
        "core.quotePath": "false", "core.abbrev": "4", "diff.submodule": "log",
        "diff.interHunkContext": "50", "diff.upper.textconv": "tr a-z A-Z <",
    }.items():  # fmt: skip
        sandbox.git("config", key, value)
    sandbox.write(".gitattributes", "*.py diff=upper\n")
    sandbox.write("src/ü.py", "a\n")
    sandbox.git("mv", "src/cart.py", "src/moved.py")
    sandbox.git("add", "-A")
    files, removed = staged_files(Repository.find(sandbox.path / "src"))
    added = {one.path: one.added for one in files}
    assert added == {".gitattributes": [1], "src/moved.py": [1, 2, 3, 4, 5], "src/ü.py": [1]}
    assert [*removed] == ["src/cart.py"]


def test_a_text_that_is_called_binary_counts_as_a_whole(sandbox: Sandbox) -> None:
    sandbox.write(".gitattributes", "*.json -diff\n")
    sandbox.write("a.json", "{}\n")
    sandbox.git("add", "-A")
    assert staged(sandbox)["a.json"].added is None


def test_of_a_very_large_file_only_the_size_is_told(sandbox: Sandbox) -> None:
    sandbox.write("big.txt", b"x\n" * (LARGEST // 2 + 1))
    sandbox.git("add", "-A")
    found = staged(sandbox)["big.txt"]
    assert (found.content, found.size) == (b"", LARGEST + 2)


def test_links_and_submodules_are_no_files(sandbox: Sandbox) -> None:
    (sandbox.path / "link").symlink_to("README.md")
    sandbox.git("add", "-A")
    head = sandbox.git("rev-parse", "HEAD")
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    assert staged(sandbox) == {}


def test_a_link_that_becomes_a_file_is_new(sandbox: Sandbox) -> None:
    (sandbox.path / "link").symlink_to("README.md")
    sandbox.commit("link", {})
    (sandbox.path / "link").unlink()
    sandbox.write("link", "a\n")
    sandbox.git("add", "-A")
    assert staged(sandbox)["link"].old is None


def test_another_index_is_read_where_git_names_one(sandbox: Sandbox) -> None:
    sandbox.write("new.py", "a\n")
    sandbox.git("add", "new.py", GIT_INDEX_FILE=str(sandbox.path / ".git/other"))
    files, _ = staged_files(Repository.find(sandbox.path), index=str(sandbox.path / ".git/other"))
    assert [one.path for one in files] == ["new.py"]
    assert staged(sandbox) == {}


def test_of_commits_every_version_is_told_and_of_a_merge_what_no_parent_has(
    sandbox: Sandbox,
) -> None:
    sandbox.commit("put in", {"a.txt": "one\n"})
    first = sandbox.git("rev-parse", "HEAD")
    sandbox.commit("take out", {"a.txt": "two\n"})
    second = sandbox.git("rev-parse", "HEAD")
    sandbox.git("switch", "-qc", "side", first)
    sandbox.commit("beside", {"b.txt": "three\n"})
    sandbox.git("merge", "-q", "--no-commit", "main")
    sandbox.write("a.txt", "of neither\n")
    sandbox.git("add", "-A")
    sandbox.git("commit", "-qm", "merge")
    merge = sandbox.git("rev-parse", "HEAD")
    found = committed_files(Repository.find(sandbox.path), [first, second, merge])
    told = [(commit, file.path, file.content, file.old) for commit, file in found]
    assert told == [
        (first, "a.txt", b"one\n", None),
        (second, "a.txt", b"two\n", b"one\n"),
        (merge, "a.txt", b"of neither\n", b"one\n"),
    ]
