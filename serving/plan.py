"""What a node's settings come to: the orders of its engines."""

import os
from dataclasses import replace

from serving import room
from serving.errors import SettingsError
from serving.fleet.fleet import Plan
from serving.models.pull import pull
from serving.order import Device, EngineOrder
from serving.progress import Report
from serving.settings import ServingSettings


def front(chosen: ServingSettings, device: Device, api_key: str, report: Report) -> EngineOrder:
    """The one engine, or what several have in common, with the node's own address. The model is fetched, and must fit.

    Raises SettingsError and ModelError.
    """
    order = EngineOrder(
        device=device,
        api_key=api_key,
        model_path=str(pull(chosen.model, chosen.models_root, report)) if chosen.replicas else "",
        served_name=chosen.model,
        host=chosen.host,
        port=chosen.port,
        max_model_len=chosen.max_model_len,
        kv_cache_gib=chosen.kv_cache_gib,
        max_num_seqs=chosen.max_num_seqs,
        max_queued_requests=chosen.max_queued_requests,
        max_background=chosen.max_background,
        shutdown_s=chosen.shutdown_s,
        engine_args=chosen.engine_args,
        sharing=max(1, chosen.replicas),
        open_health=chosen.open_health,
    )
    if chosen.replicas:
        room.check(order)
    return order


def fleet(chosen: ServingSettings, front: EngineOrder) -> Plan:
    """Each engine on loopback, on a port of its own that is found when it starts, and on cards of its own."""
    behind = replace(front, host="127.0.0.1", port=0)
    cards = cards_of_each(front, os.environ.get("CUDA_VISIBLE_DEVICES", ""), chosen.replicas)
    orders = [replace(behind, replica=str(number), cards=of_one) for number, of_one in enumerate(cards)]
    return Plan(front, orders, chosen.nodes, chosen.drain_s)


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
