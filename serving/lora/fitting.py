"""Whether a version may be loaded by a node: the very files that were added, for its model, of a rank it has room for."""

from pathlib import Path

from serving.errors import LoraError
from serving.lora import weights
from serving.lora.loaded import History
from serving.lora.registry import Registry, Version


def fitting(
    registry: Registry, name: str, number: int, *, base: str, model: Path | None, max_rank: int, sha256: str = ""
) -> Version:
    """The version; raises LoraError. `base`: the served model, in the folder `model` where that is known. Reads all its files."""
    found = registry.checked(name, number, sha256=sha256)
    if found.base != base:
        raise LoraError(f"{name} version {number} was added for {found.base}, and this node serves {base}")
    weights.check_rank(name, found.rank, max_rank)
    if model is not None:
        weights.read(found.folder).check_fits(model)
    return found


def before(name: str, history: History) -> int:
    """The version that a rollback goes to; raises LoraError where there is none."""
    if not history:
        raise LoraError(f"{name} is not loaded")
    if len(history) < 2:
        raise LoraError(f"{name}: no version was in use before {history[-1]}")
    return history[-2]
