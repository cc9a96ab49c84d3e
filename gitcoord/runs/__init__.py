"""Workflows at work: a task graph, its record, and what may run next.

    workflow.py  a template's tasks, checked to be a graph that can end
    run.py       one run: its record, its tasks' states, what is ready
    rounds.py    a task that was done is asked again, for what was said of its work
    ledger.py    what calls of models used, each counted once (sums.py: what they come to)
    prices.py    dollars per million tokens, from files people can edit
    budget.py    what a task, a run and a day may cost: reserved, watched

Starting a run is advancing an empty one: a task is marked as running before it begins, and
its outcome is written after its findings are committed, so that a run that died goes on
where it was.
"""
