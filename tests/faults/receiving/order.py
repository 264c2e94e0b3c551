"""What a run of receiving is asked for, and what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.oracle import Verdict
from tests.faults.receiving.points import Mode

CROWD = 1_000_000  # the seed of runs without kills


@dataclass(frozen=True, slots=True)
class Order:
    """`kills`: the points at which lives end; `mutant`: a guarantee to break; `storm`: trouble of platform, engine and database
    around the lives; `interrupt`: how new messages meet running answers; `peace_s`: the longest time without any progress at the
    end, while something is still open.
    """

    seed: int
    mode: Mode
    kills: Sequence[str]
    mutant: str = ""
    storm: bool = True
    interrupt: bool = True
    peace_s: float = 20.0


@dataclass
class Outcome:
    """`fired` by point; `missed`: lives that never reached their point and died by the clock."""

    order: Order
    fired: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)
    troubles: Counter[str] = field(default_factory=Counter)
    updates: int = 0
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        return sum(self.fired.values())
