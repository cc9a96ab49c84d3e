"""Text of unknown origin made fit to be shown and committed: secrets masked, controls removed.

Promises: well-known credentials, values named as secrets, user names in addresses and mail
addresses become `[REDACTED:kind]`; linear time.
Refuses to be called complete: a secret that looks like prose stays. Masks more than
`gitcoord.redaction`, which must not take an agent's code for a secret: lines of a log may lose
a word too many.
"""

from __future__ import annotations

import re

from gitcoord.redaction import without_controls as without_controls

_WELL_KNOWN = re.compile(
    r"""
      (?P<jwt>\beyJ[\w-]{5,}+(?:\.[\w-]*+){1,4})
    | (?P<key>\b(?:
          (?:AKIA|ASIA)[0-9A-Z]{16}\b
        | gh[pousr]_\w{20,}+ | github_pat_\w{20,}+ | glpat-[\w-]{20,}+ | npm_\w{30,}+
        | xox[abeoprs]-[\w-]{10,}+ | xapp-[\w-]{10,}+
        | (?:sk|rk|pk)_(?:live|test)_\w{10,}+ | sk-[\w-]{20,}+ | whsec_\w{20,}+
        | AIza[\w-]{35} | ya29\.[\w-]{20,}+ | SG\.[\w-]{20,}+(?:\.[\w-]*+)? | hf_\w{30,}+
        | dop_v1_\w{30,}+ | pypi-[\w-]{50,}+ ))
    | (?P<private_key>-----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----.*+)
    | (?P<userinfo>(?<=://)[^\s/@'"]{1,200}+@)
    | (?P<credentials>(?<![\w])(?:Bearer|Basic|Digest)\s{1,4}+[\w.~+/=-]{8,}+)
    | (?P<email>(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+)++)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NAMED = re.compile(
    r"""(?<![a-z])
    (?P<name>pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key
     |auth(?:orization)?|cookie|session(?:[_-]?id)?|sid|credentials?|signature|otp|pin|cvv|ssn|bearer)
    (?P<quote>["']?)(?P<between>\s?[=:]\s?)(?P<open>["']?)
    (?P<value>(?:(?:Bearer|Basic|Digest)\s)?[^\s"',;&<>()\[\]{}]++)""",
    re.VERBOSE | re.IGNORECASE,
)
_LONG = re.compile(r"(?<![\w+/=-])[\w+/-]{40,}+={0,2}")
_PLAIN = frozenset("none null nil true false undefined empty missing invalid expired".split())  # noqa: SIM905


def shown(text: str, width: int = 300) -> str:
    """One line to show or commit: no escapes, no controls, no secrets, at most `width` long."""
    text = redact(without_controls(text[: 20 * width])).strip()
    return text if len(text) <= width else text[: width - 1] + "…"


def redact(text: str) -> str:
    """Secrets replaced by `[REDACTED:kind]`; names of values stay, so `password=` can be seen."""
    text = _WELL_KNOWN.sub(lambda found: f"[REDACTED:{found.lastgroup}]", text)
    text = _NAMED.sub(_without_value, text)
    return _LONG.sub(_without_mixture, text)


def _without_value(found: re.Match[str]) -> str:
    name, value = found["name"].lower(), found["value"]
    if not _is_secret(name, value, assigned="=" in found["between"] or bool(found["open"])):
        return found[0]
    kind = "password" if name.startswith("p") and "key" not in name else name.replace("-", "_")
    return found[0][: found.start("value") - found.start()] + f"[REDACTED:{kind}]"


def _is_secret(name: str, value: str, *, assigned: bool) -> bool:
    """`token: expired` is prose, `token: a81bc81b` and `password=hunter` are not."""
    if value.lower() in _PLAIN or set(value) <= set("*x.-") or value.startswith("[REDACTED"):
        return False
    if name.startswith(("pass", "pwd")):
        return True
    mixed = any(char.isdigit() for char in value) or value.lower() != value != value.title()
    if name in ("pin", "otp", "cvv", "ssn"):
        return value[:3].isdigit()
    return len(value) >= 6 and (mixed or (assigned and len(value) >= 12))


def _without_mixture(found: re.Match[str]) -> str:
    """40 or more characters of mixed case with digits: a key, not a path or a commit's id."""
    text = found[0]
    mixed = any(char.isupper() for char in text) and any(char.islower() for char in text)
    words = text.count("/") > 2 or text.count("-") > 5 or text.count("_") > 5
    return "[REDACTED:key]" if mixed and not words and any(map(str.isdigit, text)) else text
