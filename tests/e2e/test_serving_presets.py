"""Every preset, with LoRA too, is understood by the parser of the vLLM that is installed."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE

from serving.engine import flags
from serving.order import EngineOrder, LoraOrder
from serving.presets import PRESETS, Preset
from serving.settings import parse

# in a process of its own: vLLM takes ten seconds and half a gigabyte to import
PARSE = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser

for line in sys.stdin:
    args = make_arg_parser(FlexibleArgumentParser()).parse_args(json.loads(line))
    validate_parsed_serve_args(args)
    print(json.dumps([args.max_num_seqs, args.max_num_batched_tokens, args.tensor_parallel_size, args.gpu_memory_utilization,
        [args.enable_lora, args.max_loras, args.max_cpu_loras, args.max_lora_rank],
        [[module.name, module.path] for module in args.lora_modules]]))
"""


FOLDERS = {"support": "/loras/support", "odd": "/loras/a, b=c"}


def arguments(preset: Preset) -> list[str]:
    chosen = parse({"preset": preset.name})
    order = EngineOrder(
        model_path="/models/m",
        served_name="m",
        device=preset.device,
        host="127.0.0.1",
        port=1,
        api_key="k",
        max_model_len=chosen.max_model_len,
        kv_cache_gib=chosen.kv_cache_gib,
        max_num_seqs=chosen.max_num_seqs,
        max_queued_requests=chosen.max_queued_requests,
        max_background=chosen.max_background,
        shutdown_s=chosen.shutdown_s,
        engine_args=chosen.engine_args,
        lora=LoraOrder("/models", 2, 4, 32, FOLDERS),
    )
    return flags.arguments(order, set())


async def test_vllm_takes_the_arguments_of_every_preset() -> None:
    asked = "".join(json.dumps(arguments(preset)) + "\n" for preset in PRESETS.values())
    quiet = {**os.environ, "VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARSE, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=quiet
    )
    told, _ = await process.communicate(asked.encode())
    assert process.returncode == 0
    parsed = [json.loads(line) for line in told.splitlines() if line.startswith(b"[")]
    assert parsed == [
        [
            preset.values["max_num_seqs"],
            preset.values["engine_args"]["max_num_batched_tokens"],
            max(preset.gpus, 1),
            preset.values["engine_args"].get("gpu_memory_utilization", 0.1),
            [True, 2, 5, 32],
            [[name, path] for name, path in FOLDERS.items()],
        ]
        for preset in PRESETS.values()
    ]
