"""Roles in tables, words and JSON.

agents list --json   [{name, description, capabilities, runners, writes, source}]
agents show --json   {name, description, capabilities, runners, writes, source, place, tools,
                      model, max_turns, budget, prompt, shadows [source], origin}
agents import --json  {source, commit, dry_run, roles [{name, state, tools, asked, without, writes,
                      licence, path}], left_out [{path, why}], gone [name]}
agents pick, search   [{name, score, reasons, past {done, failed}, and as in list}]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitcoord.records import counted
from gitcoord.view.plain import one_line

if TYPE_CHECKING:
    from gitcoord.runs.importing import Import, Incoming
    from gitcoord.runs.picking import Picked
    from gitcoord.runs.role import Role
    from gitcoord.runs.roles import Listed

COLUMNS = ("role", "from", "capabilities", "description")
IMPORTED = ("role", "state", "tools", "without", "licence", "file")
PICKED = ("role", "score", "reasons")
FREE = ("capabilities", "description")


def role_json(role: Role) -> dict[str, Any]:
    return {
        "name": role.name,
        "description": role.description,
        "capabilities": list(role.capabilities),
        "runners": list(role.runners),
        "writes": role.writes,
        "source": role.source,
    }


def role_cells(one: Listed) -> tuple[str, ...]:
    role = one.role
    return (role.name, one.place, ", ".join(role.capabilities), one_line(role.description, 160))


def import_json(plan: Import, *, dry_run: bool) -> dict[str, Any]:
    return {
        "source": plan.source,
        "commit": plan.commit,
        "dry_run": dry_run,
        "roles": [
            {
                "name": one.role.name,
                "state": one.state,
                "tools": list(one.role.tools or ()),
                "asked": None if one.origin.asked is None else list(one.origin.asked),
                "without": list(one.without),
                "writes": one.role.writes,
                "licence": one.origin.licence,
                "path": one.origin.path,
            }
            for one in plan.roles
        ],
        "left_out": [{"path": path, "why": why} for path, why in plan.left_out],
        "gone": list(plan.gone),
    }


def incoming_cells(one: Incoming) -> tuple[str, ...]:
    origin = one.origin
    asked_all = "all others" if origin.asked is None else ""
    return (
        one.role.name, one.state, " ".join(one.role.tools or ()),
        " ".join(one.without) or asked_all, origin.licence or "not said", origin.path,
    )  # fmt: skip


def import_line(plan: Import, *, dry_run: bool) -> str:
    states = Counter(one.state for one in plan.roles)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    at = f" at {plan.commit[:12]}" if plan.commit else ""
    done = "would take over" if dry_run else "took over"
    return f"{done} {counted(len(plan.roles), 'role')} ({told}) from {plan.source}{at}"


def picked_json(one: Picked) -> dict[str, Any]:
    told = {"score": round(one.score, 4), "reasons": list(one.reasons), "past": one.past._asdict()}
    role = role_json(one.role)
    return {"name": role.pop("name"), **told, **role}


def picked_cells(one: Picked) -> tuple[str, ...]:
    return (one.role.name, f"{one.score:.2f}", "; ".join(one.reasons))


def whole_json(one: Listed, role: Role, shadowed: Sequence[Listed]) -> dict[str, Any]:
    origin = one.origin
    return {
        **role_json(role),
        "place": one.place,
        "tools": None if role.tools is None else list(role.tools),
        "model": role.model,
        "max_turns": role.max_turns,
        "budget": role.budget,
        "prompt": role.prompt,
        "shadows": [other.role.source for other in shadowed],
        "origin": origin._asdict() if origin else None,
    }


def whole_text(one: Listed, role: Role, shadowed: Sequence[Listed]) -> str:
    """A role for a person to read: what it may do, where it is from, its prompt."""
    told = {
        "capabilities": ", ".join(role.capabilities),
        "tools": "all of the runner's" if role.tools is None else ", ".join(role.tools) or "none",
        "writes": "yes" if role.writes else "no, beside its findings",
        "runners": ", ".join(role.runners),
        "model": role.model,
        "turns": f"at most {role.max_turns}" if role.max_turns else "",
        "budget": f"${role.budget:g}" if role.budget else "",
        "file": role.source,
        **_origin_told(one),
    }
    lines = [f"{role.name} ({one.place})", f"  {role.description}"]
    lines += [f"  {key:<13} {value}" for key, value in told.items() if value]
    lines += [f"  {'shadows':<13} {other.role.source} ({other.place})" for other in shadowed]
    return "\n".join([*lines, "", role.prompt])


def _origin_told(one: Listed) -> dict[str, str]:
    if one.origin is None:
        return {}
    origin = one.origin
    asked = "all" if origin.asked is None else ", ".join(origin.asked) or "none"
    return {
        "imported from": f"{origin.source} {origin.commit[:12]}".strip(),
        "its file": origin.path,
        "licence": origin.licence or "not said",
        "asked for": f"{asked} (tools)",
    }
