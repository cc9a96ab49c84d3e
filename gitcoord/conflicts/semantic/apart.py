"""Work that keeps one core busy, half of it in a process of its own.

Promises: the same answers in the same order; what the other process does not answer is worked
out here. Refuses: to fork beside other threads, or where a system's own libraries do not allow it.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from gitcoord.process import cores

One = TypeVar("One")
Said = TypeVar("Said")


def in_two(ask: Callable[[One], Said], asked: Sequence[One]) -> list[Said]:
    """`ask` of each, in the order asked: every second one in a fork, where there are two cores.

    ask: of pure Python, for it runs in a copy of this process: it may use no pipe to a git that
    was started before. An answer has to be one that can be pickled.
    """
    others = asked[1::2]
    if not others or sys.platform != "linux" or threading.active_count() > 1 or cores() < 2:
        return [ask(one) for one in asked]
    reader, writer = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return [ask(one) for one in asked]
    if not child:
        os.close(reader)
        _answer(writer, ask, others)
    os.close(writer)
    try:
        # Closed when we are interrupted: then the other's pipe breaks and it ends.
        with os.fdopen(reader, "rb") as pipe:
            mine = [ask(one) for one in asked[::2]]
            said = pipe.read()
    finally:
        _, status = os.waitpid(child, 0)
    theirs = pickle.loads(said) if status == 0 else [ask(one) for one in others]  # noqa: S301
    found: list[Said] = [*mine, *theirs]
    found[::2], found[1::2] = mine, theirs
    return found


def _answer(writer: int, ask: Callable[[One], Said], asked: Sequence[One]) -> None:
    """In the copy, which leaves without a trace: nothing of ours is closed or written by it."""
    code = 1
    try:
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump([ask(one) for one in asked], pipe, pickle.HIGHEST_PROTOCOL)
        code = 0
    finally:
        os._exit(code)
