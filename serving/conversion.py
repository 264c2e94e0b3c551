"""`python -m serving.conversion SOURCE.gguf FOLDER`: GGUF weights to the dense form vLLM loads.

A process of its own, because it imports torch and transformers and needs several times the memory of the model.
"""

import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

from serving import lifeline
from serving.models.task import fail, step

PHASES = 4


def main(argv: list[str]) -> int:
    source, folder = Path(argv[0]), Path(argv[1])
    lifeline.watch(sys.stdin.fileno(), lambda: os._exit(1))
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}
    what = f"converting {source.name}"
    try:
        step(what, 0, PHASES)
        import gguf
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        gguf.GGUFReader = functools.cache(gguf.GGUFReader)  # transformers parses the file three times, 8 s each
        step(what, 1, PHASES)
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        step(what, 2, PHASES)
        model = AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
        step(what, 3, PHASES)
        check(tokenizer, model.config)
        write(tokenizer, model, folder)
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        return fail(f"the conversion failed: {error}")
    step(what, PHASES, PHASES)
    return 0


def check(tokenizer: Any, config: Any) -> None:
    """What an answer needs to end and a prompt to begin; raises ValueError."""
    if not tokenizer.chat_template:
        raise ValueError("the file carries no chat template")
    if tokenizer.eos_token_id is None or tokenizer.eos_token_id != config.eos_token_id:
        raise ValueError(f"tokenizer and model end with different tokens ({tokenizer.eos_token_id}, {config.eos_token_id})")
    if len(tokenizer) > config.vocab_size:
        raise ValueError(f"the tokenizer has {len(tokenizer)} tokens, the model {config.vocab_size}")


def write(tokenizer: Any, model: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.model_max_length = model.config.max_position_embeddings
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    tell_end(folder / "generation_config.json", tokenizer.eos_token_id)
    for file in folder.iterdir():
        file.chmod(0o644)


def tell_end(path: Path, eos_token_id: int) -> None:
    """The server stops at the tokens of generation_config.json: the end of a chat turn must be one of them."""
    told = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(told | {"eos_token_id": eos_token_id}, indent=2))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
