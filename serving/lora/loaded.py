"""What nodes have loaded, kept in the model store so that it is loaded again after a restart.

`<root>/lora/loaded.json`: model -> name -> its versions in the order they were in use, the last one now: a rollback goes to the
one before it. Written whole, by one rename, one process at a time.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.errors import LoraError
from serving.lora.locking import locked
from serving.lora.naming import NAME
from serving.models.store import sync

MOST_BEFORE = 20
History = tuple[int, ...]


def after_load(history: History, number: int) -> History:
    """The versions after `number` came into use: going back to the one before takes the present one away. Pure."""
    if history[-1:] == (number,):
        return history
    if history[-2:-1] == (number,):
        return history[:-1]
    return (*history, number)[-MOST_BEFORE:]


class Loaded:
    """The record at `root` for the nodes that serve the model `base`."""

    def __init__(self, root: Path, base: str) -> None:
        self._root = root
        self._file = root / "lora" / "loaded.json"
        self._base = base

    def read(self) -> dict[str, History]:
        """What is loaded, by name; raises LoraError for a file that cannot be understood."""
        return {name: tuple(numbers) for name, numbers in self._all().get(self._base, {}).items()}

    def write(self, name: str, history: History) -> None:
        """Record the versions of one name, none: it is not loaded. Raises LoraError, and then nothing has changed."""
        with locked(self._root):
            everything = self._all()
            here = {key: numbers for key, numbers in everything.get(self._base, {}).items() if key != name}
            if history:
                here[name] = list(history)
            everything[self._base] = here
            self._replace({base: names for base, names in everything.items() if names})

    def bases_of(self, name: str, number: int) -> list[str]:
        """The models for which a version is in use, or is where a rollback would go."""
        return [base for base, names in self._all().items() if number in names.get(name, ())]

    def _replace(self, everything: Mapping[str, Any]) -> None:
        draft = self._file.with_name(f".{self._file.name}")
        try:
            self._file.parent.mkdir(exist_ok=True)
            draft.write_text(json.dumps(everything, indent=1))
            sync(draft)
            draft.replace(self._file)
            sync(self._file.parent)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise LoraError(f"{self._file}: {error.strerror}") from error

    def _all(self) -> dict[str, dict[str, list[int]]]:
        try:
            told = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise LoraError(f"{self._file} cannot be read ({error}): remove it, then load again") from error
        if not _sound(told):
            raise LoraError(f"{self._file} is damaged: remove it, then load again")
        return told  # type: ignore[no-any-return]  # looked at just now


def _sound(told: Any) -> bool:
    """Names and numbers become folders: nothing else may stand there."""
    return isinstance(told, dict) and all(
        isinstance(names, dict)
        and all(
            NAME.fullmatch(name) and isinstance(numbers, list) and numbers and all(type(n) is int and n > 0 for n in numbers)
            for name, numbers in names.items()
        )
        for names in told.values()
    )
