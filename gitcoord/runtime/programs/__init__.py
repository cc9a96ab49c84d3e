"""Agent programs: each is started, watched and judged in its own way, and all in the same.

program.py     the process: environment, streams, limits, end of the whole tree
reader.py      what a program says, and what comes of it
failure.py     what errors mean: wait, try again, or tell the user what to do
installed.py   which programs there are, and their versions
holding.py     a tool call of Claude Code held until a person has decided
probe.py       whether a program works, tried at a scripted model
claude.py codex.py gemini.py opencode.py aider.py command.py human.py
"""
