"""What every process does to itself first."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from camerad.base import process


def run(code: str, **environment: str) -> str:
    """What a fresh interpreter prints after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"import os, ctypes\nfrom camerad.base import process\n{code}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


def test_a_guarded_process_can_be_neither_dumped_nor_read() -> None:
    # PR_GET_DUMPABLE is 3.
    assert (
        run(
            "import resource\n"
            "process.forbid_dumps()\n"
            "print(ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE))"
        )
        == "0 (0, 0)"
    )


def test_the_kernel_is_told_to_kill_an_orphan() -> None:
    # PR_GET_PDEATHSIG is 2; SIGKILL is 9.
    assert (
        run(
            "process.die_with_parent(os.getppid())\n"
            "number = ctypes.c_int()\n"
            "ctypes.CDLL(None).prctl(2, ctypes.byref(number))\n"
            "print(number.value)"
        )
        == "9"
    )


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    assert run(
        "try:\n"
        "    process.die_with_parent(os.getppid() + 1)\n"
        "except ProcessLookupError as error:\n"
        "    print(error)"
    ).endswith("has ended")


def test_a_refusal_of_the_kernel_is_an_error() -> None:
    with pytest.raises(OSError, match="prctl"):
        process._prctl(-1, 0)


@pytest.mark.parametrize("size", [4_000, 100_000])
def test_freed_memory_is_overwritten(size: int) -> None:
    # glibc writes its own pointers into the first bytes of a free block.
    assert (
        run(
            "process.overwrite_freed_memory()\n"
            "libc = ctypes.CDLL(None)\n"
            "libc.malloc.restype = ctypes.c_void_p\n"
            f"block, guard = ctypes.c_void_p(libc.malloc({size})), libc.malloc(16)\n"
            f"ctypes.memset(block, 7, {size})\n"
            "libc.free(block)\n"
            f"print(b'\\x07' * 8 in ctypes.string_at(block, {size}))"
        )
        == "False"
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries fill nothing")
def test_what_is_allocated_untouched_takes_memory_only_where_it_is_used() -> None:
    # In pages of 4 KiB: 2048 of them are the block. Afterwards it is as before.
    assert (
        run(
            "process.overwrite_freed_memory()\n"
            "libc = ctypes.CDLL(None)\n"
            "libc.malloc.restype = ctypes.c_void_p\n"
            "resident = lambda: int(open('/proc/self/statm').read().split()[1])\n"
            "def taken():\n"
            "    before = resident()\n"
            "    libc.malloc(8 << 20)\n"
            "    return resident() - before\n"
            "with process.untouched_memory():\n"
            "    untouched = taken()\n"
            "filled = taken()\n"
            "block, guard = ctypes.c_void_p(libc.malloc(4000)), libc.malloc(16)\n"
            "ctypes.memset(block, 7, 4000)\n"
            "libc.free(block)\n"
            "print(untouched < 100, filled > 2000, b'\\x07' * 8 in ctypes.string_at(block, 4000))"
        )
        == "True True False"
    )


def test_small_pages_are_all_that_this_process_and_what_it_starts_get() -> None:
    # PR_GET_THP_DISABLE is 42.
    ask = "import ctypes; print(ctypes.CDLL(None).prctl(42, 0, 0, 0, 0))"
    assert (
        run(
            "import subprocess, sys\n"
            "process.use_small_pages()\n"
            f"print(subprocess.run([sys.executable, '-c', {ask!r}], capture_output=True, text=True)"
            ".stdout.strip())"
        )
        == "1"
    )


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries decide themselves")
def test_freed_blocks_return_to_the_kernel_however_large_the_largest_was() -> None:
    # glibc would put the second block onto its heap after the first, where the guard keeps it.
    assert (
        run(
            "process.return_freed_memory()\n"
            "libc = ctypes.CDLL(None)\n"
            "libc.malloc.restype = ctypes.c_void_p\n"
            "resident = lambda: int(open('/proc/self/statm').read().split()[1])\n"
            "libc.free(ctypes.c_void_p(libc.malloc(8 << 20)))\n"
            "before = resident()\n"
            "block, guard = ctypes.c_void_p(libc.malloc(6 << 20)), libc.malloc(16)\n"
            "ctypes.memset(block, 7, 6 << 20)\n"
            "held = resident() - before\n"
            "libc.free(block)\n"
            "left = resident() - before\n"
            "print(held > 1500, left < 100)"  # in pages of 4 KiB: 1536 of them are the block
        )
        == "True True"
    )


def test_a_thread_that_waits_for_ever_does_not_keep_a_process_from_ending() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import threading\n"
            "from camerad.base import process\n"
            "threading.Thread(target=threading.Event().wait).start()\n"
            "process.end_within(0.2, 7)\n",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, "although a thread still waits" in done.stderr) == (7, True)
