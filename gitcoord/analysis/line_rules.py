"""The smells that show in one line, language by language.

Promises: every pattern is linear. It is meant for code with comments and strings blanked out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CURLY = frozenset(
    [
        "javascript",
        "typescript",
        "java",
        "kotlin",
        "scala",
        "groovy",
        "c#",
        "go",
        "rust",
        "c",
        "c++",
        "php",
        "swift",
    ]
)
_SCRIPT = frozenset({"javascript", "typescript"})
_JVM = frozenset({"java", "kotlin", "scala", "groovy", "c#"})
_FOR_LOOPS = _SCRIPT | {"java", "c#", "go", "c", "c++", "php", "groovy"}
_ANY = frozenset({"ruby", "python"}) | CURLY


@dataclass(frozen=True)
class Rule:
    """pattern: searched in each blanked line. unless: in the whole blanked text, then the rule
    is off; needs: then only with it. raw: search the line as written. `%s` in what: the line's
    first group."""

    kind: str
    languages: frozenset[str]
    pattern: re.Pattern[str]
    what: str
    why: str
    themes: tuple[str, ...]
    sure: float
    unless: re.Pattern[str] | None = None
    needs: re.Pattern[str] | None = None
    raw: bool = False


def _of(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


NOTES = frozenset({"*"})
RULES: tuple[Rule, ...] = (
    Rule(
        "note of doubt", NOTES,
        _of(
            r"(?:#|//|\*|--|<!)[^\n]{0,200}?(?<![/\w\"'-])(TODO|FIXME|HACK|XXX(?=[:(]))\b(?![/"
            r"\"'-])"
        ),
        "a %s is written here", "somebody knew that this is not finished",
        ("wrong", "crash", "silent"), 0.3, raw=True,
    ),
    Rule(
        "fixed limit", _ANY - {"python"},
        _of(
            r"(?i)\b(\w*(?:timeout|ttl|expir(?:y|es|ation)|lifetime|max_?age|deadline)\w*)\s*+"
            r"[:=]=?\s*+(?:[\w.]++\s*+\*\s*+)?[1-9]\d*+"
        ),
        "`%s` is a fixed number here",
        "what takes or lives longer than it is cut off there, and nothing says so",
        ("time", "slow", "now and then"), 0.4,
    ),
    Rule(
        "loop ends late", _FOR_LOOPS,
        _of(
            r"\bfor\b[^;]*+;[^;]*<=\s*+(?:len\(|[\w.\[\]]+\.(?:length|size\(\)|Length|Count|co"
            r"unt\(\))\s*+;|sizeof|strlen)"
        ),
        "a loop runs while the index is <= the length", "the last index does not exist",
        ("crash", "wrong"), 0.8,
    ),
    Rule(
        "float equality", CURLY - {"scala"},
        _of(r"(?<![<>=!])[=!]=={0,1}\s*+-?\d*\.\d*[1-9]\d*\b|\b\d*\.\d*[1-9]\d*\s*+[=!]=="),
        "compares a fraction with ==", "most fractions have no exact binary form",
        ("wrong", "now and then"), 0.6,
    ),
    Rule(
        "swallowed exception", _SCRIPT,
        _of(r"\.catch\(\s*+(?:\(\s*\w*\s*\)|\w+)\s*+=>\s*+(?:\{\s*\}|null|undefined)\s*+\)"),
        "a rejection is caught and dropped", "whatever goes wrong leaves no trace",
        ("silent", "now and then", "wrong"), 0.8,
    ),
    Rule(
        "loose equality", _SCRIPT, _of(r"[^=!<>]([=!]=)(?!=)(?!\s*+(?:null|undefined)\b)"),
        "compares with %s instead of %s=", "values of different types can be equal: 0 == \"\"",
        ("wrong",), 0.3,
    ),
    Rule(
        "async forEach", _SCRIPT, _of(r"\.(forEach|map)\(\s*+async\b(?!.*\bPromise\.)"),
        "%s is given an async function",
        "nobody waits for what it starts, unless the promises are kept",
        ("now and then", "silent"), 0.6,
    ),
    Rule(
        "async executor", _SCRIPT, _of(r"new\s+Promise\(\s*+async\b"),
        "an async function makes a promise", "what it throws is lost and the promise never settles",
        ("silent", "slow", "now and then"), 0.8,
    ),
    Rule(
        "wall clock", _SCRIPT, _of(r"(?:[<>]=?\s*+Date\.now\(\)|Date\.now\(\)\s*+(?:[<>]|\+))"),
        "an expiry is measured with Date.now()",
        "the wall clock is set and steps: things expire too early or too late",
        ("time", "now and then", "stale"), 0.4,
    ),
    Rule(
        "local time", _SCRIPT, _of(r"\.(get(?:Hours|Date|Day|Month|FullYear))\(\)"),
        "%s() reads the time of the local zone",
        "it is another day or hour on a machine in another zone",
        ("time", "wrong"), 0.4,
    ),
    Rule(
        "var in a loop", _SCRIPT, _of(r"\bfor\s*+\(\s*+var\s++(\w+)"),
        "`%s` is one variable for all rounds",
        "a callback made in the loop sees the value of the last round",
        ("wrong", "now and then"), 0.3, needs=_of(r"\bfunction\b|=>"),
    ),
    Rule(
        "check then act", _SCRIPT,
        _of(r"\bif\s*+\(\s*+!?\s*+(?:await\s+)?(?:fs\.)?(existsSync|exists|access(?:Sync)?)\("),
        "asks whether a path exists before using it",
        "another process can make or remove it in between",
        ("now and then", "crash"), 0.4,
    ),
    Rule(
        "ignored error", frozenset({"go"}), _of(r",\s*+_\s*+:?=\s*+(?!strings\.Cut)[\w.]++\("),
        "the error of a call is thrown away", "the code goes on with a value that means nothing",
        ("silent", "wrong", "crash"), 0.4,
    ),
    Rule(
        "ignored error", frozenset({"go"}), _of(r"^\s*+_\s*+=\s*+[\w.]++\("),
        "what a call returns is thrown away", "if that was an error, nobody knows",
        ("silent", "wrong"), 0.4,
    ),
    Rule(
        "no time limit", frozenset({"go"}),
        _of(r"\bhttp\.(?:Get|Post|Head|PostForm)\(|\bhttp\.DefaultClient\b|&http\.Client\{\s*\}"),
        "a request without a time limit",
        "when the other side does not answer, this waits for ever",
        ("slow", "leak", "now and then"), 0.6,
    ),
    Rule(
        "body not closed", frozenset({"go"}),
        _of(r"\bhttp\.(?:Get|Post|Head)\(|\.Do\(\s*req\w*\s*\)"),
        "a response whose body is closed nowhere in this file",
        "its connection is never given back",
        ("leak", "slow"), 0.6, unless=_of(r"Body\.Close\("),
    ),
    Rule(
        "silent recover", frozenset({"go"}),
        _of(r"defer\s+func\(\)\s*\{\s*(?:_\s*=\s*)?recover\(\)"),
        "a panic is recovered and not looked at", "whatever broke leaves no trace",
        ("silent", "wrong"), 0.8,
    ),
    Rule(
        "shared map", frozenset({"go"}), _of(r"^var\s+(\w+)\s*(?:=\s*)?(?:map\[|=\s*make\(map)"),
        "`%s` is one map for all goroutines, and nothing here locks",
        "writing to a map from two goroutines ends the program, or loses a write",
        ("now and then", "crash", "stale"), 0.4, unless=
        _of(r"sync\.(?:RW)?Mutex|sync\.Map|\.Lock\(\)"),
    ),
    Rule(
        "after in a loop", frozenset({"go"}), _of(r"^\s+case\s+<-\s*time\.After\("),
        "time.After() in a select", "in a loop each round leaves a timer behind until it fires",
        ("leak", "time"), 0.3, needs=_of(r"\bselect\b"),
    ),
    Rule(
        "unwrap", frozenset({"rust"}), _of(r"(?<!lock\(\))(?<!read\(\))(?<!write\(\))\.(unwrap)\("),
        "%s() ends the thread where there is no value",
        "an input nobody thought of becomes a panic",
        ("crash",), 0.4,
    ),
    Rule(
        "ignored error", frozenset({"rust"}), _of(r"\blet\s+_\s*=\s*[\w.:]+.*\(|\)\.ok\(\);"),
        "a result is thrown away", "if that was an error, nobody knows",
        ("silent", "wrong"), 0.5,
    ),
    Rule(
        "narrowing cast", frozenset({"rust"}), _of(r"\bas\s+(u8|i8|u16|i16|u32|i32)\b"),
        "`as %s` cuts off what does not fit", "large values become other values without an error",
        ("wrong", "crash"), 0.25,
    ),
    Rule(
        "mutable static", frozenset({"rust"}), _of(r"\bstatic\s+mut\s+(\w+)"),
        "`%s` is changed by any thread without a lock", "two threads at once lose a change",
        ("now and then", "wrong"), 0.7,
    ),
    Rule(
        "wall clock", frozenset({"rust"}), _of(r"\bSystemTime::now\(\)"),
        "the wall clock is read", "it is set and steps; durations need Instant",
        ("time", "now and then"), 0.4,
    ),
    Rule(
        "string identity", frozenset({"java"}), _of(r"[^=!<>]([=!]=)\s*+\"|\"\s*+([=!]=)[^=]"),
        "strings are compared by identity",
        "equal strings that were made at run time are two objects",
        ("wrong", "now and then"), 0.8,
    ),
    Rule(
        "swallowed exception", frozenset({"java", "c#", "groovy"}), _of(r"\.printStackTrace\(\)"),
        "an exception is printed and dropped", "the code goes on as if nothing had happened",
        ("silent", "wrong"), 0.5,
    ),
    Rule(
        "broad except", _JVM,
        _of(
            r"\bcatch\s*+\(\s*+(?:final\s+)?(?:\w+\s*:\s*)?(Exception|Throwable|RuntimeExcepti"
            r"on)\b"
        ),
        "catches every %s", "a fault that was not meant is treated like the one that was",
        ("silent", "wrong"), 0.35,
    ),
    Rule(
        "shared formatter", frozenset({"java", "kotlin", "groovy"}),
        _of(
            r"\bstatic\b[^(<]*\b(SimpleDateFormat|DateFormat|Calendar|NumberFormat|DecimalForm"
            r"at)\s++\w++\s*+[=;]"
        ),
        "one %s for all threads",
        "it keeps what it is working on in itself: two threads mix their results",
        ("now and then", "wrong", "time"), 0.9,
    ),
    Rule(
        "shared map", frozenset({"java", "groovy"}),
        _of(
            r"\bstatic\b.*\b(?:Map|List|Set)<.*=\s*new\s+(HashMap|ArrayList|HashSet|LinkedHash"
            r"Map|TreeMap)\b"
        ),
        "a static %s that any thread can change",
        "two threads at once lose entries or never come back",
        ("now and then", "stale", "leak"), 0.4, unless=_of(r"\bsynchronized\b|ReentrantLock"),
    ),
    Rule(
        "time without zone", frozenset({"java", "kotlin", "scala", "groovy"}),
        _of(r"\b(Local(?:Date)?(?:Time)?)\.now\(\)|\bnew\s+(Date)\(\)"),
        "a time without a zone", "it means another moment on a machine in another zone",
        ("time", "wrong"), 0.35,
    ),
    Rule(
        "wall clock", _JVM,
        _of(
            r"(?:[<>]=?\s*+System\.currentTimeMillis\(\)|System\.currentTimeMillis\(\)\s*+(?:["
            r"<>]|\+|-))"
        ),
        "an expiry is measured with the wall clock",
        "it is set and steps: things expire too early or too late",
        ("time", "now and then", "stale"), 0.4,
    ),
    Rule(
        "forced value", frozenset({"kotlin"}), _of(r"\w!!(?:\.|\)|,|$|\s)"),
        "`!!` throws where there is no value", "an input nobody thought of becomes a crash",
        ("crash",), 0.4,
    ),
    Rule(
        "not thread safe", frozenset({"c", "c++"}),
        _of(
            r"\b(strtok|localtime|gmtime|ctime|asctime|rand|getpwnam|gethostbyname|strerror)\s"
            r"*+\("
        ),
        "%s() keeps its result in one place for all threads", "two threads overwrite each other's",
        ("now and then", "wrong"), 0.5,
    ),
    Rule(
        "unbounded copy", frozenset({"c", "c++"}),
        _of(r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*+\("),
        "%s() does not know how long its target is",
        "a longer input overwrites what lies behind it",
        ("crash", "wrong", "now and then"), 0.6,
    ),
    Rule(
        "static buffer", frozenset({"c", "c++"}),
        _of(
            r"^\s+static\s+(?!const|inline|constexpr|thread_local)[\w:<> ]+[ *&](\w+)\s*(?:\[|"
            r"=|;)"
        ),
        "`%s` is one variable for all calls", "calls that overlap see each other's values",
        ("now and then", "wrong", "stale"), 0.35,
    ),
    Rule(
        "swallowed exception", frozenset({"ruby"}),
        _of(r"\brescue\s++nil\b|\brescue\s*+(?:=>\s*\w+\s*)?;?\s*end\b"),
        "every error becomes nil here", "whatever goes wrong leaves no trace",
        ("silent", "wrong", "crash"), 0.7,
    ),
    Rule(
        "broad except", frozenset({"ruby"}), _of(r"^\s*+rescue\s++(Exception)\b"),
        "catches every %s, interrupts and exits included",
        "the program cannot be stopped, and faults hide",
        ("silent", "slow"), 0.6,
    ),
    Rule(
        "shared state", frozenset({"ruby"}), _of(r"(@@\w+|\$[a-z]\w+)\s*+(?:\|\|=|\+=|<<|-=)"),
        "`%s` is shared by all threads and changed without a lock",
        "two requests at once lose a change",
        ("now and then", "stale", "wrong"), 0.5, unless=_of(r"Mutex|synchronize"),
    ),
    Rule(
        "check then act", frozenset({"ruby"}),
        _of(r"\b(?:if|unless)\s++!?(?:File|Dir)\.(exist|exists|file|directory)\?"),
        "asks whether a path exists before using it",
        "another process can make or remove it in between",
        ("now and then", "crash"), 0.4,
    ),
    Rule(
        "hard interruption", frozenset({"ruby"}), _of(r"\bTimeout\.timeout\("),
        "Timeout.timeout() interrupts whatever runs",
        "it can stop in the middle of an `ensure` and leave locks held",
        ("now and then", "leak", "slow"), 0.5,
    ),
    Rule(
        "loose equality", frozenset({"php"}), _of(r"[^=!<>]([=!]=)(?!=)(?!\s*+null\b)"),
        "compares with %s instead of %s=",
        "values of different types can be equal: 0 == \"a\" before PHP 8",
        ("wrong",), 0.3,
    ),
    Rule(
        "silenced error", frozenset({"php"}), _of(r"(?:^|[=(\s])@(?:[a-z_]+)\("),
        "@ hides the errors of a call", "whatever goes wrong leaves no trace",
        ("silent", "wrong"), 0.6,
    ),
)  # fmt: skip
