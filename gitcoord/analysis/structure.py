"""The analyst's eye on structure: who uses the implicated code, what is wrong near it, what a
change of it touches.

Promises: an importer, a caller, a smell, a companion or a test is named with the command that
shows it. The code is read from one commit; nothing is run. Refuses: names so common that a
text search says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gitcoord.analysis import shell
from gitcoord.analysis.cochange import Companion, companions
from gitcoord.analysis.corpus import Corpus, read_corpus
from gitcoord.analysis.covering import Test, covering_tests, is_test, run_command
from gitcoord.analysis.finding import Evidence, Finding, Suspect, tellable
from gitcoord.analysis.imports import Imports, read_imports
from gitcoord.analysis.past import Past, read_past
from gitcoord.analysis.places import Place, find_places
from gitcoord.analysis.question import Question
from gitcoord.analysis.redaction import shown
from gitcoord.analysis.smells import Sighting, sight_smells
from gitcoord.analysis.uses import Use, find_uses
from gitcoord.git.repository import Repository
from gitcoord.records import counted

ROLE = "analyst"
_PLACES = 3
_SMELLS = 4
_LISTED = 8
_DEPTH = 3


@dataclass(frozen=True)
class Surroundings:
    """What stands around one place. symbol: the function or class in question there, or "".

    uses: of the symbol, None when its name is too common. importers: that import the file;
    dependents: path -> steps. companions: what changes with it. tests: what covers it.
    """

    place: Place
    symbol: str
    uses: list[Use] | None
    importers: list[str]
    dependents: dict[str, int]
    companions: list[Companion]
    tests: list[Test]


def examine(
    repo: Repository,
    question: Question,
    suspects: Sequence[Suspect],
    *,
    at: str,
    past: Past | None = None,
    corpus: Corpus | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Finding]:
    """Findings about the code around the first suspects at commit `at`.

    suspects: files, best first. past, corpus: of `at`, when they were read already.
    Raises NoSuch, GitFailed.
    """
    corpus = corpus or read_corpus(repo, at)
    past = past or read_past(repo, at)
    places = find_places(question, suspects, corpus)
    if not places:
        return []
    say("reading the imports")
    imports = read_imports(corpus)
    around = [surroundings(question, place, corpus, imports, past) for place in places[:_PLACES]]
    say("looking for known smells")
    sightings = sight_smells(question, places[:_PLACES])
    return tellable(
        [
            *_smells(past.at, sightings),
            *(finding for one in around for finding in _usage(past.at, one)),
            *(finding for one in around for finding in _impact(past.at, one, corpus)),
        ]
    )


def surroundings(
    question: Question, place: Place, corpus: Corpus, imports: Imports, past: Past
) -> Surroundings:
    """What stands around a place. Its symbol is a name of the question that is defined there,
    else what holds the line of a stack frame, else what holds the most telling line."""
    stretches = place.ranges(1)
    best = place.peak(stretches[0].start, stretches[0].stop - 1) if stretches else 0
    line = place.framed[0] if place.framed else best
    symbol = place.defines(question.identifiers) or (place.symbol(line) if line else "")
    uses = find_uses(corpus, symbol, place.path) if symbol else None
    known = companions(past, place.path, among=corpus.blobs)
    return Surroundings(
        place=place,
        symbol=symbol,
        uses=uses,
        importers=sorted(imports.by.get(place.path, ())),
        dependents=imports.dependents(place.path, depth=_DEPTH),
        companions=known,
        tests=covering_tests(place.path, corpus, imports, companions=known, uses=uses or ()),
    )


def _smells(at: str, sightings: Sequence[Sighting]) -> list[Finding]:
    """The most telling smells, one finding each; confidence as in `Sighting.confidence`."""
    chosen: list[Sighting] = []
    for one in sightings:
        same = any(
            one.smell.kind == other.smell.kind and one.place is other.place for other in chosen
        )
        if one.confidence >= 0.05 and not same and len(chosen) < _SMELLS:
            chosen.append(one)
    return [_smell(at, one) for one in chosen]


def _smell(at: str, one: Sighting) -> Finding:
    place, smell = one.place, one.smell
    symbol = place.symbol(smell.line)
    where = f"{shown(place.path, 120)}:{smell.line}" + (f", in {symbol}" if symbol else "")
    first, last = max(1, smell.line - 2), min(len(place.lines), smell.line + 2)
    sounds = (
        f"The question sounds like it: {', '.join(one.themes)}."
        if one.themes
        else "The question does not sound like it."
    )
    return Finding(
        role=ROLE,
        title=f"{where}: {shown(smell.what, 120)}",
        confidence=round(one.confidence, 4),
        evidence=(
            Evidence(
                shell.excerpt(at, place.path, first, last),
                shown(place.text.split("\n")[smell.line - 1].strip(), 120),
                commit=at,
                path=place.path,
                lines=(smell.line, smell.line),
            ),
        ),
        body=f"{smell.kind.capitalize()}: {smell.why}.\n{sounds}\n",
        factors={
            "sure": smell.sure,
            "near": one.near,
            "smell": 1.0,
            "theme": 1.0 if one.themes else 0.5,
            # A note of doubt tells what somebody thought, not what goes wrong.
            **({"note": 1.0} if smell.kind == "note of doubt" else {}),
        },
        files=(Suspect(place.path, one.near, (smell.what,)),),
    )


def _usage(at: str, one: Surroundings) -> list[Finding]:
    """Who imports the file and uses the symbol.

    Confidence 0.9 when a user also imports the file, 0.6 when only the name agrees.
    """
    path = shown(one.place.path, 120)
    elsewhere = [use for use in one.uses or () if use.path != one.place.path]
    tests = sum(is_test(use.path) for use in elsewhere)
    if not elsewhere and not one.importers:
        return []
    title = f"{path} is imported by {counted(len(one.importers), 'file')}"
    if elsewhere:
        title = f"{one.symbol} of {path} is used in {_users(len(elsewhere), tests)}"
    confirmed = any(use.path in one.dependents for use in elsewhere) or not elsewhere
    return [
        Finding(
            role=ROLE,
            title=title,
            confidence=0.9 if one.importers and confirmed else 0.6,
            evidence=tuple(_usage_proofs(at, one, found=bool(elsewhere))),
            body="\n".join(_usage_said(one, elsewhere)) + "\n",
            factors={
                "importers": float(len(one.importers)),
                "users": float(len(elsewhere)),
                "dependents": float(len(one.dependents)),
            },
        )
    ]


def _users(files: int, tests: int) -> str:
    if tests == files:
        return f"{counted(files, 'file')}, {'a test' if tests == 1 else 'all of them tests'}"
    if not tests:
        return counted(files, "file")
    return f"{counted(files, 'file')}, {tests} of them {'a test' if tests == 1 else 'tests'}"


def _usage_said(one: Surroundings, elsewhere: Sequence[Use]) -> list[str]:
    code = [path for path in one.importers if not is_test(path)]
    said = [f"- imported by {shown(path, 120)}" for path in code[:_LISTED]]
    said += [
        f"- {one.symbol} in {shown(use.path, 120)}, line {', '.join(map(str, use.lines[:5]))}"
        for use in [use for use in elsewhere if not is_test(use.path)][:_LISTED]
    ]
    far = sum(steps > 1 for steps in one.dependents.values())
    if far:
        said.append(f"- {counted(far, 'more file')} depend{'s' * (far == 1)} on it through others")
    if one.symbol and one.uses is None:
        said.append(f"- `{one.symbol}` is too common a name to look for by text")
    return said


def _usage_proofs(at: str, one: Surroundings, *, found: bool) -> list[Evidence]:
    proofs = []
    if found:
        search = shell.command("git", "grep", "-nwF", "-e", one.symbol, at[:12])
        proofs.append(Evidence(search, f"where `{one.symbol}` is used", commit=at))
    if one.importers:
        name = one.place.path.rpartition("/")[2].partition(".")[0]
        if name in ("__init__", "index", "mod", "lib"):
            name = one.place.path.split("/")[-2] if "/" in one.place.path else name
        paths = [shell.pathspec(path) for path in one.importers[:_LISTED]]
        search = shell.command("git", "grep", "-nF", "-e", name, at[:12], "--", *paths)
        proofs.append(Evidence(search, "where it is imported", commit=at, path=one.place.path))
    return proofs


def _impact(at: str, one: Surroundings, corpus: Corpus) -> list[Finding]:
    """What a change of the file touches. Confidence is that of the surest companion or test,
    at most 0.9; 0.5 for "no test covers it", which a test run could refute."""
    path = shown(one.place.path, 120)
    tests, others = one.tests, [two for two in one.companions if not is_test(two.path)]
    body = [f"- test {shown(test.path, 120)}: {'; '.join(test.reasons)}" for test in tests]
    body += [
        f"- {shown(two.path, 120)}: changed with it in {counted(two.support, 'commit')}, "
        f"{round(100 * two.confidence)} % of its changes, {two.lift:.1f} times chance"
        for two in others
    ]
    command = run_command([test.path for test in tests[:4]], corpus)
    evidence = []
    if command:
        evidence.append(Evidence(command, "runs the tests that cover it", path=one.place.path))
    evidence.append(
        Evidence(
            shell.command(
                "git", "log", "--oneline", "--name-only", at[:12], "--full-diff", "--",
                shell.pathspec(one.place.path),
            ),
            "what changed together with it",
            commit=at,
            path=one.place.path,
        )
    )  # fmt: skip
    named = [*(test.path for test in tests[:2]), *(two.path for two in others[:2])]
    title = (
        f"A change of {path} touches {', '.join(shown(name, 80) for name in named)}"
        if tests
        else f"No test was found that covers {path}"
    )
    surest = max(
        [*(test.score for test in tests), *(two.confidence for two in others)], default=0.5
    )
    return [
        Finding(
            role=ROLE,
            title=title,
            confidence=round(min(0.9, surest) if tests else 0.5, 4),
            evidence=tuple(evidence),
            body="\n".join(body) + "\n" if body else "",
            factors={
                "tests": float(len(tests)),
                "companions": float(len(others)),
                "dependents": float(len(one.dependents)),
            },
        )
    ]
