"""What an agent changed in its worktree, committed on its behalf.

    deliver(repo, worktree, …)  ->  Delivery: the commit, what is in it, what was left out and why

Promises: everything on disk that is tracked or not ignored is in the commit, as one step that
happens whole or not at all; no hook runs; afterwards index and worktree are as committed. The
agent's own commits are kept as they are.
Refuses, and says so in `problems`: files that hold secrets or are too large, which stay as they
are on disk; a worktree in the middle of a rebase or with conflicts; another branch than its own.
"""

from __future__ import annotations

import os
import re
import stat
import textwrap
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gitcoord.checks.trees import committed_files
from gitcoord.errors import Contended, NoSuch, Problem
from gitcoord.git.objects import FILE, FOLDER, Batch, Entry, Reader, graft
from gitcoord.git.refs import Change, change_refs, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import find_hidden, take_snapshot
from gitcoord.git.worktrees import find_operation, git_dir_of, list_worktrees
from gitcoord.records import counted
from gitcoord.redaction import find_secrets, redact, without_controls
from gitcoord.worktrees.findings import PREFIX, parse
from gitcoord.worktrees.worktree import Worktree

LARGEST = 10 << 20
_TRIES = 20
_SUBJECT = 72
_MASK = b"[REDACTED:"
_LONGEST_BODY = 4000
_STATUS = (
    *("-c", "core.fsmonitor=false", "status", "--porcelain=v2", "-z", "--no-renames"),
    *("--untracked-files=all", "--ignore-submodules=dirty"),
)
# What agent programs and the tools they call leave behind where no rule ignores it.
_LITTER = re.compile(
    r"""(?:.*?/)??(?: \.aider[^/]* | __pycache__ | \.(?:pytest|mypy|ruff)_cache | \.hypothesis
    | node_modules | \.DS_Store | [^/]*\.pyc | \.gemini-clipboard )(?=/|\Z)
    | \.claude/(?:settings\.local\.json|worktrees) (?=/|\Z)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Stat:
    """How much differs. Binary files count as changed, without lines."""

    files: int = 0
    added: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{counted(self.files, 'file')}, +{self.added} -{self.removed}"


@dataclass(frozen=True)
class Delivery:
    """What became of a task's work.

    commit: the one made here, "" when nothing was left to commit. own: commits the agent made
    itself since the task began, oldest first. stat: of all of it, findings left out. withheld:
    path -> why it is not committed. litter: paths nobody wants. problems: what a person has to
    know, in words. refused: why nothing may be committed, "" when it may.
    """

    commit: str = ""
    own: tuple[str, ...] = ()
    stat: Stat = field(default_factory=Stat)
    withheld: Mapping[str, str] = field(default_factory=dict)
    litter: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class Work:
    """What a commit is made for, as its message tells it. cost: in words, "" when nobody knows."""

    run: str
    task: str
    role: str
    runner: str
    model: str = ""
    cost: str = ""
    summary: str = ""


def deliver(
    repo: Repository,
    worktree: Worktree,
    *,
    run: str,
    task: str,
    role: str,
    runner: str,
    author: str,
    model: str = "",
    cost: str = "",
    summary: str = "",
    since: str = "",
    largest: int = LARGEST,
    commits: bool = True,
    writes: bool = True,
) -> Delivery:
    """Commit what is in the worktree on its branch, and put its findings where they are read.

    author: as `author_of` gives it. since: the commit the task began at, "" when not known.
    largest: bytes of one file. commits: False where the agent has to commit: what it left is
    a problem then. writes: False for a role that is to change no code: what it changed stays
    uncommitted. Raises Contended when the branch keeps moving.
    """
    about = Work(run, task, role, runner, model, cost, summary)
    for left in reversed(range(_TRIES)):
        wrong = _why_not(repo, worktree)
        own, problems = _own_commits(repo, worktree, since, wrong)
        if wrong:
            return Delivery(own=own, problems=tuple(problems), refused=wrong)
        try:
            return _deliver(
                repo, worktree, about, author,
                since=since, largest=largest, commits=commits, writes=writes, own=own,
                problems=problems,
            )  # fmt: skip
        except Contended:
            if not left:
                raise
            time.sleep(0.01)
    raise AssertionError("the last try returns or raises")


def message(worktree: Worktree, work: Work) -> str:
    """Of the commit: what the agent says it did, then trailers that name all about it."""
    said = _harmless(work.summary)[:_LONGEST_BODY]
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", said) if part.strip()]
    first, rest = _subject(
        f"{work.role.capitalize()}: {paragraphs[0] if paragraphs else work.task}"
    )
    body = "\n\n".join(textwrap.fill(part, _SUBJECT) for part in [rest, *paragraphs[1:]] if part)
    trailers = {
        "Worktree": worktree.id, "Run": work.run, "Task": work.task, "Role": work.role,
        "Runner": work.runner, "Model": work.model, "Cost": work.cost,
    }  # fmt: skip
    lines = "\n".join(
        f"Gitcoord-{name}: {' '.join(_harmless(value).split())}"
        for name, value in trailers.items()
        if value
    )
    return "\n\n".join(part for part in (first, body, lines) if part)


def _harmless(text: str) -> str:
    lines = (without_controls(line) for line in redact(text).splitlines())
    return "\n".join(line for line in lines if line.strip("-= \t") or not line.strip())


def _subject(text: str) -> tuple[str, str]:
    """(at most 72 characters, what did not fit)."""
    line = " ".join(text.split())
    if len(line) <= _SUBJECT:
        return line, ""
    sentence, dot, after = line.partition(". ")
    if dot and len(sentence) <= _SUBJECT:
        return sentence, after
    cut = line[: _SUBJECT - 1].rpartition(" ")[0] or line[: _SUBJECT - 1]
    return f"{cut}…", f"…{line[len(cut) :]}"


def _branch_of(worktree: Worktree) -> str:
    return str(worktree.record.body.get("branch") or worktree.branch or "")


def _why_not(repo: Repository, worktree: Worktree) -> str:
    """Why nothing may be committed there now, "" when it may."""
    git_dir = git_dir_of(worktree.path)
    operation = find_operation(git_dir) if git_dir else None
    if git_dir is None:
        return f"{worktree.path} is no worktree any more: see gitcoord doctor"
    if operation and operation != "bisect":
        return (
            f"a {operation} is in progress, so nothing was committed: "
            f"see git -C '{worktree.path}' status"
        )
    wanted = _branch_of(worktree)
    branch = next(
        (one.branch_name for one in list_worktrees(repo) if one.path == worktree.path), None
    )
    if branch is None or branch != wanted:
        return (
            f"it left its branch {wanted} for {branch or 'a detached HEAD'}, so nothing was "
            f"committed: see git -C '{worktree.path}' status"
        )
    return ""


def _own_commits(
    repo: Repository, worktree: Worktree, since: str, wrong: str
) -> tuple[tuple[str, ...], list[str]]:
    """Commits since then that are not ours, and what is wrong with them."""
    if not since or git_dir_of(worktree.path) is None:
        return (), []
    run_of = "%H %(trailers:key=Gitcoord-Run,valueonly,separator=%x20)"
    others = (f"^{one}" for one in _grounds(repo, worktree))
    asked = repo.run(
        "log", "-z", "--reverse", f"--format={run_of}", "HEAD", f"^{since}", *others, "--",
        ok=(0, 128), at=worktree.path,
    )  # fmt: skip
    parts = [line.partition(" ") for line in asked.fields()] if not asked.code else []
    own = tuple(commit for commit, _, run in parts if not run.strip())
    problems = []
    if repo.run(
        "merge-base", "--is-ancestor", since, "HEAD", ok=(0, 1, 128), at=worktree.path
    ).code:
        problems.append(
            f"it took back commits of its branch, which was at {since[:12]}: "
            f"see git -C '{worktree.path}' reflog"
        )
    # Of all of them, as a trailer is quickly written.
    every = [commit for commit, _, _ in parts]
    problems += _secrets_committed(repo, every, since) if every else []
    return own, problems


def _grounds(repo: Repository, worktree: Worktree) -> list[str]:
    """Where the branch it grew from is now, here and as a remote has it: an agent that merges
    that has not written what comes with it."""
    ref = str(worktree.base.get("ref", ""))
    name = ref.split("/", 3)[-1] if ref.startswith("refs/remotes/") else ""
    asked = [one for one in (ref, f"refs/heads/{name}" if name else "") if one.startswith("refs/")]
    there = read_refs(repo, *asked) if asked else {}
    return [there[one] for one in asked if one in there]


def _secrets_committed(repo: Repository, commits: Sequence[str], since: str) -> Iterator[str]:
    """In every version of every file of these commits, also those taken out again."""
    versions = {(file.path, file.content) for _, file in committed_files(repo, commits)}
    with Reader(repo) as reader:
        for path, content in sorted(versions):
            kinds = sorted({kind for kind, _ in _new_secrets(reader, since, path, content)})
            if kinds:
                yield (
                    f"it committed what looks like a secret ({', '.join(kinds)}) in {path}: "
                    "change it where it is in use, then see gitcoord purge --help"
                )


def _deliver(
    repo: Repository, worktree: Worktree, about: Work, author: str, *, since: str, largest: int,
    commits: bool, writes: bool, own: tuple[str, ...], problems: Sequence[str],
) -> Delivery:  # fmt: skip
    tip = find_ref(repo, f"refs/heads/{_branch_of(worktree)}")
    if tip is None:
        raise NoSuch(f"{_branch_of(worktree)} is gone", hint="see: gitcoord doctor")
    with Reader(repo) as reader:
        names, litter, conflicts = _changed(repo, worktree)
        if conflicts:
            text = f"there are conflicts, so nothing was committed: {', '.join(conflicts[:5])}"
            stat = _stat(repo, since, tip)
            return Delivery("", own, stat, problems=tuple(problems), refused=text)
        withheld = dict(_withheld(worktree.path, names, reader, tip, largest))
        code = [name for name in names if not name.startswith(f"{worktree.folder}/")]
        if not writes:
            withheld |= dict.fromkeys(code, f"the role {about.role} is to change no code")
        masked = list(_masked(worktree.path, code, reader, tip))
        if commits:
            tree, more = _tree(repo, worktree, reader, tip, withheld, litter, largest)
            withheld |= more
        else:
            tree = reader.read(f"{tip}^{{tree}}")[0]
            withheld = dict.fromkeys(names, "the agent has to commit, and did not") | withheld
        commit = _commit(repo, worktree, reader, tree, tip, message(worktree, about), author)
        if commit:
            _catch_up_index(repo, worktree, commit, withheld)
    told = [f"{path} was left uncommitted: {why}" for path, why in withheld.items()]
    told += [*masked, *_unreadable_findings(worktree)]
    changed = _stat(repo, since or tip, commit or tip)
    return Delivery(commit, own, changed, withheld, litter, (*problems, *_few(told)))


def _changed(repo: Repository, worktree: Worktree) -> tuple[list[str], tuple[str, ...], list[str]]:
    """(paths that differ from the commit, litter: files and whole folders, paths in conflict)."""
    names, litter, conflicts = [], {}, []
    for line in repo.run(*_STATUS, at=worktree.path).fields():
        if line[0] == "?":
            found = _LITTER.match(line[2:])
            if found:
                litter[found.group()] = True
            else:
                names.append(line[2:])
        elif line[0] == "1":
            names.append(line.split(" ", 8)[-1])
        elif line[0] == "u":
            conflicts.append(line.split(" ", 10)[-1])
    names += (one for one in find_hidden(repo, worktree.path) if one not in names)
    return names, tuple(litter), conflicts


def _withheld(
    top: Path, names: Iterable[str], reader: Reader, tip: str, largest: int
) -> Iterator[tuple[str, str]]:
    """Path -> why it must not be committed."""
    for name in names:
        file = top / name
        try:
            if file.is_symlink() or not file.is_file():
                continue
            size = file.stat().st_size
            if size > largest:
                yield name, f"{size:,} bytes are more than {largest:,}"
                continue
            content = file.read_bytes()
        except OSError as error:
            yield name, f"it cannot be read ({error.strerror})"
            continue
        found = list(_new_secrets(reader, tip, name, content))
        if found:
            yield name, f"line {found[0][1]} looks like a secret ({found[0][0]})"


def _masked(top: Path, names: Iterable[str], reader: Reader, tip: str) -> Iterator[str]:
    """Where an agent wrote what stands for a secret in what it is shown."""
    for name in names:
        file = top / name
        with suppress(OSError):
            if not _is_readable(file):
                continue
            if _MASK in file.read_bytes() and "\n" not in name:
                old = reader.find(f"{tip}:{name}")
                if old is None or _MASK not in old[2]:
                    yield (
                        f"{name} has {_MASK.decode()}…] in it, which stands for a secret that was "
                        "not shown to the agent"
                    )


def _new_secrets(
    reader: Reader, commit: str, path: str, content: bytes
) -> Iterator[tuple[str, int]]:
    """(kind, line) of secrets that the file does not have in `commit`."""
    if find_secrets(content, path):
        old = reader.find(f"{commit}:{path}") if "\n" not in path else None
        found = find_secrets(content, path, besides=old[2] if old else b"")
        yield from ((one.kind, one.line) for one in found)


def _tree(
    repo: Repository, worktree: Worktree, reader: Reader, tip: str,
    withheld: Mapping[str, str], litter: Sequence[str], largest: int,
) -> tuple[str, dict[str, str]]:  # fmt: skip
    """The tree of what is to be committed, and what more could not be in it."""
    top = worktree.path
    others = [one.path for one in list_worktrees(repo) if one.path != top]
    away = [top / name for name in (*withheld, *litter)]
    taken = take_snapshot(repo, top, largest=largest, exclude=[*others, *away])
    nested = {os.path.relpath(one, top) for one in others if one.is_relative_to(top)}
    known = {*withheld, *litter, *nested}
    more = {name: "git cannot take it in" for name in taken.left_out if name not in known}
    batch = Batch(repo)
    before = {name: _entry(reader, tip, name) for name in withheld}
    tree = graft(batch, reader, taken.files, {**before, **_findings(worktree, batch, withheld)})
    batch.write()
    return tree, more


def _entry(reader: Reader, commit: str, path: str) -> Entry | None:
    """What a path is in a commit, read folder by folder."""
    *folders, name = path.encode("utf-8", "surrogateescape").split(b"/")
    entries = reader.tree(f"{commit}^{{tree}}")
    for folder in folders:
        found = entries.get(folder)
        if found is None or found.mode != FOLDER:
            return None
        entries = reader.tree(found.id)
    return entries.get(name)


def _findings(
    worktree: Worktree, batch: Batch, withheld: Mapping[str, str]
) -> dict[str, Entry | None]:
    """The agent's findings, also where a rule of the project ignores them."""
    found: dict[str, Entry | None] = {}
    for file in finding_files(worktree):
        path = f"{worktree.folder}/findings/{file.name}"
        if path not in withheld and not find_secrets(content := file.read_bytes(), path):
            found[path] = Entry(FILE, batch.blob(content))
    return found


def finding_files(worktree: Worktree, names: str = "*.md") -> list[Path]:
    """The agent's findings on disk, of which a person could read each. Not among them: links,
    which could lead anywhere, pipes, which would keep us waiting, and what is too large."""
    folder = worktree.path / worktree.folder / "findings"
    if not folder.resolve().is_relative_to(worktree.path.resolve()):
        return []
    return [one for one in sorted(folder.glob(names)) if _is_readable(one)]


def _is_readable(file: Path) -> bool:
    with suppress(OSError):
        about = file.lstat()
        return stat.S_ISREG(about.st_mode) and about.st_size <= LARGEST
    return False


def _unreadable_findings(worktree: Worktree) -> Iterator[str]:
    for file in finding_files(worktree):
        content = file.read_bytes()
        if content.startswith(b"+++") and not parse(worktree.id, file.name, content).front:
            yield f"the front matter of the finding {file.name} is no TOML"


def _commit(
    repo: Repository, worktree: Worktree, reader: Reader, tree: str, tip: str, text: str,
    author: str,
) -> str:  # fmt: skip
    """The new commit, "" when there is nothing new. The findings' own ref moves along."""
    batch, archive = Batch(repo), PREFIX + worktree.id
    commit, changes = "", []
    if tree != reader.read(f"{tip}^{{tree}}")[0]:
        commit = batch.commit(tree, [tip], text, author=author)
        batch.write()
        changes.append(Change(f"refs/heads/{_branch_of(worktree)}", tip, commit))
    folder, old = _entry(reader, commit or tip, worktree.folder), find_ref(repo, archive)
    if folder is not None and folder.mode == FOLDER and folder.id != old:
        changes.append(Change(archive, old, folder.id))
    if changes:
        change_refs(repo, changes, reason="delivery")
    return commit


def _catch_up_index(
    repo: Repository, worktree: Worktree, commit: str, withheld: Iterable[str]
) -> None:
    """The index as the commit, where it is not and nothing was withheld; then look at the files
    anew. The agent's own git may hold index.lock for a moment."""
    listed = repo.run(
        "diff-index", "--cached", "-z", "--raw", "--no-abbrev", "--no-renames",
        "--ignore-submodules=none", commit, "--", at=worktree.path,
    ).fields()  # fmt: skip
    stays = set(withheld)
    lines = "".join(
        f"{was[1:].split(' ')[0]} {was.split(' ')[2]} 0\t{path}\0"
        for was, path in zip(listed[::2], listed[1::2], strict=True)
        if path not in stays
    )
    for left in reversed(range(_TRIES)):
        try:
            if lines:
                asked = ("update-index", "--add", "-z", "--index-info")
                repo.run(*asked, input=os.fsencode(lines), at=worktree.path)
            repo.run("update-index", "-q", "--refresh", ok=(0, 1), at=worktree.path)
            return
        except Problem:
            if not left:
                raise
            time.sleep(0.05)


def _stat(repo: Repository, old: str, new: str) -> Stat:
    besides = ("--", ".", ":(exclude).agentcoord")
    asked = ("diff-tree", "-r", "-z", "--numstat", "--no-renames", old, new, *besides)
    said = repo.run(*asked, ok=(0, 128)) if old else None
    lines = [line.split("\t") for line in said.fields()] if said and not said.code else []
    counts = [[int(one) if one.isdigit() else 0 for one in line[:2]] for line in lines]
    return Stat(len(counts), sum(one[0] for one in counts), sum(one[1] for one in counts))


def _few(told: Sequence[str]) -> list[str]:
    most = 10
    more = [f"and {len(told) - most} more like that"] if len(told) > most else []
    return [*told[:most], *more]
