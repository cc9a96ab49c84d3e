"""What a smell is, and the kinds of trouble that questions tell of."""

from __future__ import annotations

from dataclasses import dataclass

from gitcoord.analysis.tokens import stems

_WORDS = {
    "now and then": """intermittent intermittently sometimes random randomly flaky flaky sporadic
        occasionally occasional nondeterministic unreliable unstable race racing concurrent
        concurrency concurrently parallel thread threads simultaneous simultaneously load busy
        duplicate twice""",
    "time": """expire expires expired expiry expiration ttl second seconds minute minutes hour
        hours midnight day days daily week month year date dates datetime timezone zone dst utc
        clock timestamp schedule late early ago age lifetime yesterday tomorrow""",
    "slow": """slow slowly hang hangs hung hanging stuck freeze frozen freezes block blocks blocked
        deadlock timeout timeouts latency forever performance stall stalls unresponsive wait""",
    "leak": """leak leaks leaking memory oom grow grows growing exhausted exhaust descriptor
        descriptors handles sockets connections pool""",
    "silent": """silent silently ignore ignored ignores swallow swallowed missing lost lose loses
        nothing empty disappear disappears vanish vanished hidden skipped unnoticed""",
    "crash": """crash crashes crashed panic panics exception exceptions traceback segfault abort
        aborts error errors fail fails failed failing failure raise raises throws none null nil
        undefined typeerror attributeerror valueerror keyerror""",
    "wrong": """wrong incorrect incorrectly mismatch differ differs different unexpected total
        rounding amount sum mixed shared leaked boundary duplicated corrupt
        corrupted garbled""",
    "stale": """stale cache cached caching old outdated refresh refreshed invalidate update
        updated""",
}
THEMES = {theme: frozenset(stems(words)) for theme, words in _WORDS.items()}


@dataclass(frozen=True)
class Smell:
    """One thing that is written in a way that often fails.

    kind: short, unique. line: from 1. what: what is there. why: what it can lead to.
    themes: keys of THEMES it can cause. sure: 0 to 1, how often such a line is a fault at all.
    """

    kind: str
    line: int
    what: str
    why: str
    themes: tuple[str, ...]
    sure: float
