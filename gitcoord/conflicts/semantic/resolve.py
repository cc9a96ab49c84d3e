"""Which file a name comes from, by what the file that uses it imports.

Promises: True only where the import spells the place. Refuses search paths and aliases of
build tools; what they would find is left to rarer names.
"""

from __future__ import annotations

import posixpath
import re

from gitcoord.conflicts.semantic.change import FileChange
from gitcoord.conflicts.semantic.outline import Use

_ENDINGS = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue")


def leads_to(file: FileChange, use: Use, definer: str) -> bool:
    """Whether `use` in `file` means a name that the file `definer` defines at its top."""
    if use.receiver.startswith("from "):
        return is_module(file.language, use.receiver[5:], file.path, definer)
    if use.receiver == "":
        found = file.imports.get(use.name)
        if found and found[1] in (use.name, "default", ""):
            return is_module(file.language, found[0], file.path, definer)
        same = file.language in ("go", "java") and found is None
        return same and posixpath.dirname(file.path) == posixpath.dirname(definer)
    head, _, rest = use.receiver.partition(".")
    if file.language == "rust" and head in ("crate", "super", "self"):
        return is_module("rust", use.receiver, file.path, definer)
    if head not in file.imports:
        return False
    module, name = file.imports[head]
    if file.language == "go":
        return not rest and _folder_ends(definer, module)
    dotted = [module, *([name] if name and name != "default" else []), *([rest] if rest else [])]
    if file.language == "python":
        return is_module("python", _joined(dotted), file.path, definer)
    return not rest and is_module(file.language, module, file.path, definer)


def _joined(parts: list[str]) -> str:
    """Dotted, where a relative beginning (`.`, `..a`) keeps its dots."""
    joined = parts[0]
    for part in parts[1:]:
        joined += part if not joined.strip(".") else f".{part}"
    return joined


def is_module(language: str, module: str, path: str, definer: str) -> bool:
    """Whether `module`, imported in `path`, is the file `definer`."""
    if language == "python":
        return _is_python(module, path, definer)
    if language in ("javascript", "typescript"):
        return _is_script(module, path, definer)
    if language == "go":
        return _folder_ends(definer, module)
    if language == "rust":
        return _is_rust(module, definer)
    if language == "java":
        return ("/" + definer).endswith("/" + module.replace(".", "/") + ".java")
    return False


def _is_python(module: str, path: str, definer: str) -> bool:
    stem = definer.removesuffix(".py").removesuffix("/__init__")
    level = len(module) - len(module.lstrip("."))
    inner = module[level:].replace(".", "/")
    if level:
        folder = posixpath.dirname(path)
        for _ in range(level - 1):
            folder = posixpath.dirname(folder)
        return stem == posixpath.join(folder, inner).rstrip("/")
    return bool(inner) and (stem == inner or stem.endswith(f"/{inner}"))


def _is_script(module: str, path: str, definer: str) -> bool:
    if not module.startswith("."):
        return False
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(path), module))
    stem, ending = posixpath.splitext(definer)
    if ending not in _ENDINGS:
        return False
    return wanted in (definer, stem, stem.removesuffix("/index")) or (
        posixpath.splitext(wanted)[0] == stem and posixpath.splitext(wanted)[1] in _ENDINGS
    )


def _is_rust(module: str, definer: str) -> bool:
    """`crate::a::b` and `super::b` end in the file's name, or in that of the folder of a mod.rs."""
    last = re.split(r"::|\.", module)[-1]
    folder, name = posixpath.split(definer)
    stem = name.removesuffix(".rs")
    own = posixpath.basename(folder) if stem in ("mod", "lib", "main") else stem
    return last == own or (last == "crate" and stem in ("lib", "main"))


def _folder_ends(definer: str, module: str) -> bool:
    """Go: a package is a folder, its import path ends in it."""
    folder = posixpath.dirname(definer)
    return bool(folder) and f"/{module}".endswith(f"/{folder}")
