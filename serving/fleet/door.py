"""What the node's own port does with a request that the gate has let through."""

import asyncio
import itertools
import json

from serving.engine.gate import Receive, Refused, Scope, Send, answer, header
from serving.fleet.exposition import family, merged
from serving.fleet.members import Member, Members
from serving.fleet.proxy import Proxy
from serving.fleet.router import Router
from serving.order import Task

ASK_S = 2.0
CHANGE_S = 600.0
ROUTED = frozenset({"/v1/chat/completions", "/v1/completions"})
NOBODY = Refused(503, "no engine is ready: ask again", after_s=2)
NO_ROUTER = Refused(503, "the router is being started: ask again", after_s=1)


class Door:
    """Answers come from the engine that the router finds for their conversation, embeddings from the one that makes them, all
    else from any engine. Without a `router` one engine answers.
    """

    def __init__(self, members: Members, router: Router | None, proxy: Proxy) -> None:
        self._members = members
        self._router = router
        self._proxy = proxy
        self._turn = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            await self._answer(scope, receive, send)
        except Refused as refused:
            await answer(send, refused)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["path"]:
            case "/health":
                self._routed()
                told = {member.name: "serving" if member.serves else "away" for member in self._members}
                await _text(send, json.dumps({"engines": told}))
            case "/metrics":
                await _text(send, await self._metrics(), b"text/plain; version=0.0.4; charset=utf-8")
            case "/v1/models":
                await self._models(scope, send)
            case "/v1/embeddings":
                await self._proxy.pass_on(self._any("embed").url, scope, receive, send)
            case "/v1/load_lora_adapter" | "/v1/unload_lora_adapter":
                await self._everywhere(scope, receive, send)
            case path:
                base = self._routed() if path in ROUTED else self._any().url
                await self._proxy.pass_on(base, scope, receive, send)

    async def _everywhere(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What changes engines is sent to each that answers; the first refusal is told, else the last consent."""
        body = (await receive()).get("body", b"")
        status, told = NOBODY.status, NOBODY.body()
        for member in self._members.serving():
            status, told = await self._proxy.whole(member.url, scope, body, CHANGE_S)
            if status != 200:
                break
        await _reply(send, status, told, b"application/json")

    def _routed(self) -> str:
        member = self._any()
        if self._router is None:
            return member.url
        if not self._router.url:
            raise NO_ROUTER
        return self._router.url

    def _any(self, task: Task = "generate") -> Member:
        serving = self._members.serving(task)
        if not serving:
            raise NOBODY
        return serving[next(self._turn) % len(serving)]

    async def _models(self, scope: Scope, send: Send) -> None:
        """Of one engine that answers, and of the one that embeds."""
        asked = [self._any(), *self._members.serving("embed")]
        key = header(scope, b"authorization").decode("latin-1")
        texts = await asyncio.gather(*(self._proxy.text(member.url, "/v1/models", ASK_S, key) for member in asked))
        models = [model for text in texts if text for model in json.loads(text)["data"]]
        await _text(send, json.dumps({"object": "list", "data": models}))

    async def _metrics(self) -> str:
        up = [member for member in self._members if member.is_up]
        asked = (self._proxy.text(member.url, "/metrics", ASK_S) for member in up)
        texts = {member.name: text for member, text in zip(up, await asyncio.gather(*asked), strict=True)}
        return merged(texts) + self._own()

    def _own(self) -> str:
        up = [(f'{{replica="{one.name}"}}', int(one.serves)) for one in self._members]
        starts = [(f'{{replica="{one.name}"}}', one.starts) for one in self._members]
        told = family("frontdesk_node_replica_up", "gauge", up) + family("frontdesk_node_replica_starts_total", "counter", starts)
        if self._router:
            told += family("frontdesk_node_router_up", "gauge", [("", int(bool(self._router.url)))])
            told += family("frontdesk_node_router_starts_total", "counter", [("", self._router.starts)])
        return told


async def _text(send: Send, text: str, kind: bytes = b"application/json") -> None:
    await _reply(send, 200, text.encode(), kind)


async def _reply(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
