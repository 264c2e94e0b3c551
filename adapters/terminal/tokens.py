"""The session's token between two starts of the terminal: a file that only its owner can read."""

import contextlib
import json
import os
from pathlib import Path


class TokenFile:
    """One token for each instance, in `$XDG_STATE_HOME/frontdesk/chat.json`."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        self._file = (folder or Path(state) / "frontdesk") / "chat.json"
        self._url = url

    def load(self) -> str:
        """The token kept for this instance, "" when there is none."""
        return str(self._all().get(self._url, ""))

    def save(self, token: str) -> None:
        """Keep it; a folder that cannot be written only costs the history of the next start."""
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept = {**self._all(), self._url: token}
            fresh = self._file.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_text(json.dumps(kept))
            fresh.replace(self._file)

    def _all(self) -> dict[str, str]:
        try:
            found = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
