"""Where in the code a log line is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.analysis.corpus import Corpus, read_corpus
from gitcoord.analysis.logplaces import LOGGER, Spot, find_spots
from gitcoord.analysis.logreading import read_log
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

FILES: dict[str, str | bytes] = {
    "app/pay/charge.py": 'x = 1\nlog.warning("card of %s was declined by %s", user, bank)\n',
    "app/pay/refund.py": 'log.error("refund failed")\n',
    "app/web.py": "# nothing\n",
    "com/acme/Login.java": "class Login {}\n",
    "server/handler.go": "package server\n\nfunc f() {}\n",
    **{f"app/many{n}.py": 'raise KeyError("no such thing here")\n' for n in range(5)},
}


def spots(sandbox: Sandbox, line: str) -> list[Spot]:
    sandbox.commit("Add the app", FILES)
    path = sandbox.path.parent / "one.log"
    path.write_text(f"{line}\n")
    return find_spots(read_log(path).templates, read_corpus(Repository.find(sandbox.path)))[0]


@pytest.mark.parametrize(
    ("line", "path", "number"),
    [
        ("2026-01-02 03:04:05 ERROR app.web: xx", "app/web.py", None),
        ("2026-01-02 03:04:05 ERROR app.pay.refund.Refunder: xx", "app/pay/refund.py", None),
        ("2026-01-02 03:04:05 ERROR com.acme.Login - xx", "com/acme/Login.java", None),
        ('{"level":"error","logger":"com.acme.Login","msg":"xx"}', "com/acme/Login.java", None),
        ("2026-01-02 03:04:05 ERROR xx (web.py:7)", "app/web.py", 7),
        ('{"level":"error","caller":"server/handler.go:3","msg":"xx"}', "server/handler.go", 3),
        ("2026-01-02 03:04:05 WARN card of ada was declined by Nord", "app/pay/charge.py", 2),
        ("2026-01-02 03:04:05 ERROR refund failed", "app/pay/refund.py", 1),
    ],
)
def test_a_line_is_traced_to_its_file(
    sandbox: Sandbox, line: str, path: str, number: int | None
) -> None:
    (first, *_) = spots(sandbox, line)
    assert (first.path, first.line) == (path, number)
    assert LOGGER * 0.6 <= first.sure <= 1 and first.reason


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-02 03:04:05 ERROR no such thing here",
        "2026-01-02 03:04:05 ERROR the moon is full",
        "2026-01-02 03:04:05 ERROR failed",
        "2026-01-02 03:04:05 ERROR 12 34",
    ],
)
def test_common_words_and_strange_ones_name_no_file(sandbox: Sandbox, line: str) -> None:
    assert spots(sandbox, line) == []


def test_two_signs_of_one_file_are_surer_than_one(sandbox: Sandbox) -> None:
    (both, *_) = spots(sandbox, "2026-01-02 03:04:05 ERROR app.pay.refund: refund failed")
    assert both.path == "app/pay/refund.py" and both.line == 1 and both.sure > LOGGER
    assert "words of the log" in both.reason and "logger app.pay.refund" in both.reason


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.binary(max_size=80), min_size=1, max_size=4))
def test_any_line_is_survived(sandbox: Sandbox, tmp_path: Path, lines: list[bytes]) -> None:
    path = tmp_path / "any.log"
    path.write_bytes(b"2026-01-02 ERROR x\n" + b"\n".join(lines).replace(b"\0", b"?"))
    found = find_spots(read_log(path).templates, _corpus(sandbox))
    assert all(0 < one.sure <= 1 for some in found for one in some)


_READ: dict[Path, Corpus] = {}


def _corpus(sandbox: Sandbox) -> Corpus:
    if sandbox.path not in _READ:
        _READ[sandbox.path] = read_corpus(Repository.find(sandbox.path))
    return _READ[sandbox.path]
