"""Worktrees as people talk about them: started, listed, parked, adopted, removed, undone.

    worktree.py     one worktree: its record joined with what git says
    kinds.py        what can be started: investigation, development, and the user's own
    start.py        a plan for a new worktree, and its execution or rollback
    prepare.py      what a fresh worktree needs: included ignored files, set-up commands
    listing.py      ahead, behind and dirty for all worktrees at once
    integration.py  is everything on this branch somewhere else too?
    recovery.py     a worktree as one commit under refs/agentcoord/trash, and back
    removal.py      what would be lost, and removing without losing it
    trash.py        undo, and the end of retention
    parking.py      uncommitted work set aside and taken up again
    adoption.py     worktrees made by others
    settle.py       completing or taking back what a dead process began
    doctor.py       everything that can be out of step, and its mend
    findings.py     what agents committed below .agentcoord/<id>, read and written

A record under refs/agentcoord/worktrees/<id> says what was intended; git says what is.
Every change writes its intent first, holds a lease while at it, and can be completed or
taken back from any point by `settle`.
"""
