"""The names of git's hooks (githooks(5), git 2.55): ours, and those that are only passed on."""

from __future__ import annotations

OURS = (
    "pre-commit",
    "commit-msg",
    "post-commit",
    "post-merge",
    "post-rewrite",
    "post-checkout",
    "pre-merge-commit",
    "pre-push",
    "reference-transaction",
)
OTHERS = (
    "applypatch-msg",
    "p4-changelist",
    "p4-post-changelist",
    "p4-pre-submit",
    "p4-prepare-changelist",
    "post-applypatch",
    "post-index-change",
    "post-receive",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "sendemail-validate",
    "update",
)
# That these exist changes what git does, even where they do nothing: they are passed on only
# when there is something to pass on to.
WHERE_PRESENT = ("proc-receive", "push-to-checkout")
