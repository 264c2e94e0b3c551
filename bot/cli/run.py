"""`frontdesk run`: everything in one process, in the order a person can follow on the terminal."""

import argparse
import asyncio
import gc
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bot.cli.configuration import Configuration, load
from bot.cli.progress import say
from bot.store.revision import prepare


def execute(given: argparse.Namespace) -> int:
    configuration = load(given.config, os.environ)
    prepare(configuration.database.parsed, say=say)
    import uvloop

    from bot import logs

    logs.configure(configuration.log.level, configuration.log.format, stream=sys.stderr)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(configuration))
    return 0


@dataclass(slots=True)
class Greeting:
    """What the person at the terminal is told when."""

    link: str
    own_node: bool
    told: bool = False

    def up(self) -> None:
        if self.own_node:
            say(f"messages are accepted at {self.link}; the model is loading")
        else:
            self._ready()

    def node_ready(self, _url: str, model: str) -> None:
        if self.told:
            say(f"the generation node is back with {model}")
        else:
            self._ready()

    def _ready(self) -> None:
        self.told = True
        say(f"Frontdesk is ready: {self.link}")


async def run(configuration: Configuration) -> None:
    """Open, assemble, run until told to stop, close in the opposite order."""
    from adapters.web.routes import ACCOUNT
    from bot.application import Application
    from bot.cli import assembly, channels, opening
    from bot.cli.dialogue import open_intake
    from bot.cli.generation import node_process, plan
    from bot.conversation.intake import StoredCursors
    from bot.listening import Endpoint, link, listen
    from bot.metrics import Metrics
    from bot.secret import Secret

    web = configuration.web
    async with AsyncExitStack() as stack:
        public = stack.enter_context(await listen(Endpoint("web", "", web.host, web.port), say=say))
        private = stack.enter_context(await listen(Endpoint("web", "private_", web.private_host, web.private_port), say=say))
        secret = Secret.load(configuration.security.secret_file, sqlite_file=configuration.database.sqlite_file)
        store = await opening.open_store(configuration.database)
        stack.push_async_callback(opening.close, store)
        push = channels.push_accounts(configuration)
        accounts = await opening.settle_in(store, configuration.workspace, {ACCOUNT: "", **push})
        title = await opening.name(store, accounts)
        codes = await opening.owner_codes(store, accounts)
        for workspace, code in codes.items():
            say(f"owner code: {code}" if len(codes) == 1 else f"owner code: {code} ({workspace})")
        generation = plan(configuration)
        greeting = Greeting(f"{web.public_url}/" if web.public_url else link(public), generation.node_environment is not None)
        node = node_process(generation, configuration, os.environ, say=say, ready=greeting.node_ready)
        client = assembly.client(generation, configuration.generation)
        stack.push_async_callback(client.close)
        metrics = Metrics()
        intake = open_intake(store, accounts, configuration.conversation, metrics)
        needs = channels.Needs(store, intake, StoredCursors(store, accounts), metrics, configuration.database.lease_s)
        connected = channels.connect(configuration, accounts, needs)
        opened = assembly.Opened(store, accounts, client, generation, secret, metrics, intake, connected)
        stages = assembly.stages(configuration, opened, node, public, private, title=title)
        gc.freeze()  # what start-up made stays for ever: the collector need not look at it again and again
        await Application(stages).run(up=greeting.up)
        say("stopped")
