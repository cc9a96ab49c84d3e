"""Is everything on this branch somewhere else too?

Answered by git, in the order from cheap to dear, and failing closed: what could not be
shown counts as not integrated. The worktree's own `.agentcoord/<id>` folder does not
count as work to be merged: it is kept under refs/agentcoord/findings when the worktree goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcoord.errors import GitFailed
from gitcoord.git.objects import Batch, Reader, graft, signature
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository

# How far back in the target a squashed or rebased copy is looked for.
_WALK = 2_000


@dataclass(frozen=True)
class Integration:
    """by: how it is known ("" when not integrated). target: the ref that holds it.

    missing: commits on the branch that no target has, 0 when integrated, None when unknown.
    """

    by: str
    target: str = ""
    missing: int | None = 0

    def __bool__(self) -> bool:
        return bool(self.by)


def find_integration(
    repo: Repository, tip: str, *, branch: str | None, base: str, base_ref: str, folder: str
) -> Integration:
    """Whether the work at commit `tip` is in the base's branch, its upstream, the default
    branch, or any other local branch or tag.

    branch: the full ref being asked about, which proves nothing about itself. base: commit
    it was cut from. folder: of the agents' own files.
    """
    targets = list_targets(repo, base_ref, besides=branch)
    holders = _containing(repo, tip, besides=branch)
    if holders:
        return Integration("its commits are in", holders[0])
    if not _changes(repo, base, tip, folder):
        return Integration("it changes no file")
    for name, target in targets.items():
        by = _in_target(repo, tip, target, folder)
        if by:
            return Integration(by, name)
    return Integration("", missing=_count_missing(repo, tip, list(targets.values()), folder))


def list_targets(repo: Repository, base_ref: str, *, besides: str | None) -> dict[str, str]:
    """Where work is expected to land: full ref -> commit; the base's branch first."""
    names = [base_ref, *_upstreams(repo, base_ref)]
    names += ["refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master"]
    found = read_refs(repo, *(name for name in dict.fromkeys(names) if name))
    ordered = [name for name in dict.fromkeys(names) if name in found and name != besides]
    return {name: found[name] for name in ordered}


def _upstreams(repo: Repository, ref: str) -> list[str]:
    name = ref.removeprefix("refs/heads/")
    remote = repo.setting(f"branch.{name}.remote")
    merge = repo.setting(f"branch.{name}.merge").removeprefix("refs/heads/")
    return [f"refs/remotes/{remote}/{merge}"] if remote and merge and remote != "." else []


def _containing(repo: Repository, tip: str, *, besides: str | None) -> list[str]:
    """Local branches and tags that reach `tip`. Remote branches can be pruned by a fetch."""
    listed = repo.run(
        "for-each-ref", "--format=%(refname)", "--contains", tip, "refs/heads", "refs/tags"
    )
    return [name for name in listed.lines() if name and name != besides]


def _changes(repo: Repository, base: str, tip: str, folder: str) -> bool:
    """Whether the branch changed any file outside `folder` since it was cut."""
    try:
        asked = repo.run(
            "diff", "--quiet", "--no-ext-diff", f"{base}...{tip}", "--", ":/", _without(folder),
            ok=(0, 1),
        )  # fmt: skip
    except GitFailed:  # no merge base: shallow or unrelated
        return True
    return asked.code == 1


def _in_target(repo: Repository, tip: str, target: str, folder: str) -> str:
    if _adds_nothing(repo, tip, target, folder):
        return "merging it changes nothing in"
    if _copied(repo, tip, target, folder):
        return "the same changes are in"
    return ""


def _adds_nothing(repo: Repository, tip: str, target: str, folder: str) -> bool:
    """A real merge, in memory, of the branch without its folder: does it give the target?"""
    batch = Batch(repo)
    with Reader(repo) as reader:
        _, _, body = reader.read(tip)
        fields = [line.split(b" ") for line in body.split(b"\n\n", 1)[0].split(b"\n")]
        tree = next(f[1].decode() for f in fields if f[0] == b"tree")
        stripped = graft(batch, reader, tree, {folder: None})
        wanted = reader.read(f"{target}^{{tree}}")[0]
    who = signature("gitcoord", "gitcoord@localhost", 0)
    commit = batch.commit(stripped, [tip], "without its findings", author=who)
    batch.write()
    merged = repo.run("merge-tree", "--write-tree", "--no-messages", target, commit, ok=(0, 1, 128))
    return merged.code == 0 and merged.text == wanted


def _copied(repo: Repository, tip: str, target: str, folder: str) -> bool:
    """Rebased: every commit's patch is in the target. Squashed: the whole of it is, as one."""
    bases = repo.run("merge-base", target, tip, ok=(0, 1)).text
    if not bases:
        return False
    where = ("--", ":/", _without(folder))
    theirs = _patch_ids(repo, f"{bases}..{target}", where)
    # A merge may hold edits of its own that no patch shows.
    if not repo.run("rev-list", "--merges", "--max-count=1", f"{bases}..{tip}").out:
        ours = _patch_ids(repo, f"{bases}..{tip}", where)
        if ours and ours <= theirs:
            return True
    whole = repo.run("diff", "--no-ext-diff", "--no-textconv", bases, tip, *where).out
    return bool(whole) and _id_of(repo, whole) <= theirs


def _patch_ids(repo: Repository, revisions: str, where: Sequence[str]) -> set[str]:
    shown = repo.run(
        "log", "-p", "--no-merges", "--no-ext-diff", "--no-textconv", "--no-color", "--format=%H",
        f"--max-count={_WALK}", "--end-of-options", revisions, *where,
    )  # fmt: skip
    return _id_of(repo, shown.out)


def _id_of(repo: Repository, patch: bytes) -> set[str]:
    listed = repo.run("patch-id", "--stable", input=patch)
    return {line.split(" ")[0] for line in listed.lines() if line}


def _count_missing(repo: Repository, tip: str, targets: Sequence[str], folder: str) -> int | None:
    try:
        asked = repo.run(
            "rev-list", "--count", "--end-of-options", tip, *(f"^{one}" for one in targets),
            "--", ":/", _without(folder),
        )  # fmt: skip
    except GitFailed:
        return None
    return int(asked.text)


def _without(folder: str) -> str:
    return f":(top,exclude,literal){folder}"
