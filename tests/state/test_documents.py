"""Documents and their bytes."""

from __future__ import annotations

import os
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings

from gitcoord.errors import BadInput, Corrupt, NewerSchema
from gitcoord.state.documents import decode, encode
from tests.state.values import DOCUMENT


@settings(max_examples=60)
@given(DOCUMENT)
def test_any_document_comes_back(document: dict[str, Any]) -> None:
    content = encode(document)
    assert decode(content, "here") == document
    assert tomllib.loads(content.decode())["schema"] == 1


def test_case_37_bytes_that_are_no_text_come_back() -> None:
    name = os.fsdecode(bytes(range(1, 256)))
    assert os.fsencode(decode(encode({name: [name]}), "here")[name][0]) == bytes(range(1, 256))


def test_nulls_are_left_out_and_tuples_become_lists() -> None:
    assert decode(encode({"a": None, "b": (1, {"c": None})}), "here") == {"b": [1, {}]}


def test_the_schema_is_the_stores_business() -> None:
    assert encode({"schema": 7, "a": 1}) == b"schema = 1\na = 1\n"


def test_case_70_a_newer_schema_is_refused() -> None:
    with pytest.raises(NewerSchema) as raised:
        decode(b"schema = 2\n", "refs/x:record.toml")
    assert "refs/x:record.toml" in raised.value.message
    assert raised.value.hint.endswith("pip install --upgrade gitcoord")


@pytest.mark.parametrize(
    "content", [b"a = ", b"\xff", b'schema = "1"', b"schema = true", b"schema = 0", b"\x00"]
)
def test_what_is_no_document_is_corrupt(content: bytes) -> None:
    with pytest.raises(Corrupt, match="refs/x"):
        decode(content, "refs/x")


def test_toml_too_deep_to_parse_is_corrupt() -> None:
    with pytest.raises(Corrupt):
        decode(b"a = " + b"[" * 5000 + b"]" * 5000, "refs/x")


def test_what_is_nested_too_deeply_to_read_back_is_not_written() -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"a": nested(levels - 1)} if levels else {}

    assert decode(encode(nested(30)), "here") == nested(30)
    with pytest.raises(BadInput):
        encode(nested(40))
