"""Models by name: what a name means, how one comes whole out of a package, and what a kill leaves behind."""

import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from serving.errors import ModelError, SettingsError
from serving.models import folder
from serving.models.catalogue import CATALOGUE, FolderSource, HubSource, find, find_for
from serving.models.store import MANIFEST, Store, slug
from serving.progress import Report

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = {"kind": "test"}


class Heard(Report):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def step(self, what: str, done: int, total: int) -> None:
        self.lines.append(f"{what} {done}/{total}")


def a_model(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    return folder


# names


def test_a_name_of_the_catalogue_is_itself() -> None:
    assert find("smollm2-135m-instruct") is CATALOGUE["smollm2-135m-instruct"]


def test_a_hub_name_may_carry_a_revision() -> None:
    assert find("acme/tiny@v1.2").source == HubSource("acme/tiny", "v1.2")
    assert find("acme/tiny").source == HubSource("acme/tiny", "main")


def test_a_path_is_a_folder_even_when_it_is_not_there() -> None:
    assert find("./models/mine").source == FolderSource(Path("models/mine"))
    assert isinstance(find("/models/mine").source, FolderSource)


def test_an_unknown_name_is_refused_with_the_near_ones() -> None:
    with pytest.raises(SettingsError, match=r"serving\.model: 'SmolLM2-135M'.*did you mean smollm2-135m-instruct"):
        find("SmolLM2-135M")


@pytest.mark.parametrize("name", ["zzz", "a/b/c", "a/../b", "a b/c", "acme/tiny@"])
def test_what_is_no_name_at_all_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"^serving\.model: "):
        find(name)


def test_a_model_that_makes_something_else_is_refused_where_it_is_named() -> None:
    with pytest.raises(
        SettingsError, match=r"^serving\.model: all-minilm-l6-v2 makes embeddings; its key is serving\.embeddings"
    ):
        find_for("all-minilm-l6-v2", "generate")
    with pytest.raises(SettingsError, match=r"^serving\.embeddings\.model: smollm2-135m-instruct makes answers"):
        find_for("smollm2-135m-instruct", "embed")
    with pytest.raises(SettingsError, match=r"^serving\.embeddings\.model: 'zzz' is no catalogue name"):
        find_for("zzz", "embed")
    assert find_for("acme/any", "embed") == find("acme/any")


def test_no_two_names_share_a_folder() -> None:
    names = ["a/b", "a+b", "a--b", "a-b", "a/b@c", "a%2Fb", "a-/b", "a/-b", "A/b"]
    assert len({slug(name) for name in names}) == len(names)
    assert all("/" not in slug(name) for name in names)


# folders


def test_a_good_folder_is_used_where_it_is(tmp_path: Path) -> None:
    assert folder.check(a_model(tmp_path / "m")) == tmp_path / "m"


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("config.json", "has no config.json, so it is no model in Hugging Face form"),
        ("model.safetensors", "has no weights"),
        ("tokenizer.json", "has no tokenizer"),
    ],
)
def test_a_folder_that_lacks_something_is_told_what(tmp_path: Path, missing: str, line: str) -> None:
    (a_model(tmp_path / "m") / missing).unlink()
    with pytest.raises(ModelError, match=line):
        folder.check(tmp_path / "m")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"architectures": []}', "\x00"])
def test_a_config_that_describes_nothing_is_refused(tmp_path: Path, text: str) -> None:
    (a_model(tmp_path / "m") / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        folder.check(tmp_path / "m")


# the store


def test_a_model_is_there_only_when_it_is_finished_and_of_this_origin(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.making("m", Heard()) as incoming:
        made = a_model(incoming / "dense")
        assert store.finished("m", ORIGIN) is None
        path = store.finish("m", made, ORIGIN)
    assert store.finished("m", ORIGIN) == path
    assert store.finished("m", {"kind": "other"}) is None


@pytest.mark.parametrize("damage", ["short", "gone", "manifest"])
def test_a_damaged_model_is_made_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    with store.making("m", Heard()) as incoming:
        path = store.finish("m", a_model(incoming / "dense"), ORIGIN)
    weights = path / "model.safetensors"
    match damage:
        case "short":
            weights.write_bytes(b"w")
        case "gone":
            weights.unlink()
        case _:
            (path / MANIFEST).unlink()
    assert store.finished("m", ORIGIN) is None
    with store.making("m", Heard()) as incoming:
        store.finish("m", a_model(incoming / "dense"), ORIGIN)
    assert store.finished("m", ORIGIN) == path


def test_a_disk_too_small_is_told_with_numbers(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m needs 1,000,000,000 MB in .* MB are free"):
        Store(tmp_path).room_for("m", 10**15)


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ModelError, match=r"serving\.models_dir .*file"),
        Store(tmp_path / "file").making("m", Heard()),
    ):
        pass


HOLDER = """
    import sys, time
    from pathlib import Path
    from serving.models.store import Store
    from serving.progress import Printed
    with Store(Path(sys.argv[1])).making("m", Printed()) as incoming:
        (incoming / "half").write_text("x")
        print("holding", flush=True)
        sys.stdin.read()
"""


def test_two_pullers_take_turns_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    holder = [sys.executable, "-c", dedent(HOLDER), str(tmp_path)]
    first = subprocess.Popen(holder, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "holding\n"
    second = subprocess.Popen(holder, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert second.stdout is not None
    assert second.stdout.readline() == "m: waiting for another process that is making it\n"
    first.send_signal(signal.SIGKILL)
    assert second.stdout.readline() == "holding\n"
    second.communicate("", timeout=30)
    first.communicate(timeout=30)
    assert (tmp_path / ".incoming" / "m" / "half").exists()
