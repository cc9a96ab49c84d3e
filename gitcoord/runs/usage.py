"""What a call of a model used: tokens of four kinds, and dollars where they are known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, each counted once: what was read from the cache is not in `input`."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input, self.output + other.output,
            self.cache_read + other.cache_read, self.cache_write + other.cache_write,
        )  # fmt: skip

    def __sub__(self, other: Usage) -> Usage:
        """What came since `other`, of a program that reports totals; never below nothing."""
        return Usage(
            max(0, self.input - other.input), max(0, self.output - other.output),
            max(0, self.cache_read - other.cache_read),
            max(0, self.cache_write - other.cache_write),
        )  # fmt: skip
