"""`frontdesk workspace apply`: what `[workspace]` says now, into the database; at a start it fills an empty one only."""

import argparse
import asyncio
import os
from collections.abc import Sequence

from bot.cli import opening
from bot.cli.configuration import Configuration, load
from bot.cli.progress import say
from bot.store import workspaces
from bot.store.revision import prepare


def execute(given: argparse.Namespace) -> int:
    configuration = load(given.config, os.environ)
    prepare(configuration.database.parsed, say=say)
    changed = asyncio.run(_apply(configuration))
    say(f"in use from now on: {', '.join(changed)}" if changed else "nothing to do: the database says the same")
    return 0


async def _apply(configuration: Configuration) -> Sequence[str]:
    """Raises AlreadyRunning beside a running instance on SQLite; on PostgreSQL that reads the change within three seconds."""
    store = await opening.open_store(configuration.database)
    try:
        return await store.write(workspaces.apply, configuration.workspace)
    finally:
        await opening.close(store)
