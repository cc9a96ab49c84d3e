"""The roles in rows, without what parses command lines: for `agents list` as it is mostly asked."""

from __future__ import annotations

from collections.abc import Sequence

from gitcoord.commands.asked import Asked
from gitcoord.runs.roles import Roles, read_roles
from gitcoord.view import agents as view


def print_roles(asked: Asked, *, capabilities: Sequence[str] = (), as_json: bool) -> None:
    """All roles that can do all of `capabilities`; files that cannot be used are named."""
    roles = read_roles(asked.find_repository())
    wanted = {name.strip().lower() for name in capabilities}
    found = [one for one in roles.counting if wanted <= {*one.role.capabilities}]
    if as_json:
        asked.screen.answer_json([view.role_json(one.role) for one in found])
    else:
        asked.screen.table(view.COLUMNS, [view.role_cells(one) for one in found], free=view.FREE)
    if not found:
        asked.screen.say("no role can do that; see who can do what: gitcoord agents list")
    say_broken(asked, roles)


def say_broken(asked: Asked, roles: Roles) -> None:
    for broken in roles.broken:
        asked.screen.warn(broken.problem)
