"""Where `frontdesk chat` looks for an instance, and where the bot of its own complains."""

import io
import sys

import pytest

from bot.cli.chat import _address, _of
from bot.cli.configuration import load
from bot.cli.embedded import _Errors


@pytest.mark.parametrize(
    ("named", "url"),
    [
        ("http://localhost:8080/", "http://localhost:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("https://chat.example", "https://chat.example"),
    ],
)
def test_an_instance_may_be_named_in_short(named: str, url: str) -> None:
    assert _address(named) == url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),  # a wildcard is where it listens, not where it is
        ("::", "http://[::1]:8080"),
        ("fd00::7", "http://[fd00::7]:8080"),
    ],
)
def test_else_it_is_where_the_settings_let_it_listen(host: str, url: str) -> None:
    assert _of(load(None, {"FRONTDESK_WEB__HOST": host})) == url


def test_errors_go_where_stderr_goes_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    errors, above_the_input = _Errors(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", above_the_input)
    errors.write("store.unavailable\n")
    assert above_the_input.getvalue() == "store.unavailable\n"
