"""Locked memory for footage: anonymous, in no core dump and in no child.

Goals: its content never reaches a disk (no file behind it, ``mlock(2)`` against swapping,
``MADV_DONTDUMP`` against core dumps), is not copied into a child process (``MADV_DONTFORK``), costs
no page fault later (locking touches every page now), and is overwritten on request, not when an
allocator decides. Non-goal: protection from root or from a user who may read ``/proc/PID/mem``; the
daemon makes itself non-dumpable against the latter.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
from typing import Final

from camerad.base.errors import RingError, RingLockError

_libc: Final = ctypes.CDLL(None, use_errno=True)
for _function in (_libc.mlock, _libc.munlock):
    _function.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    _function.restype = ctypes.c_int


class Arena:
    """`size` bytes, rounded up to whole pages, all zero. Not thread-safe.

    lock: False leaves the memory swappable; footage of stage 3 may lie there, a pre-event buffer
    may not.

    Raises RingLockError if the kernel refuses to lock that much; the text says what to change.
    """

    def __init__(self, size: int, *, lock: bool = True) -> None:
        self.size = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self.locked = False
        self._map = mmap.mmap(-1, self.size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._map.madvise(mmap.MADV_DONTDUMP)
        self._map.madvise(mmap.MADV_DONTFORK)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        if lock:
            if _libc.mlock(self._address, self.size):
                number = ctypes.get_errno()
                self._map.close()
                raise RingLockError(_refusal(self.size, number))
            self.locked = True
        self._view = memoryview(self._map)

    def view(self, offset: int, size: int) -> memoryview:
        """The bytes themselves, not a copy. Release it: close() cannot unmap under a view."""
        return self._view[offset : offset + size]

    def overwrite(self, offset: int, size: int) -> None:
        """Set the bytes to zero; other Python threads run meanwhile (ctypes lets go of the GIL).

        Raises IndexError if they do not lie in the arena.
        """
        if not 0 <= offset <= offset + size <= self.size:
            raise IndexError(f"bytes {offset} to {offset + size} of an arena of {self.size}")
        ctypes.memset(self._address + offset, 0, size)

    @property
    def closed(self) -> bool:
        """Whether the memory was given back."""
        return self._map.closed

    def close(self) -> None:
        """Overwrite everything, unlock and unmap. A second call does nothing.

        Raises RingError if a view is still in use; the bytes are zero nevertheless.
        """
        if self.closed:
            return
        self.overwrite(0, self.size)
        if self.locked:
            _libc.munlock(self._address, self.size)
            self.locked = False
        self._view.release()
        try:
            self._map.close()
        except BufferError:
            raise RingError("the ring's memory is still in use and cannot be unmapped") from None


def _refusal(wanted: int, number: int) -> str:
    allowed, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    limit = "unlimited" if allowed == resource.RLIM_INFINITY else f"{allowed} bytes"
    kibibytes = -(-wanted // 1024)
    return (
        f"the pre-event buffer needs {wanted} bytes of locked memory and the kernel refuses "
        f"({errno.errorcode.get(number, number)}: {os.strerror(number)}; RLIMIT_MEMLOCK is "
        f"{limit}): set LimitMEMLOCK={kibibytes}K or more in the [Service] part of the unit, or "
        f"run `ulimit -l {kibibytes}` in the shell that starts camerad"
    )
