"""The shell files of the top folder `hooks/`, filled in for one repository.

Promises: any path, in any bytes, is quoted for sh. Refuses: a file with a place nobody fills.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from gitcoord.config import shipped

_PART = re.compile(r"^[ \t]*@([a-z]+)@$", re.MULTILINE)
_VALUE = re.compile(r"@([a-z]+)@")


def shim(event: str, chain: Path | str | None = None) -> bytes:
    """Our file for one event. chain: the folder of hooks that run before ours, as git would
    name it: absolute, or relative to each worktree. A Path is `hooks` of the git dir."""
    return _filled(shipped("hooks") / event, event, chain)


def passing(event: str, chain: Path | str) -> bytes:
    """A file that is nothing but the hook of that name in `chain`."""
    return _filled(shipped("hooks") / "parts" / "pass.sh", event, chain)


def package() -> Path:
    """The folder of this package, which shims look for."""
    return Path(__file__).resolve().parent.parent


def _filled(file: Path, event: str, chain: Path | str | None) -> bytes:
    parts = shipped("hooks") / "parts"
    values = {
        "event": event,
        "python": shlex.quote(sys.executable),
        "package": shlex.quote(str(package())),
        "before": _before(event, chain),
    }

    def part(found: re.Match[str]) -> str:
        if found[1] in values:
            return found[0]
        text = (parts / f"{found[1]}.sh").read_text(encoding="utf-8").removesuffix("\n")
        return _PART.sub(part, text)

    text = _PART.sub(part, file.read_text(encoding="utf-8"))
    return os.fsencode(_VALUE.sub(lambda found: values[found[1]], text))


def _before(event: str, chain: Path | str | None) -> str:
    """The lines that say which hook stands before ours."""
    if chain is None:
        return "hook="
    lines = [f"hook={shlex.quote(f'{chain}/{event}')}"]
    if isinstance(chain, Path):
        lines += [
            "# As git itself would call it, for hooks that look at $0.",
            f"own=${{GIT_COMMON_DIR:-${{GIT_DIR:-.git}}}}/hooks/{event}",
            '[ ! "$own" -ef "$hook" ] || hook=$own',
        ]
    return "\n".join(lines)
