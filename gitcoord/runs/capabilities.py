"""What roles can do, in one small vocabulary, and the words of a task that ask for it.

A role may name other capabilities than these; a task asks for those by name alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from gitcoord.analysis.tokens import stem, stems

VOCABULARY = {
    "investigation": "why where cause reason fails failing failure bug broken crash hang wrong "
    "error exception intermittent flaky reproduce debug diagnose investigate symptom traceback",
    "history": "history commit since regression blame introduced changed when who wrote bisect",
    "analysis": "analyse analyze hypothesis evidence weigh structure coupling complexity smell "
    "compare assess explain",
    "planning": "plan design roadmap strategy steps order estimate scope breakdown",
    "implementation": "implement build add feature fix mend change write refactor rename extend "
    "support migrate port replace remove code",
    "testing": "test tests coverage unit integration e2e regression fixture flaky mock verify "
    "assert reproduce",
    "review": "review audit inspect approve merge diff pull request quality feedback",
    "security": "security vulnerability exploit attacker injection xss csrf ssrf auth "
    "authentication authorization permission secret token password encryption cve owasp leak "
    "audit sanitize escape",
    "architecture": "architecture design boundary service microservice interface module system "
    "scalable event domain",
    "backend": "backend server api endpoint rest graphql grpc queue worker handler request service",
    "frontend": "frontend ui ux page component css html browser react vue angular button form "
    "accessibility responsive layout render",
    "database": "database sql query index schema migration table postgres mysql sqlite orm "
    "transaction deadlock join",
    "cloud": "cloud aws azure gcp terraform kubernetes infrastructure cluster network region iam "
    "serverless cost",
    "performance": "performance slow fast speed latency throughput memory cpu profile optimize "
    "optimise benchmark cache leak scale timeout seconds load",
    "documentation": "documentation docs document readme guide manual changelog tutorial "
    "reference docstring",
    "deployment": "deploy deployment release pipeline ci cd docker container image rollout "
    "rollback build publish helm",
    "operations": "production incident outage alert monitoring logs log metric downtime "
    "500 503 restart disk oom",
}
CAPABILITIES = tuple(VOCABULARY)
# What a role's own name says of it, where it is not the capability's name.
_IN_NAMES = {
    "debugger": "investigation", "detective": "investigation", "analyst": "analysis",
    "architect": "architecture", "developer": "implementation", "coder": "implementation",
    "builder": "implementation", "tester": "testing", "test": "testing", "reviewer": "review",
    "auditor": "review", "docs": "documentation", "writer": "documentation", "sql": "database",
    "planner": "planning", "kubernetes": "cloud", "terraform": "cloud", "ui": "frontend",
    "api": "backend", "troubleshooter": "operations", "devops": "operations",
    "incident": "operations", "sre": "operations",
}  # fmt: skip


def asked_for(words: Iterable[str]) -> dict[str, list[str]]:
    """Capability -> the stems among `words` that ask for it; in the order of the vocabulary."""
    meant = _by_stem()
    found: dict[str, list[str]] = {}
    for word in dict.fromkeys(words):
        for capability in meant.get(word, ()):
            found.setdefault(capability, []).append(word)
    return {name: found[name] for name in CAPABILITIES if name in found}


def named_in(name: str) -> tuple[str, ...]:
    """The capabilities a role's name says, `security` and `backend` of backend-security-coder:
    for roles whose file names none."""
    said = {stem(one): one for one in CAPABILITIES}
    said |= {stem(word): capability for word, capability in _IN_NAMES.items()}
    found = {said.get(word) for word in stems(name.replace("_", "-"))}
    return tuple(one for one in CAPABILITIES if one in found)


@cache
def _by_stem() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for capability, words in VOCABULARY.items():
        for word in stems(f"{capability} {words}"):
            if capability not in found.get(word, ()):
                found[word] = (*found.get(word, ()), capability)
    return found
