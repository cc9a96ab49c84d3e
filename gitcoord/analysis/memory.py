"""What was found earlier in this repository, recalled for a new question.

Refuses: to recall what shares only common words; a memory that always speaks is noise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gitcoord.analysis.finding import MEMORY, Evidence, Finding
from gitcoord.analysis.question import Question
from gitcoord.analysis.tokens import stems

# Below this share of the question's weight (rarity of words among all that was found) an
# earlier finding is about something else.
_LEAST = 0.34
_MOST = 3
_BELIEVED = 0.15  # what was less sure then, such as that nothing was found, is no memory


@dataclass(frozen=True)
class Earlier:
    """A finding of an earlier worktree. where: a git object name that shows it. confidence:
    how sure it was then."""

    worktree_id: str
    id: str
    title: str
    text: str
    where: str
    confidence: float = 1.0


def recall(question: Question, earlier: Sequence[Earlier]) -> list[Finding]:
    """Earlier findings about the same, the nearest first, at most three, one of a worktree.

    Confidence is the share of the question's words found in the earlier finding, each
    weighted by its rarity over all earlier findings (log(1 + N/n)), times the confidence it had
    then, times 0.6: that something was found before does not make it so now.
    """
    asked = set(stems(" ".join((*question.words, *question.identifiers, *question.paths))))
    if not asked or not earlier:
        return []
    words = [Counter(stems(f"{one.title} {one.text}")) for one in earlier]
    holders = Counter(word for found in words for word in found.keys() & asked)
    weight = {word: math.log(1 + len(earlier) / (1 + holders[word])) for word in asked}
    total = sum(weight.values())
    rated = []
    for one, found in zip(earlier, words, strict=True):
        shared = asked & found.keys()
        share = sum(weight[word] for word in shared) / total
        if one.confidence >= _BELIEVED and share >= _LEAST and len(shared) >= min(2, len(asked)):
            rated.append((share, one, sorted(shared)))
    rated.sort(key=lambda each: (-each[0] * each[1].confidence, each[1].worktree_id, each[1].id))
    nearest: dict[str, Finding] = {}
    for share, one, words_shared in rated:
        if one.worktree_id not in nearest:
            nearest[one.worktree_id] = _finding(share, one, words_shared)
    return list(nearest.values())[:_MOST]


def _finding(share: float, one: Earlier, shared: Sequence[str]) -> Finding:
    return Finding(
        role="detective",
        title=f"Found before: {one.title}",
        confidence=round(0.6 * share * one.confidence, 4),
        evidence=(Evidence(f"git show '{one.where}'", f"about {', '.join(shared[:6])} as well"),),
        body=f"{one.worktree_id} found this:\n\n> {one.title}\n",
        factors={"shared": share, "then": one.confidence},
        kind=MEMORY,
    )
