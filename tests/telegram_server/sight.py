"""The log of what users saw: the oracle of the suites."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

What = Literal["sent", "edited", "deleted", "drafted", "typing", "callback_answered"]


@dataclass(frozen=True, slots=True)
class Button:
    """`data` of a callback button, else its URL or ""."""

    text: str
    data: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Something a user could see at a time (`at`: the server's monotonic seconds; `bot`: the bot's id).

    `message_id` is the draft's id for `drafted` and 0 for `typing`; the text of `typing` is the action, of `callback_answered`
    the notice.
    """

    at: float
    what: What
    chat_id: int
    thread_id: int | None
    message_id: int
    text: str
    entities: tuple[dict[str, Any], ...]
    buttons: tuple[tuple[Button, ...], ...]
    reply_to: int | None
    bot: int


class Log:
    """Everything seen, in order; with `most` only the latest so many are kept (for long load runs)."""

    def __init__(self, most: int | None = None) -> None:
        self._seen: deque[Seen] = deque(maxlen=most)
        self.count = 0

    def __len__(self) -> int:
        return len(self._seen)

    def __iter__(self) -> Iterator[Seen]:
        return iter(self._seen)

    def __getitem__(self, index: int) -> Seen:
        return self._seen[index]

    def add(self, seen: Seen) -> None:
        self._seen.append(seen)
        self.count += 1

    def since(self, position: int) -> list[Seen]:
        """What was seen after the first `position` sights that are still kept; `count` is the position of the end."""
        latest = list(islice(reversed(self._seen), max(0, self.count - position)))
        return latest[::-1]

    def of(self, what: What, where: Callable[[Seen], bool] | None = None) -> list[Seen]:
        return [seen for seen in self._seen if seen.what == what and (where is None or where(seen))]

    def times_shown(self, text: str) -> int:
        """How many messages showed exactly this text, whether sent so or edited to it."""
        return len({(seen.bot, seen.chat_id, seen.message_id) for seen in self._shown() if seen.text == text})

    def first_shown(self, text: str) -> float:
        return next(seen.at for seen in self._shown() if seen.text == text)

    def _shown(self) -> Iterable[Seen]:
        return (seen for seen in self._seen if seen.what in {"sent", "edited"})


def buttons_of(markup: dict[str, Any] | None) -> tuple[tuple[Button, ...], ...]:
    """The rows of an inline keyboard."""
    if not markup:
        return ()
    rows = markup.get("inline_keyboard", ())
    return tuple(tuple(Button(each["text"], each.get("callback_data", each.get("url", ""))) for each in row) for row in rows)
