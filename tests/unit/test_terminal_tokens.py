"""The session's token outlives the terminal, for its owner only."""

from pathlib import Path

import pytest

from adapters.terminal.tokens import TokenFile, state_folder


def test_a_token_is_kept_for_each_instance(tmp_path: Path) -> None:
    TokenFile("http://one", tmp_path / "new").save("first")
    TokenFile("http://two", tmp_path / "new").save("second")
    assert TokenFile("http://one", tmp_path / "new").load() == "first"
    assert TokenFile("http://three", tmp_path / "new").load() == ""


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    TokenFile("http://one", tmp_path).save("first")
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("chat.json", 0o600)]


@pytest.mark.parametrize(
    "kept",
    [
        b"not JSON",
        b"\xff",
        b"[1]",
        b'{"http://one": 7}',
        b'{"http://one": "a\\r\\nHost: elsewhere"}',  # no header may be made of it
    ],
)
def test_a_spoilt_file_is_no_token(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "chat.json").write_bytes(kept)
    assert TokenFile("http://one", tmp_path).load() == ""
    TokenFile("http://one", tmp_path).save("fresh")
    assert TokenFile("http://one", tmp_path).load() == "fresh"


def test_a_folder_that_cannot_be_written_costs_only_the_history(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    TokenFile("http://one", tmp_path / "file").save("first")
    assert TokenFile("http://one", None).load() == ""


def test_a_relative_state_home_is_ignored() -> None:
    assert state_folder({"XDG_STATE_HOME": "/states"}) == Path("/states/frontdesk")
    assert state_folder({"XDG_STATE_HOME": "states"}) == Path.home() / ".local" / "state" / "frontdesk"
