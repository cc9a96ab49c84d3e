"""Reviews: pull requests with no forge.

review.py     a review, opened, found, changed by events
events.py     the events, and the order they are told in
states.py     which reviews are over, kept so that lists need not read them
reading.py    any number of reviews from their refs, by two git processes
versions.py   what was under review when, and which verdicts count for it
threads.py    comments and answers
opening.py    what a review is opened of, where it lands, what it is called
saying.py     comments, approvals, requests, and what the agent is told of them
placing.py    comments put on lines, and found again in later versions
anchors.py    lines followed from one content to another
standing.py   where reviews stand: target, each other, live worktrees, checks
showing.py    everything about one review, and what is missing until it lands
differing.py  patches of a version, and versions against each other
looking.py    a worktree to look at a review in
provenance.py where a line comes from: `gitcoord why`

verdicts/     what validators say of a tree
landing/      one review composed in memory, and a target moved to it
train/        many of them, stacked, checked together, landed in order
exchange/     reviews in other clones, and in git-appraise's format
"""
