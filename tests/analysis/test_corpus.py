"""The text files of a commit, and what a path is by its name."""

from __future__ import annotations

import pytest

from gitcoord.analysis import corpus as corpora
from gitcoord.analysis.corpus import read_corpus
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox


def test_texts_are_those_of_the_commit_not_of_the_worktree(sandbox: Sandbox) -> None:
    sandbox.write("src/auth.py", "changed\n")
    sandbox.write("new.py", "new\n")
    read = dict(read_corpus(Repository.find(sandbox.path)).texts())
    assert sorted(read) == [
        ".gitignore",
        "README.md",
        "src/auth.py",
        "src/cart.py",
        "tests/test_auth.py",
    ]
    assert b"TTL = 60" in read["src/auth.py"]


def test_what_does_not_fit_is_read_again(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = dict(read_corpus(Repository.find(sandbox.path)).texts())
    monkeypatch.setattr(corpora, "KEEP", 250)
    corpus = read_corpus(Repository.find(sandbox.path))
    assert sum(map(len, corpus.kept.values())) <= 250
    assert dict(corpus.texts()) == whole


def test_binary_and_large_files_have_no_text(sandbox: Sandbox) -> None:
    large = b"x\n" * (corpora.MAX_FILE // 2 + 1)
    sandbox.commit("Add", {"a.bin": b"a\0b", "large.py": large})
    corpus = read_corpus(Repository.find(sandbox.path))
    assert corpus.read("a.bin") is None
    assert corpus.read("large.py") is None
    assert corpus.skipped == {"large.py": len(large)}
    assert corpus.text("no such file") == ""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/flask/app.py", Kind.SOURCE),
        ("lib/latest.js", Kind.SOURCE),
        ("src/contest.go", Kind.SOURCE),
        ("context_test.go", Kind.TEST),
        ("tests/README.md", Kind.TEST),
        ("gson/src/test/java/com/A.java", Kind.TEST),
        ("src/MapTest.java", Kind.TEST),
        ("packages/core/__tests__/a.spec.ts", Kind.TEST),
        ("spec/models/user_spec.rb", Kind.TEST),
        ("docs/conf.py", Kind.DOCS),
        ("CHANGES.rst", Kind.DOCS),
        ("LICENSE", Kind.DOCS),
        ("vendor/x/test.py", Kind.VENDORED),
        ("api/v1/a.pb.go", Kind.GENERATED),
        ("dist/app.min.js", Kind.GENERATED),
        ("poetry.lock", Kind.GENERATED),
        ("locale/de/LC_MESSAGES/a.po", Kind.ASSET),
        (".github/workflows/ci.yml", Kind.SUPPORT),
        ("setup.py", Kind.SUPPORT),
        ("examples/hello/main.go", Kind.EXAMPLE),
    ],
)
def test_a_path_has_its_kind(path: str, kind: Kind) -> None:
    assert kind_of(path) is kind
