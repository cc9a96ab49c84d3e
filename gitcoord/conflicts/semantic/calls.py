"""Whether a call that fits a signature still fits the one it became.

Promises: a reason only where the call fitted before and does not now, or where its arguments
would reach other parameters. Refuses: to say anything of a call it cannot count.
"""

from __future__ import annotations

from gitcoord.conflicts.semantic.outline import CLASS, Arguments, Definition, Parameters, Use

# Languages in which a call with too many or too few arguments is no error at once.
_LENIENT = {"javascript"}


def breaks(old: Definition, new: Definition, use: Use, language: str) -> str:
    """Why the call breaks, in words; "" when it does not, or when nobody can tell."""
    call = use.arguments
    if call is None:
        return ""
    if old.results != new.results and "async" in (old.results, new.results):
        became = new.results == "async"
        if became and not use.awaited:
            return f"{new.name} became async, and this call does not wait for it"
        if not became and use.awaited and language == "python":
            return f"{new.name} is async no more, and this call waits for it"
    if old.parameters is None or new.parameters is None:
        return ""
    skips = [0, 1] if old.bound and use.receiver[:1].isupper() else [int(_takes_self(old, use))]
    if language != "python":
        skips = [0]
    reasons = [_one(old.parameters, new.parameters, call, skip, language) for skip in skips]
    return reasons[0] if all(reasons) else ""


def returns_other(old: Definition, new: Definition, use: Use) -> str:
    """Go: another number of results breaks every call that uses them."""
    if use.awaited or old.results == "0":
        return ""
    if old.results.isdigit() and new.results.isdigit() and old.results != new.results:
        return f"{new.name} returns {new.results} values now, not {old.results}"
    return ""


def _takes_self(old: Definition, use: Use) -> bool:
    return old.bound and (bool(use.receiver) or old.kind == CLASS)


def _one(old: Parameters, new: Parameters, call: Arguments, skip: int, language: str) -> str:
    if misfit(old, call, skip, language):
        return ""
    return misfit(new, call, skip, language) or _shifted(old, new, call, skip)


def misfit(wanted: Parameters, call: Arguments, skip: int, language: str) -> str:
    """Why arguments do not fit, "" when they do. skip: leading parameters the call leaves out."""
    names = wanted.names[skip:]
    required = max(0, wanted.required - skip)
    by_name = set(names[max(0, wanted.only - skip) :]) | wanted.keyword
    unknown = call.keywords - by_name
    if language == "ruby" and call.keywords and not (wanted.keyword or wanted.keywords):
        # They become one hash, the last argument.
        call = Arguments(call.given + 1, frozenset(), call.spread, call.spread_keywords)
    if unknown and not wanted.keywords and language in ("python", "ruby") and call.keywords:
        return f"it has no parameter {sorted(unknown)[0]!r} now"
    if call.given > len(names) and not wanted.rest and language not in _LENIENT:
        return f"it takes {len(names)} arguments now, this call gives {call.given}"
    twice = set(names[: call.given]) & call.keywords
    if twice:
        return f"{sorted(twice)[0]!r} is given twice now"
    if call.spread or call.spread_keywords:
        return ""
    missing = [name for name in names[call.given : required] if name not in call.keywords]
    missing += sorted(wanted.needed - call.keywords)
    return f"it needs {missing[0]!r} now" if missing else ""


def _shifted(old: Parameters, new: Parameters, call: Arguments, skip: int) -> str:
    """An argument given by position that means another parameter of the same signature now."""
    before, after = old.names[skip:], new.names[skip:]
    for place in range(min(call.given, len(before), len(after))):
        one, other = before[place], after[place]
        if one != other and (one in after or other in before):
            return f"its argument {place + 1} is {other!r} now, not {one!r}"
    for place in range(min(call.given, len(old.types), len(new.types))):
        one, other = old.types[place], new.types[place]
        if one and other and one != other:
            return f"its argument {place + 1} is {other} now, not {one}"
    return ""
