"""Which file of the repository uses which, read from its import lines.

Promises: linear time and no parser, so that 5,000 files take a second; Python, JavaScript and
TypeScript, Java, Kotlin and Scala, Go, Rust, C and C++, Ruby. An edge is a file that exists.
Refuses: what is only known at run time, and installed code. Files of one Go, Java or Kotlin
package see each other without an import; that is not an edge here.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.frames import language_of

_MOST_IN_PACKAGE = 40  # files that one import of a whole folder stands for


@dataclass(frozen=True)
class Imports:
    """of: path -> the paths it imports, each once, in order."""

    of: Mapping[str, Sequence[str]]

    @cached_property
    def by(self) -> dict[str, list[str]]:
        """Path -> the paths that import it."""
        found: dict[str, list[str]] = defaultdict(list)
        for path, imported in self.of.items():
            for other in imported:
                found[other].append(path)
        return dict(found)

    def dependents(self, path: str, *, depth: int = 3, most: int = 500) -> dict[str, int]:
        """Path -> in how many steps it comes to import `path`; nearest first, at most `most`."""
        found: dict[str, int] = {}
        waiting = deque([(path, 0)])
        while waiting and len(found) < most:
            at, steps = waiting.popleft()
            if steps == depth:
                continue
            for other in self.by.get(at, ()):
                if other not in found and other != path:
                    found[other] = steps + 1
                    waiting.append((other, steps + 1))
        return found


def read_imports(corpus: Corpus) -> Imports:
    """The imports of every file of the corpus whose language is known."""
    tree = _Tree(corpus)
    found: dict[str, list[str]] = {}
    for path, content in corpus.texts(path for path in corpus.paths if _reader(path)):
        reader = _reader(path)
        assert reader is not None
        imported = dict.fromkeys(other for other in reader(tree, path, content) if other != path)
        if imported:
            found[path] = list(imported)
    return Imports(found)


class _Tree:
    """Where a name could be: the paths of the repository by what imports call them."""

    def __init__(self, corpus: Corpus) -> None:
        self.paths = set(corpus.paths)
        self._corpus = corpus

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """The last part of a path -> paths."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            found[path.rpartition("/")[2]].append(path)
        return found

    @cached_property
    def folders(self) -> dict[str, list[str]]:
        """Folder -> its own files, sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self.paths):
            found[path.rpartition("/")[0]].append(path)
        return found

    @cached_property
    def modules(self) -> dict[str, list[str]]:
        """Dotted Python name -> paths: from the outermost package, and from any folder above."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            stem, _, ending = path.rpartition(".")
            if ending not in ("py", "pyi", "pyx"):
                continue
            parts = stem.removesuffix("/__init__").split("/")
            folder = posixpath.dirname(path)
            inside = 0
            while folder and f"{folder}/__init__.py" in self.paths:
                folder = posixpath.dirname(folder)
                inside += 1
            whole = inside + (0 if stem.endswith("/__init__") else 1)
            for length in range(max(1, whole), len(parts) + 1):
                found[".".join(parts[-length:])].append(path)
        return found

    @cached_property
    def go_modules(self) -> dict[str, str]:
        """Import prefix -> folder, from each go.mod."""
        found = {}
        for path in self.by_name.get("go.mod", ()):
            match = re.search(r"(?m)^module\s+(\S+)", self._corpus.text(path)[:5000])
            if match:
                found[match[1].strip('"')] = posixpath.dirname(path)
        return found

    @cached_property
    def crates(self) -> dict[str, str]:
        """Rust crate name -> its src folder, from each Cargo.toml."""
        found = {}
        for path in self.by_name.get("Cargo.toml", ()):
            match = re.search(r'(?m)^name\s*=\s*"([\w-]+)"', self._corpus.text(path)[:20_000])
            if match:
                root = posixpath.join(posixpath.dirname(path), "src")
                found[match[1].replace("-", "_")] = root
        return found

    def ending_in(self, tail: str, near: str) -> str | None:
        """The path that ends in `tail`; of several the one in the folders nearest to `near`."""
        name = tail.rpartition("/")[2]
        fits = [
            path for path in self.by_name.get(name, ()) if path == tail or path.endswith("/" + tail)
        ]
        return max(fits, key=lambda path: (_shared(path, near), -len(path), path), default=None)

    def first(self, candidates: Iterable[str]) -> str | None:
        return next((path for path in candidates if path in self.paths), None)


def _shared(one: str, other: str) -> int:
    """How many leading folders agree."""
    count = 0
    for left, right in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if left != right:
            break
        count += 1
    return count


_Reader = Callable[[_Tree, str, bytes], Iterator[str]]

_PYTHON = re.compile(
    rb"\n[ \t]*+(?:from[ \t]++(\.*+[\w.]*+)[ \t]++import[ \t]*+(\([^)]{0,4000}+\)|[^\n#;]++)"
    rb"|import[ \t]++([\w., \t]++))"
)


def _python(tree: _Tree, path: str, content: bytes) -> Iterator[str]:
    for match in _PYTHON.finditer(b"\n" + content):
        source, names, plain = (part.decode("ascii", "replace") for part in match.groups(b""))
        if plain:
            for part in plain.split(","):
                name = part.strip().split(" ")[0]
                yield from _module(tree, path, name)
            continue
        base = _absolute(path, source) if source.startswith(".") else source
        whole = _module(tree, path, base) if base else []
        for part in names.strip("() \t").split(","):
            words = part.split()
            inner = _module(tree, path, f"{base}.{words[0]}".lstrip(".")) if words else []
            yield from inner or whole


def _absolute(path: str, source: str) -> str:
    """`..a` as seen from `path`, as a dotted name from the repository's root."""
    dots = len(source) - len(source.lstrip("."))
    folders = path.split("/")[:-1]
    kept = folders[: len(folders) - dots + 1] if dots <= len(folders) + 1 else []
    return ".".join([*kept, *([source[dots:]] if source[dots:] else [])])


def _module(tree: _Tree, path: str, name: str) -> list[str]:
    fits = tree.modules.get(name, [])
    return [max(fits, key=lambda one: (_shared(one, path), -len(one), one))] if fits else []


_SCRIPT = re.compile(
    rb"""(?:\bfrom|\bimport|\brequire)[ \t]*+\(?[ \t\n]*+["'`]([^"'`\n]{1,300}+)["'`]"""
)
_SCRIPT_ENDINGS = (
    "", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte", ".d.ts",
    ".json", "/index.ts", "/index.tsx", "/index.js", "/index.jsx", "/index.mjs",
)  # fmt: skip


def _script(tree: _Tree, path: str, content: bytes) -> Iterator[str]:
    for match in _SCRIPT.finditer(content):
        name = match[1].decode("utf-8", "surrogateescape").partition("?")[0]
        if name.startswith("."):
            found = _script_file(tree, posixpath.join(posixpath.dirname(path), name))
        elif name.startswith(("@/", "~/", "src/", "/")):
            inner = name.lstrip("@~/").removeprefix("src/")
            found = _script_file(tree, f"src/{inner}") or _script_file(tree, inner)
        else:
            continue
        if found:
            yield found


def _script_file(tree: _Tree, name: str) -> str | None:
    base = posixpath.normpath(name)
    # TypeScript's ES modules import `./x.js` and mean `./x.ts`.
    stem = re.sub(r"\.([mc]?)jsx?$", "", base)
    tried = [(base + ending).removeprefix("./") for ending in _SCRIPT_ENDINGS]
    if stem != base:
        tried += [stem + ending for ending in (".ts", ".tsx", ".mts", ".cts")]
    return tree.first(tried)


_JVM = re.compile(rb"\n[ \t]*+import[ \t]++(?:static[ \t]++)?((?:\w++\.)*\w++)(\.\*)?")
_JVM_ENDINGS = (".java", ".kt", ".scala", ".groovy")


def _jvm(tree: _Tree, path: str, content: bytes) -> Iterator[str]:
    for match in _JVM.finditer(b"\n" + content):
        parts = match[1].decode("ascii", "replace").removesuffix("._").split(".")
        # `a.b.C`, `a.b.C.member` and `a.b.C.Inner` all stand in a/b/C.java.
        for length in range(len(parts), max(1, len(parts) - 3), -1):
            tail = "/".join(parts[:length])
            found = next(
                (hit for end in _JVM_ENDINGS if (hit := tree.ending_in(tail + end, path))), None
            )
            if found:
                yield found
                break
        else:
            if match[2] or match[1].endswith(b"._"):
                yield from _package(tree, "/".join(parts), _JVM_ENDINGS)


def _package(tree: _Tree, tail: str, endings: tuple[str, ...]) -> list[str]:
    folders = [one for one in tree.folders if one == tail or one.endswith("/" + tail)]
    files = [path for folder in folders for path in tree.folders[folder] if path.endswith(endings)]
    return files[:_MOST_IN_PACKAGE]


_GO_BLOCK = re.compile(
    rb"\nimport[ \t]*+(?:\(([^)]{0,20000}+)\)|(?:[\w.]++[ \t]++)?(\"[^\"\n]++\"))"
)
_GO_NAME = re.compile(rb"\"([^\"\n]{1,300})\"")


def _go(tree: _Tree, path: str, content: bytes) -> Iterator[str]:
    for block in _GO_BLOCK.finditer(content):
        for match in _GO_NAME.finditer(block[1] or block[2]):
            name = match[1].decode("utf-8", "replace")
            for prefix, root in tree.go_modules.items():
                if name == prefix or name.startswith(prefix + "/"):
                    folder = posixpath.join(root, name[len(prefix) + 1 :]).rstrip("/")
                    files = [one for one in tree.folders.get(folder, ()) if one.endswith(".go")]
                    own = [one for one in files if not one.endswith("_test.go")]
                    yield from own[:_MOST_IN_PACKAGE]


_RUST = re.compile(
    rb"\n[ \t]*+(?:pub(?:\([\w: ]{1,40}\))?[ \t]++)?"
    rb"(?:mod[ \t]++(\w++)[ \t]*+;|use[ \t]++([\w:]++)(\{[^;]{0,2000}+)?)"
)


def _rust(tree: _Tree, path: str, content: bytes) -> Iterator[str]:
    folder, name = posixpath.split(path)
    # Modules below x.rs lie in x/, those below lib.rs, main.rs and mod.rs beside it.
    own = folder if name in ("mod.rs", "lib.rs", "main.rs") else path.removesuffix(".rs")
    for match in _RUST.finditer(b"\n" + content):
        mod, use, more = (part.decode("ascii", "replace") for part in match.groups(b""))
        if mod:
            found = tree.first((f"{own}/{mod}.rs", f"{own}/{mod}/mod.rs"))
            if found:
                yield found
            continue
        inner = re.findall(r"(?:^|[{,])\s*(\w+)", more)[:50] or [""]
        for last in inner:
            parts = [part for part in f"{use}::{last}".split("::") if part]
            found = _rust_file(tree, own, path, parts)
            if found:
                yield found


def _rust_file(tree: _Tree, own: str, path: str, parts: list[str]) -> str | None:
    root, parts = _rust_root(tree, own, path, parts)
    if root is None:
        return None
    for length in range(min(len(parts), 6), 0, -1):
        tail = "/".join([root, *parts[:length]] if root else parts[:length])
        found = tree.first((f"{tail}.rs", f"{tail}/mod.rs"))
        if found:
            return found
    return tree.first((f"{root}/lib.rs", f"{root}/mod.rs", f"{root}.rs"))


def _rust_root(tree: _Tree, own: str, path: str, parts: list[str]) -> tuple[str | None, list[str]]:
    head = parts[0] if parts else ""
    if head == "crate":
        at = path.rfind("src/")
        return (path[: at + 3], parts[1:]) if at >= 0 else (None, [])
    if head in ("self", "super"):
        up = sum(part == "super" for part in parts[:4])
        kept = own.split("/")[: len(own.split("/")) - up]
        return "/".join(kept), [part for part in parts if part not in ("self", "super")]
    return (tree.crates[head], parts[1:]) if head in tree.crates else (None, [])


_INCLUDE = re.compile(rb"\n[ \t]*+#[ \t]*+(?:include|import)[ \t]*+([\"<])([^\">\n]{1,300}+)[\">]")


def _c(tree: _Tree, path: str, content: bytes) -> Iterator[str]:
    for match in _INCLUDE.finditer(b"\n" + content):
        name = match[2].decode("utf-8", "surrogateescape")
        near = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        if match[1] == b'"' and near in tree.paths:
            yield near
        elif match[1] == b'"' or "/" in name:
            found = tree.ending_in(name.removeprefix("./").lstrip("./"), path)
            if found:
                yield found


_RUBY = re.compile(
    rb"\n[ \t]*+(?:(require_relative|require|load)[ \t(]++|autoload[ \t(]++:?\w++[ \t]*+,[ \t]*+)"
    rb"[\"']([^\"'\n]{1,300}+)[\"']"
)


def _ruby(tree: _Tree, path: str, content: bytes) -> Iterator[str]:
    for match in _RUBY.finditer(b"\n" + content):
        name = match[2].decode("utf-8", "surrogateescape").removesuffix(".rb") + ".rb"
        if match[1] == b"require_relative" or name.startswith("."):
            near = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            found = near if near in tree.paths else None
        else:
            found = tree.ending_in(name, path) if "/" in name else tree.first((f"lib/{name}", name))
        if found:
            yield found


_READERS: dict[str, _Reader] = {
    "python": _python,
    "javascript": _script,
    "typescript": _script,
    "java": _jvm,
    "kotlin": _jvm,
    "scala": _jvm,
    "groovy": _jvm,
    "go": _go,
    "rust": _rust,
    "c": _c,
    "c++": _c,
    "ruby": _ruby,
}


def _reader(path: str) -> _Reader | None:
    return _READERS.get(language_of(path))


def importers(imports: Imports, paths: Collection[str]) -> list[str]:
    """The files that import any of `paths`, themselves left out, sorted."""
    found = {other for path in paths for other in imports.by.get(path, ())}
    return sorted(found - set(paths))
