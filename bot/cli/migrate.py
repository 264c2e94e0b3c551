"""`frontdesk migrate`: the database at this release's revision, or one line that says why not."""

import argparse
import os

from bot.cli.configuration import load
from bot.cli.progress import say
from bot.store.revision import HEAD, migrate


def execute(given: argparse.Namespace) -> int:
    configuration = load(given.config, os.environ)
    migrate(configuration.database.parsed, say=say)
    say(f"the database is at revision {HEAD}")
    return 0
