"""gitcoord: several coding agents, one repository, each in its own git worktree."""

__version__ = "0.1.0"
