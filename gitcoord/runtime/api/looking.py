"""Searching the worktree and reading its history, by git.

Promises: no program of the repository's configuration runs (text conversion, external diffs);
what a model names is never taken for an option; an answer is capped while it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gitcoord.errors import BadInput, Problem
from gitcoord.git.repository import Repository
from gitcoord.git.run import start
from gitcoord.runtime.api.capped import listen
from gitcoord.runtime.api.reach import SETTINGS, Reach

_SECONDS = 20.0
_MOST_LINES = 50
_MOST_COMMITS = 100
_LOG = "--format=%h %ad %an%n    %s"
_HIDDEN = sorted(SETTINGS - {".git"})


@dataclass(frozen=True)
class Looking:
    """repo: seen from the agent's worktree. most: characters of an answer."""

    repo: Repository
    reach: Reach
    most: int
    stopped: Callable[[], bool]

    def search(self, given: Mapping[str, Any]) -> str:
        """Lines that match, as `path:line:text`."""
        where = self._pathspecs(str(given.get("path", ".")), str(given.get("glob", "")))
        argv = ["grep", "-n", "-I", "--no-color", "--untracked", f"--max-count={_MOST_LINES}"]
        argv += ["--no-textconv", "--no-recurse-submodules", "--threads=1"]
        argv += ["-F" if given.get("fixed") else "-E"]
        argv += ["-i"] if given.get("ignore_case") else []
        argv += ["-l"] if given.get("names_only") else []
        context = min(10, max(0, int(given.get("context", 0))))
        argv += [f"-C{context}"] if context else []
        return self._ask([*argv, "-e", str(given["pattern"]), "--", *where], none=1) or "no match"

    def files(self, path: str, glob: str) -> str:
        """Names of files that git would take in, also those not added yet."""
        argv = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"]
        return self._ask([*argv, "--", *self._pathspecs(path, glob)]) or "no file"

    def history(self, given: Mapping[str, Any]) -> str:
        """Commits, one commit, who wrote which line, or what differs from a commit."""
        what = str(given["what"])
        asked = {"log": self._log, "show": self._show, "blame": self._blame, "diff": self._diff}
        if what not in asked:
            raise BadInput(f"history has no {what!r}: log, show, blame or diff")
        return asked[what](given)

    def _log(self, given: Mapping[str, Any]) -> str:
        count = min(_MOST_COMMITS, max(1, int(given.get("count", 20))))
        argv = [
            "log",
            f"-{count}",
            _LOG,
            "--date=iso-strict",
            "--no-show-signature",
            "--no-textconv",
        ]
        argv += [f"-S{given['changed']}"] if given.get("changed") else []
        return self._ask([*argv, self._commit(given), "--", *self._paths(given)]) or "no commit"

    def _show(self, given: Mapping[str, Any]) -> str:
        commit, paths = self._commit(given), self._paths(given)
        argv = ["show", "--no-ext-diff", "--no-textconv", "--no-color", "--no-show-signature"]
        argv += [] if paths else ["--stat", "--patch"]
        return self._ask([*argv, commit, "--", *paths]) or "it changed nothing there"

    def _blame(self, given: Mapping[str, Any]) -> str:
        path = "/".join(self.reach.place(str(given.get("path") or ".")))
        if not path:
            raise BadInput("blame needs a path")
        argv = ["blame", "--date=short", "--abbrev=10", "--no-textconv"]
        if first := int(given.get("first_line", 0)):
            argv += [f"-L{first},{max(first, int(given.get('last_line', first)))}"]
        return self._ask([*argv, self._commit(given), "--", path])

    def _diff(self, given: Mapping[str, Any]) -> str:
        argv = ["diff", "--no-ext-diff", "--no-textconv", "--no-color"]
        return self._ask([*argv, self._commit(given), "--", *self._paths(given)]) or "no difference"

    def _commit(self, given: Mapping[str, Any]) -> str:
        return self.repo.commit(str(given.get("commit") or "HEAD"))

    def _paths(self, given: Mapping[str, Any]) -> list[str]:
        """The path asked about; of history it need not be there any more."""
        if not given.get("path"):
            return []
        parts = self.reach.place(str(given["path"]))
        return [f":(literal,top){'/'.join(parts)}"] if parts else []

    def _pathspecs(self, path: str, glob: str) -> list[str]:
        parts = self.reach.place(path)
        below = "/".join(parts)
        if glob:
            glob = glob if "/" in glob else f"**/{glob}"
            return [f":(glob,top){below}{'/' if below else ''}{glob}", *self._left_out()]
        return [f":(literal,top){below}" if below else ":(top)", *self._left_out()]

    def _left_out(self) -> list[str]:
        hidden = [f":(exclude,top,glob)**/{name}{end}" for name in _HIDDEN for end in ("", "/**")]
        return [*hidden, ":(exclude,top).agentcoord"]

    def _ask(self, argv: Sequence[str], *, none: int = 0) -> str:
        """What git says. none: an exit code that means it has nothing to say."""
        process = start("--no-pager", *argv, cwd=self.repo.home)
        said = listen(process, most=self.most, seconds=_SECONDS, stopped=self.stopped)
        if said.code is None:
            raise Problem(f"no answer within {_SECONDS:g} s: ask for less; so far:\n{said.text}")
        if said.code not in (0, none):
            raise BadInput(f"git says: {said.errors.strip()[:600]}")
        return said.text.rstrip("\n")
