"""Every metric is listed in the docs with its labels, and labels cannot grow without end."""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.metrics import MEASURES, MOST_SERIES, Metrics
from serving.engine.admission import Admission
from serving.engine.figures import Figures
from tests.house import open_house

ROOT = Path(__file__).resolve().parent.parent.parent
DOC = ROOT / "docs" / "operations.md"


def test_the_docs_list_exactly_what_is_published() -> None:
    suffix = {"counter": "_total", "gauge": "", "seconds": ""}
    published = {
        (f"frontdesk_{measure.published or name}{suffix[measure.kind]}", ", ".join(measure.labels))
        for name, measure in MEASURES.items()
    }
    node = {
        (family.name + suffix[family.type], ", ".join(sorted({label for sample in family.samples for label in sample.labels})))
        for family in Figures(Admission(1, 1, lambda: 0.0)).collect()
    }
    listed = set(re.findall(r"^\| `(frontdesk_\w+)` \| ([a-z_, ]*?) *\|", DOC.read_text(), re.MULTILINE))
    door = {
        ("replica_up", "replica"),
        ("replica_starts_total", "replica"),
        ("door_refused_total", "reason"),
        ("router_up", ""),
        ("router_starts_total", ""),
    }
    assert listed == published | node | {(f"frontdesk_node_{name}", label) for name, label in door}


def test_counts_stages_and_levels_are_published() -> None:
    metrics = Metrics()
    metrics.count("updates", "web", "stored")
    metrics.count("updates", "web", "stored")
    metrics.add("generation_tokens", 64, "output")
    metrics.count("expired")
    metrics.observe("stage", 0.02, "generate")
    metrics.level("in_flight", 3)
    text = metrics.exposition().decode()
    assert 'frontdesk_updates_total{channel="web",outcome="stored"} 2.0' in text
    assert 'frontdesk_generation_tokens_total{kind="output"} 64.0' in text
    assert "frontdesk_expired_total 1.0" in text
    assert 'frontdesk_turn_seconds_bucket{le="0.025",stage="generate"} 1.0' in text
    assert "frontdesk_in_flight 3.0" in text


def test_an_unknown_name_is_our_bug() -> None:
    with pytest.raises(KeyError):
        Metrics().count("no_such_thing")


def calls() -> Iterator[tuple[str, str, str, int]]:
    """(where, method, name, number of labels) of each call in the product that counts something."""
    amounts = {"count": 0, "add": 1, "observe": 1, "level": 1}
    for path in sorted((ROOT / "bot").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute() | ast.Name() as on, attr=method),
                    args=[ast.Constant(str(name)), *rest],
                ):
                    if method in amounts and ast.unparse(on).split(".")[-1].strip("_") in {"counters", "tally", "metrics"}:
                        yield f"{path.name}:{node.lineno}", method, name, len(rest) - amounts[method]


def test_what_the_product_counts_has_a_metric_with_those_labels() -> None:
    found = list(calls())
    assert len(found) >= 10
    for where, method, name, labels in found:
        assert name in MEASURES, f"{where} counts {name}"
        assert len(MEASURES[name].labels) == labels, f"{where}: {name} has other labels"
        kinds = {"observe": "seconds", "level": "gauge"}
        assert MEASURES[name].kind == kinds.get(method, "counter"), f"{where}: {name} is no {method}"


def test_every_metric_is_counted_somewhere() -> None:
    assert {name for _, _, name, _ in calls()} == set(MEASURES)


async def test_a_dialogue_is_counted_as_the_docs_say() -> None:
    async with open_house(answer_within_s=0.2) as house:
        await house.hear("ann", "hello")
        await house.answer("ann", 1)
        house.node.behaviour.gate, house.node.behaviour.gate_after = asyncio.Event(), 1
        await house.hear("ann", "a long story")
        await house.until(lambda: house.previews.texts[-1:] == ["You"])
        await house.stop("ann")
        await house.answer("ann", 3)
        house.node.behaviour.fault = "full"
        await house.hear("bob", "never answered")
        await house.until(lambda: "frontdesk_expired_total 1.0" in house.metrics.exposition().decode())
        text = house.metrics.exposition().decode()
    for line in (
        'frontdesk_turns_total{role="customer"} 3.0',
        'frontdesk_turns_total{role="bot"} 2.0',
        'frontdesk_turns_total{role="system"} 1.0',
        'frontdesk_generation_requests_total{result="answered"} 1.0',
        'frontdesk_generation_requests_total{result="abandoned"} 1.0',
        f'frontdesk_generation_tokens_total{{kind="output"}} {len("You said: hello") + 3}.0',
    ):
        assert line in text
    assert 'frontdesk_generation_requests_total{result="NodeBusy"}' in text


def test_labels_are_bounded() -> None:
    metrics = Metrics()
    for number in range(MOST_SERIES * 3):
        metrics.count("failures", f"part{number}")
    series = metrics.exposition().decode().count("frontdesk_failures_total{")
    assert series == MOST_SERIES + 1
    assert f'frontdesk_failures_total{{part="other"}} {MOST_SERIES * 2}.0' in metrics.exposition().decode()
