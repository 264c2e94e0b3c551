"""The installation's one secret: random bytes in a file of their own. Each purpose gets a key unrelated to the others."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Self

from bot.errors import SettingsError

BYTES = 32


class Secret:
    """Signs text. The same secret, purpose and text give the same digest for ever; it never shows itself."""

    __slots__ = ("_keys", "_root")

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._keys: dict[str, bytes] = {}

    def sign(self, purpose: str, text: str) -> str:
        """HMAC-SHA256 of the text under the purpose's own key, as 64 hex digits. Purposes are few words in our code."""
        key = self._keys.get(purpose)
        if key is None:
            key = self._keys[purpose] = hmac.digest(self._root, purpose.encode(), "sha256")
        return hmac.digest(key, text.encode(), "sha256").hex()

    @classmethod
    def load(cls, secret_file: str, *, sqlite_file: Path | None) -> Self:
        """Read the file; make it first where it may be made. Unset: beside the SQLite file.

        Raises SettingsError: on PostgreSQL several processes must share one secret, so it has to be named.
        """
        if secret_file:
            return cls(_read(Path(secret_file)) if Path(secret_file).exists() else _make(Path(secret_file)))
        if sqlite_file is None:
            raise SettingsError(
                "[security] secret_file: name a file when the database is PostgreSQL; every process needs the same one "
                "(make it with: head -c 32 /dev/urandom > frontdesk.secret; chmod 600 frontdesk.secret)"
            )
        file = sqlite_file.with_name(f"{sqlite_file.name}.secret")
        return cls(_read(file) if file.exists() else _make(file))


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_mode & 0o077:
            raise SettingsError(f"[security] secret_file: {file} is readable by others; run: chmod 600 {file}")
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"[security] secret_file: {file}: {error.strerror}") from error
    if len(content) < BYTES:
        raise SettingsError(f"[security] secret_file: {file} holds less than {BYTES} bytes; fill it from /dev/urandom")
    return hashlib.sha256(content).digest()


def _make(file: Path) -> bytes:
    """Written whole or not at all, and never over one that another start made in the meantime."""
    partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(partial, file)
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    except OSError as error:
        raise SettingsError(f"[security] secret_file: {file} cannot be made: {error.strerror}") from error
    return _read(file)
