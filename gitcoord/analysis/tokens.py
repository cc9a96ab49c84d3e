"""Words out of code and prose: `issueToken`, `issue_tokens` and "issuing tokens" are the same two.

Promises: linear time; the same stem for the common English endings of a word, never a stem
of fewer than three letters where the word had more. Refuses to be a dictionary: `ran` is not
`run`, and what is not ASCII is left as it is written.
"""

from __future__ import annotations

import re
from functools import lru_cache

# One hump of camelCase, one run of capitals ("HTTP" of HTTPServer), one run of small letters.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_RUN = re.compile(r"[^\W\d_]+|\d+")
_DOUBLED = re.compile(r"([bdgklmnprtvz])\1$")


def split(text: str) -> list[str]:
    """The words of `text` in lower case, identifiers taken apart: `HTTPServer2`: http, server, 2.

    A word with a letter that is not ASCII is one word.
    """
    if text.isascii():
        return [part.lower() for part in _PART.findall(text)]
    runs = _RUN.findall(text)
    return [
        part.lower() for run in runs for part in (_PART.findall(run) if run.isascii() else [run])
    ]


def stems(text: str) -> list[str]:
    """The stems of the words of `text`, in order; single letters and single digits left out."""
    return [stem(word) for word in split(text) if len(word) > 1]


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The stem of a word in lower case. A word's stem starts the word: it can be searched for.

    After the idea of Harman's S stemmer ("How effective is suffixing?", 1991) with the
    endings -ed, -ing, -er, -ion and a final e or y added; fewer rules than Porter's, so
    that names of code keep apart.
    """
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    word = _singular(word)
    for ending in ("ation", "ator", "ating", "ated", "ate", "ing", "ion", "ed", "er", "or"):
        base = word.removesuffix(ending)
        short = 3 if ending in ("ing", "ed") else 4
        if base != word and len(base) >= short:
            single = _DOUBLED.sub(r"\1", base) if ending in ("ing", "ed", "er") else base
            word = single if len(single) >= 3 else base
            break
    return word[:-1] if len(word) > 3 and word[-1] in "eyi" else word


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and word[-2] not in "sui" else word


def stemmed(text: str) -> frozenset[str]:
    """The stems of a list of words with spaces between them."""
    return frozenset(stem(word) for word in text.split())
