"""A change of a file of git's configuration, as bytes: compare-and-swap, and back.

Promises: the file is replaced whole, under git's own lock, and only while it is as it was
looked at; taken back, it has the bytes it had. Where others changed it since, only our keys are
taken out, by git itself. A lock left by a killed process of ours is known and removed.
Refuses: a file that somebody else has locked or changes meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gitcoord.errors import Contended, Corrupt
from gitcoord.git.repository import Repository

Keys = Mapping[str, tuple[str, Sequence[str]]]
"""Key -> the value we set, and those it had before."""


@dataclass(frozen=True)
class Edit:
    """before, after: the whole file; None where there is none. keys: what is changed in it."""

    file: Path
    before: bytes | None
    after: bytes | None
    keys: Keys = field(default_factory=dict)


def content_of(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def plan_keys(repo: Repository, file: Path, values: Mapping[str, str]) -> Edit:
    """The change that sets each key to one value, in the way git would write it."""
    before = content_of(file)
    had = {key: tuple(values_in(repo, file, key)) for key in values}
    commands = [("--replace-all", key, value) for key, value in values.items()]
    after = _after(repo, file, before, commands)
    keys = {key: (value, had[key]) for key, value in values.items()}
    return Edit(file, before, after, keys)


def plan_sections(file: Path, values: Mapping[str, str]) -> Edit:
    """The change that adds `family.name.key` -> value as sections of their own, at the end."""
    before = content_of(file)
    sections: dict[str, dict[str, str]] = {}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        sections.setdefault(section, {})[key] = value
    added = b"".join(_section(section, keys) for section, keys in sections.items())
    gap = b"\n" if before and not before.endswith(b"\n") else b""
    keys = {name: (value, ()) for name, value in values.items()}
    return Edit(file, before, (before or b"") + gap + added, keys)


def apply(edit: Edit) -> None:
    """Raises Contended when the file is locked, or is not what it was."""
    swap(edit.file, edit.before, edit.after)


def take_back(repo: Repository, edit: Edit) -> None:
    """What the file was before; where others changed it too, without what is ours in it.

    Doing it twice is no harm. Raises Contended.
    """
    now = content_of(edit.file)
    if now == edit.before:
        return
    if now == edit.after:
        swap(edit.file, now, edit.before)
        return
    commands: list[tuple[str, ...]] = []
    for key, (value, before) in edit.keys.items():
        if values_in(repo, edit.file, key) == [value]:
            commands.append(("--unset-all", key))
            commands += [("--add", key, one) for one in before]
    if commands:
        swap(edit.file, now, _after(repo, edit.file, now, commands))


def values_in(repo: Repository, file: Path, key: str) -> list[str]:
    """The values of a key in this one file, as they are written there."""
    if not file.exists():
        return []
    argv = ("config", "--file", str(file), "--no-includes", "-z", "--get-all", key)
    return repo.run(*argv, ok=(0, 1)).fields()


def swap(file: Path, before: bytes | None, after: bytes | None) -> None:
    """Replace the content of a file git locks, as git does: `FILE.lock`, then rename."""
    target = Path(os.path.realpath(file))
    lock = target.with_name(f"{target.name}.lock")
    fresh = _fresh(target)
    sweep(file)
    mode = target.stat().st_mode & 0o777 if before is not None else 0o644
    _write(fresh, after or b"", mode)
    try:
        os.link(fresh, lock)
    except FileExistsError:
        fresh.unlink()
        raise Contended(
            f"git's configuration is locked by another process: {lock}",
            hint=f"try again; if nothing runs that would hold it: rm '{lock}'",
        ) from None
    if content_of(target) != before:
        sweep(file)
        raise Contended(
            f"{target} was changed by another process meanwhile",
            hint="nothing of it was changed; again: gitcoord hooks install",
        )
    if after is None:
        target.unlink(missing_ok=True)
        sweep(file)
        return
    lock.rename(target)
    fresh.unlink(missing_ok=True)


def sweep(file: Path) -> None:
    """What a killed process of ours left beside the file. Our lock is a second name of a file
    that is surely ours, and so is told from git's."""
    target = Path(os.path.realpath(file))
    lock, fresh = target.with_name(f"{target.name}.lock"), _fresh(target)
    with suppress(FileNotFoundError):
        if fresh.samefile(lock):
            lock.unlink()
    for left in (fresh, _copy(target), _copy(target).with_name(f"{_copy(target).name}.lock")):
        left.unlink(missing_ok=True)


def _fresh(target: Path) -> Path:
    return target.with_name(f"{target.name}.gitcoord")


def _copy(target: Path) -> Path:
    return target.with_name(f"{target.name}.gitcoord-copy")


def _write(file: Path, content: bytes, mode: int) -> None:
    with file.open("wb") as opened:
        os.fchmod(opened.fileno(), mode)
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _after(
    repo: Repository, file: Path, before: bytes | None, commands: Sequence[Sequence[str]]
) -> bytes:
    """What git makes of the content: asked of git, on a copy."""
    target = Path(os.path.realpath(file))
    copy = _copy(target)
    mode = target.stat().st_mode & 0o777 if before is not None else 0o644
    _write(copy, before or b"", mode)
    try:
        for command in commands:
            repo.run("config", "--file", str(copy), *command)
        after = content_of(copy)
    finally:
        copy.unlink(missing_ok=True)
    if after is None:
        raise Corrupt(f"git left no configuration at {copy}", hint="see: git config --list")
    return after


def _section(name: str, keys: Mapping[str, str]) -> bytes:
    family, _, given = name.partition(".")
    lines = [f"[{family} {_quoted(given)}]"]
    lines += [f"\t{key} = {_quoted(value)}" for key, value in keys.items()]
    return os.fsencode("".join(f"{line}\n" for line in lines))


def _quoted(text: str) -> str:
    """As git-config(1) reads it back, in double quotes."""
    for char, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(char, written)
    return f'"{text}"'
