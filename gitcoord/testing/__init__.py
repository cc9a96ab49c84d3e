"""A scripted model and a scripted agent program, to try agents without a key and without a network.

    server.py       the model: a server on the loopback address, that speaks as four APIs do
    script.py       what it says, as data (read the head of that file first)
    fake_agent.py   the agent program: replays a recorded stream, with edits, hangs and lies on cue

Nothing of gitcoord imports this but `gitcoord demo` and the tests.
"""
