"""Smells of code that is read line by line: JavaScript, TypeScript, Java, Kotlin, C#, Go, Rust,
C, C++, Ruby, PHP, and Python that does not parse.

Promises: comments and strings are blanked out first, so that neither is taken for code; every
pattern is linear. Refuses: what takes a parser to see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from gitcoord.analysis.line_rules import CURLY, NOTES, RULES
from gitcoord.analysis.smell import Smell

_LONGEST = 500  # characters of a line that are looked at
_MOST = 100  # empty blocks of a file that are told

# Comments, and strings of every kind; what is not closed ends with its line, or with the file
# where it may span lines. Without that an unclosed quote would be tried again at each quote.
_BLANKED = re.compile(
    r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?"
    r'|"(?:\\.|[^"\\\n])*+"?|`(?:\\.|[^`\\])*+`?'
    r"|'(?:\\.|[^'\\\n])*+'?"
)
# A single quote opens a lifetime in Rust, and a character of one or two signs elsewhere.
_BLANKED_RUST = re.compile(
    r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|\"(?:\\.|[^\"\\])*+\"?"
    r"|'(?:\\.[^']{0,8}|[^'\\\n])'",
    re.DOTALL,
)
_BLANKED_HASH = re.compile(r"#[^\n]*+|\"(?:\\.|[^\"\\\n])*+\"?|'(?:\\.|[^'\\\n])*+'?")


def line_smells(language: str, text: str) -> list[Smell]:
    """The smells of a file, in no order; only notes like FIXME for an unknown language."""
    code = blanked(language, text)
    found = []
    lines, raw_lines = code.split("\n"), text.split("\n")
    for rule in RULES:
        if language not in rule.languages and rule.languages is not NOTES:
            continue
        if (rule.unless and rule.unless.search(code)) or (
            rule.needs and not rule.needs.search(code)
        ):
            continue
        for number, line in enumerate(raw_lines if rule.raw else lines, 1):
            match = rule.pattern.search(line[:_LONGEST])
            if match:
                first = match[1] if match.lastindex and "%s" in rule.what else ""
                what = rule.what.replace("%s", first)
                found.append(Smell(rule.kind, number, what, rule.why, rule.themes, rule.sure))
    for block in _BLOCKS.get(language, ()):
        found += block(code, lines)
    return found


def blanked(language: str, text: str) -> str:
    """The text with comments and the insides of strings as spaces; lines stay where they are."""
    pattern = _BLANKED_RUST if language == "rust" else _BLANKED
    if language not in CURLY:
        pattern = _BLANKED_HASH
    code = pattern.sub(_blank, text)
    if language == "rust":  # unit tests stand at the end of the file they test
        start = code.find("#[cfg(test)]\nmod ")
        code = code if start < 0 else code[:start] + re.sub(r"[^\n]", " ", code[start:])
    return code


def _blank(match: re.Match[str]) -> str:
    said = match[0]
    if said[0] in "\"'`":
        closed = said[0] if len(said) > 1 and said[-1] == said[0] else ""
        inside = said[1 : len(said) - len(closed)]
        return said[0] + re.sub(r"[^\n]", " ", inside) + closed
    return re.sub(r"[^\n]", " ", said)


_EMPTY_CATCH = re.compile(r"\bcatch\s*+(?:\(([^()]{0,200}+)\)\s*+)?\{\s*+\}")
# `catch (NoSuchFieldException ignored) {}` was thought about; `catch (Exception e) {}` was not.
_BROAD = re.compile(
    r"^\s*+(?:final\s+)?(?:\w+|\.\.\.|(?:\\?(?:Exception|Throwable|RuntimeException|Error)\b.*)"
    r"|\w+\s*:\s*(?:Exception|Throwable)\s*)?+$"
)


def _empty_catch(code: str, lines: list[str]) -> Iterator[Smell]:
    for match in islice(_EMPTY_CATCH.finditer(code), _MOST):
        broad = _BROAD.match(match[1] or "") is not None
        yield Smell(
            "swallowed exception", code.count("\n", 0, match.start()) + 1,
            "an exception is caught and dropped",
            "whatever goes wrong above leaves no trace and looks like success",
            ("silent", "now and then", "wrong"), 0.8 if broad else 0.3,
        )  # fmt: skip


_ASYNC_NAME = re.compile(
    r"\basync\s++function\s++(\w+)|\b(?:const|let|var)\s++(\w+)\s*+=\s*+async\b"
    r"|^[ \t]++(?:static\s++|public\s++|private\s++|protected\s++)*+async\s++(\w+)\s*+\(",
    re.MULTILINE,
)
_BARE_CALL = re.compile(r"^\s*+(?:this\.)?(\w+)\([^=]*$")


def _missing_await(code: str, lines: list[str]) -> Iterator[Smell]:
    names = {name for match in _ASYNC_NAME.finditer(code) for name in match.groups() if name}
    for number, line in enumerate(lines, 1) if names else ():
        match = _BARE_CALL.match(line[:_LONGEST])
        chained = ".then(" in line or ".catch(" in line or line.rstrip().endswith("{")
        if match and match[1] in names and not chained and not _is_continued(lines, number):
            yield Smell(
                "missing await", number, f"calls the async function `{match[1]}` without await",
                "nobody waits for it, and what it throws is lost",
                ("now and then", "silent", "wrong"), 0.6,
            )  # fmt: skip


def _is_continued(lines: list[str], number: int) -> bool:
    """Whether the line is the middle of an expression that began above or goes on below."""
    above = lines[number - 2].rstrip() if number > 1 else ""
    below = lines[number].lstrip() if number < len(lines) else ""
    return above.endswith(("=", "(", ",", "=>", "await", "return", "?", ":", "[")) or (
        below.startswith((".then", ".catch", ".finally"))
    )


_CACHE_MISS = re.compile(
    r"\bif\s*+\(\s*+!\s*+(\w*(?:[cC]ache|[pP]ool|[sS]tore|[rR]egistry|[pP]ending|[tT]oken)\w*+)(?:\.has\(|\.get\(|\[|\s*+\))"
)


def _cache_across_await(code: str, lines: list[str]) -> Iterator[Smell]:
    for number, line in enumerate(lines, 1):
        match = _CACHE_MISS.search(line[:_LONGEST])
        if not match:
            continue
        after = "\n".join(lines[number - 1 : number + 8])
        waits = after.find("await ")
        if waits >= 0 and re.search(
            rf"\b{match[1]}(?:\.set\(|\[[^\]]*\]\s*=|\s*=[^=])", after[waits:]
        ):
            yield Smell(
                "check then act", number,
                f"`{match[1]}` is looked into, then filled after an await",
                "other requests run meanwhile: they find it empty too, or it is filled twice",
                ("now and then", "stale", "wrong"), 0.7,
            )  # fmt: skip


_GO_RANGE = re.compile(r"^(\s*)for\s++(?:(\w+)\s*+,\s*+)?(\w+)\s*+:=\s*+range\b")
_GO_CLOSURE = re.compile(r"\b(?:go|defer)\s++func\(\s*\)\s*+\{")


def _captured_variable(code: str, lines: list[str]) -> Iterator[Smell]:
    for number, line in enumerate(lines, 1):
        match = _GO_RANGE.match(line[:_LONGEST])
        if not match:
            continue
        names = {name for name in match.groups()[1:] if name and name != "_"}
        body = _indented(lines, number, len(match[1]))
        for offset, inner in enumerate(body):
            starts = _GO_CLOSURE.search(inner)
            used = set(re.findall(r"\w+", " ".join(body[offset : offset + 12])))
            again = any(re.search(rf"\b{name}\s*:=\s*{name}\b", "\n".join(body)) for name in names)
            if starts and names & used and not again:
                yield Smell(
                    "captured loop variable", number + offset + 1,
                    f"a goroutine uses the loop variable `{sorted(names & used)[0]}`",
                    "before Go 1.22 all rounds share it: the goroutines see the last value",
                    ("wrong", "now and then"), 0.5,
                )  # fmt: skip


def _deferred_in_loop(code: str, lines: list[str]) -> Iterator[Smell]:
    for number, line in enumerate(lines, 1):
        if not re.match(r"\s*+for\b.*\{\s*+$", line[:_LONGEST]):
            continue
        indent = len(line) - len(line.lstrip())
        for offset, inner in enumerate(_indented(lines, number, indent)):
            if re.search(r"\bfunc\b", inner):
                break
            if re.match(r"\s*+defer\b", inner):
                yield Smell(
                    "defer in a loop", number + offset + 1, "defer in a loop",
                    "nothing of it happens before the function ends: handles pile up",
                    ("leak", "slow"), 0.7,
                )  # fmt: skip


def _indented(lines: list[str], number: int, indent: int) -> list[str]:
    """The lines after `number` that are indented deeper than `indent`; at most 60."""
    found = []
    for line in lines[number : number + 60]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        found.append(line)
    return found


def _empty_rescue(code: str, lines: list[str]) -> Iterator[Smell]:
    for number, line in enumerate(lines[:-1], 1):
        rescue = re.match(r"\s*+rescue\b\s*+([\w:, ]*+)(?:=>\s*+\w++)?\s*+$", line[:_LONGEST])
        if rescue and lines[number].strip() == "end":
            broad = rescue[1].strip() in ("", "StandardError", "Exception")
            yield Smell(
                "swallowed exception", number, "an error is rescued and dropped",
                "whatever goes wrong above leaves no trace",
                ("silent", "now and then", "wrong"), 0.8 if broad else 0.3,
            )  # fmt: skip
        if re.match(r"\s*+retry\b", line) and not any(
            "sleep" in above for above in lines[max(0, number - 10) : number]
        ):
            yield Smell(
                "retry without pause", number, "tries again at once after a failure",
                "all tries fall into the same short outage, and add to the load that caused it",
                ("now and then", "slow"), 0.6,
            )  # fmt: skip


_RETRY_LOOP = re.compile(r"\b(?:for|while)\b.*(?:retr(?:y|ies)|attempt|tries)", re.IGNORECASE)
_PAUSE = re.compile(r"sleep|delay|backoff|wait\b|setTimeout|time\.After|Timer", re.IGNORECASE)


def _retry_without_pause(code: str, lines: list[str]) -> Iterator[Smell]:
    for number, line in enumerate(lines, 1):
        if not _RETRY_LOOP.search(line[:_LONGEST]):
            continue
        body = _indented(lines, number, len(line) - len(line.lstrip()))
        catches = any(re.search(r"\bcatch\b|err\s*!=\s*nil|Err\(", inner) for inner in body)
        if catches and not any(_PAUSE.search(inner) for inner in body):
            yield Smell(
                "retry without pause", number, "tries again at once after a failure",
                "all tries fall into the same short outage, and add to the load that caused it",
                ("now and then", "slow"), 0.5,
            )  # fmt: skip


_Block = Callable[[str, list[str]], Iterator[Smell]]
_BLOCKS: dict[str, tuple[_Block, ...]] = {
    "javascript": (_empty_catch, _missing_await, _cache_across_await, _retry_without_pause),
    "typescript": (_empty_catch, _missing_await, _cache_across_await, _retry_without_pause),
    "java": (_empty_catch, _retry_without_pause),
    "kotlin": (_empty_catch, _retry_without_pause),
    "scala": (_empty_catch,),
    "groovy": (_empty_catch,),
    "c#": (_empty_catch, _retry_without_pause),
    "php": (_empty_catch,),
    "c++": (_empty_catch,),
    "swift": (_empty_catch,),
    "go": (_captured_variable, _deferred_in_loop, _retry_without_pause),
    "rust": (_retry_without_pause,),
    "ruby": (_empty_rescue,),
}
