"""What a cache told is as good as what git is asked anew: it knows trees, not their objects."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.order import Order, find_order
from gitcoord.conflicts.radar import scan
from gitcoord.conflicts.scan import CONFLICT, SEMANTIC, Scan
from gitcoord.conflicts.showing import Meeting, show
from gitcoord.errors import Problem
from gitcoord.git.objects import FILE
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from tests.conflicts.histories import Files, History, base_files, changed
from tests.conftest import Sandbox

CALLED = b"def fetch(url):\n    return url\n\n\ndef drop(url):\n    return None\n"
CALLER = b"from called import drop\n\n\ndef first():\n    return drop('a')\n"


class Arena:
    """A target and worktrees without files, each of which goes on with commits of its own."""

    def __init__(self, sandbox: Sandbox, seed: int, count: int) -> None:
        self.sandbox, self.rng = sandbox, random.Random(seed)
        self.repo = Repository.find(sandbox.path)
        files = {**base_files(self.rng), "called.py": (FILE, CALLED), "caller.py": (FILE, CALLER)}
        self.files: dict[str, Files] = dict.fromkeys(["target"], files)
        base = self.commit("target")
        for number in range(count):
            place = sandbox.path.parent / f"w{number}"
            sandbox.git("worktree", "add", "-q", "--no-checkout", "--detach", str(place), base)
            self.files[place.name] = files
        for name in self.files:
            self.go_on(name)

    def commit(self, name: str) -> str:
        history = History(self.repo)
        parents = [self.head(name)] if name != "target" or self.head(name) else []
        made = history.commit(self.files[name], *parents)
        history.write()
        self.sandbox.git("update-ref", *self._ref(name), made, at=self._at(name))
        return made

    def head(self, name: str) -> str:
        listed = self.sandbox.git("for-each-ref", "--format=%(objectname)", "refs/heads/target")
        return (
            listed if name == "target" else self.sandbox.git("rev-parse", "HEAD", at=self._at(name))
        )

    def go_on(self, name: str) -> None:
        now = changed(self.rng, self.files[name])
        also: list[Callable[[Files], Files]] = [_renamed, _called, dict]
        self.files[name] = self.rng.choice(also)(now)
        self.commit(name)

    def forget_some(self) -> None:
        """As eviction would, but of anything."""
        cache = Cache.load(self.repo)
        for rows in cache.tables.values():
            if self.rng.random() < 0.4:
                for key in [key for key in rows if self.rng.random() < 0.7]:
                    del rows[key]
        cache.changed = True
        cache.save()

    def scan(self) -> Scan:
        return scan(self.repo, against="target", committed_only=True)

    def order(self) -> Order:
        return find_order(self.repo, against="target", committed_only=True)

    def show(self, one: str, other: str) -> Meeting | str:
        try:
            return show(self.repo, one, other, against="target")
        except Problem as problem:
            return problem.message

    def _ref(self, name: str) -> list[str]:
        return ["refs/heads/target"] if name == "target" else ["HEAD"]

    def _at(self, name: str) -> Path:
        return self.sandbox.path if name == "target" else self.sandbox.path.parent / name


def _renamed(files: Files) -> Files:
    mode, content = files.get("called.py", (FILE, CALLED))
    return {**files, "called.py": (mode, content.replace(b"def drop", b"def discard"))}


def _called(files: Files) -> Files:
    mode, content = files.get("caller.py", (FILE, CALLER))
    more = b"\n\ndef again():\n    return drop('b')\n"
    return {**files, "caller.py": (mode, content if more in content else content + more)}


def forget_all(repo: Repository) -> None:
    shutil.rmtree(repo.own_dir / "cache")


@pytest.mark.parametrize("seed", range(3))
def test_a_warm_cache_after_changes_answers_as_no_cache_does(sandbox: Sandbox, seed: int) -> None:
    arena = Arena(sandbox, seed, 6)
    others = [name for name in arena.files if name != "target"]
    arena.scan()
    for _ in range(4):
        for name in arena.rng.sample(others, arena.rng.choice([1, 1, 2])):
            arena.go_on(name)
        if arena.rng.random() < 0.2:
            arena.go_on("target")
        if arena.rng.random() < 0.7:
            arena.forget_some()
        asked = arena.rng.sample(others, 2)
        warm = arena.scan(), arena.order(), arena.show(*asked)
        forget_all(arena.repo)
        assert warm == (arena.scan(), arena.order(), arena.show(*asked))


def test_landings_of_which_only_the_ids_are_known_are_landed_again(sandbox: Sandbox) -> None:
    """Each landing has a tree and a file of its own that no commit holds, as all changed the
    list the target changed too; then one more side comes."""
    rows = [b"line %d\n" % number for number in range(40)]
    files: Files = {
        "list.txt": (FILE, b"".join(rows)),
        "called.py": (FILE, CALLED),
        "caller.py": (FILE, CALLER),
    }

    def at(number: int, said: bytes) -> Files:
        changed_rows = [*rows[:number], said, *rows[number + 1 :]]
        return {**files, "list.txt": (FILE, b"".join(changed_rows))}

    repo = Repository.find(sandbox.path)
    history = History(repo)
    base = history.commit(files, sandbox.git("rev-parse", "HEAD"))
    target = history.commit(at(39, b"of the target\n"), base)
    sides = [
        history.commit(at(10, b"one\n"), base),
        history.commit(_renamed(at(20, b"two\n")), base),
        history.commit({**at(0, b"three\n"), "one": (FILE, b"1\n")}, base),
    ]
    later = [
        history.commit(_called({**at(10, b"other\n"), "one": (FILE, b"2\n")}), sides[2]),
        history.commit({**at(11, b"near\n"), "one": (FILE, b"2\n")}, sides[2]),
    ]
    history.write()
    sandbox.git("branch", "target", target)
    for number, side in enumerate(sides):
        place = sandbox.path.parent / f"w{number}"
        sandbox.git("worktree", "add", "-q", "--no-checkout", "--detach", str(place), side)

    def look() -> Scan:
        return scan(repo, against="target", committed_only=True)

    look()
    grades = set()
    for commit in later:
        sandbox.git("update-ref", "HEAD", commit, at=sandbox.path.parent / "w2")
        warm = look()
        grades |= {clash.grade for clash in warm.pairs}
        forget_all(repo)
        assert warm == look()
        assert not warm.unknown
    assert {CONFLICT, SEMANTIC} <= grades


def test_a_blob_that_cannot_be_read_is_not_remembered_as_binary(sandbox: Sandbox) -> None:
    from gitcoord.conflicts.hunks import read_hunks

    repo = Repository.find(sandbox.path)
    with quarantine(repo) as aside:
        history = History(aside)
        blobs = [history.batch.blob(text) for text in (b"a\n", b"b\n", b"\0c\n")]
        history.write()
        gone = ("1" * 40, "2" * 40)
        found = read_hunks(aside, [(blobs[0], blobs[1]), gone, (blobs[0], blobs[2])])
    assert found[blobs[0], blobs[1]] and found[blobs[0], blobs[2]] is None
    assert gone not in found
