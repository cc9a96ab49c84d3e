"""What went into notes, in lines and in JSON. Reads no git, decides nothing.

review export --json   {reviews: [id], refs: {ref: how many lines}, remove, dry_run, passed_over}
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from gitcoord.records import counted
from gitcoord.reviews.exchange.export import Exported


def exported_json(one: Exported, *, remove: bool, dry_run: bool) -> dict[str, Any]:
    return {
        "reviews": list(one.reviews),
        "refs": dict(Counter(line.ref for line in one.lines)),
        "remove": remove,
        "dry_run": dry_run,
        "passed_over": list(one.passed_over),
    }


def exported_lines(one: Exported, *, remove: bool, dry_run: bool, file: str = "") -> list[str]:
    """How many lines in which notes. file: where they were written instead."""
    of = f"of {counted(len(one.reviews), 'review')}"
    if file:
        return [f"wrote {counted(len(one.lines), 'line')} {of} to {file}"]
    if not one.lines:
        return [f"nothing to {'remove' if remove else 'add'} {of}"]
    verb = "removed" if remove else "added"
    verb = verb if not dry_run else "would have " + verb
    counts = Counter(line.ref for line in one.lines)
    return [f"{verb} {counted(count, 'line')} in {ref}" for ref, count in sorted(counts.items())]
