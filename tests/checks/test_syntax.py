from __future__ import annotations

import sys
import warnings

import pytest

from gitcoord.checks import grammars
from gitcoord.checks.syntax import LARGEST, find_error

BROKEN = {
    "a.py": (b"x = 1\ny = (2\n", 2),
    "a.pyi": (b"def f(:\n", 1),
    "a.toml": (b"a = 1\nb = = 2\n", 2),
    "a.json": (b'{"a": 1,\n "b": }\n', 2),
    "a.yml": (b"a: 1\nb: [1, 2\nc: 3\n", 3),
    "a.yaml": (b"a: 'x\n", 2),
}
WHOLE = {
    "a.py": b"x = 1\n",
    "a.pyi": b"x: int\n",
    "a.toml": b"a = 1\n",
    "a.json": b"{}\n",
    "a.yml": b"--- !tag\na: !custom [1]\n---\nb: &x 2\nc: *x\n",
    "a.yaml": b"a: ${{ github.ref }}\n",
}
CHANGED = {
    "a.go": (b"package a\n\nfunc f() {}\n", b"package a\n\nfunc f( {}\n"),
    "A.java": (b"class A { int a; }\n", b"class A { int a \n"),
    "a.js": (b"const a = 1;\n", b"const a = ;\n"),
    "a.tsx": (b"const a = <b>x</b>;\n", b"const a = <b>x;\n"),
    "a.ts": (b"let a: number = 1;\n", b"let a: number = {;\n"),
    "a.rb": (b"def f\nend\n", b"def f\n"),
    "a.rs": (b"fn f() {}\n", b"fn f( {}\n"),
}


@pytest.mark.parametrize("path", BROKEN)
def test_what_does_not_parse_is_said_with_its_line(path: str) -> None:
    content, line = BROKEN[path]
    found = find_error(path, content, None)
    assert found is not None and found[0] == line
    assert find_error(path, content, WHOLE[path]) == found


@pytest.mark.parametrize("path", BROKEN)
def test_nothing_is_said_of_what_parses(path: str) -> None:
    assert find_error(path, WHOLE[path], None) is None


@pytest.mark.parametrize("path", BROKEN)
def test_what_did_not_parse_before_is_left_alone(path: str) -> None:
    content = BROKEN[path][0]
    assert find_error(path, content + b"\n", content) is None


@pytest.mark.parametrize("path", CHANGED)
def test_other_languages_are_said_to_be_broken_only_by_this_change(path: str) -> None:
    before, after = CHANGED[path]
    if grammars.find_error("." + path.partition(".")[2], after) is None:
        pytest.skip("no grammar here")
    assert find_error(path, after, before) is not None
    assert find_error(path, after, None) is None
    assert find_error(path, after, after + b"\n") is None
    assert find_error(path, before, before + b"\n") is None


def test_a_newer_python_may_explain_it_so_ours_is_named() -> None:
    found = find_error("a.py", b"x = (\n", None)
    assert found is not None
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}" in found[1]


def test_warnings_of_the_compiler_reach_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_error("a.py", b"x = '\\d'\nif x is 1: pass\n", None) is None


def test_json_with_comments_where_its_readers_allow_them() -> None:
    commented = b'{\n  // why\n  "a": 1,\n}\n'
    for path in ("tsconfig.json", "app/tsconfig.base.json", ".vscode/settings.json",
                 ".devcontainer/devcontainer.json", ".eslintrc.json", "a.json"):  # fmt: skip
        assert find_error(path, commented, None) is None, path
    trailing = b'{"a": 1,}\n'
    assert find_error("tsconfig.json", trailing, None) is None
    assert find_error("package.json", trailing, None) is not None
    assert find_error("a.jsonc", trailing, None) is None


def test_templates_are_no_yaml_and_no_python() -> None:
    assert find_error("chart/a.yaml", b"a: {{ .Values.b }}\n{{- if x }}\n", None) is None
    assert find_error("{{cookiecutter.name}}/a.py", b"import {{ x }}\n", None) is None
    assert find_error("a.py", b"{% if x %}\n", None) is None


def test_vendored_minified_empty_and_large_files_are_left_alone() -> None:
    for path in ("vendor/a.py", "x/node_modules/a/b.json", "a.min.json"):
        assert find_error(path, b"(", None) is None, path
    assert find_error("a.json", b"", None) is None
    assert find_error("a.json", b" \n", None) is None
    assert find_error("a.py", b"(" + b"x\n" * LARGEST, None) is None
    assert find_error("a.json", b"{" * 6000, None) is None


def test_depth_is_no_error_and_no_crash() -> None:
    deep = b"\n".join([b"[" * 4000] * 30)
    find_error("a.json", deep, None)
    find_error("a.py", b"(" * 4000, None)
    find_error("a.yml", b"[\n" * 3000, None)
    find_error("a.toml", b"a = " + b"[" * 4000, None)
