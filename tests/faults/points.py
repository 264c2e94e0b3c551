"""The named places at which a life may end, and the fuse that ends it there.

Each arrow of a message's path is a unit of work: `NAME:before` it runs, `NAME:inside` its transaction, when all its
statements have run but nothing is committed, and `NAME:after` the commit, when nobody was told yet. Requests to the node and
to a platform have points of their own. `clock` is no place but a moment: the driver's SIGKILL at any time.
"""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Plan:
    """At the `hit`th time that the life reaches `point` it is killed, or (`act` "stop") stopped until someone continues it."""

    point: str = CLOCK
    hit: int = 1
    act: str = "kill"


class Fuse:
    """Belongs to one life. Tells the driver before it acts, since afterwards there is nobody left to tell."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan = plan
        self.say = say
        self._left = plan.hit
        self._lock = threading.Lock()  # units run on threads of the store

    def reach(self, point: str) -> None:
        """The life is at `point`."""
        if point != self._plan.point:
            return
        with self._lock:
            self._left -= 1
            if self._left != 0:
                return
            self.say(f"fired {point}")
            os.kill(os.getpid(), signal.SIGKILL if self._plan.act == "kill" else signal.SIGSTOP)


def _around(unit: str) -> tuple[str, str, str]:
    return f"{unit}:before", f"{unit}:inside", f"{unit}:after"


# what must be so around a life that is to end there: the engine's behaviour and the customers' habits make it likely
NEEDS: Mapping[str, str] = {
    **dict.fromkeys(_around("receiving.take"), ""),
    **dict.fromkeys(_around("visitors._open"), "arrival"),
    **dict.fromkeys(_around("claiming.take_due"), ""),
    "generation:before": "",
    "generation:during": "",
    "generation:after": "",
    **dict.fromkeys(_around("storing.store_answer"), ""),
    **dict.fromkeys(_around("claiming.take_interrupted"), "burst"),
    **dict.fromkeys(_around("storing.store_stopped"), "stop"),
    **dict.fromkeys(_around("storing.give_back"), "cut"),
    **dict.fromkeys(_around("conversations.renew"), "slow"),
    **dict.fromkeys(_around("notices.notice"), "outage"),
    **dict.fromkeys(_around("jobs.claim"), ""),
    "rollover:before": "history",
    "rollover:during": "history",
    **dict.fromkeys(_around("rollover.keep_summary"), "history"),
    **dict.fromkeys(_around("sending.begin"), "account"),
    "channel.send:before": "account",
    "channel.send:after": "account",
    "channel.edit:before": "account",
    "channel.edit:after": "account",
    **dict.fromkeys(_around("carry.Carrier._sent.record"), "account"),
    **dict.fromkeys(_around("placeholders.note_preview"), "account"),
    **dict.fromkeys(_around("sending.orphans"), "account"),
    **dict.fromkeys(_around("accounts.hold"), ""),
    **dict.fromkeys(_around("opening._settle_in"), ""),
    CLOCK: "",
}
SQLITE_ONLY: Mapping[str, str] = dict.fromkeys(_around("leases.void_leases"), "")
# a process that is stopped past its lease: others take over, then it goes on where it was
STOPS: Mapping[str, str] = {
    "receiving.take:before": "",
    "receiving.take:inside": "",
    "claiming.take_due:inside": "",
    "claiming.take_due:after": "",
    "generation:during": "",
    "generation:after": "",
    "storing.store_answer:before": "",
    "storing.store_answer:inside": "",
    "storing.store_answer:after": "",
    "sending.begin:before": "account",
    "sending.begin:after": "account",
    "channel.send:before": "account",
    "channel.send:after": "account",
    "channel.edit:before": "account",
    "rollover.keep_summary:before": "history",
}
# passed once in a life, or so seldom that waiting for a second time is idle
ONCE = ("opening", "leases", "accounts", "sending.orphans", "migration:before commit", "migration:after")
# only on a database that is still empty: the first deaths of a run
MIGRATION = ("migration:statement", "migration:before commit", "migration:statement", "migration:after")
STATEMENTS = 30


def points_of(database: str) -> tuple[str, ...]:
    """The points of a run over "sqlite" or "postgres", in a fixed order."""
    return (*NEEDS, *SQLITE_ONLY) if database == "sqlite" else tuple(NEEDS)


def most_hits(point: str) -> int:
    """How often a life may pass a point before it ends there."""
    if point == MIGRATION[0]:
        return STATEMENTS
    if NEEDS.get(point, "") not in {"", "account"} or point.startswith(ONCE):
        return 1
    return 6 if point.startswith(("receiving", "claiming", "generation", "storing")) else 2
