"""Agents at work.

host.py    drives a run: task by task, from any point, under one lease
local.py   the runner that needs no model: roles that are analysers
report.py  what a run found, as a Markdown report
"""
