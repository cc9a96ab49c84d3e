"""Claude Code, headless: `claude -p` with its events as JSON lines.

Promises: the conversation has the id that is on record before the start, so it can be taken
up by it; a refused key ends it at once (it would try ten times, for minutes). Facts of
2.1.329, observed against a scripted server.
"""

from __future__ import annotations

from typing import Any

from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import DONE, FAILED, PARKED, STOPPED, Assignment, Event, Outcome, Say
from gitcoord.runtime.programs.failure import Failure, judge, stamp_of, unreachable
from gitcoord.runtime.programs.holding import settings, was_held
from gitcoord.runtime.programs.program import Command, Ended
from gitcoord.runtime.programs.reader import (
    Reader,
    Totals,
    attempt,
    begin_or_resume,
    doing,
    first_line,
)

LOGIN = "log in with `claude auth login`, or set ANTHROPIC_API_KEY, then: gitcoord resume"
_ALLOWED = (
    "ANTHROPIC_*", "CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_*",
    "CLAUDE_CODE_SKIP_*", "AWS_*", "GOOGLE_*", "CLOUD_ML_REGION", "VERTEX_*", "API_TIMEOUT_MS",
    "DISABLE_*", "IS_SANDBOX",
)  # fmt: skip
_SET = {
    # One result, and subagents in the foreground.
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
}
# They would leave the worktree, outlive the task or start agents nobody pays for by name.
_DENIED = (
    "EnterWorktree", "ExitWorktree", "CronCreate", "ScheduleWakeup", "SendMessage", "Agent",
    "Task", "Workflow",
)  # fmt: skip
_READING = ("Read", "Grep", "Glob")
# Claude Code allows these by itself where they only read; by a rule, `git log --output=F` too.
_BY_ITSELF = ("Bash(git log", "Bash(git show", "Bash(git blame", "Bash(git diff")
_FINDINGS = ("Edit(/.agentcoord/**)", "Write(/.agentcoord/**)")
_EDITING = {"Edit", "Write", "NotebookEdit", "MultiEdit"}
_LOST = "No conversation found"
_TAKEN = "is already in use"


def claude(assignment: Assignment, say: Say) -> Outcome:
    """Work on the assignment."""

    def once(assignment: Assignment) -> tuple[Outcome, Ended]:
        # With a new prompt the call that was held would be dropped.
        held = assignment.resumed and was_held(assignment.log)
        task = b"" if held else assignment.prompt.encode("utf-8", "replace")
        command = Command(argv(assignment), given=task, allowed=_ALLOWED, set=_SET)
        return attempt(command, Claude(assignment, say))

    return begin_or_resume(assignment, once, lost=_LOST, taken=_TAKEN)


def argv(assignment: Assignment) -> tuple[str, ...]:
    """How it is started. Values stand after `=`: none of them can pass for an option."""
    role, limits = assignment.role, assignment.limits
    words = [
        "claude", "-p", "--output-format=stream-json", "--verbose", "--include-partial-messages",
        f"--resume={assignment.mark}" if assignment.resumed else f"--session-id={assignment.mark}",
        f"--permission-mode={'acceptEdits' if role.writes else 'dontAsk'}",
        f"--allowedTools={','.join(_tools(assignment))}",
        f"--disallowedTools={','.join(_denied(assignment))}",
    ]  # fmt: skip
    if role.prompt:
        words.append(f"--append-system-prompt={role.prompt}")
    if assignment.model:
        words.append(f"--model={assignment.model}")
    if asking := settings(assignment.asks):
        words.append(f"--settings={asking}")
    if limits.turns:
        words.append(f"--max-turns={limits.turns}")
    if limits.dollars:
        words.append(f"--max-budget-usd={limits.dollars:g}")
    return tuple(words)


def _tools(assignment: Assignment) -> tuple[str, ...]:
    """Those that need no question. Edits in the worktree need none by the permission mode; of
    a role that changes no code, its findings alone may be written."""
    role = assignment.role
    named = role.tools if role.tools is not None else ("Bash",) if role.writes else ()
    if role.writes:
        return (*_READING, *named)
    kept = (tool for tool in named if tool not in _EDITING and not tool.startswith(_BY_ITSELF))
    return (*_READING, *_FINDINGS, *kept)


def _denied(assignment: Assignment) -> tuple[str, ...]:
    named = {tool.partition("(")[0] for tool in assignment.role.tools or ()}
    return tuple(tool for tool in _DENIED if tool not in named)


class Claude(Reader):
    """Understands `--output-format=stream-json`."""

    name = "claude"

    def __init__(self, assignment: Assignment, say: Say) -> None:
        super().__init__(assignment, say)
        self._totals = Totals(assignment)
        self._counted = Usage()
        self._index = -1
        self._heard: dict[str, Usage] = {}
        self._message = ""
        self._until = ""

    def read(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "stream_event":
                self._stream(event["event"])
            case "assistant":
                self._assistant(event)
            case "system":
                self._system(event)
            case "rate_limit_event":
                self._limit(event.get("rate_limit_info") or event)
            case "result":
                self._result(event)

    def _stream(self, event: dict[str, Any]) -> None:
        """The usage of each call, which the message itself has only the beginning of."""
        if event["type"] == "message_start":
            message = event["message"]
            self._message = message["id"]
            self.model = message.get("model") or self.model
            self._heard[self._message] = _usage(message["usage"])
        elif event["type"] == "message_delta" and self._message in self._heard:
            begun = self._heard.pop(self._message)
            used = Usage(
                begun.input, int(event["usage"]["output_tokens"]), begun.cache_read,
                begun.cache_write,
            )  # fmt: skip
            self.used(used, self._message)

    def _assistant(self, event: dict[str, Any]) -> None:
        if event.get("is_api_error_message"):
            return
        for part in event["message"]["content"]:
            if part["type"] == "text" and not event.get("parent_tool_use_id"):
                self.text(part["text"])
            elif part["type"] == "tool_use":
                given = part.get("input") or {}
                self.say(Event("tool", doing(part["name"], given), {"tool": part["name"]}))

    def _system(self, event: dict[str, Any]) -> None:
        match event.get("subtype"):
            case "init":
                self.mark = event.get("session_id") or self.mark
            case "api_retry":
                self._retrying(event)
            case "permission_denied":
                said = f"{event['tool_name']} was not allowed: {event.get('message', '')}"
                self.say(Event("warning", first_line(said)))

    def _retrying(self, event: dict[str, Any]) -> None:
        status, why = event.get("error_status") or 0, str(event.get("error", ""))
        if status in (401, 402, 403) or why == "authentication_failed":
            said = f"the provider refused it: {status or ''} {why.replace('_', ' ')}"
            self.fail(judge(said, status=status or 401, login=LOGIN), over=True)
            return
        seconds = int(event.get("retry_delay_ms", 0)) / 1000
        said = f"{status or 'no answer'} ({why}); trying again in {seconds:.0f} s"
        self.fail(judge(said, status=status) if status else unreachable(said))
        self.say(Event("waiting", said, {"status": status, "seconds": seconds}))

    def _limit(self, event: dict[str, Any]) -> None:
        if event.get("status") == "rejected":
            self._until = stamp_of(event.get("resetsAt", event.get("resets_at")))

    def _result(self, event: dict[str, Any]) -> None:
        """The last one by its index holds: subagents in the background cause several."""
        if event.get("result_index", 0) < self._index:
            return
        self._index = event.get("result_index", 0)
        self.mark = event.get("session_id") or self.mark
        self.final = self._judged(event)
        used, paid = self._billed(event)
        if used.total:
            self._counted += used
            self.usage, self.dollars = self._counted, (self.dollars or 0.0) + (paid or 0.0)

    def _billed(self, event: dict[str, Any]) -> tuple[Usage, float | None]:
        """What came since the last result. The totals are of the conversation, and have lost
        what a killed process used; versions that say no more than those have theirs taken off.
        """
        since = event.get("model_usage_since_last_result")
        if isinstance(since, dict):
            return _sum(since), sum(float(one.get("costUSD") or 0) for one in since.values())
        return self._totals.since(_sum(event["modelUsage"]), float(event["total_cost_usd"]))

    def _judged(self, event: dict[str, Any]) -> Outcome:
        said = str(event.get("result") or "")
        turns = int(event.get("num_turns", 0))
        reason = str(event.get("terminal_reason") or event.get("subtype"))
        # Taken up before anybody decided, it says so by its stop reason alone.
        if "tool_deferred" in (reason, event.get("stop_reason")):
            tool = str((event.get("deferred_tool_use") or {}).get("name", "")) or "a tool"
            why = f"a call of {tool} waits for approval"
            hint = "see it: gitcoord approvals; then: gitcoord approve ID, and gitcoord resume"
            return Outcome(PARKED, said, reason=why, hint=hint, turns=turns)
        if not event.get("is_error"):
            return Outcome(DONE, said, turns=turns)
        words = said or "; ".join(map(str, event.get("errors") or ())) or reason.replace("_", " ")
        if reason in ("max_turns", "budget_exhausted"):
            hint = "give it more, then: gitcoord resume"
            return Outcome(STOPPED, said, reason=words, hint=hint, turns=turns)
        if reason.startswith("aborted"):
            return Outcome(STOPPED, said, reason="it was interrupted", turns=turns)
        failure = self._failure(event, words)
        return failure.outcome()

    def _failure(self, event: dict[str, Any], words: str) -> Failure:
        status = event.get("api_error_status")
        if event.get("api_error") == "connection_failed":
            return unreachable(words)
        if not status and event.get("terminal_reason") != "api_error":
            return Failure(FAILED, first_line(words))
        return judge(words, status=int(status or 0), login=LOGIN, until=self._until)


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        int(usage.get("input_tokens") or 0),
        int(usage.get("output_tokens") or 0),
        int(usage.get("cache_read_input_tokens") or 0),
        int(usage.get("cache_creation_input_tokens") or 0),
    )


def _sum(models: dict[str, Any]) -> Usage:
    return sum((_model_usage(one) for one in models.values()), Usage())


def _model_usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        int(usage.get("inputTokens") or 0),
        int(usage.get("outputTokens") or 0),
        int(usage.get("cacheReadInputTokens") or 0),
        int(usage.get("cacheCreationInputTokens") or 0),
    )
