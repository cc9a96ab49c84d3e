"""The sorts of evidence: how much each is worth, how it is told apart, and in which words.

Promises: a finding is of one sort, told by a factor that only findings of that sort have.
"""

from __future__ import annotations

from collections.abc import Mapping

from gitcoord.analysis.finding import Finding

# Kind -> how sure a file is the place when this kind alone points at it with full strength.
WEIGHTS: Mapping[str, float] = {
    "bisection": 0.95,
    "trace": 0.75,
    "code": 0.5,
    "logs": 0.45,
    "history": 0.35,
    "memory": 0.3,
    "smell": 0.3,
    "churn": 0.1,
    "other": 0.2,
}
# Of ten files that explain a fault, tests that say its words are at most three.
TESTS = 0.3
RUN = ("bisection", "trace", "logs")
# A factor that only findings of that kind have.
_SIGNS = {
    "agreement": "bisection",
    "foreign_frames_below": "trace",
    "lead": "code",
    "severity": "logs",
    "shared": "memory",
    "smell": "smell",
    "places": "history",
    "gone": "terms",
    "people": "people",
    "recent": "churn",
    "importers": "use",
    "companions": "impact",
}
# Kind -> what is said where it speaks for a file, where it speaks less, and where it is silent.
SAID: Mapping[str, tuple[str, str, str]] = {
    "bisection": (
        "a bisection ended there", "bisected less surely", "the bisection ended elsewhere",
    ),
    "trace": ("the stack trace names it", "further out in the trace", "no stack trace names it"),
    "code": ("its code matches the question", "its code matches less", "its code does not match"),
    "logs": ("the log names it", "the log names it less", "no log line names it"),
    "history": (
        "suspect commits touched it", "suspect commits touched it less",
        "no suspect commit touched it",
    ),
    "memory": ("it was found before", "found before, less surely", "it was not found before"),
    "smell": (
        "there is a known smell in it", "its smell is weaker", "no known smell near the place",
    ),
    "churn": ("it is restless", "it is less restless", "it is calm"),
    "other": ("a finding names it", "named less surely", "no other finding names it"),
}  # fmt: skip


# Kind -> what was looked at, for a conclusion that nothing was found.
LOOKED_AT = {
    "code": "the code",
    "logs": "the logs",
    "memory": "earlier findings",
    **dict.fromkeys(("history", "terms", "people", "churn"), "the history"),
    **dict.fromkeys(("use", "impact", "smell"), "the code's structure"),
}


def kind(finding: Finding) -> str:
    """What sort of evidence a finding is: a key of WEIGHTS, or one that accuses no file."""
    return next((name for sign, name in _SIGNS.items() if sign in finding.factors), "other")
