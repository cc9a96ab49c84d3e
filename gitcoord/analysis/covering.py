"""Which tests cover a file, without running them.

Promises: every reason is a fact: the test imports the file, is named after it, changes with
it, or uses a name that it defines. Refuses: line coverage; that takes a run.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitcoord.analysis import shell
from gitcoord.analysis.cochange import Companion
from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.frames import language_of
from gitcoord.analysis.imports import Imports
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.uses import Use

# How sure each sign is; two together are 1 - (1 - a)(1 - b).
_BY_NAME, _BY_IMPORT, _BY_USE, _THROUGH = 0.8, 0.7, 0.6, 0.3


@dataclass(frozen=True)
class Test:
    """A test file. score: 0 to 1, how surely it covers. reasons: strongest first."""

    __test__ = False  # pytest collects classes of this name

    path: str
    score: float
    reasons: tuple[str, ...]


def covering_tests(
    path: str,
    corpus: Corpus,
    imports: Imports,
    *,
    companions: Sequence[Companion] = (),
    uses: Sequence[Use] = (),
    most: int = 8,
) -> list[Test]:
    """The test files that cover `path`, the surest first.

    companions: files that change with it. uses: of names that it defines.
    """
    signs: Mapping[str, list[tuple[float, str]]] = defaultdict(list)
    for other, sure, said in (
        *_by_name(path, corpus),
        *_by_import(path, imports),
        *((use.path, _BY_USE, f"uses what it defines, {len(use.lines)} times") for use in uses),
        *((one.path, min(0.8, one.confidence), _companion_said(one)) for one in companions),
    ):
        if is_test(other) and other != path:
            signs[other].append((sure, said))
    found = []
    for other, reasons in signs.items():
        reasons.sort(reverse=True)
        doubt = 1.0
        for sure, _ in reasons:
            doubt *= 1 - sure
        found.append(Test(other, 1 - doubt, tuple(said for _, said in reasons)))
    return sorted(found, key=lambda one: (-one.score, one.path))[:most]


def is_test(path: str) -> bool:
    """Whether the file holds tests, not what tests are fed with or set up by."""
    name = posixpath.basename(path)
    if kind_of(path) is not Kind.TEST or not language_of(path):
        return False
    return not path.endswith(".py") or ("test" in name and name != "conftest.py")


def _by_name(path: str, corpus: Corpus) -> Iterator[tuple[str, float, str]]:
    core = _core(path)
    for other in corpus.paths if core else ():
        if _core(other) == core:
            near = 0.1 if language_of(other) == language_of(path) else -0.3
            yield other, _BY_NAME + near, "is named after it"


def _by_import(path: str, imports: Imports) -> Iterator[tuple[str, float, str]]:
    for other, steps in imports.dependents(path, depth=2).items():
        direct = steps == 1
        yield (
            other,
            _BY_IMPORT if direct else _THROUGH,
            "imports it" if direct else "imports what imports it",
        )


def _companion_said(one: Companion) -> str:
    return f"changed with it in {one.support} commits ({round(100 * one.confidence)} %)"


_AFFIX = re.compile(
    r"^(?:tests?|spec)[_-]|[._-](?:tests?|spec|specs|e2e)$|(?:Tests?|TestCase|Spec|IT)$",
    re.IGNORECASE,
)


def _core(path: str) -> str:
    """What a test is named after: `test_auth.py`, `auth.spec.ts`, `AuthTest.java` -> `auth`."""
    stem = posixpath.basename(path).partition(".")[0]
    whole = posixpath.basename(path).rpartition(".")[0]
    stem = whole if _AFFIX.search(whole) and "." in whole else stem
    core = _AFFIX.sub("", stem).strip("._-").lower().replace("_", "").replace("-", "")
    return (
        "" if core in ("index", "main", "init", "mod", "lib", "utils", "util", "conftest") else core
    )


def run_command(tests: Sequence[str], corpus: Corpus) -> str:
    """The likeliest command that runs these tests, by language and the files at the root; or ""."""
    languages = [language_of(path) for path in tests]
    if not languages:
        return ""
    first = languages[0]
    files = [path for path, language in zip(tests, languages, strict=True) if language == first]
    match first:
        case "python":
            return shell.command("python", "-m", "pytest", *files)
        case "javascript" | "typescript":
            return shell.command("npm", "test", "--", *files)
        case "go":
            folders = dict.fromkeys("./" + posixpath.dirname(path) for path in files)
            return shell.command("go", "test", *(folder.rstrip("/") for folder in folders))
        case "rust":
            return "cargo test"
        case "ruby":
            specs = all(path.endswith("_spec.rb") for path in files)
            return shell.command("bundle", "exec", "rspec" if specs else "ruby", *files)
        case "java" | "kotlin" | "scala" | "groovy":
            return _jvm_command(files, corpus)
    return ""


def _jvm_command(files: Sequence[str], corpus: Corpus) -> str:
    names = [posixpath.basename(path).partition(".")[0] for path in files]
    if "pom.xml" in corpus.blobs:
        return shell.command("mvn", "test", f"-Dtest={','.join(names)}")
    return shell.command("./gradlew", "test", *(f"--tests={name}" for name in names))
