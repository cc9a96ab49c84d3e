"""The researcher: suspect commits and why, rare names, who knows, what was not seen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitcoord.analysis.finding import Finding, Suspect, describe, recreate
from gitcoord.analysis.history import research
from gitcoord.analysis.past import read_past
from gitcoord.analysis.question import Frame, Question, parse_question
from gitcoord.analysis.relevance import defined_name, line_weights, parents, symbol_at
from gitcoord.analysis.suspicion import rank_commits
from gitcoord.analysis.upkeep import is_sweeping
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

ASKED = parse_question("why does the token of issue_token expire so early?")
AUTH = [Suspect("src/auth.py", 0.8), Suspect("src/cart.py", 0.1)]


def ask(
    sandbox: Sandbox,
    question: Question = ASKED,
    suspects: list[Suspect] = AUTH,
    onset: float | None = None,
    terms: tuple[str, ...] = (),
) -> list[Finding]:
    repo = Repository.find(sandbox.path)
    return research(repo, question, suspects, at="HEAD", onset=onset, terms=terms)


def commit_finding(findings: list[Finding]) -> Finding:
    return next(finding for finding in findings if "places" in finding.factors)


def test_the_commit_that_changed_the_implicated_lines_comes_first(sandbox: Sandbox) -> None:
    text = (sandbox.path / "src/auth.py").read_text()
    later = text.replace(
        "    return (user, time.time() + TTL)\n",
        "    expires = time.time() + TTL / 2\n    return (user, expires)\n",
    )
    halved = sandbox.commit("Let a token expire in half the time", {"src/auth.py": later})
    sandbox.commit("Say more", {"README.md": "# shop\n"})
    found = commit_finding(ask(sandbox))
    assert found.role == "researcher"
    assert found.commits[0].name == halved and found.commits[0].score == 1.0
    assert halved[:10] in found.title and "Let a token expire" in found.title
    said = " ".join(found.commits[0].reasons)
    assert "src/auth.py:12-13 (issue_token)" in said
    assert "its message speaks of expire, token" in said
    assert 0.05 < found.confidence <= 0.75


def test_every_command_of_the_evidence_works(sandbox: Sandbox) -> None:
    sandbox.commit("odd 'name'", {"src/it's *.py": "def issue_token():\n    return 'x'\n"})
    suspects = [Suspect("src/it's *.py", 0.6), *AUTH]
    for finding in ask(sandbox, suspects=suspects):
        assert finding.evidence
        for proof in finding.evidence:
            done = subprocess.run(
                ["bash", "-c", proof.command], cwd=sandbox.path, capture_output=True
            )
            assert done.returncode == 0 and done.stdout, proof.command


def test_findings_survive_being_written_and_read(sandbox: Sandbox) -> None:
    for finding in ask(sandbox):
        again = recreate(describe(finding), finding.body)
        assert (again.title, again.commits) == (finding.title, recreate(
            describe(again), again.body).commits)  # fmt: skip


def test_a_name_that_was_taken_out_is_found_in_history(sandbox: Sandbox) -> None:
    sandbox.commit("Count tries", {"src/limit.py": "def count_tries(user):\n    return 1\n"})
    gone = sandbox.commit("Simplify", {"src/limit.py": "LIMIT = 3\n"})
    question = parse_question("where did count_tries go?")
    findings = ask(sandbox, question, [Suspect("src/limit.py", 1.0)])
    term = next(finding for finding in findings if "gone" in finding.factors)
    assert "in no file any more" in term.title and gone[:10] in term.title
    assert commit_finding(findings).commits[0].name == gone


def test_what_came_after_the_onset_did_not_cause_it(sandbox: Sandbox) -> None:
    sandbox.write("src/auth.py", "TTL = 5  # token expires early: issue_token\n")
    sandbox.git(
        "commit", "-qam", "Let the token of issue_token expire early",
        GIT_COMMITTER_DATE="2026-03-01T00:00:00Z",
    )  # fmt: skip
    assert "early" in commit_finding(ask(sandbox)).commits[0].title
    found = commit_finding(ask(sandbox, onset=1767400000.0))
    reasons = {one.title: one.reasons for one in found.commits}
    assert any(
        "after it began" in why for why in reasons["Let the token of issue_token expire early"]
    )
    assert found.commits[0].score == 1.0


def test_reverted_commits_step_back_and_reverts_are_told(sandbox: Sandbox) -> None:
    never = sandbox.commit("Let it expire never", {"src/auth.py": "TTL = None\n"})
    sandbox.git("revert", "--no-edit", "HEAD")
    past = read_past(Repository.find(sandbox.path), "HEAD")
    back = past.commits[0].id
    terms = {"TTL": [never, back]}
    ranked = {one.commit.id: one for one in rank_commits(past, [], ["expire"], terms=terms)}
    assert ranked[never].reverted_by == past.commits[0]
    assert ranked[back].reverts == past.commits[1]
    assert ranked[back].reverted_by is None
    sandbox.git("revert", "--no-edit", "HEAD")
    past = read_past(Repository.find(sandbox.path), "HEAD")
    again = rank_commits(past, [], ["expire"], terms={"TTL": [never]})
    assert again[0].reverted_by is None  # its revert was reverted


def test_the_merge_that_brought_it_in_is_named(sandbox: Sandbox) -> None:
    sandbox.git("checkout", "-q", "-b", "side")
    side = sandbox.commit("x", {"src/auth.py": "def issue_token(user):\n    return 1\n"})
    sandbox.git("checkout", "-q", "main")
    sandbox.git("merge", "-q", "--no-ff", "side", "-m", "Pull 12: let the token expire")
    found = commit_finding(ask(sandbox))
    assert found.commits[0].name == side
    assert any("Pull 12" in reason for reason in found.commits[0].reasons)
    past = read_past(Repository.find(sandbox.path), "HEAD")
    assert past.merges == {side: past.commits[0].id}


def test_since_until_and_within_bound_the_suspects(sandbox: Sandbox) -> None:
    none = parse_question("why does the token expire?", since="2027-01-01")
    assert not [one for one in ask(sandbox, none) if "places" in one.factors]
    cart = parse_question("why does the token expire?", within=["src/cart.py"])
    found = commit_finding(ask(sandbox, cart))
    assert {one.title for one in found.commits} == {"Start the shop"}


def test_a_frame_of_a_trace_leads_to_its_line(sandbox: Sandbox) -> None:
    question = Question(
        "it fails", words=("fails",), frames=(Frame("/app/src/auth.py", 3, "", "python"),)
    )
    found = commit_finding(ask(sandbox, question, []))
    assert found.commits[0].title == "Shorten the life of a token"


def test_who_knows_this_code(sandbox: Sandbox) -> None:
    sandbox.git("config", "user.name", "renovate[bot]")
    sandbox.git("config", "user.email", "bot@example.com")
    sandbox.commit("bump", {"src/auth.py": "TTL = 1\n"})
    knows = next(finding for finding in ask(sandbox) if "people" in finding.factors)
    assert knows.title == "Ada Tester knows this code best"
    assert "@" not in knows.body and "bot" not in knows.body


def test_restless_files_are_named(sandbox: Sandbox) -> None:
    for number in range(6):
        sandbox.commit(f"Fix the token, try {number}", {"src/auth.py": f"TTL = {number}\n"})
    found = next(finding for finding in ask(sandbox) if "recent" in finding.factors)
    assert found.title.startswith("src/auth.py is restless: 8 changes in 90 days, 6 of all 8")


@pytest.mark.parametrize("how", ["--depth=2", "--filter=blob:none", "--filter=tree:0"])
def test_case_21_what_a_clone_cannot_see_is_said(
    sandbox: Sandbox, tmp_path: Path, how: str
) -> None:
    sandbox.git("config", "uploadpack.allowFilter", "true")
    sandbox.git("clone", "-q", how, sandbox.path.as_uri(), str(tmp_path / "clone"))
    clone = Sandbox(tmp_path / "clone")
    findings = ask(clone)
    repo = Repository.find(clone.path)
    assert read_past(repo, "HEAD").limits()
    for finding in findings:
        if "places" in finding.factors:
            assert "Not seen:" in finding.body and finding.factors["unseen"]


def test_nothing_to_go_by_gives_nothing(sandbox: Sandbox) -> None:
    assert ask(sandbox, parse_question("quux frobnicate"), []) == []


def test_untrusted_text_is_plain_in_findings(sandbox: Sandbox) -> None:
    sandbox.git("config", "user.name", "Eve \x1b[31m")
    sandbox.commit("token \x1b[2J issue_token expire `x`\u202e", {"src/auth.py": "token = 1\n"})
    for finding in ask(sandbox):
        text = finding.title + finding.body + str(finding.commits)
        assert "\x1b" not in text and "\u202e" not in text


def test_the_head_of_a_function_is_found_from_inside() -> None:
    lines = [
        "class Login:", "    def open(", "        self,", "    ) -> None:", "        if self.a:",
        "            return", "", "        self.b()", "def after():", "    pass",
    ]  # fmt: skip
    above = parents(lines)
    assert [symbol_at(lines, above, number) for number in (6, 8, 10, 1)] == [
        "open", "open", "after", "Login",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("def issue_token(user):", "issue_token"),
        ("    async def run(self):", "run"),
        ("export default async function load(x) {", "load"),
        ("const load = async (x) => {", "load"),
        ("res.send = function send(body) {", "send"),
        ("func (c *Context) Next() {", "Next"),
        ("pub(crate) fn parse<'a>(x: &'a str) -> X {", "parse"),
        ("  public static String name(int a) {", "name"),
        ("static int read_all(struct x *y) {", "read_all"),
        ("  fun load(): Int {", "load"),
        ("  def self.build(x)", "build"),
        ("if (a) {", ""),
        ("    return f(x)", ""),
        ("} else if (b(c)) {", ""),
    ],
)
def test_names_that_a_line_defines(line: str, name: str) -> None:
    assert defined_name(line) == name


def test_weights_are_linear_in_hostile_text() -> None:
    hostile = "(" * 20_000 + "\n" + "aa " * 20_000 + "\n" + "\t" * 20_000 + "x\n"
    weights = line_weights(hostile * 3, {"aa": 1.0, "x": 2.0})
    assert max(weights) == 1.0


def much_later(sandbox: Sandbox) -> None:
    when = "2030-01-01T00:00:00Z"
    sandbox.git(
        "commit", "-q", "--allow-empty", "-m", "Much later",
        GIT_AUTHOR_DATE=when, GIT_COMMITTER_DATE=when,
    )  # fmt: skip


def test_a_file_that_nobody_changed_lately_is_not_restless(sandbox: Sandbox) -> None:
    for number in range(6):
        sandbox.commit(f"Fix the token, try {number}", {"src/auth.py": f"TTL = {number}\n"})
    much_later(sandbox)
    assert not any("recent" in finding.factors for finding in ask(sandbox))


def test_facts_that_are_hardly_sure_are_not_told(sandbox: Sandbox) -> None:
    for number in range(9):
        sandbox.commit(f"Say {number}", {"src/auth.py": f"TTL = {number}\n"})
    sandbox.commit("Fix the token", {"src/auth.py": "def issue_token():\n    return 1\n"})
    found = ask(sandbox)
    assert all(one.confidence >= 0.15 for one in found if one.kind == "fact")
    assert not any("restless" in one.title for one in found)
    assert commit_finding(found).kind == "lead"


@pytest.mark.parametrize(
    "subject",
    ["Add inline types (#7272)", "Run black", "Move everything to src", "Update copyright years"],
)
def test_a_sweeping_change_of_form_is_no_first_suspect(sandbox: Sandbox, subject: str) -> None:
    text = (sandbox.path / "src/auth.py").read_text()
    sandbox.commit("Let a token live", {"src/auth.py": text.replace("+ TTL", "+ TTL / 2")})
    lived = sandbox.git("rev-parse", "HEAD")
    swept: dict[str, str | bytes] = {f"src/part{n}.py": "x: int = 1\n" for n in range(30)}
    typed = text.replace("+ TTL", "+ TTL / 2").replace(
        "def issue_token(user)", "def issue_token(user: str)"
    )
    sweep = sandbox.commit(subject, swept | {"src/auth.py": typed})
    ranked = commit_finding(ask(sandbox)).commits
    order = [one.name for one in ranked]
    assert lived in order and (sweep not in order or order.index(lived) < order.index(sweep))
    few = sandbox.commit("Add types of tokens", {"src/auth.py": text + "\nX = 1\n"})
    assert not is_sweeping(read_past(Repository.find(sandbox.path), "HEAD").by_id[few])


def test_ages_are_counted_from_the_onset(sandbox: Sandbox) -> None:
    began = float(read_past(Repository.find(sandbox.path), "HEAD").now + 86400)
    much_later(sandbox)
    score = commit_finding(ask(sandbox)).factors["score"]
    assert commit_finding(ask(sandbox, onset=began)).factors["score"] > score
