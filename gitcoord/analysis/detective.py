"""The detective: where the code, the logs and earlier findings point.

Promises: each finding says which source it is from, and has commands that show it.
Refuses: to name a place when nothing in the question matches anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gitcoord.analysis import shell
from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.finding import LEAD, Evidence, Finding, Suspect, tellable
from gitcoord.analysis.frames import Frame, language_of
from gitcoord.analysis.localise import Ground, find_lines, read_ground
from gitcoord.analysis.logs import LogStudy, study_logs
from gitcoord.analysis.memory import Earlier, recall
from gitcoord.analysis.packages import match_in
from gitcoord.analysis.question import Question
from gitcoord.analysis.redaction import shown
from gitcoord.git.history import Commit
from gitcoord.git.repository import Repository
from gitcoord.records import counted

ROLE = "detective"
_FILES = 10
_SHOWN = 5
# A file that has half of the question's words, by their rarity, has what there is to match.
_ENOUGH = 0.5
_FACTOR = "onset"


def detect(
    repo: Repository,
    question: Question,
    *,
    corpus: Corpus,
    commits: Sequence[Commit] | None = None,
    logs: Sequence[Path] = (),
    earlier: Sequence[Earlier] = (),
    say: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Findings from the code of `corpus`, the log files and what was found earlier.

    commits: the history of that code, when it was read already.
    The logs are read first: names that their failures mention are looked for in the code too.
    """
    found: list[Finding] = []
    if logs:
        say(f"reading {counted(len(logs), 'log file')}")
        study = study_logs(logs, question, corpus=corpus)
        question = _with_log(question, study)
        found += study.findings
    say("searching the code")
    ground = read_ground(repo, question, at=corpus.commit, corpus=corpus, commits=commits)
    return tellable(
        [
            *_trace(question, corpus),
            *_code(repo, question, ground, corpus),
            *found,
            *recall(question, earlier),
        ]
    )


def onset(findings: Sequence[Finding]) -> float | None:
    """When the trouble began at the latest, seconds since 1970, as the surest failure of the
    logs tells it; None when no log told."""
    dated = [one for one in findings if "severity" in one.factors and _FACTOR in one.factors]
    surest = max(dated, key=lambda one: one.confidence, default=None)
    return surest.factors[_FACTOR] if surest else None


def located(question: Question, findings: Sequence[Finding]) -> Question:
    """The question with the lines of code that the logs' findings show, as frames: so the
    researcher and the analyst look there too. What was asked stays first."""
    shown_lines = [
        Frame(proof.path, proof.lines[0], "", language_of(proof.path))
        for one in findings
        if "severity" in one.factors
        for proof in one.evidence
        if proof.path and proof.lines and any(proof.path == each.name for each in one.files)
    ]
    return replace(question, frames=tuple(dict.fromkeys((*question.frames, *shown_lines[:20]))))


def _with_log(question: Question, study: LogStudy) -> Question:
    """The question with what its logs mention; what was asked stays first."""
    return replace(
        question,
        words=tuple(dict.fromkeys((*question.words, *study.words[:10]))),
        identifiers=tuple(dict.fromkeys((*question.identifiers, *study.identifiers[:10]))),
        frames=tuple(dict.fromkeys((*question.frames, *study.frames[:20]))),
    )


def _trace(question: Question, corpus: Corpus) -> list[Finding]:
    """The innermost frames of a pasted stack trace that are files of this repository."""
    if not question.frames:
        return []
    matched = match_in(question.frames, corpus)
    ours = [(frame, matched[frame]) for frame in question.frames if frame in matched]
    if not ours:
        return []
    innermost, path = ours[0]
    place = f"{path}:{innermost.line}" if innermost.line else path
    depth = question.frames.index(innermost)
    return [
        Finding(
            role=ROLE,
            title=f"The stack trace ends in {place}"
            + (f", in {innermost.function}" if innermost.function else ""),
            confidence=0.9 if depth == 0 else 0.75,
            evidence=tuple(
                _shows(corpus, name, frame.line, f"frame {number} of ours in the trace")
                for number, (frame, name) in enumerate(ours[:_SHOWN], 1)
            ),
            body=(
                "0.9 when the innermost frame is code of this repository, 0.75 when installed "
                "code lies between."
            ),
            factors={"foreign_frames_below": float(depth)},
            files=tuple(
                Suspect(name, 1.0 / (number + 1), (f"frame {number + 1} of the stack trace",))
                for number, name in enumerate(dict.fromkeys(one for _, one in ours))
            ),
        )
    ]


def _code(repo: Repository, question: Question, ground: Ground, corpus: Corpus) -> list[Finding]:
    """What the ranking of the files says, with the lines that match in the first ones; nothing
    when no file has anything of the question."""
    ranked = ground.ranked(_FILES, matching=True)
    if not ranked:
        return []
    first, second = ranked[0].score, ranked[1].score if len(ranked) > 1 else 0.0
    lead = (first - second) / first if first else 0.0
    matched = min(1.0, ground.matched(ranked[0].name) / _ENOUGH)
    evidence = []
    for suspect in ranked[:_SHOWN]:
        note = "; ".join(suspect.reasons[:3]) or "matches best"
        best = find_lines(repo, suspect.name, question, corpus.commit, corpus=corpus)[:1]
        evidence.append(_shows(corpus, suspect.name, best[0] if best else None, note))
    names = ", ".join(shown(suspect.name, 120) for suspect in ranked[:3])
    return [
        Finding(
            role=ROLE,
            title=f"The question points at {names}",
            confidence=round((0.35 + 0.35 * lead) * matched, 4),
            evidence=tuple(evidence),
            body=(
                "Files ranked by how well their names, their code and their history fit the "
                "question.\nConfidence is (0.35 + 0.35 × the lead of the first file over the "
                f"second) × how much of the question it has: all, when that is {_ENOUGH:.0%}."
            ),
            factors={"lead": lead, "matched": matched},
            files=tuple(ranked),
            kind=LEAD,
        )
    ]


def _shows(corpus: Corpus, path: str, lines: int | tuple[int, int] | None, note: str) -> Evidence:
    """A command that shows lines of a file as of the corpus' commit; its head without lines."""
    exact = (lines, lines) if isinstance(lines, int) else lines
    first, last = exact or (1, 20)
    around = 3 if first == last else 0
    command = shell.excerpt(corpus.commit, path, max(1, first - around), last + around)
    return Evidence(command, note, commit=corpus.commit, path=path, lines=exact)
