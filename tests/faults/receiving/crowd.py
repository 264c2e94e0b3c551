"""Many people who each write many messages in one go: nobody's order is turned round, and nobody is forgotten."""

import asyncio
from pathlib import Path

from tests.faults.deaths import first_of
from tests.faults.points import Plan
from tests.faults.receiving.order import CROWD, Order
from tests.faults.receiving.points import Mode
from tests.faults.receiving.run import UP_S, Run
from tests.faults.receiving.streets import crowded
from tests.faults.town import Town

CHATS, EACH = 500, 20


class Crowd(Run):
    """`chats` people say `each` messages as fast as the platform takes them, round by round, to one life that nobody kills."""

    look_every_s = 1.0

    def __init__(self, mode: Mode, town: Town, folder: Path, *, chats: int = CHATS, each: int = EACH) -> None:
        self._crowd = crowded(mode, chats)
        super().__init__(Order(CROWD, mode, (), storm=False, peace_s=30.0), town, folder, self._crowd)
        self._chats, self._each = chats, each

    async def _live(self) -> None:
        process = await self._bear(Plan("never"))
        await first_of(UP_S, process.up, process.dead)
        await self._crowd.ready()
        for _ in range(self._each):
            for walker in self._crowd.walkers[: self._chats]:
                self._crowd.say(walker)
            await asyncio.sleep(0)
        await self._come_to_rest(process)
