"""Prices: dollars per million tokens of four kinds, per model, from files people can edit.

Layers, later ones win per model: `templates/prices.toml` as shipped < `prices.toml` in the
user's settings folder < `.git/agentcoord/prices.toml`. `aliases` gives a model another name; a
date at the end of a name (`-20260101`, `@20260101`, `-2026-01-01`) and a provider before a `/`
are left off where the whole name has no price.
Refuses: to guess. A model without a price is unpriced, and so is a call that used a kind of
tokens its model has no price for.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gitcoord import configfile
from gitcoord.config import shipped, user_file
from gitcoord.errors import BadInput
from gitcoord.git.repository import Repository
from gitcoord.runs.usage import Usage

KINDS = ("input", "output", "cache_read", "cache_write")
_MILLION = 1_000_000
_DATE = re.compile(r"(?:[-@]20\d{6}|-20\d\d-\d\d-\d\d)\Z")


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens; None: that kind has no price. source: the file it is from."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    source: str = ""

    def of(self, usage: Usage) -> float | None:
        """Dollars; None when a kind was used that has no price."""
        parts = [(getattr(usage, kind), getattr(self, kind)) for kind in KINDS]
        if any(tokens and price is None for tokens, price in parts):
            return None
        return math.fsum(tokens * price for tokens, price in parts if tokens) / _MILLION


@dataclass(frozen=True)
class Layer:
    """What one file says. aliases: name -> model."""

    models: Mapping[str, Price]
    aliases: Mapping[str, str]


def price_of(repo: Repository | None, model: str, usage: Usage) -> float | None:
    """What a call cost, in dollars; None when it is unpriced. Raises BadInput on a bad file."""
    price = find_price(repo, model)
    return price.of(usage) if price else None


def find_price(repo: Repository | None, model: str) -> Price | None:
    """The price of a model under any of its names. Raises BadInput on a bad file."""
    layers = [_layer(file, *_stamp(file)) for file in files(repo)]
    layers.reverse()
    _, _, bare = model.rpartition("/")
    tried = dict.fromkeys((model, bare, _DATE.sub("", model), _DATE.sub("", bare)))
    found = (_named(layers, name) for name in tried if name)
    return next((price for price in found if price), None)


def files(repo: Repository | None) -> list[Path]:
    """The files that are read, the one that wins last."""
    mine = [user_file().with_name("prices.toml")]
    mine += [repo.own_dir / "prices.toml"] if repo else []
    return [shipped("templates") / "prices.toml", *mine]


def _named(layers: list[Layer], name: str) -> Price | None:
    """Aliases are followed from the nearest layer each time; a circle of them leads nowhere."""
    met: set[str] = set()
    while name not in met:
        met.add(name)
        for layer in layers:
            if name in layer.models:
                return layer.models[name]
            if name in layer.aliases:
                name = layer.aliases[name]
                break
    return None


def _stamp(file: Path) -> tuple[int, int]:
    """Changes when the file does: a call is priced in 30 µs where nothing has changed."""
    try:
        stat = file.stat()
    except OSError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _layer(file: Path, *_stamp: int) -> Layer:
    text = configfile.text_of(file)
    document = configfile.parsed(text, file)
    for key in document:
        if key not in ("dated", "source", "models", "aliases"):
            raise _bad(file, text, key, "is no key; there are dated, source, models and aliases")
    if not isinstance(document.get("dated", datetime.date.min), datetime.date):
        raise _bad(file, text, "dated", "has to be a day, such as 2026-11-21")
    models, aliases = (_table(file, text, document, key) for key in ("models", "aliases"))
    for name, target in aliases.items():
        if not isinstance(target, str):
            raise _bad(file, text, f"aliases.{name}", "has to be the name of a model")
    priced = {name: _price(file, text, name, table) for name, table in models.items()}
    return Layer(priced, aliases)


def _table(file: Path, text: str, document: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise _bad(file, text, key, f"has to be a table: [{key}]")
    return table


def _price(file: Path, text: str, model: str, table: object) -> Price:
    name = f"models.{model}"
    if not isinstance(table, dict):
        raise _bad(file, text, name, "has to be a table, such as { input = 2, output = 10 }")
    for kind, price in table.items():
        if kind not in KINDS:
            raise _bad(file, text, f"{name}.{kind}", f"is no kind; there are {', '.join(KINDS)}")
        number = isinstance(price, int | float) and not isinstance(price, bool)
        if not number or not 0 <= price < math.inf:
            raise _bad(file, text, f"{name}.{kind}", "has to be dollars per million tokens")
    return Price(**table, source=str(file))


def _bad(file: Path, text: str, key: str, wrong: str) -> BadInput:
    line = configfile.line_of(text, key)
    return BadInput(f"{file}, line {line}: {key} {wrong}", hint=f"mend it: vi '{file}'")
