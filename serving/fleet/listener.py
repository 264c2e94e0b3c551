"""The node's own port, served by the process that supervises."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from serving.engine.gate import App
from serving.listener import configured

CONNECTIONS = 8192  # the engines bound how many of them are answered


class Listener(uvicorn.Server):
    """Serves `app` on a bound socket until told to stop. Signals belong to the node."""

    def __init__(self, app: App, shutdown_s: int) -> None:
        super().__init__(configured(app, CONNECTIONS, shutdown_s=shutdown_s, files=2))
        # an answer that an engine's death cut off is uvicorn's error too; it is told where the engine died
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)

    async def run_on(self, sock: socket.socket, stopping: asyncio.Event) -> None:
        asking = asyncio.create_task(self._stop_when(stopping))
        try:
            await self.serve(sockets=[sock])
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _stop_when(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
