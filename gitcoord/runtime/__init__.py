"""Agents at work.

host.py       drives a run: task by task, from any point, under one lease
work.py       a run made for a worktree, a runner for each task, taken up where it stopped
rework.py     an agent that was done is asked again, when its run is resumed
atwork.py     an agent on one task: told, watched, checked against git, billed
agent.py      what every runner is: an assignment in, events, an outcome
runners.py    the runners there are, what works here, which to take
local.py      the runner that needs no model: roles that are analysers
api/          our own loop on the Anthropic API, and its hands on a worktree
programs/     agent programs as children
telling.py    what an agent is told         report.py    what a run found, in Markdown
billing.py    what its calls cost           delivery.py  its work, committed for it
outside.py, watch.py   what changed outside its worktree meanwhile
validating.py which validators are asked, and who is told what they say
judging.py    validators that are agents    answering.py what they answer, if it is a verdict
demo.py, demo_shop.py  the story `gitcoord demo` tells
"""
