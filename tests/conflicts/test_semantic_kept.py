"""What is known of sides and pairs: kept by content, enough without their objects, safe to lose."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.deltas import Delta, read_deltas
from gitcoord.conflicts.engine import compare, prepare
from gitcoord.conflicts.merging import WHO
from gitcoord.conflicts.scan import Clash, Seen
from gitcoord.conflicts.semantic.change import Change, is_read, read_change
from gitcoord.conflicts.semantic.clashes import list_semantic
from gitcoord.conflicts.semantic.joining import join, marks_of
from gitcoord.conflicts.semantic.kept import Kept
from gitcoord.conflicts.semantic.meaning import Meaning
from gitcoord.conflicts.semantic.search import Sides, find_among
from gitcoord.conflicts.semantic.shelf import Shelf
from gitcoord.git.objects import FILE, Batch, Entry, graft
from gitcoord.git.quarantine import put_objects, quarantine
from gitcoord.git.repository import Repository
from tests.benchmarks.seeded import PY, SEEDS, Edits, Files, Seed, edited
from tests.conftest import Sandbox

BREAK, USE = SEEDS[0].a, SEEDS[0].b
OTHER: Edits = [("shop/web.py", "", "\n\nlate = 1\n")]
MORE: Edits = [("shop/more.py", "", "from shop.prices import parse_price\n\nparse_price('1')\n")]


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    folder = tmp_path_factory.mktemp("kept")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    yield Repository.find(folder)


def put(aside: Repository, files: Files, *parents: str) -> tuple[str, str]:
    """A commit and its tree, in the quarantine."""
    batch = Batch(aside)
    with Shelf(aside) as shelf:
        entries = {path: Entry(FILE, batch.blob(text.encode())) for path, text in files.items()}
        tree = graft(batch, shelf.reader, None, entries)
    commit = batch.commit(tree, parents, "x", author=WHO)
    put_objects(aside, batch)
    return commit, tree


def seed_id(seed: Seed) -> str:
    return seed.title.replace(" ", "-")


Read = list[tuple[Delta, Change]]


@pytest.fixture(scope="module")
def changes(repo: Repository) -> dict[str, Read]:
    """Of every seed, what each side changes."""
    found: dict[str, Read] = {}
    with quarantine(repo) as aside, Shelf(aside) as shelf:
        for seed in SEEDS:
            base = put(aside, seed.files)[1]
            trees = [put(aside, edited(seed.files, side))[1] for side in (seed.a, seed.b)]
            deltas = read_deltas(aside, [(base, tree) for tree in trees])
            shelf.fetch((one, one.files) for one in deltas)
            read = [read_change(one, shelf.outline, shelf.lines) for one in deltas]
            found[seed.title] = list(zip(deltas, read, strict=True))
    return found


@pytest.mark.parametrize("seed", SEEDS, ids=seed_id)
def test_a_change_is_kept_as_it_is(changes: dict[str, Read], seed: Seed, tmp_path: Path) -> None:
    kept = Kept(tmp_path, "here")
    for name, (delta, change) in enumerate(changes[seed.title]):
        kept.keep_side(str(name), delta, change, whole=True)
    kept.save()
    again, elsewhere = Kept(tmp_path, "here"), Kept(tmp_path, "elsewhere")
    for name, (delta, change) in enumerate(changes[seed.title]):
        assert again.marks(str(name)) == marks_of(change)
        assert again.change(str(name)) == change
        # Of another target the sides are not known, and the files are.
        assert elsewhere.marks(str(name)) is None
        known = elsewhere.files(delta)
        assert {path: one for path, one in known.items() if one} == change.files
        assert known.keys() == {path for path, one in delta.files.items() if is_read(path, one)}


@pytest.mark.parametrize("seed", SEEDS, ids=seed_id)
def test_a_pair_that_breaks_shares_a_mark(changes: dict[str, Read], seed: Seed) -> None:
    marks = dict(enumerate(marks_of(change) for _, change in changes[seed.title]))
    assert join(marks) == {(0, 1)}
    assert join({0: marks[0]}) == join({}) == set()


class TestSides:
    @staticmethod
    def find(
        repo: Repository, kept: Kept, *written: Edits, lost: tuple[Edits, ...] = ()
    ) -> list[Meaning]:
        """What is said of sides, each given by its edits; of `lost` only the ids are known."""
        with quarantine(repo) as there:
            with quarantine(repo) as gone:
                target, base = put(gone, PY)
                every = sorted(
                    (put(gone, edited(PY, one))[1], one in written) for one in (*lost, *written)
                )
                deltas = read_deltas(gone, [(base, tree) for tree, _ in every])
            assert put(there, PY) == (target, base)
            for one in written:
                put(there, edited(PY, one))
            sides = Sides(
                base,
                {number: tree for number, (tree, _) in enumerate(every)},
                dict(enumerate(deltas)),
            )
            engine = prepare(there, target, Cache())
            return find_among(engine, sides, kept, skip=lambda _pair: False).meanings

    def test_of_known_sides_nothing_is_read(self, repo: Repository, tmp_path: Path) -> None:
        kept = Kept(tmp_path, "x")
        first = self.find(repo, kept, BREAK, USE)
        kept.save()
        assert {one.kind for one in first} == {SEEDS[0].kind}
        again = Kept(tmp_path, "x")
        said = self.find(repo, again, OTHER, lost=(BREAK, USE))
        assert [one.note for one in said] == [one.note for one in first]
        assert self.find(repo, again, lost=(BREAK, USE)) == first

    def test_a_new_side_meets_those_that_are_known(self, repo: Repository, tmp_path: Path) -> None:
        kept = Kept(tmp_path, "x")
        assert self.find(repo, kept, BREAK, OTHER) == []
        kept.save()
        said = self.find(repo, Kept(tmp_path, "x"), BREAK, USE, lost=(OTHER,))
        assert [one.note for one in said] == [one.note for one in self.find(repo, kept, BREAK, USE)]

    def test_absent_objects_say_nothing_and_are_looked_for_again(
        self, repo: Repository, tmp_path: Path
    ) -> None:
        kept = Kept(tmp_path, "x")
        assert self.find(repo, kept, USE, lost=(BREAK, OTHER)) == []
        assert kept.passing
        kept.save()
        again = Kept(tmp_path, "x")
        assert len(self.find(repo, again, BREAK, USE)) > 0
        assert not again.passing

    @pytest.mark.parametrize("content", [b"", b"{}", b"00000000\n{}", b"\xff" * 50])
    def test_a_damaged_file_is_an_empty_one(
        self, repo: Repository, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "meaning.json").write_bytes(content)
        assert len(self.find(repo, Kept(tmp_path, "x"), BREAK, USE)) > 0

    def test_a_folder_that_cannot_be_written_is_no_error(
        self, repo: Repository, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("")
        kept = Kept(tmp_path / "file", "x")
        assert len(self.find(repo, kept, BREAK, USE)) > 0
        kept.save()


class TestScans:
    """Through an engine, whose cache knows of landings only the ids."""

    @staticmethod
    def look(sandbox: Sandbox, file: Path, cache: Cache, *names: str) -> list[Clash]:
        repo = Repository.find(sandbox.path)
        tips = [repo.commit(name) for name in names]
        cache.file = file
        with quarantine(repo) as aside:
            engine = prepare(aside, repo.commit("main"), cache)
            found = compare(engine, tips)
            seen = [Seen(f"{at}-{name}", name, "/x", "live", tip, tip)
                    for at, (name, tip) in enumerate(zip(names, tips, strict=True))]  # fmt: skip
            return list_semantic(engine, seen, found, set())

    @staticmethod
    def branches(sandbox: Sandbox) -> None:
        """Made before main goes on, so that what lands is in no commit."""
        auth = "import time\n\n\ndef issue_token(user):\n    return time.time()\n"
        use = "from src.auth import login\n\nlogin('a', 'b')\n"
        for name, path, text in (
            ("one", "src/auth.py", auth),
            ("two", "src/more.py", use),
            ("three", "src/again.py", use),
        ):
            sandbox.git("checkout", "-q", "-b", name, "main")
            sandbox.commit(name, {path: text})
        sandbox.git("checkout", "-q", "main")
        sandbox.commit("on", {"notes.txt": "more\n"})

    def test_one_new_commit_after_a_scan(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self.branches(sandbox)
        cache, file = Cache(), tmp_path / "radar.json"
        first = self.look(sandbox, file, cache, "one", "two")
        assert [(one.a, one.b, one.kind) for one in first] == [("0-one", "1-two", "removed")]
        assert self.look(sandbox, file, cache, "one", "two") == first
        more = self.look(sandbox, file, cache, "one", "two", "three")
        assert [(one.a, one.b) for one in more] == [("0-one", "1-two"), ("0-one", "2-three")]
        fresh = self.look(sandbox, tmp_path / "other" / "x", Cache(), "one", "two", "three")
        assert more == fresh

    def test_the_target_goes_on(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self.branches(sandbox)
        cache, file = Cache(), tmp_path / "radar.json"
        first = self.look(sandbox, file, cache, "one", "two")
        sandbox.commit("on", {"notes.txt": "and more\n"})
        assert self.look(sandbox, file, cache, "one", "two") == first
        sandbox.commit(
            "on", {"src/auth.py": (sandbox.path / "src/auth.py").read_text() + "x = 1\n"}
        )
        said = self.look(sandbox, file, cache, "one", "two", "three")
        assert said == self.look(sandbox, tmp_path / "other" / "x", Cache(), "one", "two", "three")

    def test_worktrees_of_one_tree_are_each_told(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self.branches(sandbox)
        said = self.look(sandbox, tmp_path / "x", Cache(), "two", "one", "main", "two")
        assert [(one.a, one.b) for one in said] == [("0-two", "1-one"), ("1-one", "3-two")]
        assert (said[0].a_path, said[0].b_path) == ("src/more.py", "src/auth.py")
        assert (said[1].a_path, said[1].b_path) == ("src/auth.py", "src/more.py")

    def test_with_nothing_new_no_git_is_started(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self.branches(sandbox)
        repo = Repository.find(sandbox.path)
        tips = [repo.commit("one"), repo.commit("two")]
        seen = [Seen(f"{at}", "", "/x", "live", tip, tip) for at, tip in enumerate(tips)]
        with ExitStack() as stack:
            aside = stack.enter_context(quarantine(repo))
            engine = prepare(aside, repo.commit("main"), Cache(tmp_path / "radar.json"))
            found = compare(engine, tips)
            first = list_semantic(engine, seen, found, set())
            shutil.rmtree(sandbox.path)
            assert first and list_semantic(engine, seen, found, set()) == first


def test_with_nothing_new_no_parser_is_imported() -> None:
    code = (
        "import sys, gitcoord.conflicts.semantic.clashes; "
        "sys.exit(any(name.startswith('tree_sitter') or name in ("
        "'gitcoord.conflicts.semantic.search', 'gitcoord.conflicts.semantic.change') "
        "for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
