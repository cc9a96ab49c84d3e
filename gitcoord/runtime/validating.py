"""Which validators are asked, and what becomes of what they say.

Promises: a verdict is told to the agent whose work it is about, and stands in the journal.
Refuses: `local` for a role, as it has no model. What agents need is imported where one is asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitcoord.config import Config
from gitcoord.errors import BadInput, Contended, Problem
from gitcoord.git.repository import Repository
from gitcoord.reviews.verdicts.checking import Say, subject_of, validate
from gitcoord.reviews.verdicts.telling import tell_agent
from gitcoord.reviews.verdicts.validator import ROLE, Validator, list_validators
from gitcoord.reviews.verdicts.verdict import Subject, Verdict, forget_verdicts
from gitcoord.state.journal import Journal

if TYPE_CHECKING:
    from gitcoord.runs.role import Role
    from gitcoord.runtime.judging import Judges

_LOCAL, _HUMAN = "local", "human"
_DAY = 86_400.0
DEFAULT_ROLE = "reviewer"


@dataclass(frozen=True)
class Wish:
    """What is asked for. names: of validators, none for those of the settings. runner: of
    roles, "" for their own. again: also what is on record."""

    names: tuple[str, ...] = ()
    runner: str = ""
    again: bool = False


def chosen(repo: Repository, config: Config, wish: Wish) -> list[Validator]:
    """The validators of a wish, roles with the runner and the words they would have now.

    Where a runner is named and no validator, a role is meant: the reviewer, if the settings have
    none. Raises BadInput for a name that is none, and for a role asked for by name, or a runner,
    that cannot work here.
    """
    listed = list_validators(repo, config, wish.names)
    if wish.runner and not wish.names and not any(one.kind == ROLE for one in listed):
        listed += list_validators(repo, config, [DEFAULT_ROLE])
    asked = bool(wish.names or wish.runner)
    return [_staffed(repo, config, one, wish.runner, asked) for one in listed]


def _staffed(
    repo: Repository, config: Config, validator: Validator, runner: str, asked: bool
) -> Validator:
    """A role's verdict is stale when its words or its model changed: both are in `config`."""
    if validator.kind != ROLE:
        return validator
    from gitcoord.runs.roles import find_role

    try:
        role = find_role(repo, validator.role)
        chosen = with_model(runner or validator.runner, role, config)
    except Problem:
        if asked:
            raise
        return validator
    words = f"{role.prompt}\0{role.model or config.agents.model}\0{config.agents.command}"
    return replace(validator, runner=chosen, config=words)


def with_model(name: str, role: Role, config: Config) -> str:
    """The runner for a role. Raises BadInput when it has no model, or cannot work here."""
    from gitcoord.runtime.runners import choose

    if name == _HUMAN:
        raise BadInput(
            "a person says what they think in a review, not as a validator",
            hint="open one, then: gitcoord review approve",
        )
    runner = _LOCAL if name == _LOCAL else choose(name, role, config)
    if runner == _LOCAL:
        raise BadInput(
            f"the role {role.name!r} needs a model, and {_LOCAL} has none",
            hint="name what it is to run on: gitcoord validate --with RUNNER; what there is: "
            "gitcoord agents runners",
        )
    return runner


def run_validators(
    repo: Repository,
    config: Config,
    subject: Subject,
    validators: Sequence[Validator],
    *,
    say: Say,
    again: bool = False,
) -> list[Verdict]:
    """The verdicts on a subject, told to the agent whose work it is, and to the journal."""
    judges = _judges(repo, config, say) if any(one.kind == ROLE for one in validators) else None
    verdicts = validate(
        repo, subject, validators, workers=config.validate.workers, say=say, again=again,
        role=judges.ask if judges else None, stop=judges.stop if judges else None,
    )  # fmt: skip
    journal = Journal(repo.own_dir)
    for one in verdicts:
        if not one.reused:
            journal.append(
                "verdict", verdict=one.id, validator=one.validator, state=one.state,
                commit=one.commit, worktree=subject.worktree, said=one.said,
            )  # fmt: skip
    tell_agent(repo, subject, verdicts)
    return verdicts


def _judges(repo: Repository, config: Config, say: Say) -> Judges:
    from gitcoord.runtime.judging import Judges

    return Judges(repo, config, say)


def validate_after_commit(repo: Repository, config: Config, folder: Path) -> list[Verdict]:
    """What runs after a commit in the worktree at `folder`: its head is validated, as
    hooks.validate has it. Returns the verdicts; none where nothing is to be validated."""
    repo = repo if repo.top == folder else Repository.find(folder)
    subject = subject_of(repo, "")
    wanted = config.hooks.validate
    if wanted == "off" or (wanted == "agents" and not subject.worktree):
        return []
    validators = chosen(repo, config, Wish())
    verdicts = run_validators(repo, config, subject, validators, say=lambda _name, _line: None)
    _forget_old(repo)
    return verdicts


def _forget_old(repo: Repository) -> None:
    """Once a day at most: it reads all verdicts."""
    stamp = repo.own_dir / "cache" / "verdicts"
    with suppress(OSError):
        if stamp.exists() and time.time() - stamp.stat().st_mtime < _DAY:
            return
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    with suppress(Contended):
        forget_verdicts(repo)
