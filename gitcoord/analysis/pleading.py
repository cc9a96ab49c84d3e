"""What speaks for and against a file, in words: the place, the commit, the reasons, the proofs.

Promises: only what a finding said is said again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gitcoord.analysis.evidence import RUN, SAID, WEIGHTS, kind
from gitcoord.analysis.finding import Evidence, Finding, Suspect
from gitcoord.analysis.redaction import shown

_PROOFS = 6
_ID = re.compile(r"\b[0-9a-f]{10}\b")
_NEAR = 6  # lines, as far as a smell is looked for around a place
_PART = re.compile(r", (\d+) % of what matters there$")


def find_place(path: str, naming: Sequence[Finding]) -> tuple[str, tuple[int, int] | None]:
    """The path with the lines of the surest evidence that has some, and these lines."""
    order = ("bisection", "trace", "logs", "code", "smell", "history")
    ranked = sorted(
        (one for one in naming if kind(one) in order), key=lambda one: order.index(kind(one))
    )
    for finding in ranked:
        for proof in finding.evidence:
            if proof.path == path and proof.lines:
                first, last = proof.lines
                return f"{path}:{first}" + (f"-{last}" if last != first else ""), proof.lines
    return path, None


def commit_of(path: str, naming: Sequence[Finding], commits: Sequence[Suspect]) -> Suspect | None:
    """The suspect commit that the history finding gives as the reason for a file."""
    by_short = {one.name[:10]: one for one in commits}
    for finding in naming:
        for suspect in finding.files if kind(finding) in ("history", "bisection") else ():
            for reason in suspect.reasons if suspect.name == path else ():
                match = _ID.search(reason)
                if match and match[0] in by_short:
                    return by_short[match[0]]
    return None


def is_there(smell: Finding, lines: tuple[int, int] | None) -> bool:
    """Whether a smell is at the place and sounds like what was asked: else it explains nothing
    and does not belong in a title. A note such as FIXME is no explanation either."""
    if not lines or smell.factors.get("theme", 1.0) < 1 or smell.factors.get("note"):
        return False
    return any(
        proof.lines[0] <= lines[1] + _NEAR and proof.lines[1] >= lines[0] - _NEAR
        for proof in smell.evidence
        if proof.lines
    )


def commit_said(path: str, commit: Suspect) -> str:
    """How much of what matters in the file the commit wrote, as its own reasons count it."""
    cited = f"{commit.name[:10]} “{shown(commit.title, 80)}”"
    touches = [one for one in commit.reasons if one.startswith(f"last touched {shown(path, 120)}:")]
    parts = [int(match[1]) for one in touches if (match := _PART.search(one))]
    if not touches:
        return f"{cited} is the first commit to look at"
    part = max(parts, default=0)
    if part >= 50:
        return f"{cited} wrote {'all' if part == 100 else f'{part} %'} of what matters there"
    return (
        f"{cited} is the first commit to look at, with {part or 'under 1'} % of what matters there"
    )


def speaks_for(
    path: str, strengths: Mapping[str, float], naming: Sequence[Finding]
) -> tuple[str, ...]:
    """One line per kind, the kind that moves the confidence most first."""
    said = []
    for sort in sorted(strengths, key=lambda sort: -WEIGHTS[sort] * strengths[sort]):
        best = max(
            (one for one in naming if kind(one) == sort),
            key=lambda one: one.confidence,
            default=None,
        )
        reasons = [
            reason
            for one in (best.files if best else ())
            if one.name == path
            for reason in one.reasons[:3]
        ]
        worth = round(100 * WEIGHTS[sort] * strengths[sort])
        detail = f": {'; '.join(shown(reason, 160) for reason in reasons)}" if reasons else ""
        said.append(f"{SAID[sort][0]}{detail} (alone {worth} %)")
    return tuple(said)


def speaks_against(strengths: Mapping[str, float], commit: Suspect | None) -> tuple[str, ...]:
    said = []
    if set(strengths) <= {"code", "churn", "memory"}:
        said.append("only words speak for it: no trace, log, history or smell does")
    if strengths.keys().isdisjoint(RUN):
        said.append("nothing that was observed at run time names it")
    said += [reason for reason in (commit.reasons if commit else ()) if reason.startswith("but ")]
    return tuple(said)


def proofs_of(path: str, naming: Sequence[Finding], commit: Suspect | None) -> tuple[Evidence, ...]:
    """The evidence of all findings about the path; of history's only that of its commit."""
    found: dict[str, Evidence] = {}
    for finding in sorted(naming, key=lambda one: -WEIGHTS[kind(one)]):
        for proof in finding.evidence:
            ours = proof.path == path
            if kind(finding) == "history":
                accused = commit is not None and (
                    proof.commit == commit.name or commit.name[:10] in proof.note
                )
                ours = accused and proof.path in (path, None)
            if ours and len(found) < _PROOFS:
                found.setdefault(proof.command, proof)
    return tuple(found.values())


def why_lower(first: Mapping[str, float], other: Mapping[str, float]) -> str:
    """The kinds in which the first is stronger, by what they cost the other."""
    gaps = {
        sort: WEIGHTS[sort] * (first.get(sort, 0.0) - other.get(sort, 0.0))
        for sort in {*first, *other}
    }
    worse = sorted((sort for sort in gaps if gaps[sort] > 0.01), key=lambda sort: -gaps[sort])
    said = [SAID[sort][1 if other.get(sort) else 2] for sort in worse[:3]]
    return "; ".join(said) or "nearly as likely"


def kinds_said(strengths: Mapping[str, float]) -> tuple[str, ...]:
    order = sorted(strengths, key=lambda sort: -WEIGHTS[sort] * strengths[sort])
    return tuple(SAID[sort][0] for sort in order)
