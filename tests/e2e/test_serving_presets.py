"""Every preset and option of `[serving]` is understood by the vLLM that is installed; what it lacks is refused in a line."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from serving import embeddings
from serving.engine import flags
from serving.order import Device, EngineOrder, LoraOrder
from serving.plan import answering
from serving.presets import PRESETS
from serving.settings import parse

# in a process of its own: vLLM takes ten seconds and half a gigabyte to import
PARSE = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser
from serving.engine import server
from serving.errors import EngineRefused
from serving.order import EngineOrder

parser = make_arg_parser(FlexibleArgumentParser())
for line in sys.stdin:
    asked = json.loads(line)
    if isinstance(asked, dict):
        try:
            server.configure(EngineOrder(**asked))
            print(json.dumps("taken"))
        except EngineRefused as refused:
            print(json.dumps(str(refused)))
        continue
    args = parser.parse_args(asked)
    validate_parsed_serve_args(args)
    print(json.dumps(vars(args), default=str))
"""
LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 300,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 512,
    "torch_dtype": "bfloat16",
}
BERT = {**LLAMA, "architectures": ["BertModel"], "model_type": "bert", "type_vocab_size": 2}
EVERY_OPTION: dict[str, Any] = {
    "dtype": "bfloat16",
    "quantization": "fp8",
    "kv_cache_dtype": "fp8",
    "gpu_memory_utilization": 0.85,
    "tensor_parallel_size": 2,
    "pipeline_parallel_size": 3,
    "data_parallel_size": 4,
    "max_num_batched_tokens": 2048,
    "enable_chunked_prefill": False,
    "enable_prefix_caching": False,
    "speculative_config": {"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_max": 4},
    "chat_template": __file__,
}


LORA = LoraOrder("/models", 2, 4, 32, {"support": "/loras/support", "odd": "/loras/a, b=c"})


def order(section: dict[str, Any], device: Device, model: str = "/models/m") -> EngineOrder:
    return answering(parse(section), device, "k", Path(model))


def embedder(device: Device, model: str = "/models/m") -> EngineOrder:
    return embeddings.order(embeddings.EmbeddingSettings(), order({}, device), model_path=model, port=2)


def model(folder: Path, config: dict[str, Any]) -> str:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


async def told(asked: list[Any]) -> list[Any]:
    """What vLLM makes of each: of words for its parser its arguments, of an order "taken" or why not."""
    quiet = {**os.environ, "VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARSE, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=quiet
    )
    lines, _ = await process.communicate("".join(json.dumps(one) + "\n" for one in asked).encode())
    assert process.returncode == 0
    return [json.loads(line) for line in lines.splitlines() if line.startswith((b"{", b'"'))]


def test_vllm_takes_every_preset_and_option_and_refuses_what_it_lacks_in_a_line(tmp_path: Path) -> None:
    llama, bert = model(tmp_path / "llama", LLAMA), model(tmp_path / "bert", BERT)
    presets = [flags.arguments(order({"preset": preset.name}, preset.device), set()) for preset in PRESETS.values()]
    whole = [order(EVERY_OPTION, "cuda"), embedder("cuda"), replace(order({}, "cuda"), lora=LORA)]
    orders = [
        order({"speculative_config": EVERY_OPTION["speculative_config"], "max_num_batched_tokens": 256}, "cpu", llama),
        embedder("cpu", bert),
        *(order({"quantization": name}, "cpu", llama) for name in ("gguf", "bitsandbytes")),
        order({"kv_cache_dtype": "fp9"}, "cpu", llama),
        order({"max_model_len": 4096}, "cpu", llama),
        order({}, "cpu", bert),
        replace(embedder("cpu", bert), engine_args={"no_such_option": 1}),
    ]
    answers = asyncio.run(told([*presets, *(flags.arguments(one, set()) for one in whole), *map(asdict, orders)]))

    for preset, parsed in zip(PRESETS.values(), answers, strict=False):
        assert {name: parsed[name] for name in preset.values if name in parsed} == {
            name: value for name, value in preset.values.items() if name not in ("device", "kv_cache_gib")
        }
    options, embedding, lora, *judged = answers[len(presets) :]
    assert {name: options[name] for name in EVERY_OPTION} == EVERY_OPTION
    assert (embedding["runner"], embedding["gpu_memory_utilization"]) == ("pooling", embeddings.CARD_SHARE)
    assert [lora[name] for name in ("enable_lora", "max_loras", "max_cpu_loras", "max_lora_rank")] == [True, 2, 5, 32]
    assert all(folder in module for folder, module in zip(LORA.folders.values(), lora["lora_modules"], strict=True))
    assert judged[:2] == ["taken", "taken"]
    for refusal, named in zip(
        judged[2:], ("quantization", "quantization", "fp9", "max_model_len", "runner generate", "no-such-option"), strict=True
    ):
        assert refusal.startswith("serving")
        assert named in refusal
        assert "\n" not in refusal
