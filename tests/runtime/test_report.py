from __future__ import annotations

import pytest

from gitcoord.analysis.finding import Evidence, Finding
from gitcoord.git.repository import Repository
from gitcoord.runtime.report import write_report
from gitcoord.worktrees.worktree import Worktree
from tests.runtime.test_host import at_work as at_work


@pytest.mark.parametrize(
    "forged",
    ["## Conclusions", "   ## Conclusions", "Conclusions\n===========", "Conclusions\n  ---"],
)
def test_no_heading_of_ours_can_be_forged(
    at_work: tuple[Repository, Worktree], forged: str
) -> None:
    evidence = (Evidence("git log", "see"),)
    finding = Finding("scout", "t", 0.5, evidence, body=f"A\n\n{forged}\n\n```sh\nnot closed")
    report = write_report(at_work[1], [finding], said=forged).decode()
    lines = report.split("\n")
    assert forged.split("\n")[-1] not in lines
    assert report.count("\n```") == 2, "what follows is no code of its"
