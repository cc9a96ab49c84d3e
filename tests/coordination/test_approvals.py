import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.coordination.approvals import (
    APPROVED,
    DENIED,
    EXPIRED,
    KIND,
    PLAN,
    USED,
    WAITING,
    Approval,
    Asking,
    Call,
    Person,
    approve,
    ask,
    decide_for_hook,
    decision,
    deny,
    find_approval,
    list_approvals,
    person,
    use,
)
from gitcoord.errors import NoSuch, Problem, Refused
from gitcoord.git.repository import Repository
from gitcoord.state.journal import Journal
from gitcoord.state.store import Store
from tests.conftest import Sandbox
from tests.state.values import finish, start

CALL = Call(
    "run-shop-7q3f", "build", "builder", "development-cart-7q3f", "Bash", {"command": "make drop"}
)
ADA = Person("ada", "terminal /dev/pts/3")


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def changed(repo: Repository, approval: str, **parts: str) -> None:
    Store(repo).change(KIND, approval, lambda body: {**body, **parts})


def test_what_is_asked_is_on_record_until_a_person_decides(repo: Repository) -> None:
    held = ask(repo, CALL, why="the tests need it")
    asked = decision(repo, held)
    assert asked.state == WAITING
    assert [asked.text(name) for name in ("run", "task", "role", "worktree", "tool", "why")] == [
        *("run-shop-7q3f", "build", "builder", "development-cart-7q3f", "Bash"),
        "the tests need it",
    ]
    assert "make drop" in asked.text("input")
    decided = approve(repo, held, ADA, reason="go on")
    assert (decided.state, decided.text("by"), decided.text("how"), decided.text("reason")) == (
        APPROVED, "ada", "terminal /dev/pts/3", "go on",
    )  # fmt: skip
    events = [event.fields for event in Journal(repo.own_dir).tail() if event.kind == "approval"]
    assert [event["state"] for event in events] == [WAITING, APPROVED]


def test_the_same_call_asked_twice_is_one_question(repo: Repository) -> None:
    assert ask(repo, CALL) == ask(repo, dataclasses.replace(CALL, input=dict(CALL.input)))
    others = [
        dataclasses.replace(CALL, task="test"),
        dataclasses.replace(CALL, run="run-b-2222"),
        dataclasses.replace(CALL, tool="Run"),
        dataclasses.replace(CALL, input={"command": "make drop "}),
        dataclasses.replace(CALL, input={}),
        dataclasses.replace(CALL, tool=PLAN, input={"text": "first this, then that"}),
    ]
    assert len({ask(repo, call) for call in (CALL, *others)}) == 7


def test_an_approval_is_for_one_use_of_one_exact_call(repo: Repository) -> None:
    held = ask(repo, CALL)
    with pytest.raises(Refused, match="is waiting, not approved"):
        use(repo, held, CALL)
    approve(repo, held, ADA)
    with pytest.raises(Refused, match="another call"):
        use(repo, held, dataclasses.replace(CALL, input={"command": "make drop all"}))
    assert use(repo, held, CALL).state == USED
    with pytest.raises(Refused, match="is used, not approved"):
        use(repo, held, CALL)
    with pytest.raises(Refused, match="is used"):
        approve(repo, held, ADA, again=True)
    again = ask(repo, CALL)
    assert again == f"{held}-2" and decision(repo, again).state == WAITING


def test_what_was_denied_stays_denied_when_it_is_asked_again(repo: Repository) -> None:
    held = ask(repo, CALL)
    deny(repo, held, ADA, reason="use the test database")
    assert ask(repo, CALL) == held
    assert decision(repo, held).state == DENIED
    with pytest.raises(Refused):
        use(repo, held, CALL)


def test_a_decision_is_changed_only_when_it_is_said_again(repo: Repository) -> None:
    held = ask(repo, CALL)
    approve(repo, held, ADA)
    with pytest.raises(Refused, match="decided by ada") as refused:
        deny(repo, held, ADA)
    assert refused.value.hint.endswith(f"gitcoord deny {held} --force")
    assert deny(repo, held, ADA, again=True).state == DENIED
    assert approve(repo, held, ADA, again=True).state == APPROVED


@pytest.mark.parametrize("approved", [False, True])
def test_after_its_time_it_is_expired_and_asked_anew(repo: Repository, *, approved: bool) -> None:
    held = ask(repo, CALL, hours=1)
    if approved:
        approve(repo, held, ADA)
    changed(repo, held, expires="2026-01-01T00:00:00.000Z")
    assert decision(repo, held).state == EXPIRED
    with pytest.raises(Refused, match="is expired"):
        approve(repo, held, ADA, again=True)
    with pytest.raises(Refused, match="is expired"):
        use(repo, held, CALL)
    assert ask(repo, CALL) == f"{held}-2"


def test_secrets_and_floods_do_not_reach_the_record(repo: Repository) -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    given = {
        "command": f"curl -H 'Authorization: Bearer {token}' x",
        "env": [{"password": "Tr0ub4dor&3xyz!"}],
        "content": "x" * 1_000_000,
        "deep": {"none": None, "number": 1.5, "odd": "\udcff\x1b[2J"},
    }
    held = ask(repo, dataclasses.replace(CALL, input=given), why=f"my key is {token}")
    kept = str(dict(decision(repo, held).record.body))
    assert token not in kept and "Tr0ub4dor" not in kept and "\x1b" not in kept
    assert "[REDACTED" in kept and "more characters" in kept and len(kept) < 60_000


def test_many_keys_are_cut_as_well(repo: Repository) -> None:
    many = {f"key{number}": "x" * 100 for number in range(10_000)}
    held = ask(repo, dataclasses.replace(CALL, input=many))
    assert len(decision(repo, held).text("input")) < 50_000
    approve(repo, held, ADA)
    with pytest.raises(Refused, match="another call"):
        use(repo, held, dataclasses.replace(CALL, input={**many, "key9999": "y"}))
    use(repo, held, dataclasses.replace(CALL, input=many))


def test_what_a_hook_is_told(repo: Repository) -> None:
    said, why = decide_for_hook(repo, CALL)
    [asked] = list_approvals(repo)
    assert (said, why) == ("defer", f"waits for a person: gitcoord approve {asked.id}")
    assert decide_for_hook(repo, CALL)[0] == "defer"
    approve(repo, asked.id, ADA)
    assert decide_for_hook(repo, CALL)[0] == "allow"
    assert decide_for_hook(repo, CALL)[0] == "defer", "an approval is for once"
    deny(repo, f"{asked.id}-2", ADA, reason="enough")
    assert decide_for_hook(repo, CALL) == ("deny", "ada denied it: enough")


def test_a_call_known_by_its_mark_is_decided_and_used_once(repo: Repository) -> None:
    asking = Asking(repo, CALL.run, CALL.task, CALL.role, CALL.worktree)
    assert asking.decision_on("toolu_1") is None
    held = asking.ask("toolu_1", "run make drop", CALL.input)
    assert asking.ask("toolu_1", "run make drop", CALL.input) == held
    assert asking.ask("toolu_2", "run make drop", CALL.input) != held
    assert asking.decision_on("toolu_1") is None
    approve(repo, held, ADA, reason="go on")
    assert dataclasses.replace(asking, task="test").decision_on("toolu_1") is None
    assert asking.decision_on("toolu_1") == (APPROVED, "go on")
    assert asking.decision_on("toolu_1") == (USED, "go on")
    deny(repo, list_approvals(repo)[1].id, ADA, reason="once is enough")
    assert asking.decision_on("toolu_2") == asking.decision_on("toolu_2")
    assert asking.decision_on("toolu_2") == (DENIED, "once is enough")


def test_found_by_a_part_of_its_id(repo: Repository) -> None:
    held = ask(repo, CALL)
    assert find_approval(repo, "bash").id == held
    with pytest.raises(NoSuch) as refused:
        find_approval(repo, "nothing")
    assert refused.value.hint.endswith("gitcoord approvals --all")


def test_a_record_that_cannot_be_read_does_not_hide_the_others(
    repo: Repository, sandbox: Sandbox
) -> None:
    ask(repo, CALL)
    sandbox.git("update-ref", f"refs/agentcoord/{KIND}/ask-bad", "HEAD")
    bad: list[Problem] = []
    assert len(list_approvals(repo, bad)) == 1
    assert len(bad) == 1


DECIDER = """
import sys
from pathlib import Path
from gitcoord.coordination.approvals import Person, approve, deny
from gitcoord.errors import Refused
from gitcoord.git.repository import Repository
repo, held, number = Repository.find(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
try:
    (approve if number % 2 else deny)(repo, held, Person(f"p{number}", "command"))
except Refused:
    print("late")
else:
    print("decided", number)
"""
USER = """
import sys
from pathlib import Path
from gitcoord.coordination.approvals import Call, use
from gitcoord.errors import Refused
from gitcoord.git.repository import Repository
repo = Repository.find(Path(sys.argv[1]))
call = Call("run-shop-7q3f", "build", "builder", "w", "Bash", {"command": "make drop"})
try:
    use(repo, sys.argv[2], call)
except Refused:
    print("late")
else:
    print("used")
"""


def test_eight_decide_at_once_and_one_decision_holds(repo: Repository, sandbox: Sandbox) -> None:
    held = ask(repo, CALL)
    said = finish([start(DECIDER, sandbox.path, held, number) for number in range(8)])
    [winner] = [line for line in said if line.startswith("decided")]
    decided = decision(repo, held)
    number = int(winner.split()[1])
    assert decided.text("by") == f"p{number}"
    assert decided.state == (APPROVED if number % 2 else DENIED)


def test_six_use_it_at_once_and_one_may(repo: Repository, sandbox: Sandbox) -> None:
    held = ask(repo, CALL)
    approve(repo, held, ADA)
    said = finish([start(USER, sandbox.path, held) for _ in range(6)])
    assert sorted(said) == ["late\n"] * 5 + ["used\n"]


def test_asked_by_several_processes_at_once_it_is_one_question(
    repo: Repository, sandbox: Sandbox
) -> None:
    asker = USER.replace("import Call, use", "import Call, ask").replace(
        "use(repo, sys.argv[2], call)", "print(ask(repo, call))"
    )
    said = finish([start(asker, sandbox.path, "") for _ in range(5)])
    assert len({line.split()[0] for line in said}) == 1
    assert len(list_approvals(repo)) == 1


class TestWhoDecides:
    def test_a_person_at_a_terminal_and_a_command_elsewhere(
        self, repo: Repository, sandbox: Sandbox
    ) -> None:
        assert person(repo, agent="", folders=[sandbox.path], terminal="/dev/pts/3").how == (
            "terminal /dev/pts/3"
        )
        assert person(repo, agent="", folders=[sandbox.path], terminal="").how == "command"

    def test_not_what_runs_inside_of_an_agent(self, repo: Repository, sandbox: Sandbox) -> None:
        with pytest.raises(Refused, match="run by run-a/build"):
            person(repo, agent="run-a/build", folders=[sandbox.path], terminal="/dev/pts/3")

    def test_not_what_only_took_the_mark_out_of_its_environment(self, sandbox: Sandbox) -> None:
        code = (
            "import sys; from pathlib import Path\n"
            "from gitcoord.coordination.approvals import person\n"
            "from gitcoord.git.repository import Repository\n"
            "person(Repository.find(Path('.')), agent='', folders=[Path('.')], terminal='x')"
        )
        words = ["sh", "-c", 'env -u GITCOORD_AGENT "$0" -c "$1"; exit $?', sys.executable, code]
        env = {**os.environ, "GITCOORD_AGENT": "run-a/build"}
        done = subprocess.run(words, cwd=sandbox.path, env=env, capture_output=True, text=True)
        assert done.returncode and "run by run-a/build" in done.stderr


def test_every_part_of_an_unwritten_record_is_empty(repo: Repository) -> None:
    approval = Approval(Store(repo).read(KIND, ask(repo, CALL)))
    assert approval.text("by") == approval.text("reason") == ""
    assert Path(approval.record.ref).name == approval.id
