"""The `frontdesk` command: one line for what is wrong, quick, and importing only what a command needs."""

import re
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import execute, parser
from bot.store.revision import HEAD


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "bot", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def test_a_missing_settings_file_is_one_line_and_exit_2(tmp_path: Path) -> None:
    for command in ("run", "migrate"):
        answer = run(command, "--config", str(tmp_path / "no.toml"))
        assert (answer.returncode, answer.stdout) == (2, "")
        assert answer.stderr == f"frontdesk: {tmp_path / 'no.toml'}: no such settings file\n"


def test_a_full_disk_is_one_line_and_exit_2(tmp_path: Path) -> None:
    def full() -> None:  # no file may grow
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    answer = run("migrate", cwd=tmp_path, preexec_fn=full)
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1), answer.stderr
    assert "frontdesk.db" in answer.stderr


@pytest.mark.parametrize("url", ["postgresql://shop:hunter2@127.0.0.1:1/x", "postgresql://shop:hunter2@127.0.0.1:1/x?nonsense=1"])
def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(tmp_path: Path, url: str) -> None:
    (tmp_path / "shop.toml").write_text(f"[database]\nurl = '{url}'\n[log]\nlevel = 'debug'\n")
    answer = run("migrate", "--config", str(tmp_path / "shop.toml"))
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1), answer.stderr
    assert "hunter2" not in answer.stderr + answer.stdout


def test_an_unknown_command_is_one_line_and_exit_2() -> None:
    answer = run("frob")
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1


def test_every_command_that_is_listed_has_a_module_that_executes() -> None:
    listed = re.findall(r"^    (\w+) ", parser().format_help(), re.MULTILINE)
    assert set(listed) >= {"run", "migrate", "doctor", "models", "version"}
    for name in listed:
        assert callable(import_module(f"bot.cli.{name}").execute)


def test_migrate_makes_the_schema_and_says_its_revision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop.toml").write_text(f"[database]\nurl = 'sqlite:///{tmp_path}/shop.db'\n")
    assert execute(["migrate", "--config", str(tmp_path / "shop.toml")]) == 0
    assert capsys.readouterr().out == f"creating the database schema\nthe database is at revision {HEAD}\n"


def test_version_imports_neither_the_database_nor_the_web() -> None:
    script = "import sys; from bot.cli.main import execute; execute(['version']); print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    said, modules = answer.stdout.splitlines()
    assert said.startswith("frontdesk ")
    assert not {"sqlalchemy", "pydantic", "starlette", "aiohttp", "structlog", "asyncio"} & set(modules.split())
