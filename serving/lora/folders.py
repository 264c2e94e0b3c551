"""The LoRAs that the settings name: folders somebody else keeps, looked at before vLLM is started and never changed."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from serving.errors import LoraError, SettingsError
from serving.lora import weights
from serving.lora.naming import check_apart, check_name
from serving.order import LoraOrder

if TYPE_CHECKING:
    from serving.settings import ServingSettings


def ordered(settings: "ServingSettings", model: Path) -> LoraOrder | None:
    """What engines of the model in that folder are told of LoRA, None where it is off; raises SettingsError naming the folder."""
    chosen = settings.lora
    if not chosen.max_loras:
        return None
    folders = {name: str(Path(path).expanduser().resolve()) for name, path in chosen.folders.items()}
    order = LoraOrder(str(settings.models_root), chosen.max_loras, chosen.max_loaded, chosen.max_rank, folders)
    for name, path in folders.items():
        try:
            check_apart(check_name(name), settings.model)
            _check(Path(path), order, model)
        except LoraError as error:
            raise SettingsError(f"serving.lora.folders.{name}: {error}") from error
    return order


def standing(order: LoraOrder, model: Path) -> LoraOrder:
    """The order without the folders that are no longer as they should be: an engine that starts again must start."""
    kept = {}
    for name, path in order.folders.items():
        try:
            _check(Path(path), order, model)
            kept[name] = path
        except LoraError as error:
            print(f"serving: LoRA {name} is left out: {error}", file=sys.stderr, flush=True)  # noqa: T201
    return replace(order, folders=kept)


def _check(path: Path, order: LoraOrder, model: Path) -> None:
    found = weights.read(path)
    weights.check_rank(path.name, found.rank, order.max_rank)
    found.check_fits(model)
