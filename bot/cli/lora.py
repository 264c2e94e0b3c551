"""`frontdesk models lora ...`: the node's own commands, with the settings of this process."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.configuration import Configuration, load, load_serving
from bot.errors import SettingsError

if TYPE_CHECKING:
    from serving.lora.commands import Bench
    from serving.settings import ServingSettings

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where this machine reaches what listens on all addresses


def execute(given: argparse.Namespace) -> int:
    from serving.errors import ServingError

    try:
        _do(given, bench(load(given.config, os.environ), given.config, getattr(given, "url", None)))
    except ServingError as error:
        raise SettingsError(str(error)) from error
    return 0


def _do(given: argparse.Namespace, on: "Bench") -> None:
    from serving.lora import commands

    match given.action:
        case "add":
            commands.add(on, given.name, Path(given.source), base=given.base, sha256=given.sha256)
        case "load":
            commands.load(on, given.name, version=given.version, sha256=given.sha256)
        case "unload":
            commands.unload(on, given.name)
        case "rollback":
            commands.rollback(on, given.name)
        case "remove":
            commands.remove(on, given.name, given.version)
        case _:
            commands.list_all(on)


def bench(configuration: Configuration, config: str | None, url: str | None = None) -> "Bench":
    """The node of the settings, or the one at `url`, and the model store of this machine."""
    from serving.lora.commands import Bench
    from serving.lora.node import LoraNode

    named = url or configuration.generation.url
    serving = configuration.serving or load_serving(config, os.environ)
    if named:
        key = configuration.generation.api_key.get_secret_value() or node_key(serving)
        return Bench(serving, LoraNode(named.rstrip("/").removesuffix("/v1"), key), ours=False, out=sys.stdout)
    host = EVERYWHERE.get(serving.host, serving.host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{serving.port}"
    return Bench(serving, LoraNode(address, node_key(serving)), ours=True, out=sys.stdout)


def node_key(serving: "ServingSettings") -> str:
    """The key of our own node: of the settings, or the one that a node alone made; "" when there is neither."""
    from serving.key import default_key_file

    if serving.api_key:
        return serving.api_key
    with suppress(OSError, UnicodeDecodeError):
        return default_key_file(os.environ).read_text(encoding="ascii").strip()
    return ""
