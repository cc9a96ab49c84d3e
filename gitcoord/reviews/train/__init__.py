"""The merge train: approved reviews land together, checked on what they land on.

train.py      the train of a target: who waits, and what became of the others
run.py        a run of it, in rounds
stacking.py   reviews stacked on each other in memory
search.py     which stacks to check, so that few checks find all culprits
checks.py     the checks, several at once
outcomes.py   what lands, and what goes back
"""
