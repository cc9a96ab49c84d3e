"""What a round of the train comes to: reviews that land, culprits that go back to their agents.

Promises: what lands has a tree that was found green; event, queue and target change in one
transaction, or not at all. What every answer was is on record before anything rests on it.
Refuses: to land what is no longer approved as it was stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitcoord.coordination import inputs
from gitcoord.errors import Contended, GitFailed
from gitcoord.git.refs import Change, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.records import counted
from gitcoord.reviews.events import MERGED
from gitcoord.reviews.landing.composing import Candidate
from gitcoord.reviews.landing.landing import kept_head, land
from gitcoord.reviews.landing.merge import Wish, missing_verdicts
from gitcoord.reviews.review import OPEN, Review, event_change, read_review, refresh, short
from gitcoord.reviews.saying import train_origin, withdraw_failures, withdraw_requests
from gitcoord.reviews.train.search import Search, Stack
from gitcoord.reviews.train.stacking import Misfit, Stacks
from gitcoord.reviews.train.train import (
    CONFLICT,
    CULPRIT,
    FLAKE,
    LANDED,
    How,
    Outcome,
    commit,
    find_train,
    is_approved,
    outcome_change,
    write_run,
)

_TRIES = 5
_LONGEST_COMMAND = 500


class Moved(Contended):
    """Something moved under a round: what is left has to be stacked anew."""


@dataclass
class Landing:
    """One round: a search, its stacks, and what `run.toml` says of it (about).

    outcomes: of this round. tip: where the target is for all we know.
    """

    repo: Repository
    target: str
    stacks: Stacks
    search: Search
    about: dict[str, Any]
    how: How
    say: Callable[[str], None]
    outcomes: list[Outcome] = field(default_factory=list)
    _flakes: int = 0

    def __post_init__(self) -> None:
        self.landed: Stack = tuple(self.about["landed"])
        if self.landed:
            tip = self.about["tip"]
            tree = self.repo.run("rev-parse", "--verify", f"{tip}^{{tree}}").text
            self.stacks.settle(self.landed, Candidate(tip, tree, ""))

    @property
    def tip(self) -> str:
        return str(self.about["tip"])

    def replay(self) -> None:
        """Tell the search what was answered before, in the order it was."""
        for one in self.about["answers"]:
            if "dropped" in one:
                self.search.drop(one["dropped"])
            elif "hint" in one:
                self.search.hint(one["hint"])
            else:
                self.search.begun(int(not one.get("reused")))
                self.search.answer(tuple(one["stack"]), green=one["green"])
        told = {one["review"] for one in find_train(self.repo, self.target).outcomes
                if one["state"] == FLAKE and one["time"] >= self.about["started"]}  # fmt: skip
        self._flakes = sum(one in told for one in self.search.flakes)

    def note(self, answer: Mapping[str, Any], running: list[Mapping[str, Any]]) -> None:
        """Put an answer on record, before anything rests on it."""
        self.about = {
            **self.about, "answers": [*self.about["answers"], dict(answer)], "running": running,
        }  # fmt: skip
        write_run(self.repo, self.target, self.about)

    def running(self, running: list[Mapping[str, Any]]) -> None:
        """Put on record what is at work now."""
        self.about = {**self.about, "running": running}
        write_run(self.repo, self.target, self.about)

    def output_of(self, stack: Stack) -> str:
        """The end of what the last red check of a stack printed."""
        said = [one for one in self.about["answers"] if one.get("stack") == list(stack)]
        return next((one["output"] for one in reversed(said) if not one["green"]), "")

    def settle(self) -> None:
        """Land what is green and not there yet, name who was found out. Raises Moved, Refused."""
        if len(self.search.landed) > len(self.landed):
            self._land(self.search.landed)
        for review in self.search.flakes[self._flakes :]:
            self._tell_flake(review)
        self._flakes = len(self.search.flakes)
        waiting = set(find_train(self.repo, self.target).queue) if self.search.named else set()
        for review, stack in self.search.named.items():
            if review in waiting:
                self._name(review, stack)

    def set_aside(self, misfit: Misfit) -> None:
        """One that does not fit any more stays in the queue: it is tried on what will have landed
        once this round is over."""
        self.search.drop(misfit.review)
        self.note({"dropped": misfit.review}, self.about["running"])

    def _greens(self) -> set[str]:
        """The trees a check found green."""
        return {one["tree"] for one in self.about["answers"] if one.get("green")}

    def _land(self, stack: Stack) -> None:
        made = self.stacks.commits(stack, len(self.landed))
        tip = made[-1].commit
        asked = ("rev-parse", "--verify", "--quiet", f"{tip}^{{tree}}")
        tree = self.repo.run(*asked, ok=(0, 1)).text  # "" when somebody pruned it meanwhile
        if tree not in self._greens():
            raise Moved("what would land is not what was checked")
        reason = f"merge train: {counted(len(made), 'review')}"
        for left in reversed(range(_TRIES)):
            changes, outcomes = self._changes(stack, made)
            try:
                land(self.repo, self.target, self.tip, tip, reason=reason, also=changes,
                     say=self.say)  # fmt: skip
            except Contended:
                if find_ref(self.repo, self.target) != self.tip:
                    raise Moved(f"{short(self.target)} was moved by somebody else") from None
                if not left:
                    raise
            except GitFailed:
                if self.repo.find_commit(tip) is None:
                    raise Moved("what would land was pruned by somebody") from None
                raise
            else:
                break
        self.landed = stack
        self.about = {**self.about, "landed": list(stack), "tip": tip}
        self.stacks.settle(stack, made[-1])
        self.outcomes += outcomes
        for one in outcomes:
            withdraw_requests(self.repo, read_review(self.repo, one.review))
            self.say(f"{one.review}: landed as {one.commit[:12]}")

    def _changes(
        self, stack: Stack, made: Sequence[Candidate]
    ) -> tuple[list[Change], list[Outcome]]:
        """Events of the reviews, their branches as they are, and the queue."""
        fresh = stack[len(self.landed) :]
        reviews = {one: refresh(self.repo, read_review(self.repo, one)) for one in fresh}
        self._check_still(reviews)
        refs = read_refs(self.repo, *(one.branch for one in reviews.values()))
        below = self.tip
        changes: list[Change] = []
        outcomes = []
        for height, one in enumerate(made, len(self.landed)):
            review = reviews[stack[height]]
            changes.append(event_change(
                self.repo, review, MERGED, commit=one.commit, method=self.stacks.method,
                target_before=below, head=review.head, by=self.how.by,
            ))  # fmt: skip
            changes += kept_head(self.repo, review)
            if refs.get(review.branch):
                changes.append(Change(review.branch, review.head, review.head))
            outcomes.append(Outcome(
                review.id, LANDED, review.head, f"landed as {one.commit[:12]}", one.commit,
                stacked_on=stack[:height],
            ))  # fmt: skip
            below = one.commit
        changes.append(outcome_change(
            self.repo, self.target, outcomes,
            run=lambda _: {**self.about, "landed": list(stack), "tip": made[-1].commit},
        ))  # fmt: skip
        return changes, outcomes

    def _check_still(self, reviews: Mapping[str, Review]) -> None:
        """Raise Moved unless each may land as it was stacked."""
        queue = find_train(self.repo, self.target).queue
        wish = Wish(validators=self.how.validators)
        for one, review in reviews.items():
            stacked = self.stacks.reviews[one]
            if one not in queue:
                raise Moved(f"{one} was taken out of the train")
            same = review.head == stacked.head and review.target == stacked.target
            if review.state != OPEN or not same or not is_approved(review, self.how.approvals):
                raise Moved(f"{one} is not approved as it is now")
            for missing in missing_verdicts(self.repo, review, wish):
                raise Moved(f"{one}: {missing.what}")

    def _name(self, review: str, stack: Stack) -> None:
        """Out of the queue and back to its agent, with what the check said."""
        reds = [one for one in self.about["answers"]
                if not one.get("green", True) and review in one["stack"]]  # fmt: skip
        own = [one for one in reds if one["stack"] == list(stack)] or reds
        last = own[-1]
        outcome = Outcome(
            review, CULPRIT, self.stacks.reviews[review].head, last["said"],
            output=last["output"], stacked_on=tuple(one for one in stack if one != review),
        )  # fmt: skip
        self._record(outcome)
        self.say(f"{review}: {outcome.said}; it goes back to its agent")

    def _tell_flake(self, review: str) -> None:
        """It stays in the train: that a check failed once and passed the next time is told."""
        reds = [one for one in self.about["answers"]
                if not one.get("green", True) and review in one["stack"]]  # fmt: skip
        said = "its check failed once, and passed on the very same tree"
        outcome = Outcome(
            review, FLAKE, self.stacks.reviews[review].head, said, output=reds[-1]["output"]
        )
        commit(self.repo, lambda: [outcome_change(self.repo, self.target, [outcome])])
        self.outcomes.append(outcome)
        self.say(f"{review}: {said}")

    def _record(self, outcome: Outcome) -> None:
        record_refusal(self.repo, outcome, self.target, self.how)
        self.outcomes.append(outcome)


def record_refusal(repo: Repository, outcome: Outcome, target: str, how: How) -> None:
    """Out of the queue, with an event of the review, after its agent was told."""
    _tell_agent(repo, read_review(repo, outcome.review), outcome, target, how)
    told = outcome.output or ", ".join(outcome.paths)
    command = f"`{how.command[:_LONGEST_COMMAND]}` " if outcome.state == CULPRIT else ""

    def changes() -> list[Change]:
        event = event_change(
            repo, read_review(repo, outcome.review), "check", name="train", state="refused",
            by=how.by, head=outcome.head, text=f"{command}{outcome.said}\n{told}",
            stacked_on=list(outcome.stacked_on),
        )  # fmt: skip
        return [event, outcome_change(repo, target, [outcome])]

    commit(repo, changes)


def _tell_agent(repo: Repository, review: Review, outcome: Outcome, target: str, how: How) -> None:
    """What the agent of a review is to be told next; the same outcome is told once."""
    if review.worktree:
        origin = train_origin(review, outcome.head)
        withdraw_failures(repo, review, besides=origin)
        text = _told(review, outcome, target, how.command[:_LONGEST_COMMAND])
        inputs.give(repo, review.worktree, text, origin=origin, by=how.by)


def _told(review: Review, outcome: Outcome, target: str, command: str) -> str:
    branch = short(target)
    if outcome.state == CONFLICT:
        return (
            f"Your branch {short(review.branch)} could not land on {branch}: it "
            f"{outcome.said}. In conflict: {', '.join(outcome.paths)}.\n"
            f"Merge {branch} into your branch, and conclude that merge with all of it resolved."
        )
    below = ", ".join(outcome.stacked_on) or "nothing else"
    return (
        f"Your branch {short(review.branch)} did not land on {branch}: with it, the check "
        f"`{command}` {outcome.said}; without it, it passes.\n"
        f"It was stacked on {branch} and: {below}.\n"
        f"The end of what the check printed:\n\n{outcome.output}\n\n"
        f"Merge {branch} into your branch, and make the check pass."
    )
