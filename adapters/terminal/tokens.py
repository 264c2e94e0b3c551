"""The session's token between two starts of the terminal: a file that only its owner can read."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


class TokenFile:
    """One token for each instance, in `chat.json` of a folder; `None` keeps tokens nowhere."""

    def __init__(self, url: str, folder: Path | None) -> None:
        self._folder = folder
        self._url = url

    def load(self) -> str:
        """The token kept for this instance, "" when there is none."""
        return self._all().get(self._url, "")

    def save(self, token: str) -> None:
        """Keep it; a folder that cannot be written only costs the history of the next start."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept = {**self._all(), self._url: token}
            descriptor, fresh = tempfile.mkstemp(dir=self._folder)  # made 0600
            with os.fdopen(descriptor, "w") as file:
                json.dump(kept, file)
            Path(fresh).replace(self._folder / "chat.json")

    def _all(self) -> dict[str, str]:
        if self._folder is None:
            return {}
        try:
            found = json.loads((self._folder / "chat.json").read_text())
        except (OSError, ValueError):
            return {}
        entries = found.items() if isinstance(found, dict) else ()
        return {url: token for url, token in entries if isinstance(token, str) and token.isascii() and token.isprintable()}


def state_folder(environment: Mapping[str, str]) -> Path | None:
    """`$XDG_STATE_HOME/frontdesk`, or its default below the home folder; None where there is neither."""
    named = Path(environment.get("XDG_STATE_HOME") or "")
    if named.is_absolute():  # others must be ignored, says the XDG base directory specification
        return named / "frontdesk"
    try:
        return Path.home() / ".local" / "state" / "frontdesk"
    except RuntimeError:
        return None
