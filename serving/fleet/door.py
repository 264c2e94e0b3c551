"""What the node's own port does with a request that the gate has let through."""

import asyncio
import itertools
import json

from serving.engine.gate import Receive, Refused, Scope, Send, answer
from serving.fleet.changes import NOBODY, Changes
from serving.fleet.exposition import figures_of, merged
from serving.fleet.members import Member, Members
from serving.fleet.proxy import Proxy
from serving.fleet.refusals import Refusals
from serving.fleet.router import Router
from serving.order import Task

ASK_S = 2.0
ROUTED = frozenset({"/v1/chat/completions", "/v1/completions"})
SILENT = Refused(503, "the engine did not answer in time: ask again", after_s=2)
NO_ROUTER = Refused(503, "the router is being started: ask again", after_s=1)


class Door:
    """Answers come from the engine that the router finds for their conversation, embeddings from the one that makes them, all
    else from any engine. Without a `router` one engine answers. `key`: of the engines, for what the door asks itself.
    """

    def __init__(
        self, members: Members, router: Router | None, proxy: Proxy, changes: Changes, key: str, refusals: Refusals
    ) -> None:
        self._members = members
        self._router = router
        self._proxy = proxy
        self._key = f"Bearer {key}"
        self._refusals = refusals
        self._changes = changes
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
                await self._models(send)
            case "/v1/embeddings":
                await self._proxy.pass_on(self._any("embed").url, scope, receive, send)
            case "/v1/load_lora_adapter" | "/v1/unload_lora_adapter":
                status, reply = await self._changes.everywhere(scope, (await receive()).get("body", b""))
                await _reply(send, status, reply, b"application/json")
            case path:
                base = self._routed() if path in ROUTED else self._any().url
                await self._proxy.pass_on(base, scope, receive, send)

    def _routed(self) -> str:
        member = self._any()
        if self._router is None:
            return member.url
        if not self._router.workers:
            raise NO_ROUTER
        return self._router.url

    def _any(self, task: Task = "generate") -> Member:
        serving = self._members.serving(task)
        if not serving:
            raise NOBODY
        return serving[next(self._turn) % len(serving)]

    async def _models(self, send: Send) -> None:
        """Of one engine that answers, and of the one that embeds."""
        asked = [self._any(), *self._members.serving("embed")]
        texts = await asyncio.gather(*(self._proxy.text(member.url, "/v1/models", ASK_S, self._key) for member in asked))
        if not texts[0]:
            raise SILENT
        models = [model for text in texts if text for model in json.loads(text)["data"]]
        await _text(send, json.dumps({"object": "list", "data": models}))

    async def _metrics(self) -> str:
        up = [member for member in self._members if member.is_up]
        asked = (self._proxy.text(member.url, "/metrics", ASK_S, self._key) for member in up)
        texts = {member.name: text for member, text in zip(up, await asyncio.gather(*asked), strict=True)}
        return merged(texts, figures_of(self._members, self._router, self._refusals))


async def _text(send: Send, text: str, kind: bytes = b"application/json") -> None:
    await _reply(send, 200, text.encode(), kind)


async def _reply(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
