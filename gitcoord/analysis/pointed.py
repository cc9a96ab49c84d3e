"""Files that a question names outright: as a path, or in a frame of a stack trace.

Promises: the innermost frame of the repository's own code counts most; a path counts for the
files it can mean, less the more there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.packages import match_in
from gitcoord.analysis.question import Question

MOST = 100


def framed_signal(question: Question, corpus: Corpus) -> dict[str, float]:
    """Path -> 0.8 ** (number of own frames further in)."""
    matched = match_in(question.frames[:MOST], corpus)
    found: dict[str, float] = {}
    for frame in question.frames[:MOST]:
        if frame in matched:
            found.setdefault(matched[frame], 0.8 ** len(found))
    return found


def pathed_signal(question: Question, paths: Collection[str]) -> dict[str, float]:
    """Path -> 1 over the root of how many files the named path can be; a folder counts 0.3."""
    asked = [one.strip("/").removeprefix("./") for one in question.paths[:MOST]]
    named: dict[str, list[str]] = defaultdict(list)
    for path in paths if asked else ():
        last = path.rpartition("/")[2]
        named[last].append(path)
        named[last.rpartition(".")[0]].append(path)
    found: dict[str, float] = {}
    for wanted in filter(None, asked):
        files = _meant(wanted, named[wanted.rpartition("/")[2]])
        for path in files:
            found[path] = max(found.get(path, 0.0), len(files) ** -0.5)
        if not files and "/" in wanted:
            below = [path for path in paths if f"/{wanted}/" in f"/{path}"]
            found.update({path: max(found.get(path, 0.0), 0.3) for path in below})
    return found


def _meant(wanted: str, alike: Collection[str]) -> list[str]:
    """The files that `wanted` can be: all of it, or its end; `flask/app` means `flask/app.py`."""
    whole = [path for path in alike if path == wanted]
    ends = whole or [path for path in alike if path.endswith("/" + wanted)]
    if ends or "/" not in wanted:
        return ends
    return [path for path in alike if f"/{path}".rpartition(".")[0].endswith("/" + wanted)]
