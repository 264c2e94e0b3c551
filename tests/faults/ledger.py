"""What customers did and saw: an append-only file outside every process that is killed."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """A logged event as one customer saw it: `position` in their address's log; a turn, or a status by its name."""

    position: int
    conversation: str
    status: str = ""
    seq: int = 0
    role: str = ""
    text: str = ""
    through: int | None = None
    state: str = ""
    at: float = 0.0


@dataclass
class Account:
    """One customer's own view. `sent`: token -> time; `acknowledged`: token -> (conversation or "", seq, time)."""

    name: str
    sent: dict[str, float] = field(default_factory=dict)
    acknowledged: dict[str, tuple[int | None, float]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class Ledger:
    """Writes each line before anything is made of it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self.accounts: dict[str, Account] = {}

    def of(self, name: str) -> Account:
        return self.accounts.setdefault(name, Account(name))

    def sent(self, name: str, token: str) -> None:
        self._write("sent", name, token=token)
        self.of(name).sent[token] = time.monotonic()

    def acknowledged(self, name: str, token: str, seq: int | None) -> None:
        self._write("acknowledged", name, token=token, seq=seq)
        self.of(name).acknowledged[token] = (seq, time.monotonic())

    def seen(self, name: str, seen: Seen) -> None:
        self._write("seen", name, position=seen.position, status=seen.status, seq=seen.seq, role=seen.role, text=seen.text)
        self.of(name).seen.append(seen)

    def complain(self, name: str, sentence: str) -> None:
        """Something that no customer should meet: an error page, a refusal of one's own session."""
        self._write("complaint", name, sentence=sentence)
        self.of(name).complaints.append(sentence)

    def close(self) -> None:
        self._file.close()

    def _write(self, what: str, name: str, **named: Any) -> None:
        self._file.write(json.dumps({"t": round(time.monotonic(), 3), "what": what, "who": name, **named}) + "\n")
