"""Health of the capture process, by its own reports: a few numbers, never a picture.

The link's thread tells; any thread may ask.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from camerad.base.clock import SECOND

_KEPT: Final = 9
"""Beats come four times a second: the rate is that of the last two seconds."""
_NUMBERS: Final = 2**32
_NAMES: Final = ("camera", "platform", "encoder", "width", "height")


class _Beat(NamedTuple):
    """frame: the sensor's number; delivered: frames that came since the process began."""

    frame: int
    pts_us: int
    delivered: int
    luma: int | None


class Vitals:
    """One link's knowledge of its camera."""

    def __init__(self) -> None:
        self._hello: dict[str, Any] = {}
        self._beats: tuple[_Beat, ...] = ()  # another one each time: readers need no lock

    def hello(self, body: dict[str, Any]) -> None:
        """A process says what it has opened (`wire.Kind.HELLO`)."""
        self._hello = {name: body.get(name) for name in _NAMES}
        self._beats = ()

    def beat(self, body: dict[str, Any]) -> None:
        """A process says how far it is (`wire.Kind.BEAT`); what is not of that form is no sign."""
        match body:
            case {"frame": int(frame), "pts_us": int(pts_us), "delivered": int(delivered)}:
                luma = body.get("luma")
                beat = _Beat(frame, pts_us, delivered, luma if type(luma) is int else None)
                before = self._beats[1 - _KEPT :]
                if before and (frame - before[-1].frame) % _NUMBERS >= _NUMBERS // 2:
                    before = ()  # it went back: the sensor counts anew after it was off
                self._beats = (*before, beat)

    def ended(self) -> None:
        """The process has ended."""
        self._hello = {}
        self._beats = ()

    def report(self, now_us: int) -> dict[str, Any]:
        """Ready for JSON, each null while it is not known.

        camera, platform, encoder, width, height: as the process says. age_ms: of the newest frame
        that it told of, which it does four times a second; with nothing armed it is heard once a
        second. rate: frames that the sensor exposes in a second. lost: the share of them that did
        not come, 0 to 1. luma: nine tenths of the newest picture are not brighter, 0 to 255.
        seconds: what rate and share are taken from.
        """
        beats = self._beats
        known = {name: self._hello.get(name) for name in _NAMES}
        last = beats[-1] if beats else None
        report = {
            **known,
            "age_ms": None if last is None else (now_us - last.pts_us) // 1000,
            "rate": None,
            "lost": None,
            "luma": None if last is None else last.luma,
            "seconds": 0.0,
        }
        if last is None or last.pts_us <= beats[0].pts_us:
            return report
        seconds = (last.pts_us - beats[0].pts_us) / SECOND
        exposed = (last.frame - beats[0].frame) % _NUMBERS
        came = last.delivered - beats[0].delivered
        report["rate"] = round(exposed / seconds, 2)
        report["lost"] = round(max(0.0, 1 - came / exposed), 3) if exposed else None
        report["seconds"] = round(seconds, 2)
        return report
