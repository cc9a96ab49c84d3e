"""Objects made here are the objects git would make."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.errors import Corrupt, NoSuch
from gitcoord.git.objects import (
    EXECUTABLE,
    FILE,
    FOLDER,
    LINK,
    Batch,
    Entry,
    Reader,
    graft,
    object_id,
    parse_tree,
    signature,
)
from gitcoord.git.repository import Repository

QUICK = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: not set(name) & {0, 0x2F} and name.lower() not in (b".", b"..", b".git")
)
BODIES = st.binary(max_size=200)
MODES = st.sampled_from([FILE, EXECUTABLE, LINK])


@pytest.fixture(params=["sha1", "sha256"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    ask("init", "-q", f"--object-format={request.param}", str(tmp_path / "r"))
    return Repository.find(tmp_path / "r")


def ask(*argv: str, at: Path | None = None, into: bytes = b"") -> bytes:
    done = subprocess.run(["git", *argv], cwd=at, input=into, capture_output=True, check=True)
    return done.stdout


def listing(repo: Repository, tree: str) -> list[tuple[str, bytes, str]]:
    """What git says is below a tree: mode, path, object id."""
    found = []
    for line in ask("ls-tree", "-r", "-z", tree, at=repo.home).split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, _, oid = head.decode().split(" ")
        found.append((mode, path, oid))
    return found


def free(files: dict[bytes, Any]) -> Iterator[bytes]:
    """Paths none of which is a folder of another."""
    for path in files:
        if not any(other.startswith(path + b"/") for other in files):
            yield path


class TestIds:
    @QUICK
    @given(body=BODIES)
    def test_blobs(self, repo: Repository, body: bytes) -> None:
        batch = Batch(repo)
        made = batch.blob(body)
        assert made == ask("hash-object", "--stdin", at=repo.home, into=body).decode().strip()
        batch.write()
        assert batch.pending == {}
        assert ask("cat-file", "blob", made, at=repo.home) == body

    @QUICK
    @given(files=st.dictionaries(NAMES, st.tuples(MODES, BODIES), max_size=6))
    def test_trees(self, repo: Repository, files: dict[bytes, tuple[str, bytes]]) -> None:
        """As `git mktree` makes them: order, modes, names in any bytes."""
        batch = Batch(repo)
        entries = {name: Entry(mode, batch.blob(body)) for name, (mode, body) in files.items()}
        made = batch.tree(entries)
        batch.write()
        lines = b"".join(
            f"{entry.mode} blob {entry.id}\t".encode() + name + b"\0"
            for name, entry in entries.items()
        )
        assert made == ask("mktree", "-z", at=repo.home, into=lines).decode().strip()
        with Reader(repo) as reader:
            assert reader.tree(made) == entries

    def test_a_folder_sorts_as_if_it_ended_in_a_slash(self, repo: Repository) -> None:
        batch = Batch(repo)
        blob = Entry(FILE, batch.blob(b"x"))
        inner = Entry(FOLDER, batch.tree({b"x": blob}))
        made = batch.tree({b"a": inner, b"a.b": blob, b"a0": blob, b"a-": blob})
        batch.write()
        ask("fsck", "--strict", made, at=repo.home)
        assert [path for _, path, _ in listing(repo, made)] == [b"a-", b"a.b", b"a/x", b"a0"]

    @QUICK
    @given(message=st.text(max_size=80).filter(lambda text: "\0" not in text), zone=st.booleans())
    def test_commits(self, repo: Repository, message: str, zone: bool) -> None:
        batch = Batch(repo)
        tree = batch.tree({})
        who = signature("Ada Test", "ada@example.com", 1_700_000_000, "+0530" if zone else "-0800")
        first = batch.commit(tree, [], "first", author=who)
        made = batch.commit(tree, [first], message, author=who)
        batch.write()
        assert ask("cat-file", "-t", made, at=repo.home) == b"commit\n"
        raw = ask("cat-file", "commit", made, at=repo.home)
        said = ask("hash-object", "-t", "commit", "--stdin", at=repo.home, into=raw)
        assert said.decode().strip() == made
        assert ask("log", "-1", "--format=%P %an <%ae>", made, at=repo.home).decode().strip() == (
            f"{first} Ada Test <ada@example.com>"
        )

    def test_a_commit_is_what_commit_tree_makes(
        self, repo: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = Batch(repo)
        tree = batch.tree({})
        who = signature("Ada", "a@b.c", 1_700_000_000, "+0100")
        made = batch.commit(tree, [], "One\n\nTwo", author=who)
        batch.write()
        for part in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{part}_NAME", "Ada")
            monkeypatch.setenv(f"GIT_{part}_EMAIL", "a@b.c")
            monkeypatch.setenv(f"GIT_{part}_DATE", "1700000000 +0100")
        said = ask("commit-tree", tree, "-m", "One", "-m", "Two", at=repo.home)
        assert said.decode().strip() == made

    @pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 2047, 2048, 300_000])
    def test_sizes_around_the_steps_of_the_pack_header(self, repo: Repository, size: int) -> None:
        batch = Batch(repo)
        made = batch.blob(os.urandom(size))
        batch.write()
        assert ask("cat-file", "-s", made, at=repo.home) == f"{size}\n".encode()

    def test_nothing_to_write(self, repo: Repository) -> None:
        Batch(repo).write()
        assert b"count: 0\n" in ask("count-objects", "-v", at=repo.home)


class TestSignature:
    @pytest.mark.parametrize(
        ("name", "mail"),
        [("A <b>\nc\0", "x>\ny"), ("", ""), ("<>", "<>"), ("é\udcff", "a@b"), ("  . ", " a ")],
    )
    def test_nothing_in_a_name_ends_a_part_early(
        self, tmp_path: Path, name: str, mail: str
    ) -> None:
        ask("init", "-q", str(tmp_path / "r"))
        repo = Repository.find(tmp_path / "r")
        batch = Batch(repo)
        made = batch.commit(batch.tree({}), [], "m", author=signature(name, mail, 5))
        batch.write()
        raw = ask("cat-file", "commit", made, at=repo.home)
        assert len(raw.split(b"\n")) == 6
        assert ask("log", "-1", "--format=%at %ct", made, at=repo.home) == b"5 5\n"


class TestReader:
    def test_names_ids_and_what_is_not_there(self, repo: Repository) -> None:
        batch = Batch(repo)
        blobs = [batch.blob(b"%d" % number) for number in range(250)]
        batch.write()
        with Reader(repo) as reader:
            found = list(reader.find_all([*blobs, "nope", "HEAD", "", "a b c", "-x", "x" * 5000]))
            assert [one[2] for one in found[:250] if one] == [b"%d" % n for n in range(250)]
            assert found[250:] == [None] * 6
            assert reader.find(blobs[3][:12]) is not None
            with pytest.raises(NoSuch):
                reader.read("nope")
            with pytest.raises(NoSuch):
                reader.find("a\nb")
            with pytest.raises(Corrupt):
                reader.tree(blobs[0])

    def test_bodies_with_newlines_and_of_a_megabyte(self, repo: Repository) -> None:
        batch = Batch(repo)
        bodies = [b"", b"\n", b"a\nb\n\n", os.urandom(1_000_000)]
        names = [batch.blob(body) for body in bodies]
        batch.write()
        with Reader(repo) as reader:
            assert [one[2] for one in reader.find_all(names) if one] == bodies

    def test_a_name_that_means_two_things_is_none(self, repo: Repository) -> None:
        batch = Batch(repo)
        seen: dict[str, bytes] = {}
        for number in range(2000):
            name = object_id(repo.object_format, "blob", b"%d" % number)
            if name[:4] in seen:
                break
            seen[name[:4]] = b"%d" % number
        for body in (seen[name[:4]], b"%d" % number):
            batch.blob(body)
        batch.write()
        with Reader(repo) as reader:
            assert reader.find(name[:4]) is None
            assert reader.find(name) is not None

    def test_it_ends_with_its_block(self, repo: Repository) -> None:
        with Reader(repo) as reader:
            process = reader._process
        assert process.returncode is not None


class TestGraft:
    @QUICK
    @given(
        before=st.dictionaries(
            st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), BODIES, max_size=5
        ),
        change=st.dictionaries(
            st.lists(NAMES, min_size=1, max_size=3).map(b"/".join),
            st.one_of(st.none(), st.tuples(MODES, BODIES)),
            max_size=4,
        ),
        chosen=st.lists(st.integers(0, 4), max_size=3),
    )
    def test_it_is_what_git_makes_of_it(
        self,
        repo: Repository,
        before: dict[bytes, bytes],
        change: dict[bytes, tuple[str, bytes] | None],
        chosen: list[int],
    ) -> None:
        """Files put in, replaced and removed, as `git update-index` and `write-tree` do it."""
        start = {path: before[path] for path in free(before)}
        known = list(start)
        # Paths that exist make the change interesting; random ones alone rarely meet.
        wanted = {**change, **{known[one % len(known)]: None for one in chosen if known}}
        wanted = {path: wanted[path] for path in free(wanted)}
        batch = Batch(repo)
        base = graft_all(batch, repo, None, {p: (FILE, body) for p, body in start.items()})
        made = graft_all(batch, repo, base, wanted)
        index = {"GIT_INDEX_FILE": str(repo.git_dir / "other-index")}
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        repo.run("read-tree", base, env=index)
        for path, one in wanted.items():
            if one is None:
                repo.run("update-index", "--force-remove", "-z", "--stdin", input=path, env=index)
            else:
                oid = object_id(repo.object_format, "blob", one[1])
                line = f"{one[0]} {oid} 0\t".encode() + path + b"\0"
                repo.run("update-index", "--add", "--replace", "-z", "--index-info",
                         input=line, env=index)  # fmt: skip
        assert made == repo.run("write-tree", env=index).text

    def test_removing_below_a_file_removes_nothing(self, repo: Repository) -> None:
        batch = Batch(repo)
        base = graft_all(batch, repo, None, {b"a": (FILE, b"x")})
        assert graft_all(batch, repo, base, {b"a/b": None}) == base
        assert graft_all(batch, repo, base, {b"c/d/e": None}) == base

    def test_an_empty_folder_vanishes(self, repo: Repository) -> None:
        batch = Batch(repo)
        base = graft_all(batch, repo, None, {b"a/b/c": (FILE, b"x"), b"d": (FILE, b"y")})
        made = graft_all(batch, repo, base, {b"a/b/c": None})
        assert [path for _, path, _ in listing(repo, made)] == [b"d"]

    def test_a_file_in_the_way_of_a_folder_and_the_reverse(self, repo: Repository) -> None:
        batch = Batch(repo)
        base = graft_all(batch, repo, None, {b"a": (FILE, b"x"), b"b/c": (FILE, b"y")})
        made = graft_all(batch, repo, base, {b"a/b": (FILE, b"x"), b"b": (LINK, b"y")})
        assert [path for _, path, _ in listing(repo, made)] == [b"a/b", b"b"]

    def test_only_folders_on_the_way_are_read(self, repo: Repository) -> None:
        batch = Batch(repo)
        base = graft_all(batch, repo, None, {b"a/b": (FILE, b"x"), b"c/d": (FILE, b"y")})
        with Reader(repo) as reader:
            untouched = reader.tree(base)[b"c"].id
            reader.tree = only(reader.tree, {base, None})  # type: ignore[method-assign]
            made = graft(batch, reader, base, {"e/f": Entry(FILE, batch.blob(b"z"))})
        batch.write()
        with Reader(repo) as reader:
            assert reader.tree(made)[b"c"].id == untouched


def only(read: Any, allowed: set[str | None]) -> Any:
    def reading(name: str) -> Any:
        assert name in allowed, f"{name} was read"
        return read(name)

    return reading


def graft_all(
    batch: Batch,
    repo: Repository,
    tree: str | None,
    files: dict[bytes, tuple[str, bytes] | None],
) -> str:
    entries = {
        os.fsdecode(path): None if one is None else Entry(one[0], batch.blob(one[1]))
        for path, one in files.items()
    }
    with Reader(repo) as reader:
        made = graft(batch, reader, tree, entries)
    batch.write()
    return made


def test_parse_tree_of_nothing() -> None:
    assert parse_tree(b"", 20) == {}
