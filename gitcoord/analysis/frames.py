"""Places in code that a stack trace names, and the files of the repository they are.

Promises: a frame is matched with a path only when one single path fits best.
Refuses: to match installed code (`site-packages`, `node_modules`, standard libraries).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

LONGEST_PATH = 4096  # characters; what is longer is cut before it is looked at


@dataclass(frozen=True)
class Frame:
    """One line of a pasted stack trace. line: counted from 1, None when not given."""

    path: str
    line: int | None
    function: str
    language: str


_EXTENSIONS = {
    "python": "py pyi pyx",
    "javascript": "js jsx mjs cjs",
    "typescript": "ts tsx mts cts vue svelte",
    "java": "java",
    "kotlin": "kt kts",
    "scala": "scala sc",
    "groovy": "groovy gradle",
    "clojure": "clj",
    "go": "go",
    "rust": "rs",
    "c": "c h",
    "c++": "cc cpp cxx hpp hh",
    "c#": "cs",
    "ruby": "rb",
    "php": "php",
    "swift": "swift",
    "elixir": "ex exs",
}
_LANGUAGES = {
    extension: language
    for language, extensions in _EXTENSIONS.items()
    for extension in extensions.split()
}


def language_of(path: str) -> str:
    """The language a file's extension tells, or an empty string."""
    return _LANGUAGES.get(path.rpartition(".")[2].lower(), "")


# Folders of installed code. A repository may have a `vendor` of its own, so that is none.
_INSTALLED = re.compile(
    r"(?:^|/)(?:(?:site|dist)-packages|node_modules|\.cargo|\.rustup|rustc|rustlib|go/pkg/mod"
    r"|(?:usr|Python\d*)/[Ll]ib|lib/python\d[\d.]*|library/std"
    r"|go[\d.]*/(?:[^/]+/){0,3}src/(?:bufio|context|crypto|database|encoding|fmt|internal|io|net|os"
    r"|reflect|runtime|sync|syscall|testing|time))/"
)
_PACKAGED = re.compile(r"(?:site|dist)-packages/")


def is_third_party(frame: Frame) -> bool:
    """Whether the path says that the code was installed, not written here."""
    return bool(_INSTALLED.search(frame.path[:LONGEST_PATH].replace("\\", "/")))


def match_frames(frames: Collection[Frame], paths: Collection[str]) -> dict[Frame, str]:
    """The repository's path of each frame that has exactly one that fits best.

    paths: relative to the repository's root, with `/`. What fits is measured by the number of
    path components that agree at the end. A frame with several best fits is decided by where
    the other frames place the root (`/app/` is the repository), or is left out. Installed code
    is left out, but for the repository's own package under `site-packages`.
    """
    wanted = {parts[-1] for frame in frames if (parts := _parts(frame.path))}
    named: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        if path.rpartition("/")[2] in wanted:
            named.setdefault(path.rpartition("/")[2], []).append(tuple(path.split("/")))
    roots: dict[tuple[str, ...], tuple[str, ...]] = {}
    matched, unsure = {}, {}
    for frame in dict.fromkeys(frames):
        parts = _parts(frame.path)
        shared, best = _best(frame, parts, named.get(parts[-1], []) if parts else [])
        if len(best) == 1 and (shared > 1 or shared == len(best[0])):
            matched[frame] = "/".join(best[0])
            roots[parts[: len(parts) - shared]] = best[0][: len(best[0]) - shared]
        elif best:
            unsure[frame] = best
    for frame, best in unsure.items():
        chosen = _under_roots(roots, _parts(frame.path), best)
        if len(chosen) == 1:
            matched[frame] = "/".join(chosen[0])
    return matched


_JVM_FREE = ("kotlin", "scala", "groovy", "clojure")  # may leave out folders of the package


def _best(
    frame: Frame, parts: tuple[str, ...], named: list[tuple[str, ...]]
) -> tuple[int, list[tuple[str, ...]]]:
    """The paths that agree longest with the frame's, and in how many components."""
    if is_third_party(frame):
        inside = _parts(_PACKAGED.split(frame.path.replace("\\", "/"))[-1])
        own = [path for path in named if path in (inside, ("src", *inside), ("lib", *inside))]
        return len(inside), own if 1 < len(inside) < len(parts) else []
    shared = {path: _shared(parts, path) for path in named}
    most = max(shared.values(), default=0)
    best = [path for path, count in shared.items() if count == most]
    if frame.language == "java":
        enough = most == len(parts)
    elif frame.language in _JVM_FREE:
        enough = most > 1 or most == len(parts)
    else:
        absolute = frame.path.startswith(("/", "\\")) or frame.path[1:2] == ":"
        enough = most > 1 or most == len(parts) or absolute
        enough = enough or any(len(path) == most for path in best)
    return most, best if enough else []


def _under_roots(
    roots: dict[tuple[str, ...], tuple[str, ...]],
    parts: tuple[str, ...],
    best: list[tuple[str, ...]],
) -> list[tuple[str, ...]]:
    """Those of `best` that lie where the other frames say that the repository begins."""
    rooted = [
        (*here, *parts[len(there) :])
        for there, here in roots.items()
        if parts[: len(there)] == there
    ]
    return [path for path in best if path in rooted] if rooted else best


def _parts(path: str) -> tuple[str, ...]:
    whole = path[:LONGEST_PATH].replace("\\", "/")
    return tuple(part for part in whole.split("/") if part not in ("", "."))


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many components agree, counted from the end."""
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
