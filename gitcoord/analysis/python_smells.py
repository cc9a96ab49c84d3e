"""Smells of Python code, found in its syntax tree.

Promises: only shapes whose trouble is known and described; None for a file Python cannot
parse (Python 2, templates), so that the caller can look at its lines instead.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator

from gitcoord.analysis.python_races import RACES
from gitcoord.analysis.python_tree import (
    Function,
    Module,
    any_call,
    dotted,
    inside,
    is_changed,
    is_len,
    is_literal,
    is_mutable,
    is_none,
    is_number,
    is_zero,
    says_nothing,
)
from gitcoord.analysis.smell import Smell

_MOST_OPENED = 30
_NOW = re.compile(r"^(?:datetime\.)?(?:datetime|date)\.(?:now|utcnow|today|utcfromtimestamp)$")
_CLOCK = re.compile(r"^(?:time\.time|(?:datetime\.)?datetime\.(?:now|utcnow))$")
_LOG = re.compile(
    r"(?:^|\.)(?:log\w*|exception|warn\w*|error|debug|info|critical|print\w*|capture\w*)$"
)
_LIMIT = re.compile(
    r"timeout|ttl|expir|lifetime|max_?age|interval|retries|deadline|leeway|grace", re.IGNORECASE
)


def python_smells(text: str) -> list[Smell] | None:
    """The smells of a module, in no order."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.encode("utf-8", "replace"))
        module = Module.of(tree)
        return [smell for rule in _RULES for smell in rule(module)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


_Rule = Callable[[Module], Iterator[Smell]]


def _swallowed(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.ExceptHandler):
        broad = node.type is None or dotted(node.type) in ("Exception", "BaseException")
        empty = all(says_nothing(statement) for statement in node.body)
        parts = inside(node.body)
        raises = any(isinstance(part, ast.Raise) for part in parts)
        logs = any_call(parts, _LOG)
        uses = node.name and any(isinstance(p, ast.Name) and p.id == node.name for p in parts)
        if broad and empty:
            yield Smell(
                "swallowed exception", node.lineno,
                "catches every exception and does nothing with it",
                "whatever goes wrong above leaves no trace and looks like success",
                ("silent", "now and then", "wrong", "crash"), 0.8,
            )  # fmt: skip
        elif broad and not (raises or logs or uses):
            yield Smell(
                "broad except", node.lineno, "catches every exception and does not say which",
                "a fault that was not meant is treated like the one that was",
                ("silent", "wrong", "crash"), 0.5,
            )  # fmt: skip


def _mutable_default(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, Function)
        arguments = [*node.args.posonlyargs, *node.args.args]
        pairs = list(zip(arguments[::-1], node.args.defaults[::-1], strict=False))
        pairs += [
            (a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d
        ]
        for argument, default in pairs:
            if is_mutable(default) and is_changed(node, argument.arg):
                yield Smell(
                    "mutable default", node.lineno,
                    f"the default of `{argument.arg}` is one object for all calls, and is changed",
                    "what one call puts in, the next call finds",
                    ("wrong", "now and then", "leak", "stale"), 0.85,
                )  # fmt: skip


def _naive_now(module: Module) -> Iterator[Smell]:
    for node, name in module.calls():
        if not _NOW.match(name) or (node.args and not name.endswith("fromtimestamp")):
            continue
        if any(keyword.arg == "tz" for keyword in node.keywords):
            continue
        yield Smell(
            "time without zone", node.lineno, f"{name}() gives a time without a zone",
            "it means another moment on a machine in another zone, and jumps with daylight saving",
            ("time", "wrong"), 0.5,
        )  # fmt: skip


def _wall_clock(module: Module) -> Iterator[Smell]:
    for node, name in module.calls():
        if not _CLOCK.match(name):
            continue
        around = module.above.get(node)
        adds = isinstance(around, ast.BinOp) and isinstance(around.op, ast.Add)
        compared = module.within(node, ast.Compare) is not None
        # `datetime.now(UTC) + lifetime` is how a date that others read has to be made.
        if (adds and not node.args and not node.keywords) or compared:
            yield Smell(
                "wall clock", node.lineno, f"an expiry is measured with {name}()",
                "the wall clock is set, steps and differs between machines: things expire too "
                "early or too late",
                ("time", "now and then", "stale"), 0.5,
            )  # fmt: skip


def _float_equality(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.Compare):
        sides = [node.left, *node.comparators]
        exact = any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
        if exact and any(
            isinstance(one, ast.Constant) and isinstance(one.value, float) and one.value % 1
            for one in sides
        ):
            yield Smell(
                "float equality", node.lineno, "compares a fraction with == or !=",
                "most fractions have no exact binary form: 0.1 + 0.2 is not 0.3",
                ("wrong", "now and then"), 0.7,
            )  # fmt: skip
        for op, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(op, ast.Eq | ast.NotEq) and is_none(right):
                yield Smell(
                    "== None", node.lineno, "compares with None by ==",
                    "a class with its own == decides, and arrays compare element by element",
                    ("crash", "wrong"), 0.25,
                )  # fmt: skip
            elif isinstance(op, ast.Is | ast.IsNot) and is_literal(right):
                yield Smell(
                    "is with a literal", node.lineno, "compares with a literal by `is`",
                    "whether two equal values are one object is up to the interpreter",
                    ("now and then", "wrong"), 0.9,
                )  # fmt: skip


def _not_closed(module: Module) -> Iterator[Smell]:
    opens = ("open", "io.open", "socket.socket", "sqlite3.connect")
    opened = [(node, name) for node, name in module.calls() if name in opens]
    # Each is followed through its function: in a file with more, the first ones will do.
    for node, name in opened[:_MOST_OPENED]:
        around = module.above.get(node)
        if isinstance(around, ast.Attribute):
            closed = around.attr == "close"
        elif isinstance(around, ast.Assign) and isinstance(around.targets[0], ast.Name):
            function = module.function(node) or module.tree
            variable = around.targets[0].id
            closed = any(
                (isinstance(p, ast.Attribute) and p.attr == "close" and dotted(p.value) == variable)
                or (isinstance(p, ast.withitem) and variable in ast.dump(p))
                or (isinstance(p, ast.Return | ast.Yield) and p.value and variable in ast.dump(p))
                or (isinstance(p, ast.Call) and any(dotted(a) == variable for a in p.args))
                for p in ast.walk(function)
            )
        else:
            closed = True
        if not closed:
            yield Smell(
                "not closed", node.lineno, f"what {name}() opens is not closed",
                "handles run out under load, and what was written may not be on disk yet",
                ("leak", "now and then", "silent"), 0.5,
            )  # fmt: skip


def _cached_method(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.FunctionDef):
        for decorator in node.decorator_list:
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = dotted(call).rpartition(".")[2]
            first = node.args.args[0].arg if node.args.args else ""
            if name in ("lru_cache", "cache") and first == "self":
                yield Smell(
                    "cached method", node.lineno, f"`{node.name}` is cached with its `self`",
                    "every object it was called on stays alive, and answers never get fresh",
                    ("leak", "stale"), 0.6,
                )  # fmt: skip


def _finally_returns(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.Try):
        for statement in node.finalbody:
            if isinstance(statement, ast.Return | ast.Break | ast.Continue):
                yield Smell(
                    "leaves finally", statement.lineno, "leaves a `finally` block early",
                    "an exception on its way is thrown away",
                    ("silent", "wrong"), 0.9,
                )  # fmt: skip


def _fixed_limit(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.Assign, ast.keyword):
        value = node.value if isinstance(node, ast.Assign | ast.keyword) else None
        name = dotted(node.targets[0]) if isinstance(node, ast.Assign) else getattr(node, "arg", "")
        if is_number(value) and not is_zero(value) and name and _LIMIT.search(name):
            yield Smell(
                "fixed limit", getattr(node, "lineno", 1), f"`{name}` is a fixed number here",
                "what takes or lives longer than it is cut off there, and nothing says so",
                ("time", "slow", "now and then"), 0.4,
            )  # fmt: skip


def _off_by_one(module: Module) -> Iterator[Smell]:
    for node, name in module.calls():
        if name != "range" or not node.args:
            continue
        end = node.args[0] if len(node.args) == 1 else node.args[1]
        if isinstance(end, ast.BinOp) and isinstance(end.op, ast.Sub) and is_len(end.left):
            loop = module.above.get(node)
            parts = ast.walk(loop) if isinstance(loop, ast.For) else iter(())
            # `range(len(x) - 1)` is right where the loop looks at x[i + 1].
            if not any(isinstance(p, ast.BinOp) and isinstance(p.op, ast.Add) for p in parts):
                yield Smell(
                    "range ends early", node.lineno, "a range ends before the last element",
                    "the last one is left out",
                    ("wrong", "silent"), 0.4,
                )  # fmt: skip
        elif (
            isinstance(end, ast.BinOp)
            and isinstance(end.op, ast.Add)
            and is_len(end.left)
            and len(node.args) == 1
        ):
            yield Smell(
                "range ends late", node.lineno, "a range ends behind the last element",
                "the last index does not exist",
                ("crash", "wrong"), 0.4,
            )  # fmt: skip


_RULES: tuple[_Rule, ...] = (
    *RACES, _swallowed, _mutable_default, _naive_now, _wall_clock, _float_equality, _not_closed,
    _cached_method, _finally_returns, _fixed_limit, _off_by_one,
)  # fmt: skip
