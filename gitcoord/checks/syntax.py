"""Files that no longer parse.

Promises: nothing is said of a file whose last version did not parse either, of templates, of
vendored and minified files, or of what is too large to parse at once. Python, TOML, JSON and
YAML are read by the parsers that programs use; of other languages, whose parsers are guesses
at them, only a file that parsed before and does not now is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from gitcoord.checks import grammars

LARGEST = 1_000_000
_LONGEST_LINE = 5_000
_VENDORED = frozenset(
    ("vendor", "vendored", "_vendor", "third_party", "third-party", "node_modules", "dist",
     "bower_components", "site-packages", ".yarn")
)  # fmt: skip
# JSON in which its readers allow comments.
_COMMENTED = re.compile(
    r"(?x) (?:^|/)(?:\.vscode|\.devcontainer)/ | (?:^|/)(?: [tj]sconfig[^/]*\.json"
    r"| \.?devcontainer\.json | \.[^/]*rc\.json | (?:api-extractor|tslint|deno|turbo"
    r"|biome|nx|launch|settings|tasks|extensions)\.json | \.swcrc | [^/]*\.code-workspace)$"
)
_COMMENT = re.compile(rb"^[ \t]*(?://|/\*)", re.MULTILINE)
_TEMPLATE = re.compile(rb"(?<!\$)\{\{|\{%")

# The line, from 1, and what is wrong there.
Error = tuple[int, str]


def find_error(path: str, content: bytes, old: bytes | None) -> Error | None:
    """Where `content` fails to parse, unless `old` did so too, or it is none of ours to say.

    old: the file's last version, None for a new file.
    """
    ending = PurePosixPath(path).suffix.lower()
    parse = _PARSERS.get(ending)
    if parse is None and (old is None or ending not in grammars.ENDINGS):
        return None
    if not _is_checked(path, content) or content == old:
        return None
    if parse is not None:
        error = parse(path, content)
        return None if error is None or (old and parse(path, old)) else error
    line = grammars.find_error(ending, content)
    if line is None or old is None or not old.strip() or grammars.find_error(ending, old):
        return None
    return line, f"does not parse as {grammars.language(ending)}, and did before"


def is_vendored(path: str) -> bool:
    """Whether it is a copy of what others made, or made by a program."""
    return ".min." in path or not _VENDORED.isdisjoint(path.lower().split("/")[:-1])


def _is_checked(path: str, content: bytes) -> bool:
    return (
        0 < len(content) <= LARGEST
        and bool(content.strip())
        and not is_vendored(path)
        and "{{" not in path
        and max(map(len, content.split(b"\n"))) <= _LONGEST_LINE
    )


def _python(path: str, content: bytes) -> Error | None:
    import ast
    import sys
    import warnings

    if b"{%" in content:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(content)
    except SyntaxError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        return error.lineno or 0, f"does not parse as Python {version}: {_one_line(error.msg)}"
    except ValueError:
        return 0, "does not parse as Python: it has NUL bytes in it"
    except (RecursionError, MemoryError):
        return None
    return None


def _toml(path: str, content: bytes) -> Error | None:
    import tomllib

    try:
        tomllib.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        said = _one_line(str(error))
        line = re.search(r" \(at line (\d+), column \d+\)$", said)
        told = said[: line.start()] if line else said.removesuffix(" (at end of document)")
        return (int(line[1]) if line else _last_line(content)), f"does not parse as TOML: {told}"
    except RecursionError:
        return None
    return None


def _json(path: str, content: bytes) -> Error | None:
    import json

    if _COMMENTED.search(path) or _COMMENT.search(content) or _TEMPLATE.search(content):
        return None
    try:
        json.loads(content)
    except json.JSONDecodeError as error:
        return error.lineno, f"does not parse as JSON: {_one_line(error.msg)}"
    except UnicodeDecodeError:
        return 0, "does not parse as JSON: it is not text in UTF-8, 16 or 32"
    except (RecursionError, ValueError):
        return None
    return None


def _yaml(path: str, content: bytes) -> Error | None:
    import yaml

    loader = getattr(yaml, "CSafeLoader", None)
    if _TEMPLATE.search(content) or (loader is None and len(content) > LARGEST // 10):
        return None
    try:
        for _ in yaml.parse(content, Loader=loader or yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        return line, f"does not parse as YAML: {_one_line(error.problem or error.context or '')}"
    except yaml.YAMLError:
        return 0, "does not parse as YAML: it has characters that YAML does not know"
    except RecursionError:
        return None
    return None


_PARSERS: dict[str, Callable[[str, bytes], Error | None]] = {
    ".py": _python, ".pyi": _python, ".toml": _toml, ".json": _json,
    ".yml": _yaml, ".yaml": _yaml,
}  # fmt: skip


def _last_line(content: bytes) -> int:
    return content.rstrip(b"\r\n").count(b"\n") + 1


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:200]
