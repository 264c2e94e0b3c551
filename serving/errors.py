"""What can go wrong in a node, named by what the caller should do."""


class ServingError(Exception):
    """One line for a person; the node ends with exit status 1."""


class SettingsError(ServingError):
    """A setting is wrong: the line names its key; exit status 2."""


class ModelError(ServingError):
    """A model cannot be had: unknown, damaged, unreachable, or too large for the disk."""


class EngineRefused(SettingsError):
    """vLLM's own parser or configuration refused the settings; trying again would not help."""


class LoraError(ServingError):
    """A LoRA cannot be had: unknown, damaged, not the one that was added, or for another model; exit status 2."""
