"""Film that is in memory at the instant at which it is shown.

A sensor waits for no disk. What was read once lies in the page cache, but a kernel drops what
nobody has read for a while, and reading it anew takes as long as other programs keep the disk busy:
a simulated sensor stood for 4 s in preadv(2) on a disk that gave 20 MB/s, half of what a film of
1280x720 takes. Two remedies: `Held` keeps whole films in memory, where that may be had; `Ahead`
asks for pictures two seconds early, which helps everywhere, and only against a disk that is fast
enough on the whole.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

AHEAD: Final = 60
"""Pictures that are asked for before they are shown: two seconds of them."""
SHARE: Final = 8
"""Films may hold the machine's whole memory divided by this: a board of 512 MB has other uses for
it than a film of 450."""
_REFUSALS: Final = frozenset({errno.ENOMEM, errno.EPERM, errno.EAGAIN})

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.mlock.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_libc.mlock.restype = ctypes.c_int


class Held:
    """Files that stay in the page cache, read from the disk now if need be, until `close` or the
    end of this process (mlock(2)). Any process reads them there without a wait.

    They take that memory once, however many processes hold them. `whole` says whether they are
    held; they are not where the kernel lets this user lock less (RLIMIT_MEMLOCK: 8 MB are usual for
    all but root), or where they are more than the SHARE of the memory. Raises OSError for a file
    that cannot be read.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._maps: list[mmap.mmap] = []
        try:
            self.whole = self._hold(list(files))
        except OSError:
            self.close()
            raise
        if not self.whole:
            self.close()

    def _hold(self, files: list[Path]) -> bool:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if sum(file.stat().st_size for file in files) > memory // SHARE:
            return False
        for path in files:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
            self._maps.append(mapped)
            if _libc.mlock(np.frombuffer(mapped, np.uint8).ctypes.data, len(mapped)):
                number = ctypes.get_errno()
                if number in _REFUSALS:
                    return False
                raise OSError(number, os.strerror(number), str(path))
        return True

    def close(self) -> None:
        """The kernel may drop them again; safe to call again."""
        while self._maps:
            # What is no longer mapped is no longer locked.
            self._maps.pop().close()


class Ahead:
    """Has the kernel read what will be shown next, in a thread of its own: who shows it waits for
    no disk, where others may make a reader wait for more than half a second.

    fd: the file; a descriptor of its own is made. count, size: pictures, and bytes of each.
    """

    def __init__(self, fd: int, count: int, size: int) -> None:
        self._fd = os.dup(fd)
        self._count, self._size = count, size
        self._shown = self._asked = 0
        self._news = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="film-ahead", daemon=True)

    def shows(self, number: int) -> None:
        """Frame `number` is about to be shown, and the next ones after it."""
        self._shown = number
        if not self._thread.ident:
            self._thread.start()
        if not AHEAD // 2 <= self._asked - number <= AHEAD + 1:
            self._news.set()

    def close(self) -> None:
        """Let go of the file."""
        self._closed = True
        self._news.set()
        if not self._thread.ident:
            os.close(self._fd)

    def _run(self) -> None:
        while self._news.wait() and not self._closed:
            self._news.clear()
            first, until = self._shown + 1, self._shown + 1 + AHEAD
            if first <= self._asked < until:
                first = self._asked
            for number in range(first, until):
                offset = number % self._count * self._size
                os.posix_fadvise(self._fd, offset, self._size, os.POSIX_FADV_WILLNEED)
            self._asked = until
        os.close(self._fd)
