"""Text from elsewhere, made harmless for a terminal and for whoever reads it.

Promises: no escape sequence, control character, direction override, invisible sign or broken
byte of a file name, task, commit or log reaches the terminal; each is shown as what it is.
Refuses: to guess. What was replaced is visible, so `a\\nb` and `a b` stay different names.
"""

from __future__ import annotations

import re
import unicodedata

# C0, DEL and C1 controls; soft hyphen and Arabic letter mark; zero-width space, direction marks
# and overrides; line and paragraph separators; invisible operators; byte order mark; interlinear
# marks; surrogates (bytes that were no UTF-8); the invisible tag alphabet. The joiners U+200C
# and U+200D stay: emoji and Persian need them.
_UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff"
)
_IN_LINE = re.compile(f"[\t\n{_UNSAFE}]")
_IN_LINES = re.compile(f"[{_UNSAFE}]")


def plain(text: str, *, multiline: bool = False) -> str:
    """`text` with everything unprintable as an escape. multiline: newlines and tabs stay."""
    if text.isprintable():
        return text
    if multiline:
        return _IN_LINES.sub(_shown, text.replace("\r\n", "\n"))
    return _IN_LINE.sub(_shown, text)


def one_line(text: str, most: int = 60) -> str:
    """All of `text` on one line, in at most `most` characters, ending in … when it was longer."""
    line = " ".join(text[: 8 * most].split())
    return line if len(line) <= most and len(text) <= 8 * most else line[: most - 1] + "…"


def cut(text: str, cells: int) -> str:
    """`plain(text)` in at most `cells` columns of a terminal, ending in … when it was longer."""
    shown = plain(text[: 4 * cells + 4])
    if width(shown) <= cells:
        return shown
    while shown and width(shown) >= cells:
        shown = shown[:-1]
    return f"{shown}…" if cells > 0 else ""


def width(text: str) -> int:
    """How many columns of a terminal a plain text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.combining(char) or char in "\u200c\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _shown(found: re.Match[str]) -> str:
    char = found.group()
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
