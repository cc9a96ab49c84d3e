"""conflicts near: who else is in a file, and on which lines, for hooks and for agents.

Read from what the last scan kept: no git, no typer, nothing that is slow to import, so that
it can be asked before every edit.

    {"path", "target", "seconds", "edits": [{id, branch, task, how, lines, base_lines,
     committed}]}
"""

from __future__ import annotations

import os
import re
import sys

from gitcoord.conflicts.edits import Edit, find_place, who_edits, would_collide

USAGE = "gitcoord conflicts near PATH [--lines FIRST-LAST] [--json]"


def near(words: list[str]) -> int:
    """Answer on stdout. Returns 1 when somebody else is there, 0 when nobody is.

    Raises BadInput for other words, NoSuch outside of a worktree or before the first scan.
    """
    path, lines, as_json = _parsed(words)
    place = find_place(os.path.dirname(os.path.abspath(path)))  # noqa: PTH100, PTH120
    if place is None:
        raise _no_such("this is not in a worktree", "see: gitcoord list")
    own_dir, top, own_id = place
    name = os.path.relpath(os.path.realpath(path), top)
    known = who_edits(own_dir, name)
    if known is None:
        raise _no_such("nobody has looked yet who edits what", "look with: gitcoord conflicts")
    others = would_collide(own_dir, own_id, name, lines) or ()
    if as_json:
        import json

        edits = [vars(one) for one in others]
        seconds = round(known.seconds, 1)
        document = {"path": name, "target": known.target, "seconds": seconds, "edits": edits}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{_line(one)}\n" for one in others)
    return int(bool(others))


def _parsed(words: list[str]) -> tuple[str, list[tuple[int, int]], bool]:
    left = [word for word in words if word != "--json"]
    lines = []
    if "--lines" in left:
        at = left.index("--lines")
        matched = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", "".join(left[at + 1 : at + 2]))
        if matched is None:
            raise _bad("--lines wants a number, or two with a dash between")
        lines = [(int(matched[1]), int(matched[2] or matched[1]))]
        del left[at : at + 2]
    if len(left) != 1 or left[0].startswith("-"):
        raise _bad("one path is asked about")
    return left[0], lines, len(left) != len(words) and "--json" in words


def _line(edit: Edit) -> str:
    from gitcoord.view.plain import plain

    shown = ", ".join(f"{one}-{two}" if one < two else f"{one}" for one, two in edit.lines or ())
    state = "committed" if edit.committed else "uncommitted"
    where = f"lines {shown}" if shown else "all of it"
    task = f"  {edit.task}" if edit.task else ""
    return plain(f"{edit.id}  {edit.how}  {where}  {state}{task}")


def _bad(message: str) -> Exception:
    from gitcoord.errors import BadInput

    return BadInput(message, hint=f"ask as in: {USAGE}")


def _no_such(message: str, hint: str) -> Exception:
    from gitcoord.errors import NoSuch

    return NoSuch(message, hint=hint)
