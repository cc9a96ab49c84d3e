"""The detective: where the code, the logs and earlier findings point.

Promises: each finding says which source it is from, and has commands that show it.
Refuses: to name a place when nothing in the question matches anything.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.finding import Evidence, Finding, Suspect
from gitcoord.analysis.frames import match_frames
from gitcoord.analysis.localise import find_lines, rank_files
from gitcoord.analysis.logs import LogStudy, study_logs
from gitcoord.analysis.memory import Earlier, recall
from gitcoord.analysis.question import Question
from gitcoord.git.history import Commit
from gitcoord.git.repository import Repository

ROLE = "detective"
_FILES = 10
_SHOWN = 5


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
        say(f"reading {len(logs)} log file(s)")
        study = study_logs(logs, question, tracked=frozenset(corpus.paths))
        question = _with_log(question, study)
        found += study.findings
    say("searching the code")
    at = corpus.commit
    ranked = rank_files(repo, question, at=at, limit=_FILES, corpus=corpus, commits=commits)
    return [
        *_trace(question, corpus),
        *_code(repo, question, ranked, corpus),
        *found,
        *recall(question, earlier),
    ]


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
    matched = match_frames(question.frames, corpus.paths)
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
                _shows(frame.line, name, f"frame {number} of ours in the trace")
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


def _code(
    repo: Repository, question: Question, ranked: Sequence[Suspect], corpus: Corpus
) -> list[Finding]:
    """What the ranking of the files says, with the lines that match in the first ones."""
    if not ranked:
        return []
    first, second = ranked[0].score, ranked[1].score if len(ranked) > 1 else 0.0
    lead = (first - second) / first if first else 0.0
    evidence = [
        _shows((start, end), suspect.name, "; ".join(suspect.reasons[:3]) or "matches best")
        for suspect in ranked[:_SHOWN]
        for start, end in (
            find_lines(repo, suspect.name, question, corpus.commit, corpus=corpus)[:1] or [(1, 20)]
        )
    ]
    names = ", ".join(suspect.name for suspect in ranked[:3])
    return [
        Finding(
            role=ROLE,
            title=f"The question points at {names}",
            confidence=round(0.35 + 0.35 * lead, 4),
            evidence=tuple(evidence),
            body=(
                "Files ranked by how well their names, their code and their history fit the "
                "question.\nConfidence is 0.35 + 0.35 × the lead of the first file over the second."
            ),
            factors={"lead": lead},
            files=tuple(ranked),
        )
    ]


def _shows(lines: int | tuple[int, int] | None, path: str, note: str) -> Evidence:
    """A command that shows lines of a file of this worktree."""
    if lines is None:
        return Evidence(f"cat -- {shlex.quote(path)}", note, path=path)
    first, last = (max(1, lines - 3), lines + 3) if isinstance(lines, int) else lines
    command = f"sed -n '{first},{last}p' -- {shlex.quote(path)}"
    return Evidence(command, note, path=path, lines=(first, last))
