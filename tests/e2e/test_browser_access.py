"""Everyone can use the page: by keyboard, by ear, in the dark, on a narrow phone, from right to left."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import online, visitor, write
from tests.web_desk import Room, silent
from tests.web_server import WebDesk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LONG = "See [the terms](https://shop.example/terms):\n\n```\n" + "x" * 300 + "\n```\n" + "y" * 10_000


async def test_everything_can_be_done_by_keyboard(desk: WebDesk, page: Page) -> None:
    await expect(page.get_by_label("Your message")).to_be_focused()
    await page.keyboard.type("first line")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("second line")
    await page.keyboard.press("Enter")
    await expect(page.locator("#log .bubble").first).to_have_text("first line\nsecond line")
    await expect(page.locator("#log .bubble")).to_have_count(2)
    await expect(page.get_by_label("Your message")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="Not helpful")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Not helpful", pressed=True)).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("main")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="New conversation")).to_be_focused()
    await page.keyboard.press("Space")
    await expect(page.locator("#log .bubble")).to_have_count(0)
    await expect(page.get_by_label("Your message")).to_be_focused()


async def test_focus_can_be_seen_wherever_it_is(desk: WebDesk, page: Page) -> None:
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_count(2)
    for _ in range(6):
        await page.keyboard.press("Tab")
        ring = await page.evaluate(
            """() => {
              const focused = document.activeElement;
              const style = getComputedStyle(focused.matches('textarea') ? focused.parentElement : focused);
              return [focused.tagName, style.outlineStyle, parseFloat(style.outlineWidth)];
            }"""
        )
        assert ring[0] == "BODY" or (ring[1] == "solid" and ring[2] >= 2), ring


async def test_every_part_has_a_role_and_a_name(desk: WebDesk, page: Page) -> None:
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_count(2)
    await expect(page.locator("body")).to_match_aria_snapshot(
        """
        - banner:
          - heading "Frontdesk" [level=1]
          - paragraph: Online
          - button "New conversation"
        - main "Messages":
          - log "Conversation":
            - article:
              - paragraph: "You:"
              - paragraph: hello
            - article:
              - paragraph: "Assistant:"
              - paragraph: "You said: hello"
              - group "Was this answer helpful?":
                - button "Helpful"
                - button "Not helpful"
        - textbox "Your message"
        - button "Send message"
        - status
        """
    )
    assert await page.locator("html").get_attribute("lang") == "en"
    controls = "[...document.querySelectorAll('button, a, textarea')]"
    assert await page.evaluate(f"() => {controls}.every((e) => e.ariaLabel || e.textContent || e.labels?.length)")
    ids = await page.evaluate("() => [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


SPOKEN = """() => {
  // what a screen reader would be told of: text that comes into a polite live region that is not switched off further in
  window.spoken = [];
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) {
      const region = (node.nodeType === 1 ? node : node.parentElement)?.closest('[aria-live], [role=status]');
      const live = region?.getAttribute('aria-live') ?? (region?.getAttribute('role') === 'status' ? 'polite' : 'off');
      if (live === 'polite' && node.textContent) window.spoken.push(node.textContent);
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


async def test_finished_turns_are_read_out_once_and_growing_ones_are_not(desk: WebDesk, page: Page) -> None:
    desk.memory.answerer = silent
    await page.evaluate(SPOKEN)
    await expect(page.locator("#log")).to_have_attribute("aria-live", "polite")
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_count(1)
    room = desk.memory.only_room
    for number in range(1, 20):
        room.preview("word " * number, 1)
        await expect(page.locator("#draft")).to_have_text(("word " * number).strip())
    room.add("bot", "word " * 20, in_reply_to=1)
    await expect(page.locator("#log .bubble")).to_have_count(2)
    spoken: list[str] = await page.evaluate("() => window.spoken")
    assert sum("word word" in text for text in spoken) == 1
    assert spoken.count("The assistant is answering.") == 1


async def test_the_record_is_not_read_out_at_a_reload(desk: WebDesk, page: Page) -> None:
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_count(2)
    await page.add_init_script(f"document.addEventListener('DOMContentLoaded', {SPOKEN})")
    await page.reload()
    await expect(page.locator("#log .bubble")).to_have_count(2)
    await expect(page.locator("#log")).to_have_attribute("aria-live", "polite")
    assert [text for text in await page.evaluate("() => window.spoken") if "hello" in text] == []


CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  function rgba(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  }
  function luminance(colour) {
    const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function ground(element) {
    for (let up = element; up; up = up.parentElement) {
      const colour = rgba(getComputedStyle(up).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  }
  const seen = [];
  for (const e of document.querySelectorAll('h1, h2, p, time, span, button, a, code, li')) {
    if (!e.checkVisibility() || !e.textContent.trim() || e.closest('.unseen')) continue;
    const [one, other] = [luminance(rgba(getComputedStyle(e).color)), luminance(ground(e))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    seen.push([ratio, `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 30)}`]);
  }
  return seen;
}"""


def marked(room: Room, seq: int, text: str) -> None:
    room.add("bot", f"{text} [a](https://a.example) `code` **b**", in_reply_to=seq)


def broad(room: Room, seq: int, _text: str) -> None:
    room.add("bot", LONG, in_reply_to=seq)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_stands_out_from_its_ground(desk: WebDesk, browser: Browser, scheme: Any) -> None:
    async with visitor(browser, color_scheme=scheme, reduced_motion="reduce") as page:
        await page.goto(desk.server.url)
        await online(page)
        faint = [what for ratio, what in await page.evaluate(CONTRAST) if ratio < 4.5]
        desk.memory.answerer = marked
        await write(page, "hello")
        await expect(page.locator("#log .bubble")).to_have_count(2)
        desk.memory.only_room.add("system", "A notice.")
        desk.memory.only_room.add("agent", "A person.")
        await expect(page.locator("#log .bubble")).to_have_count(4)
        await write(page, "x" * 20_000)
        await expect(page.locator("#unsent")).to_contain_text("Not sent.")
        faint += [what for ratio, what in await page.evaluate(CONTRAST) if ratio < 4.5]
        assert faint == []
        ground = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert (int(re.findall(r"\d+", ground)[0]) < 128) == (scheme == "dark")


@pytest.mark.parametrize("width", [320, 390, 768, 1400])
async def test_nothing_is_wider_than_the_window(desk: WebDesk, browser: Browser, width: int) -> None:
    async with visitor(browser, viewport={"width": width, "height": 568}, has_touch=width < 500) as page:
        await page.goto(desk.server.url)
        await online(page)
        desk.memory.answerer = broad
        await write(page, "w" * 10_000)
        await expect(page.locator("#log .bubble")).to_have_count(2)
        desk.memory.only_room.preview("z" * 500, 3)
        for wide in ("document.documentElement", "document.getElementById('scroller')"):
            assert await page.evaluate(f"() => {wide}.scrollWidth - {wide}.clientWidth") == 0
        box = await page.get_by_role("button", name="Send message").bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 568


async def test_fingers_find_their_targets_on_a_phone(desk: WebDesk, browser: Browser) -> None:
    async with visitor(browser, viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True) as page:
        await page.goto(desk.server.url)
        await online(page)
        await write(page, "hello")
        await expect(page.locator("#log .bubble")).to_have_count(2)
        for button in await page.get_by_role("button").all():
            box = await button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 43.9, await button.get_attribute("aria-label")


async def test_right_to_left_text_runs_from_right_to_left(desk: WebDesk, page: Page) -> None:
    await write(page, "\u05e9\u05dc\u05d5\u05dd")
    first = page.locator("#log .bubble p").first
    await expect(first).to_be_visible()
    assert await first.evaluate("e => getComputedStyle(e).direction") == "rtl"
    await write(page, "hello")
    await expect(page.locator("#log .bubble")).to_have_count(4)
    assert await page.locator("#log .customer .bubble p").last.evaluate("e => getComputedStyle(e).direction") == "ltr"


async def test_motion_stops_for_those_who_ask(desk: WebDesk, browser: Browser) -> None:
    desk.memory.answerer = silent
    async with visitor(browser, reduced_motion="reduce") as page:
        await page.goto(desk.server.url)
        await write(page, "hello")
        await expect(page.get_by_role("img", name="The assistant is typing")).to_be_visible()
        assert await page.evaluate("() => document.getAnimations().filter((a) => a.playState === 'running').length") == 0


async def test_forced_colours_keep_edges(desk: WebDesk, browser: Browser) -> None:
    async with visitor(browser, forced_colors="active") as page:
        await page.goto(desk.server.url)
        await write(page, "hello")
        await expect(page.locator("#log .bubble")).to_have_count(2)
        for selector in ("#log .bubble", "#send"):
            assert await page.locator(selector).first.evaluate("e => parseFloat(getComputedStyle(e).borderTopWidth)") >= 1


async def test_the_newest_message_stays_in_sight_unless_one_reads_back(desk: WebDesk, page: Page) -> None:
    for number in range(12):
        await write(page, f"line {number}\n\nmore\n\nmore")
    await expect(page.locator("#log .bubble")).to_have_count(24)
    await expect(page.locator("#log .bubble").last).to_be_in_viewport()
    await page.locator("#scroller").evaluate("e => { e.scrollTop = 0; }")
    newest = page.get_by_role("button", name="Newest messages")
    await expect(newest).to_be_visible()
    desk.memory.only_room.add("agent", "news")
    await expect(page.locator("#log .bubble")).to_have_count(25)
    assert await page.locator("#scroller").evaluate("e => e.scrollTop") < 50
    await newest.click()
    await expect(page.locator("#log .bubble").last).to_be_in_viewport()
    await expect(newest).to_be_hidden()
