"""Calls that give something a name in a register: routes, commands, options, arguments.

Promises: only verbs that are known to register, with a literal, claim anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gitcoord.conflicts.semantic.outline import Claim, Scope

_HTTP = {"get", "post", "put", "patch", "delete", "options", "head", "all"}
_ROUTES = {
    *("route", "add_url_rule", "add_route", "HandleFunc", "Handle", "websocket"),
    *("GET", "POST", "PUT", "PATCH", "DELETE"),
    *("path", "re_path", "url"),
}
_MAPPINGS = {f"{verb}Mapping" for verb in ("Get", "Post", "Put", "Patch", "Delete", "Request")}
_OPTIONS = {"add_argument", "add_option", "addOption", "option"}
_COMMANDS = {"command", "group", "add_parser", "addCommand", "subcommand"}
_ROUTERS = ("app", "router", "api", "server", "blueprint", "bp", "routes", "r", "e", "mux", "group")


def registration(
    receiver: str,
    verb: str,
    literals: Sequence[str],
    scope: Scope,
    line: int,
    *,
    decorated: str = "",
    more: str = "",
) -> Iterator[Claim]:
    """What `receiver.verb("literal", …)` claims. decorated: the function it is put on. more:
    what else tells two claims of one literal apart."""
    if not literals:
        return
    last = receiver.rpartition(".")[2].lower()
    router = last in _ROUTERS or last.endswith(("router", "app", "api", "blueprint", "_bp"))
    is_route = verb in _ROUTES | _MAPPINGS or (verb in _HTTP and router)
    space = (*scope, receiver, verb)
    if is_route and (literals[0].startswith("/") or verb not in _HTTP):
        label = decorated or literals[0]
        key = literals[0] + more
        yield Claim(("route", *space), key, label, line, "number", 0.85, wide=not scope)
    elif verb in _OPTIONS and literals[0].startswith("-"):
        for text in literals:
            for flag in text.replace(",", " ").split():
                if flag.startswith("-"):
                    yield Claim(("option", *space, *([decorated] if decorated else ())),
                                flag, flag, line, "twice", 0.9)  # fmt: skip
    elif verb in _COMMANDS:
        label = decorated or literals[0]
        yield Claim(("command", *space), literals[0], label, line, "twice", 0.85, wide=not scope)


def is_port(name: str, value: str) -> bool:
    """A number that a program listens on, by the name it is given."""
    named = re.search(r"(?:^|[a-z0-9._-])(?:PORT|Port|port)$", name)
    return bool(named) and value.isdigit() and 80 <= int(value[:6]) <= 65_535
