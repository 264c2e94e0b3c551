"""The metrics of several engines as one Prometheus text, each sample with the engine it came from."""

import re
from collections.abc import Iterable, Mapping

from serving.fleet.members import Members
from serving.fleet.router import Router

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (.+)$")
FAMILY = re.compile(r"^# (?:HELP|TYPE) (\S+)")


def merged(texts: Mapping[str, str]) -> str:
    """`texts` by the name of the replica, which becomes the label `replica`. A family's lines stand together, as the format
    asks.
    """
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for replica, text in texts.items():
        family = ""
        for line in text.splitlines():
            if line.startswith("#"):
                if found := FAMILY.match(line):
                    family = found[1]
                    known = heads.setdefault(family, [])
                    if line not in known:
                        known.append(line)
            elif found := SAMPLE.match(line):
                samples.setdefault(family, []).append(_labelled(found, replica))
    return "".join(f"{line}\n" for family in {**heads, **samples} for line in [*heads.get(family, []), *samples.get(family, [])])


def figures_of(members: Members, router: Router | None) -> str:
    """What the node knows of its engines, whether they answer or not."""
    up = [(f'{{replica="{one.name}"}}', int(one.serves)) for one in members]
    starts = [(f'{{replica="{one.name}"}}', one.starts) for one in members]
    told = _family("frontdesk_node_replica_up", "gauge", up) + _family("frontdesk_node_replica_starts_total", "counter", starts)
    if router:
        told += _family("frontdesk_node_router_up", "gauge", [("", int(bool(router.url)))])
        told += _family("frontdesk_node_router_starts_total", "counter", [("", router.starts)])
    return told


def _family(name: str, kind: str, samples: Iterable[tuple[str, int]]) -> str:
    """One of our own, of (labels in braces, value)."""
    return f"# TYPE {name} {kind}\n" + "".join(f"{name}{labels} {value}\n" for labels, value in samples)


def _labelled(found: re.Match[str], replica: str) -> str:
    name, labels, rest = found.groups()
    return f'{name}{{replica="{replica}"{"," + labels if labels else ""}}} {rest}'
