"""The researcher: what history says about a question.

Promises: suspect commits with reasons, what became of rare names, who knows the code and
which of it is restless; each with a command that shows it. A bounded number of git processes:
one for the history, one per suspect file (at most eight), one per rare name (at most three).
Refuses: to search changes longer than SECONDS, and to hide what was not seen: a search cut
short, a shallow or partial clone are told in the findings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from gitcoord.analysis import shell
from gitcoord.analysis.citing import cited, day, lines, quoted, short, span
from gitcoord.analysis.corpus import Corpus, read_corpus
from gitcoord.analysis.finding import LEAD, Evidence, Finding, Suspect, tellable
from gitcoord.analysis.past import Past, read_past
from gitcoord.analysis.places import Place, find_places
from gitcoord.analysis.question import Question
from gitcoord.analysis.redaction import shown
from gitcoord.analysis.relevance import asked_words
from gitcoord.analysis.smells import sight_smells
from gitcoord.analysis.suspicion import Suspicion, Touch, rank_commits
from gitcoord.analysis.terms import rare_terms, term_findings, trace_term
from gitcoord.analysis.upkeep import is_sweeping, knower_findings, restless_findings
from gitcoord.git.blame import Blamed, blame_lines
from gitcoord.git.history import Patience
from gitcoord.git.repository import Repository
from gitcoord.records import counted

ROLE = "researcher"
SECONDS = 3.0
_COMMITS = 10
_SHOWN = 5
# A blame of every line costs 0.01 to 0.1 s; of a file longer than this, only its best lines.
_LONG_FILE = 4000
_BEST_LINES = 200
_SWEEPING = 50


def research(
    repo: Repository,
    question: Question,
    suspects: Sequence[Suspect],
    *,
    at: str,
    terms: Sequence[str] = (),
    past: Past | None = None,
    corpus: Corpus | None = None,
    onset: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Findings from the history of commit `at`.

    suspects: files, best first, as `rank_files` gives them. terms: names to look for besides
    the question's own. past, corpus: of `at`, when they were read already. onset: when the
    trouble began, seconds since 1970, e.g. the first failing line of a log.
    Raises NoSuch, GitFailed.
    """
    patience = Patience(SECONDS)
    with ThreadPoolExecutor(2) as pool:
        say("reading the history")
        reading = pool.submit(lambda: past or read_past(repo, at))
        corpus = corpus or read_corpus(repo, at)
        places = _with_smells(question, find_places(question, suspects, corpus))
        rare = rare_terms(question, terms, corpus)
        seen = reading.result()
        ignoring = _looked_through(seen, corpus)
        say(f"asking who last touched {counted(len(places), 'file')}")
        blamed = list(
            pool.map(lambda place: _blamed(repo, seen, place, ignoring, patience), places)
        )
        if rare:
            say("searching changes for " + ", ".join(shown(term.text, 40) for term in rare))
        traced = list(pool.map(lambda term: trace_term(repo, seen, question, term, patience), rare))
    cut = patience.cut or any(one.cut for one in traced)
    limits = seen.limits() + [f"changes were searched for {SECONDS:g} s only"] * cut
    ranked = rank_commits(
        seen,
        list(zip(places, blamed, strict=True)),
        asked_words(question),
        terms={one.term.text: {commit.id for commit in one.commits} for one in traced},
        allowed=_allowed(repo, seen, question),
        onset=onset,
    )
    suspected = _suspects(seen, ranked, asked_words(question), limits, onset)
    return tellable([*suspected, *term_findings(seen, traced), *_kept_up(seen, places, blamed)])


def _kept_up(
    past: Past, places: Sequence[Place], blamed: Sequence[Sequence[Blamed]]
) -> list[Finding]:
    """Who knows the first places, and which of them is restless."""
    paths = [place.path for place in places[:_SHOWN]]
    known = knower_findings(past, paths, _owned(places, blamed))
    return [*known, *restless_findings(past, paths)]


def _with_smells(question: Question, places: Sequence[Place]) -> list[Place]:
    """The places with the lines of smells that the question sounds like counting half at least:
    who wrote such a line is asked too, though it has no word of the question."""
    telling = [
        one for one in sight_smells(question, places) if one.themes and one.smell.sure >= 0.3
    ]
    return [
        place.raised({one.smell.line for one in telling if one.place is place}, 0.5)
        for place in places
    ]


def _blamed(
    repo: Repository, past: Past, place: Place, ignoring: Sequence[str], patience: Patience
) -> list[Blamed]:
    if not past.sight.blobs or not patience.left:
        return []
    spans = []
    if len(place.lines) > _LONG_FILE:
        best = sorted(range(1, len(place.lines)), key=lambda number: -place.lines[number - 1])
        spans = [(number, number) for number in sorted(best[:_BEST_LINES])]
    found = blame_lines(repo, past.at, place.path, spans, ignoring=ignoring, patience=patience)
    # What a shallow clone's edge seems to have written may be older.
    return [one for one in found if one.commit not in past.sight.edge]


def _looked_through(past: Past, corpus: Corpus) -> list[str]:
    """The commits that the project itself asks `git blame` to look through, and the newest that
    changed the form of many files: who wrote a line is not who added its type."""
    listed = corpus.text(".git-blame-ignore-revs")[:100_000].split()
    sweeping = [one.id for one in past.commits if len(one.parents) == 1 and is_sweeping(one)]
    return [oid for oid in dict.fromkeys((*listed, *sweeping[:_SWEEPING])) if oid in past.by_id]


def _allowed(repo: Repository, past: Past, question: Question) -> set[str] | None:
    """The commits that the question's `since`, `until` and `within` leave; None for all."""
    if not (question.since or question.until or question.within):
        return None
    argv = ["log", "--format=%H", "--full-history"]
    argv += [f"--since={question.since}"] if question.since else []
    argv += [f"--until={question.until}"] if question.until else []
    return set(repo.run(*argv, past.at, "--", *question.within).lines())


def _owned(places: Sequence[Place], blamed: Sequence[Sequence[Blamed]]) -> dict[str, float]:
    """Commit id -> relevance of the lines it last touched, over all places."""
    owned: dict[str, float] = defaultdict(float)
    for place, entries in zip(places, blamed, strict=True):
        for one in entries:
            owned[one.commit] += place.weight * place.relevance(one.first, one.last)
    return owned


def _suspects(
    past: Past,
    ranked: Sequence[Suspicion],
    words: Mapping[str, str],
    limits: Sequence[str],
    onset: float | None,
) -> list[Finding]:
    """The commits to look at first.

    Confidence that the first one is among the causes: min(0.75, 0.05 + 0.95 · its score). So
    often it was, by score, on fixes of ten repositories: tests/benchmarks/suspect_commits.py.
    """
    best = [one for one in ranked[:_COMMITS] if one.score > 0.02 * ranked[0].score]
    if not best:
        return []
    first = best[0]
    reasons = {one.commit.id: _reasons(past, one, words, onset) for one in best}
    told = [
        f"{number}. `{short(one.commit)}` {quoted(one.commit)} ({day(one.commit)}, "
        f"{shown(one.commit.author, 60)}): {'; '.join(reasons[one.commit.id])}"
        for number, one in enumerate(best, 1)
    ]
    unseen = [f"Not seen: {limit}." for limit in limits]
    return [
        Finding(
            role=ROLE,
            title=f"{cited(first.commit)} is the first commit to look at",
            confidence=round(min(0.75, 0.05 + 0.95 * first.score), 4),
            evidence=tuple(proof for one in best[:_SHOWN] for proof in _proofs(past, one, reasons)),
            body="\n".join([*told, *([""] if unseen else []), *unseen]) + "\n",
            factors={
                "score": first.score,
                "places": first.places,
                "message": first.message,
                "terms": float(len(first.terms)),
                "unseen": float(len(limits)),
            },
            files=_touched(best),
            commits=tuple(
                Suspect(
                    one.commit.id,
                    one.score / first.score,
                    tuple(reasons[one.commit.id]),
                    shown(one.commit.subject, 100),
                )
                for one in best
            ),
            kind=LEAD,
        )
    ]


def _touched(best: Sequence[Suspicion]) -> tuple[Suspect, ...]:
    """The files of the suspect commits, each worth the part of the scores that it made up;
    0.5 for the first, so that the order of the detective's own ranking stays."""
    worth: dict[str, float] = defaultdict(float)
    why: dict[str, str] = {}
    for one in best:
        for touch in one.touches:
            path = touch.place.path
            worth[path] += one.score * touch.worth / one.places
            why.setdefault(path, f"last touched by {cited(one.commit)}")
    top = max(worth.values(), default=0.0)
    order = sorted(worth, key=lambda path: -worth[path])
    return tuple(Suspect(path, 0.5 * worth[path] / top, (why[path],)) for path in order if top)


def _reasons(
    past: Past, one: Suspicion, words: Mapping[str, str], onset: float | None
) -> list[str]:
    """Short facts, strongest first; what speaks against it begins with `but`."""
    said = [_touch_said(touch) for touch in _main_touches(one)]
    if one.words:
        spelled = ", ".join(shown(words[word], 40) for word in one.words[:4])
        said.append(f"its message speaks of {spelled}")
    said += [f"changed how often `{shown(term, 60)}` occurs" for term in one.terms]
    if one.blamed_by:
        said.append(f"named as the cause by {cited(one.blamed_by)}")
    if one.reverts:
        said.append(f"takes back {cited(one.reverts)}")
    if one.reverted_by:
        said.append(f"but taken back since by {short(one.reverted_by)}")
    said += _time_said(past, one, onset)
    if one.merge:
        said.append(f"came in with {cited(one.merge)}")
    if one.mechanical:
        said.append("but its subject tells of a change of form")
    if len(one.commit.paths) > 50:
        said.append(f"but it changed {len(one.commit.paths)} files at once")
    return said


def _time_said(past: Past, one: Suspicion, onset: float | None) -> list[str]:
    if onset is not None:
        gap = span(abs(onset - one.commit.time) / 86400)
        return [f"but made {gap} after it began" if one.after_onset else f"{gap} before it began"]
    days = past.days(one.commit)
    if days < 1 / 24:
        return ["as new as the newest commit"]
    return [f"only {span(days)} older than the newest commit"] if days <= 30 else []


def _main_touches(one: Suspicion) -> Sequence[Touch]:
    order = sorted(one.touches, key=lambda touch: -touch.worth)
    return [touch for touch in order if touch.part >= 0.02][:2] or order[:1]


def _touch_said(touch: Touch) -> str:
    place = touch.place
    first, last = touch.best
    symbol = place.symbol(place.peak(first, last))
    where = f"{shown(place.path, 120)}:{lines(first, last)}" + (f" ({symbol})" if symbol else "")
    part = round(100 * touch.part)
    return f"last touched {where}" + (f", {part} % of what matters there" if part else "")


def _proofs(past: Past, one: Suspicion, reasons: Mapping[str, Collection[str]]) -> list[Evidence]:
    oid = one.commit.id
    command = shell.command("git", "show", "--stat", "--patch", oid[:12])
    proofs = [Evidence(command, "; ".join([*reasons[oid]][:2]), commit=oid)]
    for touch in _main_touches(one)[:1]:
        proofs.append(
            Evidence(
                shell.blame(past.at[:12], touch.place.path, touch.lines),
                f"lines that {short(one.commit)} was the last to touch",
                commit=past.at,
                path=touch.place.path,
                lines=touch.best,
            )
        )
    return proofs
