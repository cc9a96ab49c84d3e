"""The gate before a commit: lets through what surely is clean, sends on all else.

Run by the shim of pre-commit (hooks/parts/gate.sh), in the top folder of the worktree, on what
`git diff-index --cached --raw -p -U0 … HEAD` says. What it needs of modules costs a commit 100 ms,
this 8, of which Python's start is 7.5; as a script, compiled each time anew, it would be 12.

    exit code 0     nothing to say: the commit goes on, the full check is not run
    exit code 9     not sure: run `gitcoord hook pre-commit`
    anything else   the gate is broken: the same

Promises: it never objects itself, writes nothing, starts nothing. Whatever the full check
(hooks/staged.py) says something of, it sends on; tests hold it to that. Refuses: to guess.
Without `re`, `os` and `subprocess`, which together cost as much as it does.
"""

import gc
import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST = 2_000_000  # bytes of a diff
LARGEST = 500_000  # bytes of a file; hooks.largest cannot be less
LARGEST_MEMORY = 500_000
UNSURE = 9

_SPACES = b" \t\n\r\x0b\x0c"
_DIGITS = frozenset(b"0123456789")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_WORD = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-")

# What a secret of redaction.py begins with, how many characters follow at least, and of which
# kind: None is anything but a space. Most could be told more exactly, to no gain.
HEADS = (
    b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-",
    b"gldt-", b"glrt-", b"xox", b"xapp-", b"hooks.slack.com/services/",
    b"discord.com/api/webhooks/", b"sk_live_", b"rk_live_", b"sk_test_", b"rk_test_", b"whsec_",
    b"gsk_", b"xai-", b"pplx-", b"r8_", b"AIza", b"ya29.", b"GOCSPX-", b"SG.", b"npm_", b"pypi-",
    b"rubygems_", b"hf_", b"dop_v1_", b"hvs.", b"hvb.", b"shp", b"sq0", b"lin_api_", b"dckr_",
    b"glsa_", b"glc_", b"PMAK-", b"tskey-", b"figd_", b"ntn_", b"ATATT3", b"sbp_", b"dp.pt.",
    b"dp.st.", b"HRKU-", b"NRAK-", b"sntrys_", b"sntryu_", b"pul-", b"fm1_", b"fm2_", b"pscale_",
    b"dt0c01.", b"AGE-SECRET-KEY-1", b"eyJ", b"AccountKey=",
)  # fmt: skip
TOKENS = (
    (HEADS, 12, None),
    ((b"sk-",), 24, _WORD),
    ((b"SK", b"key-", b"dapi"), 32, _HEX),
)
# These may follow a letter. Of `?sig=` the first may be any character that is not Latin-1.
ANYWHERE = (
    ((b"sig=", b":AA"), 12, None),
    ((b"earer ", b"uthorization: token ", b"asic ", b'"auth": "'), 16, None),
)
PASSWORDS = (b"assword", b"ASSWORD", b"asswd", b"ASSWD", b"assphrase", b"pwd", b"PWD")
NAMES = (*PASSWORDS, b"ecret", b"ECRET", b"oken", b"OKEN", b"redential")
KEYS = (b"key", b"Key", b"KEY")
BEFORE_KEYS = (
    b"api", b"access", b"secret", b"private", b"signing", b"encryption", b"auth", b"account",
    b"master",
)  # fmt: skip
# Endings -> the wheel of tree-sitter that parses such files, and which grammar of it.
_JS, _TS = ("tree_sitter_javascript", "language"), ("tree_sitter_typescript", "language_typescript")
WHEELS = {
    b".js": _JS, b".jsx": _JS, b".mjs": _JS, b".cjs": _JS, b".ts": _TS, b".mts": _TS,
    b".cts": _TS, b".tsx": ("tree_sitter_typescript", "language_tsx"),
    b".go": ("tree_sitter_go", "language"), b".java": ("tree_sitter_java", "language"),
    b".rs": ("tree_sitter_rust", "language"), b".rb": ("tree_sitter_ruby", "language"),
}  # fmt: skip


class Unsure(Exception):
    pass


class Change:
    """One staged file. old, new: blob ids, all zeros where there is none. added: new lines.

    shown: whether git showed any hunk of it.
    """

    def __init__(self, path: bytes, old: bytes, new: bytes, status: bytes) -> None:
        self.path, self.old, self.new, self.status = path, old, new, status
        self.added: list[bytes] = []
        self.shown = False


def check(said: bytes, git_dir: bytes = b"") -> None:
    """Raises Unsure unless there is nothing to say. said: what git's diff-index said.

    git_dir: GIT_DIR as git gave it to the hook, "" where it did not. Any other exception means
    the same.
    """
    changes = parse(said)
    if not changes:
        return
    own, common = find_git(git_dir)
    check_claims(common)
    others = list_others(own, common)
    for change in changes:
        check_others(change, others, common)
        if change.status != b"D" and change.old != change.new:
            check_content(change)


def parse(said: bytes) -> list[Change]:
    """The changes of `--raw -p -U0`; the text of a file is read by the counts before it."""
    if len(said) > MOST:
        raise Unsure("a large diff")
    lines = iter(said.split(b"\n"))
    changes = {}
    for line in lines:
        if not line:
            break
        head, tab, name = line.partition(b"\t")
        parts = head.split(b" ")
        if not tab or len(parts) != 5 or not head.startswith(b":"):
            raise Unsure("not a diff")
        regular = {parts[0][1:], parts[1]} <= {b"100644", b"100755", b"000000"}
        if parts[4] not in (b"A", b"M", b"D") or not regular:
            raise Unsure("more than files changed")
        path = unquoted(name)
        changes[path] = Change(path, *parts[2:])
    parse_patch(lines, changes)
    return list(changes.values())


def parse_patch(lines: "Iterator[bytes]", changes: dict[bytes, Change]) -> None:
    change = None
    for line in lines:
        if line.startswith(b"diff --git "):
            change = None
        elif line.startswith(b"+++ "):
            name = line[4:-1] if line.endswith(b"\t") else line[4:]
            change = None if name == b"/dev/null" else changes[unquoted(name)[2:]]
        elif line == b"unsure":
            raise Unsure("git failed on the way")
        elif line.startswith(b"@@ "):
            old, new = line.split(b" ", 3)[1:3]
            added = parse_hunk(lines, length(old), length(new))
            if change is not None:
                change.shown = True
                change.added += added


def parse_hunk(lines: "Iterator[bytes]", removed: int, count: int) -> list[bytes]:
    added = []
    while removed or count:
        text = next(lines)
        if text.startswith(b"-"):
            removed -= 1
        elif text.startswith(b"+"):
            count -= 1
            added.append(text[1:])
        elif not text.startswith(b"\\"):
            raise Unsure("not a hunk")
    return added


def length(part: bytes) -> int:
    _, comma, count = part.partition(b",")
    return int(count) if comma else 1


def unquoted(name: bytes) -> bytes:
    if not name.startswith(b'"'):
        return name
    import _codecs

    return bytes(_codecs.escape_decode(name[1:-1])[0])


def find_git(given: bytes) -> tuple[bytes, bytes]:
    """The git dir of this worktree, and the one that all worktrees share."""
    own = given or b".git"
    if not is_folder(own):
        own = read(own, 4096).rstrip(b"\n").removeprefix(b"gitdir: ")
    try:
        shared = read(own + b"/commondir", 4096).rstrip(b"\n")
    except FileNotFoundError:
        return real(own), real(own)
    return real(own), real(shared if shared.startswith(b"/") else own + b"/" + shared)


def check_claims(common: bytes) -> None:
    if exists(common + b"/reftable"):
        raise Unsure("refs of another kind")
    try:
        if posix.listdir(common + b"/refs/agentcoord/claims"):
            raise Unsure("claims")
    except FileNotFoundError:
        pass
    try:
        if b" refs/agentcoord/claims/" in read(common + b"/packed-refs", 1 << 30):
            raise Unsure("claims")
    except FileNotFoundError:
        pass


def list_others(own: bytes, common: bytes) -> list[tuple[bytes, bytes]]:
    """(folder, git dir) of all worktrees but this one."""
    others = []
    try:
        names = posix.listdir(common + b"/worktrees")
    except FileNotFoundError:
        names = []
    for name in names:
        admin = common + b"/worktrees/" + name
        if admin == own:
            continue
        link = read(admin + b"/gitdir", 4096).rstrip(b"\n")
        link = link if link.startswith(b"/") else admin + b"/" + link
        top = link.removesuffix(b"/.git")
        if any(exists(admin + part) for part in (b"/MERGE_HEAD", b"/rebase-merge")):
            raise Unsure("a merge")
        if is_folder(top):
            others.append((top, admin))
    if own != common and exists(common + b"/index"):
        if not common.endswith(b"/.git"):
            raise Unsure("the main worktree is elsewhere")
        others.append((common[:-5], common))
    return others


def check_others(change: Change, others: list[tuple[bytes, bytes]], common: bytes) -> None:
    """In other worktrees the file is as it was here, or known to be nobody's work."""
    known = None
    for other in others:
        there = copy_id(other[0] + b"/" + change.path, len(change.old))
        if there == (b"" if change.status == b"A" else change.old):
            continue
        if known is None:
            known = read(memory(common), LARGEST_MEMORY)
        if entry(other, change.path, len(change.old)) not in known:
            raise Unsure("somebody changed it")


def memory(common: bytes) -> bytes:
    """The file of hooks/unedited.py."""
    return common + b"/agentcoord/cache/unedited"


def entry(other: tuple[bytes, bytes], path: bytes, length: int) -> bytes:
    """What stands for one worktree's copy of a file: its content, and what moves when the
    worktree takes others' work in, since then the same content may be an edit."""
    top, admin = other
    heads = []
    for name in (b"/HEAD", b"/ORIG_HEAD"):
        heads.append(read(admin + name, 4096).rstrip(b"\n") if exists(admin + name) else b"")
    return b"\0".join((b"\n", *heads, top, path, copy_id(top + b"/" + path, length), b"\n"))


def copy_id(file: bytes, length: int) -> bytes:
    """The blob id of a file as it is, "" where there is none."""
    try:
        return blob_id(read(file, LARGEST), length)
    except (FileNotFoundError, NotADirectoryError):
        return b""


def check_content(change: Change) -> None:
    content = read(change.path, LARGEST)
    if blob_id(content, len(change.new)) != change.new:
        raise Unsure("it is not staged as it is here")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unsure("UTF-16")
    if b"\0" in content[:8000]:
        return
    if content and not change.shown:
        raise Unsure("git shows no lines of it")
    added = b"\n".join(change.added)
    for line in change.added:
        if line.startswith((b"<<<<<<<", b">>>>>>>")):
            raise Unsure("a conflict marker")
    check_secrets(added)
    check_syntax(change, content)


def check_secrets(text: bytes) -> None:
    if b"-----BEGIN " in text:
        raise Unsure("a key")
    for rules, anywhere in ((TOKENS, False), (ANYWHERE, True)):
        for heads, count, allowed in rules:
            for head in heads:
                if head in text:
                    check_token(text, head, count, allowed, anywhere)
    for at in places(text, b"://"):
        host = word(text, at + 3, 400).partition(b"/")[0]
        if b":" in host and b"@" in host:
            raise Unsure("an address")
    check_names(text)


def check_token(
    text: bytes, head: bytes, count: int, allowed: "frozenset[int] | None", anywhere: bool
) -> None:
    """After a letter, digit, `_` or `-` it is no token, unless that may be anywhere."""
    for at in places(text, head):
        if anywhere or not at or text[at - 1] not in _WORD:
            rest = text[at + len(head) : at + len(head) + count]
            if len(rest) == count and all(
                byte > 127 or (byte in allowed if allowed else byte not in _SPACES) for byte in rest
            ):
                raise Unsure("a token")


def check_names(text: bytes) -> None:
    for name in NAMES:
        for at in places(text, name):
            check_value(text, at + len(name), name in PASSWORDS)
    for name in KEYS:
        for at in places(text, name):
            before = text[max(0, at - 11) : at].rstrip(b"-_ ").lower()
            if before.endswith(BEFORE_KEYS):
                check_value(text, at + len(name), False)


def check_value(text: bytes, at: int, is_password: bool) -> None:
    """Raises Unsure where a value of ten characters or more is given to the name before it."""
    rest = text[at : at + 700].partition(b"\n")[0]
    rest = rest[1:] if rest[:1] in (b'"', b"'") else rest
    rest = rest[1:] if rest[:1] == b"]" else rest
    rest = rest.lstrip(b" \t")
    if rest[:1] not in (b"=", b":"):
        return
    value = word(rest[2 if rest[:2] in (b"=>", b":=") else 1 :].lstrip(b" \t"), 0, 600)
    quoted = value[:1] in (b'"', b"'", b"`")
    if len(value) >= 10 and (
        (is_password and quoted) or any(byte in _DIGITS or byte > 127 for byte in value)
    ):
        raise Unsure("a value")


def places(text: bytes, what: bytes) -> "Iterator[int]":
    at = text.find(what)
    while at >= 0:
        yield at
        at = text.find(what, at + 1)


def word(text: bytes, at: int, most: int) -> bytes:
    parts = text[at : at + most].split(None, 1)
    return parts[0] if parts and text[at : at + 1] not in (b" ", b"\t", b"\n", b"\r") else b""


def check_syntax(change: Change, content: bytes) -> None:
    path = change.path.lower()
    ending = path[path.rfind(b".") :] if b"." in path else b""
    if not content.strip():
        return
    if ending in (b".py", b".pyi"):
        from _symtable import symtable  # type: ignore[import-not-found,unused-ignore]

        said, sys.stderr = sys.stderr, None  # where a warning would go
        try:
            # `compile` sets up the types of a tree first, which takes 0.8 ms; this only parses.
            symtable(content, "staged", "exec")
        finally:
            sys.stderr = said
    elif ending == b".json":
        check_json(content.decode())
    elif ending == b".toml":
        import tomllib

        tomllib.loads(content.decode())
    elif ending in (b".yml", b".yaml"):
        check_yaml(content)
    elif ending in WHEELS and change.status != b"A":
        check_tree(content, *WHEELS[ending])


class Plain:
    """What JSON becomes, as `json.decoder` has it."""

    strict, memo = True, {}  # type: ignore[var-annotated]
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def check_json(text: str) -> None:
    """By the part of `json` that is in C: the rest takes 8 ms to load, for its errors."""
    import _json

    scan: Callable[[str, int], tuple[object, int]] = _json.make_scanner(Plain)  # type: ignore[arg-type,assignment,unused-ignore]
    _, end = scan(text, len(text) - len(text.lstrip(" \t\n\r")))
    if text[end:].strip(" \t\n\r"):
        raise Unsure("more than one value")


def check_yaml(content: bytes) -> None:
    sys.path.append(packages())
    import yaml

    for _ in yaml.parse(content, Loader=yaml.CSafeLoader):
        pass


def check_tree(content: bytes, wheel: str, grammar: str) -> None:
    """By the part of tree-sitter that is in C: 6 ms to load, with all of it 10."""
    for name in ("tree_sitter", wheel):
        if name not in sys.modules:
            package = type(sys)(name)
            package.__path__ = [f"{packages()}/{name}"]
            sys.modules[name] = package
    binding = __import__("tree_sitter._binding", fromlist=["Parser"])
    language = getattr(__import__(f"{wheel}._binding", fromlist=[grammar]), grammar)()
    if binding.Parser(binding.Language(language)).parse(content).root_node.has_error:
        raise Unsure("it does not parse")


def packages() -> str:
    """Where the packages of this Python are; without `site` it does not know itself."""
    folder = sys.executable.rpartition("/bin/")[0]
    return f"{folder}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


def blob_id(content: bytes, length: int) -> bytes:
    """The id git gives a file; length: of ids here. `hashlib` costs 3 ms, and is not needed."""
    head = b"blob %d\0" % len(content)
    if length == 40:
        from _sha1 import sha1  # type: ignore[import-not-found,unused-ignore]

        return str(sha1(head + content).hexdigest()).encode()
    from hashlib import sha256

    return sha256(head + content).hexdigest().encode()


def read(path: bytes, most: int) -> bytes:
    """A regular file of at most that many bytes, not through a link."""
    flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC | posix.O_NONBLOCK
    handle = posix.open(path, flags)
    try:
        stat = posix.fstat(handle)
        if stat.st_mode & 0o170000 != 0o100000 or stat.st_size > most:
            raise Unsure("no regular file, or a large one")
        return read_all(handle, most)
    finally:
        posix.close(handle)


def read_all(handle: int, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size <= most:
        part = posix.read(handle, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
    raise Unsure("too much of it")


def exists(path: bytes) -> bool:
    try:
        posix.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_folder(path: bytes) -> bool:
    try:
        return posix.stat(path).st_mode & 0o170000 == 0o040000
    except (FileNotFoundError, NotADirectoryError):
        return False


def real(path: bytes) -> bytes:
    """Where a folder really is; by going there, as `os.path` is slow to import."""
    back = posix.open(b".", posix.O_RDONLY)
    try:
        posix.chdir(path)
        return posix.getcwdb()
    finally:
        posix.fchdir(back)
        posix.close(back)


def main() -> None:
    gc.disable()  # collecting the syntax tree of 1000 lines takes longer than making it
    try:
        given = sys.argv[1].encode("utf-8", "surrogateescape") if len(sys.argv) > 1 else b""
        check(read_all(0, MOST), given)
    except Exception:  # whatever it is: the full check answers then
        code = UNSURE
    else:
        code = 0
    posix._exit(code)


if __name__ == "__main__":
    main()
