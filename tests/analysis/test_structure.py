"""Who uses the implicated code, what changes with it, which tests cover it."""

from __future__ import annotations

import subprocess

import pytest

from gitcoord.analysis.cochange import companions
from gitcoord.analysis.corpus import read_corpus
from gitcoord.analysis.covering import covering_tests, run_command
from gitcoord.analysis.finding import Suspect
from gitcoord.analysis.imports import read_imports
from gitcoord.analysis.past import read_past
from gitcoord.analysis.question import parse_question
from gitcoord.analysis.structure import examine
from gitcoord.analysis.uses import find_uses
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

PROJECTS: dict[str, tuple[dict[str, str], dict[str, list[str]]]] = {
    "python": (
        {
            "lib/pkg/__init__.py": "from .a import x\n",
            "lib/pkg/a.py": "import os, sys\nfrom . import b\nfrom .sub.c import (\n  y, z)\n",
            "lib/pkg/b.py": "def f():\n    import pkg.sub.c as c\n",
            "lib/pkg/sub/__init__.py": "",
            "lib/pkg/sub/c.py": "from ..a import x  # import pkg.b\nfrom requests import get\n",
            "other/requests.py": "",
        },
        {
            "lib/pkg/__init__.py": ["lib/pkg/a.py"],
            "lib/pkg/a.py": ["lib/pkg/b.py", "lib/pkg/sub/c.py"],
            "lib/pkg/b.py": ["lib/pkg/sub/c.py"],
            "lib/pkg/sub/c.py": ["lib/pkg/a.py", "other/requests.py"],
        },
    ),
    "script": (
        {
            "index.js": "module.exports = require('./lib/app')\n",
            "lib/app.js": "import x from './x.js'\nimport '@/y'\nexport * from \"./dir\"\n",
            "lib/x.ts": "const a = await import('react')\n",
            "src/y.tsx": "import {\n  a,\n  b } from '../lib/app'\n",
            "lib/dir/index.js": "",
            "test/a.js": "var app = require('../')\n",
        },
        {
            "index.js": ["lib/app.js"],
            "lib/app.js": ["lib/x.ts", "src/y.tsx", "lib/dir/index.js"],
            "src/y.tsx": ["lib/app.js"],
            "test/a.js": ["index.js"],
        },
    ),
    "java": (
        {
            "src/main/java/a/b/C.java": "package a.b;\nimport a.d.D;\nimport static a.d.E.go;\n",
            "src/main/java/a/d/D.java": "package a.d;\n",
            "src/main/java/a/d/E.kt": "package a.d\nimport a.b.*\nimport java.util.List\n",
        },
        {
            "src/main/java/a/b/C.java": ["src/main/java/a/d/D.java", "src/main/java/a/d/E.kt"],
            "src/main/java/a/d/E.kt": ["src/main/java/a/b/C.java"],
        },
    ),
    "go": (
        {
            "go.mod": "module example.com/m/v2\n",
            "main.go": 'package main\n\nimport (\n\t"fmt"\n\tx "example.com/m/v2/in/x"\n)\n',
            "in/x/x.go": "package x\n",
            "in/x/x_test.go": 'package x\n\nimport "example.com/m/v2"\n',
        },
        {"main.go": ["in/x/x.go"], "in/x/x_test.go": ["main.go"]},
    ),
    "rust": (
        {
            "Cargo.toml": '[package]\nname = "my-tool"\n',
            "src/lib.rs": "mod a;\npub mod deep;\nuse crate::deep::inner::{Thing, other};\n",
            "src/a.rs": "use super::deep::inner;\nuse std::io;\n",
            "src/deep/mod.rs": "mod inner;\n",
            "src/deep/inner.rs": "",
            "tests/it.rs": "use my_tool::a::X;\n",
        },
        {
            "src/lib.rs": ["src/a.rs", "src/deep/mod.rs", "src/deep/inner.rs"],
            "src/deep/mod.rs": ["src/deep/inner.rs"],
            "tests/it.rs": ["src/a.rs"],
        },
    ),
    "c": (
        {
            "src/a.c": '#include "a.h"\n#  include <lib/b.h>\n#include <stdio.h>\n',
            "src/a.h": "",
            "include/lib/b.h": '#include "../lib/c.h"\n',
            "include/lib/c.h": "",
        },
        {"src/a.c": ["src/a.h", "include/lib/b.h"], "include/lib/b.h": ["include/lib/c.h"]},
    ),
    "ruby": (
        {
            "lib/tool.rb": "require 'json'\nrequire 'tool/base'\nautoload :X, 'tool/x'\n",
            "lib/tool/base.rb": "require_relative 'x'\n",
            "lib/tool/x.rb": "",
        },
        {
            "lib/tool.rb": ["lib/tool/base.rb", "lib/tool/x.rb"],
            "lib/tool/base.rb": ["lib/tool/x.rb"],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", PROJECTS)
def test_imports_lead_to_files_of_the_repository(sandbox: Sandbox, language: str) -> None:
    files, edges = PROJECTS[language]
    sandbox.commit(language, dict(files))
    imports = read_imports(read_corpus(Repository.find(sandbox.path)))
    for path, wanted in edges.items():
        assert list(imports.of.get(path, ())) == wanted, path


def test_dependents_by_steps_and_circles(sandbox: Sandbox) -> None:
    sandbox.commit(
        "circle", {"src/more.py": "import src.cart\n", "src/auth.py": "import src.more\n"}
    )
    imports = read_imports(read_corpus(Repository.find(sandbox.path)))
    found = imports.dependents("src/auth.py")
    assert found["src/cart.py"] == 1 and found["src/more.py"] == 2
    assert "src/auth.py" not in found
    assert set(imports.dependents("src/auth.py", depth=1)) == {"src/cart.py", "tests/test_auth.py"}


def test_uses_of_a_name_leave_out_its_definition_and_longer_names(sandbox: Sandbox) -> None:
    sandbox.commit("more", {"src/x.py": "login_now()\nprelogin = 1\nx = login\n"})
    corpus = read_corpus(Repository.find(sandbox.path))
    uses = find_uses(corpus, "login", "src/auth.py")
    assert uses is not None
    assert {use.path: use.lines for use in uses} == {
        "src/cart.py": (1, 5), "tests/test_auth.py": (1, 5), "src/x.py": (3,),
    }  # fmt: skip
    assert find_uses(corpus, "add", "src/cart.py") is None


def test_files_that_change_together(sandbox: Sandbox) -> None:
    for number in range(4):
        sandbox.commit(f"{number}", {"src/auth.py": f"A = {number}\n", "docs.txt": f"{number}\n"})
    for number in range(4):
        sandbox.commit(f"other {number}", {f"{number}.txt": "1"})
    many: dict[str, str | bytes] = {f"many/{number}.txt": "1" for number in range(40)}
    sandbox.commit("bulk", many | {"docs.txt": "b"})
    repo = Repository.find(sandbox.path)
    past, corpus = read_past(repo, "HEAD"), read_corpus(repo)
    (first, *_) = companions(past, "src/auth.py", among=corpus.blobs)
    assert (first.path, first.support) == ("docs.txt", 4)
    # auth.py changed in six commits, docs.txt in four of them; eleven small commits in all.
    assert first.confidence == pytest.approx(4 / 6)
    assert first.lift == pytest.approx(4 / 6 * 11 / 4)


def test_tests_are_found_by_name_and_by_import(sandbox: Sandbox) -> None:
    sandbox.commit("t", {"tests/test_shop.py": "import src.cart\n", "tests/data/auth.py": "1\n"})
    corpus = read_corpus(Repository.find(sandbox.path))
    found = covering_tests("src/auth.py", corpus, read_imports(corpus))
    assert [test.path for test in found] == ["tests/test_auth.py", "tests/test_shop.py"]
    assert found[0].reasons == ("is named after it", "imports it")
    assert run_command([found[0].path], corpus) == "python -m pytest tests/test_auth.py"
    assert run_command(["a/x_test.go"], corpus) == "go test ./a"
    assert run_command([], corpus) == ""


def test_findings_name_users_tests_and_smells_with_commands_that_work(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    question = parse_question("why does the token of issue_token expire too early?")
    findings = examine(repo, question, [Suspect("src/auth.py", 0.9)], at="HEAD")
    titles = [finding.title for finding in findings]
    assert any("time.time()" in title and "src/auth.py:12" in title for title in titles)
    assert "src/auth.py is imported by 2 files" in titles
    assert any("A change of src/auth.py touches tests/test_auth.py" in title for title in titles)
    for finding in findings:
        for proof in finding.evidence:
            if proof.command.startswith("git"):
                done = subprocess.run(
                    ["bash", "-c", proof.command], cwd=sandbox.path, capture_output=True
                )
                assert done.returncode == 0 and done.stdout, proof.command


def test_no_suspects_no_findings(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    assert examine(repo, parse_question("anything"), [], at="HEAD") == []
    gone = [Suspect("no/such.py", 1.0), Suspect("README.md", 0.0)]
    assert examine(repo, parse_question("anything"), gone, at="HEAD") == []


@pytest.mark.parametrize(
    ("code", "tests", "said"),
    [
        (0, 1, "is used in 1 file, a test"),
        (0, 2, "is used in 2 files, all of them tests"),
        (2, 0, "is used in 2 files"),
        (2, 1, "is used in 3 files, 1 of them a test"),
    ],
)
def test_users_are_counted_as_one_would_say_it(
    sandbox: Sandbox, code: int, tests: int, said: str
) -> None:
    files: dict[str, str | bytes] = {"src/ledger.py": "def settle_balance(a):\n    return a\n"}
    use = "from src.ledger import settle_balance\n"
    files |= {f"src/use{n}.py": use for n in range(code)}
    files |= {f"tests/test_use{n}.py": use for n in range(tests)}
    sandbox.commit("ledger", files)
    repo, question = Repository.find(sandbox.path), parse_question("settle_balance is wrong")
    found = examine(repo, question, [Suspect("src/ledger.py", 1.0)], at="HEAD")
    (title,) = [one.title for one in found if "users" in one.factors]
    assert title == f"settle_balance of src/ledger.py {said}"
