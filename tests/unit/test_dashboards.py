"""The dashboard and the rules: they parse, and every metric they name is one that somebody publishes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.metrics import MEASURES, Metrics
from serving.engine.admission import Admission
from serving.engine.figures import Figures
from serving.fleet.exposition import figures_of
from serving.fleet.members import Members
from serving.fleet.refusals import Refusals
from serving.fleet.router import Router
from serving.progress import Printed
from tests import vllm_metrics

ROOT = Path(__file__).resolve().parent.parent.parent
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs/grafana/frontdesk.json").read_text())
GROUPS: list[dict[str, Any]] = yaml.safe_load((ROOT / "docs/prometheus/rules.yml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
WORDS = {"by", "changes", "histogram_quantile", "increase", "max", "min", "or", "rate", "sum"}
SCRAPED = {"up"}


def published() -> set[str]:
    """Every name of ours, and what Prometheus and vLLM give."""
    suffixes = {"counter": ["_total"], "gauge": [""], "seconds": ["_bucket", "_sum", "_count"]}
    bot = {
        f"frontdesk_{measure.published or name}{suffix}"
        for name, measure in MEASURES.items()
        for suffix in suffixes[measure.kind]
    }
    process = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    node = {sample.name for family in Figures(Admission(1, 1, lambda: 0.0)).collect() for sample in family.samples}
    return bot | process | node | door_names() | vllm_metrics.NAMES | SCRAPED


def door_names() -> set[str]:
    """What the door of several engines adds."""
    members = Members()
    members.join("0")
    refusals = Refusals()
    refusals.refused("key")
    return set(re.findall(r"^(frontdesk_\w+)", figures_of(members, Router(members, Printed(), print), refusals), re.MULTILINE))


def metrics(expression: str) -> set[str]:
    """The metrics an expression reads: its words, but for functions, labels, windows and texts."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)", "", bare)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - WORDS


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES)
    yield from ((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"])
    for variable in DASHBOARD["templating"]["list"][1:]:
        yield variable["name"], re.sub(r"label_values\((.*), instance\)", r"\1", variable["definition"])


def test_metrics_are_read_out_of_an_expression() -> None:
    text = 'histogram_quantile(0.95, sum by (le) (rate(a:b_bucket{c="d", e=~"$f"}[5m]))) / max(g) > 30'
    assert metrics(text) == {"a:b_bucket", "g"}
    assert metrics("no_such_function(a)") == {"no_such_function", "a"}


def test_every_metric_that_is_named_exists() -> None:
    known = published() | {rule["record"] for rule in RULES if "record" in rule}
    for where, expression in expressions():
        assert metrics(expression), f"{where} reads nothing"
        assert metrics(expression) <= known, where
        for pair in ("()", "{}", "[]"):
            assert expression.count(pair[0]) == expression.count(pair[1]), f"{where}: {pair} do not pair"


@pytest.mark.parametrize("rule", [rule for rule in RULES if "alert" in rule], ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert re.search(r"[<>=]=?", rule["expr"])
    assert set(rule["annotations"]) == {"summary", "do"}
    assert rule["annotations"]["do"].endswith(".")


def test_names_of_rules_are_given_once() -> None:
    names = [rule.get("alert") or rule["record"] for rule in RULES]
    assert len(set(names)) == len(names)
    assert len({group["name"] for group in GROUPS}) == len(GROUPS)


def test_the_dashboard_has_its_four_rows_and_asks_the_source_that_is_chosen() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Conversation", "Delivery", "Node", "Each replica"]
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    sources = [panel["datasource"] for panel in PANELS] + [
        target["datasource"] for panel in PANELS for target in panel["targets"]
    ]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in DASHBOARD["panels"]):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_figure_of_the_bot_has_its_place_on_the_dashboard() -> None:
    shown = set().union(*(metrics(target["expr"]) for panel in PANELS for target in panel["targets"]))
    families = {f"frontdesk_{measure.published or name}" for name, measure in MEASURES.items()}
    assert {family for family in families if not any(name.startswith(family) for name in shown)} == set()


def test_the_names_of_vllm_that_top_reads_are_on_the_list_a_real_engine_is_asked_for() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "bot/cli/watching").glob("*.py"))
    named = set(re.findall(r'"(vllm:\w+)"', sources))
    assert len(named) >= 10
    assert {name if name in vllm_metrics.NAMES else f"{name}_bucket" for name in named} <= vllm_metrics.NAMES
