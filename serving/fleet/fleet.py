"""Several engines behind one port: the supervisors, the router, the door, and what starts and ends them together."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace

from serving import port
from serving.engine.entrance import Open
from serving.engine.gate import ROUTES, Gate, Readiness
from serving.engine.loras import ROUTES as LORA
from serving.errors import ServingError
from serving.fleet.changes import Changes
from serving.fleet.door import Door
from serving.fleet.listener import Listener
from serving.fleet.members import Member, Members
from serving.fleet.proxy import Proxy
from serving.fleet.refusals import Refusals
from serving.fleet.remote import Remote
from serving.fleet.rolling import Rolling
from serving.fleet.router import ROUTER, Router
from serving.order import EngineOrder
from serving.plan import Plan
from serving.progress import Report
from serving.standing import url
from serving.supervisor import ENGINE, Patience, Supervisor
from serving.waiting import unless

LOOK_S = 0.5


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
        self._says = says
        self._engine = engine
        self._crew = [self._attended(order, order.replica, f"replica {order.replica}") for order in plan.replicas]
        if plan.embedding:
            self._crew.append(self._attended(plan.embedding, "embeddings", "the embedding engine"))
        self._remotes = [
            Remote(node, plan.front.api_key, plan.front.served_name, self._members.join(_address(node)), report)
            for node in plan.nodes
        ]
        several = len(plan.replicas) + len(plan.nodes) > 1
        self._router = Router(self._members, report, says("router"), router) if several else None
        self._stopping = asyncio.Event()
        self._renewing = asyncio.Event()

    def _attended(self, order: EngineOrder, name: str, called: str) -> tuple[Member, Supervisor]:
        member = self._members.join(name, order.task)
        return member, Supervisor(order, self._patience, self._report, self._says(called), member, self._engine, called)

    def stop(self) -> None:
        self._stopping.set()
        for _, supervisor in self._crew:
            supervisor.stop()

    def renew(self) -> None:
        """Start all engines of this machine anew, one after the other."""
        self._renewing.set()

    def kill(self) -> None:
        """End every process at once, from any thread; for the moment our own parent has died."""
        if self._router:
            self._router.kill()
        for _, supervisor in self._crew:
            supervisor.kill()

    async def run(self) -> None:
        """Raises ServingError when the port is held, when vLLM does not take the settings, or when no engine ever got ready."""
        front = self._plan.front
        own = await unless(self._stopping, port.settle(front.host, front.port, self._patience.port_s, self._report))
        if own is None:
            return
        front = replace(front, port=own)
        try:
            with port.bind(front.host, own) as sock:
                sock.listen()  # at once, or another node might take the port too
                async with Proxy() as proxy, asyncio.TaskGroup() as tasks:
                    await self._serve(front, sock, proxy, tasks)
        except* (ServingError, OSError) as errors:
            raise told(errors) from None

    async def _serve(self, front: EngineOrder, sock: socket.socket, proxy: Proxy, tasks: asyncio.TaskGroup) -> None:
        routes = ROUTES["generate"] | (ROUTES["embed"] if self._plan.embedding else frozenset())
        if self._plan.loras:
            routes |= LORA
        refusals = Refusals()
        changes = Changes(self._members, proxy, f"Bearer {front.api_key}", self._report)
        door = Door(self._members, self._router, proxy, changes, front.api_key, refusals)
        ready, health = Readiness(proven=True), front.open_health
        gate = Gate(door, front.api_key, ready, Open(), routes=routes, open_health=health, figures=refusals)
        rolling = Rolling(
            self._crew,
            self._asked,
            proxy,
            self._report,
            drain_s=self._plan.drain_s,
            start_s=self._patience.start_s + self._patience.hang_s,
        )
        aside = [self._tell_ready(front), self._roll(rolling), changes.catch_up(), *(remote.run() for remote in self._remotes)]
        if self._router:
            aside.append(self._router.run())
        helping = [tasks.create_task(work) for work in aside]
        ending = [tasks.create_task(supervisor.run()) for _, supervisor in self._crew]
        ending.append(tasks.create_task(Listener(gate, front.shutdown_s).run_on(sock, self._stopping)))
        await asyncio.wait(ending)
        for task in helping:
            task.cancel()

    async def _tell_ready(self, front: EngineOrder) -> None:
        while not any(map(self._asked, self._members.serving())):  # noqa: ASYNC110  # once, at the start
            await asyncio.sleep(LOOK_S)
        self._report.line(f"serving ready {url(front)} model={front.served_name}")

    def _asked(self, member: Member) -> bool:
        """Whether requests for answers, or embeddings, may come to it."""
        if self._router and member.task == "generate":
            return member.url in self._router.workers
        return member.serves

    async def _roll(self, rolling: Rolling) -> None:
        while True:
            await self._renewing.wait()
            self._renewing.clear()
            await rolling.once_through()


def told(errors: BaseException) -> ServingError:
    """One is enough to tell: they fail alike."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors if isinstance(errors, ServingError) else ServingError(f"serving: the system refuses something: {errors}")


def _address(node: str) -> str:
    """A remote node's name in lines and labels: its host and port."""
    return node.partition("://")[2]
