"""Makes a window fit the model: counts exactly when it matters, folds when it must, never fails for its size."""

from dataclasses import dataclass, field

from bot.conversation import window as windows
from bot.conversation.claiming import OpenQuestion
from bot.conversation.window import Window
from bot.generation.node import Node, over_estimate, upper_bound
from bot.generation.request import NodeProfile
from bot.store import summaries
from bot.store.store import Store
from bot.store.summaries import Fold
from bot.store.turns import WindowTurn

RESERVE = 64
SHORTENED = 0.5


@dataclass(frozen=True, slots=True)
class Fitted:
    """A window within budget. `cut`: a fold made on the spot that must be stored; `model_texts`: shortened turns to freeze;
    `broken`: the declared reason why this prompt is no extension of the one before, "" when it is one.
    """

    window: Window
    broken: str
    cut: Fold | None = None
    model_texts: dict[int, str] = field(default_factory=dict)


class Fitting:
    """`history_tokens` bounds the prompt, 0: what the model's context leaves beside the answer."""

    def __init__(self, store: Store, node: Node, *, history_tokens: int, max_tokens: int) -> None:
        self._store = store
        self._node = node
        self._history_tokens = history_tokens
        self._max_tokens = max_tokens

    def budget(self, profile: NodeProfile) -> int:
        """Most tokens a prompt may have."""
        room = max(profile.context - self._max_tokens - RESERVE, profile.context // 4)
        return min(self._history_tokens, room) if self._history_tokens else room

    async def fit(self, question: OpenQuestion, prompt: str, key: str, profile: NodeProfile) -> Fitted:
        """The window of an open question, folded if need be. Raises a GenerationError while the node cannot count."""
        claim, budget = question.claim, self.budget(profile)
        broken = claim.window_break or ("" if claim.window_key in {"", key} else "prompt_or_model")
        window = windows.build(prompt, question.fold, question.turns)
        if _bound(question, window, profile, extends=not broken and bool(claim.window_key)) <= budget:
            return Fitted(window, broken)
        if await self._node.count(window.messages) <= budget:
            return Fitted(window, broken)
        return await self._fold(question, prompt, budget)

    async def _fold(self, question: OpenQuestion, prompt: str, budget: int) -> Fitted:
        claim = question.claim
        fold = await self._store.read(summaries.newer, claim.workspace_id, claim.conversation_id, claim.folded_seq)
        made = None
        if fold is None:
            made = fold = windows.cut(question.turns, question.fold, budget)
        turns = windows.past(fold, question.turns) if fold is not None else question.turns
        fold = fold or question.fold
        window = windows.build(prompt, fold, turns)
        size = await self._node.count(window.messages)
        model_texts: dict[int, str] = {}
        goal = budget if size <= budget else budget * SHORTENED  # leave room for what follows, or the next turn folds again
        while size > goal:
            turns, shortened = _shorten_longest(turns, goal / size)
            if not shortened:
                break
            model_texts.update(shortened)
            window = windows.build(prompt, fold, turns)
            size = await self._node.count(window.messages)
        return Fitted(window, "rollover", made, model_texts)


def _bound(question: OpenQuestion, window: Window, profile: NodeProfile, *, extends: bool) -> int:
    """Surely no fewer tokens than the prompt has: the exact size of the last one and its answer, and a bound for what is new."""
    measure = upper_bound if profile.exact else over_estimate
    answers = [turn for turn in question.turns if turn.role != "customer"]
    if extends and answers and answers[-1].window_tokens:
        new = (turn for turn in question.turns if turn.role == "customer" and turn.seq > (answers[-1].answers_through or 0))
        return answers[-1].window_tokens + sum(measure(turn.text) for turn in new)
    return sum(measure(text) for _, text in window.messages)


def _shorten_longest(turns: tuple[WindowTurn, ...], share: float) -> tuple[tuple[WindowTurn, ...], dict[int, str]]:
    """Take the middle out of the longest message; nothing when none is long enough to help."""
    longest = max(turns, key=lambda turn: len(turn.text), default=None)
    if longest is None or len(longest.text) <= 128:
        return turns, {}
    text = windows.shorten(longest.text, share * 0.9)
    if len(text) >= len(longest.text):
        return turns, {}
    changed = WindowTurn(longest.seq, longest.role, text, longest.answers_through, longest.window_tokens)
    return tuple(changed if turn is longest else turn for turn in turns), {longest.seq: text}
