"""What is left out of a window that is too long: pure decisions over turns in answer order.

A fold may end at any turn: it leaves out the beginning of the answer order, and (`seq`, `answers_through`) name exactly that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.conversation.window import answer_order
from bot.store.summaries import Fold
from bot.store.turns import WindowTurn

SHORTENED_MARKER = "\n[… part of this long message is left out …]\n"
SHORTEST = 64


@dataclass(frozen=True, slots=True)
class Squeezed:
    """A smaller window: its fold, the turns it still shows, and new texts by seq for those that were shortened."""

    fold: Fold | None
    turns: tuple[WindowTurn, ...]
    shortened: dict[int, str]


def cut(turns: Sequence[WindowTurn], fold: Fold | None, share: float) -> Fold | None:
    """Fold through the earliest answer that leaves, beside the open question, at most `share` of all text; None: none is there.

    What an older fold said is kept; the turns in between are lost to the model, not to the record.
    """
    ordered = list(answer_order(fold.seq if fold is not None else 0, turns))
    ends = [end for end, turn in enumerate(ordered, 1) if turn.role != "customer"]
    if not ends:
        return None
    room = share * _size(ordered)
    chosen = next(end for end in ends if end == ends[-1] or _size(ordered[end : ends[-1]]) <= room)
    return _through(ordered[:chosen], fold)


def squeeze(turns: Sequence[WindowTurn], fold: Fold | None, share: float) -> Squeezed | None:
    """Leave about `share` of all text: no message keeps more than half of that (all of it when it is alone), then the oldest
    turns go. The newest turn stays. None when nothing more can be left out.
    """
    ordered = list(answer_order(fold.seq if fold is not None else 0, turns))
    room = int(share * _size(ordered))
    longest = room if len(ordered) == 1 else room // 2
    texts = {turn.seq: shorten(turn.text, longest) for turn in ordered}
    start = max(len(ordered) - 1, 0)
    room -= len(texts[ordered[start].seq]) if ordered else 0
    while start > 0 and len(texts[ordered[start - 1].seq]) <= room:
        start -= 1
        room -= len(texts[ordered[start].seq])
    shortened = {turn.seq: texts[turn.seq] for turn in ordered[start:] if texts[turn.seq] != turn.text}
    if start == 0 and not shortened:
        return None
    smaller = _through(ordered[:start], fold) if start else fold
    kept = past(smaller, turns) if smaller is not None else turns
    return Squeezed(smaller, tuple(turn._replace(text=shortened.get(turn.seq, turn.text)) for turn in kept), shortened)


def past(fold: Fold, turns: Sequence[WindowTurn]) -> tuple[WindowTurn, ...]:
    """The turns a window that starts from `fold` still shows."""
    return tuple(turn for turn in turns if turn.seq > fold.answers_through)


def shorten(text: str, room: int) -> str:
    """A too long message as about `room` characters of its both ends; one that would not get shorter stays as it is."""
    room = max(room, SHORTEST)
    if room + len(SHORTENED_MARKER) >= len(text):
        return text
    head = room * 2 // 3
    return text[:head] + SHORTENED_MARKER + text[len(text) - (room - head) :]


def _through(left_out: Sequence[WindowTurn], fold: Fold | None) -> Fold:
    """The fold that leaves out these turns too. A fold that reaches no further than the one before replaces it."""
    asked = max(
        (turn.seq for turn in left_out if turn.role == "customer"), default=fold.answers_through if fold is not None else 0
    )
    seq = max(*(turn.seq for turn in left_out), fold.seq if fold is not None else 0)
    return Fold(seq, asked, left_out[-1].window_tokens or 0, fold.text if fold is not None else None)


def _size(turns: Sequence[WindowTurn]) -> int:
    return sum(len(turn.text) for turn in turns)
