"""What a model needs of a machine's memory, told by its config.json and the size of its weights, before anything is loaded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.errors import ModelError
from serving.models.folder import WEIGHTS

BYTES = {"float32": 4, "float": 4, "float16": 2, "half": 2, "bfloat16": 2}
# bits of a number in the KV cache, by the first word of vLLM's name for it; other packed kinds are counted as if they were whole
CACHE_BITS = {"fp8": 8, "int8": 8, "nvfp4": 4, "int4": 4}
# bits of a weight that vLLM makes smaller while it loads a model that is stored whole; what it leaves whole (the table of words)
# is not told by a config
LOAD_BITS = {"fp8": 8, "fp8_per_tensor": 8, "fp8_per_block": 8, "fp8_per_channel": 8, "int8_per_channel_weight_only": 8}
LOAD_BITS |= {"mxfp8": 8, "nvfp4_per_token": 4}
# each token is read together with all others, once: nothing of it is kept
ENCODERS = ("bert", "roberta", "gte")


@dataclass(frozen=True, slots=True)
class Shape:
    """`weights` in bytes as stored; `token_elements`: numbers that one token leaves in the KV cache, None where the config does
    not tell; `element`: bytes of one number as the weights are stored; `context` in tokens.
    """

    weights: int
    token_elements: int | None
    element: int
    context: int | None

    def kv_bytes(self, tokens: int, element: int, cache_dtype: str = "auto") -> int | None:
        """The KV cache of so many tokens, with numbers of `element` bytes (of `cache_dtype`, as vLLM calls it, where that is
        smaller).
        """
        if self.token_elements is None:
            return None
        bits = CACHE_BITS.get(cache_dtype.partition("_")[0], BYTES.get(cache_dtype, element) * 8)
        return self.token_elements * tokens * bits // 8

    def loaded(self, element: int, quantization: str | None = None) -> int:
        """The weights in memory with numbers of `element` bytes, or as `quantization` makes them while they are loaded; ones
        that are stored quantised stay as they are.
        """
        if self.element == 1:
            return self.weights
        bits = LOAD_BITS.get(quantization or "", element * 8)
        return self.weights * bits // (8 * self.element)


def shape_of(path: Path) -> Shape:
    """Of the model in a folder in Hugging Face form. Raises ModelError."""
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        text = {**config, **config.get("text_config", {})}
        weights = next(filter(None, (sum(file.stat().st_size for file in path.glob(pattern)) for pattern in WEIGHTS)), 0)
        return Shape(weights, _token_elements(text), _element(text), text.get("max_position_embeddings"))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"serving.model: {path / 'config.json'} does not describe a model ({error})") from error


def _token_elements(text: dict[str, Any]) -> int | None:
    """A key and a value for each head of each layer; one compressed vector where heads share it (MLA); nothing where a text is
    read at once. A window that a layer forgets behind is not subtracted.
    """
    layers = text.get("num_hidden_layers")
    if str(text.get("model_type")).endswith(ENCODERS):
        return 0
    if layers is None or text.get("model_type") in ("mamba", "mamba2", "rwkv"):
        return None
    if text.get("kv_lora_rank"):
        return int(layers * (text["kv_lora_rank"] + text.get("qk_rope_head_dim", 0)))
    heads = text.get("num_attention_heads")
    width = text.get("head_dim") or (text["hidden_size"] // heads if heads and text.get("hidden_size") else None)
    kv_heads = text.get("num_key_value_heads") or heads
    return None if width is None or kv_heads is None else int(2 * layers * kv_heads * width)


def _element(text: dict[str, Any]) -> int:
    """1 for weights that are quantised: their size says nothing about the numbers they are computed with."""
    if text.get("quantization_config"):
        return 1
    return BYTES.get(str(text.get("dtype") or text.get("torch_dtype") or "bfloat16").removeprefix("torch."), 2)
