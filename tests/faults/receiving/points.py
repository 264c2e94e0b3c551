"""The named places at which a life that serves a real platform may end, for each of the three ways of receiving.

`receiving.take` and the other units are the store's (`tests.faults.points`). `NAME:during` is a request that is on its way: sent,
not answered yet.
"""

from collections.abc import Mapping
from typing import Literal

from tests.faults.points import CLOCK

Mode = Literal["polling", "webhook", "gateway"]
MODES: tuple[Mode, ...] = ("polling", "webhook", "gateway")


def _unit(name: str) -> tuple[str, ...]:
    return f"{name}:before", f"{name}:inside", f"{name}:after"


def _request(name: str) -> tuple[str, ...]:
    return f"{name}:before", f"{name}:during", f"{name}:after"


_PATH = (
    *_unit("receiving.take"),
    *_unit("claiming.take_due"),
    "generation:before",
    "generation:during",
    "generation:after",
    *_unit("storing.store_answer"),
    *_unit("sending.begin"),
    *_request("channel.send"),
    *_request("channel.edit"),
    *_unit("carry.Carrier._sent.record"),
    *_unit("placeholders.note_preview"),
    *_unit("sending.orphans"),
    *_unit("accounts.hold"),
    CLOCK,
    CLOCK,
)
_TELEGRAM = (*_PATH, *_request("channel.draft"), *_unit("carry.Carrier._placed"))
POINTS: Mapping[Mode, tuple[str, ...]] = {
    # asked for updates, handed them, asked beyond them: the last is the acknowledgement
    "polling": (*_TELEGRAM, *_request("fetch"), *_request("acknowledge"), *_unit("receiving.take"), *_request("acknowledge")),
    "webhook": (*_TELEGRAM, "hook:before", "hook:after", "hook:answered", *_unit("receiving.take"), *_request("register")),
    "gateway": (
        *_PATH,
        "heard:before",
        "heard:after",
        "ready:after",
        "history:before",
        "history:during",
        "history:after",
        "history:before",
        "history:after",
        *_unit("receiving.take"),
        *_request("thread"),
    ),
}
ONCE = ("accounts", "sending.orphans", "ready", "register", "fetch")


def most_hits(point: str) -> int:
    """How often a life may pass a point before it ends there."""
    if point.startswith(ONCE):
        return 1
    return 4 if point.startswith(("receiving", "acknowledge", "hook", "heard", "claiming", "generation")) else 2
