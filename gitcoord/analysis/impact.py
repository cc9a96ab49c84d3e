"""Before a change: the files it will likely touch, what depends on them, what to run, whom to ask.

Promises: a plan as a value, from the code and the history of one commit; every number in it
can be counted again. Refuses: to say how to change anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gitcoord.analysis.corpus import Corpus, read_corpus
from gitcoord.analysis.covering import Test, is_test, run_command
from gitcoord.analysis.finding import PLAN, Evidence, Finding, Suspect
from gitcoord.analysis.imports import read_imports
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.localise import read_ground
from gitcoord.analysis.past import Past, read_past
from gitcoord.analysis.places import Place, find_places
from gitcoord.analysis.question import Question
from gitcoord.analysis.redaction import shown
from gitcoord.analysis.structure import Surroundings, surroundings
from gitcoord.analysis.upkeep import RECENT_DAYS, Knower, churn, knowers
from gitcoord.git.repository import Repository
from gitcoord.records import counted

ROLE = "strategist"
_FILES = 5
_LEAST = 0.35  # of the first file's score
_COMPANION = 0.3
_DEPENDENTS = 15

# What makes a change hard, each 0 to 1, and how much each counts.
_WEIGHTS: Mapping[str, float] = {
    "files": 0.25,
    "dependents": 0.2,
    "untested": 0.2,
    "churn": 0.15,
    "size": 0.1,
    "mended": 0.1,
}


@dataclass(frozen=True)
class Touched:
    """A file that the change will likely touch. likely: 0 to 1, of the first. symbol: where
    in it, "" when unknown. why: strongest first."""

    path: str
    likely: float
    symbol: str
    lines: tuple[int, int] | None
    why: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """dependents: path -> in how many imports it reaches a touched file. command: that runs
    the tests, "" when unknown. complexity: 0 to 1, from `factors` as `plan_change` says. counts:
    factor -> what was counted for it, in words."""

    task: str
    at: str
    touched: tuple[Touched, ...]
    tests: tuple[Test, ...]
    command: str
    dependents: Mapping[str, int]
    people: tuple[Knower, ...]
    complexity: float
    factors: Mapping[str, float]
    counts: Mapping[str, str]
    unseen: tuple[str, ...]

    @property
    def size(self) -> str:
        """`small` below 0.3, `medium` below 0.6, else `large`."""
        return "small" if self.complexity < 0.3 else "medium" if self.complexity < 0.6 else "large"

    def markdown(self) -> str:
        return _markdown(self)

    def finding(self) -> Finding:
        """The plan as a finding; its confidence is the share of the words of the question's
        first file, 0.3 to 0.6: where a change goes is a guess until it is made."""
        return _finding(self)


def plan_change(
    repo: Repository,
    question: Question,
    *,
    at: str,
    suspects: Sequence[Suspect] | None = None,
    past: Past | None = None,
    corpus: Corpus | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Plan:
    """The skeleton of a plan for the change that `question` asks for, at commit `at`.

    suspects: files, best first; those that have anything of the task when None.
    Raises NoSuch, GitFailed.

    complexity = 0.25 files + 0.2 dependents + 0.2 untested + 0.15 churn + 0.1 size + 0.1 mended:
    files / 8; log2(1 + dependents) / 7; share of touched code without a test; changes in 90
    days / 20; lines / 3000; share of all changes that were fixes; each at most 1.
    """
    corpus = corpus or read_corpus(repo, at)
    past = past or read_past(repo, at)
    if suspects is None:
        say("searching the code")
        ground = read_ground(repo, question, at=at, corpus=corpus, commits=past.commits)
        suspects = ground.ranked(10, matching=True)
    say("reading the imports")
    imports = read_imports(corpus)
    code = [one for one in suspects if kind_of(one.name) is not Kind.TEST]
    places = find_places(question, code or suspects, corpus)[:_FILES]
    top = max((one.score for one in suspects), default=0.0)
    chosen = [place for place in places if _score(place, suspects) >= _LEAST * top]
    around = [surroundings(question, place, corpus, imports, past) for place in chosen]
    touched = _touched(around, suspects, top)
    tests = _tests(around)
    dependents = _dependents(around, [one.path for one in touched])
    paths = [one.path for one in touched]
    measured = _measured(touched, around, dependents, past, corpus)
    factors = {name: value for name, (value, _) in measured.items()}
    return Plan(
        task=question.text,
        at=past.at,
        touched=tuple(touched),
        tests=tuple(tests),
        command=run_command([test.path for test in tests[:6]], corpus),
        dependents=dependents,
        people=tuple(one for one in knowers(past, paths, {})[:3] if one.share >= 0.05),
        complexity=sum(_WEIGHTS[name] * value for name, value in factors.items()),
        factors=factors,
        counts={name: said for name, (_, said) in measured.items()},
        unseen=tuple(past.limits()),
    )


def _score(place: Place, suspects: Sequence[Suspect]) -> float:
    named = next((one.score for one in suspects if one.name == place.path), None)
    return max((one.score for one in suspects), default=1.0) if named is None else named


def _touched(
    around: Sequence[Surroundings], suspects: Sequence[Suspect], top: float
) -> list[Touched]:
    reasons = {one.name: one.reasons for one in suspects}
    found = {}
    for one in around:
        place = one.place
        stretches = place.ranges(1)
        lines = (stretches[0].start, stretches[0].stop - 1) if stretches else None
        why = tuple(reasons.get(place.path, ())) or ("named in the task",)
        likely = _score(place, suspects) / top if top else 1.0
        found[place.path] = Touched(place.path, likely, one.symbol, lines, why)
    for one in around:
        for other in one.companions:
            faithful = other.confidence >= _COMPANION and not is_test(other.path)
            if faithful and other.path not in found and len(found) < 2 * _FILES:
                said = (
                    f"changed with {one.place.path} in {counted(other.support, 'commit')} "
                    f"({round(100 * other.confidence)} % of its changes)"
                )
                likely = found[one.place.path].likely * other.confidence
                found[other.path] = Touched(other.path, likely, "", None, (said,))
    return sorted(found.values(), key=lambda one: (-one.likely, one.path))


def _tests(around: Sequence[Surroundings]) -> list[Test]:
    best: dict[str, Test] = {}
    for one in around:
        for test in one.tests:
            if test.path not in best or test.score > best[test.path].score:
                best[test.path] = test
    return sorted(best.values(), key=lambda test: (-test.score, test.path))[:10]


def _dependents(around: Sequence[Surroundings], touched: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in around:
        for path, steps in one.dependents.items():
            if path not in touched and not is_test(path):
                found[path] = min(steps, found.get(path, steps))
    return dict(sorted(found.items(), key=lambda each: (each[1], each[0])))


def _measured(
    touched: Sequence[Touched],
    around: Sequence[Surroundings],
    dependents: Mapping[str, int],
    past: Past,
    corpus: Corpus,
) -> dict[str, tuple[float, str]]:
    """Factor -> (0 to 1, what was counted)."""
    history = [churn(past, one.path) for one in touched]
    code = [one for one in around if kind_of(one.place.path) is Kind.SOURCE]
    changes = sum(one.changes for one in history)
    lines = sum((corpus.read(one.path) or b"").count(b"\n") for one in touched)
    bare = sum(not one.tests for one in code)
    lately = sum(one.recent for one in history)
    fixes = sum(one.fixes for one in history)
    hanging = len(dependents)
    return {
        "files": (min(1.0, len(touched) / 8), f"{counted(len(touched), 'file')} to touch"),
        "dependents": (
            min(1.0, hanging.bit_length() / 7),
            f"{counted(hanging, 'file')} depend{'s' * (hanging == 1)} on them",
        ),
        "untested": (
            bare / len(code) if code else 0.0,
            f"{bare} of {counted(len(code), 'source file')} without a test",
        ),
        "churn": (
            min(1.0, lately / 20),
            f"{counted(lately, 'change')} in the last {RECENT_DAYS} days",
        ),
        "size": (min(1.0, lines / 3000), f"{counted(lines, 'line')} in them"),
        "mended": (
            fixes / changes if changes else 0.0,
            f"{fixes} of {counted(changes, 'change')} so far for a fix",
        ),
    }


def _markdown(plan: Plan) -> str:
    parts = [f"# Plan: {shown(plan.task, 200)}", ""]
    parts += [f"As of `{plan.at[:12]}`. Complexity: {plan.size} ({plan.complexity:.2f}).", ""]
    parts += ["## Files to touch", ""]
    parts += [_touched_said(one) for one in plan.touched] or ["None was found for these words."]
    parts += ["", "## Tests to run", ""]
    if plan.command:
        parts += ["```sh", plan.command, "```", ""]
    parts += [f"- {_code(one.path)}: {'; '.join(one.reasons)}" for one in plan.tests]
    parts += [] if plan.tests else ["No test was found that covers these files; write one first."]
    parts += ["", "## What depends on them", ""]
    shown_first = list(plan.dependents.items())[:_DEPENDENTS]
    parts += [
        f"- {_code(path)}" + f", through {steps} imports" * (steps > 1)
        for path, steps in shown_first
    ]
    more = len(plan.dependents) - len(shown_first)
    parts += [f"- and {counted(more, 'more file')}"] if more > 0 else []
    parts += [] if plan.dependents else ["Nothing that imports them was found."]
    parts += ["", "## Whom to ask", ""]
    parts += [
        f"- {shown(one.name, 60)}, {counted(one.changes, 'change')} to these files"
        for one in plan.people
    ] or ["Nobody changed these files before."]
    parts += ["", "## What makes it hard", ""]
    parts += [
        f"- {plan.counts[name]}: {value:.0%} of the most, worth {_WEIGHTS[name]:.0%} of the whole"
        for name, value in plan.factors.items()
    ]
    parts += ["", *(f"Not seen: {limit}." for limit in plan.unseen)]
    return "\n".join(parts).rstrip() + "\n"


def _touched_said(one: Touched) -> str:
    place = _code(one.path)
    if one.lines:
        place += f", lines {one.lines[0]} to {one.lines[1]}" + (
            f" (`{one.symbol}`)" if one.symbol else ""
        )
    return f"- {place}: {'; '.join(shown(why, 160) for why in one.why[:3])}"


def _code(path: str) -> str:
    return f"`{shown(path, 200).replace('`', '?')}`"


def _summary(plan: Plan) -> str:
    """What stands in plan.md, in a few lines."""
    hard = sorted(plan.factors, key=lambda name: -_WEIGHTS[name] * plan.factors[name])[:2]
    lines = [
        f"- {counted(len(plan.touched), 'file')} to touch, {counted(len(plan.tests), 'test')} to "
        f"run, {counted(len(plan.dependents), 'file')} depending on them",
        f"- complexity {plan.complexity:.2f} of 1, most of it: "
        + ", ".join(plan.counts[name] for name in hard),
        *(f"- ask {shown(one.name, 60)}" for one in plan.people[:1]),
        "- all of it: plan.md",
    ]
    return "\n".join(lines) + "\n"


def _finding(plan: Plan) -> Finding:
    names = ", ".join(shown(one.path, 80) for one in plan.touched[:3])
    title = (
        f"A {plan.size} change: {names}" if plan.touched else "No file was found for this change"
    )
    evidence = [
        Evidence(
            f"git log --oneline -5 {plan.at[:12]}", "the commit the plan is for", commit=plan.at
        )
    ]
    if plan.command:
        evidence.append(Evidence(plan.command, "runs the tests that cover these files"))
    return Finding(
        role=ROLE,
        title=title,
        confidence=round(0.3 + 0.3 * bool(plan.tests), 4) if plan.touched else 0.05,
        evidence=tuple(evidence),
        body=_summary(plan),
        factors={"complexity": plan.complexity, **plan.factors},
        files=tuple(Suspect(one.path, one.likely, one.why) for one in plan.touched),
        kind=PLAN,
    )
