"""What passes between agents and people.

approvals.py  calls of tools and plans that wait for a person's yes or no
inputs.py     what the agent of a worktree is to be told when its task is asked of it again
waiting.py    how much of that waits
"""
