"""Where a line comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.errors import NoSuch
from gitcoord.git.repository import Repository
from gitcoord.reviews.landing.merge import Wish, merge
from gitcoord.reviews.provenance import map_line, trace
from gitcoord.reviews.review import open_review
from gitcoord.state.store import Store
from gitcoord.worktrees.findings import PREFIX, render
from tests.conftest import Sandbox

TRAILERS = (
    "Gitcoord-Worktree: w-1\nGitcoord-Run: run-1\nGitcoord-Task: fix\nGitcoord-Role: fixer\n"
    "Gitcoord-Runner: local\nGitcoord-Model: m-1\nGitcoord-Cost: $0.10"
)


def _landed(sandbox: Sandbox, method: str) -> tuple[Repository, str]:
    """The repository after a review of two commits landed and its branch went; its id."""
    sandbox.git("checkout", "-qb", "work")
    sandbox.commit(f"Fixer: write it\n\n{TRAILERS}", {"new.py": "one = 1\ntwo = 2\n"})
    sandbox.commit("By hand", {"new.py": "one = 1\ntwo = 22\n", "other.py": "x\n"})
    sandbox.git("checkout", "-q", "main")
    sandbox.commit("meanwhile", {"README.md": "# changed\n"})
    repo = Repository.find(sandbox.path)
    review = open_review(
        repo, branch="refs/heads/work", target="refs/heads/main", title="A new file", by="ada",
        about={"worktree": "w-1"},
    )  # fmt: skip
    merge(repo, review, Wish(method=method, approvals=0), by="ada")
    sandbox.git("branch", "-D", "work")
    sandbox.git("reflog", "expire", "--expire=now", "--all")
    sandbox.git("gc", "-q", "--prune=now")
    sandbox.commit("later", {"README.md": "# later\n", "src/cart.py": "later = 1\n"})
    return repo, review.id


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_line_leads_to_its_review_and_task_when_the_branch_is_gone(
    sandbox: Sandbox, method: str
) -> None:
    repo, review = _landed(sandbox, method)
    found = trace(repo, "new.py", 1)
    assert found.text == "one = 1"
    assert found.review is not None and found.review.id == review
    assert (found.worktree, found.run) == ("w-1", "run-1")
    assert [name for name, _ in found.tasks] == ["fix"]
    assert found.said is not None and found.said.agent == "fixer/local"
    assert found.said.value("Model") == "m-1"
    assert (found.original is not None) == (method == "squash")
    told = found.original or found.landed
    assert told is not None and told.subject == "Fixer: write it"
    by_hand = trace(repo, "new.py", 2)
    assert (by_hand.original or by_hand.landed or told).subject == "By hand"
    assert by_hand.review is not None and by_hand.review.id == review


def test_other_lines_are_of_no_review(sandbox: Sandbox) -> None:
    repo, _ = _landed(sandbox, "merge")
    for path in ("src/auth.py", "README.md", "src/cart.py"):
        assert trace(repo, path, 1).review is None, path


def test_run_task_transcript_and_findings_are_told_when_they_are_there(sandbox: Sandbox) -> None:
    repo, _ = _landed(sandbox, "squash")
    tasks = {"fix": {"state": "done", "does": "Mend the login."}}
    Store(repo).create(
        "runs", "run-1", {"worktree": "w-1", "question": {"text": "Why no login?"}}, tasks=tasks
    )
    log = repo.own_dir / "logs" / "run-1" / "fix.jsonl"
    log.parent.mkdir(parents=True)
    log.touch()
    evidence = [{"command": "cat new.py", "note": "here", "path": "new.py"}]
    citing = render({"title": "It is here", "evidence": evidence}, "See.")
    other = render({"title": "Elsewhere", "evidence": [{"path": "other.py"}]}, "No.")
    folder = Path("f") / "findings"
    sandbox.write(str(folder / "a.md"), citing)
    sandbox.write(str(folder / "b.md"), other)
    sandbox.git("add", "f")
    tree = sandbox.git("write-tree", "--prefix=f/")
    sandbox.git("update-ref", f"{PREFIX}w-1", tree)
    sandbox.git("rm", "-rqf", "f")
    found = trace(repo, "new.py", 1)
    assert found.record["question"] == {"text": "Why no login?"}
    assert dict(found.tasks)["fix"]["does"] == "Mend the login."
    assert found.transcripts == (log,)
    assert [one.title for one in found.findings] == ["It is here"]


def test_trailers_that_anybody_wrote_lead_nowhere_else(sandbox: Sandbox) -> None:
    sandbox.commit(
        "odd\n\nGitcoord-Run: ../../x\nGitcoord-Task: ../../../config\nGitcoord-Worktree: -x ..",
        {"odd.py": "1\n"},
    )
    found = trace(Repository.find(sandbox.path), "odd.py", 1)
    assert found.transcripts == () and found.record == {} and found.findings == ()


@pytest.mark.parametrize("method", ["merge", "rebase"])
def test_a_review_that_a_commit_of_another_one_names_is_not_its_own(
    sandbox: Sandbox, method: str
) -> None:
    repo, good = _landed(sandbox, "squash")
    sandbox.git("checkout", "-qb", "sly")
    sandbox.commit(f"Sly\n\nGitcoord-Review: {good}", {"sly.py": "1\n"})
    sandbox.git("checkout", "-q", "main")
    sly = open_review(repo, branch="refs/heads/sly", target="refs/heads/main", by="ada")
    merge(repo, sly, Wish(method=method, approvals=0), by="ada")
    found = trace(repo, "sly.py", 1).review
    assert found is not None and found.id == sly.id


def test_a_history_that_was_written_anew_still_names_its_review(sandbox: Sandbox) -> None:
    repo, review = _landed(sandbox, "squash")
    sandbox.git("rebase", "-q", "--force-rebase", "--root")
    found = trace(repo, "new.py", 1).review
    assert found is not None and found.id == review


def test_what_is_not_committed_is_said_to_be(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    sandbox.write("README.md", "first\n# shop\n\nA small shop with a login.\n")
    assert trace(repo, "README.md", 1).uncommitted
    landed = trace(repo, "README.md", 4).landed
    assert landed is not None and landed.line == 3
    sandbox.write("none.py", "1\n")
    assert trace(repo, "none.py", 1).uncommitted
    assert not trace(repo, "README.md", 1, rev="HEAD").uncommitted


def test_a_file_or_line_that_is_not_there_is_refused(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    for path, line, rev in (("none", 1, ""), ("none", 1, "HEAD"), ("README.md", 99, ""),
                            ("README.md", 0, "HEAD"), ("src", 1, "HEAD")):  # fmt: skip
        with pytest.raises(NoSuch):
            trace(repo, path, line, rev=rev)


_LINES = st.lists(st.sampled_from("abc"), max_size=7)


@settings(max_examples=12)
@given(old=_LINES, new=_LINES)
def test_a_line_is_mapped_to_one_that_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("map")
    sandbox = Sandbox(folder)
    sandbox.git("init", "-q")
    first = sandbox.commit("old", {"f": "".join(f"{one}\n" for one in old)})
    second = sandbox.commit("new", {"f": "".join(f"{one}\n" for one in new)})
    repo = Repository.find(folder)
    mapped = [map_line(repo, first, second, "f", line) for line in range(1, len(new) + 1)]
    kept = [one for one in mapped if one is not None]
    assert kept == sorted(set(kept))
    for line, then in enumerate(mapped, 1):
        assert then is None or old[then - 1] == new[line - 1]
