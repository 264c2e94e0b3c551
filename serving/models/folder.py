"""A model somebody keeps in a folder of their own: looked at, never changed."""

import json
from pathlib import Path

from serving.errors import ModelError

WEIGHTS = ("*.safetensors", "*.bin", "*.pt")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tekken.json")


def check(path: Path) -> Path:
    """The folder, absolute, when vLLM could load it; raises ModelError naming what is missing."""
    if not path.is_dir():
        raise ModelError(f"serving.model: {path} is not a folder")
    config = path / "config.json"
    try:
        architectures = json.loads(config.read_text(encoding="utf-8"))["architectures"]
    except FileNotFoundError:
        raise ModelError(f"serving.model: {path} has no config.json, so it is no model in Hugging Face form") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"serving.model: {config} does not describe a model ({error})") from error
    if not architectures:
        raise ModelError(f"serving.model: {config} names no architecture")
    if not any(next(path.glob(pattern), None) for pattern in WEIGHTS):
        raise ModelError(f"serving.model: {path} has no weights (*.safetensors)")
    if not any((path / name).exists() for name in TOKENIZERS):
        raise ModelError(f"serving.model: {path} has no tokenizer (tokenizer.json)")
    return path.resolve()
