"""What logs tell about a question: failures and what was asked about, with their rhythms.

Promises: a log is read once, in bounded memory; where less than everything was looked at, the
finding says so; nothing of a log is quoted with a known kind of secret or a control character
in it; a rhythm is told only above the threshold that `rhythms` documents.
Refuses, with a hint: a log that is missing, a folder, empty, UTF-16 or binary.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gitcoord.analysis import shell
from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.finding import Evidence, Finding, Suspect
from gitcoord.analysis.frames import Frame, match_frames
from gitcoord.analysis.logfiles import is_packed
from gitcoord.analysis.logplaces import Spot, find_spots
from gitcoord.analysis.logranking import Rating, Told, chosen, told_in
from gitcoord.analysis.logreading import LogSummary, Template, read_log
from gitcoord.analysis.logtimes import written_as
from gitcoord.analysis.packages import match_in
from gitcoord.analysis.question import Question, parse_question
from gitcoord.analysis.redaction import shown
from gitcoord.analysis.rhythms import FEWEST, Pattern, find_company, find_patterns
from gitcoord.analysis.templates import VALUE
from gitcoord.errors import BadInput

__all__ = ["LogStudy", "LogSummary", "Template", "analyse_logs", "read_log", "study_logs"]

ROLE = "detective"
MOST = 6  # findings
_OTHERS = 300  # templates that are looked at as company of one


@dataclass(frozen=True)
class LogStudy:
    """What logs gave. words, identifiers: worth a search in the code, from the templates that
    findings are about, the most relevant first. frames: from the traces in them."""

    findings: tuple[Finding, ...]
    words: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    summaries: tuple[LogSummary, ...] = ()


def analyse_logs(
    paths: Sequence[Path], question: Question, *, tracked: Collection[str] = ()
) -> list[Finding]:
    """Findings from log files, the most telling first. See `study_logs`."""
    return list(study_logs(paths, question, tracked=tracked).findings)


def study_logs(
    paths: Sequence[Path],
    question: Question,
    *,
    tracked: Collection[str] = (),
    corpus: Corpus | None = None,
) -> LogStudy:
    """Read logs and find what tells of failures or of what was asked, at most MOST findings.

    corpus: the repository's code, in which traces, loggers, `file.py:12` and the words of the
    lines are looked for; tracked: its paths, when only traces shall be. `question.since` and
    `until` narrow the time. Raises BadInput for what cannot be read as a log.

    Confidence is 1 - (1 - 0.5·relevance)(1 - 0.25·severity)(1 - 0.35·pattern)(1 - 0.3·located)
    (1 - 0.15·repetition): each factor, 0 to 1, closes its share of the doubt that is left.
    relevance: the share of the question's words that the template has, weighted by
    log(1 + N/(1+n)) for a word in n of N templates; 1 with a name, quote or frame of it.
    severity: by level. pattern: the strength of the surest pattern (`rhythms`). located: 1
    with a frame that is a file of the repository, else how sure the surest place is
    (`logplaces`). repetition: log10(count)/3, at most 1. The factor `onset` is no part of it:
    when the failure began at the latest, seconds since 1970 (`_onset`).
    """
    since, until = (
        datetime.fromisoformat(at) if at else None for at in (question.since, question.until)
    )
    wanted = [*question.words, *question.identifiers, *question.quoted]
    summaries = tuple(
        read_log(path, since=since, until=until, wanted=wanted) for path in dict.fromkeys(paths)
    )
    told = told_in(summaries)
    picked = chosen(told, question)
    written = _written(picked, tracked, corpus)
    found = [
        (_finding(one, rated, told, where), one.template)
        for (one, rated), where in zip(picked, written, strict=True)
    ]
    found.sort(key=lambda each: -each[0].confidence)
    findings = [finding for finding, _ in found[:MOST]]
    if not findings:
        findings = [_nothing(log) for log in summaries]
    templates = [template for _, template in found[:MOST]]
    terms = _terms(templates)
    frames = dict.fromkeys(frame for one in templates for frame in one.frames)
    return LogStudy(tuple(findings), terms.words, terms.identifiers, tuple(frames), summaries)


@dataclass(frozen=True)
class _Where:
    """The code a template belongs to. matched: frames of its traces that are files of the
    repository. spots: where its lines are written. at: the commit, "" when only paths are known."""

    matched: Mapping[Frame, str]
    spots: Sequence[Spot] = ()
    at: str = ""

    @property
    def sure(self) -> float:
        return 1.0 if self.matched else max((one.sure for one in self.spots), default=0.0)


def _written(
    picked: Sequence[tuple[Told, Rating]], tracked: Collection[str], corpus: Corpus | None
) -> list[_Where]:
    templates = [one.template for one, _ in picked]
    if corpus is None:
        return [_Where(match_frames(one.frames, tracked)) for one in templates]
    spots = find_spots(templates, corpus)
    return [
        _Where(match_in(one.frames, corpus), found, corpus.commit)
        for one, found in zip(templates, spots, strict=True)
    ]


# What is furthest behind UTC. The times of a log that names no zone can be so much later.
_BEHIND = 12 * 3600.0


def _onset(template: Template, patterns: Sequence[Pattern], *, zoned: bool | None) -> float | None:
    """When a failure began at the latest: where it rose or started, else its first line."""
    began = [each.at for each in patterns if each.kind in ("started", "rose") and each.at]
    first = min(began, default=template.first)
    if first is None or not template.fails:
        return None
    return first if zoned else first + _BEHIND


def _finding(one: Told, rating: Rating, told: Sequence[Told], where: _Where) -> Finding:
    template = one.template
    patterns = find_patterns(template.times, one.whole.baseline, thinned=template.every > 1)
    company = _company(one, told)
    factors = {
        "relevance": rating.relevance,
        "severity": rating.severity,
        "pattern": max((each.strength for each in (*patterns, *company)), default=0.0),
        "located": where.sure,
        "repetition": min(1.0, math.log10(template.count) / 3),
    }
    confidence = _confidence(factors)
    onset = _onset(template, patterns, zoned=one.whole.zoned)
    factors |= {} if onset is None else {"onset": onset}
    return Finding(
        role=ROLE,
        title=_title(template, patterns, company),
        confidence=confidence,
        evidence=(*_evidence(one, patterns, company), *_code_shown(where)),
        body=_body(one, patterns, company),
        factors={name: round(value, 4) for name, value in factors.items()},
        files=tuple(_suspects(template, where)),
    )


_WEIGHTS = {
    "relevance": 0.5,
    "severity": 0.25,
    "pattern": 0.35,
    "located": 0.3,
    "repetition": 0.15,
}


def _confidence(factors: Mapping[str, float]) -> float:
    return round(1 - math.prod(1 - _WEIGHTS[name] * value for name, value in factors.items()), 4)


def _company(one: Told, told: Sequence[Told]) -> list[Pattern]:
    """What was nearly always written shortly before; nothing for the error below a line, whose
    company is that line."""
    template = one.template
    if template.ending or template.every > 1:
        return []
    others = [
        other.template
        for other in told
        if other.template is not template
        and not other.template.ending
        and other.template.every == 1
        and len(other.template.times) >= FEWEST
    ]
    others.sort(key=lambda other: len(other.times))
    named = {f"“{_brief(other)}”": other.times for other in others[:_OTHERS]}
    return find_company(template.times, named, one.whole.baseline[::4])


def _brief(template: Template, width: int = 90) -> str:
    """The template in a title: from its logger's name on, `…` for values."""
    text, logger = template.text, template.logger
    if logger and 0 <= (at := text.find(logger)) < 120:
        rest = text[at + len(logger) :].lstrip("])}:- ")
        name = logger if len(logger) <= 30 else logger.rpartition(".")[2]
        text = f"{name}: {rest}" if rest else text
    return shown(text.replace(VALUE, "…"), width)


def _title(template: Template, patterns: Sequence[Pattern], company: Sequence[Pattern]) -> str:
    often = "once" if template.count == 1 else f"{template.count:,} times"
    rhythm = next((each.text for each in (*patterns, *company)), "")
    if patterns and patterns[0].kind == "period":
        often, rhythm = patterns[0].text.rpartition(", ")[0], ""
        often = f"{template.count:,} times, {often}"
    level = f"{template.level} " if template.level else ""
    return f"The log says {level}“{_brief(template)}” {often}" + (f": {rhythm}" if rhythm else "")


def _evidence(
    one: Told, patterns: Sequence[Pattern], company: Sequence[Pattern]
) -> Iterator[Evidence]:
    template, log = one.template, one.log
    last = template.line + min(template.height, 40) - 1
    path = str(log.path)
    yield Evidence(
        _piped(log.path, ("sed", "-n", f"{template.line},{last}p")),
        "the first one" + (" with its trace" if template.height > 1 else ""),
        path=shown(path),
        lines=(template.line, last),
    )
    constant = _constant(template)
    if constant:
        often = f"{template.count:,} of {one.whole.lines:,} lines are of this template"
        count = _piped(log.path, ("grep", "-a", "-c", "-F", "-e", constant))
        yield Evidence(count, f"{often}; this counts those with the same words", path=shown(path))
    for pattern in (*patterns, *company)[:4]:
        chance = f"chance explains it with {pattern.chance:.0e} at most"
        listed = ("grep", "-a", "-n", "-F", "-e", constant or template.text.split(VALUE)[0])
        yield Evidence(
            f"{_piped(log.path, listed)} | cut -c 1-80",
            f"{_dated(pattern, one.whole)}; {chance}",
            path=shown(path),
        )


def _code_shown(where: _Where) -> Iterator[Evidence]:
    """The lines of the code that traces name, and that write what the log says."""
    for frame, name in [*where.matched.items()][:3]:
        inside = f", in {shown(frame.function, 80)}" if frame.function else ""
        note = f"a trace in the log names line {frame.line}{inside}"
        yield _line_shown(where.at, name, frame.line or 1, note)
    for spot in where.spots:
        if spot.line:
            yield _line_shown(where.at, spot.path, spot.line, shown(spot.reason))


def _line_shown(at: str, path: str, line: int, note: str) -> Evidence:
    command = shell.excerpt(at or "HEAD", path, max(1, line - 3), line + 3)
    return Evidence(command, note, commit=at or None, path=path, lines=(line, line))


def _piped(path: Path, words: Sequence[str]) -> str:
    """A command over the log; the absolute path, because a worktree is elsewhere."""
    whole = str(path.absolute())
    if is_packed(path):
        return f"{shell.command('gzip', '-dc', '--', whole)} | {shell.command(*words)}"
    return shell.command(*words, "--", whole)


def _constant(template: Template) -> str:
    """The longest run of words that every line has, as it stands in the first one."""
    raw = template.raw.decode("utf-8", "replace")
    pieces = template.text.rstrip("…").split(VALUE)
    runs = [run for piece in pieces for run in _runs(piece.split(), raw)]
    return max((run for run in runs if len(run) > 3), key=len, default="")


def _runs(words: Sequence[str], raw: str) -> Iterator[str]:
    """The runs of words that stand in `raw` with one space between: nothing was masked there,
    nor did a longer space or an escape stand between them."""
    run = ""
    for word in words:
        longer = f"{run} {word}" if run else word
        if longer not in raw or "[RED" in word:
            yield run
            longer = word if word in raw and "[RED" not in word else ""
        run = longer
    yield run


def _dated(pattern: Pattern, log: LogSummary) -> str:
    names = {"started": "first", "rose": "since", "stopped": "last", "fell": "last before"}
    if pattern.at is None:
        return pattern.text
    told = names.get(pattern.kind, "from")
    return f"{pattern.text} ({told} {written_as(pattern.at, zoned=log.zoned)})"


def _body(one: Told, patterns: Sequence[Pattern], company: Sequence[Pattern]) -> str:
    template, log = one.template, one.whole
    place = f"Line {template.line:,} of {shown(str(one.log.path))}:"
    lines = [place, "", f"    {template.sample}", ""]
    if template.first is not None and template.last is not None:
        ends = [written_as(at, zoned=log.zoned) for at in (template.first, template.last)]
        zone = "" if log.zoned else ", as written, the log names no zone"
        often = f"{template.count:,} times from {ends[0]} to {ends[1]}"
        lines.append(f"- {often if template.count > 1 else f'once at {ends[0]}'}{zone}")
    lines += [f"- {_dated(pattern, log)}" for pattern in (*patterns, *company[:3])]
    for error in template.errors[:5]:
        lines.append(f"- the trace says {shown(f'{error.kind}: {error.message}')}")
    for frame in template.frames[:8]:
        where = f"{frame.path}:{frame.line}" if frame.line else frame.path
        lines.append(f"- frame {shown(where, 200)} {shown(frame.function, 80)}".rstrip())
    lines += [f"- not everything was looked at: {note}" for note in log.notes]
    weights = ", ".join(f"{weight}·{name}" for name, weight in _WEIGHTS.items())
    lines += ["", f"Confidence is one minus the product of (1 - x) for x in {weights}."]
    return "\n".join(lines) + "\n"


def _suspects(template: Template, where: _Where) -> Iterator[Suspect]:
    matched = where.matched
    ours = [frame for frame in template.frames if frame in matched]
    named = dict.fromkeys(matched[frame] for frame in ours)
    for spot in where.spots:
        if spot.path not in named:
            yield Suspect(spot.path, spot.sure, (shown(spot.reason),))
    for place, name in enumerate(named, 1):
        line = next((frame.line for frame in ours if matched[frame] == name), None)
        reason = f"frame {place} of a trace in the log" + (f", line {line}" if line else "")
        yield Suspect(name, 1 / place, (reason,))


def _nothing(log: LogSummary) -> Finding:
    name = shown(log.path.name, 80)
    return Finding(
        role=ROLE,
        title=f"{name} tells of no failure and nothing of the question",
        confidence=0.2,
        evidence=(
            Evidence(
                _piped(log.path, ("wc", "-l")),
                f"{log.lines:,} lines of {len(log.templates):,} templates",
                path=shown(str(log.path)),
            ),
        ),
        body="".join(f"- not everything was looked at: {note}\n" for note in log.notes)
        + "Confidence is 0.2: that a log is silent says little.\n",
    )


def _terms(templates: Sequence[Template]) -> Question:
    """What the templates say, taken apart as a question is."""
    said = [
        " ".join((one.text.replace(VALUE, " "), one.logger, *(e.kind for e in one.errors)))
        for one in templates
    ]
    names = dict.fromkeys(
        frame.function for one in templates for frame in one.frames if frame.function.isidentifier()
    )
    try:
        apart = parse_question("\n".join(said)[:100_000])
    except BadInput:
        return Question("")
    return Question("", apart.words, tuple(dict.fromkeys((*apart.identifiers, *names))))
