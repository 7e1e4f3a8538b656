"""The ring's contents: packets, and the gaps between them.

Every picture the sensor exposed while the buffer was armed is either a packet or counted in a gap;
a gap is never silence (a reader finds the two words for everything that did not reach it).
"""

from __future__ import annotations

from typing import NamedTuple


class PacketInfo(NamedTuple):
    """One encoded picture: an H.264 access unit in Annex B form, decodable in this order. A tuple,
    since one is made for every picture.

    epoch: number of the `arm` command under which it was encoded.
    frame: the sensor's own frame number, modulo 2**32; begins anew with each capture process.
    pts_us: media time in microseconds of CLOCK_BOOTTIME.
    key: whether decoding can begin here.
    size: bytes.
    """

    epoch: int
    frame: int
    pts_us: int
    key: bool
    size: int


Buffer = bytes | bytearray | memoryview
Packet = tuple[PacketInfo, Buffer]
"""A packet and its access unit: H.264 in Annex B form, or AAC without any framing."""
