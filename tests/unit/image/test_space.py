"""A disk that is too small is told before the build, with what is missing and where."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from camerad_image import build, flavours, space
from camerad_image.errors import ImageError


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """GB of room by the beginning of a folder's path."""
    room: dict[str, float] = {}

    def usage(path: Path) -> SimpleNamespace:
        (found,) = (gb for place, gb in room.items() if str(path).startswith(place))
        return SimpleNamespace(free=int(found * space.GB))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return room


def other_disk() -> Path:
    """A folder that is on no disk of this machine's, but in memory."""
    folder = Path("/dev/shm")  # noqa: S108 - nothing is put there
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    return folder


def test_a_build_begins_only_where_it_has_room(tmp_path: Path, free: dict[str, float]) -> None:
    """4 GB, of which what an earlier build has left in its folder is free again."""
    order = build.Order(flavours.flavour("debian"), "all", tmp_path / "out", None, None, 0)
    work = tmp_path / "cache" / "debian"
    free[str(tmp_path)] = 4.1
    assert build.check(order, work) is None
    free[str(tmp_path)] = 3.9995
    with pytest.raises(ImageError, match=rf"{tmp_path} has 4.0 GB of room.* 0.1 GB are missing"):
        build.Build(order, work).build()
    assert not work.exists()
    (work / "base").mkdir(parents=True)
    (work / "base" / "file").write_bytes(b"x" * 1_000_000)
    assert build.check(order, work) is None
    free[str(tmp_path)] = 1.5
    with pytest.raises(ImageError, match=r"1.5 GB of room.*: 2.5 GB are missing. Make room"):
        build.check(order, work)


def test_results_on_another_disk_want_room_there(tmp_path: Path, free: dict[str, float]) -> None:
    out = other_disk()
    free |= {str(tmp_path): 5.0, str(out): 0.4}
    with pytest.raises(ImageError) as raised:
        space.check([tmp_path / "work"], out / "not-there")
    assert str(raised.value).startswith(
        f"{out} has 0.4 GB of room, and a build wants 1.0 GB there: 0.6 GB are missing. "
    )
    free[str(tmp_path)] = 1.0
    with pytest.raises(ImageError, match=rf"{tmp_path} has 1.0 GB .*; {out} has 0.4 GB of room"):
        space.check([tmp_path / "work"], out)
