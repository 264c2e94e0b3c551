"""vLLM's routes for models and LoRAs as an ASGI application: the naive implementation, by the same rules and words."""

import asyncio
import json
from pathlib import Path
from typing import Any

from serving.engine.capture import replied
from serving.engine.gate import Receive, Scope, Send
from serving.lora.weights import WEIGHTS


class PlainVllm:
    """`refusing`: it fails to load anything; `held`, when set, holds each answer until it is opened."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.loras: dict[str, Path] = {}
        self.asked: list[dict[str, Any]] = []
        self.refusing = ""
        self.held: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v1/models":
            base = {"id": self.base, "root": "/models/base", "parent": None, "max_model_len": 512}
            cards = [{"id": name, "root": str(path), "parent": self.base} for name, path in self.loras.items()]
            await replied(send, {"object": "list", "data": [base, *cards]})
            return
        body = (await receive())["body"]
        assert dict(scope["headers"])[b"content-length"] == str(len(body)).encode()
        status, told = await self._post(scope["path"], json.loads(body))
        await replied(send, told, status)

    async def _post(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = asked.get("lora_name", "")
        match path:
            case "/v1/load_lora_adapter":
                if self.refusing or name in self.loras:
                    return 400, {"error": {"message": self.refusing or f"{name} has already been\nloaded."}}
                assert (Path(asked["lora_path"]) / WEIGHTS).is_file()
                self.loras[name] = Path(asked["lora_path"])
                return 200, {}
            case "/v1/unload_lora_adapter":
                if self.loras.pop(name, None) is None:
                    return 404, {"error": {"message": f"{name} cannot be found."}}
                return 200, {}
        self.asked.append(asked)
        if asked["model"] not in {self.base, *self.loras}:
            return 404, {"error": {"message": f"The model `{asked['model']}` does not exist."}}
        if self.held is not None:
            await self.held.wait()
        return 200, {"model": asked["model"]}
