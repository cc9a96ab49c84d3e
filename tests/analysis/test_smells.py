"""Known smells: each rule finds its shape, and leaves the sound shape beside it alone."""

from __future__ import annotations

import pytest

from gitcoord.analysis.corpus import read_corpus
from gitcoord.analysis.finding import Suspect
from gitcoord.analysis.line_smells import blanked
from gitcoord.analysis.places import find_places
from gitcoord.analysis.question import parse_question
from gitcoord.analysis.smell import THEMES
from gitcoord.analysis.smells import find_smells, sight_smells, themes_of
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

PYTHON = {
    "swallowed exception": (
        "try:\n    f()\nexcept Exception:\n    pass\n",
        "try:\n    f()\nexcept KeyError:\n    pass\n",
    ),
    "broad except": (
        "try:\n    f()\nexcept:\n    x = 1\n",
        "try:\n    f()\nexcept Exception as e:\n    log.error(e)\n",
    ),
    "mutable default": (
        "def f(a, seen=[]):\n    seen.append(a)\n",
        "def f(a, seen=[]):\n    return a in seen\n",
    ),
    "time without zone": ("x = datetime.now()\n", "x = datetime.now(tz=UTC)\n"),
    "wall clock": ("a = time.time() + TTL\n", "a = time.time() - start\n"),
    "missing await": (
        "async def g(): ...\nasync def f():\n    g()\n",
        "async def g(): ...\nasync def f():\n    await g()\n    x = g()\n",
    ),
    "lost task": ("asyncio.create_task(f())\n", "t = asyncio.create_task(f())\n"),
    "check then act": (
        "if not os.path.exists(p):\n    os.mkdir(p)\n",
        "if os.path.exists(p):\n    print(p)\n",
    ),
    "unlocked cache": (
        "_cache = {}\ndef f(k):\n    if k not in _cache:\n        _cache[k] = g(k)\n",
        "_cache = {}\ndef f(k):\n    with lock:\n        if k not in _cache:\n"
        "            _cache[k] = g(k)\n",
    ),
    "counter without lock": (
        "n = 0\ndef f():\n    global n\n    n += 1\n",
        "n = 0\ndef f():\n    global n\n    with lock:\n        n += 1\n",
    ),
    "float equality": ("ok = x == 0.1\n", "ok = x == 1.0\n"),
    "== None": ("ok = x == None\n", "ok = x is None\n"),
    "is with a literal": ("ok = x is 'a'\n", "ok = x is True\n"),
    "retry without pause": (
        "for attempt in range(3):\n    try:\n        f()\n    except E:\n        continue\n",
        "for attempt in range(3):\n    try:\n        f()\n    except E:\n        sleep(1)\n",
    ),
    "not closed": ("x = open(p).read()\n", "with open(p) as f:\n    x = f.read()\n"),
    "late binding": (
        "for i in x:\n    calls.append(lambda: i)\n",
        "for i in x:\n    calls.append(lambda i=i: i)\n",
    ),
    "changed while read": (
        "for k in d:\n    if k:\n        del d[k]\n",
        "for k in list(d):\n    del d[k]\nfor k in d:\n    d.pop(k)\n    break\n",
    ),
    "blocks the loop": ("async def f():\n    time.sleep(1)\n", "def f():\n    time.sleep(1)\n"),
    "no time limit": ("requests.get(u)\n", "requests.get(u, timeout=3)\n"),
    "cached method": (
        "class A:\n    @lru_cache(maxsize=9)\n    def f(self): ...\n",
        "@lru_cache\ndef f(x): ...\n",
    ),
    "leaves finally": (
        "def f():\n    try:\n        g()\n    finally:\n        return 1\n",
        "def f():\n    try:\n        g()\n    finally:\n        h()\n",
    ),
    "fixed limit": ("TTL = 60 * 60\n", "TTL = settings.ttl\n"),
    "range ends early": (
        "for i in range(len(x) - 1):\n    f(x[i])\n",
        "for i in range(len(x) - 1):\n    f(x[i], x[i + 1])\n",
    ),
    "range ends late": (
        "for i in range(len(x) + 1):\n    f(i)\n",
        "for i in range(len(x)): f(i)\n",
    ),
}

OTHERS = [
    ("a.js", "swallowed exception", "try { f() } catch (e) {\n}", "try { f() } catch (e) { g() }"),
    ("a.ts", "swallowed exception", "f().catch(() => {})\n", "f().catch((e) => log(e))\n"),
    ("a.js", "loose equality", "if (a == 1) {\n", "if (a == null || b === 1) {\n"),
    ("a.js", "missing await", "async function f() {}\nf()\n", "async function f() {}\nx = f()"),
    ("a.js", "async forEach", "x.forEach(async (y) => {\n", "for (const y of x) {\n"),
    ("a.js", "loop ends late", "for (let i = 0; i <= a.length; i++) {", "for (;i < a.length;) {"),
    ("a.js", "float equality", "if (x === 0.3) {", "if (x > 0.3) {"),
    (
        "a.ts", "check then act",
        "if (!cache[k]) {\n  const v = await get(k)\n  cache[k] = v\n}\n",
        "if (!cache[k]) {\n  cache[k] = get(k)\n}\n",
    ),
    ("a.js", "wall clock", "if (expires < Date.now()) {", "const t = Date.now()"),
    ("a.go", "ignored error", "x, _ := strconv.Atoi(s)\n", "for _, x := range f(y) {\n"),
    (
        "a.go", "captured loop variable",
        "for _, v := range vs {\n\tgo func() {\n\t\tuse(v)\n\t}()\n}\n",
        "for _, v := range vs {\n\tv := v\n\tgo func() {\n\t\tuse(v)\n\t}()\n}\n",
    ),
    ("a.go", "defer in a loop", "for x {\n\tdefer f.Close()\n}\n", "for x {\n}\ndefer f.Close()\n"),
    ("a.go", "no time limit", "r, err := http.Get(u)\n", "r, err := client.Get(u)\n"),
    ("a.rs", "unwrap", "let a = b().unwrap();\n", "let a = m.lock().unwrap();\n"),
    ("a.rs", "unwrap", "f(x).unwrap()\n", "#[cfg(test)]\nmod tests {\n  f().unwrap();\n}\n"),
    ("A.java", "string identity", 'if (a == "x") {', 'if (a.equals("x")) {'),
    ("A.java", "swallowed exception", "} catch (Exception e) { }", "} catch (Exception e) { f() }"),
    (
        "A.java", "shared formatter",
        "private static final SimpleDateFormat F = new SimpleDateFormat();",
        "public static DateFormat make(int a) {",
    ),
    ("a.kt", "forced value", "val x = y!!.z", "val x = y != null"),
    ("a.c", "not thread safe", "t = localtime(&x);", "t = localtime_r(&x, &y);"),
    ("a.c", "unbounded copy", "strcpy(a, b);", "strncpy(a, b, 3);"),
    ("a.rb", "swallowed exception", "begin\n  f\nrescue\nend\n", "begin\n  f\nrescue\n  g\nend\n"),
    ("a.rb", "shared state", "@@count += 1\n", "@count += 1\n"),
    ("a.php", "silenced error", "$x = @file_get_contents($y);", "$x = file_get_contents($y);"),
    ("a.py", "swallowed exception", "try:\n  f()\nexcept:\n  pass\n", "print 'python 2'\n"),
]  # fmt: skip


@pytest.mark.parametrize("kind", PYTHON)
def test_python(kind: str) -> None:
    bad, good = PYTHON[kind]
    assert kind in {smell.kind for smell in find_smells("a.py", bad)}
    assert kind not in {smell.kind for smell in find_smells("a.py", good)}


@pytest.mark.parametrize(("path", "kind", "bad", "good"), OTHERS)
def test_other_languages(path: str, kind: str, bad: str, good: str) -> None:
    assert kind in {smell.kind for smell in find_smells(path, bad)}
    assert kind not in {smell.kind for smell in find_smells(path, good)}


def test_comments_and_strings_are_no_code() -> None:
    text = "// if (a == b)\n/* catch (e) {}\n */ const s = 'x == y' + `\n${a == b}`\n"
    assert find_smells("a.js", text) == []
    assert blanked("javascript", text).count("\n") == text.count("\n")


def test_a_note_of_doubt_is_a_comment() -> None:
    assert [one.kind for one in find_smells("a.go", "// TODO(me): locks\n")] == ["note of doubt"]
    assert find_smells("a.go", 'x := "TODO"\ny := "a/XXX"\n// PREFIX/XXX\n') == []


def test_every_theme_has_words_and_every_smell_known_themes() -> None:
    texts = [("a.py", bad) for bad, _ in PYTHON.values()] + [
        (path, bad) for path, _, bad, _ in OTHERS
    ]
    for path, text in texts:
        for smell in find_smells(path, text):
            assert set(smell.themes) <= THEMES.keys() and 0 < smell.sure < 1


def test_a_question_sounds_like_something() -> None:
    assert "now and then" in themes_of(parse_question("login fails intermittently"))
    assert "time" in themes_of(parse_question("the session expires after an hour"))
    assert themes_of(parse_question("add a button")) == set()


def test_only_smells_near_the_lines_in_question(sandbox: Sandbox) -> None:
    far = "def other():\n    try:\n        g()\n    except Exception:\n        pass\n" + "\n\n" * 20
    near = (
        "def refund_order(x):\n    try:\n        refund_order_now(x)\n"
        "    except Exception:\n        pass\n"
    )
    sandbox.commit("x", {"a.py": far + near})
    corpus = read_corpus(Repository.find(sandbox.path))
    question = parse_question("refund_order sometimes does nothing")
    places = find_places(question, [Suspect("a.py", 1.0)], corpus)
    found = sight_smells(question, places)
    assert [(one.smell.kind, one.smell.line) for one in found] == [("swallowed exception", 49)]
    assert "now and then" in found[0].themes and 0 < found[0].confidence <= 0.6


@pytest.mark.parametrize(
    "path", ["a.py", "a.js", "a.go", "a.rs", "A.java", "a.rb", "a.c", "a.kt", "a.php", "a.ts"]
)
def test_hostile_text_takes_linear_time(path: str) -> None:
    """No time is asserted; a pattern that is not linear would not come back."""
    pieces = ["(" * 9000, '"' * 9001, "for (" * 3000, "catch (" * 3000, "/*" * 9000, "a = " * 9000]
    pieces += ['"\\' * 60_000, "`" * 9001, "x = open(p)\n" * 800, "go func() {\n" * 3000]
    pieces += ["\\" * 9001, "if (!cache" * 2000, "\t" * 9000, "rescue " * 3000, "static " * 3000]
    for piece in pieces:
        assert isinstance(find_smells(path, piece + "\n" + piece), list)


def test_smells_of_tests_accuse_nobody_who_did_not_ask_about_tests(sandbox: Sandbox) -> None:
    text = (
        "def refund_order(x):\n    try:\n        refund(x)\n    except Exception:\n        pass\n"
    )
    sandbox.commit("x", {"tests/test_refund.py": text})
    corpus = read_corpus(Repository.find(sandbox.path))
    for words, count in (("refund_order does nothing", 0), ("the refund_order test is flaky", 1)):
        question = parse_question(words)
        places = find_places(question, [Suspect("tests/test_refund.py", 1.0)], corpus)
        assert len(sight_smells(question, places)) == count


def test_an_expiry_date_with_a_zone_is_how_it_is_done() -> None:
    aware = "from datetime import UTC, datetime\nexpires = datetime.now(UTC) + lifetime\n"
    assert find_smells("a.py", aware) == []
    assert [one.kind for one in find_smells("a.py", "import time\ne = time.time() + TTL\n")]
