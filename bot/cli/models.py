"""`frontdesk models list | pull | show`: the node's own commands, with the settings of this process."""

import argparse
import os

from bot.cli.configuration import load_serving


def execute(given: argparse.Namespace) -> int:
    from serving.models.commands import main

    named = [given.model] if getattr(given, "model", None) else []
    return main([given.action, *named], load_serving(given.config, os.environ))
