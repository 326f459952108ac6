"""When to stop asking a part that does not answer, and when to try it again. Pure: the clock is given.

closed: calls go through. open: calls fail at once, so that nobody waits for what will not come. half-open: the pause is
over, and one call finds out for all. Only silence counts; a part that answers with a refusal is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from memory_crd.status import Reason

from memory_service.errors import SummaryFailed, Unavailable
from memory_service.model.facts import Circuit

FAILURES: Final = 3
"""Calls in a row without an answer after which the circuit opens."""
FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 2.0
"""Pauses double from the first to the longest, which bounds how late a healed part is noticed."""


@dataclass(slots=True)
class Breaker:
    """The circuit to one part. `clock` gives seconds that only rise; `silence` is what the last silent call said."""

    clock: Callable[[], float]
    silence: str = ""
    _failures: int = 0
    _pause: float = FIRST_SECONDS
    _again_at: float = 0.0
    _trying: bool = False

    @property
    def state(self) -> Circuit:
        """Whether calls go through now."""
        if self._failures < FAILURES:
            return "closed"
        return "half-open" if self._trying or self.clock() >= self._again_at else "open"

    def admit(self) -> bool:
        """Whether a call may be made now; each one that may ends with `worked`, `failed` or `told_nothing`."""
        if self._failures < FAILURES:
            return True
        if self._trying or self.clock() < self._again_at:
            return False
        self._trying = True
        return True

    @contextmanager
    def counting(self, fault: type[SummaryFailed] | type[Unavailable]) -> Iterator[None]:
        """Count how an admitted call ends: a fault but Unreachable is an answer, any other error tells nothing."""
        try:
            yield
        except fault as error:
            if error.reason == Reason.UNREACHABLE:
                self.silence = error.detail
                self.failed()
            else:
                self.worked()
            raise
        except BaseException:
            self.told_nothing()
            raise
        self.worked()

    def worked(self) -> None:
        """The part answered, whatever it said."""
        self._failures, self._pause, self._trying = 0, FIRST_SECONDS, False

    def failed(self) -> None:
        """The part did not answer. Calls that were on their way when the circuit opened change nothing any more."""
        was_open = self._failures >= FAILURES
        if was_open and not self._trying:
            return
        self._failures += 1
        if self._failures >= FAILURES:
            self._pause = min(LONGEST_SECONDS, self._pause * 2) if was_open else FIRST_SECONDS
            self._again_at, self._trying = self.clock() + self._pause, False

    def told_nothing(self) -> None:
        """The call ended before the part could answer: its caller has gone."""
        self._trying = False
