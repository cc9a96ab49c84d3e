"""The radar: who will collide with whom, before anyone commits.

    scan.py         what is asked and what a scan answers, as values
    radar.py        one scan: sample, then an answer; again and again for who watches
    hooks.py        the pairs of one worktree, as a function call that is quick to import
    answers.py      whole answers, for when nothing moved
    sample.py       a worktree's files, uncommitted ones too, as a tree in a quarantine
    grafting.py     that tree without an index, where git would change nothing on the way in
    comparing.py    an answer worked out: compared, explained, told
    engine.py       the pipeline over commits, and what is known of all pairs
    recall.py       what the cache tells, git asked for the rest, objects made again
    merging.py      git's own verdict, for any number of pairs by one process for each core
    deltas.py       what each side changes, and which pairs provably cannot conflict
    hunks.py        which lines each side changes, and which sides touch none in common
    cache.py        what was once found out, by content
    whole.py        a document in one file, whole or not there
    clashes.py      from verdicts to clashes: paths, lines, committed or not
    explain.py      a conflict in git's own kinds
    showing.py      the merged files with conflict markers
    order.py        in what order to merge, and threes that conflict
    watching.py     a scan after every change
    edits.py        who edits which lines, without git, for hooks
    remembering.py  what edits.py answers from, written after a scan
    verify.py       a command run on merged trees
    claims.py       files a worktree wants for itself, said before they are edited
    patterns.py     what a path or glob covers, and whether two cover one path in common
    semantic/       what merges as text and breaks in meaning

    resolution.py               what can be done about two that conflict, as values
    resolution_plan.py          from two worktrees to a resolution
    resolution_deciding.py      the strategies: what each makes of a conflict, and why
    resolution_merge.py         two commits merged again by other rules for some paths
    resolution_worktree.py      what no strategy could decide, laid out as a merge begun
    resolution_record.py        made, listed, closed, taken back, known when they come again

First each worktree against its target, then the pairs as they would be after both took the
target in: "stale against main" and "these two collide" are different answers.
"""
