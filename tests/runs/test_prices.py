from pathlib import Path

import pytest

from gitcoord.config import user_file
from gitcoord.errors import BadInput
from gitcoord.git.repository import Repository
from gitcoord.runs.prices import KINDS, files, find_price, price_of
from gitcoord.runs.usage import Usage
from tests.conftest import Sandbox

MILLION = Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000)


def own(text: str) -> Path:
    file = user_file().with_name("prices.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-5-5", "opus", "anthropic/claude-opus-5-5", "claude-opus-5-5-20260101",
        "claude-opus-5-5@20260101", "anthropic/claude-opus-5-5-2026-01-01",
    ],
)  # fmt: skip
def test_one_price_under_all_names_of_a_model(name: str) -> None:
    assert price_of(None, name, MILLION) == pytest.approx(4 + 20 + 0.2 + 5)


@pytest.mark.parametrize("name", ["", "gpt-9", "claude-opus-5-5[1m]", "opus-20260101x", "/"])
def test_a_model_nobody_knows_is_unpriced(name: str) -> None:
    assert price_of(None, name, MILLION) is None


def test_each_kind_has_its_own_price() -> None:
    costs = [price_of(None, "fable", Usage(**{kind: 1_000_000})) for kind in KINDS]
    assert costs == [8, 40, 0.2, 10]
    assert price_of(None, "fable", Usage()) == 0


def test_a_kind_without_a_price_makes_only_calls_that_use_it_unpriced() -> None:
    own("[models]\nmine = { input = 1, output = 2 }\n")
    assert price_of(None, "mine", Usage(500_000, 500_000)) == 1.5
    assert price_of(None, "mine", Usage(1, 1, cache_read=1)) is None


def test_nearer_files_win_per_model_and_the_rest_stays(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    own('[aliases]\nbest = "opus"\n[models]\nopus = { input = 1 }\n"gpt-5.1" = { input = 3 }\n')
    repo.own_dir.mkdir(exist_ok=True)
    (repo.own_dir / "prices.toml").write_text("[models.'gpt-5.1']\ninput = 7\n")
    million = Usage(input=1_000_000)
    assert price_of(repo, "opus", million) == 1
    assert price_of(repo, "best", million) == 1
    assert price_of(repo, "gpt-5.1-2026-03-04", million) == 7
    assert price_of(None, "gpt-5.1", million) == 3
    assert price_of(repo, "sonnet", million) == 2
    found = find_price(repo, "gpt-5.1")
    assert found is not None and found.source == str(repo.own_dir / "prices.toml")


def test_a_changed_file_is_read_again() -> None:
    file = own("[models]\nmine = { input = 1 }\n")
    assert price_of(None, "mine", Usage(1_000_000)) == 1
    file.write_text("[models]\nmine = { input = 12 }\n")
    assert price_of(None, "mine", Usage(1_000_000)) == 12
    file.unlink()
    assert price_of(None, "mine", Usage(1_000_000)) is None


def test_aliases_in_a_circle_are_unpriced() -> None:
    own('[aliases]\na = "b"\nb = "a"\nc = "a"\n')
    assert price_of(None, "c", MILLION) is None


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[models]\n\nmine = { input = -1 }\n", 3, "models.mine.input"),
        ("[models]\nmine = { input = 'x' }\n", 2, "models.mine.input"),
        ("[models]\nmine = { input = nan }\n", 2, "models.mine.input"),
        ("[models]\nmine = { input = inf }\n", 2, "models.mine.input"),
        ("[models]\nmine = { input = true }\n", 2, "models.mine.input"),
        ("[models]\na = {input = 1}\n[models.'b.c']\ninput = 1\nout = 1\n", 5, "models.b.c.out"),
        ("[models]\nmine = 3\n", 2, "models.mine"),
        ("models = 3\n", 1, "models"),
        ("\n[aliases]\na = 3\n", 3, "aliases.a"),
        ("dated = 'today'\n", 1, "dated"),
        ("[model]\na = {input = 1}\n", 1, "model"),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_key(text: str, line: int, key: str) -> None:
    file = own(text)
    with pytest.raises(BadInput) as refused:
        price_of(None, "opus", MILLION)
    assert f"{file}, line {line}: {key} " in refused.value.message
    assert str(file) in refused.value.hint


def test_no_toml_is_refused_too() -> None:
    own("[models\n")
    with pytest.raises(BadInput, match="not TOML"):
        price_of(None, "opus", MILLION)


def test_what_we_ship_says_when_and_from_where() -> None:
    text = files(None)[0].read_text()
    assert "\ndated = 2026-" in text and "\nsource = " in text
