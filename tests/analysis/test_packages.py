"""Traces from an installed copy of the repository's own code."""

from __future__ import annotations

import pytest

from gitcoord.analysis.corpus import read_corpus
from gitcoord.analysis.frames import Frame
from gitcoord.analysis.localise import rank_files
from gitcoord.analysis.packages import match_in, own_packages
from gitcoord.analysis.question import parse_question
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

FILES: dict[str, str | bytes] = {
    "package.json": '{"name": "express"}\n',
    "lib/response.js": "res.send = function () {}\n",
    "packages/core/package.json": '{"name": "@acme/core"}\n',
    "packages/core/lib/run.js": "run()\n",
    "go.mod": "module github.com/gin-gonic/Gin\n\ngo 1.21\n",
    "context.go": "package gin\n",
    "Cargo.toml": '[package]\nname = "serde_json"\n',
    "src/de.rs": "fn f() {}\n",
    "broken/package.json": "{",
    "broken/Cargo.toml": "= =\n",
}


@pytest.mark.parametrize(
    ("frame", "path"),
    [
        ("/app/node_modules/express/lib/response.js", "lib/response.js"),
        ("/app/node_modules/@acme/core/lib/run.js", "packages/core/lib/run.js"),
        ("/app/node_modules/x/node_modules/express/lib/response.js", "lib/response.js"),
        ("/go/pkg/mod/github.com/gin-gonic/!gin@v1.9.0/context.go", "context.go"),
        ("github.com/gin-gonic/Gin@v1.9.0/context.go", "context.go"),
        ("/root/.cargo/registry/src/index.io-1/serde_json-1.0.9/src/de.rs", "src/de.rs"),
        ("/app/node_modules/koa/lib/response.js", None),
        ("/go/pkg/mod/github.com/other/gin@v1.9.0/context.go", None),
        ("/root/.cargo/registry/src/index.io-1/serde-1.0.9/src/de.rs", None),
        ("/app/node_modules/express/lib/gone.js", None),
        ("/srv/lib/response.js", "lib/response.js"),
    ],
)
def test_installed_copies_of_our_own_code_are_ours(
    sandbox: Sandbox, frame: str, path: str | None
) -> None:
    sandbox.commit("Add packages", FILES)
    corpus = read_corpus(Repository.find(sandbox.path))
    asked = Frame(frame, 3, "", "javascript")
    assert match_in([asked], corpus) == ({asked: path} if path else {})


def test_manifests_that_cannot_be_read_name_nothing(sandbox: Sandbox) -> None:
    sandbox.commit("Add packages", FILES)
    folders = own_packages(read_corpus(Repository.find(sandbox.path)))
    assert folders[("package.json", "@acme/core")] == "packages/core/"
    assert "broken/" not in folders.values()


def test_a_trace_of_an_installed_copy_leads_to_the_file(sandbox: Sandbox) -> None:
    sandbox.commit("Add packages", FILES)
    trace = "TypeError: x\n    at res.send (/app/node_modules/express/lib/response.js:1:5)\n"
    (first, *_) = rank_files(Repository.find(sandbox.path), parse_question(trace))
    assert first.name == "lib/response.js" and "in the stack trace" in first.reasons
