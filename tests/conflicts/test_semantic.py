"""Conflicts git does not see: each kind said where it is true, and nothing where it is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.engine import compare, prepare
from gitcoord.conflicts.merging import WHO
from gitcoord.conflicts.scan import Clash, Seen
from gitcoord.conflicts.semantic.calls import misfit
from gitcoord.conflicts.semantic.clashes import list_semantic
from gitcoord.conflicts.semantic.languages import ENDINGS, KEYED, read_outline
from gitcoord.conflicts.semantic.meaning import Meaning
from gitcoord.conflicts.semantic.outline import Arguments, Parameters, Touched
from gitcoord.conflicts.semantic.search import find_all_semantic, find_semantic
from gitcoord.git.objects import FILE, Batch, Entry, Reader, graft
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from tests.benchmarks.seeded import (
    GO,
    JAVA,
    JS,
    PLAIN,
    PY,
    RUBY,
    RUST,
    SEEDS,
    TS,
    C,
    Edits,
    Files,
    Seed,
    edited,
)
from tests.conflicts.quiet import PARSE, QUIET
from tests.conftest import Sandbox


@pytest.fixture(scope="module")
def aside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    folder = tmp_path_factory.mktemp("seeded")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    with quarantine(Repository.find(folder)) as made:
        yield made


def commits(aside: Repository, *trees: dict[str, bytes]) -> list[str]:
    """A commit for each set of files; all but the first stand on the first."""
    batch = Batch(aside)
    found: list[str] = []
    with Reader(aside) as reader:
        for files in trees:
            entries = {path: Entry(FILE, batch.blob(body)) for path, body in files.items()}
            tree = graft(batch, reader, None, entries)
            found.append(batch.commit(tree, found[:1], "x", author=WHO))
    batch.write()
    return found


def encoded(files: Files) -> dict[str, bytes]:
    return {path: text.encode() for path, text in files.items()}


def said(aside: Repository, files: Files, *sides: Edits) -> dict[tuple[int, int], list[Meaning]]:
    made = commits(aside, encoded(files), *(encoded(edited(files, side)) for side in sides))
    return find_all_semantic(aside, made[0], dict(enumerate(made[1:])))


def seed_id(seed: Seed) -> str:
    return seed.title.replace(" ", "-")


@pytest.mark.parametrize("seed", SEEDS, ids=seed_id)
def test_case_76_a_seeded_break_is_said(aside: Repository, seed: Seed) -> None:
    found = said(aside, seed.files, seed.a, seed.b)
    assert seed.kind in {one.kind for one in found[(0, 1)]}
    for one in found[(0, 1)]:
        assert 0.5 <= one.confidence <= 1 and one.note and one.name


@pytest.mark.parametrize("seed", SEEDS, ids=seed_id)
def test_one_side_alone_breaks_nothing(aside: Repository, seed: Seed) -> None:
    assert said(aside, seed.files, seed.a, []) == said(aside, seed.files, seed.b, []) == {}


@pytest.mark.parametrize(
    ("files", "a", "b"), [case[1:] for case in QUIET], ids=[case[0] for case in QUIET]
)
def test_nothing_is_said(aside: Repository, files: Files, a: Edits, b: Edits) -> None:
    assert said(aside, files, a, b) == {}
    assert said(aside, files, b, a) == {}


class TestSides:
    def test_of_many_sides_only_the_pair_that_breaks_is_said(self, aside: Repository) -> None:
        seed = SEEDS[0]
        other: Edits = [("shop/web.py", "", "\n\nlate = 1\n")]
        found = said(
            aside, seed.files, other, seed.b, other, seed.a, [("shop/new.py", "", "x = 1\n")]
        )
        assert set(found) == {(1, 3)}

    def test_both_places_are_named_with_their_lines(self, aside: Repository) -> None:
        rename: Edits = [(path, "parse_price", "read_price") for path in (PARSE, "shop/orders.py")]
        use: Edits = [("shop/report.py", "", "\n\nfrom shop.prices import parse_price\n")]
        found = said(aside, PY, rename, use)
        (one,) = found[(0, 1)]
        assert (one.a_path, one.b_path) == (PARSE, "shop/report.py")
        assert (one.a_lines, one.b_lines) == ((14, 16), (10, 10))
        assert "became read_price" in one.note

    def test_a_rename_in_a_module_with_its_own_getattr_is_less_sure(
        self, aside: Repository
    ) -> None:
        answers = "\n\ndef __getattr__(name):\n    return load(name)\n"
        files = {**PY, PARSE: PY[PARSE] + answers}
        rename: Edits = [(path, "parse_price", "read_price") for path in (PARSE, "shop/orders.py")]
        use: Edits = [("shop/report.py", "", "\n\nfrom shop.prices import parse_price\n")]
        (one,) = said(aside, files, rename, use)[(0, 1)]
        assert (one.kind, one.name, one.confidence) == ("removed", "parse_price", 0.6)

    def test_the_order_of_sides_does_not_matter(self, aside: Repository) -> None:
        seed = SEEDS[0]
        forth, back = said(aside, PY, seed.a, seed.b), said(aside, PY, seed.b, seed.a)
        one, other = forth[(0, 1)][0], back[(0, 1)][0]
        assert (one.a_path, one.a_lines, one.note) == (other.b_path, other.b_lines, other.note)

    def test_what_conflicts_as_text_is_left_to_git(self, aside: Repository) -> None:
        seed = SEEDS[0]
        clash_a: Edits = [*seed.a, ("shop/web.py", '"ok"', '"fine"')]
        clash_b: Edits = [*seed.b, ("shop/web.py", '"ok"', '"well"')]
        assert said(aside, PY, clash_a, clash_b) == {}

    def test_a_pair_can_be_left_out(self, aside: Repository) -> None:
        seed = SEEDS[0]
        made = commits(aside, encoded(PY), encoded(edited(PY, seed.a)), encoded(edited(PY, seed.b)))
        sides = dict(enumerate(made[1:]))
        assert find_all_semantic(aside, made[0], sides, skip={(0, 1)}) == {}

    def test_the_repository_does_not_grow(self, sandbox: Sandbox) -> None:
        base = sandbox.git("rev-parse", "main")
        sandbox.git("checkout", "-q", "-b", "one")
        one = sandbox.commit(
            "one",
            {"src/auth.py": "import time\n\n\ndef issue_token(user):\n    return time.time()\n"},
        )
        sandbox.git("checkout", "-q", "-b", "two", "main")
        two = sandbox.commit(
            "two", {"src/more.py": "from src.auth import login\n\nlogin('a', 'b')\n"}
        )
        before = sandbox.git("count-objects", "-v")
        found = find_semantic(Repository.find(sandbox.path), base, one, two)
        assert [(one.kind, one.name) for one in found] == [("removed", "login")]
        assert sandbox.git("count-objects", "-v") == before


class TestClashes:
    @staticmethod
    def compared(sandbox: Sandbox, cache: Cache) -> list[Clash]:
        repo = Repository.find(sandbox.path)
        target = repo.commit("main")
        with quarantine(repo) as aside:
            engine = prepare(aside, target, cache)
            tips = [repo.commit("one"), repo.commit("two")]
            found = compare(engine, tips)
            seen = [
                Seen(f"{name}-id", name, f"/{name}", "live", tip, tip, uncommitted=left)
                for name, tip, left in zip(
                    ("one", "two"), tips, (frozenset(), frozenset({"src/more.py"})), strict=True
                )
            ]
            said = list_semantic(engine, seen, found, set())
            assert list_semantic(engine, seen, found, {"two-id"}) == said
            assert list_semantic(engine, seen, found, {"another"}) == []
            return said

    def test_a_clash_has_both_sides_and_a_reason(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "-b", "one")
        auth = "import time\n\n\ndef issue_token(user):\n    return time.time()\n"
        sandbox.commit("one", {"src/auth.py": auth, "src/cart.py": "x = 1\n"})
        sandbox.git("checkout", "-q", "-b", "two", "main")
        sandbox.commit("two", {"src/more.py": "from src.auth import login\n\nlogin('a', 'b')\n"})
        cache = Cache()
        cache.tables.setdefault("semantic", {})
        (clash,) = self.compared(sandbox, cache)
        assert (clash.a, clash.b, clash.grade, clash.kind) == (
            "one-id", "two-id", "semantic", "removed",
        )  # fmt: skip
        assert (clash.a_path, clash.b_path) == ("src/auth.py", "src/more.py")
        assert (clash.a_committed, clash.b_committed) == (True, False)
        assert clash.confidence >= 0.9 and "login" in clash.note
        # The second time it is read from the cache, as JSON gives it back.
        cache.tables["semantic"] = json.loads(json.dumps(cache.tables["semantic"]))
        assert self.compared(sandbox, cache) == [clash]


class TestBadInput:
    @pytest.mark.parametrize(
        "body",
        [b"def broken(:\n", b"\xff\xfe\0\0", b"# coding: nowhere\nx = 1\n", b"x = " + b"(" * 5000,
         b"def f():\n    return 1\n" * 30_000, b"x = '" + b"a" * 10_000 + b"'\n"],
        ids=["syntax", "bytes", "coding", "deep", "large", "long line"],
    )  # fmt: skip
    def test_a_file_that_cannot_be_read_says_nothing(self, aside: Repository, body: bytes) -> None:
        base = {**encoded(PY), "bad.py": b"def f():\n    return 1\n\n\ndef g():\n    return 2\n"}
        a = {**base, "bad.py": body}
        b = {**base, "user.py": b"from bad import f, g\n\nf(g())\n"}
        made = commits(aside, base, a, b)
        assert find_all_semantic(aside, made[0], dict(enumerate(made[1:]))) == {}

    def test_names_in_any_bytes(self, aside: Repository) -> None:
        name = b"caf\xe9 \xff.py".decode("utf-8", "surrogateescape")
        base = {name: b"def first(a):\n    return a\n", "x.py": b"y = 1\n"}
        a = {**base, name: b"def first(a, b):\n    return a\n"}
        b = {**base, name: base[name] + b"\n\ndef second():\n    return first(1)\n"}
        made = commits(aside, base, a, b)
        (found,) = find_all_semantic(aside, made[0], dict(enumerate(made[1:])))[(0, 1)]
        assert (found.kind, found.a_path) == ("signature", name)


SOURCES = [
    text for files in (PY, JS, TS, GO, JAVA, RUST, C, RUBY, PLAIN) for text in files.values()
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(ENDINGS)), st.binary(max_size=300))
def test_no_bytes_make_a_reader_fail(ending: str, body: bytes) -> None:
    read_outline(ending, body)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(ENDINGS)), st.sampled_from(SOURCES), st.integers(0, 400),
    st.integers(0, 30), st.text("(){}[]:;,.\"'`=@#<>*&\n aA1_", max_size=6),
)  # fmt: skip
def test_no_damaged_source_makes_a_reader_fail(
    ending: str, text: str, at: int, gone: int, put: str
) -> None:
    damaged = (text[:at] + put + text[at + gone :]).encode()
    read_outline(ending, damaged)
    read_outline(ending, damaged, Touched((1, 5, 9)))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from("abcdef"), unique=True, max_size=5), st.integers(0, 5), st.booleans()
)
def test_a_call_that_gives_every_parameter_by_position_fits(
    names: list[str], required: int, rest: bool
) -> None:
    wanted = Parameters(tuple(names), min(required, len(names)), rest=rest)
    assert misfit(wanted, Arguments(len(names)), 0, "python") == ""
    assert bool(misfit(wanted, Arguments(len(names) + 1), 0, "python")) is not rest


def test_every_plain_ending_has_a_reader() -> None:
    from gitcoord.conflicts.semantic.plain import READERS

    assert READERS.keys() == KEYED


def test_without_a_grammar_a_language_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from gitcoord.checks import grammars

    monkeypatch.setitem(grammars._WHEELS, "go", ("Go", "no_such_wheel", "language"))
    grammars.parser_of.cache_clear()
    assert read_outline(".go", b"package x\n") is None
    grammars.parser_of.cache_clear()
