"""The ring by example: the scenes of ring_scenes.txt.

The first line of a scene has the ring's bytes and seconds. Lines behind it are what is done, and
``=`` what came of it; streams are written as in `stream_helpers`, times in seconds, and the first
picture comes at 1 s. Readers are named by letters. Groups are "IPP", of 0.3 s.
"""

from __future__ import annotations

import pytest
from stream_helpers import FRAME_US, Stream, gaps, held, letters, payload, read

from camerad.base.errors import RingError
from camerad.stream.ring import Gap, Lease, Ring, RingReader
from tests.scenes import as_parameters

SECOND = 1_000_000
OPEN = "-"
"""A number or time that is not known."""


def seconds(us: int | None) -> str:
    """Microseconds as seconds."""
    return OPEN if us is None else f"{us / SECOND:.10g}"


def us(text: str) -> int | None:
    """Seconds as microseconds."""
    return None if text == OPEN else round(float(text) * SECOND)


def told(found: list[Gap] | tuple[Gap, ...]) -> str:
    """Gaps in words: reason, pictures, from and to."""
    return "; ".join(
        f"{gap.reason} {OPEN if gap.frames is None else gap.frames} "
        f"{seconds(gap.from_us)} to {seconds(gap.to_us)}"
        for gap in found
    )


class Scene:
    """A ring, who feeds it, and its readers."""

    def __init__(self, capacity: int, window: float, most: float | None = None) -> None:
        limits = () if most is None else (most,)
        self.ring = Ring(capacity, window, 3 * FRAME_US, *limits, lock=False)
        self.stream = Stream(self.ring)
        self.readers: dict[str, RingReader] = {}
        self.leases: dict[str, Lease] = {}

    def does(self, what: str, more: str) -> str:
        """Do it; returns what comes of it, in words."""
        if what in self.readers:
            name, (what, _, more) = what, more.partition(" ")
            return self._reads(name, self.readers[name], what, more)
        match what:
            case "feed":
                pattern, _, size = more.partition(" of ")
                return self.stream.feed(pattern, int(size) if size else None)
            case "refused":
                with pytest.raises(RingError, match="finds no room"):
                    self.ring.reserve(int(more))
                return ""
            case "gap":
                *reason, frames, from_s, to_s = more.removesuffix(" broken").split()
                number = None if frames == OPEN else int(frames)
                broken = more.endswith(" broken")
                at = us(from_s), us(to_s)
                known = self.ring.note_gap(" ".join(reason), number, *at, broken=broken)
                return "noted" if known else "nothing"
            case "expire":
                self.ring.expire(us(more) or 0)
                return ""
            case "wipe":
                return str(self.ring.wipe())
            case "held":
                return held(self.ring)
            case "bytes":
                return str(self.ring.bytes_held)
            case "seconds":
                return f"{self.ring.seconds_held:g}"
            case "leaves":
                return seconds(self.ring.leaves_us)
            case "wants_key":
                return "yes" if self.ring.wants_key else "no"
        self.readers[what] = self.ring.follow(us(more.removeprefix("follows").strip() or OPEN))
        return ""

    def _reads(self, name: str, reader: RingReader, what: str, more: str) -> str:
        match what:
            case "read":
                return read(reader, **({"until_us": us(more) or 0} if more else {}))
            case "gaps":
                return told(gaps(reader))
            case "open":
                return told(reader.open_gaps())
            case "overrun":
                return "yes" if reader.overrun else "no"
            case "shortfall":
                return seconds(reader.shortfall_us)
            case "takes":
                limits = [us(one) for one in more.split()]
                lease = reader.take(limits[0] or 0, *limits[1:])
                if lease is None:
                    return "nothing"
                self.leases[name] = lease
                packets = letters(info for info, _ in lease.packets)
                return f"{packets}, next {seconds(lease.next_pts_us)}"
            case "gives_back":
                lease = self.leases.pop(name)
                assert all(view == payload(info.frame, info.size) for info, view in lease.packets)
                lease.give_back()
            case "ends":
                reader.close()
        return ""


@pytest.mark.parametrize("lines", as_parameters(__file__, "ring_scenes.txt"))
def test_what_is_fed_is_held_read_or_stated_as_in_its_scene(lines: list[str]) -> None:
    capacity, *window = lines[0].split()[1::2]
    scene, seen = Scene(int(capacity), *map(float, window)), [lines[0]]
    for line in lines[1:]:
        done = line.partition(" =")[0]
        came = scene.does(*done.partition(" ")[::2])
        seen.append(f"{done} = {came}".rstrip() if " =" in line else done)
        assert came == "" or " =" in line, f"{line}: {came}"
    assert seen == lines
    for reader in scene.readers.values():
        reader.close()
    scene.ring.close()
