from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.errors import Corrupt
from gitcoord.git.objects import EXECUTABLE, FILE, FOLDER, Entry
from gitcoord.reviews.exchange.uniting import check_files, unite

RECORD = Entry(FILE, "0" * 40)
Files = dict[bytes, Entry]


def entry(number: int) -> Entry:
    return Entry(FILE, f"{number:02x}" * 20)


# A step: (clone, None) is a sync of that clone, (clone, (name, content)) an event written there.
steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.none() | st.tuples(st.sampled_from("abcd"), st.integers(1, 3)),
    ),
    max_size=30,
)


@settings(max_examples=300)
@given(steps, st.permutations([0, 1, 2]))
def test_any_order_of_events_and_syncs_ends_the_same_with_all_of_it(
    taken: list[tuple[int, tuple[str, int] | None]], last: list[int]
) -> None:
    """Three clones and what lies between them; the same name may be given two contents."""
    clones: list[Files] = [{b"record.toml": RECORD} for _ in range(3)]
    between: Files = {}
    written = {RECORD}

    def sync(clone: int) -> None:
        nonlocal between
        between, _ = unite(clones[clone], between)
        clones[clone] = dict(between)

    for clone, event in taken:
        if event is None:
            sync(clone)
        else:
            name, content = f"event-{event[0]}.toml".encode(), entry(event[1])
            if name not in clones[clone]:
                clones[clone][name] = content
                written.add(content)
    for clone in [*last, *last]:
        sync(clone)
    assert clones[0] == clones[1] == clones[2] == between
    assert set(between.values()) == written


@given(steps)
def test_uniting_again_changes_nothing(
    taken: list[tuple[int, tuple[str, int] | None]],
) -> None:
    sides: list[Files] = [{}, {}, {}]
    for clone, event in taken:
        if event:
            sides[clone][event[0].encode() + b".toml"] = entry(event[1])
    one, other = unite(sides[0], sides[1])[0], unite(sides[1], sides[0])[0]
    assert one == other
    assert unite(one, sides[0]) == unite(one, sides[1]) == (one, [])


def test_two_contents_of_one_name_are_both_kept_and_named() -> None:
    united, clashed = unite({b"event-x.toml": entry(2)}, {b"event-x.toml": entry(1)})
    assert clashed == [b"event-x.toml"]
    assert united == {b"event-x.toml": entry(1), b"event-x-0202020202020202.toml": entry(2)}


@pytest.mark.parametrize(
    "files",
    [
        {b"event-x.toml": RECORD},
        {b"record.toml": RECORD, b"..": RECORD},
        {b"record.toml": RECORD, b".git": RECORD},
        {b"record.toml": RECORD, b"a\nb": RECORD},
        {b"record.toml": RECORD, b"folder": Entry(FOLDER, "1" * 40)},
        {b"record.toml": Entry(EXECUTABLE, "1" * 40)},
    ],
)
def test_what_is_no_review_is_refused(files: Files) -> None:
    with pytest.raises(Corrupt):
        check_files(files)
