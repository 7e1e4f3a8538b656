"""Makes pictures and sound into the fragments that are committed at once."""

from __future__ import annotations

from itertools import zip_longest

import msgspec

from camerad.container.gaps import Gap
from camerad.recording.audio_segmenter import NO_SOUNDS, SoundChunk
from camerad.recording.fragment_muxer import FragmentMaker, ParametersChangedError
from camerad.recording.segmenter import Chunk, PictureRun


class Made(msgspec.Struct, frozen=True):
    """Fragments, one after the other. runs, gaps: of the pictures in them; heard: the sound in
    them. changed: what kept the rest of the pictures out."""

    data: bytes
    runs: tuple[PictureRun, ...]
    gaps: tuple[Gap, ...]
    heard: SoundChunk
    changed: ParametersChangedError | None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.runs and not self.heard.runs


def assemble(maker: FragmentMaker, chunk: Chunk | None, heard: SoundChunk, origin_us: int) -> Made:
    """The fragments of both, pictures up to where the encoder changed its settings.

    The first run of pictures and the first of sound share a fragment, and so on; what is left over
    has fragments of its own. Raises FragmentError as `FragmentMaker.make` does.
    """
    data = []
    runs: list[PictureRun] = []
    changed = None
    pictures = () if chunk is None else chunk.runs
    for run, heard_run in zip_longest(pictures, heard.runs):
        sounds = heard_run or NO_SOUNDS
        if run is not None and changed is None:
            try:
                data.append(maker.make(run.packets, run.end_us, origin_us, sounds))
            except ParametersChangedError as error:
                changed = error
            else:
                runs.append(run)
                continue
        if sounds.units:
            data.append(maker.make((), 0, origin_us, sounds))
    gaps = () if chunk is None else chunk.gaps
    return Made(b"".join(data), tuple(runs), gaps, heard, changed)
