"""What `frontdesk top` makes of two readings: levels, what came between, restarts, replicas, and nothing that was not told."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.watching.exposition import Exposition, Unreadable, read
from bot.cli.watching.histogram import Histogram, Quantile
from bot.cli.watching.rows import BotRow, ReplicaRow, Spread, Tally, bot_row, node_rows
from tests.recorded import STARTED, recorded, replica

BEFORE, AFTER = recorded("node_before"), recorded("node_after")


def at(second: float, *pages: str) -> Exposition:
    return read("\n".join(pages), second, STARTED + 20 + second)


def only(now: Exposition, before: Exposition | None = None) -> ReplicaRow:
    (row,) = node_rows(now, before).rows
    return row


def test_an_engine_alone_is_replica_0_with_what_came_between_two_readings() -> None:
    told = node_rows(at(10, AFTER), at(0, BEFORE))
    assert (told.model, told.seconds) == ("smollm2-135m-instruct", 10)
    (row,) = told.rows
    assert (row.name, row.state, row.up_s) == ("0", "ready", pytest.approx(30))
    assert (row.running, row.waiting, row.answers, row.slots) == (4, 0, 4, 4)
    assert (row.background, row.background_slots, row.restarts) == (0, 2, 0)
    assert (row.kv_use, row.wait_s) == (pytest.approx(0.0193, abs=1e-4), pytest.approx(3.14, abs=0.01))
    assert (row.tokens_in_s, row.tokens_out_s) == (pytest.approx((585 - 274) / 10), pytest.approx((1119 - 271) / 10))
    assert row.refused == Tally(0, 0)


def test_percentiles_are_of_the_interval_and_interpolated_in_their_bucket() -> None:
    spread = only(at(10, AFTER), at(0, BEFORE)).first_token
    assert spread is not None  # all four that came lie between 0.1 and 0.25 s
    assert (spread.p50.seconds, spread.p95.seconds) == (pytest.approx(0.1 + 0.15 / 2), pytest.approx(0.1 + 0.15 * 0.95))


def test_the_first_reading_has_levels_and_no_rates() -> None:
    row = only(at(0, AFTER))
    assert (row.running, row.hits) == (4, 0)
    assert [row.tokens_out_s, row.first_token, row.hits_lately] == [None, None, None]


def test_an_interval_in_which_nothing_came_has_no_percentiles() -> None:
    row = only(at(10, AFTER), at(0, AFTER))
    assert (row.first_token, row.inter_token, row.tokens_out_s, row.hits_lately) == (None, None, 0, None)


def test_prefix_hits_are_told_lately_and_in_all() -> None:
    def page(queries: int, hits: int) -> str:
        told = re.sub(r"(prefix_cache_queries_total\S+) .*", rf"\1 {queries}", AFTER)
        return re.sub(r"(prefix_cache_hits_total\S+) .*", rf"\1 {hits}", told)

    row = only(at(10, page(2000, 1400)), at(0, page(1000, 500)))
    assert (row.hits_lately, row.hits) == (0.9, 0.7)


def test_an_engine_that_started_anew_counts_from_nothing_as_far_back_as_it_lives() -> None:
    anew = BEFORE.replace("process_start_time_seconds 1.79554319772e+09", f"process_start_time_seconds {STARTED + 25}")
    row = only(at(10, anew), at(0, AFTER))  # 271 tokens within the five seconds of its life
    assert row.state == "restarted"
    assert row.up_s == pytest.approx(5, abs=0.01)
    assert row.tokens_out_s == pytest.approx(271 / 5, rel=0.01)
    assert row.first_token is not None


def test_a_counter_that_fell_is_a_restart_even_where_no_start_is_told() -> None:
    def anonymous(page: str) -> str:
        return re.sub(r"^process_start.*\n", "", page, flags=re.MULTILINE)

    row = only(at(10, anonymous(BEFORE)), at(0, anonymous(AFTER)))
    assert (row.state, row.up_s) == ("restarted", None)
    assert row.tokens_out_s == pytest.approx(27.1)


def test_replicas_have_a_row_each_in_their_order_and_one_for_all() -> None:
    pages = [replica(number, AFTER) for number in (10, 2)]
    told = node_rows(at(10, *pages), at(0, replica(10, BEFORE), replica(2, BEFORE)))
    assert [row.name for row in told.rows] == ["2", "10", "all"]
    one, ten, both = told.rows
    assert replace(one, name="10") == ten
    assert (both.running, both.slots) == (8, 8)
    assert both.tokens_out_s == pytest.approx(2 * 84.8)
    assert both.first_token == one.first_token


def test_a_replica_that_is_new_and_one_that_started_anew_do_not_spoil_the_sum() -> None:
    now = at(10, replica(0, AFTER), replica(1, BEFORE), replica(2, AFTER))
    told = node_rows(now, at(0, replica(0, BEFORE), replica(1, AFTER)))
    assert [row.state for row in told.rows] == ["ready", "restarted", "ready", "ready"]
    assert [row.tokens_out_s for row in told.rows] == [pytest.approx(84.8), pytest.approx(27.1), None, pytest.approx(111.9)]


def test_a_replica_that_was_there_and_is_not_now_is_away() -> None:
    told = node_rows(at(10, replica(0, AFTER)), None, seen=["0", "1"])
    assert [(row.name, row.state) for row in told.rows] == [("0", "ready"), ("1", "away"), ("all", "ready")]


def test_a_replica_that_only_its_door_speaks_of_is_away() -> None:
    told = node_rows(at(10, replica(0, AFTER), 'frontdesk_node_replica_up{replica="1"} 0'), None)
    assert [(row.name, row.state) for row in told.rows[:2]] == [("0", "ready"), ("1", "away")]


def test_waiting_requests_and_an_engine_without_a_token_yet_are_states() -> None:
    waiting = re.sub(r"(num_requests_waiting\S+) .*", r"\1 3", AFTER)
    silent = re.sub(r"(vllm:generation_tokens_total\S+) .*", r"\1 0", AFTER)
    assert [only(at(0, page)).state for page in (waiting, silent)] == ["queueing", "no token"]


def test_a_vllm_without_our_figures_has_a_row_with_dashes() -> None:
    plain = re.sub(r"^(# TYPE )?frontdesk_.*\n", "", AFTER, flags=re.MULTILINE)
    row = only(at(10, plain), at(0, plain))
    assert (row.slots, row.background, row.wait_s, row.restarts, row.running) == (None, None, None, None, 4)


def test_refusals_of_node_and_engine_are_added() -> None:
    refused = AFTER.replace('total{reason="key"} 0', 'total{reason="key"} 7').replace(
        'reason="max_num_queued_reqs"} 0', 'reason="max_num_queued_reqs"} 5'
    )
    assert only(at(10, refused), at(0, AFTER)).refused == Tally(12, 12)


def test_values_that_are_no_numbers_are_not_told() -> None:
    assert only(at(0, re.sub(r"(kv_cache_usage_perc\S+) .*", r"\1 NaN", AFTER))).kv_use is None


def test_an_empty_page_has_no_rows() -> None:
    assert node_rows(at(1, ""), None).rows == []


@pytest.mark.parametrize("page", ["<html>no", 'vllm:a{b="c 1', "vllm:a one"])
def test_what_is_no_exposition_is_refused(page: str) -> None:
    with pytest.raises(Unreadable):
        at(0, page)


def test_the_bots_line_is_what_it_does_and_how_its_answers_go() -> None:
    now, before = at(20, recorded("bot_after")), at(0, recorded("bot_before"))
    first_text = Spread(Quantile(0.25), Quantile(0.475))
    assert bot_row(now, before) == BotRow(4, 8, 6, first_text)
    assert bot_row(now, None) == BotRow(4, 8, None, None)
    assert bot_row(at(10, recorded("bot_before")), before) == BotRow(4, 8, 0, None)


def test_a_bot_that_started_anew_is_told() -> None:
    anew = recorded("bot_before").replace("start_time_seconds 1.79554319635e+09", "start_time_seconds 1.79554329635e+09")
    assert bot_row(at(20, anew), at(0, recorded("bot_after"))).restarted


def test_beyond_the_last_bound_only_that_bound_is_claimed() -> None:
    assert Histogram.of([(1, 1), (80, 2), (math.inf, 10)]).quantile(0.5) == Quantile(80, beyond=True)


def test_buckets_of_several_engines_are_added() -> None:
    both = Histogram.of([(1, 4), (math.inf, 4), (1, 0), (2, 4), (math.inf, 4)])
    assert (both.total, both.quantile(0.5)) == (8, Quantile(1))


COUNTS = st.lists(st.integers(0, 50), min_size=2, max_size=8)


@given(COUNTS, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_percentile_lies_in_a_bucket_that_holds_values_and_grows_with_its_share(
    counts: list[int], one: float, two: float
) -> None:
    bounds = [*(float(2**place) for place in range(len(counts) - 1)), math.inf]
    histogram = Histogram.of([(bound, sum(counts[: place + 1])) for place, bound in enumerate(bounds)])
    low, high = histogram.quantile(min(one, two)), histogram.quantile(max(one, two))
    if not sum(counts):
        assert low is high is None
        return
    assert low is not None
    assert high is not None
    assert low.seconds <= high.seconds
    held = [(below, bound) for below, bound, count in zip([0.0, *bounds], bounds, counts, strict=False) if count]
    assert any(below <= low.seconds <= bound for below, bound in held)
