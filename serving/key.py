"""The key of a node that was given none: made once, kept in a file only its owner reads."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from serving.errors import ServingError


def default_key_file(environ: Mapping[str, str]) -> Path:
    state = environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "frontdesk" / "serving.key"


def kept_key(path: Path) -> str:
    """The key in `path`, made there (mode 0600) when missing; raises ServingError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(path)
        if path.stat().st_mode & 0o077:
            raise ServingError(f"{path}: others may read this key; `chmod 600` it or delete it, then start again")
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(f"{path}: {error}") from error
    if not key:
        raise ServingError(f"{path}: the key file is empty; delete it, then start again")
    return key


def _make(path: Path) -> None:
    """Linked into place whole, so that a kill or a second node never leaves or reads half a key."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # another node was quicker: its key is the key
    finally:
        draft.unlink()
