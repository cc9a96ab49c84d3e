"""The radar: who will collide with whom, before anyone commits.

    scan.py         what a scan answers, as values
    radar.py        one scan: sample, compare, explain; again and again for who watches
    sample.py       a worktree's files, uncommitted ones too, as a tree in a quarantine
    engine.py       the pipeline over commits, and what is known of all pairs
    merging.py      git's own verdict, for any number of pairs by one process for each core
    deltas.py       what each side changes, and which pairs provably cannot conflict
    hunks.py        which lines each side changes, and which sides touch none in common
    cache.py        what was once found out, by content
    clashes.py      from verdicts to clashes: paths, lines, committed or not
    explain.py      a conflict in git's own kinds
    showing.py      the merged files with conflict markers
    order.py        in what order to merge, and threes that conflict
    watching.py     a scan after every change
    edits.py        who edits which lines, without git, for hooks; remembering.py writes it
    verify.py       a command run on merged trees
    semantic/       what merges as text and breaks in meaning
    resolution*.py  what to do about a conflict, and what became of it

First each worktree against its target, then the pairs as they would be after both took the
target in: "stale against main" and "these two collide" are different answers.
"""
