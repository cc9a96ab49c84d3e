"""What a command that keeps others at work does when it is told to end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIG_DFL, SIGHUP, SIGTERM, getsignal, signal


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Told to end, or with its terminal closed, a host ends what it started first, as after
    Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = [one for one in (SIGTERM, SIGHUP) if getsignal(one) == SIG_DFL]
    for one in told:
        signal(one, interrupt)
    try:
        yield
    finally:
        for one in told:
            signal(one, SIG_DFL)
