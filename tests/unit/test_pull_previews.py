"""Previews in memory, where pull channels read them, and the way to where an account shows them."""

from bot.delivery.preview import PullPreviews, RoutedPreviews
from bot.ports import PreviewTarget
from bot.views import PreviewShown


def target(address_id: str, epoch: int = 1, account_id: str = "web") -> PreviewTarget:
    scene_address = None
    return PreviewTarget("w", account_id, address_id, scene_address, None, 7, epoch)  # type: ignore[arg-type]


def test_pull_channels_read_the_newest_text_and_hear_of_each_change() -> None:
    previews, heard = PullPreviews(), []
    with previews.listen("a", lambda: heard.append(previews.current("a"))):
        previews.show(target("a"), "")
        previews.show(target("a"), "hel")
        previews.show(target("a"), "hel")
        previews.show(target("b"), "other")
        previews.gone(target("a"))
    previews.show(target("a"), "unheard")
    assert heard == [PreviewShown("", 7), PreviewShown("hel", 7), None]
    assert previews.current("a") == PreviewShown("unheard", 7)


def test_the_end_of_an_older_answer_does_not_hide_a_newer_one() -> None:
    previews = PullPreviews()
    previews.show(target("a", epoch=1), "old")
    previews.show(target("a", epoch=2), "new")
    previews.gone(target("a", epoch=1))
    assert previews.current("a") == PreviewShown("new", 7)


def test_the_end_of_a_newer_answer_that_showed_nothing_takes_an_older_text_away() -> None:
    previews = PullPreviews()
    previews.show(target("a", epoch=1), "old")
    previews.gone(target("a", epoch=2))
    assert previews.current("a") is None


def test_pull_previews_forget_the_oldest_address_and_say_so() -> None:
    previews, heard = PullPreviews(most=2), []
    with previews.listen("a", lambda: heard.append(previews.current("a"))):
        for address_id in ("a", "b", "c"):
            previews.show(target(address_id), "text")
    assert heard == [PreviewShown("text", 7), None]


def test_each_preview_goes_where_its_account_shows_them() -> None:
    pull, push = PullPreviews(), PullPreviews()
    routed = RoutedPreviews(pull, {"telegram": push})
    routed.show(target("a"), "web")
    routed.show(target("b", account_id="telegram"), "push")
    assert (pull.current("a"), pull.current("b")) == (PreviewShown("web", 7), None)
    assert push.current("b") == PreviewShown("push", 7)
    routed.gone(target("b", account_id="telegram"))
    assert push.current("b") is None
