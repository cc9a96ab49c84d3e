"""Verdicts on disk, each written as soon as it is known.

Promises: after `kill -9` at any instant, every verdict that was reached is read back, and one
that was being written is simply not there. Two processes may use one folder.
Refuses: to tell whether what the command runs has changed since. A folder belongs to one
question; a verdict is looked up by the command's text and the commit.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import tomli_w

from gitcoord.analysis.bisect_check import Answer, Verdict
from gitcoord.errors import Problem
from gitcoord.records import SCHEMA, random_text


class Memory:
    """The verdicts of one command, in `folder`. again: of runs that only confirm."""

    def __init__(self, folder: Path, command: str) -> None:
        digest = hashlib.sha256(command.encode("utf-8", "surrogateescape")).hexdigest()
        self.folder = folder / digest[:16]

    def known(self, limit: float | None, *, again: bool = False) -> dict[str, Verdict]:
        """Commit -> verdict, oldest first. Runs that were late under a lower limit count for
        nothing, and so does a file that cannot be read."""
        ending = ".again.toml" if again else ".toml"
        paths = [path for path in self.folder.glob("*.toml") if path.name.count(".") == 1 + again]
        found = [self._read(path, path.name.removesuffix(ending)) for path in paths]
        usable = [one for one in found if one and (one.answer != "late" or _enough(one, limit))]
        return {one.commit: one for one in sorted(usable, key=lambda one: one.at)}

    def keep(self, verdict: Verdict, *, again: bool = False) -> None:
        """Write it down, and its log beside it. Raises Problem."""
        name = verdict.commit + (".again" if again else "")
        about = {
            "schema": SCHEMA,
            "answer": verdict.answer,
            "seconds": verdict.seconds,
            "at": verdict.at,
            "tail": verdict.tail,
        }
        known = {"code": verdict.code, "limit": verdict.limit}
        about |= {key: value for key, value in known.items() if value is not None}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{name}.log").write_bytes(verdict.log)
            self._replace(f"{name}.toml", tomli_w.dumps(about).encode())
        except OSError as error:
            raise Problem(
                f"cannot keep a verdict in {self.folder}: {error.strerror}",
                hint=f"make room, or make it writable: df -h '{self.folder}'",
            ) from error

    def forget(self) -> None:
        """Take all verdicts back: an end was not what it was said to be, so what the command
        runs is likely to be mended before it is run again."""
        for path in self.folder.glob("*.toml"):
            path.unlink(missing_ok=True)

    def _replace(self, name: str, content: bytes) -> None:
        new = self.folder / f".{name}.{random_text(6)}"
        try:
            with new.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.folder / name)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    def _read(self, path: Path, commit: str) -> Verdict | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            said: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
            if said["schema"] == SCHEMA and said["answer"] in get_args(Answer):
                return Verdict(
                    commit,
                    said["answer"],
                    said.get("code"),
                    float(said["seconds"]),
                    said.get("limit"),
                    str(said["tail"]),
                    str(said["at"]),
                )
        return None


def _enough(verdict: Verdict, limit: float | None) -> bool:
    return limit is not None and verdict.limit is not None and verdict.limit >= limit
