"""Settings: layers, types, what is refused and how it is named."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord import config, configfile
from gitcoord.config import KEYS, Config, Value
from gitcoord.errors import BadInput, NoSuch

SEVERAL = """\
# what I like
[worktree]
limit = 5   # few
branch = "mine/{id}"

[trash]
days = 7
precious = [
    ".env",  # keys
    "*.db",
]

[ui]
color = "never"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A `.git/agentcoord` that is there."""
    folder = tmp_path / "agentcoord"
    folder.mkdir()
    return folder


@pytest.fixture
def user(sealed: Path) -> Path:
    """The user's file, empty."""
    file = sealed / ".config" / "gitcoord" / "config.toml"
    file.parent.mkdir()
    file.write_text("")
    return file


def refusal(own: Path, text: str) -> BadInput:
    (own / "config.toml").write_text(text)
    with pytest.raises(BadInput) as raised:
        Config.load(own)
    return raised.value


class TestLayers:
    def test_nothing_set(self, own: Path) -> None:
        settings = Config.load(own)
        assert settings.worktree.path == "{parent}/{repo}.worktrees/{id}"
        assert settings.trash.days == 30
        assert settings.sources == {}
        assert all(settings.value(name) == key.default for name, key in KEYS.items())

    def test_later_layers_win(self, own: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        user.write_text("trash.days = 1\nworktree.limit = 1\nsetup.timeout = 1\n")
        (own / "config.toml").write_text("trash.days = 2\nworktree.limit = 2\n")
        monkeypatch.setenv("GITCOORD_TRASH_DAYS", "3")
        settings = Config.load(own)
        assert (settings.trash.days, settings.worktree.limit, settings.setup.timeout) == (3, 2, 1)
        assert settings.source("trash.days") == "GITCOORD_TRASH_DAYS"
        assert settings.source("worktree.limit") == str(own / "config.toml")
        assert settings.source("setup.timeout") == str(user)
        assert settings.source("run.workers") == "default"

    def test_outside_a_repository_the_users_file_holds(self, user: Path) -> None:
        user.write_text(SEVERAL)
        assert Config.load(None).trash.precious == (".env", "*.db")

    def test_an_empty_variable_is_not_set(self, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITCOORD_TRASH_DAYS", "")
        assert Config.load(own).trash.days == 30

    def test_variables_of_others_are_left_alone(
        self, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITCOORD_RUN_ID", "x")
        assert Config.load(own).sources == {}

    def test_settings_do_not_change(self) -> None:
        with pytest.raises(AttributeError):
            Config().trash.days = 3


class TestRefused:
    def test_an_unknown_key_names_file_line_and_the_nearest(self, own: Path) -> None:
        problem = refusal(own, SEVERAL.replace("days =", "dayz ="))
        assert problem.message == (f"{own}/config.toml, line 7: there is no setting 'trash.dayz'")
        assert problem.hint.startswith("did you mean trash.days?")

    def test_a_wrong_type(self, own: Path) -> None:
        problem = refusal(own, "[trash]\n\ndays = '7'\n")
        assert problem.message == (
            f"{own}/config.toml, line 3: trash.days: has to be a whole number, not '7'"
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("trash.days = -1", "-1 is less than 0"),
            ("trash.days = true", "has to be a whole number, not True"),
            ("ui.color = 'red'", "'red' is none of auto, always, never"),
            ("setup.commands = 'npm ci'", "has to be a list of texts"),
            ("setup.commands = [1]", "has to be a list of texts"),
            ("setup.timeout = {a = 1}", "no setting 'setup.timeout.a'"),
            ("worktree = 3", "no setting 'worktree'"),
            ("worktree.path = 'x/{di}'", "{di} is not known; there is {parent}"),
            ("worktree.path = 'all/in/one'", "{id} is missing"),
            ("worktree.path = \"{id}\\u001b\"", "cannot be printed"),
            ("worktree.branch = '{parent}/{id}'", "{parent} is not known"),
            ("[worktee]", "no setting 'worktee'"),
            ("\"worktree.path\" = 'x/{id}'", ""),
        ],
    )  # fmt: skip
    def test_what_cannot_be_used(self, own: Path, text: str, said: str) -> None:
        if said:
            problem = refusal(own, text)
            assert said in problem.message
            assert "line 1" in problem.message
        else:
            (own / "config.toml").write_text(text)
            assert Config.load(own).worktree.path == "x/{id}"

    def test_a_syntax_error_names_file_and_line(self, own: Path) -> None:
        problem = refusal(own, "[trash]\ndays = \n")
        assert problem.message.startswith(f"{own}/config.toml is not TOML: ")
        assert "line 2" in problem.message

    def test_bytes_that_are_no_text(self, own: Path) -> None:
        (own / "config.toml").write_bytes(b"# a\n# \xff\n")
        with pytest.raises(BadInput, match="line 2: not UTF-8"):
            Config.load(own)

    def test_a_folder_in_its_place(self, own: Path) -> None:
        (own / "config.toml").mkdir()
        with pytest.raises(BadInput, match="is a folder"):
            Config.load(own)

    def test_a_file_nested_without_end(self, own: Path) -> None:
        assert "nested too deeply" in refusal(own, f"x = {'[' * 100_000}").message

    def test_a_variable_of_the_wrong_type(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITCOORD_TRASH_DAYS", "soon")
        with pytest.raises(BadInput, match="GITCOORD_TRASH_DAYS: has to be a whole number") as bad:
            Config.load()
        assert bad.value.hint == "run: unset GITCOORD_TRASH_DAYS"

    def test_a_variable_that_is_almost_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITCOORD_TRASH_DAY", "3")
        with pytest.raises(BadInput) as bad:
            Config.load()
        assert "GITCOORD_TRASH_DAYS" in bad.value.hint


class TestWords:
    @pytest.mark.parametrize(
        ("key", "words", "value"),
        [
            ("trash.days", ["7"], 7),
            ("trash.days", [" 7 "], 7),
            ("worktree.base", [""], ""),
            ("worktree.base", ["7"], "7"),
            ("setup.commands", ["npm ci, really"], ("npm ci, really",)),
            ("setup.commands", ["npm ci", "make"], ("npm ci", "make")),
            ("setup.commands", ['["npm ci", "make"]'], ("npm ci", "make")),
            ("setup.commands", ["[]"], ()),
        ],
    )
    def test_a_value_from_words(self, key: str, words: list[str], value: Value) -> None:
        assert config.parse(key, words) == value

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("trash.days", ["7.5"]),
            ("trash.days", ["7", "8"]),
            ("trash.days", [""]),
            ("trash.days", ["٣x"]),
            ("trash.days", ["9" * 5000]),
            ("setup.commands", ["[1]"]),
            ("setup.commands", ["[oops"]),
            ("setup.commands", ["[]\ntrash.days = 1"]),
            ("ui.color", ["red"]),
        ],
    )
    def test_words_that_are_no_value(self, key: str, words: list[str]) -> None:
        with pytest.raises(BadInput, match=key):
            config.parse(key, words)

    def test_an_unknown_key(self) -> None:
        with pytest.raises(BadInput) as bad:
            config.parse("days", ["1"])
        assert "trash.days" in bad.value.hint


class TestFill:
    def test_fills_each_place_once(self) -> None:
        assert config.fill("{parent}/{id}", {"parent": "/a/{id}", "id": "x"}) == "/a/{id}/x"

    def test_is_no_format_string(self) -> None:
        with pytest.raises(KeyError):
            config.fill("{id.__class__}", {"id": "x"})


class TestChange:
    def test_keeps_comments_order_and_everything_else(self, own: Path) -> None:
        file = own / "config.toml"
        file.write_text(SEVERAL)
        config.plan(file, "trash.days", 9).apply()
        assert file.read_text() == SEVERAL.replace("days = 7", "days = 9")
        config.plan(file, "worktree.limit", 6).apply()
        assert "limit = 6   # few\n" in file.read_text()

    def test_shows_before_it_acts(self, own: Path) -> None:
        file = own / "config.toml"
        file.write_text(SEVERAL)
        edit = config.plan(file, "trash.precious", (".env",))
        assert (edit.before, edit.after) == ((".env", "*.db"), (".env",))
        assert file.read_text() == SEVERAL

    def test_makes_the_file_and_its_folder(self, tmp_path: Path) -> None:
        file = tmp_path / "a" / "b" / "config.toml"
        config.plan(file, "setup.commands", ("npm ci", "make")).apply()
        assert config.read(file) == {"setup.commands": ("npm ci", "make")}
        assert [entry.name for entry in file.parent.iterdir()] == ["config.toml"]

    def test_takes_out(self, own: Path) -> None:
        file = own / "config.toml"
        file.write_text(SEVERAL)
        config.plan(file, "trash.days", None).apply()
        assert file.read_text() == SEVERAL.replace("days = 7\n", "")

    def test_what_is_not_there_cannot_be_taken_out(self, own: Path) -> None:
        with pytest.raises(NoSuch):
            config.plan(own / "config.toml", "trash.days", None)
        with pytest.raises(BadInput):
            config.plan(own / "config.toml", "trash.dayz", None)

    @pytest.mark.parametrize(
        "text",
        ["[worktee]\nlimit = 1\n", "worktee.limit = 1\n", "worktee = {limit = 1}\n",
         "[trash]\ndays = 1\n[worktee]\nlimit = 1\n"],
    )  # fmt: skip
    def test_an_unknown_key_can_be_taken_out(self, own: Path, text: str) -> None:
        file = own / "config.toml"
        file.write_text(text)
        config.plan(file, "worktee.limit", None).apply()
        assert "limit" not in file.read_text()

    @pytest.mark.parametrize(
        "text",
        ["trash.days = 1\n", "trash = {days = 1}\n", "[trash]\ndays = 1", "[trash]\n",
         "[worktree]\nlimit = 1\n\n[trash]\n", "", "# only this", "trash.precious = []\r\n"],
    )  # fmt: skip
    def test_in_any_notation(self, own: Path, text: str) -> None:
        file = own / "config.toml"
        file.write_bytes(text.encode())
        before = config.read(file)
        config.plan(file, "trash.days", 2).apply()
        assert config.read(file) == before | {"trash.days": 2}

    def test_the_mode_stays_and_a_symlink_is_followed(self, own: Path, tmp_path: Path) -> None:
        real = tmp_path / "dotfiles.toml"
        real.write_text("trash.days = 1\n")
        real.chmod(0o640)
        (own / "config.toml").symlink_to(real)
        config.plan(own / "config.toml", "trash.days", 2).apply()
        assert (own / "config.toml").is_symlink()
        assert real.read_text() == "trash.days = 2\n"
        assert stat.S_IMODE(real.stat().st_mode) == 0o640

    def test_a_file_that_is_no_toml_is_left_as_it_is(self, own: Path) -> None:
        file = own / "config.toml"
        file.write_text("days =\n")
        with pytest.raises(BadInput, match="line 1"):
            config.plan(file, "trash.days", 2)
        assert file.read_text() == "days =\n"

    def test_case_33_a_failed_change_leaves_the_file_and_nothing_else(
        self, own: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = own / "config.toml"
        file.write_text(SEVERAL)

        def full(fd: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            config.plan(file, "trash.days", 2).apply()
        assert file.read_text() == SEVERAL
        assert [entry.name for entry in own.iterdir()] == ["config.toml"]

    def test_case_55_writers_at_once_lose_nothing(self, own: Path) -> None:
        file = own / "config.toml"
        code = (
            "import sys; from pathlib import Path; from gitcoord import config\n"
            "file, key = Path(sys.argv[1]), sys.argv[2]\n"
            "for value in range(1, 16): config.plan(file, key, value).apply()\n"
        )
        keys = ["trash.days", "worktree.limit", "setup.timeout", "run.workers"]
        writers = [subprocess.Popen([sys.executable, "-c", code, file, key]) for key in keys]
        assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0, 0]
        assert config.read(file) == dict.fromkeys(keys, 15)


class TestLine:
    @pytest.mark.parametrize(
        ("text", "name", "line"),
        [
            ("a = 1\n", "a", 1),
            ("# a = 1\n\na = 1\n", "a", 3),
            ("[t]\n# c\nx = [\n 1,\n 2]\ny = 1\n", "t.x", 3),
            ("[t]\nx = '''\ny = 1\n'''\n\ny = 2", "t.y", 6),
            ("t.x = 1\n[u]\nx = 1\n", "u.x", 3),
            ("[a.b.c]\nd = 1\n", "a.b.c", 1),
            ("a = {b = {c = 1}}\n", "a.b.c", 1),
            ('"a.b" = 1\n', "a.b", 1),
            ("[[t]]\nx = 1\n[[t]]\n", "t", 1),
            ("a = 1\r\nb = 2\r\n", "b", 2),
        ],
    )
    def test_line_of(self, text: str, name: str, line: int) -> None:
        assert configfile.line_of(text, name) == line


names = st.text("abc_", min_size=1, max_size=4)
leaf = st.integers(-5, 5) | st.text("ab\n#='\"[", max_size=6) | st.lists(st.integers(0, 3))
documents = st.dictionaries(names, leaf | st.dictionaries(names, leaf, max_size=3), max_size=4)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(document=documents, days=st.integers(0, 99))
def test_any_file_keeps_all_that_is_not_changed(
    tmp_path: Path, document: dict[str, object], days: int
) -> None:
    file = tmp_path / "config.toml"
    text = tomlkit.dumps(document)
    file.write_text(text)
    configfile.change(file, "trash.days", days)
    now = dict(configfile.leaves(configfile.parsed(file.read_text(), file)))
    before = dict(configfile.leaves(configfile.parsed(text, file)))
    assert {**before, "trash.days": days} == now


@settings(max_examples=60, deadline=None)
@given(document=documents)
def test_every_key_has_a_line_that_shows_it(document: dict[str, object]) -> None:
    text = tomlkit.dumps(document)
    lines = text.splitlines()
    for name, _ in configfile.leaves(document):
        assert name.rpartition(".")[2] in lines[configfile.line_of(text, name) - 1]


def test_shipped_is_found_in_the_checkout() -> None:
    assert config.shipped("templates") == Path(__file__).parent.parent / "templates"


def test_every_key_says_what_it_does() -> None:
    assert [key.name for key in KEYS.values() if not key.does.endswith(".")] == []
    assert [key.name for key in KEYS.values() if key.refuse(_as_toml(key.default))] == []


def _as_toml(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value
