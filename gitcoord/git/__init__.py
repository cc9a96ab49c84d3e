"""The only room that runs git.

run.py         one git process, with the hygiene every call needs
repository.py  where we stand: git dir, worktree, object format, version
objects.py     blobs, trees and commits, read and written in batches
refs.py        names of commits and records; transactions with compare-and-swap
worktrees.py   git's own list of worktrees; add, remove, lock
scratch.py     worktrees outside the user's sight, shown any commit or tree
borrowed.py    the git dir of a repository that borrows another's objects
history.py     commits, blame and diffs as values
exchange.py    refs taken from and given to a remote of the user's
"""
