"""Reviews stacked in memory: in what order, what does not fit, and what an output hints at."""

from __future__ import annotations

import pytest

from gitcoord.git.refs import read_refs
from gitcoord.reviews.review import Review
from gitcoord.reviews.train.stacking import Stacks, only_one_named, plan_stack
from tests.conftest import Sandbox
from tests.reviews.train.trains import approved, repository


def stacks(sandbox: Sandbox, *reviews: Review) -> Stacks:
    base = sandbox.git("rev-parse", "main")
    return Stacks(repository(sandbox), base, {one.id: one for one in reviews}, "merge", False)


def test_the_order_leaves_out_as_few_as_can_be(sandbox: Sandbox) -> None:
    """The first one conflicts with the two after it, which do not conflict with each other."""
    wide = approved(sandbox, "wide", {"README.md": "wide\n", "src/cart.py": "wide\n"})
    one = approved(sandbox, "one", {"README.md": "one\n"})
    two = approved(sandbox, "two", {"src/cart.py": "two\n"})
    stack, [misfit] = plan_stack(stacks(sandbox, wide, one, two))
    assert stack == (one.id, two.id)
    assert (misfit.review, set(misfit.meets)) == (wide.id, {one.id, two.id})
    assert set(misfit.paths) == {"README.md", "src/cart.py"}


def test_of_two_that_conflict_the_first_stays(sandbox: Sandbox) -> None:
    made = [approved(sandbox, name, {"README.md": f"{name}\n"}) for name in ("one", "two")]
    for first, second in (made, made[::-1]):
        stack, [misfit] = plan_stack(stacks(sandbox, first, second))
        assert (stack, misfit.review) == ((first.id,), second.id)


def test_stacking_moves_no_ref_and_no_file(sandbox: Sandbox) -> None:
    made = [approved(sandbox, name, {name: name}) for name in ("one", "two")]
    before = read_refs(repository(sandbox), "refs/"), sandbox.git("status", "--porcelain")
    stack, _ = plan_stack(stacks(sandbox, *made))
    assert len(stack) == 2
    assert (read_refs(repository(sandbox), "refs/"), sandbox.git("status", "--porcelain")) == before


@pytest.mark.parametrize(
    ("output", "named"),
    [
        ("FAILED src/one.py::test - boom", 0),
        ("src/one.py and src/two.py", None),
        ("src/auth.py:3: error", None),
        ("", None),
        ("\x1b[31m/tmp/x/src/two.py\x1b[0m:1", 1),
    ],
)
def test_an_output_hints_at_the_only_one_whose_files_it_names(
    sandbox: Sandbox, output: str, named: int | None
) -> None:
    made = [approved(sandbox, name, {f"src/{name}.py": "x = 1\n"}) for name in ("one", "two")]
    of = stacks(sandbox, *made)
    stack, _ = plan_stack(of)
    found = only_one_named(of, stack, stack, output)
    assert found == ("" if named is None else made[named].id)
