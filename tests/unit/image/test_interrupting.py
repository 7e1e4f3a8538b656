"""A build that is told to end takes its programs along, and leaves no half of anything."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad_image import programs, publishing
from camerad_image.rootfs import FILES
from tests.waiting import until

PROGRAM = """\
#!/bin/sh
# As mmdebstrap: it has started others, waits for them, and only takes note of a signal.
for root; do [ "$root" != "${root%/base.part}" ] && break; done
mkdir -p "$root"
[ "$(id -u)" -ne 0 ] || mount -t tmpfs none "$root"
trap 'echo noted' TERM INT HUP
sleep 1000 &
worker=$!
setsid sleep 1000 &
# Until it is the program, it has this shell's traps, and no signal ends it.
until [ "$(cat "/proc/$worker/comm")" = sleep ]; do :; done
touch "$SCENE/begun"
while kill -0 "$worker" 2>/dev/null; do wait "$worker"; done
echo unmounted >"$SCENE/cleaned"
exit 1
"""
BUILDER = """\
import os, pathlib, runpy, sys
from camerad_image import build, programs, rootfs, space
if os.geteuid() != 0:
    programs.CONTAINED = ()
scene = pathlib.Path(os.environ["SCENE"])
build.CACHE = scene / "cache"
space.WORK = 0
rootfs.register_emulator = lambda *, log: None
os.geteuid = lambda: 0
sys.argv = ["camerad_image", "--out", str(scene / "out")]
runpy.run_module("camerad_image", run_name="__main__")
"""
"""The command itself, where no emulator has to be registered."""


def running(scene: Path) -> list[int]:
    """The processes that belong to a scene, without those that nobody has asked about."""
    found = []
    for place in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if place.name.isdecimal() and f"SCENE={scene}\0".encode() in (
                (place / "environ").read_bytes()
            ):
                found.append(int(place.name))
    return found


@contextlib.contextmanager
def building(scene: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A build whose packages have begun; what it says is in the file "told"."""
    (scene / "bin").mkdir()
    program = scene / "bin" / "mmdebstrap"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    sources = scene / "apt.sources"
    sources.write_text("Types: deb\nURIs: http://m.example\nSuites: trixie\nSigned-By: /k.pgp\n")
    environment = {
        **os.environ,
        "SCENE": str(scene),
        "PATH": f"{scene / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(FILES.parent),
        "SOURCE_DATE_EPOCH": "1700000000",
    }
    words = BUILDER.replace('"--out"', f'"--sources", {str(sources)!r}, "--out"')
    begun, told = scene / "begun", scene / "told"
    with told.open("wb") as file:
        builder = subprocess.Popen(
            [sys.executable, "-c", words], env=environment, stderr=file, start_new_session=True
        )
        try:
            until(lambda: begun.exists() or builder.poll() is not None)
            assert begun.exists(), told.read_text()
            yield builder
        finally:
            builder.kill()
            builder.wait()
            for one in running(scene):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_build_that_is_told_to_end_ends_with_all_that_it_has_started(
    number: signal.Signals, tmp_path: Path
) -> None:
    with building(tmp_path) as builder:
        # To it alone; a terminal would tell its whole group, in which its programs are not.
        builder.send_signal(number)
        assert builder.wait(timeout=60) == 128 + number
        told = (tmp_path / "told").read_text()
        assert told.endswith("interrupted; the next build begins anew\n")
        assert running(tmp_path) == []
    assert (tmp_path / "cleaned").read_text() == "unmounted\n", "it could clean up"
    assert list((tmp_path / "out").iterdir()) == []
    # What may be used again is whole (BASE=).
    assert not (tmp_path / "cache/debian/base").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, as a build does")
def test_a_build_that_is_killed_takes_all_along_and_its_mounts(tmp_path: Path) -> None:
    """It can tell nobody, and the next build works in the same folder."""
    with building(tmp_path) as builder:
        until(lambda: len(running(tmp_path)) > 3)  # one that is being loaded shows nothing yet
        builder.kill()
        builder.wait()
        until(lambda: not running(tmp_path))
    assert not (tmp_path / "cleaned").exists(), "nobody was asked"
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()
    with (tmp_path / "cache/debian.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_results_have_their_names_only_once_all_of_them_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, out = tmp_path / "made", tmp_path / "out"
    for folder in (made, out):
        folder.mkdir()
    for name in ("x.img.zst", "x.raucb"):
        (made / name).write_text("new")
        (out / name).write_text("old")
    move = publishing.shutil.move

    def cut(source: Path, target: Path) -> object:
        if source.name == "x.raucb":
            # As on another disk: half of it is there.
            target.write_text("n")
            raise programs.Interrupted(signal.SIGTERM)
        return move(source, target)

    with monkeypatch.context() as patch, pytest.raises(programs.Interrupted):
        patch.setattr(publishing.shutil, "move", cut)
        publishing.publish(made, out)
    assert {path.name: path.read_text() for path in out.iterdir()} == {
        "x.img.zst": "old",
        "x.raucb": "old",
    }
    (made / "x.img.zst").write_text("new")
    publishing.publish(made, out)
    assert {path.read_text() for path in out.iterdir()} == {"new"}
    assert len(list(out.iterdir())) == 2
