"""Broken connections in a real Chromium: whatever was typed arrives once, in order, and nothing is shown twice."""

import asyncio
import json

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.e2e.browser import online, until, visitor, write
from tests.web_desk import Room, silent
from tests.web_server import WebDesk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def dialogue(*questions: str) -> list[str]:
    return [text for question in questions for text in (question, f"You said: {question}")]


async def test_messages_typed_while_the_server_is_gone_arrive_once_and_in_order(desk: WebDesk, page: Page) -> None:
    await write(page, "before")
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("before"))
    await desk.server.stop()
    for text in ("one", "two", "three"):
        await write(page, text)
    await expect(page.locator("#banner")).to_contain_text("Connection lost")
    await expect(page.locator("#unsent .turn")).to_have_count(3)
    await expect(page.locator("#unsent")).to_contain_text("Not sent yet")
    await desk.server.start()
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("before", "one", "two", "three"))
    await expect(page.locator("#unsent .turn")).to_have_count(0)
    await expect(page.locator("#banner")).to_be_hidden()
    assert [turn.text for turn in desk.memory.only_room.turns] == dialogue("before", "one", "two", "three")


async def test_the_retry_button_does_not_wait(desk: WebDesk, page: Page) -> None:
    refused = {"status": 503, "headers": {"Retry-After": "3600"}, "json": {"error": {"code": "unavailable", "message": ""}}}

    async def refuse(route: Route) -> None:
        await route.fulfill(**refused)  # type: ignore[arg-type]

    await page.route("**/api/chat/messages", refuse)
    await write(page, "hello")
    await expect(page.locator("#unsent")).to_contain_text("Not sent yet")
    await page.unroute("**/api/chat/messages")
    await page.get_by_role("button", name="Retry").click()
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("hello"))


async def test_the_retry_button_stays_in_place_over_automatic_tries(page: Page) -> None:
    tries = []

    async def cut(route: Route) -> None:
        tries.append(route)
        await route.abort()

    await page.route("**/api/chat/messages", cut)
    await write(page, "hello")
    button = await page.get_by_role("button", name="Retry").element_handle()
    assert button is not None
    first = len(tries)
    await until(lambda: len(tries) >= first + 2)
    assert await button.evaluate("e => e.isConnected")


async def test_a_lost_acknowledgement_stores_nothing_twice(desk: WebDesk, page: Page) -> None:
    sent = []

    async def lose_the_first(route: Route) -> None:
        sent.append(json.loads(route.request.post_data or "")["id"])
        if len(sent) == 1:
            await route.fetch()  # the server stores it
            await route.abort()  # and nobody hears of it
        else:
            await route.continue_()

    await page.route("**/api/chat/messages", lose_the_first)
    await write(page, "hello")
    await until(lambda: len(sent) == 2)
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("hello"))
    await expect(page.locator("#unsent .turn")).to_have_count(0)
    assert sent[0] == sent[1]
    assert [turn.text for turn in desk.memory.only_room.turns] == dialogue("hello")


async def test_unsent_messages_survive_a_reload(desk: WebDesk, page: Page) -> None:
    async def cut(route: Route) -> None:
        await route.abort()

    await page.route("**/api/chat/**", cut)
    await write(page, "one")
    await write(page, "two")
    await page.reload()
    await expect(page.locator("#unsent .bubble")).to_have_text(["one", "two"])
    await page.unroute("**/api/chat/**")
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("one", "two"))
    await expect(page.locator("#unsent .turn")).to_have_count(0)


async def test_a_stream_that_breaks_in_mid_answer_is_resumed(desk: WebDesk, page: Page) -> None:
    desk.memory.answerer = silent
    await write(page, "tell me")
    await expect(page.locator("#log .bubble")).to_have_text(["tell me"])
    room = desk.memory.only_room
    resumed = []
    page.on("request", lambda sent: resumed.append(sent.headers.get("last-event-id")) if "/events" in sent.url else None)
    for number in range(5):
        room.preview("x" * number, 1)
        desk.server.cut()
        room.add("agent", f"part {number}")
        await expect(page.locator("#log .bubble")).to_have_text(["tell me", *(f"part {n}" for n in range(number + 1))])
    assert len({cursor for cursor in resumed if cursor}) >= 4, "each resumes where the one before ended"


async def test_a_store_that_is_away_is_waited_for(desk: WebDesk, page: Page) -> None:
    desk.memory.away = True
    await write(page, "hello")
    await expect(page.locator("#unsent")).to_contain_text("Not sent yet")
    desk.memory.away = False
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("hello"))


async def test_a_page_opened_while_the_server_is_sick_comes_up_by_itself(desk: WebDesk, browser: Browser) -> None:
    desk.memory.away = True
    async with visitor(browser) as page:
        await page.goto(desk.server.url)
        await write(page, "anyone there?")
        await expect(page.locator("#banner")).to_be_visible()
        desk.memory.away = False
        await expect(page.locator("#log .bubble")).to_have_text(dialogue("anyone there?"))


async def test_an_expired_session_is_replaced_and_what_was_typed_is_sent(desk: WebDesk, page: Page) -> None:
    await write(page, "before")
    await expect(page.locator("#log .bubble")).to_have_count(2)
    desk.memory.forget_sessions()
    await write(page, "after")
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("after"))
    await expect(page.get_by_text("Your earlier session has ended")).to_be_visible()
    await page.reload()
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("after"))


async def test_being_told_to_wait_is_obeyed(desk: WebDesk, page: Page) -> None:
    asked = []

    async def limit_once(route: Route) -> None:
        asked.append(asyncio.get_running_loop().time())
        if len(asked) == 1:
            await route.fulfill(
                status=429, headers={"Retry-After": "1"}, json={"error": {"code": "too_many_requests", "message": ""}}
            )
        else:
            await route.continue_()

    await page.route("**/api/chat/messages", limit_once)
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("hello"))
    assert asked[1] - asked[0] >= 1


async def test_a_browser_that_keeps_nothing_says_so_and_works(desk: WebDesk, browser: Browser) -> None:
    async with visitor(browser) as page:
        await page.add_init_script(
            "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied'); } })"
        )
        await page.goto(desk.server.url)
        await expect(page.get_by_text("Your browser does not keep data for this page")).to_be_visible()
        await write(page, "hello")
        await expect(page.locator("#log .bubble")).to_have_text(dialogue("hello"))


async def test_a_new_conversation_of_another_device_is_followed(desk: WebDesk, page: Page) -> None:
    await write(page, "before")
    await expect(page.locator("#log .bubble")).to_have_count(2)
    await desk.server.stop()
    room = desk.memory.only_room
    room.begin()
    room.add("bot", "A fresh start.")
    await write(page, "hello")
    await desk.server.start()
    await expect(page.locator("#log .bubble")).to_have_text(["A fresh start.", *dialogue("hello")])
    await expect(page.locator("#unsent .turn")).to_have_count(0)


async def test_the_answer_to_a_repeated_text_belongs_to_its_own_turn(desk: WebDesk, page: Page) -> None:
    def counted(room: Room, seq: int, text: str) -> None:
        room.add("bot", f"{text} at {seq}", in_reply_to=seq)

    desk.memory.answerer = counted
    await desk.server.stop()
    for _ in range(3):
        await write(page, "same")
    await desk.server.start()
    await expect(page.locator("#log .bubble")).to_have_text(["same", "same at 1", "same", "same at 3", "same", "same at 5"])
    await expect(page.locator("#unsent .turn")).to_have_count(0)


async def test_an_event_stream_that_never_answers_is_asked_for_again(desk: WebDesk, browser: Browser) -> None:
    asked = []

    async def swallow_the_first(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            await route.continue_()

    async with visitor(browser) as page:
        await page.clock.install()
        await page.route("**/api/chat/events", swallow_the_first)
        await page.goto(desk.server.url)
        await until(lambda: len(asked) == 1)
        await page.clock.fast_forward(60_000)
        await online(page)


async def test_a_message_whose_receipt_was_lost_does_not_haunt_the_next_conversation(desk: WebDesk, page: Page) -> None:
    lost, begun = asyncio.Event(), asyncio.Event()

    async def lose_the_first_receipt(route: Route) -> None:
        if lost.is_set():
            await begun.wait()
            await route.continue_()
        else:
            await route.fetch()
            lost.set()
            await route.abort()

    await write(page, "before")
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("before"))
    await page.route("**/api/chat/messages", lose_the_first_receipt)
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("before", "hello"))
    desk.memory.only_room.begin()
    await expect(page.locator("#log .bubble")).to_have_count(0)
    begun.set()
    await write(page, "again")
    await expect(page.locator("#log .bubble")).to_have_text(dialogue("again"))
