"""Commands that a person can paste, for evidence.

Promises: a path or a term of any bytes stays one word of the command, in bash and zsh.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

# What `shlex.quote` would print raw and a terminal or a UTF-8 file could not take.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MAGIC = re.compile(r"^:|[*?\[\\]")


def command(*words: str) -> str:
    """The words as one line of shell."""
    return " ".join(_word(word) for word in words)


def pathspec(path: str) -> str:
    """`path` as git takes it after `--`: marked literal where it looks like a pattern."""
    return f":(literal){path}" if _MAGIC.search(path) else path


def excerpt(commit: str, path: str, first: int, last: int) -> str:
    """What shows lines `first` to `last` of `path` as of `commit`, wherever a branch is now."""
    return f"{command('git', 'show', f'{commit[:12]}:{path}')} | sed -n '{first},{last}p'"


def blame(commit: str, path: str, ranges: Sequence[tuple[int, int]]) -> str:
    """The `git blame` that shows lines `ranges` of `path` as of `commit`."""
    spans = [word for first, last in ranges for word in ("-L", f"{first},{last}")]
    return command("git", "blame", *spans, commit, "--", path)


def _word(word: str) -> str:
    if not _UNPRINTABLE.search(word):
        return shlex.quote(word)
    raw = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}"
        for byte in os.fsencode(word)
    )
    return f"$'{raw}'"
