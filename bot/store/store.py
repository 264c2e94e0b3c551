"""The store as the rest of the product sees it: units of work over one database.

A unit is a plain synchronous function over a Connection; its body is the transaction. Units may be run again after a lost
race, so they change nothing but the database.
"""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import sqlalchemy as sa

from bot.store.bulletin import Bulletin
from bot.store.ids import ProcessId

P = ParamSpec("P")
T = TypeVar("T")
Unit = Callable[Concatenate[sa.Connection, P], T]


class Store(Protocol):
    """One database. Both calls raise StoreUnavailable when it is locked, full or gone; then nothing was stored."""

    @property
    def process_id(self) -> ProcessId:
        """The name under which this process holds leases; fresh at each start."""
        ...

    @property
    def bulletin(self) -> Bulletin:
        """What changed, as wake-ups: in this process at once, in others soon."""
        ...

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the unit in a transaction; when this returns, its result is durable."""
        ...

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the unit on a connection that cannot write, over one snapshot."""
        ...

    async def close(self) -> None:
        """Finish what was queued, then let go of the database."""
        ...
