"""What went wrong with a call of the model, by class, and what is to be done about it.

wait    429, 529, 408, 409, 5xx, no connection, a cut stream: again, after a pause for all
park    a usage limit that ends at a time: the task waits for it
shrink  413: the conversation is too long
end     the rest, 400, 401, 402, 403, 404 among them: another call would get the same answer
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WAIT, PARK, SHRINK, END = "wait", "park", "shrink", "end"
LONGEST_PAUSE = 600.0
_PASSING = frozenset((408, 409, 425, 429))
# What the type of an error in a stream stands for.
_STATUS = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402,
    "permission_error": 403, "not_found_error": 404, "request_too_large": 413,
    "rate_limit_error": 429, "api_error": 500, "timeout_error": 504, "overloaded_error": 529,
}  # fmt: skip
_HINTS = {
    400: "look at what was sent, in the task's log: gitcoord show {id}",
    401: "give a key that is valid: export ANTHROPIC_API_KEY=… && gitcoord resume {id}",
    402: "pay the bill, or work with something else: gitcoord agents runners",
    403: "use a key that may use this model: export ANTHROPIC_API_KEY=… && gitcoord resume {id}",
    404: "name a model there is: gitcoord config set agents.model NAME",
    413: "ask for less at a time: gitcoord config set agents.context 100000",
}
_LATER = "try again later: gitcoord resume {id}"


@dataclass(frozen=True)
class Failure:
    """do: one of the above. after: seconds to wait at least, as the server says. until: RFC 3339,
    when a usage limit ends. crowded: the server has too much to do. hint: with `{id}` for the
    worktree."""

    do: str
    reason: str
    hint: str = _LATER
    after: float = 0.0
    until: str = ""
    crowded: bool = False


def of_status(status: int, headers: Mapping[str, str], message: str, code: str) -> Failure:
    """The failure that an HTTP status with its headers tells. code: the API's own, or ""."""
    reason = f"the model's API says {status}: {message}"[:500]
    after = _after(headers)
    ends = _limit_ends(headers, code, after)
    if status == 429 and ends:
        return Failure(PARK, f"usage limit reached, until {ends}", until=ends)
    if status == 429 and code.endswith("spend_limit_reached"):
        return Failure(END, reason, "raise the limit, then: gitcoord resume {id}")
    if status == 413:
        return Failure(SHRINK, reason, _HINTS[413])
    told = headers.get("x-should-retry", "")
    if (status in _PASSING or status >= 500 or told == "true") and told != "false":
        return Failure(WAIT, reason, after=after, crowded=status in (429, 529))
    return Failure(END, reason, _HINTS.get(status, _LATER))


def of_event(kind: str, message: str) -> Failure:
    """The failure that an `error` event of a stream tells."""
    return of_status(_STATUS.get(kind, 500), {}, message or kind, "")


def of_connection(what: str) -> Failure:
    """No connection, or one that was cut."""
    hint = "is there a network? see where it calls: echo $ANTHROPIC_BASE_URL"
    return Failure(WAIT, f"no whole answer from the model's API: {what}"[:500], hint)


def _after(headers: Mapping[str, str]) -> float:
    """Seconds that `retry-after-ms` or `retry-after` (seconds or a date) ask for, else 0."""
    try:
        if told := headers.get("retry-after-ms"):
            return _seconds(float(told) / 1000)
        told = headers.get("retry-after", "")
        try:
            return _seconds(float(told))
        except ValueError:
            return _seconds(parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _seconds(told: float) -> float:
    return max(0.0, told) if math.isfinite(told) else 0.0


def _limit_ends(headers: Mapping[str, str], code: str, after: float) -> str:
    """When a usage limit ends, RFC 3339; "" where it is only a rate limit."""
    rejected = headers.get("anthropic-ratelimit-unified-status") == "rejected"
    try:
        moment = float(headers.get("anthropic-ratelimit-unified-reset", ""))
    except ValueError:
        moment = 0.0
    if rejected and moment - time.time() > 0:
        return _moment(moment)
    if after > LONGEST_PAUSE or (after and code.endswith("spend_limit_reached")):
        return _moment(time.time() + after)
    return ""


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
