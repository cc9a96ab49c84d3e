"""The search for culprits where it is known what is red: for tests, and for the benchmark."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gitcoord.reviews.train.search import Search


def simulate(
    queue: Sequence[str], red: Collection[Collection[str]], *, batch: int, workers: int = 1
) -> tuple[Search, int]:
    """The search where a stack is red that holds all of one of `red`; and its rounds of checks,
    all of which take as long as each other."""
    search, rounds = Search(list(queue), batch), 0
    causes = [frozenset(one) for one in red]
    while not search.done:
        running = search.wanted(workers)
        search.begun(len(running))
        rounds += 1
        for stack in running:
            search.answer(stack, green=not any(one.issubset(stack) for one in causes))
    return search, rounds
