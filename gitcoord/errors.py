"""Everything that can go wrong in words a user can act on.

    Problem                      one line of what was wrong, one of what to do
    ├── BadInput                 an argument, a file or a setting is not usable
    ├── Refused                  possible, but something would be lost or broken
    ├── NotARepository           no git repository here, or git will not open it
    ├── NoSuch                   an id, ref, path or record that does not exist
    ├── Taken                    an id, ref or path that exists already
    ├── Contended                another process changed the same thing first
    ├── Parked                   it cannot go on now, and can later
    ├── NewerSchema              written by a newer gitcoord: refused, not guessed
    ├── Corrupt                  a record that cannot be read as what it should be
    └── GitFailed                git said no where no answer was expected to be no
        └── GitTimedOut          git, and what it started, was ended after its time

A Problem is raised where the fact is known. Only main turns it into words.
"""

from __future__ import annotations

from collections.abc import Sequence


class Problem(Exception):
    """`message` says what is wrong; `hint` says what to do and ends with a command.

    about: the ref of the record that cannot be read, where it is about one.
    """

    exit_code = 2
    about = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInput(Problem):
    pass


class Refused(Problem):
    pass


class NotARepository(Problem):
    pass


class NoSuch(Problem):
    pass


class Taken(Problem):
    pass


class Parked(Problem):
    """until: when it can, RFC 3339; "" when that is for a person to say."""

    def __init__(self, message: str, *, hint: str = "", until: str = "") -> None:
        super().__init__(message, hint=hint)
        self.until = until


class Contended(Problem):
    pass


class NewerSchema(Problem):
    pass


class Corrupt(Problem):
    pass


class GitFailed(Problem):
    """`code` is git's exit code (negative: the signal); `stderr` is for people, never parsed."""

    def __init__(self, argv: Sequence[str], code: int, stderr: str, *, hint: str = "") -> None:
        said = stderr.strip() or f"exit code {code}"
        super().__init__(f"git {_verb(argv)} failed: {said}", hint=hint)
        self.argv = tuple(argv)
        self.code = code
        self.stderr = stderr


class GitTimedOut(GitFailed):
    pass


def _verb(argv: Sequence[str]) -> str:
    words = list(argv)
    while words[:1] == ["-c"]:
        del words[:2]
    return next((word for word in words if word and not word.startswith("-")), "")
