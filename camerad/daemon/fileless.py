"""Handles a recording without a file: the card was too slow, and then the daemon died.

Its red light shone, and nothing on the card names it. So the next daemon makes the file: a header,
no footage, and an end that states all of it as a gap. It is found, shown, offloaded and deleted
like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from camerad.config import Settings
from camerad.container.recording_ids import RecordingId

if TYPE_CHECKING:
    from camerad.base.clock import Clock
    from camerad.container.encryption import Sealer
    from camerad.container.keys import SigningKey
    from camerad.daemon.heartbeat import WantedNote


def make_missing_file(
    directory: str,
    recording: RecordingId,
    note: WantedNote,
    settings: Settings,
    *,
    key: SigningKey,
    sealer: Sealer,
    clock: Clock,
) -> str:
    """Make the file of the recording in `directory`, with its end; returns the SHA-256 of its
    header. Raises StorageError; then there is no file, or one without an end, which repair closes.

    note: what is known of it, in this boot.
    """
    from camerad.container.skeleton import ChainProgress  # noqa: PLC0415 - slow to import
    from camerad.recording.container_writer import ContainerWriter  # noqa: PLC0415
    from camerad.recording.recording_spec import RecordingSpec  # noqa: PLC0415
    from camerad.store.unwritten_end import UnwrittenEnd, make_closing  # noqa: PLC0415

    wanted = RecordingSpec.from_settings(
        settings,
        note.trigger or "",
        note.until_us if note.trigger_us is None else note.trigger_us,
        pre_event=False,
        continues=note.continues,
        wearer=note.wearer,
    )
    header = wanted.header(
        lambda _: recording,
        clock.boot_id,
        clock.moment(),
        origin_us=wanted.trigger_us,
        shortfall=None,
        sound=False,
        microphone=UNSET,
    )
    container = ContainerWriter(directory, header, b"", key, sealer)
    progress = ChainProgress(0, "", 0, 0, 0, 0, wanted.trigger_us)
    unwritten_end = UnwrittenEnd(note.owed_us, note.why)
    closing = make_closing(header, progress, unwritten_end, clock.boot_id, clock.moment())
    container.close(closing)
    return container.header_sha256
