"""The front door: finds the command, and turns every way it can end into words and a code.

    0    done
    1    the answer is no: conflicts found, a check failed
    2    a problem or wrong usage: `error:` and `hint:` on stderr
    3    our bug: a log is written and its path printed
    130  interrupted
    141  whoever read our output went away, as for any program ended by SIGPIPE

With --json a failure is one JSON document on stdout as well, besides the words on stderr:
{"error": {"kind", "message", "hint"}}. Refuses: to import anything heavy before it is needed;
`gitcoord --version` may cost three times an empty Python and does without typer.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # the constant of typing, without its 5 ms
if TYPE_CHECKING:
    from pathlib import Path

    from gitcoord.commands.asked import Asked
    from gitcoord.errors import Problem
    from gitcoord.git.repository import Repository
    from gitcoord.git.run import Several

    Early = tuple[Repository, Several]


def main() -> None:
    """The console scripts `gitcoord` and `git-coord`. Leaves the process."""
    gc.set_threshold(50_000)  # a command's imports alone set it off 60 times: 8 of 75 ms
    _prepare_streams()
    sys.exit(answer(sys.argv[1:]))


def answer(words: list[str]) -> int:
    """Do what the words ask, say what went wrong if it did, and return the exit code."""
    asked: Asked | None = None
    try:
        if words == ["--version"]:
            code = _print_version()
        elif words[:2] == ["conflicts", "near"] and not {"-h", "--help"} & {*words}:
            code = _near(words[2:])
        elif words[:1] == ["hook"]:
            asked = _asked()
            code = _hook(words[1:], asked)
        elif words in (["agents", "list"], ["agents", "list", "--json"]):
            asked = _asked()
            code = _list_roles(asked, words)
        else:
            early = _begin_early(words)
            asked = _asked()
            asked.early = early
            code = _list(asked, words) if early else _obey(words, asked)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_left():
            _drop_output()
            return 141
        return _failed(error, words, asked)
    return code


def _print_version() -> int:
    from gitcoord import __version__

    sys.stdout.write(f"gitcoord {__version__}\n")
    return 0


def _begin_early(words: list[str]) -> Early | None:
    """Set git to work for `list` before typer and the rest are imported, which takes 60 ms.

    None for every other command line, and where there is no repository: who is asked next
    says so.
    """
    if words not in (["list"], ["list", "--json"]):
        return None
    from gitcoord.errors import Problem
    from gitcoord.git.repository import Repository
    from gitcoord.worktrees.statuses import ask_statuses

    try:
        repo = Repository.find()
        return repo, ask_statuses(repo)
    except (Problem, OSError):
        return None


def _list(asked: Asked, words: list[str]) -> int:
    """Asked at every prompt, with nothing to parse: typer would be a sixth of what it costs."""
    from gitcoord.commands.rows import print_rows

    print_rows(asked, as_json="--json" in words)
    return 0


def _list_roles(asked: Asked, words: list[str]) -> int:
    """Asked by programs that choose a role: typer would be a third of what it costs."""
    from gitcoord.commands.role_rows import print_roles

    print_roles(asked, as_json="--json" in words)
    return 0


def _near(words: list[str]) -> int:
    """Asked before every edit: typer alone would double what it costs."""
    from gitcoord.commands.near import near

    return near(words)


def _hook(words: list[str], asked: Asked) -> int:
    """Run by git, which waits for it. What it starts in turn runs no hook of ours."""
    from gitcoord.commands.hook import hook

    merged = [name[8:] for name in os.environ if name.startswith("GITHEAD_")]
    os.environ["GITCOORD_HOOKS"] = "off"
    return hook(words, asked, index=os.environ.get("GIT_INDEX_FILE", ""), merged=merged)


def _asked() -> Asked:
    from gitcoord.commands.asked import Asked

    return Asked(
        plain=bool(os.environ.get("NO_COLOR")),
        dumb=os.environ.get("TERM") == "dumb",
        shell=os.path.basename(os.environ.get("SHELL", "")),  # noqa: PTH119 - pathlib costs 8 ms
        shell_folder=os.environ.get("PWD", ""),
        agent=os.environ.get("GITCOORD_AGENT", ""),
    )


def _obey(words: list[str], asked: Asked) -> int:
    from gitcoord.commands import verbs

    called = os.path.basename(sys.argv[0])  # noqa: PTH119
    program = "git-coord" if called == "git-coord" else "gitcoord"
    variable = f"_{program}_COMPLETE".replace("-", "_").upper()
    if os.environ.get(variable):
        return verbs.complete(program=program, variable=variable, asked=asked)
    return verbs.obey(words, program=program, asked=asked)


def _interrupted() -> int:
    _say("interrupted; what was begun is completed or taken back by: gitcoord doctor --fix")
    return 130


def _failed(error: Exception, words: list[str], asked: Asked | None) -> int:
    problem = _problem(error) or _bug(error, words, asked)
    if isinstance(error, OSError):
        _drop_output()
    _say(f"error: {_plain(problem.message)}")
    if problem.hint:
        _say(f"hint: {_plain(problem.hint)}")
    options = words[: words.index("--")] if "--" in words else words
    if "--json" in options and not (asked and asked.answered):
        _say_json(problem)
    return problem.exit_code


def _problem(error: Exception) -> Problem | None:
    """What the user can act on: a Problem as it is, the machine's troubles in words."""
    import errno

    from gitcoord.errors import Problem

    if isinstance(error, Problem):
        return error
    hints = {
        errno.ENOSPC: "free some space; what is left: df -h {folder}",
        errno.EDQUOT: "free some of your quota; what is used: quota",
        errno.EROFS: "the file system is mounted read-only; see: df {folder}",
        errno.EACCES: "see who may: ls -ld {path}",
        errno.EPERM: "see who may: ls -ld {path}",
        errno.ENOTDIR: "see what is there: ls -ld {folder}",
        errno.ELOOP: "see where its links lead: ls -ld {path}",
        errno.ENAMETOOLONG: "choose a shorter name; the longest here: getconf NAME_MAX {folder}",
        errno.EMFILE: "allow more open files: ulimit -n 4096",
        errno.EIO: "the disk or the network behind it fails; see: df {folder}",
    }
    if not isinstance(error, OSError) or error.errno not in hints:
        return None
    path = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else ""
    where = {"path": _there(path), "folder": _there(os.path.dirname(path))}  # noqa: PTH120
    said = (error.strerror or "").lower()
    return Problem(f"{path}: {said}" if path else said, hint=_filled(hints[error.errno], where))


def _there(path: str) -> str:
    """The path, or the nearest folder above it that is there to be looked at."""
    while path and not os.path.lexists(path):
        path = os.path.dirname(path)  # noqa: PTH120
    return path or "."


def _filled(hint: str, where: dict[str, str]) -> str:
    import shlex

    return hint.format_map({name: shlex.quote(value) for name, value in where.items()})


def _bug(error: Exception, words: list[str], asked: Asked | None) -> Problem:
    from gitcoord.errors import Problem

    said = f"{type(error).__name__}: {error}".strip(": ")[:300]
    log = _write_log(error, words, asked)
    hint = f"please report it, with the log once you have looked through it: less {log}"
    problem = Problem(f"a bug in gitcoord: {said}", hint=hint if log else "please report it")
    problem.exit_code = 3
    return problem


def _write_log(error: Exception, words: list[str], asked: Asked | None) -> Path | None:
    """The traceback in a file only its owner can read; on stderr where no file can be written."""
    import traceback
    from datetime import UTC, datetime

    from gitcoord import __version__

    now = datetime.now(UTC)
    text = _without_environment(
        f"gitcoord {__version__}, Python {sys.version}, {sys.platform}\n"
        f"{now:%Y-%m-%dT%H:%M:%SZ} {words!r}\n\n{''.join(traceback.format_exception(error))}"
    )
    for folder in _log_folders(asked):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            log = folder / f"crash-{now:%Y%m%dT%H%M%S}-{os.getpid()}.log"
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            continue
        return log
    _say(text)
    return None


def _log_folders(asked: Asked | None) -> list[Path]:
    """Beside the repository's records when one was found, else with the user's own files."""
    from platformdirs import user_state_path

    found = asked.__dict__.get("repository") if asked else None
    own = [found.own_dir / "logs"] if found else []
    return [*own, user_state_path("gitcoord", appauthor=False) / "logs"]


def _without_environment(text: str) -> str:
    """Keys and tokens live in the environment, and an exception's message may quote them."""
    known = sorted(os.environ.items(), key=lambda pair: -len(pair[1]))
    for name, value in known:
        if len(value) >= 8:
            text = text.replace(value, f"${name}")
    return text


def _plain(text: str) -> str:
    from gitcoord.view.plain import plain

    return plain(text, multiline=True)


def _say(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        _drop(sys.stderr)


def _say_json(problem: Problem) -> None:
    import json

    kind, hint = type(problem).__name__, problem.hint
    document = {"error": {"kind": kind, "message": problem.message, "hint": hint}}
    try:
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
        sys.stdout.flush()
    except OSError:
        _drop(sys.stdout)


def _reader_left() -> bool:
    """Whether it is our output that nobody reads, and not a pipe to a program of ours."""
    import select

    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        try:
            poll.register(stream.fileno(), 0)
        except (OSError, ValueError):
            continue
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _drop_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _drop(stream)


def _drop(stream: object) -> None:
    """Send the rest to nowhere, or Python fails once more when it flushes at its end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())  # type: ignore[attr-defined]
    except OSError:
        return


def _prepare_streams() -> None:
    """What an encoding lacks is written as an escape, so that words never stop an answer.

    `>&-` leaves a hole that the next open file would fall into, and take our words: fill it.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115, PTH123
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
