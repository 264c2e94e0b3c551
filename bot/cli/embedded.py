"""The bot inside `frontdesk chat`: everything but the web, for as long as one person talks."""

import asyncio
import getpass
import io
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TextIO, cast

from adapters.terminal.embedded import EmbeddedChat
from bot import logs
from bot.application import Part
from bot.cli import assembly, opening
from bot.cli.configuration import Configuration
from bot.cli.dialogue import assemble, open_intake
from bot.cli.generation import node_process, plan
from bot.events import AccountKey, Author, ChannelAddress
from bot.metrics import Metrics
from bot.secret import Secret
from bot.store.revision import prepare

TERMINAL = AccountKey("terminal", "main")
END_S = 15.0


@asynccontextmanager
async def embedded_chat(configuration: Configuration, *, say: Callable[[str], None]) -> AsyncIterator[EmbeddedChat]:
    """A running bot and the dialogue of whoever is logged in here. Raises AlreadyRunning when the database is held."""
    logs.configure("error", configuration.log.format, stream=cast("TextIO", _Errors()))
    await asyncio.to_thread(prepare, configuration.database.parsed, say=say)
    async with AsyncExitStack() as stack:
        secret = Secret.load(configuration.security.secret_file, sqlite_file=configuration.database.sqlite_file)
        store = await opening.open_store(configuration.database)
        stack.push_async_callback(opening.close, store)
        accounts = await opening.settle_in(store, configuration.workspace, {TERMINAL: ""})
        generation = plan(configuration)
        client = assembly.client(generation, configuration.generation)
        stack.push_async_callback(client.close)
        metrics = Metrics()
        dialogue = assemble(
            store=store,
            accounts=accounts,
            intake=open_intake(store, accounts, configuration.conversation, metrics),
            client=client,
            generation=generation,
            settings=configuration.generation,
            conversation=configuration.conversation,
            database=configuration.database,
            secret=secret,
            metrics=metrics,
            routes=lambda: [""],
            held=list,
        )
        node = node_process(generation, configuration, os.environ, say=say, ready=lambda _url, model: say(f"{model} is ready"))
        parts: list[Part] = [dialogue.worker, dialogue.jobs, dialogue.notices, *([node] if node is not None else [])]
        user = getpass.getuser()
        address = ChannelAddress(TERMINAL.channel, TERMINAL.name, user)
        start = store.process_id
        async with _running(parts):
            yield EmbeddedChat(dialogue.intake, dialogue.record, address, Author(user), start=start)


class _Errors(io.TextIOBase):
    """Stderr of the moment: the screen puts another in its place, above the input line."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()


@asynccontextmanager
async def _running(parts: list[Part]) -> AsyncIterator[None]:
    """The parts beside the body; at its end they are told to stop, and cancelled when they take too long.

    Raises what a part failed with.
    """
    stopping = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:  # a part that fails cancels the body
            tasks = [group.create_task(part.run(stopping), name=part.name) for part in parts]
            try:
                yield
            finally:
                stopping.set()
                _, late = await asyncio.wait(tasks, timeout=END_S)
                for task in late:
                    task.cancel()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed
