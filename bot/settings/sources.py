"""Where settings come from: a TOML file, then the environment, which beats it. Nothing is checked against a model here."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.errors import SettingsError

PREFIX = "FRONTDESK_"
DEFAULT_FILE = Path("frontdesk.toml")

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """The merged tables by section. `file`: what was read, if any; `variables`: which variable gave which path of keys."""

    tables: Mapping[str, Table]
    file: Path | None = None
    variables: Mapping[tuple[str, ...], str] = field(default_factory=dict)


def read_sources(sections: Collection[str], *, config: str | None, environment: Mapping[str, str]) -> Source:
    """Read the file named by `config` or FRONTDESK_CONFIG (else ./frontdesk.toml, if it is there) and the environment.

    Raises SettingsError for a named file that is missing, for TOML that cannot be read and for a section nobody knows.
    """
    file = _find_file(config or environment.get("FRONTDESK_CONFIG") or None)
    tables = _read_file(file) if file else {}
    for name, table in tables.items():
        if name not in sections:
            raise SettingsError(f"{file}: [{name}]: unknown section, known are {', '.join(sorted(sections))}")
        if not isinstance(table, dict):
            raise SettingsError(f"{file}: {name} should be a section, written [{name}]")
    variables = _read_environment(sections, environment)
    for path, variable in variables.items():
        _place(tables, path, environment[variable], variable)
    return Source(tables=tables, file=file, variables=variables)


def _find_file(named: str | None) -> Path | None:
    if named is None:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    file = Path(named)
    if not file.is_file():
        raise SettingsError(f"{file}: no such settings file")
    return file


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from error


def _read_environment(sections: Collection[str], environment: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Variables of the form FRONTDESK_SECTION__KEY by their path; any other is none of ours."""
    found: dict[tuple[str, ...], str] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX):
            continue
        path = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        if len(path) > 1 and path[0] in sections and all(path):
            found[path] = variable
    return found


def _place(tables: dict[str, Any], path: tuple[str, ...], value: str, variable: str) -> None:
    table = tables
    for step in path[:-1]:
        table = table.setdefault(step, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{variable}: {step} is a value, not a table")
    table[path[-1]] = value
