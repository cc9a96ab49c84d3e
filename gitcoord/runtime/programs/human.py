"""A person does the task: is told where and what, and nothing stays alive meanwhile.

The person says done with a file beside the transcript, whose text is the summary; until it is
there the task is parked, however often the run is taken up.
"""

from __future__ import annotations

import shlex

from gitcoord.runtime.agent import DONE, PARKED, Assignment, Event, Outcome, Say
from gitcoord.runtime.programs.command import whole_task

_LONGEST = 20_000


def human(assignment: Assignment, say: Say) -> Outcome:
    """Hand the task over, or see that it is done."""
    told = assignment.log.with_suffix(".md")
    done = assignment.log.with_suffix(".done")
    if done.is_file():
        summary = done.read_text("utf-8", "replace")[:_LONGEST].strip()
        return Outcome(DONE, summary or "done by a person", mark=assignment.mark)
    told.write_text(whole_task(assignment), "utf-8", "replace")
    # It is what shows that the task was handed over.
    assignment.log.touch(0o600)
    say(Event("waiting", f"for a person: {told} says what to do in {assignment.top}"))
    hint = (
        f"do what {shlex.quote(str(told))} says in {shlex.quote(str(assignment.top))}, then: "
        f"echo 'what was done' > {shlex.quote(str(done))} && gitcoord resume"
    )
    return Outcome(PARKED, reason="it waits for a person", hint=hint, mark=assignment.mark)
