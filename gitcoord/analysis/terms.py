"""What became of the rare names in a question: when they were added, changed and taken out.

Promises: one git process per name, at most MOST names, in the time given; a search that was
ended early says so. Refuses: names so common that their history says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcoord.analysis import shell
from gitcoord.analysis.citing import cited, day, in_order, quoted, short
from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.finding import Evidence, Finding
from gitcoord.analysis.past import Past
from gitcoord.analysis.question import Question
from gitcoord.analysis.redaction import shown
from gitcoord.git.history import Commit, Patience, literal, pickaxe
from gitcoord.git.repository import Repository
from gitcoord.records import counted

MOST = 3
_HOLDERS = 30


@dataclass(frozen=True)
class Term:
    """A name worth a search. holders: the files that have it now; none when it is gone."""

    text: str
    holders: tuple[str, ...]


@dataclass(frozen=True)
class Traced:
    """commits: those that changed how often the term occurs, newest first; searched in the
    files that have it now, everywhere when none has. cut: the search was ended early."""

    term: Term
    commits: tuple[Commit, ...]
    cut: bool


def rare_terms(question: Question, more: Sequence[str], corpus: Corpus) -> list[Term]:
    """Up to MOST names of the question (and `more`), the rarest first.

    A name that is in no file any more says most; one in more than every twentieth says nothing.
    """
    asked = dict.fromkeys((*more, *question.identifiers, *question.quoted))
    wanted = [term for term in asked if 4 <= len(term) <= 80 and "\n" not in term][:20]
    common = max(3, len(corpus.paths) // 20)
    terms = [Term(term, tuple(_holders(corpus, term))) for term in wanted]
    few = [term for term in terms if len(term.holders) <= min(common, _HOLDERS)]
    return sorted(few, key=lambda term: len(term.holders))[:MOST]


def trace_term(
    repo: Repository, past: Past, question: Question, term: Term, patience: Patience
) -> Traced:
    """The commits before `past.at` that added or removed the term, within the question's bounds."""
    if not past.sight.blobs or not patience.left:
        return Traced(term, (), cut=past.sight.blobs)
    own = Patience(patience.left)
    found = pickaxe(
        repo,
        past.at,
        term.text,
        patience=own,
        since=question.since,
        until=question.until,
        within=[literal(path) for path in term.holders] or question.within,
    )
    commits = tuple(found)
    return Traced(term, commits, own.cut)


def term_findings(past: Past, traced: Sequence[Traced]) -> list[Finding]:
    """One finding per term that has a history.

    Confidence 0.5 for a term that is in no file any more, 0.3 else: what was taken out and is
    asked for was missed by somebody.
    """
    return [_finding(past, one) for one in traced if one.commits]


def _finding(past: Past, one: Traced) -> Finding:
    newest = one.commits[0]
    gone = not one.term.holders
    term = shown(one.term.text, 60)
    title = (
        f"`{term}` is in no file any more: {cited(newest)} took it out"
        if gone
        else f"`{term}` was last added or removed by {cited(newest)}"
    )
    body = [f"- `{short(commit)}` {day(commit)} {quoted(commit)}" for commit in one.commits[:20]]
    if one.cut:
        body.append("\nThe search was ended before it was through; there may be older ones.")
    elif len(one.commits) > 1:
        body.append(f"\nThe oldest that was found is {short(one.commits[-1])}.")
    paths = [shell.pathspec(path) for path in one.term.holders]
    search = [
        "git",
        "log",
        f"-S{one.term.text}",
        "--oneline",
        past.at[:12],
        *(["--"] if paths else []),
    ]
    return Finding(
        role="researcher",
        title=title,
        confidence=0.5 if gone else 0.3,
        evidence=(
            Evidence(
                shell.command(*search, *paths),
                f"{counted(len(one.commits), 'commit')} changed how often it occurs",
                commit=newest.id,
            ),
        ),
        body="\n".join(body) + "\n",
        factors={"commits": float(len(one.commits)), "gone": float(gone)},
        commits=in_order(
            one.commits[:5], f"changed how often `{term}` occurs", 0.6 if gone else 0.3
        ),
    )


def _holders(corpus: Corpus, term: str) -> list[str]:
    raw = term.encode("utf-8", "surrogateescape")
    return [path for path, content in corpus.texts() if raw in content]
