"""Frames of stack traces that name an installed copy of this very repository's code.

Promises: `/app/node_modules/express/lib/response.js` is `lib/response.js` in the repository
whose package.json says that it is `express`; the same for a Go module and a Rust crate.
Refuses: to guess by the folder's name alone; a manifest in the repository has to say it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterator
from contextlib import suppress

from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.frames import LONGEST_PATH, Frame, match_frames
from gitcoord.analysis.kinds import Kind, kind_of

_MOST = 200  # manifests; a repository of many packages has one each
_MANIFESTS = ("package.json", "go.mod", "Cargo.toml")
_SIGNS = ("node_modules/", "@v", ".cargo/registry/")
_NODE = re.compile(r".*/?\bnode_modules/((?:@[^/]+/)?[^/]+)/(.+)")
_GO = re.compile(r"(?:.*\bgo/pkg/mod/)?([^@]+)@v[^/]+/(.+)")
_CRATE = re.compile(r".*\.cargo/registry/src/[^/]+/([^/]+?)-\d+\.\d+\.[^/]+/(.+)")
_MODULE = re.compile(r"^module\s+\"?([^\s\"]+)", re.MULTILINE)


def match_in(frames: Collection[Frame], corpus: Corpus) -> dict[Frame, str]:
    """The repository's path of each frame that has one: installed copies of the repository's
    own packages first, the others as `match_frames` says."""
    signed = [frame for frame in frames if any(sign in _plain(frame) for sign in _SIGNS)]
    folders = own_packages(corpus) if signed else {}
    own = {frame: path for frame in signed if (path := _home(frame, folders)) in corpus.blobs}
    return {**match_frames([one for one in frames if one not in own], corpus.blobs), **own}


def own_packages(corpus: Corpus) -> dict[tuple[str, str], str]:
    """(manifest, name of the package) -> its folder in the repository, "" or ending in `/`."""
    manifests = [path for path in corpus.paths if path.rpartition("/")[2] in _MANIFESTS]
    ours = [path for path in manifests if kind_of(path) not in (Kind.VENDORED, Kind.TEST)]
    found: dict[tuple[str, str], str] = {}
    for path in sorted(ours, key=lambda path: (path.count("/"), path))[:_MOST]:
        folder, _, manifest = path.rpartition("/")
        for name in _names(manifest, corpus.text(path)):
            found.setdefault((manifest, name), f"{folder}/" if folder else "")
    return found


def _names(manifest: str, text: str) -> Iterator[str]:
    """The name that a manifest gives; none for one that cannot be read."""
    if manifest == "go.mod":
        yield from (match[1] for match in _MODULE.finditer(text[:10_000]))
        return
    package: object = None
    with suppress(ValueError, RecursionError):
        whole = json.loads(text) if manifest == "package.json" else tomllib.loads(text)
        package = whole.get("package") if manifest == "Cargo.toml" else whole
    name = package.get("name") if isinstance(package, dict) else None
    if isinstance(name, str) and name:
        yield name


def _home(frame: Frame, folders: dict[tuple[str, str], str]) -> str:
    """Where the frame's file stands in the repository, "" when no package of ours is named."""
    path = _plain(frame)
    for manifest, pattern in zip(_MANIFESTS, (_NODE, _GO, _CRATE), strict=True):
        match = pattern.fullmatch(path)
        if match:
            # Go's module cache writes a capital letter as `!` and the small one.
            name = re.sub(r"!([a-z])", lambda one: one[1].upper(), match[1])
            folder = folders.get((manifest, name.lstrip("/")))
            if folder is not None:
                return folder + match[2]
    return ""


def _plain(frame: Frame) -> str:
    return frame.path[:LONGEST_PATH].replace("\\", "/")
