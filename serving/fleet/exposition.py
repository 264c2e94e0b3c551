"""The metrics of several engines as one Prometheus text, each sample with the engine it came from."""

import re
from collections.abc import Iterable, Mapping

from serving.fleet.members import Members
from serving.fleet.refusals import Refusals
from serving.fleet.router import Router

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (.+)$")
HEAD = re.compile(r"^# (HELP|TYPE) (\S+)")
NESTED = re.compile(r'(?:^|(?<=,))replica="')


def merged(texts: Mapping[str, str], own: str = "") -> str:
    """`texts` by the name of the replica, which becomes the label `replica`; `own`: what is told without one. A family's lines
    stand together, each with one head, as the format asks.
    """
    heads: dict[str, dict[str, str]] = {}
    samples: dict[str, list[str]] = {}
    for replica, text in (*texts.items(), ("", own)):
        family = ""
        for line in text.split("\n"):
            if found := HEAD.match(line):
                family = found[2]
                heads.setdefault(family, {}).setdefault(found[1], line)
            elif found := SAMPLE.match(line):
                samples.setdefault(family, []).append(_labelled(found, replica) if replica else line)
    families = dict.fromkeys([*heads, *samples])
    return "".join(f"{line}\n" for family in families for line in [*heads.get(family, {}).values(), *samples.get(family, [])])


def figures_of(members: Members, router: Router | None, refusals: Refusals) -> str:
    """What the node knows of its engines, whether they answer or not."""
    up = [(f'{{replica="{one.name}"}}', int(one.serves)) for one in members]
    starts = [(f'{{replica="{one.name}"}}', one.starts) for one in members]
    told = _family("frontdesk_node_replica_up", "gauge", up) + _family("frontdesk_node_replica_starts_total", "counter", starts)
    refused = [(f'{{reason="{reason}"}}', count) for reason, count in refusals.by_reason().items()]
    if refused:
        told += _family("frontdesk_node_door_refused_total", "counter", refused)
    if router:
        told += _family("frontdesk_node_router_up", "gauge", [("", int(bool(router.url)))])
        told += _family("frontdesk_node_router_starts_total", "counter", [("", router.starts)])
    return told


def _family(name: str, kind: str, samples: Iterable[tuple[str, int]]) -> str:
    """One of our own, of (labels in braces, value)."""
    return f"# TYPE {name} {kind}\n" + "".join(f"{name}{labels} {value}\n" for labels, value in samples)


def _labelled(found: re.Match[str], replica: str) -> str:
    """A replica of a node with several has the names of both."""
    name, labels, rest = found.groups()
    if labels and NESTED.search(labels):
        both = NESTED.sub(lambda _: f'replica="{replica}/', labels, count=1)
        return f"{name}{{{both}}} {rest}"
    return f'{name}{{replica="{replica}"{"," + labels if labels else ""}}} {rest}'
