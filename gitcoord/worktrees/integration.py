"""Is everything on this branch somewhere else too?

Answered by git, in the order from cheap to dear, and failing closed: what could not be
shown counts as not integrated. The worktree's own `.agentcoord/<id>` folder does not
count as work to be merged: it is kept under refs/agentcoord/findings when the worktree goes.

A squashed, rebased or cherry-picked copy is found by merging: where merging the branch into
a commit of the target gives just that commit's tree, everything on the branch was in it.
Patch ids would not do: they ignore white space and know no binary file from another
(git-patch-id(1)), so that they call merged what is not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitcoord.errors import GitFailed
from gitcoord.git.objects import Batch, Reader, graft, signature
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository, git_version

# How far back in the target a squashed or rebased copy is looked for: 0.5 ms each.
_WALK = 1_000
_WALK_ONE_BY_ONE = 50
# Beyond this many changed paths, asking git for the commits that touch them costs more.
_PATHS = 1_000


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
    repo: Repository, tip: str, *, besides: Collection[str], base: str, base_ref: str, folder: str
) -> Integration:
    """Whether the work at commit `tip` is in the base's branch, its upstream, the default
    branch, or any other local branch or tag.

    besides: full refs that prove nothing: the branch asked about, and those removed with it.
    base: commit it was cut from, "" when nobody knows. folder: of the agents' own files.
    """
    targets = list_targets(repo, base_ref, besides=besides)
    holders = _containing(repo, tip, "refs/heads", "refs/tags", besides=besides)
    if holders:
        return Integration("its commits are in", holders[0])
    known = [*targets.values()]
    if base and _containing(repo, base, "refs/heads", "refs/tags", "refs/remotes", besides=besides):
        known.append(base)
    missing = _count_missing(repo, tip, known, folder)
    if missing == 0:
        return Integration("it changes no file")
    try:
        for name, target in targets.items():
            by = _in_target(repo, tip, target, known, folder)
            if by:
                return Integration(by, name)
    except GitFailed:  # a shallow or damaged history
        return Integration("", missing=None)
    return Integration("", missing=missing)


def list_targets(
    repo: Repository, base_ref: str, *, besides: Collection[str] = ()
) -> dict[str, str]:
    """Where work is expected to land: full ref -> commit; the base's branch first."""
    names = [base_ref, *_upstreams(repo, base_ref)]
    names += ["refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master"]
    found = read_refs(repo, *(name for name in dict.fromkeys(names) if name))
    ordered = [name for name in dict.fromkeys(names) if name in found and name not in besides]
    return {name: found[name] for name in ordered}


def _upstreams(repo: Repository, ref: str) -> list[str]:
    name = ref.removeprefix("refs/heads/")
    remote = repo.setting(f"branch.{name}.remote")
    merge = repo.setting(f"branch.{name}.merge").removeprefix("refs/heads/")
    return [f"refs/remotes/{remote}/{merge}"] if remote and merge and remote != "." else []


def _containing(repo: Repository, commit: str, *where: str, besides: Collection[str]) -> list[str]:
    """Refs that reach `commit`. For a tip, remote branches do not count: a fetch prunes them."""
    listed = repo.run(
        "for-each-ref", "--format=%(refname)", "--contains", commit, *where, ok=(0, 129)
    )
    return [name for name in listed.lines() if name and name not in besides]


def _count_missing(repo: Repository, tip: str, known: Sequence[str], folder: str) -> int | None:
    """Commits that change a file outside `folder` and are in none of `known`.

    `--full-history`: the default passes over whole lines of work that a merge discarded.
    """
    try:
        asked = repo.run(
            "rev-list", "--count", "--full-history", tip, *(f"^{one}" for one in known),
            "--", ":/", _without(folder),
        )  # fmt: skip
    except GitFailed:
        return None
    return int(asked.text)


def _in_target(repo: Repository, tip: str, target: str, known: Sequence[str], folder: str) -> str:
    """How the work is in the target, "" when it is not. Raises GitFailed."""
    base = repo.run("merge-base", target, tip, ok=(0, 1)).text
    if not base:
        return ""
    changed = repo.run(
        "diff-tree", "-r", "-z", "--no-renames", "--name-only", base, tip, "--", ":/",
        _without(folder),
    ).fields()  # fmt: skip
    if not changed and _has_own_commits(repo, tip, known, folder):
        return ""  # commits that cancel out: somebody may want one of them back
    stripped = _stripped(repo, tip, folder)
    if _add_nothing(repo, [target], stripped) == [target]:
        return "merging it changes nothing in"
    then = _touching(repo, base, target, changed) if changed else []
    return "the same changes are in" if _add_nothing(repo, then, stripped) else ""


def _has_own_commits(repo: Repository, tip: str, known: Sequence[str], folder: str) -> bool:
    """Other than merges, which bring in what others did."""
    asked = repo.run(
        "rev-list", "--no-merges", "--max-count=1", "--full-history", tip,
        *(f"^{one}" for one in known), "--", ":/", _without(folder),
    )  # fmt: skip
    return bool(asked.out)


def _stripped(repo: Repository, tip: str, folder: str) -> str:
    """A commit on `tip`, reached by no ref, without the agents' own files."""
    batch = Batch(repo)
    with Reader(repo) as reader:
        tree = reader.read(f"{tip}^{{tree}}")[0]
        bare = graft(batch, reader, tree, {folder: None})
    who = signature("gitcoord", "gitcoord@localhost", 0)
    commit = batch.commit(bare, [tip], "without its findings", author=who)
    batch.write()
    return commit


def _touching(repo: Repository, base: str, target: str, paths: Sequence[str]) -> list[str]:
    """Commits on the target's own line since `base` that touch one of `paths`."""
    limit = _WALK if _can_batch() else _WALK_ONE_BY_ONE
    narrow = len(paths) <= _PATHS and not any("\n" in path for path in paths)
    lines = [target, f"^{base}", "--", *(paths if narrow else ())]
    script = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    return repo.run(
        "--literal-pathspecs", "rev-list", "--first-parent", f"--max-count={limit}", "--stdin",
        input=script, at=repo.top or repo.common_dir,
    ).lines()  # fmt: skip


def _add_nothing(repo: Repository, commits: Sequence[str], branch: str) -> list[str]:
    """Those of `commits` whose tree stays the same when `branch` is merged into them.

    Merged in memory by git's own rules alone: a driver such as `merge=ours` would discard
    the branch's side and so call it merged. The objects made on the way are thrown away.
    """
    if not commits:
        return []
    trees = _trees(repo, commits)
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        env = {
            "GIT_OBJECT_DIRECTORY": folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(repo.common_dir / "objects"),
            **plain_drivers(repo),
        }
        merged = list(_merge_all(repo, commits, branch, env))
    pairs = zip(commits, merged, strict=True)
    return [commit for commit, tree in pairs if tree == trees[commit]]


def _merge_all(
    repo: Repository, commits: Sequence[str], branch: str, env: Mapping[str, str]
) -> Iterator[str]:
    """The tree of each merge, "" where it conflicts."""
    argv = ("merge-tree", "--write-tree", "--name-only", "-z")
    if not _can_batch():
        for commit in commits:
            one = repo.run(*argv, "--no-messages", commit, branch, ok=(0, 1), env=env)
            yield "" if one.code else one.fields()[0]
        return
    script = "".join(f"{commit} {branch}\n" for commit in commits).encode()
    fields = repo.run(*argv, "--no-messages", "--stdin", input=script, env=env).out.split(b"\0")
    rest = iter(fields[:-1])
    for clean in rest:
        tree = next(rest).decode()
        while next(rest):  # names of files in conflict, ended by an empty one
            pass
        yield tree if clean == b"1" else ""


def plain_drivers(repo: Repository) -> dict[str, str]:
    """Settings under which every file that asks for a driver of its own is a conflict.

    In the environment: a driver's name may have a "=", which `-c` would take for its own.
    """
    drivers = [key for key in repo.settings if key[:6] == "merge." and key[-7:] == ".driver"]
    settings = dict.fromkeys(("merge.union.driver", *drivers), "false")
    settings |= {"merge.renormalize": "false", "merge.directoryRenames": "false"}
    settings["merge.default"] = "text"
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def _trees(repo: Repository, commits: Sequence[str]) -> dict[str, str]:
    asked = "".join(f"{commit}^{{tree}}\n" for commit in commits).encode()
    listed = repo.run("cat-file", "--batch-check=%(objectname)", input=asked).lines()
    return dict(zip(commits, listed, strict=True))


def _can_batch() -> bool:
    return git_version() >= (2, 39)


def _without(folder: str) -> str:
    return f":(top,exclude,literal){folder}"
