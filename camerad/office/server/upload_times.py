"""Idle times of uploads, by clocks that may step.

An upload's age is what wall time says since its last part, if that is trusted. One of which
something came since this object was made has to be as old by boot time besides, which never steps.
What was noted by a clock that was ahead counts from the first look by one that is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from camerad.base.clock import DAY, Clock, Moment
from camerad.container.keys import Thumbprint
from camerad.container.recording_ids import RecordingId
from camerad.office.server.upload_files import UploadFiles, UploadProgress
from camerad.office.server.upload_limits import UploadLimits

_Name = tuple[Thumbprint, RecordingId]


class UploadTimes:
    """Of all uploads, by camera's key and recording. claim: of one. Any thread may ask."""

    def __init__(
        self,
        limits: UploadLimits,
        clock: Clock,
        claim: Callable[[Thumbprint, RecordingId], AbstractContextManager[None]],
    ) -> None:
        self._claim = claim
        self._limits = limits
        self._clock = clock
        self._made_us = clock.now_us()
        self._seen: dict[_Name, int] = {}

    def touch(self, name: _Name) -> None:
        """Something came just now."""
        self._seen[name] = self._clock.now_us()

    def forget(self, name: _Name) -> None:
        """There is no such upload any more."""
        self._seen.pop(name, None)

    def keep_only(self, names: Collection[_Name]) -> None:
        """Forget all others."""
        self._seen = {name: at_us for name, at_us in self._seen.items() if name in names}

    def progress(self, name: _Name, files: UploadFiles, now: Moment) -> UploadProgress:
        """How far an upload is. If its last part is noted as later than now, it is noted again as
        of now, and counts from there. now: whose wall time is trusted.

        Raises UploadError, also if such an upload is in use, and StorageError.
        """
        progress = files.progress()
        if progress.wall_us <= now.wall_us:
            return progress
        with self._claim(*name):
            progress = files.progress()
            files.note(progress, progress.offset, now.wall_us)
            self.touch(name)
            return files.progress()

    def is_over(self, name: _Name, progress: UploadProgress, length: int, now: Moment) -> bool:
        """Whether an upload is to be removed. length: that was declared. One that is complete stays
        until this object was there for a day, however old it is."""
        settled = progress.offset < length or now.boot_us - self._made_us >= DAY
        return settled and self._is_idle(name, progress, now, self._kept_us(progress))

    def is_promised(self, name: _Name, progress: UploadProgress, now: Moment) -> bool:
        """Whether room is kept for what did not come yet."""
        return not self._is_idle(name, progress, now, self._limits.promised_days * DAY)

    def _kept_us(self, progress: UploadProgress) -> int:
        """From the last part on, or from the declaration."""
        limits = self._limits
        return DAY * (limits.unfinished_days if progress.offset else limits.promised_days)

    def _is_idle(self, name: _Name, progress: UploadProgress, now: Moment, limit_us: int) -> bool:
        seen_us = self._seen.get(name)
        away = seen_us is None or now.boot_us - seen_us >= limit_us
        return now.trusted and away and now.wall_us - progress.wall_us >= limit_us
