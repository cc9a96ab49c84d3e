"""Why a file is named, in words, by the signal that named it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gitcoord.analysis.redaction import shown
from gitcoord.analysis.tokens import stems
from gitcoord.analysis.vocabulary import STOP_WORDS

if TYPE_CHECKING:
    from gitcoord.analysis.localise import Ground

# BM25's rarity of a word in 55 of 100 files; what more files have is no reason for one.
_TELLING = 0.6


def _rare_words(ground: Ground, path: str) -> str:
    found = list(ground.mentions.said(path))
    rare = [word for word in found if ground.mentions.rarity[word] >= _TELLING]
    said = [word for word in rare or found if ground.wording.words[word] not in STOP_WORDS][:3]
    return "says " + ", ".join(ground.wording.words[word] for word in said) if said else ""


def _defined(ground: Ground, path: str) -> str:
    names = ground.close[path].names if path in ground.close else ()
    return "defines " + ", ".join(shown(name, 60) for name in names) if names else ""


def _named(ground: Ground, path: str) -> str:
    one = ground.mentions.tallies[path]
    names = [name for name, count in zip(ground.mentions.names, one.named, strict=True) if count]
    return "has " + ", ".join(shown(name, 60) for name in names[:3]) if names else ""


def _path_says(ground: Ground, path: str) -> str:
    low = path.lower()
    words = [word for one, word in ground.wording.words.items() if one in low]
    return "its path says " + ", ".join(words[:3]) if words else ""


def _resembling(ground: Ground, path: str) -> str:
    alike = ground.earlier.resembling.get(path)
    if not alike:
        return ""
    words = ground.wording.words
    best = [word for word in dict.fromkeys(stems(alike[0][1].subject)) if word in words]
    close = [commit for _, commit in alike if set(best) <= set(stems(commit.subject))][:3]
    number = "an earlier commit" if len(close) == 1 else f"{len(close)} earlier commits"
    about = ", ".join(words[word] for word in best[:3])
    # The ids come first: `about session: 8705dd39c4` would be taken for a secret.
    return f"changed by {number} ({', '.join(one.id[:10] for one in close)}) about {about}"


def _same_issue(ground: Ground, path: str) -> str:
    return f"changed for the same issue: {ground.earlier.same_issue[path].id[:10]}"


def _last_change(ground: Ground, path: str) -> str:
    ago, commit = ground.earlier.newest[path]
    when = "by the newest commit" if ago == 0 else f"{ago} commit{'s' * (ago > 1)} ago"
    return f"changed {when}: {commit.id[:10]}"


def _added_lately(ground: Ground, path: str) -> str:
    commit, words = ground.recent[path]
    return (
        f"lines with {', '.join(ground.wording.words[one] for one in words)} added by {commit[:10]}"
    )


REASONS: Mapping[str, Callable[[Ground, str], str]] = {
    "framed": lambda ground, path: "in the stack trace",
    "pathed": lambda ground, path: "its path is in the question",
    "words": _rare_words,
    "near": _rare_words,
    "defines": _defined,
    "exactly": _defined,
    "names": _named,
    "file": _path_says,
    "folder": _path_says,
    "scope": _path_says,
    "told": _resembling,
    "alike": _resembling,
    "issue": _same_issue,
    "last": _last_change,
    "recent": _added_lately,
}
