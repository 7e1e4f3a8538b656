"""A recording that never got a file: the card was too slow, and then the daemon died.

Its red light shone, and nothing on the card names it. So the next daemon makes the file: a header,
no footage, and an end that states all of it as a gap. It is found, shown, offloaded and deleted
like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET

from camerad.update.image_version import software

if TYPE_CHECKING:
    from camerad.base.clock import Clock
    from camerad.config import Settings
    from camerad.container.encryption import Sealer
    from camerad.container.keys import SigningKey
    from camerad.daemon.heartbeat import WantedNote


@dataclass(frozen=True, slots=True)
class Fileless:
    """Such a recording: its id, what was noted of it in this boot, and who wears the camera."""

    recording: str
    note: WantedNote
    wearer: str | None


def make(
    directory: str,
    fileless: Fileless,
    settings: Settings,
    *,
    key: SigningKey,
    sealer: Sealer,
    clock: Clock,
) -> str:
    """Make its file in `directory`, with its end; returns the SHA-256 of its header. Raises
    StorageError; then there is no file, or one without an end, which repair closes."""
    from camerad.container.skeleton import Point  # noqa: PLC0415 - slow to import
    from camerad.recording.container_writer import ContainerWriter  # noqa: PLC0415
    from camerad.recording.recording_spec import RecordingSpec  # noqa: PLC0415
    from camerad.store.owed import Owed, recovered  # noqa: PLC0415

    note = fileless.note
    pressed_us = note.until_us if note.trigger_us is None else note.trigger_us
    wanted = RecordingSpec.from_settings(
        settings,
        note.trigger or "",
        pressed_us,
        pre_event=False,
        software=software(),
        wearer=fileless.wearer,
    )
    header = wanted.header(
        lambda _: fileless.recording,
        clock.boot_id,
        clock.moment(),
        origin_us=pressed_us,
        shortfall=None,
        sound=False,
        microphone=UNSET,
    )
    container = ContainerWriter(directory, header, b"", key, sealer)
    point = Point(0, "", 0, 0, 0, 0, pressed_us)
    owed = Owed(note.until_us, note.why)
    container.close(recovered(header, point, owed, clock.boot_id, clock.moment()))
    return container.header_sha256
