"""Every prefix of the Markdown samples, as a growing or a stopped answer shows it: whether Telegram's rules take it, and whether
Discord's fences close."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pyromark

from adapters.discord.wording import length as discord_length
from adapters.discord.wording import wording
from adapters.telegram.rendering import Rendered, render
from adapters.telegram.rendering import length as telegram_length
from bot.delivery.splitting import split
from tests.bench.figures import Figure, figure
from tests.markdown_samples import SAMPLES, every_prefix
from tests.telegram_server import Limits, TelegramServer
from tests.telegram_server.marks import read_marks
from tests.telegram_server.refusal import Refusal
from tests.telegram_server.text import MOST_UNITS, formatted, units

MOST = {"telegram": 4096, "discord": 2000}
MARK = "```"
JSON = {"Content-Type": "application/json"}
SHOWN = 5


@dataclass(slots=True)
class Seen:
    """What became of the parts of all prefixes. A part that was looked at already is not looked at again. `mended`: taken, but
    changed in silence; bold in italic, say, is cut into pieces that do not overlap and look the same.
    """

    prefixes: int = 0
    parts: set[str] = field(default_factory=set)
    nothing: int = 0
    mended: int = 0
    rejected: list[str] = field(default_factory=list)


def grown(step: int) -> Iterator[tuple[str, str]]:
    """Name and prefix; the manager shows no white space before the first word."""
    for name, text in SAMPLES.items():
        for prefix in every_prefix(text, step):
            if prefix.strip():
                yield name, prefix.lstrip()


def by_telegram(part: str, seen: Seen) -> str:
    """Why the stand-in's own check refuses what would be sent; "" when it does not."""
    shown = render(part)
    if not shown.text:
        seen.nothing += 1
        return ""
    try:
        made = formatted(shown.text, read_marks(entities_of(shown)), private=True)
    except Refusal as refusal:
        return refusal.description
    seen.mended += bool(made.mended)
    return "Message is too long" if units(made.text) > MOST_UNITS else ""


def entities_of(shown: Rendered) -> str:
    """As they go over the wire."""
    return msgspec.json.encode(shown.entities).decode()


def by_discord(part: str, seen: Seen) -> str:
    said = wording(part)
    if not said.strip():
        seen.nothing += 1
        return ""
    if len(said) > MOST["discord"]:
        return "longer than 2,000 characters"
    return "a fence that does not close" if open_fence(said) else ""


def open_fence(said: str) -> bool:
    """Whether a block of code is left open, as a parser reads the text that is sent: its last line is no fence."""
    source = said.encode(errors="replace")
    events: Iterable[tuple[Any, Any]] = pyromark.events_with_range(source.decode(), options=pyromark.Options(0))
    for event, place in events:
        block = event["Start"].get("CodeBlock") if isinstance(event, dict) and isinstance(event.get("Start"), dict) else None
        if isinstance(block, dict) and "Fenced" in block:
            code = source[place["start"] : place["end"]].rstrip().decode()
            last = code.rpartition("\n")[2].lstrip("> \t")
            if "\n" not in code or last.strip() != MARK:
                return True
    return False


def look(channel: str, measure: Callable[[str], int], check: Callable[[str, Seen], str], step: int) -> Seen:
    seen = Seen()
    for name, prefix in grown(step):
        seen.prefixes += 1
        for part in split(prefix, measure, MOST[channel]):
            if part in seen.parts:
                continue
            seen.parts.add(part)
            if why := check(part, seen):
                seen.rejected.append(f"{name}: {why}: ...{part[-40:]!r}")
    for rejected in seen.rejected[:SHOWN]:
        print(f"{channel} rejects {rejected}")
    return seen


async def markdown(step: int, over_http: int) -> list[Figure]:
    """Every `step`th prefix by the checks themselves, and every `over_http`th of all over the stand-in's HTTP."""
    figures = []
    for channel, measure, check in (("telegram", telegram_length, by_telegram), ("discord", discord_length, by_discord)):
        started = time.perf_counter()
        seen = await asyncio.to_thread(look, channel, measure, check, step)
        beside = {
            "prefixes": seen.prefixes,
            "different messages": len(seen.parts),
            "nothing to see": seen.nothing,
            "mended": seen.mended,
            "s": time.perf_counter() - started,
        }
        figures.append(_figure(f"{channel}, {len(SAMPLES)} samples", len(seen.rejected), beside))
    asked, refused = await _over_http([prefix for _, prefix in grown(over_http)])
    figures.append(_figure("telegram, over HTTP", refused, {"messages": asked}))
    return figures


async def _over_http(prefixes: Sequence[str]) -> tuple[int, int]:
    """First parts as messages in a private chat; how many were asked for, and how many refused."""
    texts = [shown for prefix in prefixes if (shown := render(split(prefix, telegram_length, MOST["telegram"])[0])).text]
    async with TelegramServer(Limits.none()) as server, aiohttp.ClientSession() as http:
        ann, bot = server.add_user(), server.add_bot()
        ann.start()
        refused = 0
        for shown in texts:
            body = {"chat_id": ann.id, "text": shown.text, "entities": shown.entities}
            url = f"{server.url}/bot{bot.token}/sendMessage"
            async with http.post(url, data=msgspec.json.encode(body), headers=JSON) as answer:
                refused += answer.status != 200
    return len(texts), refused


def _figure(mode: str, rejected: int, beside: dict[str, float]) -> Figure:
    return figure("prefixes of Markdown that a platform rejects", mode, "", [float(rejected)], at_most=0, beside=beside)
