"""Trouble on the way, one call at a time: what a scripted network or an ailing platform does to a request."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Self


class Trouble(Enum):
    """The ways a call can go wrong; `done` of the fault says whether it took effect first."""

    LIMIT = "429 for the chat"
    LIMIT_BOT = "429 for the whole bot"
    STATUS = "an HTTP error with a Bot API body"
    CUT = "the connection is reset without an answer"
    HANG = "no answer at all"
    GARBLED = "an answer that is not JSON"
    TRUNCATED = "the first half of the true answer"
    SLOW = "the true answer, late"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `seconds` is the delay of SLOW and the longest HANG; `retry_after` whole seconds."""

    trouble: Trouble
    done: bool = False
    retry_after: int = 0
    status: int = 502
    seconds: float = 0.0

    @classmethod
    def limit(cls, retry_after: int, *, whole_bot: bool = False) -> Self:
        """429; asking again before the wait is over is counted as a broken limit."""
        return cls(Trouble.LIMIT_BOT if whole_bot else Trouble.LIMIT, retry_after=retry_after)

    @classmethod
    def error(cls, status: int = 502, *, done: bool = False) -> Self:
        """500 or 502 with a JSON body; nothing done unless asked."""
        return cls(Trouble.STATUS, status=status, done=done)

    @classmethod
    def reset(cls) -> Self:
        """The connection is reset before the request took effect."""
        return cls(Trouble.CUT)

    @classmethod
    def lost_answer(cls) -> Self:
        """Dropped after accept: the call took effect, then the connection is cut without a reply."""
        return cls(Trouble.CUT, done=True)

    @classmethod
    def hang(cls, seconds: float = 3600.0, *, done: bool = False) -> Self:
        """No answer for so long (then the connection is cut); ends when the server closes."""
        return cls(Trouble.HANG, seconds=seconds, done=done)

    @classmethod
    def html(cls, *, done: bool = True, status: int = 200) -> Self:
        """A page of some proxy instead of JSON."""
        return cls(Trouble.GARBLED, done=done, status=status)

    @classmethod
    def truncated(cls) -> Self:
        """Done, and only the first half of the answer's JSON arrives."""
        return cls(Trouble.TRUNCATED, done=True)

    @classmethod
    def slow(cls, seconds: float) -> Self:
        """Done at once, answered late."""
        return cls(Trouble.SLOW, done=True, seconds=seconds)


FaultScript = Callable[[str, int | None], Fault | None]


def faultless(_method: str, _chat_id: int | None) -> Fault | None:
    return None


@dataclass(slots=True)
class _Planned:
    fault: Fault
    method: str | None
    chat_id: int | None
    times: int


class Misfortune:
    """Which fault befalls a call: planned ones first (`fail_next`), then the script."""

    def __init__(self) -> None:
        self.script: FaultScript = faultless
        self._planned: deque[_Planned] = deque()

    def plan(self, fault: Fault, method: str | None, chat_id: int | None, times: int) -> None:
        self._planned.append(_Planned(fault, method, chat_id, times))

    def forget(self) -> None:
        """No more faults: neither planned nor scripted."""
        self._planned.clear()
        self.script = faultless

    def befalls(self, method: str, chat_id: int | None) -> Fault | None:
        for planned in self._planned:
            if planned.method in {None, method} and planned.chat_id in {None, chat_id}:
                planned.times -= 1
                if not planned.times:
                    self._planned.remove(planned)
                return planned.fault
        return self.script(method, chat_id)
