"""All sections together: what one process is told, and what it refuses."""

from pathlib import Path

import pytest

from bot.cli.channels import push_accounts
from bot.cli.configuration import load
from bot.cli.generation import plan
from bot.errors import SettingsError
from bot.events import AccountKey


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "shop.toml"


@pytest.mark.parametrize(
    ("text", "environment", "said"),
    [
        ("[web]\nprot = 1\n", {}, "shop.toml: [web] prot: unknown key, did you mean port?"),
        ("[web]\nport = 70000\n", {}, "shop.toml: [web] port: "),
        ("", {"FRONTDESK_WEB__PORT": "eighty"}, "FRONTDESK_WEB__PORT: "),
        ("[serving]\nmax_num_seqs = 0\n", {}, "serving.max_num_seqs: "),
        ("", {"FRONTDESK_SERVING__PROT": "1"}, "serving.prot: unknown key"),
        # nothing is silently ignored
        ("[telegram.main]\ntokn = '1:a'\n", {}, "shop.toml: [telegram.main] tokn: unknown key, did you mean token?"),
        ("[telegram]\ntoken = '1:a'\n", {}, "[telegram.token]: telegram holds a table for each account, such as [telegram.main]"),
        ("[telegram.Main]\ntoken = '1:a'\n", {}, "[telegram.Main]: Main is no name for an account"),
        ("[telegram.main]\nmode = 'webhook'\n", {}, "shop.toml: [telegram.main] webhook_url: is needed when mode is webhook"),
        ("", {"FRONTDESK_TELEGRAM__SHOP__TOKEN": "a b"}, "FRONTDESK_TELEGRAM__SHOP__TOKEN: is not a bot token"),
        ("", {"FRONTDESK_DISCORD__MAIN__TOKN": "x"}, "FRONTDESK_DISCORD__MAIN__TOKN: unknown key, did you mean token?"),
        (
            "[discord.a]\ntoken = 'x'\n[discord.b]\ntoken = 'y'\napi_base = 'http://127.0.0.1:1'\n",
            {},
            "[discord.b] api_base is http://127.0.0.1:1, but [discord.a] api_base is https://discord.com/api/v10",
        ),
        ("[generation]\nmodel = 'a'\n[serving]\nmodel = 'b'\n", {}, "[generation] model is a and [serving] model b"),
    ],
)
def test_what_is_refused_is_named(toml: Path, text: str, environment: dict[str, str], said: str) -> None:
    toml.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(str(toml), environment)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_our_own_node_gets_a_fresh_key_and_the_model_of_generation(toml: Path) -> None:
    toml.write_text("[generation]\nmodel = 'some-model'\n[serving]\nport = 8101\nmax_num_seqs = 12\n")
    one, other = plan(load(str(toml), {})), plan(load(str(toml), {}))
    assert (one.url, one.model, one.max_concurrent) == ("http://127.0.0.1:8101/v1", "some-model", 0)
    assert one.node_environment is not None
    assert one.node_environment["FRONTDESK_SERVING__MODEL"] == "some-model"
    assert one.node_environment["FRONTDESK_SERVING__API_KEY"] == one.api_key != other.api_key


def test_a_node_on_any_port_is_given_a_free_one(toml: Path) -> None:
    toml.write_text("[serving]\nport = 0\n")
    generation = plan(load(str(toml), {}))
    assert generation.node_environment is not None
    port = int(generation.node_environment["FRONTDESK_SERVING__PORT"])
    assert port > 1023
    assert generation.node == f"http://127.0.0.1:{port}"


def test_with_a_url_the_serving_section_is_not_even_read(toml: Path) -> None:
    toml.write_text("[generation]\nurl = 'https://models.example/v1'\napi_key = 'k'\n[serving]\nnonsense = 1\n")
    generation = plan(load(str(toml), {}))
    assert (generation.url, generation.api_key, generation.node_environment) == ("https://models.example/v1", "k", None)
    assert generation.node == ""


def test_accounts_are_tables_with_names_and_one_without_a_token_is_off(toml: Path) -> None:
    toml.write_text("[telegram.main]\ntoken = '1:a'\n[telegram.other]\n[discord.shop]\nworkspace = 'Shop'\n")
    configuration = load(str(toml), {"FRONTDESK_DISCORD__SHOP__TOKEN": "x.y.z"})
    assert push_accounts(configuration) == {AccountKey("telegram", "main"): "", AccountKey("discord", "shop"): "Shop"}


def test_the_token_of_an_account_may_come_from_a_file(toml: Path, tmp_path: Path) -> None:
    toml.write_text("")
    (tmp_path / "token").write_text("1:abc\n")
    configuration = load(str(toml), {"FRONTDESK_TELEGRAM__MAIN__TOKEN_FILE": str(tmp_path / "token")})
    assert configuration.telegram["main"].token.get_secret_value() == "1:abc"
    assert "1:abc" not in repr(configuration)
