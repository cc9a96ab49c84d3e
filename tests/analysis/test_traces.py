"""Traces as each language prints them, pasted whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.analysis.traces import (
    Frame,
    TracedError,
    find_errors,
    find_frames,
    match_frames,
    read_traces,
)

PYTHON = """\
Traceback (most recent call last):
  File "/app/src/cart.py", line 5, in add
    login(user, '')
  File "/app/src/auth.py", line 7, in login
    token = issue_token(user)
            ^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError("Expecting value", s, err.value) from None
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/src/web.py", line 9, in <module>
    add(None)
src.errors.LoginFailed: no token
"""
V8 = """\
/app/src/auth.js:7
    throw new TypeError("no token")
    ^

TypeError: Cannot read properties of undefined (reading 'token')
    at issueToken (/app/src/auth.js:7:11)
    at async Object.login [as signIn] (file:///app/src/login.mjs:3:5)
    at new Cart (C:\\Program Files (x86)\\shop\\src\\cart.js:1:2)
    at Array.forEach (<anonymous>)
    at /app/src/index.js:10:1
    at Module._compile (node:internal/modules/cjs/loader:1256:14)
    at processTicksAndRejections (internal/process/task_queues.js:93:5) {
  [cause]: RangeError: token too old
      at check (/app/src/ttl.ts:2:9)
}
"""
JAVA = """\
Exception in thread "main" com.shop.LoginFailed: login failed
\tat com.shop.web.Login$Inner.check(Login.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:833)
\tat jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)
Caused by: java.lang.IllegalStateException: token: expired
\tat com.shop.auth.Tokens.lambda$issue$0(Tokens.kt:40) ~[shop.jar:1.2]
\t... 2 more
"""
GO = """\
panic: runtime error: index out of range [5] with length 3 [recovered]
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47b]

goroutine 1 [running]:
panic({0x4b5f20?, 0xc0000b4018?})
\t/usr/local/go/src/runtime/panic.go:884 +0x213
shop/server.(*Server).login(0xc00001, {0x1, 0x2})
\t/app/server/auth.go:12 +0x1d
main.main()
\t/app/main.go:5 +0x20
created by main.start in goroutine 7
\t/app/start.go:3
exit status 2
"""
RUST = """\
thread 'main' panicked at src/auth.rs:10:5:
index out of bounds: the len is 3 but the index is 99
stack backtrace:
   0: rust_begin_unwind
             at /rustc/90c541806f23a127002de5b4038be731ba1458ca/library/std/src/panicking.rs:645:5
   1: shop::auth::login::h0123456789abcdef
             at ./src/auth.rs:10:5
   2: shop::main
             at ./src/main.rs:4:9
note: run with `RUST_BACKTRACE=full` for a verbose backtrace
"""


def places(text: str) -> list[tuple[str, int | None, str]]:
    return [(frame.path, frame.line, frame.function) for frame in find_frames(text)]


def test_python_is_turned_round_and_the_first_of_a_chain_comes_first() -> None:
    assert places(PYTHON) == [
        ("/usr/lib/python3.11/json/decoder.py", 355, "raw_decode"),
        ("/app/src/auth.py", 7, "login"),
        ("/app/src/cart.py", 5, "add"),
        ("/app/src/web.py", 9, "<module>"),
    ]
    assert find_errors(PYTHON) == (
        TracedError(
            "json.decoder.JSONDecodeError", "Expecting value: line 1 column 1 (char 0)", "python"
        ),
        TracedError("src.errors.LoginFailed", "no token", "python"),
    )


def test_python_without_a_message_or_a_function() -> None:
    syntax = '  File "/app/a.py", line 3\n    def (x):\n        ^\nSyntaxError: invalid syntax\n'
    assert places(syntax) == [("/app/a.py", 3, "")]
    assert find_errors(syntax) == (TracedError("SyntaxError", "invalid syntax", "python"),)
    bare = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nKeyboardInterrupt\n'
    assert find_errors(bare) == (TracedError("KeyboardInterrupt", "", "python"),)


def test_python_frames_without_a_file_are_left_out() -> None:
    text = '  File "<frozen importlib._bootstrap>", line 1, in _load\n  File "<string>", line 1\n'
    assert find_frames(text) == ()


def test_python_exception_groups_and_container_logs() -> None:
    group = (
        "  + Exception Group Traceback (most recent call last):\n"
        '  |   File "/app/main.py", line 2, in <module>\n  |     raise eg\n'
        "  | ExceptionGroup: several (1 sub-exception)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n"
        '    |   File "/app/job.py", line 8, in run\n'
        "    | ValueError: one\n    +------------------------------------\n"
    )
    assert places(group) == [("/app/main.py", 2, "<module>"), ("/app/job.py", 8, "run")]
    assert [error.kind for error in find_errors(group)] == ["ExceptionGroup", "ValueError"]
    compose = (
        "web_1  | Traceback (most recent call last):\n"
        'web_1  |   File "/app/a.py", line 1, in f\nweb_1  |     g()\nweb_1  | Refused: no\n'
    )
    assert places(compose) == [("/app/a.py", 1, "f")]
    assert find_errors(compose) == (TracedError("Refused", "no", "python"),)


def test_python_as_pytest_and_ipython_print_it() -> None:
    pytest_short = (
        "____________ test_login ____________\ntests/test_auth.py:5: in test_login\n"
        "    assert login('a', 'b')\nsrc/auth.py:8: in login\n    raise ValueError(user)\n"
        "E   ValueError: a\n"
    )
    pytest_long = (
        "    def test_login():\n>       login('a')\n\ntests/test_auth.py:5: \n_ _ _ _ _ _ _ _\n\n"
        "    def login(user):\n>       raise ValueError(user)\nE       ValueError: a\n\n"
        "src/auth.py:8: ValueError\n"
    )
    for text in (pytest_short, pytest_long):
        assert [place[:2] for place in places(text)] == [
            ("src/auth.py", 8),
            ("tests/test_auth.py", 5),
        ]
        assert find_errors(text) == (TracedError("ValueError", "a", "python"),)
    ipython = "File ~/shop/auth.py:3, in login(user)\n      1 x\n----> 3 y\n\nKeyError: 'a'\n"
    assert places(ipython) == [("~/shop/auth.py", 3, "login")]
    assert find_errors(ipython) == (TracedError("KeyError", "'a'", "python"),)


def test_v8_leaves_out_node_and_puts_the_cause_first() -> None:
    assert places(V8) == [
        ("/app/src/ttl.ts", 2, "check"),
        ("/app/src/auth.js", 7, "issueToken"),
        ("/app/src/login.mjs", 3, "Object.login"),
        ("C:\\Program Files (x86)\\shop\\src\\cart.js", 1, "Cart"),
        ("/app/src/index.js", 10, ""),
    ]
    assert [frame.language for frame in find_frames(V8)][:2] == ["typescript", "javascript"]
    assert find_errors(V8) == (
        TracedError("RangeError", "token too old", "typescript"),
        TracedError(
            "TypeError", "Cannot read properties of undefined (reading 'token')", "javascript"
        ),
    )


def test_firefox_and_bundlers() -> None:
    text = (
        "Uncaught (in promise) Error: boom\n"
        "login/<@http://localhost:3000/src/auth.js?t=12:7:11\n"
        "@webpack://shop/./src/cart.ts?1a2b:3:4\n"
        "f@webpack-internal:///(app-pages-browser)/./src/app/[id]/page.tsx:5:6\n"
        "    at g (webpack:///src/deep/x.js:1:1)\n"
        "    at h (chrome-extension://abc/x.js:1:1)\n"
    )
    assert places(text) == [
        ("src/auth.js", 7, "login"),
        ("src/cart.ts", 3, ""),
        ("src/app/[id]/page.tsx", 5, "f"),
        ("src/deep/x.js", 1, "g"),
    ]
    assert find_errors(text) == (TracedError("Error", "boom", "javascript"),)


def test_java_derives_paths_and_puts_the_last_cause_first() -> None:
    assert places(JAVA) == [
        ("com/shop/auth/Tokens.kt", 40, "com.shop.auth.Tokens.lambda$issue$0"),
        ("com/shop/web/Login.java", 12, "com.shop.web.Login$Inner.check"),
        ("java/lang/Thread.java", 833, "java.lang.Thread.run"),
    ]
    assert find_errors(JAVA) == (
        TracedError("java.lang.IllegalStateException", "token: expired", "kotlin"),
        TracedError("com.shop.LoginFailed", "login failed", "java"),
    )


def test_go_names_the_function_of_the_line_above() -> None:
    assert places(GO) == [
        ("/usr/local/go/src/runtime/panic.go", 884, "panic"),
        ("/app/server/auth.go", 12, "shop/server.(*Server).login"),
        ("/app/main.go", 5, "main.main"),
        ("/app/start.go", 3, "main.start"),
    ]
    assert find_errors(GO) == (
        TracedError(
            "panic", "runtime error: index out of range [5] with length 3 [recovered]", "go"
        ),
    )


def test_rust_with_and_without_a_backtrace() -> None:
    assert places(RUST)[1:] == [
        ("./src/auth.rs", 10, "shop::auth::login"),
        ("./src/main.rs", 4, "shop::main"),
    ]
    message = "index out of bounds: the len is 3 but the index is 99"
    assert find_errors(RUST) == (TracedError("panic", message, "rust"),)
    assert places(RUST.partition("stack")[0]) == [("src/auth.rs", 10, "")]
    old = "thread 'main' panicked at 'it's, bad', src/main.rs:4:5\n"
    assert places(old) == [("src/main.rs", 4, "")]
    assert find_errors(old) == (TracedError("panic", "it's, bad", "rust"),)


def test_several_traces_in_one_text_keep_their_order() -> None:
    text = f"It said\n{PYTHON}\nand then\n{GO}\nand\n{V8}and\n{JAVA}and\n{RUST}"
    parts = [PYTHON, GO, V8, JAVA, RUST]
    assert list(find_frames(text)) == [frame for part in parts for frame in find_frames(part)]
    assert list(find_errors(text)) == [error for part in parts for error in find_errors(part)]


def test_prose_has_no_frames() -> None:
    for prose in (
        "look at 12:30:15 in the log",
        "mail me@example.com:1:2 at once",
        "see https://example.com/a.js:1",
        "Error: it broke\nat the gate",
        "panic: at the disco",
        'the File "x" was lost',
    ):
        assert read_traces(prose) == read_traces(""), prose


def test_lines_of_a_trace_are_known_but_not_those_of_its_error() -> None:
    lines = PYTHON.split("\n")
    left = [line for number, line in enumerate(lines) if number not in read_traces(PYTHON).lines]
    assert [line for line in left if line] == [
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)",
        "src.errors.LoginFailed: no token",
    ]


def frame(path: str, language: str = "python") -> Frame:
    return Frame(path, 1, "f", language)


def matched(frames: list[Frame], paths: list[str]) -> dict[str, str]:
    return {frame.path: path for frame, path in match_frames(frames, paths).items()}


def test_a_foreign_path_is_matched_by_its_end() -> None:
    paths = ["src/auth.py", "tests/auth.py", "src/main/java/com/shop/Login.java", "main.go"]
    assert matched(
        [
            frame("/app/src/auth.py"),
            frame("C:\\shop\\src\\auth.py"),
            frame("com/shop/Login.java", "java"),
            frame("/go/src/app/main.go", "go"),
        ],
        paths,
    ) == {
        "/app/src/auth.py": "src/auth.py",
        "C:\\shop\\src\\auth.py": "src/auth.py",
        "com/shop/Login.java": "src/main/java/com/shop/Login.java",
        "/go/src/app/main.go": "main.go",
    }


def test_two_equally_good_paths_match_nothing() -> None:
    assert matched([frame("/app/auth.py")], ["src/auth.py", "lib/auth.py"]) == {}
    assert matched([frame("/x/a/auth.py")], ["one/a/auth.py", "two/a/auth.py"]) == {}


def test_other_frames_tell_where_the_repository_begins() -> None:
    paths = ["src/shop/auth.py", "src/shop/__init__.py", "src/cart/__init__.py", "src/x/api.py"]
    frames = [frame("/srv/shop/auth.py"), frame("/srv/cart/__init__.py"), frame("/srv/api.py")]
    assert matched(frames, [*paths, "cart/__init__.py"]) == {
        "/srv/shop/auth.py": "src/shop/auth.py",
        "/srv/cart/__init__.py": "src/cart/__init__.py",
    }


def test_installed_code_matches_nothing_but_the_own_package() -> None:
    paths = ["src/shop/api.py", "lib/decoder.py", "src/runtime/panic.go", "src/index.js"]
    paths += ["src/lang/Thread.java", "std/src/panicking.rs"]
    third = [
        frame("/venv/lib/python3.11/site-packages/requests/api.py"),
        frame("/usr/lib/python3.11/json/decoder.py"),
        frame("/usr/local/go/src/runtime/panic.go", "go"),
        frame("/app/node_modules/x/src/index.js", "javascript"),
        frame("java/lang/Thread.java", "java"),
        frame("/rustc/90c5/library/std/src/panicking.rs", "rust"),
        frame("C:\\Python311\\Lib\\decoder.py"),
    ]
    assert matched(third, paths) == {}
    own = frame("/venv/lib/python3.11/site-packages/shop/api.py")
    assert matched([own], paths) == {own.path: "src/shop/api.py"}


LINES = st.sampled_from([*"\n".join([PYTHON, V8, JAVA, GO, RUST]).split("\n"), "", "x: y", "E  a"])
MIXED = st.lists(LINES | st.text(max_size=40), max_size=40).map("\n".join)


@given(MIXED)
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_and_every_frame_has_a_path(text: str) -> None:
    traces = read_traces(text)
    assert all(frame.path for frame in traces.frames)
    assert len(set(traces.frames)) == len(traces.frames)
    assert traces.lines <= set(range(text.count("\n") + 1))
    assert match_frames(traces.frames, ["src/auth.py", "main.go", "a/b"]) is not None
