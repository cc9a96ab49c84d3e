"""What a run found, as one Markdown report for people.

Promises: every line comes from a committed finding; a reader can check each with its command.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gitcoord.analysis.finding import HYPOTHESIS, Evidence, Finding, Suspect
from gitcoord.worktrees.worktree import Worktree

_NO_MODEL = "No model was asked."
_HEADING = re.compile(r"^ {0,3}(#)", re.MULTILINE)
_UNDERLINE = re.compile(r"^ {0,3}(?:=+|-+)[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_SUSPECTS = 8
_EVIDENCE = 6


def write_report(
    worktree: Worktree, findings: Sequence[Finding], *, said: str = "", by: str = ""
) -> bytes:
    """The report on a worktree's findings, in the order they were made; conclusions first.

    said: what an agent concluded in its own words. by: what it ran on, "" for no model.
    """
    conclusions = [one for one in findings if one.kind == HYPOTHESIS]
    others = [one for one in findings if one not in conclusions]
    parts = [
        f"# {_line(worktree.task)}",
        f"An investigation of {worktree.base.get('name', '')} at "
        f"`{str(worktree.base.get('id', ''))[:12]}`, by analysers of code, history, structure "
        f"and logs. {f'The conclusions are those of an agent on {by}.' if by else _NO_MODEL}",
        *_said(said),
        *_section("Conclusions", conclusions),
        *_suspects("Suspect files", [one for finding in conclusions for one in finding.files]),
        *_suspects("Suspect commits", [one for finding in conclusions for one in finding.commits]),
        *_section("Everything found", others),
    ]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "surrogateescape")


def _said(text: str) -> list[str]:
    """An agent's words, in which no heading of ours can be forged."""
    quoted = "\n".join(f"> {line}" for line in text.strip().split("\n"))
    return ["## In its own words", quoted] if text.strip() else []


def _section(title: str, findings: Sequence[Finding]) -> list[str]:
    return [f"## {title}", *map(_finding, findings)] if findings else []


def _finding(finding: Finding) -> str:
    """Its own headings sink below ours, those that are underlined become text, and a block of
    code it did not close ends with it."""
    body = _HEADING.sub(r"##\1", _UNDERLINE.sub(r"\\\g<0>", finding.body))
    fences = _FENCE.findall(body)
    body += f"\n{fences[0]}" if len(fences) % 2 else ""
    lines = [
        f"### {_line(finding.title)}",
        "",
        f"*{finding.role}, confidence {finding.confidence:.0%}*",
    ]
    lines += ["", body.strip()] if body.strip() else []
    lines += (
        ["", *(_evidence(one) for one in finding.evidence[:_EVIDENCE])] if finding.evidence else []
    )
    return "\n".join(lines)


def _evidence(one: Evidence) -> str:
    return f"- {_line(one.note)}: `{_line(one.command)}`"


def _suspects(title: str, suspects: Sequence[Suspect]) -> list[str]:
    best: dict[str, Suspect] = {}
    for one in sorted(suspects, key=lambda each: -each.score):
        best.setdefault(one.name, one)
    if not best:
        return []
    rows = [
        f"| {one.score:.2f} | {_suspect(one)} | {_cell('; '.join(one.reasons[:3]))} |"
        for one in list(best.values())[:_SUSPECTS]
    ]
    return [f"## {title}", "\n".join(["| score | suspect | why |", "|---|---|---|", *rows])]


def _suspect(one: Suspect) -> str:
    """A path, or a commit with its title."""
    return f"`{one.name[:12]}` {_cell(one.title)}" if one.title else f"`{_line(one.name)}`"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
