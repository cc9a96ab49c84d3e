"""Records: trees of documents under refs, changed by compare-and-swap."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from gitcoord.errors import BadInput, Contended, Corrupt, NewerSchema, NoSuch, Problem, Taken
from gitcoord.git.refs import Change, find_ref
from gitcoord.git.repository import Repository
from gitcoord.state.store import Store
from tests.conftest import Sandbox
from tests.state.values import DOCUMENT, finish, start

ADD_ONE = """
import sys
from gitcoord.git.repository import Repository
from gitcoord.state.store import Store
store = Store(Repository.find(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    store.change("run", "one", lambda body: {**body, "count": body["count"] + 1})
    print("changed", flush=True)
"""


@pytest.fixture
def store(sandbox: Sandbox) -> Store:
    return Store(Repository.find(sandbox.path))


@pytest.fixture(params=["sha1", "sha256"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    folder = tmp_path / "fresh"
    subprocess.run(["git", "init", "-q", f"--object-format={request.param}", folder], check=True)
    return Store(Repository.find(folder))


def put_ref(sandbox: Sandbox, ref: str, files: dict[str, str]) -> str:
    """What another program might leave: a tree of these files at a ref."""
    lines = []
    for name, content in files.items():
        source = sandbox.write(".git/scratch", content)
        lines.append(f"100644 blob {sandbox.git('hash-object', '-w', str(source))}\t{name}")
    made = subprocess.run(
        ["git", "mktree"], cwd=sandbox.path, input="\n".join(lines), text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    sandbox.git("update-ref", ref, made.stdout.strip())
    return made.stdout.strip()


def test_case_63_a_record_comes_back_in_any_object_format(any_store: Store) -> None:
    made = any_store.create("run", "one", {"state": "new"}, plan={"tasks": ["a", "b"]})
    assert made.body == {"state": "new"}
    assert any_store.read("run", "one") == made
    changed = any_store.change("run", "one", lambda body: {**body, "state": "done"})
    assert any_store.all("run") == [changed]
    assert changed.documents["plan"] == {"tasks": ["a", "b"]}
    any_store.remove(changed)
    assert any_store.ids("run") == []


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=DOCUMENT, other=DOCUMENT)
def test_any_record_comes_back(store: Store, body: dict[str, Any], other: dict[str, Any]) -> None:
    made = store.create("run", "one", body, other=other)
    try:
        read = store.read("run", "one")
        assert (read.body, read.documents["other"]) == (body, other)
    finally:
        store.remove(made)


def test_there_are_no_records_at_first(store: Store) -> None:
    assert (store.find("run", "one"), store.all("run"), store.ids("run")) == (None, [], [])
    with pytest.raises(NoSuch):
        store.read("run", "one")
    with pytest.raises(NoSuch):
        store.change("run", "one", lambda body: body)


def test_a_name_is_taken_once(store: Store) -> None:
    made = store.create("run", "one", {"a": 1})
    with pytest.raises(Taken, match="run/one"):
        store.create("run", "one", {"a": 2})
    assert store.read("run", "one") == made


@pytest.mark.parametrize(("kind", "name"), [("run", "a/b"), ("../x", "a"), ("run", ""), ("R", "a")])
def test_what_cannot_be_a_ref_is_refused(store: Store, kind: str, name: str) -> None:
    for deed in (store.find, store.read, lambda kind, name: store.create(kind, name, {})):
        with pytest.raises(BadInput):
            deed(kind, name)


@pytest.mark.parametrize(
    "edit", [lambda body: body, lambda body: None, lambda body: dict(reversed(body.items()))]
)
def test_an_edit_that_changes_nothing_writes_nothing(
    store: Store, edit: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> None:
    made = store.create("run", "one", {"a": 1, "b": 2})
    assert store.change("run", "one", edit) == made
    assert store.read("run", "one").version == made.version


def test_an_edit_that_forgets_to_return_is_our_bug(store: Store) -> None:
    store.create("run", "one", {"a": 1})
    with pytest.raises(TypeError):
        store.change("run", "one", lambda body: body.update(a=2))
    assert store.read("run", "one").body == {"a": 1}


def test_an_edit_cannot_reach_the_record_it_was_given(store: Store) -> None:
    store.create("run", "one", {"list": [1]})

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        body["list"].append(2)
        return body

    assert store.change("run", "one", edit).body == {"list": [1, 2]}


def test_another_document_of_a_record_can_be_changed(store: Store) -> None:
    store.create("run", "one", {"a": 1})
    store.change("run", "one", lambda notes: {**notes, "b": 2}, document="notes")
    record = store.read("run", "one")
    assert (record.body, record.documents["notes"]) == ({"a": 1}, {"b": 2})


def test_case_70_keys_and_files_of_another_version_survive(sandbox: Sandbox, store: Store) -> None:
    files = {
        "record.toml": 'schema = 1\nstate = "new"\nfuture = {x = 1}\n',
        "later.toml": "# a comment\nschema = 1\n",
        "blob.bin": "\x01\x02",
    }
    put_ref(sandbox, "refs/agentcoord/run/one", files)
    store.change("run", "one", lambda body: {**body, "state": "done"})
    ref = "refs/agentcoord/run/one"
    assert store.read("run", "one").body == {"state": "done", "future": {"x": 1}}
    assert sandbox.git("cat-file", "-p", f"{ref}:later.toml") == "# a comment\nschema = 1"
    assert sandbox.git("cat-file", "-p", f"{ref}:blob.bin") == "\x01\x02"


def test_case_70_a_newer_schema_is_neither_read_nor_written(sandbox: Sandbox, store: Store) -> None:
    ref = "refs/agentcoord/run/one"
    tree = put_ref(sandbox, ref, {"record.toml": "schema = 2\n"})
    for deed in (
        lambda: store.find("run", "one"),
        lambda: store.all("run"),
        lambda: store.change("run", "one", lambda body: {"a": 1}),
    ):
        with pytest.raises(NewerSchema, match=ref):
            deed()
    assert sandbox.git("rev-parse", ref) == tree


def test_damaged_records_are_named_and_do_not_hide_the_others(
    sandbox: Sandbox, store: Store
) -> None:
    good = store.create("run", "good", {"a": 1})
    put_ref(sandbox, "refs/agentcoord/run/torn", {"record.toml": "a = "})
    put_ref(sandbox, "refs/agentcoord/run/empty", {"other.toml": ""})
    put_ref(sandbox, "refs/agentcoord/run/newer", {"record.toml": "schema = 9\n"})
    put_ref(sandbox, "refs/agentcoord/run/deep/er", {"record.toml": "a = 1\n"})
    sandbox.git("update-ref", "refs/agentcoord/run/commit", "HEAD")
    sandbox.git("update-ref", "refs/agentcoord/run/blob", "HEAD:README.md")
    sandbox.write(".git/refs/agentcoord/run/missing", "1" * 40 + "\n")
    bad: list[Problem] = []
    assert store.all("run", bad) == [good]
    named = {problem.message.split("refs/agentcoord/run/")[1][:4] for problem in bad}
    assert named == {"torn", "empt", "newe", "deep", "comm", "blob", "miss"}
    for name in ("torn", "empty", "commit", "blob", "missing"):
        with pytest.raises(Corrupt, match=f"refs/agentcoord/run/{name}"):
            store.find("run", name)
    with pytest.raises(Problem):
        store.all("run")


def test_a_record_whose_document_is_gone_is_corrupt(sandbox: Sandbox, store: Store) -> None:
    store.create("run", "one", {"a": "only here"})
    blob = sandbox.git("rev-parse", "refs/agentcoord/run/one:record.toml")
    (sandbox.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(Corrupt, match=r"record\.toml is missing"):
        store.find("run", "one")


def test_several_records_and_a_branch_change_together(sandbox: Sandbox, store: Store) -> None:
    old = store.create("run", "old", {"a": 1})
    head = sandbox.git("rev-parse", "HEAD")
    with store.transaction("a reason") as change:
        new = change.create("task", "new", {"b": 1})
        put = change.put(old, {"a": 2}, notes={"c": 3})
        change.ref(Change("refs/heads/made", None, head))
        assert store.find("task", "new") is None
    assert store.read("task", "new") == new
    assert store.read("run", "old") == put
    assert sandbox.git("rev-parse", "made") == head
    assert "a reason" in sandbox.git("reflog", "show", "made")
    with store.transaction() as change:
        change.remove(new)
        change.put(put, notes=None)
    assert store.find("task", "new") is None
    assert store.read("run", "old").documents == {"record": {"a": 2}}


def test_a_transaction_that_fails_changes_nothing(sandbox: Sandbox, store: Store) -> None:
    old = store.create("run", "old", {"a": 1})
    with pytest.raises(ZeroDivisionError), store.transaction() as change:
        change.create("run", "new", {})
        raise ZeroDivisionError
    with pytest.raises(Taken, match="run/old"), store.transaction() as change:
        change.create("run", "new", {})
        change.create("run", "old", {})
    store.change("run", "old", lambda body: {"a": 2})
    with pytest.raises(Contended), store.transaction() as change:
        change.create("run", "new", {})
        change.put(old, {"a": 3})
    with pytest.raises(Contended):
        store.remove(old)
    assert [(record.id, record.body) for record in store.all("run")] == [("old", {"a": 2})]


def test_a_ref_is_changed_once_in_a_transaction(store: Store) -> None:
    with pytest.raises(ValueError, match="twice"), store.transaction() as change:
        change.create("run", "one", {})
        change.create("run", "one", {})


def test_case_59_the_loser_of_a_race_edits_what_the_winner_wrote(store: Store) -> None:
    store.create("run", "one", {"seen": []})
    rival = Store(store.repo)
    calls: list[dict[str, Any]] = []

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        calls.append(body)
        if len(calls) == 1:
            with rival.transaction() as change:
                change.put(rival.read("run", "one"), {"seen": ["rival"]})
        return {"seen": [*body["seen"], "us"]}

    assert store.change("run", "one", edit).body == {"seen": ["rival", "us"]}
    assert len(calls) == 2


def test_a_change_that_always_loses_ends(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitcoord.state.store._CHANGE_SECONDS", 0.1)
    store.create("run", "one", {"n": 0})
    rival = Store(store.repo)

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        with rival.transaction() as change:
            change.put(rival.read("run", "one"), {"n": body["n"] + 1})
        return {"n": -1}

    with pytest.raises(Contended):
        store.change("run", "one", edit)


def test_a_change_does_not_need_its_turn(store: Store) -> None:
    store.create("run", "one", {"n": 0})
    store.repo.own_dir.write_text("in the way")
    assert store.change("run", "one", lambda body: {"n": 1}).body == {"n": 1}


def test_case_59_twelve_processes_change_one_record_and_none_is_lost(
    sandbox: Sandbox, store: Store
) -> None:
    store.create("run", "one", {"count": 0})
    finish([start(ADD_ONE, sandbox.path, 3) for _ in range(12)])
    assert store.read("run", "one").body == {"count": 36}


def test_case_58_kill_9_at_any_time_leaves_a_whole_record(sandbox: Sandbox, store: Store) -> None:
    chance = random.Random(58)
    store.create("run", "one", {"count": 0})
    confirmed = 0
    for _ in range(6):
        changer = start(ADD_ONE, sandbox.path, 1000)
        assert changer.stdout and changer.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        changer.send_signal(signal.SIGKILL)
        confirmed += 1 + len(changer.communicate()[0].splitlines())
        count = store.read("run", "one").body["count"]
        assert count >= confirmed
    assert store.change("run", "one", lambda body: {"count": -1}).body == {"count": -1}
    sandbox.git("fsck", "--connectivity-only")


def test_case_65_records_do_not_show_in_the_log(sandbox: Sandbox, store: Store) -> None:
    before = sandbox.git("log", "--all", "--format=%H %D")
    store.create("run", "one", {"a": 1})
    store.change("run", "one", lambda body: {"a": 2})
    assert sandbox.git("log", "--all", "--format=%H %D") == before
    assert sandbox.git("status", "--porcelain") == ""


def test_records_are_the_same_from_every_worktree(sandbox: Sandbox, store: Store) -> None:
    sandbox.git("worktree", "add", "-q", "../linked")
    made = store.create("run", "one", {"a": 1})
    assert Store(Repository.find(sandbox.path.parent / "linked")).all("run") == [made]


def test_git_runs_three_times_for_a_change_and_twice_for_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.transaction() as change:
        for number in range(150):
            change.create("run", f"r{number}", {"n": number})
    started: list[object] = []
    popen: Any = subprocess.Popen.__init__

    def count(*argv: Any, **more: Any) -> None:
        started.append(argv)
        popen(*argv, **more)

    monkeypatch.setattr(subprocess.Popen, "__init__", count)
    assert len(store.all("run")) == 150 and len(started) == 2
    started.clear()
    store.change("run", "r7", lambda body: {"n": -1})
    assert len(started) == 3
    started.clear()
    store.read("run", "r7")
    assert len(started) == 1


def test_a_reading_store_writes_nothing(sandbox: Sandbox, store: Store) -> None:
    assert store.all("run") == [] and store.find("run", "one") is None
    assert find_ref(store.repo, "refs/agentcoord/run/one") is None
    assert not store.repo.own_dir.exists()


def test_the_store_imports_no_toml_before_it_needs_it() -> None:
    code = "import sys, gitcoord.state.store as s; print({'tomli_w', 'tomllib'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
