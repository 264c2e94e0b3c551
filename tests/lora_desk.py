"""A node's door with LoRA on, over a plain vLLM and a model store with some LoRAs."""

import json
import time
from pathlib import Path
from typing import Any

from serving.engine.admission import Admission
from serving.engine.gate import ALLOWED, Gate, Message, Readiness, Scope
from serving.engine.loras import LOAD, ROUTES, UNLOAD, Loras
from serving.lora.registry import Registry
from serving.order import LoraOrder
from tests.lora_files import a_lora
from tests.vllm_loras import PlainVllm

BASE = "tiny"
KEY = "secret"
CHAT = "/v1/chat/completions"


class Desk:
    """A node's door with LoRA on, over a store with three versions of `support` and one of `sales`."""

    def __init__(self, folder: Path, *, max_loaded: int = 4, folders: dict[str, str] | None = None) -> None:
        self.store = folder / "store"
        self.model = folder / "tiny"
        self.model.mkdir()
        (self.model / "config.json").write_text(json.dumps({"hidden_size": 128, "num_hidden_layers": 2}))
        self.registry = Registry(self.store)
        for name, seed in (("support", 1), ("support", 2), ("support", 3), ("sales", 4)):
            self.registry.add(name, a_lora(folder / str(seed), BASE, seed=seed), BASE, model=None, believed=False)
        self.order = LoraOrder(str(self.store), 2, max_loaded, 8, folders or {})
        self.start()

    def start(self) -> None:
        """As an engine that has just started."""
        self.vllm = PlainVllm(BASE)
        self.vllm.loras |= {name: Path(path) for name, path in self.order.folders.items()}
        self.loras = Loras(self.vllm, self.order, BASE, self.model)
        admission = Admission(4, 2, time.monotonic)
        self.gate = Gate(self.loras, KEY, Readiness(True), admission, routes=ALLOWED | ROUTES)

    async def ask(self, path: str, document: Any = None, *, key: str = KEY) -> tuple[int, dict[str, Any]]:
        sent: list[Message] = []
        body = json.dumps(document).encode() if document is not None else b""
        scope: Scope = {
            "type": "http",
            "method": "GET" if document is None else "POST",
            "path": path,
            "headers": [(b"authorization", f"Bearer {key}".encode()), (b"content-length", str(len(body)).encode())],
            "client": ("127.0.0.1", 1),
        }
        queue: list[Message] = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

        async def receive() -> Message:
            return queue.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await self.gate(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    async def load(self, name: str, **more: Any) -> tuple[int, Any]:
        status, told = await self.ask(LOAD, {"lora_name": name, **more})
        return status, told["error"]["message"] if status != 200 else told["version"]

    async def unload(self, name: str) -> tuple[int, Any]:
        status, told = await self.ask(UNLOAD, {"lora_name": name})
        return status, told["error"]["message"] if status != 200 else told["was"]

    async def answering(self, model: str) -> str:
        """Which model vLLM was asked for."""
        return str((await self.ask(CHAT, {"model": model, "messages": [{"role": "user", "content": "Grüße"}]}))[1].get("model"))

    async def listed(self) -> dict[str, tuple[str, int | None]]:
        cards = (await self.ask("/v1/models"))[1]["data"]
        return {card["id"]: (card["root"], card["max_model_len"]) for card in cards}
