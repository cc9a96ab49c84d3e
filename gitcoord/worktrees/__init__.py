"""Worktrees as people talk about them: started, listed, parked, adopted, removed, undone.

    worktree.py     one worktree: its record joined with what git says
    kinds.py        what can be started: investigation, development, and the user's own
    start.py        a plan for a new worktree, and its execution or rollback
    place.py        where it goes, and what is in its way there
    carry.py        the user's uncommitted work, taken along
    prepare.py      what a fresh worktree needs: included ignored files, set-up commands
    mark.py         the file that ties a worktree's git dir to its record
    statuses.py     what is uncommitted, asked of all at once, before anything else
    listing.py      ahead, behind and dirty for all worktrees at once
    integration.py  is everything on this branch somewhere else too?
    recovery.py     a worktree as one commit under refs/agentcoord/trash, and back
    aside.py        what fits no commit, moved beside it and back
    losses.py       what a removal would lose
    removal.py      removing without losing it
    trash.py        undo, and the end of retention
    parking.py      uncommitted work set aside and taken up again
    foresight.py    what park, unpark and undo would do
    adoption.py     worktrees made by others, and ours that were lost
    elsewhere.py    what is named as a worktree and is none, or not any more
    settle.py       completing or taking back what a dead process began
    doctor.py       everything that can be out of step, and its mend
    leftovers.py    the part of it that no record speaks of
    ailment.py      one thing out of step
    findings.py     what agents committed below .agentcoord/<id>, read and written

A record under refs/agentcoord/worktrees/<id> says what was intended; git says what is.
Every change writes its intent first, holds a lease while at it, and can be completed or
taken back from any point by `settle`.
"""
