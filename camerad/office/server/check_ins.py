"""What each camera said of itself last (`camerad.store.check_in`), as the office keeps it.

``office/check-ins/KID.json``, one file a camera, published whole: ``arrived_us``, microseconds
since 1970 by the server's clock, and ``statement``, the token as the camera signed it. A statement
that is not newer than the one that is there counts for nothing, whatever wall time it names. The
camera's ledger says which is newer, since it only grows, and every start of a daemon makes it
longer; where it did not grow, boot time does, within one boot. So a statement that somebody kept
cannot make a camera look as it was once. Before it counts, what a report needs of its counters is
kept (`camerad.office.report.camera_readings`).
"""

from __future__ import annotations

import logging
import os
from typing import Final, Protocol

import msgspec

from camerad.base import durable_files, file_status, typed_json
from camerad.base.clock import Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, PublicKey, Thumbprint
from camerad.evidence.camera_register import RegisteredCamera
from camerad.office.report.camera_readings import CameraReadings, Line, Reading, follows
from camerad.office.server.directory_locks import DirectoryLocks
from camerad.store import check_in
from camerad.store.check_in import CheckIn
from camerad.store.locations import OFFICE

_log = logging.getLogger(__name__)

CHECK_INS: Final = "check-ins"
_ENDING: Final = ".json"
_LARGEST: Final = check_in.LONGEST + 1024


class StaleCheckInError(CameradError, ValueError):
    """Error raised when a statement is not newer than the last one of its camera."""


class KeyFinder(Protocol):
    """Knows which cameras count: `camerad.office.server.cameras.Cameras`."""

    def key(self, kid: Thumbprint) -> PublicKey:
        """The camera's key. Raises UnregisteredError."""

    def find(self, kid: Thumbprint) -> RegisteredCamera:
        """The camera itself. Raises UnregisteredError."""


class ArrivedCheckIn(msgspec.Struct, frozen=True):
    """arrived_us: when, microseconds since 1970 by the server's clock. said: what the camera
    signed."""

    arrived_us: int
    said: CheckIn


class CheckIns:
    """directory: the office's. cameras: its register. clock: the server's.

    Any thread may call it; of one camera one statement is taken at a time. kid: thumbprint of the
    camera's key. Everything raises UnregisteredError for a key that is not in the register, and
    StorageError.
    """

    def __init__(self, directory: str, cameras: KeyFinder, clock: Clock) -> None:
        self._office = os.path.join(os.path.abspath(directory), OFFICE)
        self._cameras = cameras
        self._clock = clock
        self._locks = DirectoryLocks(os.path.abspath(directory))
        self._readings = CameraReadings(directory)

    def take(self, kid: Thumbprint, token: bytes) -> CheckIn:
        """Keep a statement as the camera's last, durably. Raises JwsError if it is none that this
        camera signed, and StaleCheckInError."""
        key = self._cameras.key(kid)
        said = check_in.parse(token, KeyRing([key]))
        with self._locks.hold(f"check-in-{key.thumbprint}"):
            last = self._read(kid)
            if last is not None and not follows(said, last.said):
                raise StaleCheckInError(
                    "this check-in is not newer than the last one of its camera: it was sent "
                    "twice or kept back, or the camera's card was put back to an earlier state"
                )
            new = Reading(key.thumbprint, self._clock.wall_us(), said, token)
            path = self._path(kid)
            self._readings.keep(key, new, last)
            durable_files.make_directory(os.path.dirname(path))
            durable_files.publish(
                path, msgspec.json.encode(Line(new.arrived_us, token.decode("ascii")))
            )
            if last is not None:
                self._tell(self._cameras.find(kid).name, said, last.said)
        return said

    def last(self, kid: Thumbprint) -> ArrivedCheckIn | None:
        """The last one; None if the camera was never seen, or what is there cannot be read, which
        the log says."""
        found = self._read(kid)
        return None if found is None else ArrivedCheckIn(found.arrived_us, found.said)

    def _read(self, kid: Thumbprint) -> Reading | None:
        keys = KeyRing([self._cameras.key(kid)])
        path = self._path(kid)
        if not file_status.exists(path):
            return None
        content = read_plain(path, "check-in", _LARGEST)
        try:
            kept = typed_json.decode(content, Line)
            token = kept.statement.encode("ascii")
            said = check_in.parse(token, keys)
        except (JwsError, ValueError) as error:
            # msgspec's errors are ValueErrors, and so are those of text that is no ASCII.
            _log.warning(
                "%s: this is no check-in of its camera (%s); the next one replaces it",
                path,
                printable(error),
                extra=MessageId.CHECK_IN.extra,
            )
            return None
        return Reading(kid, kept.arrived_us, said, token)

    def _tell(self, name: str, said: CheckIn, before: CheckIn) -> None:
        """Say what a camera has refused since. name: in the register; what it calls itself is its
        own choice."""
        for one in said.refused_offers:
            if one not in before.refused_offers:
                _log.warning(
                    "camera %s does not take what it was offered (%s): %s",
                    name,
                    one.kind,
                    one.text,
                    extra=MessageId.CHECK_IN.extra,
                )

    def _path(self, kid: Thumbprint) -> str:
        """Nothing on the way is a link, and nothing but a key of the register becomes a path: it
        was looked up before."""
        directory = os.path.join(self._office, CHECK_INS)
        for one in (self._office, directory):
            file_status.check_directory(one)
        return os.path.join(directory, f"{kid}{_ENDING}")
