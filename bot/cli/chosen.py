"""The doctor's look at the models and LoRAs that workspaces have chosen: does the node answer to them?"""

from collections.abc import Collection, Sequence

from bot.cli import engine
from bot.cli.configuration import Configuration
from bot.cli.findings import Finding, ok, warn


def examine(chosen: Sequence[tuple[str, str]], configuration: Configuration) -> list[Finding]:
    """`chosen`: workspaces with the name each wants. Where the node cannot be asked, its own finding says so."""
    served = _served(configuration) if chosen else None
    if served is None:
        return []
    missing = [(workspace, model) for workspace, model in chosen if model not in served]
    if not missing:
        return [ok("workspace model", f"the node answers to {', '.join(sorted({model for _, model in chosen}))}")]
    workspace, model = missing[0]
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    said = f"{workspace} wants {model}, which the node does not serve: its own model answers{more}"
    return [warn("workspace model", said, _advice(configuration, model))]


def _served(configuration: Configuration) -> Collection[str] | None:
    """Our own node by its settings and its record of LoRAs, since its key may be known to the running instance alone."""
    serving = configuration.serving
    if serving is None:
        return engine.served(configuration)
    from serving.errors import LoraError
    from serving.lora.loaded import Loaded

    if not serving.lora.max_loras:
        return {serving.model}
    try:
        return {serving.model, *serving.lora.folders, *Loaded(serving.models_root, serving.model).read()}
    except LoraError:
        return {serving.model, *serving.lora.folders}


def _advice(configuration: Configuration, model: str) -> str:
    serving = configuration.serving
    if serving is None:
        return "load it there, or change [workspace] model and then: frontdesk workspace apply"
    if not serving.lora.max_loras:
        return f"set [serving.lora] max_loras, start again, then: frontdesk models lora load {model}"
    return f"frontdesk models lora load {model}; or change [workspace] model and then: frontdesk workspace apply"
