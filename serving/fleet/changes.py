"""Changes of LoRA at every engine behind one port: each is made everywhere, and engines that were away hear of it first."""

import asyncio
import json
from typing import Protocol

from serving.engine.gate import Refused, Scope
from serving.engine.loras import NOT_LOADED
from serving.fleet.members import Members
from serving.progress import Report

CHANGE_S = 600.0
NOBODY = Refused(503, "no engine is ready: ask again", after_s=2)
Reply = tuple[int, bytes]


class Teller(Protocol):
    """Sends one request to one engine."""

    async def whole(self, base: str, scope: Scope, body: bytes, within_s: float) -> Reply: ...


class Changes:
    """`key`: an Authorization for what engines are told later. Of each name the last change is kept."""

    def __init__(self, members: Members, teller: Teller, key: str, report: Report) -> None:
        self._members = members
        self._teller = teller
        self._key = key
        self._report = report
        self._lock = asyncio.Lock()
        self._made: dict[str, tuple[str, bytes]] = {}

    async def everywhere(self, scope: Scope, body: bytes) -> Reply:
        """One change after the other, each at every engine that answers. The first refusal is told, else the last consent; an
        engine that does not have what another lets go of is none.
        """
        async with self._lock:
            self._members.behind()  # whoever comes while the others are asked
            consent, lacking = None, None
            for member in self._members.serving():
                status, told = await self._teller.whole(member.url, scope, body, CHANGE_S)
                if status == 200:
                    consent, body = (status, told), _settled(body, told)
                elif _lacks(told):
                    lacking = status, told
                else:
                    return status, told
            if consent:
                self._made[json.loads(body)["lora_name"]] = scope["path"], body
        return consent or lacking or (NOBODY.status, NOBODY.body())

    async def catch_up(self) -> None:
        """Until cancelled: tell engines that come what was changed while they were away, before anyone is sent to them."""
        while True:
            member = await self._members.next_behind()
            async with self._lock:
                life = member.starts
                for name, (path, body) in self._made.items():
                    scope = {"method": "POST", "path": path, "headers": [(b"authorization", self._key.encode())]}
                    status, told = await self._teller.whole(member.url, scope, body, CHANGE_S)
                    if status != 200 and not _lacks(told):
                        self._report.line(
                            f"serving: {member.name} does not follow the last change of LoRA {name}: {_reason(told)}"
                        )
                if member.starts == life:
                    member.caught_up()


def _settled(body: bytes, told: bytes) -> bytes:
    """The version that the first engine has chosen is that of all, whatever each has had before."""
    asked, chosen = json.loads(body), json.loads(told).get("version")
    return json.dumps({**asked, "version": chosen}).encode() if chosen is not None else body


def _lacks(told: bytes) -> bool:
    return _error(told).get("type") == NOT_LOADED


def _reason(told: bytes) -> str:
    return str(_error(told).get("message", "no reason"))


def _error(told: bytes) -> dict[str, object]:
    try:
        error = json.loads(told)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}
