"""Git's hooks: putting ours beside what is there, taking them out again, and what they do.

events.py      the names of git's hooks: ours, and those that are only passed on
shims.py       the shell files of the top folder `hooks/`, filled in for one repository
places.py      where hooks are in force here, and which of three ways ours get there
editing.py     a change of git's configuration as bytes: compare-and-swap, and back
installed.py   the record of what was put where, written before it is done
install.py     install and uninstall
condition.py   what is in place, and why ours would not run

objection.py   one thing a hook objects to, as a value
staged.py      before a commit: what is staged, and who else is at it
gate.py        the same in 8 ms, where there surely is nothing to say
unedited.py    what of other worktrees the gate need not mind
message.py     secrets in a commit's message
guard.py       refs an agent's worktree is not to move
push.py        before a push: what nobody validated, and what was refused
after.py       after a commit, in a process apart: once for many
"""
