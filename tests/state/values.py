"""What documents and events may hold, for Hypothesis, and programs for processes that race."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

# Any text there is, lone surrogates too: st.text() leaves those out.
TEXT = st.text(st.characters(exclude_categories=())) | st.sampled_from(
    ['"""', "\n# end 00000000 0\n", "[[event]]", "\ufdd0", "\ufdd0dc80", "\r\n", "\x7f\x00\x1b[0m"]
)
_PLAIN = TEXT | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False)
VALUE: st.SearchStrategy[Any] = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)
DOCUMENT = st.dictionaries(TEXT.filter(lambda key: key != "schema"), VALUE, max_size=5)


def start(code: str, *argv: object) -> subprocess.Popen[str]:
    """Python with a program and arguments, its stdout a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, argv)], stdout=subprocess.PIPE, text=True
    )


def finish(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    """What each said, once all have ended well."""
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return said
