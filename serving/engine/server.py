"""vLLM's own OpenAI server, started through its Python entry points behind the gate.

vLLM is imported inside functions: a wrong order must be refused, and the port taken, before the slow import.
"""

import asyncio
import contextlib
import os
import socket
import time
from argparse import Namespace
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import uvicorn
from prometheus_client import REGISTRY

from serving.engine import flags
from serving.engine.admission import Admission
from serving.engine.figures import Figures
from serving.engine.gate import ROUTES as OF_TASK
from serving.engine.gate import App, Gate, Readiness
from serving.engine.loras import ROUTES, Loras
from serving.engine.stamp import stamped
from serving.errors import EngineRefused
from serving.order import EngineOrder

if TYPE_CHECKING:
    from vllm.config import VllmConfig
    from vllm.v1.engine.async_llm import AsyncLLM

WATCH_S = 0.5


def configure(order: EngineOrder) -> tuple[Namespace, "VllmConfig"]:
    """Let vLLM's own parser and configuration judge the order, before any weight is read; raises EngineRefused."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.usage.usage_lib import UsageContext
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    class Parser(FlexibleArgumentParser):  # type: ignore[misc]  # untyped in vLLM
        def error(self, message: str) -> NoReturn:
            raise EngineRefused(f"serving.engine_args: {message}")

    try:
        args = make_arg_parser(Parser()).parse_args(flags.arguments(order, flags.cpu_flags(flags.cpuinfo())))
        validate_parsed_serve_args(args)
        config = AsyncEngineArgs.from_cli_args(args).create_engine_config(UsageContext.OPENAI_API_SERVER)
    except (ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise EngineRefused(f"serving: vLLM refuses these settings: {one_line(error)}") from error
    return args, config


def one_line(error: Exception) -> str:
    """The sentence of an error that may carry a page: pydantic puts it on a line `Value error, ... [type=`."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith("Value error, ")), lines[0] if lines else repr(error))
    return told.removeprefix("Value error, ").split(" [type=")[0]


@contextlib.asynccontextmanager
async def running(order: EngineOrder, config: "VllmConfig") -> AsyncIterator["AsyncLLM"]:
    from vllm.v1.engine.async_llm import AsyncLLM

    if flags.lean(order):
        # The core process is forked from this one, which has just imported all it needs. vLLM asks for a fresh process on
        # CPU because it sets the threads of its workers through the environment; ours was set before the first import.
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "fork"
    llm = AsyncLLM.from_vllm_config(config)
    try:
        yield llm
    finally:
        llm.shutdown(timeout=order.shutdown_s)


async def application(llm: "AsyncLLM", args: Namespace) -> Any:
    from vllm.entrypoints.launchers.api_server.app_state import init_app_state
    from vllm.entrypoints.launchers.app import build_app

    tasks = await llm.get_supported_tasks()
    app = build_app(args, tasks, llm.model_config)
    try:
        await init_app_state(llm, app.state, args, tasks)
    except ValueError as error:
        if not args.lora_modules:
            raise
        raise EngineRefused(f"serving.lora.folders: vLLM refuses one: {one_line(error)}") from error
    return app


async def with_loras(app: App, order: EngineOrder) -> tuple[App, frozenset[tuple[str, str]]]:
    """The application and the routes that the gate lets through: more of both where LoRA is on."""
    if order.lora is None:
        return app, OF_TASK[order.task]
    loras = Loras(app, order.lora, order.served_name, Path(order.model_path))
    await loras.restore()
    return loras, OF_TASK[order.task] | ROUTES


async def serve(order: EngineOrder, sock: socket.socket, args: Namespace, config: "VllmConfig") -> bool:
    """Serve until a signal asks to stop (True) or the engine has died (False)."""
    async with running(order, config) as llm:
        app, routes = await with_loras(await application(llm, args), order)
        server = uvicorn.Server(
            uvicorn.Config(
                door(stamped(app, order.replica), order, routes),
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=order.shutdown_s,
            )
        )
        watching = asyncio.create_task(stop_when_dead(server, llm))
        try:
            await server.serve(sockets=[sock])
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        return not llm.errored


def door(app: App, order: EngineOrder, routes: frozenset[tuple[str, str]]) -> Gate:
    """The gate before `app`; its figures stand in /metrics beside vLLM's, which are in the library's own registry."""
    admission = Admission(flags.slots(order), order.max_background, time.monotonic)
    figures = Figures(admission, order.restarts)
    REGISTRY.register(figures)
    return Gate(app, order.api_key, Readiness(), admission, routes=routes, open_health=order.open_health, figures=figures)


async def stop_when_dead(server: uvicorn.Server, llm: "AsyncLLM") -> None:
    while not llm.errored:  # noqa: ASYNC110  # vLLM offers no event for its own death
        await asyncio.sleep(WATCH_S)
    server.should_exit = True
