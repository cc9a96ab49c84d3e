"""An agent program without an agent: it plays a script, whatever it is called with.

    python -m gitcoord.testing.fake_agent …     the script is named by FAKE_AGENT_SCRIPT
    install(folder, "claude", script)           a program of that name, with its script built in

A script is a JSON file: {steps, resumed, version, help, marks, taken, unknown}. It plays `steps`,
or `resumed` when its arguments resume a conversation, in the order written. `--version` and
`--help` print those texts. marks: a folder where conversations are remembered; a new one with a
mark that is there plays `taken`, one resumed that is not there plays `unknown`. A step is known by
its first key:

    say: JSON | text     a line on stdout           stderr: text     a line on stderr
    replay: file         the lines of a recording (see below), as they were
    raw: text            on stdout without a newline, to end in the middle of a line
    flood: bytes         so much on stdout, in lines of `line` bytes (100); `valid`: each is JSON
    write: {path: text}  files, from the current folder; append: the same; delete: path
    run: argv            a program, to its end: git add, git commit
    wait: seconds        hang: true     silence for that long, for ever
    await: path          silence until that file is there
    read: true           stdin, to its end
    record: path         argv, folder, environment and what was read, as JSON, to look at later
    ignore: [TERM, INT]  signals
    spawn: seconds       a child that sleeps; `leaves`: in a session of its own; `pid`: file for it
    die: KILL            of that signal
    exit: code           at once; without it, 0 at the end

`{{cwd}}`, `{{mark}}` and `{{prompt}}` are filled in. A recording has as its first line
{"recorded": {program, cwd, mark, …}}: who recorded what, and its folder and mark, which are
replaced by those of now.

Promises: it does what the script says and nothing else; it calls nobody.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

# Options that are followed by the mark of a conversation; those that resume it, apart.
NEW = ("--session-id",)
RESUME = ("--resume", "-r", "resume", "-s", "--session")
BLOCK = 1 << 16


class Player:
    """One call of the program. mark: of the conversation, given or made up."""

    def __init__(self, script: Mapping[str, Any], argv: Sequence[str], place: Path) -> None:
        self.script, self.argv, self.place = script, list(argv), place
        self.folder = Path.cwd()
        self.resumed = after(argv, RESUME)
        self.mark = self.resumed or after(argv, NEW) or str(uuid4())
        self.read = ""

    def steps(self) -> Sequence[Mapping[str, Any]]:
        """Those that fit how it was called."""
        found = self.script.get("steps", ())
        if self.resumed and "resumed" in self.script:
            found = self.script["resumed"]
        if "marks" in self.script:
            known = self.place / self.script["marks"] / self.mark
            wrong = "unknown" if self.resumed else "taken"
            if known.exists() != bool(self.resumed):
                found = self.script.get(wrong, ({"exit": 1},))
            else:
                known.parent.mkdir(parents=True, exist_ok=True)
                known.touch()
        return list(found)

    def play(self) -> int:
        """Play to the end. Returns the exit code."""
        for step in self.steps():
            name, argument = next(iter(step.items()))
            if name == "exit":
                return int(argument)
            STEPS[name](self, argument, step)
        return 0

    def filled(self, text: str) -> str:
        """The text with what only this call knows."""
        prompt = self.argv[-1] if self.argv else ""
        known = {"cwd": str(self.folder), "mark": self.mark, "prompt": prompt}
        for name, value in known.items():
            text = text.replace("{{" + name + "}}", json.dumps(value)[1:-1])
        return text

    def path(self, name: str) -> Path:
        target = self.folder / self.filled(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target


def after(argv: Sequence[str], options: Sequence[str]) -> str:
    """The word after one of the options, also as `--option=word`; "" when there is none."""
    for word, following in zip(argv, [*argv[1:], ""], strict=False):
        if word in options and following and not following.startswith("-"):
            return following
        name, _, value = word.partition("=")
        if name in options and value:
            return value
    return ""


def out(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _say(player: Player, line: Any, _step: Mapping[str, Any]) -> None:
    out(player.filled(line if isinstance(line, str) else json.dumps(line)) + "\n")


def _stderr(player: Player, line: str, _step: Mapping[str, Any]) -> None:
    sys.stderr.write(player.filled(line) + "\n")
    sys.stderr.flush()


def _replay(player: Player, name: str, step: Mapping[str, Any]) -> None:
    head, *lines = (player.place / name).read_text(encoding="utf-8").splitlines()
    recorded = json.loads(head)["recorded"]
    for line in lines[: step.get("lines")]:
        line = line.replace(recorded["cwd"], str(player.folder))
        out(line.replace(recorded["mark"], player.mark) + "\n")


def _raw(player: Player, text: str, _step: Mapping[str, Any]) -> None:
    out(player.filled(text))


def _flood(_player: Player, size: int, step: Mapping[str, Any]) -> None:
    length = step.get("line", 100)
    text = "x" * (length - 1)
    line = (json.dumps({"type": "noise", "text": text}) if step.get("valid") else text) + "\n"
    block = line * max(1, BLOCK // len(line))
    for _ in range(max(1, size // len(block))):
        sys.stdout.write(block)
    sys.stdout.flush()


def _write(player: Player, files: Mapping[str, str], _step: Mapping[str, Any]) -> None:
    for name, text in files.items():
        player.path(name).write_text(text, encoding="utf-8")


def _append(player: Player, files: Mapping[str, str], _step: Mapping[str, Any]) -> None:
    for name, text in files.items():
        with player.path(name).open("a", encoding="utf-8") as file:
            file.write(text)


def _delete(player: Player, name: str, _step: Mapping[str, Any]) -> None:
    player.path(name).unlink()


def _run(player: Player, argv: Sequence[str], _step: Mapping[str, Any]) -> None:
    filled = [player.filled(word) for word in argv]
    subprocess.run(filled, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _wait(_player: Player, seconds: float, _step: Mapping[str, Any]) -> None:
    time.sleep(seconds)


def _hang(_player: Player, _always: bool, _step: Mapping[str, Any]) -> None:
    while True:
        time.sleep(3600)


def _await(player: Player, name: str, _step: Mapping[str, Any]) -> None:
    while not player.path(name).exists():
        time.sleep(0.01)


def _read(player: Player, _always: bool, _step: Mapping[str, Any]) -> None:
    player.read = sys.stdin.read()


def _record(player: Player, name: str, _step: Mapping[str, Any]) -> None:
    seen = {
        "argv": player.argv,
        "cwd": str(player.folder),
        "env": dict(os.environ),
        "stdin": player.read,
        "mark": player.mark,
        "pid": os.getpid(),
        "group": os.getpgid(0),
    }
    player.path(name).write_text(json.dumps(seen), encoding="utf-8")


def _ignore(_player: Player, names: Sequence[str], _step: Mapping[str, Any]) -> None:
    for name in names:
        signal.signal(signal.Signals[f"SIG{name}"], signal.SIG_IGN)


def _spawn(player: Player, seconds: float, step: Mapping[str, Any]) -> None:
    """The child keeps stdout open, as children of agents do."""
    sleeping = f"import time; time.sleep({seconds})"
    child = subprocess.Popen(
        [sys.executable, "-IS", "-c", sleeping], start_new_session=bool(step.get("leaves"))
    )
    if "pid" in step:
        player.path(step["pid"]).write_text(str(child.pid))


def _die(_player: Player, name: str, _step: Mapping[str, Any]) -> None:
    number = signal.Signals[f"SIG{name}"]
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(60)


STEPS: dict[str, Callable[[Player, Any, Mapping[str, Any]], None]] = {
    "say": _say,
    "stderr": _stderr,
    "replay": _replay,
    "raw": _raw,
    "flood": _flood,
    "write": _write,
    "append": _append,
    "delete": _delete,
    "run": _run,
    "wait": _wait,
    "hang": _hang,
    "await": _await,
    "read": _read,
    "record": _record,
    "ignore": _ignore,
    "spawn": _spawn,
    "die": _die,
}


def install(folder: Path, name: str, script: Mapping[str, Any] | Path) -> Path:
    """Make a program of that name in the folder, which plays the script. Returns its path.

    The script is built in: a runner passes few variables on. Files that it names are looked for
    beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(script, Path):
        file = script.absolute()
    else:
        file = folder.absolute() / f"{name}.script.json"
        file.write_text(json.dumps(dict(script)), encoding="utf-8")
    program = folder / name
    home = Path(__file__).parents[2]
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(home)!r})\n"
        f"from gitcoord.testing.fake_agent import main\nsys.exit(main({str(file)!r}))\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


def main(script: str = "") -> int:
    """Play the script (a file) with the arguments of this process. Returns the exit code."""
    script = script or os.environ.get("FAKE_AGENT_SCRIPT", "")
    if not script:
        sys.stderr.write("FAKE_AGENT_SCRIPT names no script\n")
        return 2
    said = json.loads(Path(script).read_text(encoding="utf-8"))
    for option in ("version", "help"):
        if f"--{option}" in sys.argv[1:] and option in said:
            out(said[option] + "\n")
            return 0
    return Player(said, sys.argv[1:], Path(script).parent).play()


if __name__ == "__main__":
    sys.exit(main())
