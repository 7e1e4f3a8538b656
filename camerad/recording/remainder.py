"""Remaining packets for another recording, after the encoder changed its settings.

A recording has one initialisation segment, so what is encoded otherwise belongs into a recording of
its own. The recorder that finds the change begins to follow the rings for that one, before it lets
go of them itself: not a picture can leave in between, however long the storage takes.
"""

from __future__ import annotations

import msgspec

from camerad.stream.ring import RingReader


class Remainder(msgspec.Struct, frozen=True):
    """at_us: media time of the first picture with other settings. pictures, sound: the rings from
    there on; sound None where the recording had none. The owner begins a recording with it
    (`camerad.recording.recorder.Recorder`), or closes it.
    """

    at_us: int
    pictures: RingReader
    sound: RingReader | None

    def close(self) -> None:
        """Let the rings go."""
        self.pictures.close()
        if self.sound is not None:
            self.sound.close()
