"""Locked anonymous memory, asked of the kernel itself."""

from __future__ import annotations

import mmap
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad.base.errors import RingError, RingLockError
from camerad.stream import arena as arena_module
from camerad.stream.arena import Arena
from camerad.stream.ring import SCRATCH_BYTES


@pytest.fixture
def arena() -> Iterator[Arena]:
    try:
        arena = Arena(3 * mmap.PAGESIZE)
    except RingLockError as error:
        pytest.skip(f"this machine allows no locked memory: {error}")
    yield arena
    arena.close()


def mapping(address: int) -> dict[str, str]:
    """What /proc/self/smaps says of the mapping that holds the address."""
    found: dict[str, str] = {}
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) .*? \S+ \S+ (\d+) *(.*)$", line):
            if found:
                return found
            start, end = int(match[1], 16), int(match[2], 16)
            if start <= address < end:
                found = {"inode": match[3], "name": match[4]}
        elif found:
            name, _, value = line.partition(":")
            found[name] = value.strip()
    return found


def test_it_is_anonymous_locked_and_in_no_core_dump_and_no_child(arena: Arena) -> None:
    kernel = mapping(arena._address)
    flags = kernel["VmFlags"].split()
    assert (kernel["inode"], kernel["name"]) == ("0", "")
    assert {"lo", "dd", "dc"} <= set(flags)  # locked, dont dump, dont copy on fork: proc(5)
    assert "sh" not in flags


def test_every_page_is_there_before_the_first_packet(arena: Arena) -> None:
    assert mapping(arena._address)["Locked"] == f"{3 * mmap.PAGESIZE // 1024} kB"


def test_it_has_whole_pages_and_is_empty() -> None:
    arena = Arena(mmap.PAGESIZE + 1, lock=False)
    assert arena.size == 2 * mmap.PAGESIZE
    with arena.view(0, arena.size) as view:
        assert bytes(view).count(0) == arena.size
    arena.close()


def test_a_view_is_the_memory_and_not_a_copy() -> None:
    arena = Arena(100, lock=False)
    with arena.view(10, 5) as view:
        view[:] = b"hello"
    with arena.view(12, 1) as again:
        assert again == b"l"
    arena.close()


def test_just_what_is_asked_for_is_overwritten() -> None:
    arena = Arena(100, lock=False)
    with arena.view(0, 10) as view:
        view[:] = b"0123456789"
        arena.overwrite(2, 3)
        assert view == b"01\0\0\x0056789"
    with pytest.raises(IndexError):
        arena.overwrite(-1, 1)
    with pytest.raises(IndexError):
        arena.overwrite(arena.size, 1)
    arena.close()


def test_closing_overwrites_unlocks_and_unmaps(arena: Arena) -> None:
    address = arena._address
    view = arena.view(0, 4)
    view[:] = b"face"
    with pytest.raises(RingError, match="still in use"):
        arena.close()
    assert view == b"\0\0\0\0"
    assert not arena.locked
    view.release()
    del view
    other = Arena(100, lock=False)
    other.close()
    other.close()
    assert "Locked" not in mapping(address) or mapping(address)["Locked"] == "0 kB"


def pages(size: int) -> int:
    """`size` in whole pages."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


def test_a_refusal_says_how_much_is_wanted_and_allowed_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Kernel:
        @staticmethod
        def mlock(address: int, size: int) -> int:
            arena_module.ctypes.set_errno(12)
            return -1

    monkeypatch.setattr(arena_module, "_libc", Kernel)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8192, 8192))
    with pytest.raises(RingLockError) as caught:
        Arena(10_000)
    text = str(caught.value)
    wanted = pages(10_000)
    assert f"{wanted} bytes of locked memory" in text
    assert "ENOMEM" in text
    assert "RLIMIT_MEMLOCK is 8192 bytes" in text
    assert f"LimitMEMLOCK={wanted // 1024}K" in text
    assert f"`ulimit -l {wanted // 1024}`" in text
    assert isinstance(caught.value, PermissionError)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    with pytest.raises(RingLockError, match="RLIMIT_MEMLOCK is unlimited"):
        Arena(10_000)


PROGRAM = """
import os, resource
from camerad.stream.ring import Ring
resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
try:
    Ring(1_000_000, 10)
except Exception as error:
    print(type(error).__name__, error)
print(Ring(1_000_000, 10, lock=False).locked)
"""


def test_the_kernel_refuses_a_process_without_privilege_and_it_is_told_so() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    ).stdout
    wanted = pages(1_000_000 + SCRATCH_BYTES)
    assert f"RingLockError the pre-event buffer needs {wanted} bytes of locked memory" in shown
    assert "RLIMIT_MEMLOCK is 65536 bytes" in shown
    assert shown.endswith("False\n")
