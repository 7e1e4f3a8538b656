"""Progress of long work: a bar on a terminal, plain lines or nothing elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from camerad.base.text import printable

if TYPE_CHECKING:
    from tqdm import tqdm


class ProgressBar:
    """A bar over bytes on standard error, if that is a terminal; a context manager."""

    def __init__(self, label: str, total: int = 0) -> None:
        self._bar: tqdm[Any] | None = None
        if sys.stderr.isatty():
            from tqdm import tqdm  # noqa: PLC0415 - slow to import, and often not needed

            self._bar = tqdm(
                desc=printable(label),
                total=total,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                leave=False,
                file=sys.stderr,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def set_done(self, done: int, total: int) -> None:
        """So many bytes of so many are done."""
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(done - self._bar.n)

    def advance(self, count: int) -> None:
        """So many bytes more are done."""
        if self._bar is not None:
            self._bar.update(count)

    def set_label(self, text: str) -> None:
        """What is being done now."""
        if self._bar is not None:
            self._bar.set_description(printable(text))
