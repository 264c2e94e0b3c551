"""One bot's undelivered updates, kept as the real server keeps them: tddb/td/db/TQueue.cpp of tdlib/td."""

import random
from collections import deque
from dataclasses import dataclass, replace

import msgspec

MOST_EVENTS = 100_000  # TQueueImpl::MAX_QUEUE_EVENTS
MAX_ID = 2_000_000_000  # EventId::MAX_ID
FUTURE = 10  # TQueueImpl::get: an offset more than this past the tail is "in the future"

# Client::get_update_type_name in the order of Bot API 10.3's Update; DEFAULT_ALLOWED_UPDATE_TYPES leaves out the last three
_KINDS_BY_DEFAULT = """
    message edited_message channel_post edited_channel_post business_connection business_message
    edited_business_message deleted_business_messages guest_message inline_query chosen_inline_result callback_query
    shipping_query pre_checkout_query purchased_paid_media poll poll_answer my_chat_member chat_join_request
    chat_boost removed_chat_boost managed_bot subscription stopped_message_generation
"""
KINDS_BY_DEFAULT = frozenset(_KINDS_BY_DEFAULT.split())
KINDS = KINDS_BY_DEFAULT | {"chat_member", "message_reaction", "message_reaction_count"}


@dataclass(slots=True)
class Event:
    """`body` is the update's JSON object without its `update_id`; `queue_id` orders webhook deliveries."""

    update_id: int
    body: bytes
    expires_at: float
    queue_id: int

    def encoded(self) -> bytes:
        rest = self.body[1:]
        return b'{"update_id":%d%s%s' % (self.update_id, b"" if rest == b"}" else b",", rest)


def allowed_kinds(argument: str | None) -> frozenset[str] | None:
    """Client::get_allowed_update_types: None keeps the earlier choice; unknown names are passed over; none known means the
    default set.
    """
    if not argument:
        return None
    try:
        names = msgspec.json.decode(argument.encode())
    except msgspec.DecodeError:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return frozenset(name.lower() for name in names) & KINDS or KINDS_BY_DEFAULT


class UpdateQueue:
    """Updates by id. Ids are sequential from a random start, and confirmed ones are forgotten."""

    def __init__(self) -> None:
        self._events: deque[Event] = (
            deque()
        )  # in the order of ids; forgotten ones leave from the left, others lose their body first
        self._again: deque[Event] = deque(maxlen=1000)
        self._delivered: deque[Event] = deque(maxlen=1000)
        self._tail = self._random_start()
        self._gone = 0

    def __len__(self) -> int:
        return len(self._events) - self._gone

    @property
    def head(self) -> int:
        return self._events[0].update_id if self._events else self._tail

    @property
    def tail(self) -> int:
        return self._tail

    def push(self, body: bytes, expires_at: float, queue_id: int) -> int | None:
        """The new update's id; None when the queue is full: the update is lost, as there."""
        if len(self) >= MOST_EVENTS:
            return None
        update_id, self._tail = self._tail, self._tail + 1
        self._events.append(Event(update_id, body, expires_at, queue_id))
        return update_id

    def get(self, offset: int, limit: int, now: float) -> list[Event]:
        """Client::do_get_updates over TQueue::get: negative offsets keep only the last so many; every update before `offset` is
        forgotten; an offset too far in the future or the past is read as the head and forgets nothing.
        """
        if offset < 0:
            self._keep_last(-offset)
        if offset <= 0 or offset > self._tail + FUTURE or offset < self.head - MOST_EVENTS:
            offset = self.head
        while self._events and self._events[0].update_id < offset:
            self._forget_first()
        again = [self._again.popleft() for _ in range(min(limit, len(self._again)))]
        return again + self.pending(0, limit - len(again), now)

    def pending(self, after: int, limit: int, now: float) -> list[Event]:
        """The next updates with a higher id; nothing is forgotten but what expired."""
        while self._events and (not self._events[0].body or self._events[0].expires_at < now):
            self._empty(self._events[0])
        ready: list[Event] = []
        for event in self._events:
            if len(ready) == limit:
                break
            if event.body and event.update_id > after and event.expires_at >= now:
                ready.append(event)
        return ready

    def confirm(self, event: Event) -> None:
        """A webhook took it."""
        if event.body:
            self._delivered.append(replace(event))
            self._empty(event)

    def clear(self) -> None:
        for event in self._events:
            event.body = b""
        self._events.clear()
        self._gone = 0

    def renumber(self, start: int | None = None) -> None:
        """ "If there are no new updates for at least a week, then the identifier of the next update will be chosen randomly"
        (https://core.telegram.org/bots/api#update); updates still pending get the new numbers too.
        """
        pending = [replace(event) for event in self.pending(0, MOST_EVENTS, 0.0)]
        self.clear()
        self._tail = self._random_start() if start is None else start
        for event in pending:
            self.push(event.body, event.expires_at, event.queue_id)

    def repeat(self, update_id: int | None = None) -> Event:
        """Deliver a confirmed update once more, with its old id: the last one, or this one."""
        event = next(event for event in reversed(self._delivered) if update_id in {None, event.update_id})
        self._again.append(event)
        return event

    def shuffle(self, chance: random.Random) -> None:
        """Put the pending updates into another order, under the same ids."""
        pending = self.pending(0, MOST_EVENTS, 0.0)
        contents = [(event.body, event.expires_at, event.queue_id) for event in pending]
        chance.shuffle(contents)
        for event, content in zip(pending, contents, strict=True):
            event.body, event.expires_at, event.queue_id = content

    def _keep_last(self, count: int) -> None:
        while len(self) > count:
            self._forget_first()

    def _forget_first(self) -> None:
        event = self._events.popleft()
        if event.body:
            self._delivered.append(event)
        else:
            self._gone -= 1

    def _empty(self, event: Event) -> None:
        if event.body:
            event.body = b""
            self._gone += 1
        while self._events and not self._events[0].body:
            self._events.popleft()
            self._gone -= 1

    @staticmethod
    def _random_start() -> int:
        return random.randint(2 * 10**6 + 1, MAX_ID // 2)  # TQueueImpl::push
