"""Which stacks to check so that all good candidates land and every bad one is named.

A stack is a row of candidates on top of what the target holds: those that landed, then others.
Pure: it is told what a check of a stack said, and says which stacks to check next.

Promises: it ends, whatever the answers; what lands was green as the very row that lands; what is
named was red in two checks that no other named one explains, so that one flake blames nobody.
Before it names anybody while nothing was green yet, the ground itself is checked, as the stack ().
With a tenth of 20 candidates bad it takes at most 10 checks wherever they stand, where one by
one takes 22. Refuses: to guess. What an output hints at is tried first, and decides nothing.

Groups are sized in the manner of Hwang's generalized binary splitting (F. K. Hwang, "A method for
detecting all defective members in a population by group testing", 1972), by how many are expected
to be bad: a tenth, then, once more were found, as many as among those that are decided. A red
group is halved; its last counts double there, since that one has to be tried again. The
sizes and halves are those that did best on all 190 placements of 2 among 20.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

Stack = tuple[str, ...]

# Of 20 candidates: 2 are taken to be bad at first.
_BAD_OF = 10
# Of more candidates, what is to come is not planned, and nothing runs ahead.
_PLANNED = 64
# Of few candidates, checks run ahead on idle cores may cost more than half of one by one.
_FREE_CHECKS = 8


@dataclass
class Search:
    """The search among `queue`, in the order they are to land.

    landed: the row that was green and is the ground of all further stacks. suspects: those a
    red was narrowed down to, each with its stack, not yet named. flakes: were red, then green.
    started: checks begun, those that nobody needed in the end included. broken: the ground is red
    without any candidate; then nobody is named.
    """

    queue: list[str]
    batch: int
    landed: Stack = ()
    suspects: dict[str, Stack] = field(default_factory=dict)
    named: dict[str, Stack] = field(default_factory=dict)
    flakes: list[str] = field(default_factory=list)
    started: int = 0
    broken: bool = False
    _grounded: bool = False
    _red: int = 0
    _reds: list[Stack] = field(default_factory=list)
    _without_last: bool = False
    _size: int = 0

    def __post_init__(self) -> None:
        self._size = len(self.queue)

    @property
    def done(self) -> bool:
        """Whether every candidate has landed or was named, or none can."""
        return self.broken or (not self.queue and not self.suspects)

    def wanted(self, workers: int, running: Collection[Stack] = ()) -> list[Stack]:
        """The stacks whose checks should run now, at most `workers`; those of `running` that are
        not among them have become useless."""
        chosen = self._again()
        if self._doubts_ground():
            chosen.insert(0, ())
        if self.queue:
            chosen.append(self._stack(self._size_of_next()))
        chosen += [stack for stack in running if stack not in chosen and self._depth(stack)]
        if len(chosen) < workers and 0 < len(self.queue) <= _PLANNED:
            chosen += self._ahead(workers - len(chosen), chosen, running)
        return chosen[:workers]

    def begun(self, count: int = 1) -> None:
        """Count checks that were started."""
        self.started += count

    def answer(self, stack: Stack, *, green: bool) -> None:
        """What the check of a stack said. An answer nobody needs any more changes nothing."""
        suspect = next((one for one, own in self.suspects.items() if own == stack), None)
        depth = self._depth(stack)
        self._grounded = self._grounded or (green and (not stack or bool(suspect or depth)))
        self.broken = self.broken or not (green or stack or self._grounded)
        if suspect is not None:
            self._tried_again(suspect, stack, green=green)
        elif depth and green:
            self._land(depth)
        elif depth:
            self._reds.append(stack)
            self._red, self._without_last = depth, False
        if self._red == 1:
            self._single_out()
        self._name()

    def drop(self, candidate: str) -> None:
        """Leave one out that cannot be stacked where it stands."""
        if candidate in self.queue:
            self.queue.remove(candidate)
            self._red, self._without_last = 0, False
            self._name()

    def hint(self, candidate: str) -> None:
        """The output of the red group seems to speak of this one: try the group without it."""
        if self._red > 2 and candidate in self.queue[: self._red] and not self._narrowed:
            self.queue.remove(candidate)
            self.queue.insert(self._red - 1, candidate)
            self._without_last = True

    @property
    def _narrowed(self) -> bool:
        """Whether the group was red in more than one check: its last has been tried again."""
        last = self.queue[self._red - 1]
        return sum(last in stack for stack in self._reds) > 1

    def _stack(self, count: int) -> Stack:
        return (*self.landed, *self.queue[:count])

    def _depth(self, stack: Stack) -> int:
        """How many of the queue a stack holds, 0 when its answer would tell nothing."""
        count = len(stack) - len(self.landed)
        known = self._red and count >= self._red
        return 0 if count < 1 or known or stack != self._stack(count) else count

    def _size_of_next(self) -> int:
        if not self._red:
            return group_size(len(self.queue), self._expected(), self.batch)
        if self._without_last:
            return self._red - 1
        return half_of(self._red, tried_again=self._narrowed)

    def _expected(self) -> int:
        """How many of the queue are bad: a tenth at first, then as many as were among the rest."""
        found = len(self.suspects) + len(self.named)
        first = -(-self._size // _BAD_OF)
        if found <= first:
            return first - found
        return max(1, round(len(self.queue) * found / max(1, self._size - len(self.queue))))

    def _ahead(self, count: int, chosen: list[Stack], running: Collection[Stack]) -> list[Stack]:
        """Checks that may turn out useless, as long as all together stay within half of what
        one by one takes."""
        most = max(self._size // 2, _FREE_CHECKS)
        left = worst(len(self.queue), self._expected(), self._red, self._tried, self.batch)
        left += sum(stack not in running for stack in self._again())
        found: list[Stack] = []
        next_size = self._size_of_next()
        for size in (half_of(next_size, tried_again=True), self._beyond(next_size)):
            stack = self._stack(size)
            spent = self.started + left + len(found) + 1
            if size and stack not in [*chosen, *found] and spent < most and len(found) < count:
                found.append(stack)
        return found

    @property
    def _tried(self) -> bool:
        return bool(self._red) and self._narrowed

    def _beyond(self, size: int) -> int:
        """The size to go on with if the next check is green, 0 when that is the last."""
        if self._red:
            left = self._red - size
            return size + half_of(left, tried_again=self._narrowed) if left > 1 else 0
        left = len(self.queue) - size
        return size + group_size(left, self._expected(), self.batch) if left else 0

    def _land(self, depth: int) -> None:
        self.landed = self._stack(depth)
        del self.queue[:depth]
        self._red = max(0, self._red - depth)

    def _single_out(self) -> None:
        """All before it are green, and with it they are red."""
        suspect = self.queue[0]
        self.suspects[suspect] = self._stack(1)
        del self.queue[0]
        self._red, self._without_last = 0, False

    def _again(self) -> list[Stack]:
        """The suspects whose own stack is to be checked again, as it was.

        When nothing else is left, also those of which another suspect may have caused the second
        red: so no single flake, whenever it comes, names one that is good.
        """
        strict = not self.queue
        return [
            own
            for suspect, own in self.suspects.items()
            if (self._own_reds(suspect) if strict else self._reds_with(suspect)) < 2
        ]

    def _reds_with(self, suspect: str) -> int:
        return sum(suspect in stack for stack in self._reds)

    def _own_reds(self, suspect: str) -> int:
        """Red checks that nothing but this one explains: all others in them have landed."""
        there = {*self.landed, suspect}
        return sum(suspect in stack and there.issuperset(stack) for stack in self._reds)

    def _doubts_ground(self) -> bool:
        """Whether more were red than were taken to be bad, or all, and nothing at all was green."""
        over = not self.queue and not self._again()
        many = len(self.suspects) > -(-self._size // _BAD_OF)
        return not self._grounded and (many or (over and bool(self.suspects)))

    def _tried_again(self, suspect: str, stack: Stack, *, green: bool) -> None:
        if not green:
            self._reds.append(stack)
            return
        del self.suspects[suspect]
        self.flakes.append(suspect)
        if self.landed == stack[:-1]:
            self.landed = stack
            self._red = 0
        else:
            self.queue.append(suspect)

    def _name(self) -> None:
        """Name the suspects that two reds prove; the rest when nothing more is to be checked."""
        if not self._grounded:
            return
        over = not self.queue and not self._again()
        for suspect in list(self.suspects):
            again = suspect in self.flakes and self._reds_with(suspect) > 1
            if over or again or self._own_reds(suspect) > 1:
                self.named[suspect] = self.suspects.pop(suspect)


def group_size(left: int, bad: int, batch: int) -> int:
    """How many of `left` candidates to check together when `bad` of them are expected to be bad:
    an even share, rounded, so that green and red are about as likely."""
    return max(1, min(left, batch, (2 * left + bad + 1) // (2 * (bad + 1))))


def half_of(red: int, *, tried_again: bool) -> int:
    """Where to halve a red group. The last of a group nobody tried again costs a check more."""
    return max(1, min(red - 1, (red + (not tried_again)) // 2)) if red > 1 else 0


def worst(left: int, bad: int, red: int, tried_again: bool, batch: int) -> int:
    """The most checks that are still to come when at most `bad` of `left` candidates are bad.

    red: how many of the first are known to be red together, 0 for none.
    """
    known: dict[tuple[int, int, int, bool], int] = {}

    def ask(left: int, bad: int, red: int, tried: bool) -> int:
        if not left:
            return 0
        if (left, bad, red, tried) not in known:
            known[left, bad, red, tried] = one(left, bad, red, tried)
        return known[left, bad, red, tried]

    def one(left: int, bad: int, red: int, tried: bool) -> int:
        if red == 1:
            return ask(left - 1, max(0, bad - 1), 0, False) + (not tried)
        size = half_of(red, tried_again=tried) if red else group_size(left, bad, batch)
        green = ask(left - size, bad, max(0, red - size), tried)
        return 1 + (green if not bad else max(green, ask(left, bad, size, bool(red))))

    return ask(left, bad, red, tried_again)
