"""Who fits a task: what is required, then what the words say, then how it went before.

Promises: nobody without a required capability is named; the same roles and records give the
same order; each place has its reasons. Refuses: to name a role that nothing speaks for.

score = (words + asked) x (0.75 + 0.5 (done + 1) / (done + failed + 2)), with
    words   BM25 of the task's words in name, capabilities and description, as a share of what a
            role could have that says all of them without end
    asked   the share of what the task asks for, by the vocabulary, that the role can do, times
            (1 + the share of what it can do that is asked for) / 2: a specialist goes first
so the past weighs a quarter at most.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from gitcoord.analysis.tokens import split, stem, stems
from gitcoord.conflicts.whole import read_whole, write_whole
from gitcoord.errors import NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runs.capabilities import asked_for
from gitcoord.runs.role import Role
from gitcoord.runs.roles import Listed, Roles, read_roles

_READ = 20_000  # characters of a task: what is pasted below adds little
_CAPABILITY = 1.0
_NAME, _CAN, _SAYS = 3, 2, 1
_SATURATION, _LENGTH = 1.2, 0.5  # BM25's k1 and b
_NOTHING: Counter[str] = Counter()
_STOP = frozenset(
    re.findall(
        r"\w+",
        """a an and any are as at be been but by can could did do does for from get has have how i
        if in into is it its just me my no not of off on or our out please should so some than that
        the their them then there these they this to too up us use used uses using want was we were
        what when where which who will why with would you your""",
    )
)


class Past(NamedTuple):
    """How many tasks of a role were done, and how many failed."""

    done: int = 0
    failed: int = 0


UNTRIED = Past()


class Picked(NamedTuple):
    """A role that fits, without its prompt. reasons: short, the weightiest first."""

    role: Role
    score: float
    reasons: tuple[str, ...]
    past: Past = UNTRIED


def pick_roles(repo: Repository | None, task: str, capabilities: Sequence[str]) -> list[Picked]:
    """The roles that fit a task, best first. Raises NoSuch when none has the capabilities."""
    past = read_past(repo) if repo else {}
    return pick(read_roles(repo).counting, task, capabilities, past)


def pick(
    roles: Sequence[Listed], task: str, capabilities: Sequence[str], past: Mapping[str, Past]
) -> list[Picked]:
    """As `pick_roles`, from roles and records that were read. past: role -> how it went."""
    wanted = {one.strip().lower() for one in capabilities}
    able = [one.role for one in roles if wanted <= {*one.role.capabilities}]
    if not able:
        raise _nobody(roles, wanted)
    asked = asked_for(stems(task[:_READ]))
    relevance = rank(able, _words(task))
    picked = [
        _rated(role, weight, matched, asked, wanted, past.get(role.name, UNTRIED))
        for role, (weight, matched) in zip(able, relevance, strict=True)
    ]
    fitting = [one for one in picked if one.score > 0]
    return sorted(fitting, key=lambda one: (-round(one.score, 9), one.role.name))


def search(roles: Roles, text: str) -> list[Picked]:
    """The roles that have the words of `text`, most telling first."""
    listed = [one.role for one in roles.counting]
    found = [
        Picked(role, weight, tuple(matched))
        for role, (weight, matched) in zip(listed, rank(listed, _words(text)), strict=True)
        if weight > 0
    ]
    return sorted(found, key=lambda one: (-round(one.score, 9), one.role.name))


def rank(roles: Sequence[Role], words: Mapping[str, str]) -> list[tuple[float, list[str]]]:
    """For each role the BM25 of the words as a share of the most there could be, and the words
    it has, the most telling first.

    words: stem -> how it was written.
    """
    texts = [f"{one.name} {' '.join(one.capabilities)} {one.description}".lower() for one in roles]
    # A stem starts its word: who has none as text has none as a word, and need not be taken apart.
    bags = [
        _bag(role) if any(word in text for word in words) else _NOTHING
        for role, text in zip(roles, texts, strict=True)
    ]
    sizes = [text.count(" ") + 1 for text in texts]
    mean = sum(sizes) / len(sizes) if sizes else 1.0
    having = {word: sum(word in bag for bag in bags) for word in words}
    rarity = {
        word: math.log(1 + (len(bags) - count + 0.5) / (count + 0.5))
        for word, count in having.items()
    }
    most = sum(rarity.values()) * (_SATURATION + 1) or 1.0
    rated = [_weighed(bag, size / mean, rarity) for bag, size in zip(bags, sizes, strict=True)]
    return [(weight / most, [words[one] for one in matched]) for weight, matched in rated]


def read_past(repo: Repository) -> dict[str, Past]:
    """Role -> how its tasks ended, over all runs; one git process while no run has changed."""
    from gitcoord.git.refs import read_refs
    from gitcoord.runs.run import DONE, FAILED, KIND, list_runs  # 12 ms, with all of the store

    versions = read_refs(repo, f"refs/agentcoord/{KIND}/")
    if not versions:
        return {}
    file = repo.own_dir / "cache" / "past.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = read_whole(file)
        if kept["versions"] == versions:
            return {role: Past(*counts) for role, counts in kept["past"].items()}
    tally: dict[str, list[int]] = {}
    for run in list_runs(repo):
        for task in run.tasks.values():
            if task.get("state") in (DONE, FAILED):
                tally.setdefault(str(task.get("role", "")), [0, 0])[task["state"] == FAILED] += 1
    write_whole(file, {"versions": versions, "past": tally})
    return {role: Past(*counts) for role, counts in tally.items()}


def _rated(
    role: Role, relevance: float, matched: Sequence[str], asked: Mapping[str, list[str]],
    wanted: set[str], past: Past,
) -> Picked:  # fmt: skip
    can = [name for name in asked if name in role.capabilities]
    total = sum(len(words) for words in asked.values())
    share = sum(len(asked[name]) for name in can) / total if total else 0.0
    share *= (1 + len(can) / max(1, len(role.capabilities))) / 2
    base = relevance + _CAPABILITY * share + (0.1 if wanted else 0.0)
    rate = (past.done + 1) / (past.done + past.failed + 2)
    reasons = [f"can do {', '.join(sorted(wanted))}"] if wanted else []
    reasons += [f"the task says {', '.join(matched[:6])}"] if matched else []
    reasons += [f"it asks for {', '.join(can[:4])}"] if can else []
    if past != UNTRIED:
        reasons.append(f"{past.done} of {past.done + past.failed} of its tasks here were done")
    return Picked(role, base * (0.75 + 0.5 * rate), tuple(reasons), past)


def _weighed(
    bag: Counter[str], length: float, rarity: Mapping[str, float]
) -> tuple[float, list[str]]:
    norm = _SATURATION * (1 - _LENGTH + _LENGTH * length)
    weights = {
        word: rare * bag[word] * (_SATURATION + 1) / (bag[word] + norm)
        for word, rare in rarity.items()
        if word in bag
    }
    return sum(weights.values()), sorted(weights, key=lambda word: -weights[word])


def _bag(role: Role) -> Counter[str]:
    bag = Counter({word: _SAYS * count for word, count in Counter(stems(role.description)).items()})
    for weight, text in ((_NAME, role.name), (_CAN, " ".join(role.capabilities))):
        for word in stems(text):
            bag[word] += weight
    return bag


def _words(text: str) -> dict[str, str]:
    """Stem -> the word it was first met as."""
    found: dict[str, str] = {}
    for word in split(text[:_READ]):
        if len(word) > 1 and word not in _STOP:
            found.setdefault(stem(word), word)
    return found


def _nobody(roles: Sequence[Listed], wanted: set[str]) -> NoSuch:
    from difflib import get_close_matches

    known = sorted({name for one in roles for name in one.role.capabilities})
    unknown = sorted(wanted - {*known})
    if not unknown:
        return NoSuch(
            f"no role can do {' and '.join(sorted(wanted))} at once",
            hint=f"ask for one of them: gitcoord agents list --capability {min(wanted)}",
        )
    near = get_close_matches(unknown[0], known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return NoSuch(
        f"no role can do {unknown[0][:60]!r}; there is: {', '.join(known)}",
        hint=f"{meant}see who can do what: gitcoord agents list",
    )
