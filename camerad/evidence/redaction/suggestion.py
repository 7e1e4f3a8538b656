"""Suggests masks for a film, and shows them to a person: a draft, and a film with outlines.

Detection suggests; a person decides. Detections that overlap from picture to picture become one
mask, which goes on in straight lines where some pictures between have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any, Final

import av
import cv2
import numpy as np

from camerad.container.redaction import Mask, MaskBox, MaskKind, Rectangle
from camerad.container.statements import FragmentFacts, Header
from camerad.evidence.redaction.draft import DraftMask, MaskState
from camerad.evidence.redaction.opened_film import FilmClock, OpenedMember, content_of_sample
from camerad.evidence.redaction.parameter_sets import read_configuration
from camerad.evidence.redaction.picture_codec import PictureDecoder

if TYPE_CHECKING:
    from av.container import OutputContainer

Detected = tuple[MaskKind, Rectangle]
Detect = Callable[[np.ndarray[Any, Any]], Sequence[Detected]]
"""What is in a picture (height, width, 3; BGR)."""
EVERY: Final = 5
"""Of so many pictures one is searched."""
_MISSED: Final = 15
"""Pictures without a detection after which a mask ends: half a second."""
_AHEAD: Final = EVERY
"""Pictures before the first and behind the last detection that are masked too."""
_OVERLAP: Final = 0.2
"""Least share of two rectangles that are one face from picture to picture (intersection over
union)."""
_MARGIN: Final = 0.2
"""Of a detection's width and height, added on each side."""
_COLOURS: Final = {MaskKind.FACE: (0, 0, 255), MaskKind.PLATE: (0, 255, 255)}


class Tracker:
    """Makes masks of detections, picture by picture."""

    def __init__(self) -> None:
        self._tracks: list[tuple[MaskKind, dict[int, Rectangle]]] = []
        self._open: list[tuple[MaskKind, dict[int, Rectangle]]] = []

    def add(self, number: int, found: Sequence[Detected]) -> None:
        """Add what was detected in a picture."""
        self._open = [one for one in self._open if number - max(one[1]) <= _MISSED]
        left = list(self._open)
        for kind, where in found:
            near = [
                (_overlap(where, track[max(track)]), index)
                for index, (other, track) in enumerate(left)
                if other is kind
            ]
            best, index = max(near, default=(0.0, 0))
            if best >= _OVERLAP:
                left.pop(index)[1][number] = where
            else:
                new = (kind, {number: where})
                self._tracks.append(new)
                self._open.append(new)

    def masks(self, pictures: int, width: int, height: int) -> Iterator[DraftMask]:
        """The masks of a film with so many pictures of this size."""
        for kind, track in self._tracks:
            wide = {number: _widened(one, width, height) for number, one in track.items()}
            first, last = min(wide), max(wide)
            wide[max(0, first - _AHEAD)] = wide[first]
            wide[min(pictures - 1, last + _AHEAD)] = wide[last]
            boxes: list[MaskBox] = [
                (number, one.x, one.y, one.width, one.height)
                for number, one in sorted(wide.items())
            ]
            yield DraftMask(kind, MaskState.SUGGESTED, tuple(boxes))


def _overlap(one: Rectangle, other: Rectangle) -> float:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    both = max(0, across) * max(0, down)
    return both / (one.width * one.height + other.width * other.height - both)


def _widened(one: Rectangle, width: int, height: int) -> Rectangle:
    across, down = round(one.width * _MARGIN), round(one.height * _MARGIN)
    x, y = max(0, one.x - across), max(0, one.y - down)
    right = min(width, one.x + one.width + across)
    bottom = min(height, one.y + one.height + down)
    return Rectangle(x, y, right - x, bottom - y)


class FilmViewer:
    """A `FragmentUse` that shows each picture to `look`: its number, time after the origin in
    microseconds, and samples (BGR)."""

    def __init__(self, look: Callable[[int, int, np.ndarray[Any, Any]], None]) -> None:
        self._look = look
        self.pictures = 0

    def header(self, header: Header, token: bytes) -> None:  # noqa: ARG002 - see `FragmentUse`
        """Keep the origin of all times."""
        self._head = header

    def init(self, member: OpenedMember) -> None:
        """Learn the tracks."""
        self._clock = FilmClock(self._head, member.clear)
        self._decoder = PictureDecoder(read_configuration(member.clear).content)

    def fragment(self, facts: FragmentFacts, member: OpenedMember, token: bytes) -> None:  # noqa: ARG002
        """Show its pictures."""
        for one in self._clock.samples(self._clock.runs(member.clear)):
            if one.picture:
                picture = self._decoder.decode(content_of_sample(member.clear, one.seen))
                at_us = one.at_us - self._head.origin_us
                self._look(self.pictures, at_us, picture.to_ndarray(format="bgr24"))
                self.pictures += 1

    def end(self, token: bytes) -> None:
        """Nothing is needed of it."""


class PreviewFilm:
    """Writes the film with outlines and numbers of pictures; a context manager."""

    def __init__(self, file: IO[bytes], masks: Sequence[DraftMask]) -> None:
        self._masks = [(one, Mask(one.boxes, one.kind).at) for one in masks]
        self._film: OutputContainer = av.open(file, "w", format="mp4")
        self._stream: Any = None

    def __enter__(self) -> PreviewFilm:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._film.mux(self._stream.encode(None))
        self._film.close()

    def add(self, number: int, at_us: int, picture: np.ndarray[Any, Any]) -> None:
        """Add a picture, as `FilmViewer` shows it."""
        height, width = picture.shape[:2]
        if self._stream is None:
            self._stream = self._film.add_stream("libx264", rate=30)
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
            self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, 1000)
            self._stream.options = {"preset": "veryfast", "crf": "20"}
        shown = np.ascontiguousarray(picture)
        for mask, moving in self._masks:
            where = moving(number)
            if where is not None:
                corners = (where.x, where.y), (where.x + where.width, where.y + where.height)
                colour = _COLOURS.get(mask.kind, (255, 255, 0))
                cv2.rectangle(shown, *corners, colour, 1 + (mask.state is MaskState.CONFIRMED))
        for thick, colour in ((4, (0, 0, 0)), (1, (255, 255, 255))):
            text = f"{number}  {at_us / 1_000_000:.3f} s"
            cv2.putText(shown, text, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, thick)
        frame = av.VideoFrame.from_ndarray(shown, format="bgr24")
        frame.pts, frame.time_base = at_us // 1000, Fraction(1, 1000)
        self._film.mux(self._stream.encode(frame))
