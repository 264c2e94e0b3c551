"""`[serving]`: where a value comes from, and what is said about a wrong one."""

from pathlib import Path

import pytest

from serving import settings
from serving.embeddings import EmbeddingSettings
from serving.errors import ServingError, SettingsError
from serving.key import kept_key
from serving.options import check_device
from serving.plan import plan
from tests.serving_rig import Told


def loaded(tmp_path: Path, text: str = "", **environ: str) -> settings.ServingSettings:
    file = tmp_path / "frontdesk.toml"
    file.write_text(text)
    return settings.load(file, environ)


def test_without_a_file_everything_has_a_value() -> None:
    made = settings.load(None, {})
    assert (made.model, made.host, made.port, made.replicas) == ("smollm2-135m-instruct", "127.0.0.1", 8001, 1)


def test_the_environment_beats_the_file_and_other_sections_are_not_ours(tmp_path: Path) -> None:
    made = loaded(tmp_path, "[serving]\nport = 1\nmax_num_seqs = 3\n[web]\nport = 2\nx = 1", FRONTDESK_SERVING__PORT="9")
    assert (made.port, made.max_num_seqs) == (9, 3)


def test_the_path_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_text("[serving]\nport = 7")
    assert settings.load(None, {"FRONTDESK_CONFIG": str(tmp_path / "f.toml")}).port == 7


def test_engine_args_come_as_a_table_as_json_and_one_by_one(tmp_path: Path) -> None:
    made = loaded(
        tmp_path,
        "[serving.engine_args]\nblock_size = 64\nload_format = 'auto'",
        FRONTDESK_SERVING__ENGINE_ARGS='{"seed": 1}',
        FRONTDESK_SERVING__ENGINE_ARGS__LOAD_FORMAT="dummy",
        FRONTDESK_SERVING__ENGINE_ARGS__BLOCK_SIZE="32",
    )
    assert made.engine_args == {"block_size": 32, "load_format": "dummy", "seed": 1}


def test_options_of_vllm_go_to_it_by_their_names_and_only_those_that_are_set(tmp_path: Path) -> None:
    (tmp_path / "chat.jinja").write_text("{{ messages }}")
    made = loaded(
        tmp_path,
        f"""[serving]\nkv_cache_dtype = 'fp8'\nenable_prefix_caching = false\nchat_template = '{tmp_path}/chat.jinja'""",
        FRONTDESK_SERVING__SPECULATIVE_CONFIG='{"method": "ngram"}',
        FRONTDESK_SERVING__ENGINE_ARGS='{"seed": 1}',
    )
    assert made.vllm_args == {
        "kv_cache_dtype": "fp8",
        "enable_prefix_caching": False,
        "speculative_config": {"method": "ngram"},
        "chat_template": str(tmp_path / "chat.jinja"),
        "seed": 1,
    }


def test_the_table_of_embeddings_asks_for_an_engine_and_its_absence_for_none(tmp_path: Path) -> None:
    assert settings.parse({}).embeddings is None
    assert loaded(tmp_path, "[serving.embeddings]").embeddings == EmbeddingSettings()
    made = loaded(tmp_path, FRONTDESK_SERVING__EMBEDDINGS='{"max_num_seqs": 8}', FRONTDESK_SERVING__EMBEDDINGS__MODEL="a/b")
    assert made.embeddings == EmbeddingSettings(model="a/b", max_num_seqs=8)


def test_copies_beside_one_another_are_refused_on_a_cpu() -> None:
    check_device("cuda", {"data_parallel_size": 2})
    check_device("cpu", {"data_parallel_size": 1})
    with pytest.raises(SettingsError, match=r"serving\.data_parallel_size: .*serving\.replicas"):
        check_device("cpu", {"data_parallel_size": 2})


def test_lora_comes_as_a_table_as_json_and_one_by_one(tmp_path: Path) -> None:
    made = loaded(
        tmp_path,
        "[serving.lora]\nmax_loras = 1\nmax_rank = 8",
        FRONTDESK_SERVING__LORA='{"folders": {"support": "loras/support"}}',
        FRONTDESK_SERVING__LORA__MAX_LORAS="2",
    )
    assert made.lora.model_dump() == {"max_loras": 2, "max_loaded": 16, "max_rank": 8, "folders": {"support": "loras/support"}}


def test_a_key_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("abc\n")
    assert loaded(tmp_path, FRONTDESK_SERVING__API_KEY_FILE=str(tmp_path / "key")).api_key == "abc"


def test_variables_of_other_sections_are_ignored() -> None:
    assert settings.load(None, {"FRONTDESK_WEB__PORT": "1", "FRONTDESK_SERVING_PORT": "2"}).port == 8001


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("prot = 1", "serving.prot: unknown key"),
        ("port = 70000", "serving.port: Input should be less than or equal to 65535"),
        ("port = 'x'", "serving.port: Input should be a valid integer"),
        ("replicas = 65", "serving.replicas: Input should be less than or equal to 64"),
        ("device = 'tpu'", "serving.device: Input should be 'auto', 'cpu' or 'cuda'"),
        ("engine_args = {host = '0.0.0.0'}", "serving.engine_args: host is set by the node"),
        ("engine_args = {runner = 'pooling'}", "serving.engine_args: runner is set by the node"),
        ("dtype = 'auto'\nengine_args = {dtype = 'half'}", "serving.engine_args: dtype is a key of [serving] itself"),
        ("engine_args = {max_model_len = 9}", "serving.engine_args: max_model_len is a key of [serving] itself"),
        ("dtype = 'int3'", "serving.dtype: Input should be 'auto', 'half'"),
        ("quantization = 'a b'", "serving.quantization: String should match"),
        ("gpu_memory_utilization = 1.5", "serving.gpu_memory_utilization: Input should be less than or equal to 1"),
        ("tensor_parallel_size = 0", "serving.tensor_parallel_size: Input should be greater than or equal to 1"),
        ("chat_template = '/none.jinja'", "serving.chat_template: /none.jinja is no file"),
        (
            "embeddings = {engine_args = {dtype = 'half'}}",
            "serving.embeddings.engine_args: dtype is a key of [serving.embeddings]",
        ),
        ("embeddings = {port = 1}", "serving.embeddings.port: unknown key"),
        ("embeddings = {max_queued_requests = 5}", "serving.embeddings.max_queued_requests: Input should be greater"),
        ("engine_args = {enable_lora = true}", "serving.engine_args: enable_lora is set by the node"),
        ("lora = {max_loras = 2, max_rank = 7}", "serving.lora.max_rank: Input should be 1, 8, 16, 32"),
        ("lora = {max_lora = 2}", "serving.lora.max_lora: unknown key"),
        ("lora = {folders = {a = 'b'}}", "serving.lora: folders are named and max_loras is 0, which is off"),
        ("lora = {max_loras = 3, max_loaded = 2}", "serving.lora: max_loras may not be above max_loaded"),
        ("engine_args = {'--seed' = 1}", "serving.engine_args: '--seed' is not an option name"),
        ("kv_cache_gib = 0", "serving.kv_cache_gib: Input should be greater than 0"),
        ("model = ' '", "serving.model: String should have at least 1 character"),
    ],
)
def test_a_wrong_value_is_one_line_naming_its_key(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded(tmp_path, f"[serving]\n{text}")
    assert str(raised.value).startswith(line)
    assert "\n" not in str(raised.value)


def test_a_wrong_key_is_never_shown() -> None:
    with pytest.raises(SettingsError) as raised:
        settings.parse({"api_key": "very secret"})
    assert "very secret" not in str(raised.value)
    assert "secret" not in repr(settings.parse({"api_key": "secret"}))


@pytest.mark.parametrize("text", ["serving = 1", "[serving", "\x00"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"frontdesk\.toml"):
        loaded(tmp_path, text)


def test_a_named_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="none\\.toml"):
        settings.load(tmp_path / "none.toml", {})


def test_broken_json_in_the_environment_is_named() -> None:
    with pytest.raises(SettingsError, match=r"FRONTDESK_SERVING__ENGINE_ARGS: .* JSON object"):
        settings.load(None, {"FRONTDESK_SERVING__ENGINE_ARGS": "{"})


def test_models_are_kept_in_the_cache_folder_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert settings.parse({}).models_root == Path("/cache/frontdesk/models")
    assert settings.parse({"models_dir": "/big"}).models_root == Path("/big")


def test_a_made_key_is_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "serving.key"
    first = kept_key(path)
    assert len(first) >= 32
    assert kept_key(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "serving.key"
    path.write_text("abc")
    path.chmod(0o644)
    with pytest.raises(ServingError, match="others may read"):
        kept_key(path)


def test_a_node_before_others_changes_their_loras_though_it_has_no_engine(tmp_path: Path) -> None:
    front = "[serving]\nreplicas = 0\nnodes = ['http://gpu-1:8001']\napi_key = 'k'\n"
    assert plan(loaded(tmp_path, front + "[serving.lora]\nmax_loras = 4"), "cpu", "key", Told()).loras
    assert not plan(loaded(tmp_path, front), "cpu", "key", Told()).loras


def test_what_shows_that_an_engine_lives_cannot_be_switched_off(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="disable_log_stats"):
        loaded(tmp_path, "[serving.engine_args]\ndisable_log_stats = true")
