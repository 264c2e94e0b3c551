"""What a node's settings come to: the orders of its engines."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from serving import embeddings, options, room
from serving.errors import SettingsError
from serving.lora import folders
from serving.models.pull import pull
from serving.order import Device, EngineOrder
from serving.progress import Report
from serving.settings import ServingSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """`front`: the node's own address, key and model. `replicas`: the engines of this machine that answer, and `embedding` the
    one that embeds texts, each on loopback, on a port of its own that is found when it starts. `nodes`: URLs of others that
    answer. `loras`: LoRA is on, here or there.
    """

    front: EngineOrder
    replicas: tuple[EngineOrder, ...]
    embedding: EngineOrder | None
    nodes: tuple[str, ...]
    drain_s: float
    loras: bool = False

    @property
    def alone(self) -> bool:
        """One engine is all there is: it holds the node's own port."""
        return len(self.replicas) == 1 and not self.nodes and self.embedding is None


def plan(chosen: ServingSettings, device: Device, api_key: str, report: Report) -> Plan:
    """Models are fetched, and must fit. Raises SettingsError and ModelError."""
    model = pull(chosen.model, chosen.models_root, report, "generate") if chosen.replicas else None
    front = answering(chosen, device, api_key, model)
    behind = replace(front, host="127.0.0.1", port=0)
    cards = cards_of_each(front, os.environ.get("CUDA_VISIBLE_DEVICES", ""), chosen.replicas)
    replicas = tuple(replace(behind, replica=str(number), cards=of_one) for number, of_one in enumerate(cards))
    embedding = _embedding(chosen, front, report)
    engines = (*replicas, *([embedding] if embedding else []))
    for one in {order.served_name: order for order in engines}.values():
        options.check_device(one.device, one.engine_args)
        room.check(one)
    room.check_together(*engines)
    return Plan(front, replicas, embedding, tuple(chosen.nodes), chosen.drain_s, loras=chosen.lora.max_loras > 0)


def answering(chosen: ServingSettings, device: Device, api_key: str, model: Path | None) -> EngineOrder:
    """The order for an engine that answers with the model in that folder, at the node's own address. Raises SettingsError."""
    return EngineOrder(
        device=device,
        api_key=api_key,
        model_path=str(model or ""),
        served_name=chosen.model,
        host=chosen.host,
        port=chosen.port,
        max_model_len=chosen.max_model_len,
        kv_cache_gib=chosen.kv_cache_gib,
        max_num_seqs=chosen.max_num_seqs,
        max_queued_requests=chosen.max_queued_requests,
        max_background=chosen.max_background,
        shutdown_s=chosen.shutdown_s,
        engine_args=chosen.vllm_args,
        lora=folders.ordered(chosen, model) if model else None,
        sharing=max(1, chosen.replicas),
        open_health=chosen.open_health,
    )


def _embedding(chosen: ServingSettings, front: EngineOrder, report: Report) -> EngineOrder | None:
    if chosen.embeddings is None:
        return None
    path = str(pull(chosen.embeddings.model, chosen.models_root, report, "embed"))
    return replace(embeddings.order(chosen.embeddings, front, model_path=path, port=0), sharing=front.sharing)


def cards_of_each(order: EngineOrder, visible: str, count: int) -> list[str]:
    """For each engine the cards that are its own, of the `visible` ones where the system names some."""
    if order.device == "cpu":
        return [""] * count
    each = room.spread(order)
    named = [card.strip() for card in visible.split(",")] if visible else [str(card) for card in range(each * count)]
    if len(named) < each * count:
        raise SettingsError(
            f"serving.replicas: {count} engines of {each} GPUs need {each * count}, of which {len(named)} are visible"
        )
    return [",".join(named[number * each : (number + 1) * each]) for number in range(count)]
