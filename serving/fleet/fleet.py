"""Several engines behind one port: the supervisors, the router, the door, and what starts and ends them together."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from serving import port
from serving.engine.admission import Open
from serving.engine.gate import Gate, Readiness
from serving.errors import ServingError
from serving.fleet.door import Door
from serving.fleet.listener import Listener
from serving.fleet.members import Members
from serving.fleet.proxy import Proxy
from serving.fleet.remote import Remote
from serving.fleet.rolling import Rolling
from serving.fleet.router import ROUTER, Router
from serving.order import EngineOrder
from serving.progress import Report
from serving.standing import url
from serving.supervisor import ENGINE, Patience, Supervisor

LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """`orders`: the engines of this machine, each on a loopback port of its own; `nodes`: URLs of others. `front` tells the
    node's own address, key and model.
    """

    front: EngineOrder
    orders: Sequence[EngineOrder]
    nodes: Sequence[str]
    drain_s: float


class Fleet:
    """`run` serves until `stop` is called. `says` gives what takes the output lines of whom it is called with."""

    def __init__(
        self,
        plan: Plan,
        patience: Patience,
        report: Report,
        says: Callable[[str], Callable[[str], None]],
        engine: Sequence[str] = ENGINE,
        router: Sequence[str] = ROUTER,
    ) -> None:
        self._plan = plan
        self._patience = patience
        self._report = report
        self._members = Members()
        self._crew = [
            (member, Supervisor(order, patience, report, says(called), member, engine, called))
            for order in plan.orders
            for member, called in [(self._members.join(order.replica), f"replica {order.replica}")]
        ]
        self._remotes = [
            Remote(node, plan.front.api_key, plan.front.served_name, self._members.join(_address(node)), report)
            for node in plan.nodes
        ]
        self._router = Router(self._members, report, says("router"), router)
        self._stopping = asyncio.Event()
        self._renewing = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()
        for _, supervisor in self._crew:
            supervisor.stop()

    def renew(self) -> None:
        """Start all engines of this machine anew, one after the other."""
        self._renewing.set()

    def kill(self) -> None:
        """End every process at once, from any thread; for the moment our own parent has died."""
        self._router.kill()
        for _, supervisor in self._crew:
            supervisor.kill()

    async def run(self) -> None:
        """Raises ServingError when the port is held, when vLLM does not take the settings, or when no engine ever got ready."""
        front = self._plan.front
        own = await port.settle(front.host, front.port, self._patience.port_s, self._report)
        front = replace(front, port=own)
        with port.bind(front.host, own) as sock:
            try:
                async with Proxy() as proxy, asyncio.TaskGroup() as tasks:
                    await self._serve(front, sock, proxy, tasks)
            except* ServingError as errors:
                raise errors.exceptions[0] from None  # one is enough to tell: they fail alike

    async def _serve(self, front: EngineOrder, sock: socket.socket, proxy: Proxy, tasks: asyncio.TaskGroup) -> None:
        door = Gate(
            Door(self._members, self._router, proxy), front.api_key, Readiness(proven=True), Open(), open_health=front.open_health
        )
        rolling = Rolling(
            self._crew, proxy, self._report, drain_s=self._plan.drain_s, start_s=self._patience.start_s + self._patience.hang_s
        )
        aside = [self._router.run(), self._tell_ready(front), self._roll(rolling), *(remote.run() for remote in self._remotes)]
        helping = [tasks.create_task(work) for work in aside]
        ending = [tasks.create_task(supervisor.run()) for _, supervisor in self._crew]
        ending.append(tasks.create_task(Listener(door, front.shutdown_s).run_on(sock, self._stopping)))
        await asyncio.wait(ending)
        for task in helping:
            task.cancel()

    async def _tell_ready(self, front: EngineOrder) -> None:
        while not (self._router.url and self._members.serving()):  # noqa: ASYNC110  # once, at the start
            await asyncio.sleep(LOOK_S)
        self._report.line(f"serving ready {url(front)} model={front.served_name}")

    async def _roll(self, rolling: Rolling) -> None:
        while True:
            await self._renewing.wait()
            self._renewing.clear()
            await rolling.once_through()


def _address(node: str) -> str:
    """A remote node's name in lines and labels: its host and port."""
    return node.partition("://")[2]
