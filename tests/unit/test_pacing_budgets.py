"""Budgets of requests, as pure arithmetic."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.delivery.pacing import Pacing, Use
from bot.ports import ChannelHabits

PRIVATE = ChannelHabits(4096, 30.0, 30, 1.0, 1, "resend")
GROUP = ChannelHabits(4096, 30.0, 30, 20 / 60, 20, "edit")


def test_a_burst_goes_at_once_and_then_the_rate_holds() -> None:
    pacing = Pacing()
    for _ in range(20):
        assert pacing.wait("g", GROUP, Use.TEXT, 100.0) == 0
        pacing.spend("g", GROUP, 100.0)
    assert abs(pacing.wait("g", GROUP, Use.TEXT, 100.0) - 3.0) < 1e-6


def test_previews_leave_a_quarter_of_a_chats_burst_for_the_final_text() -> None:
    pacing, sent = Pacing(), 0
    while pacing.chat_wait("g", GROUP, Use.PREVIEW, 100.0) == 0:
        pacing.spend("g", GROUP, 100.0)
        sent += 1
    assert sent == 15
    assert pacing.wait("g", GROUP, Use.TEXT, 100.0) == 0


def test_previews_of_many_chats_leave_all_but_eight_of_the_accounts_burst_for_final_texts() -> None:
    pacing, sent = Pacing(), 0
    while pacing.wait(f"g{sent}", GROUP, Use.PREVIEW, 100.0) == 0:
        pacing.spend(f"g{sent}", GROUP, 100.0)
        sent += 1
    assert sent == 8
    for number in range(22):
        assert pacing.wait(f"t{number}", GROUP, Use.TEXT, 100.0) == 0
        pacing.spend(f"t{number}", GROUP, 100.0)


def test_where_there_is_no_burst_previews_go_at_half_the_rate_and_cost_the_text_one_interval_at_most() -> None:
    pacing = Pacing()
    pacing.spend("p", PRIVATE, 100.0)
    assert abs(pacing.wait("p", PRIVATE, Use.PREVIEW, 100.0) - 2.0) < 1e-6
    assert pacing.wait("p", PRIVATE, Use.PREVIEW, 102.0) == 0
    pacing.spend("p", PRIVATE, 102.0)
    assert 0 < pacing.wait("p", PRIVATE, Use.TEXT, 102.0) <= 1.0


def test_a_chat_told_to_wait_holds_nobody_else_and_an_account_everybody() -> None:
    pacing = Pacing()
    pacing.hold("chat", "a", PRIVATE, 9.0, 100.0)
    assert pacing.wait("a", PRIVATE, Use.TEXT, 100.0) >= 9.0
    assert pacing.wait("b", PRIVATE, Use.TEXT, 100.0) == 0
    pacing.hold("account", "a", PRIVATE, 5.0, 100.0)
    assert pacing.wait("b", PRIVATE, Use.TEXT, 100.0) >= 5.0
    assert pacing.wait("b", PRIVATE, Use.TEXT, 105.02) == 0


def test_a_shorter_wait_does_not_undo_a_longer_one() -> None:
    pacing = Pacing()
    pacing.hold("chat", "a", PRIVATE, 60.0, 100.0)
    pacing.hold("chat", "a", PRIVATE, 1.0, 101.0)
    assert pacing.wait("a", PRIVATE, Use.TEXT, 110.0) >= 50.0


def test_the_table_of_chats_is_bounded_and_keeps_those_that_must_wait() -> None:
    pacing = Pacing(chats=100)
    pacing.hold("chat", "limited", PRIVATE, 1e6, 100.0)
    for number in range(1000):
        pacing.wait(f"chat {number}", PRIVATE, Use.TEXT, 100.0)
    assert len(pacing) == 100
    assert pacing.wait("limited", PRIVATE, Use.TEXT, 200.0) > 1e5


@settings(max_examples=200, derandomize=True, database=None)
@given(gaps=st.lists(st.floats(0, 3), min_size=1, max_size=60), uses=st.randoms(use_true_random=False))
def test_no_window_ever_sees_more_than_its_burst_and_rate(gaps: list[float], uses) -> None:
    """The count over any stretch of time is at most burst + rate * stretch, whatever mix of texts and previews asks."""
    pacing, now, gone = Pacing(), 100.0, []
    for gap in gaps:
        now += gap
        if pacing.wait("p", PRIVATE, uses.choice(list(Use)), now) == 0:
            pacing.spend("p", PRIVATE, now)
            gone.append(now)
    for first in range(len(gone)):
        for last in range(first, len(gone)):
            assert last - first + 1 <= 1 + (gone[last] - gone[first]) + 1e-6
