"""What a review becomes on its target: the tree, the commits, their messages."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.errors import Problem, Refused
from gitcoord.git.repository import Repository
from gitcoord.reviews.landing.composing import METHODS, Candidate, compose
from gitcoord.reviews.landing.trailers import compose_message, parse_trailers
from gitcoord.reviews.review import Review, open_review
from gitcoord.state.store import Record
from tests.conftest import Sandbox

MINE = "Gitcoord-Worktree: w-1\nGitcoord-Run: run-1\nGitcoord-Role: fixer\nGitcoord-Runner: local"


def _branch(sandbox: Sandbox, *commits: tuple[str, dict[str, str]], name: str = "work") -> Review:
    sandbox.git("checkout", "-qb", name)
    for message, files in commits:
        sandbox.commit(message, {**files})
    sandbox.git("checkout", "-q", "main")
    return _open(sandbox, name)


def _open(sandbox: Sandbox, name: str = "work", **more: str) -> Review:
    return open_review(
        Repository.find(sandbox.path), branch=f"refs/heads/{name}", target="refs/heads/main",
        title=more.get("title", "Do the work"), body=more.get("body", ""), by="ada",
    )  # fmt: skip


def _compose(
    sandbox: Sandbox, review: Review, method: str = "merge", *, findings: bool = False
) -> Candidate:
    onto = sandbox.git("rev-parse", "main")
    repo = Repository.find(sandbox.path)
    return compose(repo, review, onto, method=method, findings=findings)


def _files(sandbox: Sandbox, tree: str) -> list[str]:
    return sandbox.git("ls-tree", "-r", "--name-only", tree).split()


def _trailers(sandbox: Sandbox, commit: str) -> dict[str, list[str]]:
    """As git itself reads them."""
    message = sandbox.git("log", "-1", "--format=%B", commit)
    said = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message.encode(), capture_output=True,
        check=True,
    )  # fmt: skip
    return parse_trailers(said.stdout.decode())


def test_all_three_ways_give_one_tree_that_of_gits_own_merge(sandbox: Sandbox) -> None:
    review = _branch(
        sandbox, ("one", {"new.py": "1\n"}), ("two", {"README.md": "# new\n", "new.py": "2\n"})
    )
    sandbox.commit("meanwhile", {"src/cart.py": "changed = 1\n"})
    before = sandbox.git("status", "--porcelain"), sandbox.git("for-each-ref")
    made = {method: _compose(sandbox, review, method) for method in METHODS}
    assert (sandbox.git("status", "--porcelain"), sandbox.git("for-each-ref")) == before
    sandbox.git("merge", "-q", "--no-edit", "work")
    trees = {one.tree for one in made.values()}
    assert trees == {sandbox.git("rev-parse", "HEAD^{tree}")}
    main = sandbox.git("rev-parse", "HEAD^1")
    parents = {
        method: sandbox.git("log", "-1", "--format=%P", one.commit).split()
        for method, one in made.items()
    }
    assert parents["merge"] == [main, review.head]
    assert parents["squash"] == [main]
    subjects = sandbox.git("log", "--format=%s", f"{main}..{made['rebase'].commit}")
    assert subjects == "two\none"


def test_case_99_findings_stay_out_and_those_of_the_target_stay_as_they_are(
    sandbox: Sandbox,
) -> None:
    sandbox.commit("old findings", {".agentcoord/w-0/findings/a.md": "a\n"})
    review = _branch(
        sandbox,
        ("context", {".agentcoord/w-1/TASK.md": "do\n", ".agentcoord/w-0/findings/a.md": "b\n"}),
        ("work", {"new.py": "1\n", ".agentcoord/w-1/findings/f.md": "f\n"}),
    )
    for method in METHODS:
        made = _compose(sandbox, review, method)
        changed = sandbox.git("diff", "--name-only", "main", made.commit)
        assert changed == "new.py", method
    rebased = _compose(sandbox, review, "rebase")
    assert sandbox.git("log", "--format=%s", f"main..{rebased.commit}") == "work"
    assert len(rebased.dropped) == 1
    with_them = _compose(sandbox, review, findings=True)
    assert ".agentcoord/w-1/findings/f.md" in _files(sandbox, with_them.tree)


def test_findings_the_target_changed_are_no_conflict(sandbox: Sandbox) -> None:
    sandbox.commit("findings", {".agentcoord/w-0/a.md": "a\n"})
    review = _branch(sandbox, ("work", {"new.py": "1\n", ".agentcoord/w-0/a.md": "mine\n"}))
    sandbox.commit("more", {".agentcoord/w-0/a.md": "theirs\n"})
    made = _compose(sandbox, review)
    assert made.conflicts == ()
    assert sandbox.git("show", f"{made.commit}:.agentcoord/w-0/a.md") == "theirs"


def test_a_branch_of_nothing_but_findings_is_empty(sandbox: Sandbox) -> None:
    review = _branch(sandbox, ("work", {".agentcoord/w-1/findings/f.md": "f\n"}))
    assert all(_compose(sandbox, review, method).empty for method in METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_conflicts_are_named(sandbox: Sandbox, method: str) -> None:
    review = _branch(sandbox, ("work", {"README.md": "mine\n", "ü b": "mine\n"}))
    sandbox.commit("meanwhile", {"README.md": "theirs\n", "ü b": "theirs\n"})
    made = _compose(sandbox, review, method)
    assert made.commit == ""
    assert sorted(made.conflicts) == ["README.md", "ü b"]


def test_a_submodule_conflict_is_named(sandbox: Sandbox) -> None:
    ids = [sandbox.git("rev-parse", f"main~{count}") for count in (0, 1, 2)]
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{ids[0]},lib")
    sandbox.git("commit", "-qm", "lib")
    sandbox.git("checkout", "-qb", "work")
    sandbox.git("update-index", "--cacheinfo", f"160000,{ids[1]},lib")
    sandbox.git("commit", "-qm", "mine")
    sandbox.git("checkout", "-q", "main")
    sandbox.git("update-index", "--cacheinfo", f"160000,{ids[2]},lib")
    sandbox.git("commit", "-qm", "theirs")
    assert _compose(sandbox, _open(sandbox)).conflicts == ("lib",)


def test_unrelated_histories_are_refused_in_words(sandbox: Sandbox) -> None:
    sandbox.git("checkout", "-q", "--orphan", "work")
    sandbox.commit("alone", {"other": "1\n"})
    sandbox.git("checkout", "-q", "main")
    with pytest.raises(Refused, match="no common history"):
        _compose(sandbox, _open(sandbox))


def test_case_100_replayed_commits_keep_author_date_message_and_encoding(
    sandbox: Sandbox,
) -> None:
    sandbox.git("checkout", "-qb", "work")
    sandbox.git("config", "i18n.commitEncoding", "ISO-8859-1")
    file = sandbox.path.parent / "message"
    file.write_bytes(b"Gr\xfc\xdfe\n\nSigned-off-by: B\xf6b <b@x>\n")
    sandbox.write("a", "a\n")
    sandbox.git("add", "a")
    sandbox.git(
        "commit", "-qF", str(file), GIT_AUTHOR_NAME="Bob", GIT_AUTHOR_EMAIL="b@x",
        GIT_AUTHOR_DATE="2020-01-02T03:04:05+0330",
    )  # fmt: skip
    sandbox.git("checkout", "-q", "main")
    sandbox.commit("meanwhile", {"b": "b\n"})
    made = _compose(sandbox, _open(sandbox), "rebase")
    asked = "--format=%an <%ae> %ai%n%B"
    assert sandbox.git("log", "-1", asked, made.commit) == sandbox.git("log", "-1", asked, "work")
    assert sandbox.git("cat-file", "-p", made.commit).count("encoding ISO-8859-1") == 1


def test_a_rebase_that_changes_nothing_lands_the_very_commits(sandbox: Sandbox) -> None:
    review = _branch(sandbox, ("one", {"a": "1\n"}), ("two", {"a": "2\n"}))
    assert _compose(sandbox, review, "rebase").commit == review.head


def test_merge_commits_are_flattened_but_never_lose_what_they_resolved(sandbox: Sandbox) -> None:
    _branch(sandbox, ("one", {"a": "1\n"}))
    sandbox.commit("meanwhile", {"b": "1\n"})
    sandbox.git("checkout", "-q", "work")
    sandbox.git("merge", "-q", "--no-edit", "main")
    sandbox.commit("two", {"a": "2\n"})
    sandbox.git("checkout", "-q", "main")
    made = _compose(sandbox, _of(sandbox, sandbox.git("rev-parse", "work")), "rebase")
    assert sandbox.git("log", "--format=%s", f"main..{made.commit}") == "two\none"
    sandbox.git("checkout", "-qb", "side", "main~1")
    sandbox.commit("side", {"side": "1\n"})
    sandbox.git("checkout", "-q", "work")
    sandbox.git("merge", "-q", "--no-commit", "side")
    sandbox.commit("evil", {"a": "resolved\n"})
    sandbox.git("checkout", "-q", "main")
    with pytest.raises(Refused, match="something else than merging"):
        _compose(sandbox, _of(sandbox, sandbox.git("rev-parse", "work")), "rebase")


def _of(sandbox: Sandbox, head: str) -> Review:
    """A review of another branch at `head`."""
    name = f"at-{head[:8]}"
    sandbox.git("branch", name, head)
    return _open(sandbox, name)


def test_the_message_names_where_it_comes_from_once(sandbox: Sandbox) -> None:
    _branch(
        sandbox,
        (f"one\n\n{MINE}\nGitcoord-Model: m-1\nGitcoord-Cost: $0.10", {"a": "1\n"}),
        (f"two\n\n{MINE}\nGitcoord-Task: fix-2", {"a": "2\n"}),
        name="first",
    )
    review = _of(sandbox, sandbox.git("rev-parse", "first"))
    made = _compose(sandbox, review, "squash")
    assert _trailers(sandbox, made.commit) == {
        "Gitcoord-Review": [review.id],
        "Gitcoord-Worktree": ["w-1"],
        "Gitcoord-Run": ["run-1"],
        "Gitcoord-Task": ["fix-2"],
        "Gitcoord-Agent": ["fixer/local"],
        "Gitcoord-Model": ["m-1"],
        "Gitcoord-Cost": ["$0.10"],
    }
    assert sandbox.git("log", "-1", "--format=%s", made.commit) == "Do the work"
    named = replace(review, record=replace(review.record, documents={
        "record": {**review.record.body, "agent": "fixer", "run": "run-1"}
    }))  # fmt: skip
    said = _trailers(sandbox, _compose(sandbox, named).commit)
    assert (said["Gitcoord-Agent"], said["Gitcoord-Run"]) == (["fixer/local"], ["run-1"])


def test_what_commits_say_of_themselves_lands_bounded(sandbox: Sandbox) -> None:
    review = _branch(
        sandbox,
        (f"One\n\nGitcoord-Run: {'x' * 9_000}", {"a": "1"}),
        *((f"More\n\nGitcoord-Task: t{one}", {"a": f"{one}\n"}) for one in range(60)),
    )
    said = _trailers(sandbox, _compose(sandbox, review).commit)
    assert len(said["Gitcoord-Task"]) == 50 and len(said["Gitcoord-Run"][0]) == 200


def test_case_100_a_squash_names_other_authors_and_sign_offs(sandbox: Sandbox) -> None:
    sandbox.git("checkout", "-qb", "work")
    sandbox.write("a", "a\n")
    sandbox.git("add", "a")
    sandbox.git(
        "commit", "-qm", "by bob\n\nSigned-off-by: Bob <b@x>",
        GIT_AUTHOR_NAME="Bob", GIT_AUTHOR_EMAIL="b@x",
    )  # fmt: skip
    sandbox.commit("by ada", {"b": "b\n"})
    sandbox.git("checkout", "-q", "main")
    made = _compose(sandbox, _open(sandbox), "squash")
    said = _trailers(sandbox, made.commit)
    assert said["Co-authored-by"] == ["Bob <b@x>"]
    assert said["Signed-off-by"] == ["Bob <b@x>"]


@settings(max_examples=25)
@given(body=st.text(max_size=200), title=st.text(min_size=1, max_size=60))
def test_trailers_are_read_whatever_stands_above(body: str, title: str) -> None:
    message = _message(title, f"{body}\n---\n{body}")
    said = subprocess.run(
        ["git", "interpret-trailers", "--parse"], check=True, capture_output=True,
        input=message.encode("utf-8", "surrogateescape"),
    )  # fmt: skip
    assert said.stdout.decode().strip().splitlines()[-1] == "Gitcoord-Review: review-x"


def _message(title: str, body: str) -> str:
    record = Record("reviews", "review-x", "", {"record": {"title": title, "body": body}})
    return compose_message(Review(record, ()), [], [])


def test_a_signature_that_fails_is_a_failure_and_one_that_works_is_there(sandbox: Sandbox) -> None:
    key = sandbox.path.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    review = _branch(sandbox, ("one", {"a": "1\n"}))
    sandbox.commit("meanwhile", {"b": "1\n"})
    sandbox.git("config", "commit.gpgSign", "true")
    sandbox.git("config", "gpg.format", "ssh")
    sandbox.git("config", "user.signingKey", str(key))
    for method in METHODS:
        raw = sandbox.git("cat-file", "-p", _compose(sandbox, review, method).commit)
        assert "gpgsig" in raw, method
    sandbox.git("config", "user.signingKey", str(key.with_name("none")))
    with pytest.raises(Problem, match="could not be signed"):
        _compose(sandbox, review)


def test_attributes_of_the_target_are_in_force_not_those_on_disk(sandbox: Sandbox) -> None:
    sandbox.commit("union", {".gitattributes": "LOG merge=union\n", "LOG": "a\n"})
    review = _branch(sandbox, ("mine", {"LOG": "a\nmine\n"}))
    sandbox.commit("theirs", {"LOG": "a\ntheirs\n"})
    sandbox.git("checkout", "-qb", "elsewhere", "main~3")
    assert _compose(sandbox, review).conflicts == ()
