"""The versions of LoRAs in a model store: what is taken in, what is refused, what is remembered."""

import json
from pathlib import Path

import pytest

from serving.errors import LoraError, SettingsError
from serving.lora import weights
from serving.lora.folders import ordered, standing
from serving.lora.loaded import Loaded, after_load
from serving.lora.naming import same_model
from serving.lora.registry import Registry, Version
from serving.settings import parse
from tests.lora_files import a_lora

BASE = "acme/tiny-llama"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text(json.dumps({"hidden_size": 128, "num_hidden_layers": 2}))
    return tmp_path / "tiny"


def add(registry: Registry, folder: Path, name: str = "support", sha256: str = "") -> Version:
    return registry.add(name, folder, BASE, model=None, believed=False, sha256=sha256)


def test_each_addition_is_the_next_version_and_the_same_weights_are_the_one_they_were(registry: Registry, tmp_path: Path) -> None:
    first, second = a_lora(tmp_path / "a", BASE, seed=1), a_lora(tmp_path / "b", BASE, seed=2)
    assert [add(registry, one).number for one in (first, second, first)] == [1, 2, 1]
    assert [one.number for one in registry.versions("support")] == [1, 2]
    assert registry.find("support").number == 2
    assert (registry.find("support", 1).rank, registry.find("support", 1).base) == (4, BASE)
    assert registry.checked("support", 1).folder == registry.root / "lora" / "support" / "1"


def test_the_weights_file_alone_or_a_link_to_it_names_the_folder_and_a_copy_is_a_file(registry: Registry, tmp_path: Path) -> None:
    folder, blobs = a_lora(tmp_path / "a", BASE), tmp_path / "blobs"
    blobs.mkdir()
    for name in weights.FILES:
        (folder / name).rename(blobs / name)
        (folder / name).symlink_to(blobs / name)
    made = add(registry, folder / weights.WEIGHTS)
    assert not any(path.is_symlink() for path in made.folder.iterdir())
    assert registry.checked("support", 1) == made


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "/x", "A", "a b", ".a", "a..b", "x" * 65, "a@1", "a\n"])
def test_what_could_be_a_path_is_no_name(registry: Registry, tmp_path: Path, name: str) -> None:
    folder = a_lora(tmp_path / "a", BASE)
    for ask in (lambda: add(registry, folder, name), lambda: registry.find(name), lambda: registry.checked(name, 1)):
        with pytest.raises(LoraError, match="is no name for a LoRA"):
            ask()


def test_a_name_or_version_that_is_not_there_says_what_is(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(LoraError, match="there is no LoRA of that name"):
        registry.find("support")
    add(registry, a_lora(tmp_path / "a", BASE))
    with pytest.raises(LoraError, match="no version 3; there are 1"):
        registry.find("support", 3)


def half(folder: Path) -> None:
    path = folder / weights.WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def configured(**values: object) -> object:
    return lambda folder: (folder / weights.CONFIG).write_text(json.dumps({"r": 4, "base_model_name_or_path": BASE, **values}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (half, "half a copy"),
        (lambda folder: (folder / weights.WEIGHTS).write_bytes(b"\xff" * 40), "no safetensors file"),
        (lambda folder: (folder / weights.WEIGHTS).write_bytes(b"\x02" + b"\0" * 7 + b"[]"), "no safetensors file"),
        (lambda folder: (folder / weights.WEIGHTS).unlink(), "adapter_model.safetensors is missing"),
        (lambda folder: (folder / weights.CONFIG).unlink(), "adapter_config.json is missing"),
        (lambda folder: (folder / weights.CONFIG).write_text("{"), "cannot be read"),
        (lambda folder: (folder / weights.CONFIG).write_text("[]"), "no JSON object"),
        (configured(r=0), "the rank, should be a whole number"),
        (configured(r=2), "has rank 4, and adapter_config.json says 2"),
        (configured(peft_type="IA3"), "not LORA"),
        (configured(base_model_name_or_path="acme/other"), "trained for acme/other, and this is acme/tiny-llama: name the model"),
        (configured(base_model_name_or_path=None), "a model that its config does not name"),
    ],
)
def test_what_is_damaged_or_for_another_model_is_refused_and_nothing_is_left(
    registry: Registry, tmp_path: Path, damage: object, said: str
) -> None:
    folder = a_lora(tmp_path / "a", BASE)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(LoraError, match=said) as raised:
        add(registry, folder)
    assert "\n" not in str(raised.value)
    assert registry.names() == []


def test_a_named_sha256_must_be_that_of_the_weights(registry: Registry, tmp_path: Path) -> None:
    folder = a_lora(tmp_path / "a", BASE)
    with pytest.raises(LoraError, match="not what was named"):
        add(registry, folder, sha256="0" * 64)
    assert not list((registry.root / "lora").glob("*/*")), "a refused copy leaves nothing"
    made = add(registry, folder)
    assert add(registry, folder, sha256=made.sha256.upper()) == made
    with pytest.raises(LoraError, match="not what was named"):
        registry.checked("support", 1, sha256="0" * 64)


def test_a_copy_that_was_killed_is_not_seen_and_the_next_one_clears_it(registry: Registry, tmp_path: Path) -> None:
    left = registry.root / "lora" / ".incoming" / "support"
    left.mkdir(parents=True)
    (left / weights.WEIGHTS).write_bytes(b"half")
    assert registry.names() == []
    assert add(registry, a_lora(tmp_path / "a", BASE)).number == 1
    assert not left.exists()


@pytest.mark.parametrize("file", weights.FILES)
def test_a_changed_file_is_refused_whichever_it_is(registry: Registry, tmp_path: Path, file: str) -> None:
    made = add(registry, a_lora(tmp_path / "a", BASE))
    text = bytearray((made.folder / file).read_bytes())
    text[-3] ^= 1
    (made.folder / file).write_bytes(text)
    with pytest.raises(LoraError, match=f"{file} is not what was added"):
        registry.checked("support", 1)


def test_a_link_out_of_the_store_is_refused_even_to_the_same_bytes(registry: Registry, tmp_path: Path) -> None:
    folder = a_lora(tmp_path / "a", BASE)
    made = add(registry, folder)
    (made.folder / weights.WEIGHTS).unlink()
    (made.folder / weights.WEIGHTS).symlink_to(folder / weights.WEIGHTS)
    with pytest.raises(LoraError, match="not in the store itself"):
        registry.checked("support", 1)
    made.folder.rename(tmp_path / "elsewhere")
    made.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LoraError, match="not in the store itself"):
        registry.checked("support", 1)


def test_a_removed_version_stays_known_and_its_number_is_not_given_again(registry: Registry, tmp_path: Path) -> None:
    folder = a_lora(tmp_path / "a", BASE)
    gone = registry.remove("support", add(registry, folder).number)
    assert [path.name for path in gone.folder.iterdir()] == ["frontdesk.json"]
    assert registry.versions("support") == []
    assert add(registry, folder).number == 2


def test_a_store_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LoraError, match=r"serving\.models_dir .*file"):
        add(Registry(tmp_path / "file"), a_lora(tmp_path / "a", BASE))


@pytest.mark.parametrize(
    ("trained_for", "base", "same"),
    [
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct", True),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b-instruct", True),
        ("../runs/SmolLM2-135M-Instruct/", "smollm2-135m-instruct", True),
        ("acme/tiny-llama@main", "acme/tiny-llama", True),
        ("HuggingFaceTB/SmolLM2-135M", "smollm2-135m-instruct", False),
        ("", "smollm2-135m-instruct", False),
    ],
)
def test_a_model_goes_by_its_name_its_repository_or_the_last_part_of_either(trained_for: str, base: str, same: bool) -> None:
    assert same_model(trained_for, base) is same


@pytest.mark.parametrize(
    ("config", "said"), [({"width": 64}, "64 wide, and this one is 128 wide"), ({"layers": 3}, "more than 2")]
)
def test_shapes_of_another_model_are_refused(tmp_path: Path, model: Path, config: dict[str, int], said: str) -> None:
    with pytest.raises(LoraError, match=said):
        weights.read(a_lora(tmp_path / "a", BASE, **config)).check_fits(model)
    weights.read(a_lora(tmp_path / "b", BASE)).check_fits(model)


@pytest.mark.parametrize(
    ("before", "number", "after"),
    [
        ((), 1, (1,)),
        ((1,), 1, (1,)),
        ((1,), 2, (1, 2)),
        ((1, 2), 1, (1,)),  # back: the next rollback goes further back, not forth again
        ((1, 2, 3), 1, (1, 2, 3, 1)),  # chosen by number: what was in use is where a rollback goes
        (tuple(range(20)), 20, tuple(range(1, 21))),
    ],
)
def test_a_rollback_walks_back_through_what_was_in_use(before: tuple[int, ...], number: int, after: tuple[int, ...]) -> None:
    assert after_load(before, number) == after


def test_what_is_loaded_is_kept_by_model_and_whole(tmp_path: Path) -> None:
    one, other = Loaded(tmp_path, BASE), Loaded(tmp_path, "another")
    one.write("support", (1, 2))
    other.write("support", (4,))
    assert (one.read(), other.read()) == ({"support": (1, 2)}, {"support": (4,)})
    assert one.bases_of("support", 1) == [BASE]
    one.write("support", ())
    assert (one.read(), other.read()) == ({}, {"support": (4,)})
    assert [path.name for path in (tmp_path / "lora").iterdir()] == ["loaded.json"]


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"a": {"../x": [1]}}', '{"a": {"x": []}}', '{"a": {"x": ["1"]}}', '{"a": {"x": [true]}}']
)
def test_a_damaged_record_is_named_and_never_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "loaded.json").write_text(text)
    with pytest.raises(LoraError, match=r"loaded\.json .*then load again"):
        Loaded(tmp_path, "a").read()


def test_folders_of_the_settings_are_looked_at_before_anything_starts(tmp_path: Path, model: Path) -> None:
    folder = a_lora(tmp_path / "a", BASE, rank=16)

    def settings(**lora: object):
        return parse({"lora": {"max_loras": 2, **lora}, "models_dir": str(tmp_path)})

    assert ordered(parse({}), model) is None
    order = ordered(settings(folders={"house": str(folder)}), model)
    assert order is not None
    assert order.folders == {"house": str(folder)}
    for lora, said in (
        ({"folders": {"house": str(tmp_path / "no")}}, r"serving\.lora\.folders\.house: .*adapter_config.json is missing"),
        ({"folders": {"house": str(folder)}, "max_rank": 8}, r"rank 16, and serving\.lora\.max_rank is 8"),
        ({"folders": {"../x": str(folder)}}, "is no name for a LoRA"),
        ({"folders": {"smollm2-135m-instruct": str(folder)}}, "name of the model itself"),
    ):
        with pytest.raises(SettingsError, match=said):
            ordered(settings(**lora), model)
    half(folder)
    assert standing(order, model).folders == {}, "an engine that starts again starts without it"
