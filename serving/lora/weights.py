"""What a LoRA in a folder is: its config and the header of its weights, looked at before anything is copied or loaded.

The form is that of Hugging Face PEFT: `adapter_config.json` beside `adapter_model.safetensors`. Pickled weights (`.bin`, `.pt`)
are not taken. The safetensors header: 8 bytes of length (little-endian), then a JSON table of name -> dtype, shape, data_offsets.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.errors import LoraError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
FILES = (CONFIG, WEIGHTS)
MOST_CONFIG_BYTES = 1 << 20
MOST_HEADER_BYTES = 16 << 20
LAYER = re.compile(r"\.layers\.(\d+)\.")
# modules that read the hidden state itself, in the decoder layers of every usual architecture
ON_HIDDEN = re.compile(r"\.(?:q_proj|k_proj|v_proj|qkv_proj|gate_proj|up_proj|gate_up_proj)\.lora_A\.")


@dataclass(frozen=True, slots=True)
class Weights:
    """`base`: the model it was trained for, as its config names it ("" where it does not); `rank`: its largest."""

    base: str
    rank: int
    shapes: Mapping[str, tuple[int, ...]]

    def check_fits(self, model: Path) -> None:
        """Raises LoraError where its shapes cannot be of the model in that folder: vLLM takes too small ones without a word."""
        config = _config(model / "config.json")
        text = {**config, **config.get("text_config", {})}
        width, layers = text.get("hidden_size"), text.get("num_hidden_layers")
        for name, shape in self.shapes.items():
            if width and ON_HIDDEN.search(name) and shape[-1] != width:
                raise LoraError(f"it is for a model {shape[-1]} wide, and this one is {width} wide ({name})")
            if layers and (found := LAYER.search(name)) and int(found[1]) >= layers:
                raise LoraError(f"it is for a model of more than {layers} layers ({name})")


def read(folder: Path) -> Weights:
    """The LoRA in a folder; raises LoraError naming what is missing or damaged."""
    config = _config(folder / CONFIG)
    if config.get("peft_type", "LORA") != "LORA":
        raise LoraError(f"{folder / CONFIG}: peft_type is {config['peft_type']}, not LORA")
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    if not all(isinstance(rank, int) and rank > 0 for rank in ranks):
        raise LoraError(f"{folder / CONFIG}: r, the rank, should be a whole number above 0")
    base = config.get("base_model_name_or_path") or ""
    shapes = _header(folder / WEIGHTS)
    rank = max(ranks)
    for name, shape in shapes.items():
        if ".lora_A." in name and shape[0] > rank:
            raise LoraError(f"{folder / WEIGHTS}: {name} has rank {shape[0]}, and {CONFIG} says {rank}")
    return Weights(str(base), rank, shapes)


def check_rank(name: str, rank: int, most: int) -> None:
    """Raises LoraError for a LoRA that vLLM was given no room for."""
    if rank > most:
        raise LoraError(f"{name} has rank {rank}, and serving.lora.max_rank is {most}: raise it and start the node again")


def _config(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_CONFIG_BYTES:
            raise LoraError(f"{path} is no config: it has over {MOST_CONFIG_BYTES} bytes")
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LoraError(f"{path} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise LoraError(f"{path} cannot be read ({' '.join(str(error).split())})") from error
    if not isinstance(told, dict):
        raise LoraError(f"{path} is no JSON object")
    return told


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of its tensors, when the file holds all of them."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= MOST_HEADER_BYTES:
                raise LoraError(f"{path} is no safetensors file")
            table = json.loads(file.read(length))
        size = path.stat().st_size
        entries = {name: entry for name, entry in table.items() if name != "__metadata__"}
        end = 8 + length + max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        shapes = {name: tuple(int(count) for count in entry["shape"]) for name, entry in entries.items()}
    except FileNotFoundError:
        raise LoraError(f"{path} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise LoraError(f"{path} is no safetensors file ({type(error).__name__})") from error
    if size != end:
        raise LoraError(f"{path} has {size} bytes where its header tells {end}: half a copy?")
    if not shapes or not all(len(shape) == 2 for name, shape in shapes.items() if ".lora_" in name):
        raise LoraError(f"{path} holds no LoRA weights")
    return shapes
