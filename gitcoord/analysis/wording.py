"""What to look for: the words, names, issue numbers and the scope in a question.

Promises: at most 80 words and 40 names, whatever the length of the question. Words of reports
("fix", "bug", "issue") are not looked for: they say that it is a question, not what about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gitcoord.analysis.kinds import Kind
from gitcoord.analysis.question import Question
from gitcoord.analysis.relevance import asked_words
from gitcoord.analysis.tokens import stemmed, stems

MOST_NAMES = 40
_REPORTING = stemmed("fix fixes fixed fixing bug bugs bugfix issue issues hotfix regression")
_ISSUE = re.compile(
    r"#(\d{1,9})\b|\b(?:bug|issue|ticket|issues/|pull/)[ #]?(\d{1,9})\b", re.IGNORECASE
)
# "[backends] …", "fix(parser): …", "tpl/collections: …"
_SCOPE = re.compile(
    r"\s*(?:\[([^\]\n]{1,60})\]"
    r"|(?:fix|feat|bug|bugfix|hotfix|chore|refactor|perf|docs?|test|style|build|ci)"
    r"\(([^)\n]{1,60})\)!?:"
    r"|([\w./, *-]{1,60}):(?=\s))",
    re.IGNORECASE,
)
# Who asks about tests or docs by these words may mean them.
MEANT: Mapping[Kind, frozenset[str]] = {
    Kind.TEST: stemmed("test tests testing flaky fixture fixtures"),
    Kind.DOCS: stemmed("doc docs documentation readme changelog guide tutorial manual"),
    Kind.SUPPORT: stemmed("ci workflow makefile dockerfile packaging pipeline"),
    Kind.EXAMPLE: stemmed("example examples demo sample"),
}
_QUALIFIED = re.compile(r"\.|::|->|#")


@dataclass(frozen=True)
class Wording:
    """words: stem -> the word as asked. names: identifiers as written, and the last part of
    qualified ones. scope: stems of what a subject is filed under. issues: numbers."""

    words: Mapping[str, str]
    names: tuple[str, ...]
    scope: tuple[str, ...]
    issues: frozenset[str]


def wording_of(question: Question) -> Wording:
    words = {one: word for one, word in asked_words(question).items() if one not in _REPORTING}
    names: dict[str, None] = {}
    asked = (*question.identifiers, *(frame.function for frame in question.frames[:10]))
    for name in (*asked, *question.quoted):
        for form in (name.lstrip("-"), _QUALIFIED.split(name)[-1].lstrip("-")):
            if 3 <= len(form) <= 100 and "\n" not in form:
                names[form] = None
    head = question.text[:2000]
    return Wording(words, tuple(names)[:MOST_NAMES], scope_of(head), frozenset(issues_in(head)))


def asks_for(question: Question, kind: Kind) -> bool:
    """Whether files of this kind may be meant: source always is."""
    return kind is Kind.SOURCE or not MEANT.get(kind, frozenset()).isdisjoint(asked_words(question))


def scope_of(subject: str) -> tuple[str, ...]:
    """The stems of the prefix a subject begins with, none where there is none."""
    match = _SCOPE.match(subject)
    text = next((group for group in match.groups() if group), "") if match else ""
    return tuple(word for word in stems(text) if word not in _REPORTING)


def issues_in(text: str) -> set[str]:
    return {one or other for one, other in _ISSUE.findall(text)}
