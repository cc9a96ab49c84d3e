"""Words become a subject's work, and its answer goes to the screen. No decisions, no git.

VERBS says which file of this folder knows a verb, so that only that one is imported.
To add a verb: a line here, and in its file an `app` (see asking.py) with a command of that name.
A file named like its verb that has no such command is a family: `gitcoord config list`.
A command returns nothing when done, or asking.NO when the answer is no.
"""

# heading of the help -> verb -> (file in this folder, what it does in a line)
VERBS = {
    "Worktrees": {
        "start": ("start", "Make a worktree for a task, and set its agents to work."),
        "resume": ("running", "Go on with a run that stopped, where it was."),
        "list": ("listing", "All worktrees: state, distance from base, changes, task."),
        "show": ("listing", "Everything about one worktree."),
        "path": ("listing", "The folder of a worktree, for a shell to use."),
        "adopt": ("worktrees", "Make a worktree that others made ours, where it is."),
        "park": ("worktrees", "Set uncommitted work aside, for this worktree only."),
        "unpark": ("worktrees", "Take parked work up again."),
    },
    "Conflicts": {
        "conflicts": ("conflicts", "Who collides with whom, before anyone commits."),
        "resolve": ("resolve", "What to do about a conflict, and what became of it."),
        "claim": ("claims", "Want files for a worktree alone, for some hours."),
        "claims": ("claims", "Who wants which files, and until when."),
        "release": ("claims", "End claims."),
    },
    "Findings": {
        "findings": ("findings", "What agents found, also after their worktree is gone."),
        "report": ("findings", "The report of an investigation, in Markdown."),
    },
    "Agents": {
        "agents": ("agents", "The roles agents can have: list, show, search, pick, import."),
        "approvals": ("approvals", "What waits for your yes or no."),
        "approve": ("approvals", "Allow what an agent asked for, once."),
        "deny": ("approvals", "Refuse what an agent asked for."),
        "cost": ("cost", "What runs cost: tokens and dollars."),
    },
    "Reviews": {
        "validate": ("validate", "Ask checks, commands and agents whether a commit is good."),
        "review": ("review", "Review branches like pull requests, with no server."),
        "train": ("train", "Land what is approved, checked on what it lands on."),
        "why": ("why", "From a line of a file to the commit, review and task behind it."),
    },
    "Removing and mending": {
        "remove": ("worktrees", "Remove worktrees; refused while something would be lost."),
        "undo": ("worktrees", "Bring a removed worktree back, with all that was in it."),
        "trash": ("trash", "What was removed: list it, bring it back, let it go."),
        "purge": ("purge", "Take a leaked secret out of refs and objects, for good."),
        "doctor": ("doctor", "Find what is out of step, and mend it."),
    },
    "Settings": {
        "hooks": ("hooks", "Git's hooks: ours beside those that are there, in or out."),
        "config": ("config", "Show and change the settings, each with where it comes from."),
        "demo": ("demo", "Several agents at work, with a scripted model: no key needed."),
    },
}
