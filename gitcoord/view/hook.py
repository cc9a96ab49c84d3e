"""What a hook says, on stderr, between the lines of git."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gitcoord.hooks.objection import BLOCK, Objection
from gitcoord.view.plain import plain

_MOST = 20


def objection_lines(objections: Sequence[Objection], past: str = "") -> Iterator[str]:
    """`error:` for what stops git, `warning:` for what does not, and how to go on.

    past: the command of git that leaves its hooks out, "" where nobody is told a way past.
    """
    ordered = sorted(objections, key=lambda one: one.level != BLOCK)
    for one in ordered[:_MOST]:
        word = "error" if one.level == BLOCK else "warning"
        yield plain(f"{word}: {one.place}: {one.text}" if one.place else f"{word}: {one.text}")
    if len(ordered) > _MOST:
        yield f"and {len(ordered) - _MOST} more"
    yield from (f"hint: {plain(hint)}" for hint in dict.fromkeys(o.hint for o in ordered) if hint)
    stopping = list(dict.fromkeys(one.setting for one in ordered if one.level == BLOCK))
    if stopping and past:
        yield f"hint: when it is meant to be so: {past}"
    for setting in stopping if past else ():
        yield f"hint: to be warned only: gitcoord config set hooks.{setting} warn"
