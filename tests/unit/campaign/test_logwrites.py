"""The log of a disk's writes that QEMU keeps is read as it was meant, and nothing else is."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.campaign import logwrites
from tests.campaign.blocklog import FLUSH, WRITE
from tests.campaign.blockstates import Log, State, certain, states
from tests.campaign.logwrites import PLACE, WORD, Logged, Part, converted, outside, read

pytestmark = pytest.mark.campaign

SECTOR = 512
FLUSHED, FUA, DISCARDED = 1, 2, 4


def entry(offset: int, data: bytes = b"", flags: int = 0, length: int | None = None) -> bytes:
    sectors = (len(data) if length is None else length) // SECTOR
    header = struct.pack("<QQQQ", offset // SECTOR, sectors, flags, 0)
    return header.ljust(SECTOR, b"\0") + data


def time(at_us: int) -> bytes:
    return entry(PLACE, (WORD + str(at_us).encode()).ljust(SECTOR, b"\0"))


def log_of(path: Path, *entries: bytes, count: int | None = None) -> Path:
    number = len(entries) if count is None else count
    head = struct.pack("<QQQI", logwrites.MAGIC, 1, number, SECTOR).ljust(SECTOR, b"\0")
    path.write_bytes(head + b"".join(entries))
    return path


def kinds(log: Path, image: Path) -> list[tuple[int, int, int, int]]:
    made = Log(log, image)
    made.close()
    return [(one.at_us, one.kind, one.offset, one.length) for one in made.entries]


def test_what_qemu_itself_logs_is_read_and_gives_the_disk_that_it_wrote(tmp_path: Path) -> None:
    program = shutil.which("qemu-io")
    if program is None:
        pytest.skip("not installed: qemu-io (qemu-utils)")
    disk, log, before = (tmp_path / name for name in ("disk", "log", "before"))
    for path in (disk, before):
        with path.open("wb") as file:
            file.truncate(1 << 22)
    log.touch()
    options = (
        "driver=blklogwrites,log-super-update-interval=1,"
        f"file.driver=file,file.filename={disk},log.driver=file,log.filename={log}"
    )
    # Two writes, and a third that is durable when it returns, which takes a flush; then zeroes.
    asked = ("write -P 1 4k 8k", "write -P 2 8k 4k", "write -f -P 3 2M 512", "write -z 4k 1k")
    words = [word for one in asked for word in ("-c", one)]
    subprocess.run([program, "--image-opts", options, *words], check=True, capture_output=True)
    converted(log, [Part(0, 1 << 22)], tmp_path / "converted")
    said = kinds(tmp_path / "converted", before)
    assert [(offset, length) for _, kind, offset, length in said if kind == WRITE] == [
        (4096, 8192),
        (8192, 4096),
        (1 << 21, 512),
        (4096, 1024),
    ]
    durable = said.index((0, WRITE, 1 << 21, 512))
    assert said[durable + 1] == (0, FLUSH, 0, 0)
    made = Log(tmp_path / "converted", before)
    made.make(State(len(said), len(said), (), 0), tmp_path / "made")
    assert (tmp_path / "made").read_bytes() == disk.read_bytes()
    # The zeroes come after that, and are not certain by it.
    zeroes = said.index((0, WRITE, 4096, 1024))
    assert certain(made.entries, zeroes + 1) == durable + 2
    made.close()


def test_an_entry_has_the_last_time_that_was_written_before_it(tmp_path: Path) -> None:
    sector = b"x" * SECTOR
    flush = entry(0, flags=FLUSHED)
    entries = (entry(0, sector), time(50), entry(0, sector), flush, time(70), time(90), flush)
    log = log_of(tmp_path / "log", *entries)
    assert converted(log, [Part(0, 4096)], tmp_path / "to") == [50, 70, 90]
    assert kinds(tmp_path / "to", log) == [
        (0, WRITE, 0, SECTOR),
        (50, WRITE, 0, SECTOR),
        (50, FLUSH, 0, 0),
        (90, FLUSH, 0, 0),
    ]


def test_what_had_returned_by_the_time_of_a_state_stands_before_it(tmp_path: Path) -> None:
    """A sync that returned at 55 was seen by the next time, 60; no state without its flush may
    claim to be later than 55, and those behind the time may."""
    sector = b"x" * SECTOR
    flush = entry(0, flags=FLUSHED)
    entries = [time(50), entry(0, sector), flush, time(60), entry(SECTOR, sector), flush, time(70)]
    log = log_of(tmp_path / "log", *entries)
    converted(log, [Part(0, 4096)], tmp_path / "to")
    made = Log(tmp_path / "to", log)
    made.close()
    found = states(made.entries, [(0, 100)], 50, Random(1))
    assert found
    for state in found:
        if state.at_us >= 55:
            assert state.certain >= 2
    assert any(state.at_us >= 55 for state in found)


def test_parts_of_a_disk_stand_one_behind_the_other_and_the_rest_is_left_out(
    tmp_path: Path,
) -> None:
    parts = [Part(1 << 22, 8192), Part(1 << 23, 8192)]
    sector = b"x" * SECTOR
    places = ((1 << 22) + 512, (1 << 23) + 1024, (1 << 23) + 8192, 0)
    log = log_of(tmp_path / "log", *(entry(one, sector) for one in places))
    converted(log, parts, tmp_path / "to")
    assert [offset for _, _, offset, _ in kinds(tmp_path / "to", log)] == [512, 8192 + 1024]


@pytest.mark.parametrize(
    ("entries", "more", "message"),
    [
        ((entry(0, flags=FUA, length=SECTOR),), {}, "flags 0x2"),
        ((entry(0, flags=DISCARDED, length=SECTOR),), {}, "flags 0x4"),
        ((bytes(SECTOR), entry(0, b"x" * SECTOR)), {}, "entry 0 of 2 was never written"),
        ((entry(0, b"x" * SECTOR)[:-1],), {}, "ends within entry 0"),
        ((entry(0, b"x" * SECTOR),), {"count": 2}, "ends before entry 1"),
        ((entry(PLACE, b"x" * SECTOR),), {}, "there is no time"),
        ((entry(4096 - SECTOR, b"x" * 2 * SECTOR),), {}, "is not within"),
    ],
)
def test_a_log_that_is_not_understood_is_refused(
    tmp_path: Path, entries: tuple[bytes, ...], more: dict[str, int], message: str
) -> None:
    log = log_of(tmp_path / "log", *entries, **more)
    with pytest.raises(ValueError, match=message):
        converted(log, [Part(0, 4096)], tmp_path / "to")


@pytest.mark.parametrize("content", [b"", b"x" * SECTOR, bytes(SECTOR)])
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log").write_bytes(content)
    with (tmp_path / "log").open("rb") as file, pytest.raises(ValueError, match="no log of writes"):
        list(read(file))


def test_entries_say_where_their_data_lies(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", entry(0, flags=FLUSHED), entry(1024, b"y" * SECTOR))
    with log.open("rb") as file:
        assert list(read(file)) == [Logged(0, 0, 2 * SECTOR), Logged(1024, SECTOR, 3 * SECTOR)]
        file.seek(3 * SECTOR)
        assert file.read(SECTOR) == b"y" * SECTOR


def test_a_write_elsewhere_is_seen_and_the_time_is_none(tmp_path: Path) -> None:
    parts = [Part(1 << 21, 4096), Part(1 << 22, 4096)]
    there = entry(1 << 21, b"a" * SECTOR)
    path = log_of(
        tmp_path / "log", time(1), there, entry(0, flags=FLUSHED), entry(4096, b"b" * 512)
    )
    assert [(one.offset, one.length) for one in outside(path, parts)] == [(4096, 512)]
    assert outside(log_of(tmp_path / "log", time(1), there), parts) == []
