"""A conversation in a real Chromium: streamed, shown once, kept over reloads, stopped, rated, begun anew."""

import asyncio

import pytest
from playwright.async_api import Browser, Page, Route, expect

from bot.views import ButtonView
from tests.e2e.browser import new_page, online, turns, until, visitor, write
from tests.web_desk import Room, silent
from tests.web_server import WebDesk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_ten_turns_are_shown_once_and_in_order(desk: WebDesk, page: Page) -> None:
    wanted = []
    for number in range(10):
        await write(page, f"question {number}")
        wanted += [f"question {number}", f"You said: question {number}"]
        await expect(page.locator("#log .bubble")).to_have_text(wanted)
    await page.reload()
    await expect(page.locator("#log .bubble")).to_have_text(wanted)
    await expect(page.locator("#unsent .turn")).to_have_count(0)
    assert [turn.text for turn in desk.memory.only_room.turns] == wanted


async def test_an_answer_grows_before_ones_eyes_and_becomes_the_turn(desk: WebDesk, page: Page) -> None:
    desk.memory.answerer = silent
    await write(page, "tell me")
    draft = page.locator("#draft")
    await expect(draft.get_by_role("img", name="The assistant is typing")).to_be_visible()
    room = desk.memory.only_room
    for text in ("Once", "Once upon", "Once upon a time"):
        room.preview(text, 1)
        await expect(draft).to_have_text(text)
    room.add("bot", "Once upon a time.", in_reply_to=1)
    await expect(draft).to_be_hidden()
    assert await turns(page) == ["tell me", "Once upon a time."]


async def test_a_place_in_line_stands_where_the_answer_comes(desk: WebDesk, page: Page) -> None:
    desk.memory.answerer = silent
    await write(page, "tell me")
    room, draft = desk.memory.only_room, page.locator("#draft")
    for text in ("You are number 7 in line, about 2 minutes", "You are number 6 in line, about 2 minutes"):
        room.place(text, 1)
        await expect(draft.get_by_role("img", name=text)).to_be_visible()
        await expect(draft).to_have_text(text)
    room.preview("Once", 1)
    await expect(draft).to_have_text("Once")
    room.add("bot", "Once upon a time.", in_reply_to=1)
    await expect(draft).to_be_hidden()


async def test_a_reload_in_mid_answer_loses_and_repeats_nothing(desk: WebDesk, page: Page) -> None:
    desk.memory.answerer = silent
    await write(page, "tell me")
    await expect(page.locator("#log .bubble")).to_have_text(["tell me"])
    room = desk.memory.only_room
    room.preview("Once upon", 1)
    await expect(page.locator("#draft")).to_have_text("Once upon")
    await page.reload()
    await expect(page.locator("#draft")).to_have_text("Once upon")
    room.add("bot", "Once upon a time.", in_reply_to=1)
    await expect(page.locator("#log .bubble")).to_have_text(["tell me", "Once upon a time."])
    await expect(page.locator("#draft")).to_be_hidden()


async def test_a_message_shows_that_it_is_sending_and_then_that_it_is_sent(desk: WebDesk, page: Page) -> None:
    desk.memory.answerer = silent
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/api/chat/messages", hold)
    await write(page, "hello")
    await expect(page.locator("#unsent")).to_contain_text("Sending…")
    await expect(page.get_by_label("Your message")).to_have_value("")
    held.set()
    await expect(page.locator("#log .turn.customer .sent")).to_be_visible()
    await expect(page.locator("#unsent .turn")).to_have_count(0)


async def test_the_turn_that_comes_before_its_acknowledgement_is_not_shown_twice(desk: WebDesk, page: Page) -> None:
    stored = asyncio.Event()

    async def answer_late(route: Route) -> None:
        response = await route.fetch()
        await stored.wait()
        await route.fulfill(response=response)

    await page.route("**/api/chat/messages", answer_late)
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_text(["hello", "You said: hello"])
    await expect(page.locator("#unsent .turn")).to_have_count(0)
    stored.set()
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_text(["hello", "You said: hello"] * 2)


@pytest.mark.parametrize("by", ["button", "key"])
async def test_an_answer_can_be_stopped(desk: WebDesk, page: Page, by: str) -> None:
    def stoppable(room: Room, seq: int, _text: str) -> None:
        room.preview("A long", seq)

    desk.memory.answerer = stoppable
    await write(page, "tell me")
    await expect(page.locator("#draft")).to_have_text("A long")
    if by == "button":
        await page.get_by_role("button", name="Stop answering").click()
    else:
        await page.keyboard.press("Escape")
    await until(lambda: "stopped" in [getattr(event, "name", "") for event in desk.memory.only_room.log])
    desk.memory.only_room.add("bot", "A long", in_reply_to=1, state="stopped")
    await expect(page.locator("#log .turn.bot .foot")).to_contain_text("Stopped")
    await expect(page.get_by_role("button", name="Stop answering")).to_be_hidden()


async def test_a_new_conversation_starts_empty_and_stays_after_a_reload(desk: WebDesk, page: Page) -> None:
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_count(2)
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.locator("#log .bubble")).to_have_count(0)
    await expect(page.get_by_role("heading", name="Hello! How can we help?")).to_be_visible()
    await write(page, "a new matter")
    await expect(page.locator("#log .bubble")).to_have_text(["a new matter", "You said: a new matter"])
    await page.reload()
    await expect(page.locator("#log .bubble")).to_have_text(["a new matter", "You said: a new matter"])


async def test_an_answer_can_be_rated_and_the_rating_is_remembered(desk: WebDesk, page: Page) -> None:
    await write(page, "hello")
    await page.get_by_role("button", name="Not helpful").click()
    await expect(page.get_by_role("button", name="Not helpful", pressed=True)).to_be_visible()
    await page.get_by_role("button", name="Helpful", exact=True).click()
    await expect(page.get_by_role("button", name="Helpful", exact=True, pressed=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Not helpful", pressed=False)).to_be_visible()
    assert [rating.value for rating in desk.memory.ratings] == [-1, 1]
    await page.reload()
    await expect(page.get_by_role("button", name="Helpful", exact=True, pressed=True)).to_be_visible()


async def test_a_message_the_server_refuses_says_why_and_can_be_discarded(desk: WebDesk, page: Page) -> None:
    await write(page, "x" * 20_000)
    await expect(page.locator("#unsent")).to_contain_text("Not sent. The message is too long")
    await write(page, "short")  # the refused one holds nobody up
    await expect(page.locator("#log .bubble")).to_have_text(["short", "You said: short"])
    await page.reload()
    await expect(page.locator("#unsent")).to_contain_text("Not sent.")
    await page.get_by_role("button", name="Discard").click()
    await expect(page.locator("#unsent .turn")).to_have_count(0)
    await page.reload()
    await online(page)
    await expect(page.locator("#unsent .turn")).to_have_count(0)


HOSTILE = "<img src=x onerror=alert(1)> <b>bold?</b> [bad](javascript:alert(1)) [good](https://shop.example/a) **strong** `code`"


async def test_text_of_a_model_is_never_markup(desk: WebDesk, page: Page) -> None:
    await page.expose_function("alert", lambda *_: page.complaints.append("a script ran"))  # type: ignore[attr-defined]
    await write(page, HOSTILE)
    answer = page.locator("#log .turn.bot .bubble")
    await expect(answer).to_contain_text("<img src=x onerror=alert(1)> <b>bold?</b> [bad](javascript:alert(1))")
    assert await answer.locator("img, b, script").count() == 0
    (link,) = await answer.locator("a").all()
    assert await link.get_attribute("href") == "https://shop.example/a"
    assert "noopener" in (await link.get_attribute("rel") or "")
    assert await answer.locator("strong").inner_text() == "strong"
    assert await answer.locator("code").inner_text() == "code"


async def test_what_people_and_the_system_say_looks_like_who_said_it(desk: WebDesk, page: Page) -> None:
    desk.memory.answerer = silent
    await write(page, "hello")
    await expect(page.locator("#log .turn.customer")).to_have_count(1)
    room = desk.memory.only_room
    room.add("system", "The assistant is away.", buttons=(ButtonView("stay", "Go on with the bot"),))
    room.add("agent", "Maria here.")
    await expect(page.locator("#log .turn.agent .bubble")).to_have_text("Maria here.")
    await expect(page.locator("#log .turn.system .bubble")).to_have_text("The assistant is away.")
    colours = {
        await node.evaluate("e => getComputedStyle(e).backgroundColor") for node in await page.locator("#log .bubble").all()
    }
    assert len(colours) == 3
    await page.get_by_role("button", name="Go on with the bot").click()
    await expect(page.locator("#log .turn.customer .bubble")).to_have_text(["hello", "Go on with the bot"])


async def test_edits_and_deletions_are_followed(desk: WebDesk, page: Page) -> None:
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_count(2)
    desk.memory.only_room.edit(2, "Better words.")
    await expect(page.locator("#log .bubble")).to_have_text(["hello", "Better words."])
    await expect(page.locator("#log .turn.bot .foot")).to_contain_text("Edited")
    desk.memory.only_room.delete(2)
    await expect(page.locator("#log .bubble")).to_have_text(["hello"])


async def test_two_tabs_show_one_conversation(desk: WebDesk, page: Page) -> None:
    other = await new_page(page.context)
    await other.goto(desk.server.url)
    await online(other)
    await write(page, "from the first")
    await expect(other.locator("#log .bubble")).to_have_text(["from the first", "You said: from the first"])
    await write(other, "from the second")
    for tab in (page, other):
        await expect(tab.locator("#log .bubble")).to_have_count(4)


async def test_what_one_was_writing_survives_a_reload(page: Page) -> None:
    await page.get_by_label("Your message").fill("half a thou")
    await page.reload()
    await expect(page.get_by_label("Your message")).to_have_value("half a thou")


HIDE = """(hidden) => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


async def test_a_tab_nobody_looks_at_gives_its_connection_back_and_catches_up(desk: WebDesk, browser: Browser) -> None:
    async with visitor(browser) as page:
        await page.clock.install()
        await page.goto(desk.server.url)
        await online(page)
        await write(page, "hello")
        await expect(page.locator("#log .bubble")).to_have_count(2)
        await page.evaluate(HIDE, True)
        await page.clock.fast_forward(60_000)
        await until(lambda: len(desk.streams) == 0)
        desk.memory.only_room.add("agent", "news")
        await page.evaluate(HIDE, False)
        await expect(page.locator("#log .bubble")).to_have_text(["hello", "You said: hello", "news"])
        await expect(page.locator("#banner")).to_be_hidden()


async def test_a_hidden_tab_keeps_listening_while_an_answer_is_made(desk: WebDesk, browser: Browser) -> None:
    desk.memory.answerer = silent
    async with visitor(browser) as page:
        await page.clock.install()
        await page.goto(desk.server.url)
        await online(page)
        await write(page, "hello")
        await expect(page.locator("#log .bubble")).to_have_count(1)
        await page.evaluate(HIDE, True)
        await page.clock.fast_forward(30_000)
        desk.memory.only_room.add("bot", "the answer", in_reply_to=1)
        await expect(page.locator("#log .bubble")).to_have_count(2)
        await expect(page).to_have_title("(1) Frontdesk")
