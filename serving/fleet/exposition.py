"""The metrics of several engines as one Prometheus text, each sample with the engine it came from."""

import re
from collections.abc import Iterable, Mapping

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


def family(name: str, kind: str, samples: Iterable[tuple[str, int]]) -> str:
    """One of our own, of (labels in braces, value)."""
    return f"# TYPE {name} {kind}\n" + "".join(f"{name}{labels} {value}\n" for labels, value in samples)


def _labelled(found: re.Match[str], replica: str) -> str:
    name, labels, rest = found.groups()
    return f'{name}{{replica="{replica}"{"," + labels if labels else ""}}} {rest}'
