"""Smells of Python code that does several things at once: threads, coroutines, retries, loops.

Promises: only shapes whose trouble is known and described.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from gitcoord.analysis.python_tree import (
    Function,
    Module,
    any_call,
    dotted,
    inside,
    is_kept,
    leaves,
    stores,
)
from gitcoord.analysis.smell import Smell

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_RETRY = re.compile(r"retr(?:y|ies)|attempt|tries", re.IGNORECASE)
_PAUSE = re.compile(r"sleep|wait|backoff|delay|pause", re.IGNORECASE)
_SHARED = re.compile(r"cache|registry|pool|session|token|store|state|pending|memo", re.IGNORECASE)
_NETWORK = re.compile(
    r"^requests\.(?:get|post|put|patch|delete|head|options|request)$|^(?:urllib\.request\.)?urlopen$"
)


def missing_await(module: Module) -> Iterator[Smell]:
    names = {node.name for node in module.every(ast.AsyncFunctionDef) if isinstance(node, Function)}
    plain = {node.name for node in module.every(ast.FunctionDef) if isinstance(node, Function)}
    known = names - plain
    for node, name in module.calls():
        owner, _, last = name.rpartition(".")
        if not isinstance(module.above.get(node), ast.Expr):
            continue
        if last in known and owner in ("", "self", "cls"):
            yield Smell(
                "missing await", node.lineno, f"calls the coroutine `{last}` without await",
                "it never runs",
                ("silent", "now and then", "wrong"), 0.95,
            )  # fmt: skip
        group = "group" in owner.lower() or owner in ("tg", "nursery")
        if last in ("create_task", "ensure_future") and not group:
            yield Smell(
                "lost task", node.lineno, f"{name}() is called and its task is not kept",
                "the event loop holds tasks weakly: it can be collected before it is done, and "
                "its exception is never seen",
                ("now and then", "silent"), 0.6,
            )  # fmt: skip


def check_then_act(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.If):
        test = node.test.operand if isinstance(node.test, ast.UnaryOp) else node.test
        body = inside(node.body)
        calls = {
            dotted(part.func).rpartition(".")[2] for part in body if isinstance(part, ast.Call)
        }
        acts = calls & {
            "open",
            "remove",
            "unlink",
            "mkdir",
            "makedirs",
            "rename",
            "rmdir",
            "rmtree",
        }
        if isinstance(test, ast.Call):
            asks = dotted(test.func).rpartition(".")[2]
            if asks in ("exists", "isfile", "isdir", "is_file", "is_dir", "access") and acts:
                yield Smell(
                    "check then act", node.lineno,
                    f"asks whether a path exists, then calls {sorted(acts)[0]}()",
                    "another process can make or remove it in between",
                    ("now and then", "crash"), 0.5,
                )  # fmt: skip
        elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In | ast.NotIn):
            held = dotted(test.comparators[0])
            shared = held in module.globals or (held.startswith("self.") and _SHARED.search(held))
            if shared and stores(body, held) and not module.locked(node):
                yield Smell(
                    "unlocked cache", node.lineno,
                    f"looks into `{held}` and then fills it, without a lock",
                    "two requests at once both find it empty, or one finds what the other has "
                    "half done; and what was kept is never looked at again",
                    ("now and then", "stale", "wrong"), 0.55,
                )  # fmt: skip


def shared_state(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.Global):
        function = module.function(node)
        names = set(node.names)
        for part in ast.walk(function) if function else ():
            target = part.target if isinstance(part, ast.AugAssign) else None
            if isinstance(target, ast.Name) and target.id in names and not module.locked(part):
                yield Smell(
                    "counter without lock", target.lineno,
                    f"changes the global `{target.id}` without a lock",
                    "two threads read the same value, and one change is lost",
                    ("now and then", "wrong"), 0.5,
                )  # fmt: skip


def retry_without_pause(module: Module) -> Iterator[Smell]:
    for node in module.every(*_LOOPS):
        head = node.test if isinstance(node, ast.While) else getattr(node, "target", node)
        names = ast.dump(head) + ast.dump(getattr(node, "iter", head))
        parts = list(ast.walk(node))
        catches = any(isinstance(part, ast.ExceptHandler) for part in parts)
        pauses = any_call(parts, _PAUSE)
        if _RETRY.search(names) and catches and not pauses:
            yield Smell(
                "retry without pause", getattr(node, "lineno", 1),
                "tries again at once after a failure",
                "all tries fall into the same short outage, and add to the load that caused it",
                ("now and then", "slow", "crash"), 0.6,
            )  # fmt: skip


def late_binding(module: Module) -> Iterator[Smell]:
    for node in module.every(ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef):
        assert isinstance(node, ast.Lambda | Function)
        loop = module.within(node, ast.For, ast.AsyncFor)
        if not isinstance(loop, ast.For | ast.AsyncFor):
            continue
        targets = {part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)}
        own = {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]}
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        used = {part.id for part in inside(body) if isinstance(part, ast.Name)}
        caught = sorted((targets & used) - own)
        kept = isinstance(node, Function) or is_kept(module, node)
        if caught and kept:
            yield Smell(
                "late binding", node.lineno, f"a function made in a loop uses `{caught[0]}`",
                "when it runs later, the name has the value of the last round",
                ("wrong", "now and then"), 0.6,
            )  # fmt: skip


def changed_while_read(module: Module) -> Iterator[Smell]:
    for loop in module.every(ast.For):
        name = dotted(loop.iter)
        if isinstance(loop.iter, ast.Call):
            owner, _, last = dotted(loop.iter.func).rpartition(".")
            name = owner if last in ("items", "keys", "values") else ""
        if not name:
            continue
        for part in ast.walk(loop):
            deletes = isinstance(part, ast.Delete) and any(
                isinstance(one, ast.Subscript) and dotted(one.value) == name for one in part.targets
            )
            called = dotted(part.func) if isinstance(part, ast.Call) else ""
            if deletes or called in (f"{name}.pop", f"{name}.remove", f"{name}.append"):
                if leaves(loop, part, module):
                    continue
                yield Smell(
                    "changed while read", getattr(part, "lineno", loop.lineno),
                    f"`{name}` is changed in a loop over it",
                    "elements are skipped, or the loop ends with a RuntimeError",
                    ("wrong", "crash", "silent", "now and then"), 0.8,
                )  # fmt: skip


def blocking_in_async(module: Module) -> Iterator[Smell]:
    for node, name in module.calls():
        if isinstance(module.function(node), ast.AsyncFunctionDef) and (
            name in ("time.sleep", "subprocess.run") or name.startswith("requests.")
        ):
            yield Smell(
                "blocks the loop", node.lineno, f"{name}() in a coroutine",
                "everything else in the event loop stands still meanwhile",
                ("slow", "now and then"), 0.85,
            )  # fmt: skip
        if _NETWORK.match(name) and not any(k.arg in ("timeout", None) for k in node.keywords):
            yield Smell(
                "no time limit", node.lineno, f"{name}() without a timeout",
                "when the other side does not answer, this waits for ever",
                ("slow", "now and then"), 0.6,
            )  # fmt: skip


RACES = (
    missing_await,
    check_then_act,
    shared_state,
    retry_without_pause,
    late_binding,
    changed_while_read,
    blocking_in_async,
)
