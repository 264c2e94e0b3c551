"""The parts of a Discord account that are wrapped, so that they reach the fault points; and two of them broken on purpose.

`cursor_early`: live messages move the cursor of a place whose history was not read yet. `random_nonce`: a message is sent again
under another nonce.
"""

import random
from typing import Any

import adapters.discord.account
import adapters.discord.channel
from adapters.discord.cursors import Progress
from adapters.discord.inlet import Inlet
from adapters.discord.markers import DIGITS
from adapters.discord.rest import Rest
from bot.events import Received
from tests.faults.points import Fuse
from tests.faults.receiving.arrows import crossing

MESSAGES = "/channels/{channel_id}/messages"
THREADS = "/channels/{channel_id}/messages/{message_id}/threads"


class FusedInlet(Inlet):
    """Points around what the gateway tells."""

    fuse: Fuse

    def hear(self, text: str) -> None:
        kind = "ready" if '"READY"' in text[:40] else "heard" if '"MESSAGE_CREATE"' in text[:40] else ""
        self.fuse.reach(f"{kind}:before")
        super().hear(text)
        self.fuse.reach(f"{kind}:after")


class FusedRest(Rest):
    """Points around reading history and opening threads; sending has its own, at the channel."""

    fuse: Fuse

    async def call(self, method: str, path: str, **named: Any) -> bytes:
        name = {("GET", MESSAGES): "history", ("POST", THREADS): "thread"}.get((method, path))
        asking = super().call(method, path, **named)
        return await (crossing(self.fuse, name, asking) if name else asking)


class CursorEarly(Progress):
    def admit(self, place: str, received: Received) -> Received | None:
        assert place
        return self.stamped(received)


def _random_nonce(_outbox_id: str) -> str:
    return "".join(random.choices(DIGITS, k=22))


def furnish(fuse: Fuse, mutant: str) -> None:
    """From here on this process, which is a life, makes Discord accounts of these parts."""
    FusedInlet.fuse = FusedRest.fuse = fuse
    adapters.discord.account.Inlet = FusedInlet
    adapters.discord.account.Rest = FusedRest
    if mutant == "cursor_early":
        adapters.discord.account.Progress = CursorEarly
    if mutant == "random_nonce":
        adapters.discord.channel.nonce = _random_nonce
