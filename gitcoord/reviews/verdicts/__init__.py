"""What validators say of a commit, remembered while it holds.

verdict.py    what a validator said of a tree, on record
validator.py  who is asked: checks, commands, roles
subjects.py   what is judged: commit, tree, and what it is compared with
checking.py   validators at work, in scratch worktrees
telling.py    verdicts told to agents and reviews
"""
