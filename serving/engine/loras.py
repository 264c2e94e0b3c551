"""LoRA at a running engine: loaded and unloaded by name, behind the gate and in front of vLLM's own routes.

vLLM's routes take any folder and any name; here a request names a LoRA of the model store, and its files are the very ones that
were added, or vLLM hears nothing. Each version is a LoRA of its own to vLLM (`name@2`), and `name` means the one in use: answers
under way end with the version they began with, a name never goes missing while a version takes the place of another, and the
prefix cache cannot mix two. (vLLM's `load_inplace` reads the files again at every step, and two LoRAs of one name in a step are
one to it.)
"""

import asyncio
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from serving.engine.bounds import LoadLora, UnloadLora, check
from serving.engine.capture import captured, posted, replied, with_body
from serving.engine.gate import App, Receive, Refused, Scope, Send, replayed
from serving.errors import LoraError
from serving.lora.fitting import before, fitting
from serving.lora.loaded import History, Loaded, after_load
from serving.lora.naming import check_apart, check_name, tag
from serving.lora.registry import Registry, Version
from serving.order import LoraOrder

LOAD = "/v1/load_lora_adapter"
UNLOAD = "/v1/unload_lora_adapter"
ROUTES = frozenset({("POST", LOAD), ("POST", UNLOAD)})
LONGEST_REASON = 400
NOT_LOADED = "not_loaded"


class _Named(msgspec.Struct):
    model: str | None = None


_named = msgspec.json.Decoder(_Named).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class NotLoaded(LoraError):
    """There is nothing to unload."""


class Loras:
    """An ASGI application around vLLM's; `base` is the served name of the model in the folder `model`."""

    def __init__(self, app: App, order: LoraOrder, base: str, model: Path) -> None:
        self._app = app
        self._order = order
        self._base = base
        self._model = model
        self._registry = Registry(Path(order.root))
        self._loaded = Loaded(Path(order.root), base)
        self._history: dict[str, History] = {}
        self._inside: set[str] = set()
        self._changing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match (scope["type"], scope.get("method"), scope.get("path")):
            case ("http", "POST", str(path)) if path in {LOAD, UNLOAD}:
                asked = check(path, (await receive())["body"])
                await replied(send, await self._change(asked))
            case ("http", "GET", "/v1/models"):
                status, body = await captured(self._app, scope, receive)
                await replied(send, self._listed(json.loads(body)) if status == 200 else json.loads(body), status)
            case ("http", "POST", _):
                body = self._meant((await receive())["body"])
                await self._app(with_body(scope, body), replayed(body, receive), send)
            case _:
                await self._app(scope, receive, send)

    async def restore(self) -> None:
        """Load what was loaded before this engine started. What cannot be is left out with a line: the model itself answers."""
        try:
            kept = self._loaded.read()
        except LoraError as error:
            say(f"serving: no LoRA is loaded again: {error}")
            return
        for name, history in kept.items():
            try:
                self._check_room(name)
                found = await self._checked(name, history[-1], "")
                await self._take(found)
                self._history[name] = history
            except (LoraError, Refused) as error:
                say(f"serving: LoRA {name} is left out: {error}")

    async def _change(self, asked: Any) -> dict[str, Any]:
        async with self._changing:
            try:
                return await (self._load(asked) if isinstance(asked, LoadLora) else self._unload(asked))
            except NotLoaded as error:
                raise Refused(409, str(error), kind=NOT_LOADED) from error
            except LoraError as error:
                raise Refused(409, str(error)) from error

    async def _load(self, asked: LoadLora) -> dict[str, Any]:
        """Check, hand to vLLM, record, and only then let the name mean it; what fails before that leaves all as it was."""
        name, earlier = check_name(asked.lora_name), self._history.get(asked.lora_name, ())
        self._check_room(name)
        found = await self._checked(name, self._number(name, asked, earlier), asked.sha256 or "")
        history = after_load(earlier, found.number)
        if history != earlier:
            await self._take(found)
            try:
                await asyncio.to_thread(self._loaded.write, name, history)
            except LoraError:
                await self._let_go(tag(name, found.number))
                raise
            self._history[name] = history
            if earlier:
                await self._let_go(tag(name, earlier[-1]))
        was = earlier[-1] if earlier else None
        return {"lora_name": name, "version": found.number, "was": was, "sha256": found.sha256, "base": found.base}

    async def _unload(self, asked: UnloadLora) -> dict[str, Any]:
        name = check_name(asked.lora_name)
        if name in self._order.folders:
            raise LoraError(f"{name} is loaded by serving.lora.folders: take it out there")
        if name not in self._history:
            raise NotLoaded(f"{name} is not loaded")
        await asyncio.to_thread(self._loaded.write, name, ())
        was = self._history.pop(name)[-1]
        await self._let_go(tag(name, was))
        return {"lora_name": name, "version": None, "was": was}

    def _number(self, name: str, asked: LoadLora, history: History) -> int:
        if asked.version == "previous":
            return before(name, history)
        return self._registry.find(name, asked.version).number

    def _check_room(self, name: str) -> None:
        """Raises LoraError for a name that means something else here, or is one too many."""
        check_apart(name, self._base)
        if name in self._order.folders:
            raise LoraError(f"{name} is loaded by serving.lora.folders: take it out there, or choose another name")
        others = len(self._order.folders) + len(self._history.keys() - {name})
        if others >= self._order.max_loaded:
            raise LoraError(f"{others} are loaded, of at most serving.lora.max_loaded: unload one, or raise it")

    async def _checked(self, name: str, number: int, sha256: str) -> Version:
        """The version, when it may be loaded here; raises LoraError."""
        look = partial(fitting, base=self._base, model=self._model, max_rank=self._order.max_rank, sha256=sha256)
        return await asyncio.to_thread(look, self._registry, name, number)

    async def _take(self, found: Version) -> None:
        """Into vLLM, by its own route; raises Refused with vLLM's reason."""
        inside = tag(found.name, found.number)
        if inside in self._inside:
            return
        status, body = await posted(self._app, LOAD, {"lora_name": inside, "lora_path": str(found.folder.resolve())})
        if status != 200:
            raise Refused(409, f"vLLM refuses {inside}: {reason(body)}")
        self._inside.add(inside)

    async def _let_go(self, inside: str) -> None:
        """Out of vLLM; answers under way with it end as they began."""
        status, body = await posted(self._app, UNLOAD, {"lora_name": inside})
        if status == 200:
            self._inside.discard(inside)
        else:
            say(f"serving: vLLM keeps {inside}: {reason(body)}")

    def _meant(self, body: bytes) -> bytes:
        """A request with the version that its name means; every other request is handed on as it is."""
        named = _named(body).model if self._history else None
        if named is None or named not in self._history:
            return body
        return msgspec.json.encode({**_fields(body), "model": tag(named, self._history[named][-1])})

    def _listed(self, told: dict[str, Any]) -> dict[str, Any]:
        """The list of vLLM with the names that may be asked for: each has what it means in `root`, and the model's length."""
        cards = told["data"]
        length = next((card.get("max_model_len") for card in cards if card["id"] == self._base), None)
        meant = {tag(name, history[-1]): name for name, history in self._history.items()}
        kept = []
        for card in cards:
            if card["id"] in meant:
                kept.append({**card, "id": meant[card["id"]], "root": card["id"], "max_model_len": length})
            elif card["id"] in self._order.folders:
                kept.append({**card, "root": card["id"], "max_model_len": length})
            elif card["id"] not in self._inside:
                kept.append(card)
        return {**told, "data": kept}


def reason(body: bytes) -> str:
    """The sentence in an error of vLLM."""
    try:
        told = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        told = body.decode(errors="replace")
    return " ".join(told.split())[:LONGEST_REASON]


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # the supervisor passes it on
