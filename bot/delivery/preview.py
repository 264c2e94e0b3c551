"""Previews where channels read them: in memory for pull channels, handed on by account for push channels."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bot.ports import Previews, PreviewTarget
from bot.store.listeners import Listeners
from bot.views import PreviewShown

MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class _OnShow:
    target: PreviewTarget
    preview: PreviewShown


class PullPreviews:
    """What is on show at each address of this process: the newest text only, of at most `most` addresses."""

    def __init__(self, *, most: int = MOST_ADDRESSES) -> None:
        self._on_show: OrderedDict[str, _OnShow] = OrderedDict()
        self._listeners = Listeners[str, []]()
        self._most = most

    def show(self, target: PreviewTarget, text: str) -> None:
        """The text so far; listeners hear of it at once and read it when they can."""
        shown = self._on_show.get(target.address_id)
        if shown is not None and shown.target == target and shown.preview.text == text:
            return
        self._on_show[target.address_id] = _OnShow(target, PreviewShown(text, target.in_reply_to))
        self._on_show.move_to_end(target.address_id)
        self._listeners.tell(target.address_id)
        if len(self._on_show) > self._most:
            forgotten, _ = self._on_show.popitem(last=False)
            self._listeners.tell(forgotten)

    def gone(self, target: PreviewTarget) -> None:
        """Nothing is on show any more, unless a newer answer is."""
        shown = self._on_show.get(target.address_id)
        if shown is not None and shown.target.epoch <= target.epoch:
            del self._on_show[target.address_id]
            self._listeners.tell(target.address_id)

    def current(self, address_id: str) -> PreviewShown | None:
        """The preview on show at an address, if any."""
        shown = self._on_show.get(address_id)
        return shown.preview if shown is not None else None

    def listen(self, address_id: str, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `listener` whenever `current` of the address changed, inside the block."""
        return self._listeners.listen(address_id, listener)


class RoutedPreviews:
    """Hands each preview to its account's push channel, or to the pull channels where the account has none here."""

    def __init__(self, pull: Previews, push: Mapping[str, Previews]) -> None:
        self._pull = pull
        self._push = push

    def show(self, target: PreviewTarget, text: str) -> None:
        """Show it where its account shows previews."""
        self._of(target).show(target, text)

    def gone(self, target: PreviewTarget) -> None:
        """End it there."""
        self._of(target).gone(target)

    def _of(self, target: PreviewTarget) -> Previews:
        return self._push.get(target.account_id, self._pull)
