"""Keeps one engine alive: starts it, proves it, watches it, restarts it, stops it."""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from serving import port
from serving.backoff import Backoff
from serving.child import Child
from serving.errors import EngineRefused, ServingError
from serving.order import EngineOrder
from serving.probe import Probe, Unfit, until_generating
from serving.progress import Report
from serving.standing import Standing, local_url
from serving.vitals import Vitals
from serving.waiting import unless

ENGINE = (sys.executable, "-m", "serving.engine")
REFUSED = 2
FIRST_STARTS = 4
TELL_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits for what; seconds."""

    start_s: float
    hang_s: float
    shutdown_s: float
    port_s: float
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class Life:
    """How one engine process ended; `asked`: because `renew` was called."""

    status: int
    why: str
    last_words: str
    healthy_s: float
    asked: bool


class Supervisor:
    """`run` serves until `stop` is called. `command` is the engine to start, `name` what people call it; `say` takes its output
    lines, `standing` hears when it comes and goes.
    """

    def __init__(
        self,
        order: EngineOrder,
        patience: Patience,
        report: Report,
        say: Callable[[str], None],
        standing: Standing,
        command: Sequence[str] = ENGINE,
        name: str = "the engine",
    ) -> None:
        self._wanted_port = order.port
        self._claim = port.Claim()
        self._order = order
        self._patience = patience
        self._report = report
        self._say = say
        self._standing = standing
        self._command = command
        self.name = name
        self._stop = asyncio.Event()
        self._renew = asyncio.Event()
        self._engine: Child | None = None
        self._ready_once = False

    def stop(self) -> None:
        self._stop.set()

    def renew(self) -> None:
        """End the engine in order and start another at once; its requests get `shutdown_s` to end."""
        self._renew.set()

    def kill(self) -> None:
        """End the engine at once, from any thread; for the moment our own parent has died."""
        if (engine := self._engine) is not None:
            engine.kill()

    async def run(self) -> None:
        """Raises EngineRefused for settings vLLM does not take, ServingError when no engine ever got ready. An engine that was
        ready once is tried again whatever it says: its files may be repaired, and others may answer meanwhile.
        """
        try:
            await self._run()
        finally:
            self._claim.close()

    async def _run(self) -> None:
        backoff = self._patience.backoff
        while not self._stop.is_set():
            await unless(self._stop, self._settle_port())
            if self._stop.is_set():
                return
            life = await self._one_life()
            if self._stop.is_set():
                return
            if life.asked:
                continue
            backoff = backoff.after_failure(life.healthy_s)
            self._give_up_on(life, backoff.failures)
            wait_s = backoff.wait_s(random.random())  # noqa: S311  # jitter
            self._report.line(f"serving: {self.name} {life.why}; starting it again in {wait_s:.1f} s")
            self._order = replace(self._order, restarts=self._order.restarts + 1)
            await unless(self._stop, asyncio.sleep(wait_s))

    def _give_up_on(self, life: Life, failures: int) -> None:
        if life.status == REFUSED and not self._ready_once:
            raise EngineRefused(
                life.last_words.splitlines()[-1] if life.last_words else "serving: the engine refused its settings"
            )
        if self._standing.hopeless() and failures >= FIRST_STARTS:
            told = f"{life.last_words}\nserving: {self.name} did not start in {failures} attempts: it {life.why}"
            raise ServingError(told.strip())

    async def _one_life(self) -> Life:
        self._renew.clear()
        engine = self._engine = await Child.start(self._command, self._order.to_line(), self._say)
        ready_at: list[float] = []
        ended = asyncio.create_task(engine.ended())
        asked = [asyncio.create_task(event.wait()) for event in (self._stop, self._renew)]
        attended = asyncio.create_task(self._attend(ready_at))
        tasks = (ended, *asked, attended)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            why = attended.result() if attended.done() else ""
        finally:
            self._standing.down()
            in_order = any(task.done() for task in asked)
            status = await engine.stop(self._patience.shutdown_s if in_order else 0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._engine = None
        healthy_s = time.monotonic() - ready_at[0] if ready_at else 0.0
        return Life(status, why or died(status), engine.tail, healthy_s, in_order)

    async def _settle_port(self) -> None:
        wanted = self._order.port if self._ready_once else self._wanted_port
        if not self._wanted_port and self._standing.may_move and port.is_held(self._order.host, wanted):
            wanted = 0
        got = await port.settle(self._order.host, wanted, self._patience.port_s, self._report, claim=self._claim)
        self._order = replace(self._order, port=got)

    async def _attend(self, ready_at: list[float]) -> str:
        """Prove the engine, then watch it; returns why it must go. Raises EngineRefused for a model that never was fit."""
        async with Probe(local_url(self._order), self._order.api_key, self._order.served_name, self._order.task) as probe:
            try:
                if not await self._until_ready(probe):
                    return f"generated nothing within {self._patience.start_s:.0f} s of its start"
                ready_at.append(time.monotonic())
                self._tell_ready()
                return await self._watch(probe)
            except Unfit as error:
                if not self._ready_once:
                    raise EngineRefused(f"serving.model {self._order.served_name}: {error}") from error
                return f"is not fit any more ({error})"

    async def _until_ready(self, probe: Probe) -> bool:
        telling = asyncio.create_task(self._tell_waiting())
        try:
            return await until_generating(probe, self._patience.start_s)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _watch(self, probe: Probe) -> str:
        vitals = Vitals(self._patience.hang_s, time.monotonic())
        while not vitals.hung(time.monotonic()):
            await asyncio.sleep(vitals.check_every_s)
            work = await probe.work_done(vitals.probe_timeout_s)
            vitals = vitals.seen_work(time.monotonic(), work)
            if vitals.wants_probe(time.monotonic()) and await probe.generates(vitals.probe_timeout_s):
                vitals = vitals.seen_token(time.monotonic())
        return f"produced no token for {self._patience.hang_s:.0f} s"

    async def _tell_waiting(self) -> None:
        started = time.monotonic()
        self._report.line(f"serving: starting {self.name}")
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self._report.line(f"serving: {self.name} is loading, {time.monotonic() - started:.0f} s")

    def _tell_ready(self) -> None:
        if self._ready_once:
            self._report.line(f"serving: {self.name} is back")
        self._ready_once = True
        self._standing.up(self._order)


def died(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
