"""The installation's secret: made once, private, the same after a restart."""

from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.secret import Secret


def test_it_is_made_beside_the_sqlite_file_for_its_owner_only(tmp_path: Path) -> None:
    made = Secret.load("", sqlite_file=tmp_path / "shop.db")
    file = tmp_path / "shop.db.secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db.secret"]
    again = Secret.load("", sqlite_file=tmp_path / "shop.db")
    assert made.sign("cache", "w1") == again.sign("cache", "w1")


def test_purposes_texts_and_secrets_give_different_digests(tmp_path: Path) -> None:
    one, other = Secret(b"a" * 32), Secret(b"b" * 32)
    digests = [one.sign("cache", "w1"), one.sign("session", "w1"), one.sign("cache", "w2"), other.sign("cache", "w1")]
    assert len(set(digests)) == 4
    assert all(len(digest) == 64 for digest in digests)


def test_postgresql_needs_a_named_file() -> None:
    with pytest.raises(SettingsError, match=r"\[security\] secret_file: name a file"):
        Secret.load("", sqlite_file=None)


def test_a_named_file_is_made_when_it_is_missing(tmp_path: Path) -> None:
    made = Secret.load(str(tmp_path / "key"), sqlite_file=None)
    assert made.sign("a", "b") == Secret.load(str(tmp_path / "key"), sqlite_file=None).sign("a", "b")


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [(b"x" * 32, 0o644, "readable by others"), (b"short", 0o600, "less than 32 bytes")],
)
def test_a_file_that_is_open_or_short_is_refused(tmp_path: Path, content: bytes, mode: int, said: str) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(SettingsError, match=said):
        Secret.load(str(tmp_path / "key"), sqlite_file=None)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be made"):
        Secret.load(str(tmp_path / "no" / "key"), sqlite_file=None)
