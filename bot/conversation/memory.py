"""What this process remembers of conversations it answered: their turns, so that the next claim reads only what is new.

Only ever a saving: turns do not change without a declared break of the window, and on any break all is read anew. The answer
after a break clears it, so what is remembered is believed only while nobody else answered since.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from bot.store.conversations import Claim
from bot.store.ids import ConversationId
from bot.store.summaries import Fold
from bot.store.turns import WindowTurn

CONVERSATIONS = 1000


@dataclass(frozen=True, slots=True)
class Remembered:
    """A window's turns as last read, the fold they follow, and the last turn that was answered from them."""

    fold: Fold | None
    turns: tuple[WindowTurn, ...]
    through: int


class Memory:
    """The thousand conversations answered last. Read by units in their thread, changed by the event loop alone."""

    def __init__(self, *, most: int = CONVERSATIONS) -> None:
        self._kept: OrderedDict[ConversationId, Remembered] = OrderedDict()
        self._most = most

    def of(self, claim: Claim) -> Remembered | None:
        """What can be believed of a claimed conversation; None when all must be read."""
        kept = self._kept.get(claim.conversation_id)
        if kept is None or claim.window_break or kept.through != claim.answered_seq:
            return None
        if (kept.fold.seq if kept.fold is not None else 0) != claim.folded_seq:
            return None
        return kept

    def keep(self, conversation_id: ConversationId, fold: Fold | None, turns: Sequence[WindowTurn], through: int) -> None:
        """Remember a window that was just answered through a turn."""
        self._kept[conversation_id] = Remembered(fold, tuple(turns), through)
        self._kept.move_to_end(conversation_id)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self, conversation_id: ConversationId) -> None:
        """Read all anew next time."""
        self._kept.pop(conversation_id, None)
