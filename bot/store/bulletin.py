"""Wake-ups: who is interested in a topic hears that something changed. Never the only way to learn it: listeners also poll."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum

from bot.store.listeners import Listeners


class Topic(StrEnum):
    """What changed, and what its key is."""

    DUE = "due"  # a conversation may be claimed; key: its route
    DIALOGUE = "dialogue"  # the event log of an address grew; key: address id
    MESSAGE = "message"  # a customer wrote into a conversation; key: conversation id
    SUPERSEDED = "superseded"  # the epoch of a conversation moved; key: conversation id
    OUTBOX = "outbox"  # an account has rows to send; key: account id
    JOB = "job"  # a job may be claimed; key: its kind


Listener = Callable[[str], None]


class Bulletin:
    """In-process notices. `carry`, when set, takes each one to the other processes too. Belongs to one event loop."""

    def __init__(self) -> None:
        self._listeners = Listeners[tuple[Topic, str | None], [str]]()
        self.carry: Callable[[Topic, str], None] | None = None

    def post(self, topic: Topic, key: str) -> None:
        """Tell everyone, here and elsewhere."""
        self.deliver(topic, key)
        if self.carry is not None:
            self.carry(topic, key)

    def deliver(self, topic: Topic, key: str) -> None:
        """Tell the listeners of this process."""
        for heard in (key, None):
            self._listeners.tell((topic, heard), key)

    def listen(self, topic: Topic, key: str | None, listener: Listener) -> AbstractContextManager[None]:
        """Call `listener` with the key at each notice of the topic (and of that key, unless None) inside the block."""
        return self._listeners.listen((topic, key), listener)
