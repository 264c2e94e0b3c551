"""Names of LoRAs: what one may be called, what one version is called inside the engine, and which model it is for."""

import re

from serving.errors import LoraError, SettingsError
from serving.models.catalogue import HubSource, find

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_name(name: str) -> str:
    """The name itself; raises LoraError for one that could be a path or a model of a hub."""
    if not NAME.fullmatch(name) or ".." in name:
        raise LoraError(f"{name[:80]!r} is no name for a LoRA: use 1 to 64 of a-z, 0-9, '.', '_', '-', first a letter or digit")
    return name


def check_apart(name: str, base: str) -> None:
    """Raises LoraError for a LoRA that would hide the model itself."""
    if name == base:
        raise LoraError(f"{name} is the name of the model itself")


def tag(name: str, version: int) -> str:
    """What vLLM knows one version by: answers under way keep theirs while the name moves on to another."""
    return f"{name}@{version}"


def same_model(trained_for: str, base: str) -> bool:
    """Whether a LoRA's own word for its model can mean the one that is served as `base`: the name, its repository of the hub, or
    the last part of either, since training knows it by a folder of its own.
    """
    known = {base}
    try:
        source = find(base).source
    except SettingsError:
        source = None
    if isinstance(source, HubSource):
        known.add(source.repo)
    return _last(trained_for) in {_last(one) for one in known}


def _last(name: str) -> str:
    return name.partition("@")[0].rstrip("/").rpartition("/")[2].lower()
