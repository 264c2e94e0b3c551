"""One section against its model: unknown keys are named with a guess, secrets may come from files, values are never shown."""

import difflib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.errors import SettingsError
from bot.settings.sources import Source, Table

M = TypeVar("M", bound=BaseModel)
ACCOUNT_NAME = re.compile(r"[a-z0-9]{1,32}")


def check_section(source: Source, name: str, model: type[M]) -> M:
    """The section `name` as its model. Raises SettingsError naming the first wrong key in one line."""
    table = dict(source.tables.get(name, {}))
    for path, variable in source.variables.items():
        if path[0] == name:
            _read_variable(table, path[1:], variable, model)
    try:
        return model.model_validate(table)
    except ValidationError as error:
        raise SettingsError(_sentence(source, name, model, error.errors()[0])) from None


def check_accounts(source: Source, channel: str, model: type[M]) -> dict[str, M]:
    """The accounts of a channel, `[channel.NAME]`, each as its model. Raises SettingsError naming the first wrong key."""
    accounts: dict[str, M] = {}
    for name, table in source.tables.get(channel, {}).items():
        place = _variable(source, channel, (name,)) or f"[{channel}.{name}]"
        if not isinstance(table, dict):
            raise SettingsError(f"{place}: {channel} holds a table for each account, such as [{channel}.main]")
        if not ACCOUNT_NAME.fullmatch(name):
            raise SettingsError(f"{place}: {name} is no name for an account; use 1 to 32 of a-z and 0-9")
        section = f"{channel}.{name}"
        variables = {(section, *path[2:]): found for path, found in source.variables.items() if path[:2] == (channel, name)}
        accounts[name] = check_section(Source({section: table}, source.file, variables), section, model)
    return accounts


def _read_variable(table: Table, path: tuple[str, ...], variable: str, model: type[BaseModel]) -> None:
    """Give the text of one variable the shape its field wants: a file's content, or JSON for lists and tables."""
    key = path[0]
    if len(path) > 1:
        table[key] = _decoded_leaf(table[key], path[1:])
    elif key not in model.model_fields and _is_secret(model.model_fields.get(key.removesuffix("_file"))):
        table[key.removesuffix("_file")] = _content(table.pop(key), variable)
    elif (field := model.model_fields.get(key)) is not None and not _is_text(field):
        table[key] = _decoded(table[key], variable)


def _is_secret(field: FieldInfo | None) -> bool:
    """A field that is not to be shown: a database URL holds a password."""
    return field is not None and (field.annotation is SecretStr or not field.repr)


def _is_text(field: FieldInfo) -> bool:
    return field.annotation in {str, SecretStr}


def _content(file: str, variable: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError(f"{variable}: {file}: {reason}") from error


def _decoded(value: str, variable: str) -> Any:
    """Lists and tables are JSON; anything else stays text, which the model reads as a number or a word."""
    if not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise SettingsError(f"{variable}: not valid JSON: {error}") from error


def _decoded_leaf(table: Any, path: tuple[str, ...]) -> Any:
    """A value inside a free table has no model to say its type: JSON where it is JSON, else text."""
    if not path:
        try:
            return json.loads(table)
        except ValueError:
            return table
    return {**table, path[0]: _decoded_leaf(table[path[0]], path[1:])}


# in our words, where pydantic speaks of Python
WANTED = {
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "tuple_type": 'should be a list, such as ["one", "two"] (in a variable as JSON)',
    "string_type": "should be text in quotes",
    "dict_type": 'should be a table, such as { key = "value" } (in a variable as JSON)',
}


def _sentence(source: Source, name: str, model: type[BaseModel], error: ErrorDetails) -> str:
    path = tuple(str(step) for step in error["loc"])
    place = _variable(source, name, path[:1]) or " ".join([f"{source.file}: [{name}]" if source.file else f"[{name}]", *path[:1]])
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key{_guess(path[-1], model.model_fields)}"
    message = WANTED.get(error["type"]) or error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{place}: {message}"


def _variable(source: Source, name: str, key: tuple[str, ...]) -> str | None:
    """The variable that gave this key, or something inside it, or the file it is read from."""
    starts = {(name, *key), (name, *(f"{step}_file" for step in key))}
    return next((variable for path, variable in source.variables.items() if path[: 1 + len(key)] in starts), None)


def _guess(key: str, known: Mapping[str, FieldInfo]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f", did you mean {near[0]}?" if near else f", known are {', '.join(sorted(known))}"
