"""What goes to the model: pure functions from stored turns to a prompt that only ever grows at its end.

Turns are read in ANSWER order: a bot turn follows exactly the turns it answered. Everything rendered once is rendered the same
for ever, so that between two roll-overs each prompt is an exact extension of the one before and the node's prefix cache holds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.generation.request import Message
from bot.store.summaries import Fold
from bot.store.turns import WindowTurn

CUT_MARKER = "[Earlier messages of this conversation are not shown.]"
SUMMARY_INTRODUCTION = "[What was said earlier in this conversation, in short, for reference only:]"
ROLLOVER_AT = 0.75


@dataclass(frozen=True, slots=True)
class Window:
    """A prompt, and what must be known of it when its answer is stored."""

    messages: tuple[Message, ...]
    through: int
    fold: Fold | None


def build(prompt: str, fold: Fold | None, turns: Sequence[WindowTurn]) -> Window:
    """The prompt for the open question: system block, what stands for folded turns, then the turns in answer order.

    `turns` are those past the fold's `answers_through`, by seq.
    """
    messages: list[Message] = [("system", prompt)]
    if fold is not None:
        messages.append(("user", _render_fold(fold)))
    through = fold.answers_through if fold is not None else 0
    for turn in answer_order(fold.seq if fold is not None else 0, turns):
        _join(messages, "user" if turn.role == "customer" else "assistant", turn.text)
        if turn.role == "customer":
            through = max(through, turn.seq)
    return Window(tuple(messages), through, fold)


def answer_order(folded_seq: int, turns: Sequence[WindowTurn]) -> Iterator[WindowTurn]:
    """Each answer after exactly the customer turns it answered; those without an answer yet come last."""
    asked = [turn for turn in turns if turn.role == "customer"]
    for turn in turns:
        if turn.role == "customer" or turn.seq <= folded_seq:
            continue
        reaches = turn.answers_through if turn.answers_through is not None else turn.seq
        while asked and asked[0].seq <= reaches:
            yield asked.pop(0)
        yield turn
    yield from asked


def _join(messages: list[Message], role: str, text: str) -> None:
    """Templates want roles to alternate: a run of one role is one message."""
    if messages[-1][0] == role:
        messages[-1] = (messages[-1][0], f"{messages[-1][1]}\n\n{text}")
    else:
        messages.append(("user" if role == "user" else "assistant", text))


def _render_fold(fold: Fold) -> str:
    """As quoted user material: a summary repeats what people wrote, so it must never speak as the system."""
    if fold.text is None:
        return CUT_MARKER
    quoted = "\n".join(f"> {line}" for line in fold.text.splitlines())
    return f"{SUMMARY_INTRODUCTION}\n{quoted}"
