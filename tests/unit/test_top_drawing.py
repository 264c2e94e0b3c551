"""How a view looks: in 80 columns, in 140, with nobody there; and no figure that steers the terminal."""

import io
import math

import pytest
from rich.console import Console

from bot.cli.watching import wording
from bot.cli.watching.drawing import draw
from bot.cli.watching.exposition import read
from bot.cli.watching.histogram import Quantile
from bot.cli.watching.rows import BotRow, NodeRows, ReplicaRow, Spread, Tally, node_rows
from bot.cli.watching.watch import View
from tests.recorded import STARTED, recorded, replica

BOT = BotRow(4, 8, 28.6, Spread(Quantile(0.25), Quantile(0.475)))


def engines(count: int) -> NodeRows:
    pages = ["\n".join(replica(number, recorded(name)) for number in range(count)) for name in ("node_before", "node_after")]
    before, now = (read(page, at, STARTED + 4000 + at) for at, page in zip((0, 10), pages, strict=True))
    return node_rows(now, before, seen=[str(count)])


def view(node: NodeRows | None, trouble: str = "") -> View:
    return View("http://127.0.0.1:8001", node, trouble, "http://127.0.0.1:9080", BOT, "")


def lines(seen: View, width: int) -> list[str]:
    paper = io.StringIO()
    console = Console(file=paper, width=width, highlight=False)
    console.print(draw(seen, console, "frontdesk top  12:00:00"))
    return [line.rstrip() for line in paper.getvalue().splitlines()]


def test_in_80_columns_work_and_speed_are_two_tables_and_nothing_is_cut() -> None:
    shown = lines(view(engines(2)), 80)
    assert max(map(len, shown)) <= 80
    assert "…" not in "".join(shown)
    assert len([line for line in shown if line.startswith("replica")]) == 2
    assert "0        ready  1h06m     4      0    4/4   0/2  3.1s   2%     0%   0%" in shown
    assert "0        0.17s 0.24s   44ms 0.14s     31    85        0     0       0" in shown
    assert "2        away       -     -      -      -     -     -    -      -    -" in shown
    assert [line.split()[0] for line in shown if line.startswith("all")] == ["all", "all"]


def test_in_140_columns_it_is_one_table() -> None:
    shown = lines(view(engines(2)), 140)
    assert 80 < max(map(len, shown)) <= 140
    assert "…" not in "".join(shown)
    (row,) = [" ".join(line.split()) for line in shown if line.startswith("0 ")]
    assert row == "0 ready 1h06m 4 0 4/4 0/2 3.1s 2% 0% 0% 0.17s 0.24s 44ms 0.14s 31 85 0 0 0"


@pytest.mark.parametrize("width", [20, 40, 80, 140, 300])
def test_a_line_is_never_longer_than_the_terminal(width: int) -> None:
    assert max(map(len, lines(view(engines(12)), width))) <= width


def test_the_bots_line_tells_what_it_does() -> None:
    assert lines(view(engines(1)), 140)[1] == (
        "bot   127.0.0.1:9080  in flight 4, due 8, answers/min 29, first text p50 0.25s p95 0.47s"
    )


def test_who_is_away_is_a_line_and_the_other_is_still_shown() -> None:
    shown = lines(view(None, "cannot be reached: connection refused; frontdesk run starts it"), 100)
    assert shown[1].startswith("bot   127.0.0.1:9080  in flight 4")
    assert shown[2] == "node  127.0.0.1:8001  cannot be reached: connection refused; frontdesk run starts it"
    nobody = View("", None, "has a free port", "", None, "[web] private_port is 0")
    assert [line.split("  ")[-1].strip() for line in lines(nobody, 80)[1:3]] == ["[web] private_port is 0", "has a free port"]


def test_names_that_steer_terminals_or_look_like_markup_are_shown_as_text() -> None:
    shown = "".join(lines(view(NodeRows("\x1b[2J[red]m", 1, [ReplicaRow("\x1b]0;x\x07", "away")])), 80))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[red]m" in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (9999, "9999"), (9_999.6, "10.0k"), (123_456, "123.5k"), (999_960, "1.0M"), (math.pi * 1e6, "3.1M")],
)
def test_counts_stay_short(value: float | None, text: str) -> None:
    assert wording.count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0004, "0.4ms"),
        (0.001, "1ms"),
        (0.0994, "99ms"),
        (0.1, "0.10s"),
        (0.994, "0.99s"),
        (1, "1.0s"),
        (9.96, "10s"),
    ],
)
def test_times_have_two_figures(seconds: float, text: str) -> None:
    assert wording.seconds(Quantile(seconds)) == text
    assert wording.seconds(Quantile(seconds, beyond=True)) == f">{text}"


@pytest.mark.parametrize(
    ("up_s", "text"), [(None, "-"), (59.9, "59s"), (60, "1m00s"), (3599, "59m59s"), (3600, "1h00m"), (86_400 * 12.5, "12d12h")]
)
def test_an_age_has_two_units(up_s: float | None, text: str) -> None:
    assert wording.age(up_s) == text


def test_a_tally_shows_what_came_lately_only_when_something_did() -> None:
    assert [wording.tally(found) for found in (None, Tally(12, 0), Tally(12, 3))] == ["-", "12", "12 +3"]
