"""Random LoRA weights in the form of PEFT, written by hand: small, and different for each seed."""

import json
import random
from array import array
from pathlib import Path
from typing import Any


def a_lora(
    folder: Path,
    base: str,
    *,
    seed: int = 1,
    rank: int = 4,
    width: int = 128,
    layers: int = 2,
    value_width: int = 64,
    **config: Any,
) -> Path:
    """Strong enough to change what any model of that shape says."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "peft_type": "LORA",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": 16 * rank,
        "target_modules": ["q_proj", "v_proj"],
        "task_type": "CAUSAL_LM",
        **config,
    }
    (folder / "adapter_config.json").write_text(json.dumps(told))
    chance = random.Random(seed)
    tensors: dict[str, tuple[int, int]] = {}
    for layer in range(layers):
        for module, out in (("q_proj", width), ("v_proj", value_width)):
            above = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            tensors |= {f"{above}.lora_A.weight": (rank, width), f"{above}.lora_B.weight": (out, rank)}
    header, data = {}, array("f")
    for name, shape in tensors.items():
        start = len(data) * 4
        data.extend(chance.gauss(0, 1) for _ in range(shape[0] * shape[1]))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, len(data) * 4]}
    head = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + data.tobytes())
    return folder
