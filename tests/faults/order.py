"""What a run is asked for, and what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.oracle import Verdict


@dataclass(frozen=True, slots=True)
class Order:
    """`kills` and `stops`: the points at which lives end or are stopped; `web` and `push`: customers of each channel.

    `interrupt`: how new messages meet running answers; `mutant`: a guarantee to break; `peace_s`: the longest time
    without any progress at the end, while something is still open.
    """

    seed: int
    url: str
    kills: Sequence[str]
    stops: Sequence[str] = ()
    mutant: str = ""
    web: int = 8
    push: int = 6
    trouble: bool = True
    interrupt: bool = True
    peace_s: float = 20.0

    @property
    def database(self) -> str:
        return "sqlite" if self.url.startswith("sqlite") else "postgres"


@dataclass
class Outcome:
    """`fired` by point; `missed`: lives that never reached their point and died by the clock; `troubles` around them."""

    order: Order
    fired: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    verdict: Verdict = field(default_factory=Verdict)
    troubles: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
