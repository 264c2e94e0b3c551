"""What the node's own port does with a request that the gate has let through."""

import asyncio
import itertools
import json

from serving.engine.gate import Receive, Refused, Scope, Send, answer
from serving.fleet.exposition import merged
from serving.fleet.members import Member, Members
from serving.fleet.proxy import Proxy
from serving.fleet.router import Router

METRICS_S = 2.0
ROUTED = frozenset({"/v1/chat/completions", "/v1/completions"})
NOBODY = Refused(503, "no engine is ready: ask again", after_s=2)
NO_ROUTER = Refused(503, "the router is being started: ask again", after_s=1)


class Door:
    """Answers go to the engine that the router finds for their conversation; all else to any engine."""

    def __init__(self, members: Members, router: Router, proxy: Proxy) -> None:
        self._members = members
        self._router = router
        self._proxy = proxy
        self._turn = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        match scope["path"]:
            case "/health":
                await self._health(send)
            case "/metrics":
                await _text(send, await self._metrics(), b"text/plain; version=0.0.4; charset=utf-8")
            case path:
                try:
                    base = self._routed() if path in ROUTED else self._any().url
                except Refused as refused:
                    await answer(send, refused)
                else:
                    await self._proxy.pass_on(base, scope, receive, send)

    def _routed(self) -> str:
        self._any()
        if not self._router.url:
            raise NO_ROUTER
        return self._router.url

    def _any(self) -> Member:
        serving = self._members.serving()
        if not serving:
            raise NOBODY
        return serving[next(self._turn) % len(serving)]

    async def _health(self, send: Send) -> None:
        try:
            self._routed()
        except Refused as refused:
            await answer(send, refused)
        else:
            ready = {"replicas": {member.name: "serving" if member.serves else "away" for member in self._members}}
            await _text(send, json.dumps(ready), b"application/json")

    async def _metrics(self) -> str:
        up = [member for member in self._members if member.is_up]
        asked = (self._proxy.text(member.url, "/metrics", METRICS_S) for member in up)
        texts = {member.name: text for member, text in zip(up, await asyncio.gather(*asked), strict=True)}
        return merged(texts) + self._own()

    def _own(self) -> str:
        lines = ["# TYPE frontdesk_node_replica_up gauge"]
        lines += [f'frontdesk_node_replica_up{{replica="{one.name}"}} {int(one.serves)}' for one in self._members]
        lines += ["# TYPE frontdesk_node_replica_starts_total counter"]
        lines += [f'frontdesk_node_replica_starts_total{{replica="{one.name}"}} {one.starts}' for one in self._members]
        lines += ["# TYPE frontdesk_node_router_up gauge", f"frontdesk_node_router_up {int(bool(self._router.url))}"]
        lines += [
            "# TYPE frontdesk_node_router_starts_total counter",
            f"frontdesk_node_router_starts_total {self._router.starts}",
        ]
        return "".join(f"{line}\n" for line in lines)


async def _text(send: Send, text: str, kind: bytes) -> None:
    body = text.encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
