"""Logs are events: a stable action word and ids, on stderr. No customer text, no secret; libraries' logs take the same way."""

import logging
import re
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor, WrappedLogger

Event = MutableMapping[str, Any]

SECRETS = re.compile(
    r"(?<!\d)\d{6,}:[A-Za-z0-9_-]{30,}"  # a Telegram token, in URLs too
    r"|\b[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,}"  # a Discord token
    r"|\b(?:sk|hf|ghp|xoxb)[-_][A-Za-z0-9_-]{16,}"  # keys of model servers and hubs
    r"|(?<=://)[^\s/@]+:[^\s/@]+(?=@)"  # user and password in a URL
    r"|(?<=Bearer )[^\s\"',]+",
    re.IGNORECASE,
)
SECRET_KEYS = re.compile(r"token|secret|password|authorization|api_?key|cookie", re.IGNORECASE)
CUSTOMER_KEYS = {"text", "prompt", "answer", "raw", "body", "greeting", "passage"}
# what an error of the database or of validation quotes of the row at hand
QUOTED = re.compile(r"\[parameters: .*|input_value=.*?(?=, input_type=)|DETAIL:  .*")
REDACTED = "[redacted]"


def configure(
    level: Literal["debug", "info", "warning", "error"], form: Literal["auto", "json", "console"], *, stream: TextIO
) -> None:
    """Send our events and the standard library's records to `stream`. auto: colours on a terminal, JSON elsewhere."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    console = form == "console" or (form == "auto" and stream.isatty())
    rendering: list[Processor] = [
        structlog.processors.format_exc_info,
        hide_private,
        structlog.dev.ConsoleRenderer(colors=stream.isatty()) if console else structlog.processors.JSONRenderer(),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    _quieten_libraries(level)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _quieten_libraries(level: str) -> None:
    """Their news is our debugging: below a warning they speak only when we debug."""
    for name in ("uvicorn", "uvicorn.error", "alembic", "sqlalchemy", "asyncio", "aiohttp", "psycopg"):
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    # statements at this level would carry their parameters
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)


def hide_private(_logger: WrappedLogger, _method: str, event: Event) -> Event:
    """Replace secrets, and what customers wrote, in every value of an event."""
    for key, value in event.items():
        if key in CUSTOMER_KEYS:
            event[key] = f"[{len(str(value))} characters]"
        elif SECRET_KEYS.search(key):
            event[key] = REDACTED
        elif isinstance(value, str):
            event[key] = without_private(value)
        elif not isinstance(value, (int, float, bool, type(None))):
            event[key] = without_private(str(value))
    return event


def without_private(text: str) -> str:
    """The text without anything that looks like a token, a key, a password, or a quoted row."""
    return QUOTED.sub(REDACTED, SECRETS.sub(REDACTED, text))
