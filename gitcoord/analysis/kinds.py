"""What a path is by its name: source, test, docs and so on. No file is opened for it.

Promises: a kind for any path; the same path always gets the same one. Where conventions
clash the more telling one wins: `docs/conf.py` is docs, `tests/README.md` is test,
`vendor/x/test.py` is vendored.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """SOURCE is code that runs in the product; SUPPORT builds, configures or releases it."""

    SOURCE = "source"
    TEST = "test"
    EXAMPLE = "example"
    DOCS = "docs"
    SUPPORT = "support"
    VENDORED = "vendored"
    GENERATED = "generated"
    ASSET = "asset"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SOURCE = _words("""
    ada adb ads asm astro awk bas c cc ceylon clj cljc cljs cob coffee cpp cr cs css cts cu cxx d
    dart ejs el elm erb erl ex exs f f90 fs fsx gd gleam go gql graphql groovy gsp h haml hbs hcl
    hh hpp hrl hs htm html hx hxx inl ino ipynb j2 java jinja jinja2 jl js jsp jsx kt kts less lhs
    liquid lisp lsp lua m mjs cjs ml mli mm mojo mts mustache nim nix pas php phtml pl pm pro proto
    ps1 psm1 pug purs pxd pxi py pyi pyx r raku rb re res rkt rs s sass sc scala scm scss sh bash
    zsh fish bat cmd slim sol sql sv svelte svh swift tcl tf thrift tmpl tpl ts tsx twig v vala vb
    vbs vert frag glsl vhd vim vue wat xsl xslt y l zig
    """)
_PROSE = _words("adoc asciidoc md mdx markdown rst txt tex texi textile rdoc pod org")
_SETTINGS = _words("""
    bazel bzl cfg cmake conf config csproj editorconfig env gemspec gradle in ini json json5 jsonc
    lock mk mod nuspec plist properties props rake sbt sln sum targets toml vcxproj xcconfig xml
    yaml yml ac am m4 podspec cabal opam spec
    """)
_ASSETS = _words("""
    svg po pot mo xlf resx strings csv tsv map snap pem crt key ttf woff woff2 eot ics patch diff
    golden approved ambr har log out
    """)
_TEST_FOLDERS = _words("""
    test tests testing spec specs __tests__ __test__ __mocks__ __snapshots__ e2e testdata
    test_data testcases test-data fixtures __fixtures__ testutil testutils testsuite
    integration-tests integration_tests unittests unit_tests tck jmh bench benches benchmark
    benchmarks fuzz fuzzing cypress features
    """)
_DOC_FOLDERS = _words("doc docs documentation man manual manpages website changelog")
_DOC_FOLDERS |= {"changelogs", "newsfragments", "news", "changes", "releasenotes", "rfcs", "wiki"}
_DOC_FOLDERS |= {"guides", "_docs", "docs_src", "site", "blog"}
_VENDOR_FOLDERS = _words("""
    vendor vendored _vendor _vendored third_party third-party thirdparty 3rdparty node_modules
    bower_components externals deps extern godeps
    """)
_BUILT_FOLDERS = _words("dist generated __generated__ _generated gen-src")
_EXAMPLE_FOLDERS = _words(
    "example examples sample samples demo demos playground playgrounds tutorial tutorials"
)
_SUPPORT_FOLDERS = _words("""
    .github .circleci .gitlab .vscode .idea .husky .changeset ci .ci scripts script tools tool
    hack packaging requirements .devcontainer utils-dev release releases .travis buildscripts
    """)
_TEST_NAME = re.compile(
    r"^(?:tests?[_-].*|conftest|tests?)\.\w+$"
    r"|[._-](?:tests?|specs?|e2e|bench|benchmarks?|stories)\.\w+$"
    r"|[._-](?:test|spec)-d\.\w+$"
    r"|[a-z0-9](?:Tests?|TestCase|IT|Specs?|Benchmark)\.(?:java|kt|kts|scala|groovy|cs|swift|php|m|mm|cpp|fs|vb)$"
)
_BUILT_NAME = re.compile(
    r"\.min\.\w+$|_pb2(?:_grpc)?\.pyi?$|\.pb\.(?:go|cc|h)$|\.pb\.gw\.go$|[._-]generated\.\w+$"
    r"|\.g\.(?:dart|cs)$|^zz_generated|_string\.go$|\.designer\.cs$|\.lock$|-lock\.(?:json|yaml)$"
    r"|^(?:go\.sum|npm-shrinkwrap\.json)$",
    re.IGNORECASE,
)
_PROSE_NAME = re.compile(
    r"^(?:readme|change(?:s|log)|history|news|authors|contributors?|contributing|licen[cs]e|copying"
    r"|notice|maintainers|security|code_of_conduct|releases?|upgrad\w*|todo|thanks|install"
    r"|migrat\w*|credits|codeowners|bugs|roadmap)\b",
    re.IGNORECASE,
)
_SUPPORT_NAME = re.compile(
    r"^(?:setup\.py|setup\.cfg|noxfile\.py|fabfile\.py|tasks\.py|makefile.*|dockerfile.*|rakefile"
    r"|gemfile|guardfile|gruntfile\.\w+|gulpfile\.\w+|jenkinsfile|procfile|vagrantfile|justfile"
    r"|cmakelists\.txt|configure.*|build\.(?:gradle|rs|zig|sbt|xml|sh)|[\w.-]+\.config\.[cm]?[jt]s"
    r"|package\.json|\..+|meson\.build|requirements[\w.-]*\.txt|constraints[\w.-]*\.txt)$",
    re.IGNORECASE,
)


@lru_cache(maxsize=200_000)
def kind_of(path: str) -> Kind:
    """The kind of the file at `path` (as git lists it, with forward slashes)."""
    *folders, name = path.split("/")
    around = {folder.lower() for folder in folders}
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    if around & _VENDOR_FOLDERS:
        return Kind.VENDORED
    if _BUILT_NAME.search(name) or around & _BUILT_FOLDERS:
        return Kind.GENERATED
    if _TEST_NAME.search(name) or around & _TEST_FOLDERS or _test_folder(folders):
        return Kind.TEST
    if ending in _ASSETS or "locale" in around or ("locales" in around and ending not in _SOURCE):
        return Kind.ASSET
    if around & _DOC_FOLDERS:
        return Kind.DOCS
    if _SUPPORT_NAME.search(name) or around & _SUPPORT_FOLDERS:
        return Kind.SUPPORT
    if ending in _PROSE or (ending not in _SOURCE and _PROSE_NAME.search(name)):
        return Kind.DOCS
    if around & _EXAMPLE_FOLDERS:
        return Kind.EXAMPLE
    if ending in _SOURCE:
        return Kind.SOURCE
    return Kind.SUPPORT if ending in _SETTINGS or not ending else Kind.ASSET


def _test_folder(folders: list[str]) -> bool:
    """`foo-tests`, `test_helpers`, `jvmTest`, `FooTests`: one word of the name says it."""
    return any(_FOLDER_SAYS_TEST.search(folder) for folder in folders)


_FOLDER_SAYS_TEST = re.compile(
    r"(?:^|[_-])(?:tests?|specs?)(?:$|[_-])|[a-z](?:Tests?|TestFixtures)$"
)
