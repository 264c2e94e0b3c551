"""One real engine behind several gates, so that gates are compared on the same engine in the same minute.

`python -m tests.bench.doors`: an order and the bounds of background work come as two lines on standard input; a door for each
bound, none at all for 0. It ends with its parent.
"""

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from serving import device, lifeline, settings
from serving.engine import flags, server
from serving.engine.__main__ import read_line
from serving.engine.gate import App, Gate, Readiness, Receive, Scope, Send
from serving.models.pull import pull
from serving.order import EngineOrder
from serving.plan import answering
from serving.port import bind
from serving.progress import Printed
from tests.bench.processes import line, running
from tests.bench.product import Remote

KEY = "bench"
START_S = 300.0
BARE = 0  # instead of a bound for background work: no gate at all


def order_of(section: Mapping[str, Any]) -> EngineOrder:
    """What a node with this `[serving]` would tell its engine."""
    chosen = settings.parse({"kv_cache_gib": 2.0, **section})
    model = pull(chosen.model, chosen.models_root, Printed(sys.stderr))
    return replace(answering(chosen, device.choose(chosen.device), KEY, model), host="127.0.0.1", port=0)


@asynccontextmanager
async def engine_with_doors(backgrounds: Sequence[int], section: Mapping[str, Any]) -> AsyncIterator["Engine"]:
    """A door for each bound of background work, on one engine."""
    order = order_of(section)
    async with running("tests.bench.doors") as process:
        assert process.stdin is not None
        process.stdin.write(order.to_line() + json.dumps(backgrounds).encode() + b"\n")
        ports = (await line(process, "doors ", within_s=START_S)).split()
        yield Engine([Remote(f"http://127.0.0.1:{port}/v1", order.served_name, KEY) for port in ports], process.pid)


@dataclass(frozen=True, slots=True)
class Engine:
    doors: list[Remote]
    process: int

    def memory_mib(self) -> float:
        """Resident memory of the server and of the core that it started."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()
        resident = [Path(f"/proc/{one}/statm").read_text().split()[1] for one in (self.process, *children)]
        return sum(map(int, resident)) * os.sysconf("SC_PAGESIZE") / (1 << 20)


class Doors:
    """By the port a request came to: one application or another."""

    def __init__(self, by_port: Mapping[int, App]) -> None:
        self._by_port = by_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await next(iter(self._by_port.values()))(scope, receive, send)
        else:
            await self._by_port[scope["server"][1]](scope, receive, send)


async def serve(order: EngineOrder, backgrounds: Sequence[int], told_to: int) -> None:
    args, config = server.configure(order)
    gc.enable()
    async with server.running(order, config) as llm:
        app: App = await server.application(llm, args)
        sockets = [bind(order.host, 0) for _ in backgrounds]
        gates = [gate(app, order, background) for background in backgrounds]
        ports = [one.getsockname()[1] for one in sockets]
        doors = Doors(dict(zip(ports, gates, strict=True)))
        serving = uvicorn.Server(uvicorn.Config(doors, log_level="warning", access_log=False, server_header=False))
        telling = asyncio.create_task(tell(serving, ports, told_to))
        await serving.serve(sockets=sockets)
        await telling


def gate(app: App, order: EngineOrder, background: int) -> App:
    if background == BARE:
        return app
    return Gate(app, order.api_key, Readiness(proven=True), server.admission_of(replace(order, max_background=background)))


async def tell(serving: uvicorn.Server, ports: Sequence[int], told_to: int) -> None:
    while not serving.started:
        await asyncio.sleep(0.05)
    os.write(told_to, f"doors {' '.join(map(str, ports))}\n".encode())


def main() -> None:
    os.setpgid(0, 0)
    told_to = os.dup(1)
    os.dup2(2, 1)  # vLLM logs on standard output, which nobody reads on
    order = EngineOrder.from_line(read_line(sys.stdin.fileno()))
    backgrounds = json.loads(read_line(sys.stdin.fileno()))
    lifeline.watch(os.dup(sys.stdin.fileno()), lifeline.kill_own_group)
    os.register_at_fork(after_in_child=lifeline.die_with_parent)
    os.environ |= flags.environment(order, os.environ, len(os.sched_getaffinity(0)))
    gc.disable()  # as the engine's own start does
    uvloop.run(serve(order, backgrounds, told_to))


if __name__ == "__main__":
    main()
