"""The repository of the demo, and what the scripted model says of it.

The code, its history and the fault in it are real: every test of it passes, and no order above
two euros can be placed, since amounts are counted in cents and the limit is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitcoord.git.run import run
from gitcoord.testing.request import Request

QUESTION = "why are orders above two euros refused since last week?"
TO_CENTS = "count the limit of an order in cents"
TO_500 = "raise the limit of an order to 500 euros"

_PRICING = '''"""What an order costs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    thing: str
    price: {unit}
    count: int = 1


def total(lines):
    """The sum of the lines, in {name}."""
    return sum(line.price * line.count for line in lines)
'''
_ORDERS = '''"""Orders, and when they are refused."""

from shop.pricing import total

LIMIT = 200


class Refused(Exception):
    pass


def place(lines):
    """Place an order. Raises Refused on one that is empty, or beyond the limit."""
    if not lines:
        raise Refused("nothing is in it")
    if total(lines) > LIMIT:
        raise Refused(f"more than {LIMIT}")
    return {"lines": list(lines), "total": total(lines)}
'''
_TEST = """import unittest

from shop.orders import Refused, place
from shop.pricing import Line


class PlacingTest(unittest.TestCase):
    def test_a_small_order(self):
        self.assertEqual(place([Line("pen", {price})])["total"], {price})

    def test_nothing_is_no_order(self):
        with self.assertRaises(Refused):
            place([])


if __name__ == "__main__":
    unittest.main()
"""
HISTORY: Sequence[tuple[str, str, Mapping[str, str]]] = (
    (
        "2026-01-05", "Sell things",
        {
            "README.md": "# shop\n\nA small shop, for the demo of gitcoord.\n",
            "shop/__init__.py": "",
            "shop/pricing.py": _PRICING.format(unit="float", name="euros"),
            "shop/orders.py": _ORDERS.replace("LIMIT = 200\n\n\n", "").replace(
                "    if total(lines) > LIMIT:\n"
                '        raise Refused(f"more than {LIMIT}")\n', ""
            ).replace(", or beyond the limit", ""),
            "tests/__init__.py": "",
            "tests/test_orders.py": _TEST.format(price="1.5"),
        },
    ),
    ("2026-01-08", "Refuse orders that somebody mistyped", {"shop/orders.py": _ORDERS}),
    (
        "2026-01-12", "Count in cents: floats lose some",
        {
            "shop/pricing.py": _PRICING.format(unit="int", name="cents"),
            "tests/test_orders.py": _TEST.format(price="150"),
        },
    ),
)  # fmt: skip


def make_repository(folder: Path) -> None:
    """Make the shop with its history, in a new folder."""
    folder.mkdir(parents=True)
    run("init", "-q", "-b", "main", cwd=folder)
    run("config", "user.name", "Demo", cwd=folder)
    run("config", "user.email", "demo@example.com", cwd=folder)
    for day, message, files in HISTORY:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        run("add", "-A", cwd=folder)
        when = f"{day}T10:00:00+00:00"
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        run("commit", "-q", "-m", message, cwd=folder, env=dates)


def says(request: Request) -> Mapping[str, Any]:
    """What the model says next: a function of what it was asked and has been shown so far."""
    step = request.answers
    for words, story in ((QUESTION, _analyst), (TO_CENTS, _in_cents), (TO_500, _to_500)):
        if words in request.opening:
            turns = story(request)
            return turns[min(step, len(turns) - 1)]
    raise AssertionError("the demo has no such agent")


def _call(name: str, **given: Any) -> Mapping[str, Any]:
    return {"name": name, "input": given}


def _analyst(request: Request) -> list[Mapping[str, Any]]:
    """Looks where an order is refused and what changed around it, and names the commit."""
    # The commit is the one that the tools named in this very conversation.
    heard = "\n".join(text for who, text in request.said if who == "result")
    named = re.search(r"^([0-9a-f]{7,40}) .*\n\s+Count in cents", heard, re.MULTILINE)
    shown = re.search(r"^commit ([0-9a-f]{40})", heard, re.MULTILINE)
    commit = named[1] if named else "HEAD"
    finding = _call(
        "record_finding",
        title="The limit of an order is in euros, its total in cents",
        kind="hypothesis",
        confidence=0.95,
        body="`total` counts in cents since the prices do; `LIMIT = 200` was meant as 200 euros "
        "and was not changed with them. Every order above two euros is refused. The tests order "
        "for 1.50 only.",
        evidence=[
            {"command": "git grep -n LIMIT -- shop/orders.py", "note": "200, without a unit"},
            {"command": f"git show {commit} -- shop/pricing.py", "note": "from euros to cents"},
        ],
        files=[{"name": "shop/orders.py", "score": 0.95, "reasons": ["compares two units"]}],
        commits=[{"name": shown[1], "score": 0.95, "reasons": ["changed one of the two units"]}]
        if shown
        else [],
    )
    return [
        {
            "text": "I look at where an order is refused, and at what changed since.",
            "tools": [
                _call("search", pattern="LIMIT|total", path="shop"),
                _call("history", what="log", path="shop"),
            ],
        },
        {
            "text": "The total is counted in cents by now. Was the limit changed with it?",
            "tools": [
                _call("history", what="show", commit=commit),
                _call("history", what="blame", path="shop/orders.py", first_line=1, last_line=8),
            ],
        },
        {"text": "It was not.", "tools": [finding]},
        {"text": "The limit of an order is in euros, its total in cents: 200 means two euros now."},
    ]


def _builder(new: str, test: str, summary: str) -> list[Mapping[str, Any]]:
    old = "class PlacingTest(unittest.TestCase):\n"
    return [
        {
            "text": "First the code and its tests.",
            "tools": [
                _call("read", path="shop/orders.py"), _call("read", path="tests/test_orders.py"),
            ],
        },
        {
            "tools": [
                _call("edit", path="shop/orders.py", old="LIMIT = 200\n", new=new),
                _call("edit", path="tests/test_orders.py", old=old, new=old + test),
            ]
        },
        {"text": summary},
    ]  # fmt: skip


def _in_cents(_request: Request) -> list[Mapping[str, Any]]:
    test = (
        "    def test_a_large_order(self):\n"
        '        self.assertEqual(place([Line("desk", 19_900)])["total"], 19_900)\n\n'
    )
    return _builder("LIMIT = 200_00  # cents\n", test, "Count the limit of an order in cents")


def _to_500(_request: Request) -> list[Mapping[str, Any]]:
    test = (
        "    def test_an_order_of_450(self):\n"
        '        self.assertEqual(place([Line("lamp", 450)])["total"], 450)\n\n'
    )
    return _builder("LIMIT = 500\n", test, "Raise the limit of an order to 500 euros")
