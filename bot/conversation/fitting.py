"""Makes a window fit the model: counts exactly when it matters, folds when it must, never fails for its size."""

from dataclasses import dataclass, field, replace

from bot.conversation import folding
from bot.conversation import window as windows
from bot.conversation.claiming import OpenQuestion
from bot.conversation.window import Window
from bot.generation.node import Node, over_estimate, upper_bound
from bot.generation.request import Message, NodeProfile
from bot.store import summaries
from bot.store.store import Store
from bot.store.summaries import Fold
from bot.store.turns import WindowTurn

RESERVE = 64
LEAST_ANSWER = 16
SHORTENED = 0.5
KEPT = 0.25


@dataclass(frozen=True, slots=True)
class Fitted:
    """A window within budget, and tokens its answer may have. `cut`: a fold made on the spot that must be stored; `model_texts`:
    shortened turns to freeze; `broken`: the declared reason why this prompt is no extension of the one before, "" when it is one.
    """

    window: Window
    max_tokens: int
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
        """Most tokens a prompt may have before it is folded."""
        most = self._most(profile)
        return min(self._history_tokens, most) if self._history_tokens else most

    def _most(self, profile: NodeProfile) -> int:
        """Most tokens a prompt may have at all: an open question is read whole as long as the model can, whatever its history."""
        return max(profile.context - self._max_tokens - RESERVE, profile.context // 4)

    async def fit(self, question: OpenQuestion, prompt: str, key: str, profile: NodeProfile, *, share: float = 1.0) -> Fitted:
        """The window of an open question within that share of the budget, folded if need be. Raises a GenerationError while the
        node cannot count.
        """
        claim, budget = question.claim, int(self.budget(profile) * share)
        broken = claim.window_break or ("" if claim.window_key in {"", key} else "prompt_or_model")
        window = windows.build(prompt, question.fold, question.turns)
        bound = _bound(question, window, profile, extends=not broken and bool(claim.window_key))
        if bound <= budget:
            return Fitted(window, self._room(profile, bound), broken)
        size = await self._node.count(window.messages, profile)
        if size <= budget:
            return Fitted(window, self._room(profile, size), broken)
        return await self._fold(question, prompt, profile, KEPT * budget / size, int(self._most(profile) * share))

    def _room(self, profile: NodeProfile, size: int) -> int:
        """Tokens for the answer to a prompt of that size: a server refuses what may pass its context."""
        return max(min(self._max_tokens, profile.context - size - RESERVE), LEAST_ANSWER)

    async def _fold(self, question: OpenQuestion, prompt: str, profile: NodeProfile, kept: float, most: int) -> Fitted:
        claim = question.claim
        summary = await self._store.read(summaries.newer, claim.workspace_id, claim.conversation_id, claim.folded_seq)
        start = summary or folding.cut(question.turns, question.fold, kept) or question.fold
        shown = folding.past(start, question.turns) if start is not None else question.turns
        fitted = await self.shrink(prompt, profile, start, shown, most)
        fold = fitted.window.fold
        return replace(fitted, cut=None if fold is summary or fold is question.fold else fold)

    async def shrink(
        self,
        prompt: str,
        profile: NodeProfile,
        fold: Fold | None,
        turns: tuple[WindowTurn, ...],
        budget: int,
        *,
        tail: tuple[Message, ...] = (),
    ) -> Fitted:
        """The window of these turns, within the budget together with the messages of `tail`: as it is when it fits, else with
        messages shortened and the oldest left out. Only a system block larger than the budget can keep it from fitting.
        """
        model_texts: dict[int, str] = {}
        window = windows.build(prompt, fold, turns)
        while (size := await self._node.count((*window.messages, *tail), profile)) > budget:
            # well below the budget: leave room for what follows, or the next turn folds again
            smaller = folding.squeeze(turns, fold, SHORTENED * budget / size)
            if smaller is None:
                break
            fold, turns = smaller.fold, smaller.turns
            model_texts.update(smaller.shortened)
            window = windows.build(prompt, fold, turns)
        return Fitted(window, self._room(profile, size), "rollover", model_texts=model_texts)


def _bound(question: OpenQuestion, window: Window, profile: NodeProfile, *, extends: bool) -> int:
    """Surely no fewer tokens than the prompt has: the exact size of the last one and its answer, and a bound for what is new."""
    measure = upper_bound if profile.exact else over_estimate
    answers = [turn for turn in question.turns if turn.role != "customer"]
    if extends and answers and answers[-1].window_tokens:
        new = (turn for turn in question.turns if turn.role == "customer" and turn.seq > (answers[-1].answers_through or 0))
        return answers[-1].window_tokens + sum(measure(turn.text) for turn in new)
    return sum(measure(text) for _, text in window.messages)
