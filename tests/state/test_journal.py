"""Events: appended by many, followed by many, seen whole or not at all."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.errors import BadInput, Contended, Corrupt, NewerSchema, Problem
from gitcoord.git.repository import Repository
from gitcoord.records import now
from gitcoord.state import journal as journal_module
from gitcoord.state import segments
from gitcoord.state.events import START, Event, Position, encode_event, events_in
from gitcoord.state.journal import Journal
from tests.conftest import Sandbox
from tests.state.values import TEXT, VALUE, finish, start

WRITE = """
import sys
from pathlib import Path
from gitcoord.state import journal
journal.FULL = int(sys.argv[4])
mine = journal.Journal(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    mine.append("tick", writer=int(sys.argv[2]), number=number, text="x\\n" * (number * 7 % 300))
    print(number, flush=True)
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "own")


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "FULL", 2000)


@pytest.fixture
def sealing(sandbox: Sandbox, small_segments: None) -> Iterator[tuple[Journal, Repository]]:
    repo = Repository.find(sandbox.path)
    yield Journal(repo.own_dir), repo


def fill(journal: Journal, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        journal.append("tick", number=number, text="x" * 100)


def numbers(events: Iterator[Event]) -> list[int]:
    return [event.fields["number"] for event in events]


def test_an_event_comes_back(journal: Journal) -> None:
    place = journal.append("message", to=["a", "b"], text="hello", reply=None)
    [event] = journal.tail()
    assert (event.kind, event.fields) == ("message", {"to": ["a", "b"], "text": "hello"})
    assert event.position == place == journal.end()
    assert event.time[:10] == now()[:10] and len(event.id) == 12
    assert list(journal.tail(place)) == []


FIELD_NAME = TEXT.filter(lambda name: name not in ("id", "time", "kind"))


@settings(max_examples=60)
@given(st.dictionaries(FIELD_NAME, VALUE, max_size=5), TEXT)
def test_any_event_comes_back(fields: dict[str, Any], kind: str) -> None:
    body = encode_event(kind, fields)
    content = segments.frame(body)
    [frame] = segments.frames(segments.reader_in(content))
    [event] = events_in("s", frame)
    assert (event.kind, event.fields) == (kind, fields)
    assert event.position == Position("s", len(content))


def test_a_segment_is_plain_toml(journal: Journal) -> None:
    journal.append("a", nested={"b": {"c": [1, {"d": 2}]}}, table={}, long=[{"x": "y" * 200}] * 2)
    journal.append_all([("b", {"n": 1}), ("c", {"n": 2})])
    [path] = journal.folder.glob("*.toml")
    said = tomllib.loads(path.read_text())
    assert said["schema"] == 1
    assert [event["kind"] for event in said["event"]] == ["a", "b", "c"]
    assert said["event"][0]["nested"] == {"b": {"c": [1, {"d": 2}]}}


def test_there_are_no_events_at_first(journal: Journal) -> None:
    assert list(journal.tail()) == list(journal.search()) == []
    assert journal.end() == START
    assert journal.append_all([]) == START
    assert not journal.folder.exists()


def test_each_event_of_a_group_is_a_place_to_go_on_from(journal: Journal) -> None:
    journal.append("before")
    last = journal.append_all([("a", {}), ("b", {}), ("c", {})])
    journal.append("after")
    events = list(journal.tail())
    assert events[3].position == last
    for index, event in enumerate(events):
        place = Position.parse(str(event.position))
        assert [later.id for later in journal.tail(place)] == [
            later.id for later in events[index + 1 :]
        ]


@pytest.mark.parametrize("text", ["", "x", "a:b:c", "a:-1:0", "a:1", "a:٣:0", "a:1:\x00"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Position.parse(text)


@pytest.mark.parametrize("name", ["id", "time"])
def test_a_field_cannot_be_called_what_every_event_has(journal: Journal, name: str) -> None:
    with pytest.raises(BadInput):
        journal.append("a", **{name: "x"})


def test_too_much_at_once_is_refused(journal: Journal) -> None:
    with pytest.raises(BadInput, match="too many"):
        journal.append("a", text="x" * (journal_module.LARGEST + 1))
    assert list(journal.tail()) == []
    journal.append("a", text="x" * 1_200_000)
    assert len(next(journal.tail()).fields["text"]) == 1_200_000


def test_full_segments_are_followed_by_new_ones(journal: Journal, small_segments: None) -> None:
    fill(journal, 50)
    assert len(segments.names(journal.folder)) > 3
    events = list(journal.tail())
    assert numbers(iter(events)) == list(range(50))
    assert numbers(journal.tail(events[20].position)) == list(range(21, 50))


def test_case_58_an_append_after_any_torn_tail_loses_nothing_whole(journal: Journal) -> None:
    journal.append("first", text="one")
    [path] = journal.folder.glob("*.toml")
    whole = path.read_bytes()
    more = segments.frame(encode_event("torn", {"text": "two\n# end\n"}))
    for length in range(0, len(more), 4):
        path.write_bytes(whole + more[:length])
        assert [event.kind for event in journal.tail()] == ["first"]
        place = journal.append("next", number=length)
        assert [event.kind for event in journal.tail()] == ["first", "next"]
        assert journal.end() == place
    kept = b"".join(one.read_bytes() for one in (journal.folder / "torn").iterdir())
    assert len(kept) == sum(range(0, len(more), 4))


def test_case_58_kill_9_while_appending_loses_nothing_confirmed(journal: Journal) -> None:
    chance = random.Random(58)
    confirmed: set[tuple[int, int]] = set()
    for writer in range(8):
        process = start(WRITE, journal.folder.parent, writer, 100_000, 20_000)
        assert process.stdout and process.stdout.readline()
        time.sleep(chance.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        said = process.communicate()[0].split("\n")[:-1]
        confirmed |= {(writer, number) for number in range(len(said) + 1)}
    journal.append("tick", writer=-1, number=0)
    seen = [(event.fields["writer"], event.fields["number"]) for event in journal.tail()]
    assert len(seen) == len(set(seen)) and confirmed <= set(seen)


def test_twelve_writers_lose_nothing_and_a_reader_sees_whole_events(journal: Journal) -> None:
    writers = [start(WRITE, journal.folder.parent, writer, 40, 20_000) for writer in range(12)]
    seen: list[tuple[int, int]] = []
    for event in journal.tail(follow=True, timeout=60):
        assert event.fields["text"] == "x\n" * (event.fields["number"] * 7 % 300)
        seen.append((event.fields["writer"], event.fields["number"]))
        if len(seen) == 480:
            break
    finish(writers)
    assert set(seen) == {(writer, number) for writer in range(12) for number in range(40)}
    for writer in range(12):
        assert [number for who, number in seen if who == writer] == list(range(40))
    assert len(segments.names(journal.folder)) > 2


def test_a_follower_ends_at_its_time(journal: Journal) -> None:
    journal.append("tick", number=1)
    assert numbers(journal.tail(follow=True, timeout=0)) == [1]
    assert numbers(journal.tail(journal.end(), follow=True, timeout=0.05)) == []


def test_a_follower_may_come_before_the_first_event(journal: Journal) -> None:
    writer = start(WRITE, journal.folder.parent, 1, 3, 20_000)
    following = journal.tail(follow=True, timeout=60)
    assert [next(following).fields["number"] for _ in range(3)] == [0, 1, 2]
    finish([writer])


LIMITED = """
import resource, sys
from pathlib import Path
from gitcoord.errors import Problem
from gitcoord.state.journal import Journal
journal = Journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))
try:
    while True:
        journal.append_all([("tick", {"text": "x" * 500}), ("tock", {"text": "y" * 500})])
except Problem as problem:
    print(problem.message)
"""


def test_a_full_disk_fails_the_append_and_leaves_no_half_event(journal: Journal) -> None:
    [said] = finish([start(LIMITED, journal.folder.parent)])
    assert said.startswith("cannot write the journal")
    [path] = journal.folder.glob("*.toml")
    assert [event.kind for event in journal.tail()] == ["tick", "tock"] * 2
    assert journal.end().offset == path.stat().st_size
    assert not (journal.folder / "torn").exists()


def test_a_journal_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("in the way")
    with pytest.raises(Problem, match="cannot write the journal"):
        Journal(tmp_path / "own").append("a")


def test_a_writer_that_was_stopped_does_not_stop_the_others_for_ever(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_LOCK_SECONDS", 0.05)
    with journal._locked(), pytest.raises(Contended):
        journal.append("a")
    journal.append("a")


def test_case_70_a_newer_schema_is_neither_read_nor_written(journal: Journal) -> None:
    journal.folder.mkdir(parents=True)
    path = journal.folder / "20260102T030405678.toml"
    path.write_bytes(segments.frame(b"schema = 2\nafter = ''\n"))
    before = path.read_bytes()
    for deed in (
        lambda: journal.append("a"),
        lambda: list(journal.tail()),
        lambda: list(journal.search()),
    ):
        with pytest.raises(NewerSchema):
            deed()
    assert path.read_bytes() == before
    bad: list[Problem] = []
    assert list(journal.search(bad=bad)) == [] and len(bad) == 1


def test_a_whole_frame_that_holds_no_events_is_corrupt(journal: Journal) -> None:
    journal.append("a")
    [path] = journal.folder.glob("*.toml")
    with path.open("ab") as file:
        file.write(segments.frame(b"[[other]]\na = 1\n"))
    with pytest.raises(Corrupt, match=path.stem):
        list(journal.tail())


def test_a_power_cut_that_took_the_end_does_not_hide_what_came_after(journal: Journal) -> None:
    journal.append("a", text="kept")
    lost = journal.append("b", text="lost with the power, though a reader had seen it")
    [path] = journal.folder.glob("*.toml")
    path.write_bytes(path.read_bytes()[: journal_end_of_first(path)])
    assert list(journal.tail(lost)) == []
    journal.append("c", text="written afterwards, across the place the reader remembers")
    assert [event.kind for event in journal.tail(lost)] == ["c"]


def journal_end_of_first(path: Path) -> int:
    found = list(segments.frames(segments.reader_in(path.read_bytes())))
    return found[1].end


def test_sealed_segments_are_read_as_before(sealing: tuple[Journal, Repository]) -> None:
    journal, repo = sealing
    fill(journal, 60)
    before = list(journal.tail())
    closed = segments.names(journal.folder)[:-1]
    assert journal.seal(repo) == closed
    assert journal.seal(repo) == []
    assert segments.names(journal.folder) == [journal.end().segment]
    fresh = Journal(repo.own_dir)
    assert list(fresh.tail()) == before
    assert list(fresh.tail(before[7].position)) == before[8:]
    assert list(Journal(repo.own_dir).search()) == before
    fill(journal, 60, first=60)
    journal.seal(repo)
    journal.seal(repo)
    assert numbers(Journal(repo.own_dir).tail()) == list(range(120))


def test_a_follower_goes_on_while_its_segments_are_sealed(
    sealing: tuple[Journal, Repository],
) -> None:
    journal, repo = sealing
    fill(journal, 20)
    following = Journal(repo.own_dir).tail(follow=True, timeout=30)
    seen = [next(following) for _ in range(3)]
    fill(journal, 60, first=20)
    journal.seal(repo)
    journal.seal(repo)
    seen += [next(following) for _ in range(77)]
    assert numbers(iter(seen)) == list(range(80))


def test_a_segment_that_differs_from_its_sealed_copy_stays(
    sealing: tuple[Journal, Repository],
) -> None:
    journal, repo = sealing
    fill(journal, 30)
    first = journal.folder / f"{journal.seal(repo)[0]}.toml"
    first.write_bytes(first.read_bytes() + b"# a note\n")
    journal.seal(repo)
    assert first.exists()


SEAL = """
import sys
from gitcoord.git.repository import Repository
from gitcoord.state import journal
journal.FULL = 2000
repo = Repository.find(sys.argv[1])
mine = journal.Journal(repo.own_dir)
for number in range(40):
    mine.append("tick", writer=int(sys.argv[2]), number=number, text="x" * 100)
    print(number, flush=True)
    if number % 10 == 9:
        mine.seal(repo)
"""


def test_sealers_and_writers_at_once_lose_nothing(
    sandbox: Sandbox, sealing: tuple[Journal, Repository]
) -> None:
    journal, repo = sealing
    finish([start(SEAL, sandbox.path, writer) for writer in range(4)])
    wanted = [(writer, number) for writer in range(4) for number in range(40)]
    for events in (journal.tail(), Journal(repo.own_dir).search()):
        assert sorted((e.fields["writer"], e.fields["number"]) for e in events) == wanted


def test_case_58_kill_9_while_sealing_loses_nothing(
    sandbox: Sandbox, sealing: tuple[Journal, Repository]
) -> None:
    journal, repo = sealing
    chance = random.Random(58)
    for writer in range(4):
        process = start(SEAL, sandbox.path, writer)
        assert process.stdout and process.stdout.readline()
        time.sleep(chance.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    journal.seal(repo)
    seen = [(event.fields["writer"], event.fields["number"]) for event in journal.tail()]
    for writer in range(4):
        count = sum(who == writer for who, _ in seen)
        assert count
        assert [number for who, number in seen if who == writer] == list(range(count))


def test_two_clones_that_fetch_from_each_other_keep_their_events(
    sandbox: Sandbox, sealing: tuple[Journal, Repository], tmp_path: Path
) -> None:
    journal, repo = sealing
    fill(journal, 30)
    journal.seal(repo)
    sandbox.git("clone", "-q", ".", str(tmp_path / "clone"))
    theirs = Repository.find(tmp_path / "clone")
    other = Journal(theirs.own_dir)
    fill(other, 30, first=100)
    other.seal(theirs)
    sandbox.git("fetch", "-q", "origin", "+refs/agentcoord/*:refs/agentcoord/*", at=theirs.home)
    assert journal.host != other.host
    found = numbers(other.search())
    assert set(found) > set(range(100, 130)) and 0 in found
    assert numbers(other.tail()) == list(range(100, 130))


def test_a_search_finds_by_text_kind_field_and_time(
    sealing: tuple[Journal, Repository],
) -> None:
    journal, repo = sealing
    journal.append("message", text='It "FAILS" often\n', to={"agent": "Größe"}, number=1)
    fill(journal, 30, first=10)
    journal.append('odd "kind"', text="fails", number=2)
    journal.seal(repo)
    assert numbers(journal.search("fails")) == [1, 2]
    assert numbers(journal.search('"fails"')) == [1]
    assert numbers(journal.search("GRÖSSE")) == [1]
    assert numbers(journal.search("often\n")) == [1]
    assert numbers(journal.search(kinds=["message", 'odd "kind"'])) == [1, 2]
    assert numbers(journal.search(kinds=["message"])) == [1]
    assert numbers(journal.search(fields={"number": 15})) == [15]
    assert numbers(journal.search("25", kinds=["tick"])) == [25]
    assert numbers(journal.search("no such text")) == []
    everything = list(journal.tail())
    middle = everything[10].time
    assert list(journal.search(until=middle)) == [e for e in everything if e.time <= middle]
    assert list(journal.search(since=middle)) == [e for e in everything if e.time >= middle]
    assert list(journal.search(since="0001-01-01T00:00:00Z")) == everything
    assert list(journal.search(until="9999-12-31T23:59:59Z")) == everything
    with pytest.raises(BadInput):
        journal.search(since="yesterday")


def test_a_search_reads_only_segments_of_the_time(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime(2026, 1, 2, tzinfo=UTC)
    monkeypatch.setattr(journal_module, "FULL", 100)
    for number in range(9):
        moment = (day + timedelta(days=number)).isoformat(timespec="milliseconds")
        monkeypatch.setattr(journal_module, "now", lambda moment=moment: moment)
        monkeypatch.setattr("gitcoord.state.events.now", lambda moment=moment: moment)
        journal.append("tick", number=number)
    opened: list[str] = []
    opening = Journal.open

    def note(self: Journal, name: str) -> AbstractContextManager[segments.Read | None]:
        opened.append(name)
        return opening(self, name)

    monkeypatch.setattr(Journal, "open", note)
    found = journal.search(since="2026-01-05T00:00:00Z", until="2026-01-06T00:00:00Z")
    assert numbers(found) == [3, 4]
    # The one before as well: a clock may have been set back by up to an hour.
    assert [name[:8] for name in opened] == ["20260104", "20260105", "20260106"]


def test_who_appends_or_follows_starts_no_git(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from gitcoord.state.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.append("a", text="b")
print(len(list(journal.tail(follow=True, timeout=0))))
print([name for name in ("subprocess", "gitcoord.git", "dataclasses") if name in sys.modules])
"""
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert said.stdout == "1\n[]\n"
