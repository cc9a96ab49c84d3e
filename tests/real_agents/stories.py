"""What the scripted model says to each program, in the tools of that program."""

from __future__ import annotations

from typing import Any

Turns = list[Any]

PATCH = "*** Begin Patch\n*** Add File: b.py\n+y = 2\n*** End Patch\n"
COMMIT = "git add b.py && git commit -qm 'Add b.py'"
DONE, MORE = "All done.", "Resumed."

EDIT: dict[str, Turns] = {
    "claude": [
        {
            "thinking": "Let me see.",
            "text": "Reading.",
            "tools": [{"name": "Read", "input": {"file_path": "{{cwd}}/a.py"}}],
        },
        {"tools": [
            {"name": "Write", "input": {"file_path": "{{cwd}}/b.py", "content": "y = 2\n"}},
            {"name": "Bash", "input": {"command": COMMIT, "description": "Commit"}},
        ]},
        DONE,
        MORE,
    ],
    "codex": [
        {
            "thinking": "Let me see.",
            "text": "Reading.",
            "tools": [{"name": "exec_command", "input": {"cmd": "cat a.py"}}],
        },
        {"tools": [{"name": "apply_patch", "input": PATCH}]},
        {"tools": [{"name": "exec_command", "input": {"cmd": COMMIT}}]},
        DONE,
        MORE,
    ],
    "gemini": [
        {"text": "Reading.", "tools": [{"name": "read_file", "input": {"file_path": "a.py"}}]},
        {"tools": [
            {"name": "write_file", "input": {"file_path": "{{cwd}}/b.py", "content": "y = 2\n"}}
        ]},
        {"tools": [{"name": "run_shell_command", "input": {"command": COMMIT}}]},
        DONE,
        MORE,
    ],
    "opencode": [
        {"text": "Reading.", "tools": [{"name": "read", "input": {"filePath": "{{cwd}}/a.py"}}]},
        {"tools": [
            {"name": "write", "input": {"filePath": "{{cwd}}/b.py", "content": "y = 2\n"}},
            {"name": "bash", "input": {"command": COMMIT, "description": "Commit"}},
        ]},
        DONE,
        MORE,
    ],
    "aider": [
        "b.py\n```\n<<<<<<< SEARCH\n=======\ny = 2\n>>>>>>> REPLACE\n```\n",
        {"text": "Add b.py", "again": True},
    ],
}  # fmt: skip

# Words beside the prompt with which each is called headless.
CALL = {
    "claude": (
        "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits",
        "--allowedTools", "Bash(git *)",
    ),
    "codex": ("--json", "-s", "danger-full-access"),
    # A model by name: `auto` first asks another one how hard the task is.
    "gemini": (
        "-o", "stream-json", "--approval-mode", "yolo", "--skip-trust", "-m", "gemini-2.5-pro",
    ),
    "opencode": ("--format", "json"),
    "aider": (
        "--model", "openai/scripted", "--yes-always", "--no-analytics", "--no-check-update",
        "--no-show-model-warnings", "--no-gitignore", "--no-pretty", "--no-stream",
        "--edit-format", "diff", "--map-tokens", "0", "--no-show-release-notes",
    ),
}  # fmt: skip
BEFORE = {
    "claude": ("-p", "{prompt}"),
    "codex": ("exec", "{prompt}"),
    "gemini": ("-p", "{prompt}"),
    "opencode": ("run", "{prompt}"),
    "aider": ("--message", "{prompt}"),
}


def words(name: str, prompt: str, *more: str) -> list[str]:
    """The arguments to call the program with."""
    return [*(word.format(prompt=prompt) for word in BEFORE[name]), *CALL[name], *more]


def script(name: str, turns: Turns | None = None) -> Any:
    """A script for the program. aider shows the model examples that look like answers of it."""
    turns = EDIT[name] if turns is None else turns
    count = "calls" if name == "aider" else "answers"
    return {"conversations": [{"turns": turns, "count": count}]}
