"""`frontdesk doctor`: looks at everything, beside a running instance or without one, and changes nothing."""

import argparse
import os
import sys

from bot.cli.configuration import Configuration, load
from bot.cli.findings import Finding, as_json, as_lines, fail, healthy, ok
from bot.errors import SettingsError


def execute(given: argparse.Namespace) -> int:
    findings = examine(given.config)
    print(as_json(findings) if given.json else as_lines(findings))
    return 0 if healthy(findings) else 1


def examine(config: str | None) -> list[Finding]:
    """Every check; wrong settings end it, since nothing else can be looked at."""
    try:
        configuration = load(config, os.environ)
    except SettingsError as error:
        return [fail("settings", str(error), "correct the setting named here")]
    return [
        _settings(configuration),
        *_machine(configuration),
        *_database(configuration),
        *_generation(configuration),
        *_platforms(configuration),
    ]


def _settings(configuration: Configuration) -> Finding:
    return ok("settings", f"read from {configuration.file}" if configuration.file else "the defaults and the environment")


def _machine(configuration: Configuration) -> list[Finding]:
    from bot.cli import machine

    return [machine.python(sys.version_info[:3]), machine.clock(configuration), *machine.disk(configuration)]


def _database(configuration: Configuration) -> list[Finding]:
    from bot.cli import database

    return database.examine(configuration)


def _generation(configuration: Configuration) -> list[Finding]:
    from bot.cli import engine

    return engine.examine(configuration)


def _platforms(configuration: Configuration) -> list[Finding]:
    from bot.cli import platforms

    return platforms.examine(configuration)
