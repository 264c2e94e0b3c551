"""Logs carry events and ids; tokens and what customers wrote are taken out, wherever they stand."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from bot import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure("info", "json", stream=stream)
    yield stream
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_has_its_time_level_and_ids(written: io.StringIO) -> None:
    structlog.get_logger("bot.worker").info("answered", conversation="01", seq=2)
    (event,) = lines(written)
    assert [event[key] for key in ("event", "level", "conversation", "seq")] == ["answered", "info", "01", 2]
    assert event["at"].endswith("Z")


def test_library_records_take_the_same_way(written: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").error("Exception in %s", "app")
    logging.getLogger("uvicorn.error").info("started")
    (event,) = lines(written)
    assert (event["event"], event["logger"]) == ("Exception in app", "uvicorn.error")


TELEGRAM = "123456789:AAF-abcdefghijklmnopqrstuvwxyz_0123"
DISCORD = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz_012345"


@pytest.mark.parametrize(
    "secret",
    [
        (f"https://api.telegram.org/bot{TELEGRAM}/getMe", "AAF-abc"),
        (DISCORD, "abcdefghij"),
        ("postgresql+psycopg://shop:hunter2@host/db", "hunter2"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("key sk-abcdefghijklmnop1234", "abcdefghij"),
        ("[parameters: ('my own words',)]", "my own words"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_in_messages_values_and_traces(written: io.StringIO, secret: tuple[str, str]) -> None:
    carrier, hidden = secret
    log = structlog.get_logger("bot")
    log.warning("failed", url=carrier)
    log.warning(carrier)
    logging.getLogger("psycopg").warning("said %s", carrier)
    try:
        int(carrier)
    except ValueError:
        log.exception("broke")
    assert len(lines(written)) == 4
    assert hidden not in written.getvalue()
    assert "ValueError" in written.getvalue()


def test_a_value_named_as_a_secret_or_as_text_is_never_written(written: io.StringIO) -> None:
    structlog.get_logger().info("kept", api_key="abc", text="hello there")
    (event,) = lines(written)
    assert (event["api_key"], event["text"]) == ("[redacted]", "[11 characters]")
