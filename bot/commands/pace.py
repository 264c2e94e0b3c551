"""How often one person gives one command: a small budget each, kept in memory, of the people who gave any lately.

Units are run again where a group of them fails, and platforms repeat updates: who asks again for the same update hears the same.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.commands.command import Cooldown

KEPT = 10_000
REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wait_s`: seconds until the command may be given, 0 for now. `told`: the person knows already that it was too often; told
    each time, they would make us as busy as before.
    """

    wait_s: float
    told: bool = False


NOW = Verdict(0.0)


@dataclass(slots=True)
class _Budget:
    left: float
    at: float
    told: bool = False
    verdicts: OrderedDict[str, Verdict] = field(default_factory=OrderedDict)


class Pace:
    """`clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._budgets: OrderedDict[tuple[str, str], _Budget] = OrderedDict()

    def ask(self, who: str, command: str, cooldown: Cooldown, key: str) -> Verdict:
        """Whether the command may be given by the update `key`: then it counts as given."""
        budget = self._of(who, command, cooldown)
        if key not in budget.verdicts:
            budget.verdicts[key] = self._judged(budget, cooldown)
            if len(budget.verdicts) > REMEMBERED:
                budget.verdicts.popitem(last=False)
        return budget.verdicts[key]

    def _judged(self, budget: _Budget, cooldown: Cooldown) -> Verdict:
        now = self._clock()
        budget.left = min(budget.left + (now - budget.at) / cooldown.each_s, float(cooldown.burst))
        budget.at = now
        if budget.left < 1.0:
            told, budget.told = budget.told, True
            return Verdict((1.0 - budget.left) * cooldown.each_s, told)
        budget.left, budget.told = budget.left - 1.0, False
        return NOW

    def _of(self, who: str, command: str, cooldown: Cooldown) -> _Budget:
        budget = self._budgets.setdefault((who, command), _Budget(float(cooldown.burst), self._clock()))
        self._budgets.move_to_end((who, command))
        if len(self._budgets) > KEPT:
            self._budgets.popitem(last=False)
        return budget
