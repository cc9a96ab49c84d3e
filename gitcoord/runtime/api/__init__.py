"""Our own loop on the `anthropic` package: a model at work in a worktree, with hands of ours.

    loop.py         run_api: the turns, the limits, the end
    conversation.py what was said and done so far: a fold over the lines of the transcript
    stream.py       one answer of the model, put together from its events
    line.py         the connections of the process; gate.py: its pace
    failures.py     what went wrong, by class, and what is to be done about it
    shortening.py   what is left out when the conversation grows too long
    hands.py        the tools: what each takes, who may use it; the rest of the room does them
    reach.py        paths: through every symlink, and never outside the worktree

`anthropic` is imported by line.py alone, when the first call is made: it takes 0.6 to 1.3 s.
"""
