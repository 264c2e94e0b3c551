"""Things other than text that people send, and the files behind them: https://core.telegram.org/bots/api#photosize and on."""

import hashlib
from dataclasses import dataclass
from typing import Any

FOLDERS = {
    "photo": "photos",
    "document": "documents",
    "voice": "voice",
    "sticker": "stickers",
    "video": "videos",
    "audio": "music",
}
MIMES = {"photo": "image/jpeg", "voice": "audio/ogg", "sticker": "image/webp", "video": "video/mp4", "audio": "audio/mpeg"}


@dataclass(slots=True, eq=False)
class StoredFile:
    """`size` may be said to be more than `data` holds, to stand for a file too big to fetch. `link_until`: getFile's link."""

    file_id: str
    unique_id: str
    path: str
    size: int
    data: bytes
    mime: str
    link_until: float = 0.0


class Files:
    """Files by file_id, the latest `most` of them."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._by_id: dict[str, StoredFile] = {}
        self._by_path: dict[str, StoredFile] = {}
        self._count = 0

    def get(self, file_id: str) -> StoredFile | None:
        return self._by_id.get(file_id.removesuffix("-s"))

    def at(self, path: str) -> StoredFile | None:
        return self._by_path.get(path)

    def add(self, kind: str, data: bytes, *, mime: str = "", suffix: str = "", size: int | None = None) -> StoredFile:
        digest = hashlib.sha256(data + kind.encode()).hexdigest()
        path = f"{FOLDERS[kind]}/file_{self._count}{suffix}"
        file = StoredFile(
            f"{kind}-{self._count}-{digest[:24]}", digest[:15], path, len(data) if size is None else size, data,
            mime or MIMES.get(kind, "application/octet-stream"),
        )  # fmt: skip
        self._count += 1
        self._by_id[file.file_id] = self._by_path[path] = file
        if len(self._by_id) > self._most:
            oldest = self._by_id.pop(next(iter(self._by_id)))
            del self._by_path[oldest.path]
        return file


def photo(file: StoredFile) -> dict[str, Any]:
    """Two sizes of one picture, the last the largest."""
    small = _named(file) | {"file_id": f"{file.file_id}-s", "width": 90, "height": 60, "file_size": min(file.size, 1200)}
    return {"photo": [small, _named(file) | {"width": 1280, "height": 853, "file_size": file.size}]}


def document(file: StoredFile, name: str) -> dict[str, Any]:
    return {"document": _named(file) | {"file_name": name, "mime_type": file.mime, "file_size": file.size}}


def voice(file: StoredFile, seconds: int) -> dict[str, Any]:
    return {"voice": _named(file) | {"duration": seconds, "mime_type": file.mime, "file_size": file.size}}


def sticker(file: StoredFile, emoji: str) -> dict[str, Any]:
    look = {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False, "emoji": emoji}
    return {"sticker": _named(file) | look | {"file_size": file.size}}


def contact(phone: str, first_name: str) -> dict[str, Any]:
    return {"contact": {"phone_number": phone, "first_name": first_name}}


def location(latitude: float, longitude: float) -> dict[str, Any]:
    return {"location": {"latitude": latitude, "longitude": longitude}}


def _named(file: StoredFile) -> dict[str, Any]:
    return {"file_id": file.file_id, "file_unique_id": file.unique_id}
