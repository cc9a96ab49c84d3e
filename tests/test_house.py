"""The rules of the house, read from its own source: floors, doors, names, sizes, the wheel."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gitcoord"

FLOORS = (
    ("main",),
    ("commands", "serve", "mcp"),
    ("runtime", "view"),
    ("tools",),
    ("runs", "reviews", "hooks"),
    ("coordination", "conflicts"),
    ("worktrees", "analysis", "checks"),
    ("state", "config"),
    ("git", "process", "redaction"),
    ("records", "testing"),
    ("errors",),  # DESIGN draws it beside records, which raise some too
)
FLOOR = {room: len(FLOORS) - index for index, rooms in enumerate(FLOORS) for room in rooms}
# Files that are part of a room of another name.
PART_OF = {"configfile": "config", "settings": "config"}

ONLY = {
    "git": {"git"},
    "anthropic": {"runtime"},
    "psutil": {"process"},
    "typer": {"main", "commands"},
    "rich": {"view"},
}
# testing/fake_agent.py plays a program of its own, that is told its script that way.
ENVIRONMENT = {"main.py", "config.py", "git/run.py", "testing/fake_agent.py"}
# asking.py completes ids from refs: nothing heavier may be imported for a press of <TAB>.
# asked.py names the type of what main began to ask for.
ASK_GIT = {"commands/asking.py", "commands/asked.py"}
GROUND = {"state", "config", "git", "process", "records", "errors"}

LONGEST_FUNCTION = 60
LONGEST_FILE = 500
# Longer than the rule allows, each for a reason that stands in its code.
LONG: set[str] = set()

WORDS_NOT_OURS = {
    *("session", "job", "workspace", "item", "data", "info", "manager", "service", "handler"),
    *("helper", "helpers", "util", "utils", "impl"),
}
DRAWERS = {"common", "core", "misc", "shared", "stuff"}
TOP = {
    *("pyproject.toml", "gitcoord", "templates", "hooks", "tests", "README.md", "LICENSE"),
    *("CHANGELOG.md", "CONTRIBUTING.md", ".ci", ".gitignore", ".github"),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room_of(file: Path) -> str:
    """The room a file is in; the empty one is the package itself."""
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return PART_OF.get(first, "" if first == "__init__" else first)


def is_room(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


@cache
def nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(tree(file)))


@cache
def imports(file: Path) -> list[tuple[int, str]]:
    """(line, dotted module) of every import, also inside functions and under TYPE_CHECKING."""
    return list(_imports(file))


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    for node in nodes(file):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(file)}:{node.lineno}: a relative import hides a floor"
            assert node.module
            if node.module == "gitcoord":
                yield from ((node.lineno, f"gitcoord.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def rooms_imported(file: Path) -> Iterator[tuple[int, str]]:
    for line, module in imports(file):
        parts = module.split(".")
        if parts[0] == "gitcoord" and len(parts) > 1 and is_room(parts[1]):
            yield line, PART_OF.get(parts[1], parts[1])


def functions(file: Path) -> Iterator[Function]:
    return (
        node for node in nodes(file) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def public(file: Path) -> Iterator[Function]:
    """Public functions, and public methods of public classes."""
    for node in tree(file).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        if isinstance(node, ast.ClassDef) and node.name.startswith("_"):
            continue
        for one in inner:
            if isinstance(one, ast.FunctionDef) and not one.name.startswith("_"):
                yield one


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


class TestFloors:
    def test_every_room_has_a_floor(self) -> None:
        assert {room_of(file) for file in sources()} - {""} <= FLOOR.keys()

    def test_imports_go_down_only(self) -> None:
        wrong = [
            f"{name_of(file)}:{line} imports {room}"
            for file in sources()
            for line, room in rooms_imported(file)
            if room != room_of(file) and FLOOR[room] >= FLOOR.get(room_of(file), 0)
        ]
        assert wrong == []

    def test_what_reads_floors_sees_imports_in_functions(self, tmp_path: Path) -> None:
        file = tmp_path / "probe.py"
        file.write_text("def late():\n    from gitcoord import config\n    import rich.live\n")
        assert imports(file) == [(2, "gitcoord.config"), (3, "rich.live")]


class TestDoors:
    @pytest.mark.parametrize("library", ONLY)
    def test_one_room_only_imports(self, library: str) -> None:
        wrong = [
            f"{name_of(file)}:{line}"
            for file in sources()
            for line, module in imports(file)
            if module.split(".")[0] == library and room_of(file) not in ONLY[library]
        ]
        assert wrong == []

    def test_view_reads_no_git(self) -> None:
        wrong = [
            f"{name_of(file)}:{line}"
            for file in sources()
            if room_of(file) == "view"
            for line, room in rooms_imported(file)
            if room in ("git", "state")
        ]
        assert wrong == []

    def test_commands_ask_subjects_and_not_git(self) -> None:
        """A Repository may be named there, to hand it on; asking.py finds it."""
        wrong = [
            f"{name_of(file)}:{line} {module}"
            for file in sources()
            if room_of(file) == "commands" and name_of(file) not in ASK_GIT
            for line, module in imports(file)
            if module.startswith(("gitcoord.git.", "gitcoord.state."))
            and module != "gitcoord.git.repository"
        ]
        assert wrong == []

    def test_only_the_git_room_starts_git(self) -> None:
        starts = re.compile(r"""(?:Popen|run|call|check_output)\(\s*\[\s*["']git["']""")
        wrong = [
            name_of(file)
            for file in sources()
            if room_of(file) != "git" and starts.search(file.read_text(encoding="utf-8"))
        ]
        assert wrong == []

    def test_only_the_front_door_and_the_settings_read_the_environment(self) -> None:
        wrong = [
            f"{name_of(file)}:{node.lineno}"
            for file in sources()
            if name_of(file) not in ENVIRONMENT
            for node in nodes(file)
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv")
        ]
        assert wrong == []


class TestNames:
    def test_words_that_are_not_ours(self) -> None:
        wrong = []
        for file in sources():
            # `ast.NodeVisitor` finds its methods by the names of Python's grammar.
            names = [node.name for node in functions(file) if not node.name.startswith("visit_")]
            names += [file.stem]
            names += [node.name for node in nodes(file) if isinstance(node, ast.ClassDef)]
            wrong += [f"{name_of(file)}: {name}" for name in names if words(name) & WORDS_NOT_OURS]
        assert wrong == []
        assert {file.stem for file in sources()} & DRAWERS == set()

    def test_accessors_are_bare_nouns(self) -> None:
        wrong = [
            f"{name_of(file)}:{node.lineno} {node.name}"
            for file in sources()
            for node in functions(file)
            if re.match(r"_?(get|handle|do)_", node.name)
        ]
        assert wrong == []


class TestSizes:
    def test_a_function_does_one_thing(self) -> None:
        wrong = [
            f"{name_of(file)}:{node.name} {length}"
            for file in sources()
            for node in functions(file)
            if (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
            and f"{name_of(file)}:{node.name}" not in LONG
        ]
        assert wrong == []

    def test_a_file_holds_one_subject(self) -> None:
        wrong = [
            f"{name_of(file)} {length}"
            for file in sources()
            if (length := len(file.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
            and name_of(file) not in LONG
        ]
        assert wrong == []


class TestWords:
    def test_every_module_opens_with_what_it_is(self) -> None:
        wrong = [
            name_of(file)
            for file in sources()
            if tree(file).body and not ast.get_docstring(tree(file))
        ]
        assert wrong == []

    def test_what_the_ground_offers_is_explained(self) -> None:
        """Not asked of a property or of a body of one line, which say it themselves."""
        wrong = [
            f"{name_of(file)}:{node.lineno} {node.name}"
            for file in sources()
            if room_of(file) in GROUND
            for node in public(file)
            if not ast.get_docstring(node) and len(node.body) > 1
        ]
        assert wrong == []

    def test_no_banners_and_nothing_left_for_later(self) -> None:
        later = re.compile(r"#\s*(?:TODO|FIXME|XXX|HACK)\b|^\s*#\s*[-=#*]{4,}", re.MULTILINE)
        wrong = [
            name_of(file) for file in sources() if later.search(file.read_text(encoding="utf-8"))
        ]
        assert wrong == []


class TestLayout:
    def test_the_top_level_is_fixed(self) -> None:
        assert {name.split("/")[0] for name in tracked()} <= TOP

    def test_tests_mirror_the_package(self) -> None:
        rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
        mirrored = {
            path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").is_file()
        }
        assert mirrored - rooms <= {"benchmarks", "real_agents"}


def tracked() -> list[str]:
    """What git has or would take in; where there is no git, what is there and not hidden."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0 and listed.stdout:
        return listed.stdout.rstrip("\0").split("\0")
    return [path.name for path in ROOT.iterdir() if not path.name.startswith(".")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as pip would unpack it."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


class TestWheel:
    @pytest.mark.parametrize("kind", ["templates", "hooks"])
    def test_what_we_ship_is_in_it(self, wheel: Path, kind: str) -> None:
        def below(folder: Path) -> set[str]:
            files = (path for path in folder.rglob("*") if path.is_file())
            return {path.relative_to(folder).as_posix() for path in files}

        assert below(wheel / "gitcoord" / "_shipped" / kind) == below(ROOT / kind)

    @pytest.mark.parametrize("kind", ["templates", "hooks"])
    def test_what_we_ship_is_found_from_it(self, wheel: Path, kind: str) -> None:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from gitcoord.config import shipped; print(shipped({kind!r}))",
            ],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(wheel)},
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == str(wheel / "gitcoord" / "_shipped" / kind)

    def test_it_has_both_programs_and_the_licence(self, wheel: Path) -> None:
        [about] = wheel.glob("gitcoord-*.dist-info")
        entries = (about / "entry_points.txt").read_text()
        assert "gitcoord = gitcoord.main:main" in entries
        assert "git-coord = gitcoord.main:main" in entries
        assert (about / "licenses" / "LICENSE").is_file()

    def test_no_tests_and_no_leftovers_are_in_it(self, wheel: Path) -> None:
        names = {path.name for path in wheel.iterdir()}
        assert {name for name in names if not name.endswith(".dist-info")} == {"gitcoord"}
