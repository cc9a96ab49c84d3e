"""What an agent's calls cost, entered as they are heard of.

Promises: what a runner says of each call and what it says at the end add up to one bill: at
the end only what was not entered yet is. A model without a price is counted in tokens.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from gitcoord.git.repository import Repository
from gitcoord.runs.ledger import record_call
from gitcoord.runs.prices import price_of
from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import Event, Outcome


@dataclass
class Bill:
    """The bill of one attempt. dollars: None when a part of it has no price."""

    repo: Repository
    run_id: str
    task: str
    role: str
    attempt: int
    usage: Usage = field(default_factory=Usage)
    dollars: float | None = 0.0
    turns: int = 0
    model: str = ""
    began: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def words(self) -> str:
        """As people read it: `$0.0123`, tokens where there is no price, "" where nobody said."""
        if self.dollars is None:
            return f"{self.usage.total:,} tokens, unpriced"
        return f"${self.dollars:.4f}" if self.usage.total or self.dollars else ""

    def hear(self, event: Event) -> bool:
        """Enter a call where the event is of one, and say whether it was: detail usage (a Usage),
        model, call (its id), and dollars where the runner knows better than the price list."""
        used, call = event.detail.get("usage"), str(event.detail.get("call", ""))
        if event.kind != "usage" or not isinstance(used, Usage) or not call:
            return False
        self._enter(used, str(event.detail.get("model", "")), event.detail.get("dollars"), call)
        return True

    def end(self, outcome: Outcome) -> None:
        """Enter what the outcome has beyond the calls that were heard of."""
        left = outcome.usage - self.usage
        paid = outcome.dollars
        if paid is not None and self.dollars:
            paid = max(0.0, paid - self.dollars)
        if left.total or (paid and not self.usage.total):
            turns = max(0, outcome.turns - self.turns)
            self._enter(left, outcome.model, paid, f"{self.task}/{self.attempt}/end", turns)

    def close(self) -> None:
        """Enter how long it took, however it ended."""
        record_call(
            self.repo, self.run_id, self.task, self.role, self.model, Usage(), 0.0, turns=0,
            call=f"{self.task}/{self.attempt}/time", seconds=time.monotonic() - self.began,
        )  # fmt: skip

    def _enter(
        self, usage: Usage, model: str, dollars: float | None, call: str, turns: int = 1
    ) -> None:
        cost = price_of(self.repo, model, usage) if dollars is None else dollars
        record_call(
            self.repo, self.run_id, self.task, self.role, model, usage, cost,
            call=call, turns=turns,
        )  # fmt: skip
        with self._lock:
            self.usage += usage
            self.turns += turns
            self.model = model or self.model
            known = self.dollars is not None and cost is not None
            self.dollars = (self.dollars or 0) + (cost or 0) if known else None
