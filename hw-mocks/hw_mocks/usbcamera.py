"""A USB camera (UVC 1.0, MJPEG by bulk transfers) for a kernel with USB/IP's virtual controller.

``python -m hw_mocks.usbcamera IMAGES`` plugs it in, as root, and plays the folder's JPEG images
(0.jpg, 1.jpg, …) in a circle until it ends, which unplugs it. The kernel's `vhci-hcd` gets one end
of a pair of sockets, and its transfers are answered at the other (the kernel's
Documentation/usb/usbip_protocol.rst). Controls and descriptors follow the USB Device Class
Definition for Video Devices. `usbcamera.c` is for libcamera on such a controller.
"""

from __future__ import annotations

import argparse
import select
import socket
import struct
import time
from collections import deque
from pathlib import Path
from typing import Final

CONTROLLER: Final = Path("/sys/devices/platform/vhci_hcd.0")
VENDOR, PRODUCT = 0x1D6B, 0x0102
"""Of the Linux Foundation; 0x0102 is the webcam of its gadgets."""
_HIGH_SPEED: Final = 3
_HEADER: Final = struct.Struct(">5I28x")
_SUBMIT, _UNLINK, _SUBMITTED, _UNLINKED = 1, 2, 3, 4
_STALL, _UNLINKED_STATUS = -32, -104  # -EPIPE, -ECONNRESET
_ENDPOINT: Final = 0x81
_PAYLOAD: Final = 16384
"""Bytes of a transfer: as many as Linux's uvcvideo asks for at once, 32 packets of 512."""
_PROBE: Final = struct.Struct("<HBBI5HII")
_GET: Final = frozenset((0x81, 0x82, 0x83, 0x87))  # current, minimum, maximum, default


def _descriptors(width: int, height: int, period: int) -> bytes:
    """The configuration: a camera terminal, an output, and one stream. period: in 100 ns."""
    picture = width * height * 2
    formats = struct.pack("<BBBBBBBBBBB", 11, 0x24, 6, 1, 1, 1, 1, 0, 0, 0, 0)
    rate = picture * 8 * 10_000_000 // period
    formats += struct.pack(
        "<BBBBBHHIIIIBI", 30, 0x24, 7, 1, 0, width, height, rate, rate, picture, period, 1, period
    )
    formats += bytes((6, 0x24, 0x0D, 1, 1, 4))
    terminals = struct.pack("<BBBBHBBHHHB3x", 18, 0x24, 2, 1, 0x0201, 0, 0, 0, 0, 0, 3)
    terminals += struct.pack("<BBBBHBBB", 9, 0x24, 3, 2, 0x0101, 0, 1, 0)
    control = bytes((9, 4, 0, 0, 0, 0x0E, 1, 0, 0))
    control += struct.pack("<BBBHHIBB", 13, 0x24, 1, 0x0100, 13 + len(terminals), 48_000_000, 1, 1)
    stream = bytes((9, 4, 1, 0, 1, 0x0E, 2, 0, 0))
    size = 14 + len(formats)
    stream += struct.pack("<BBBBHBBBBBBBB", 14, 0x24, 1, 1, size, _ENDPOINT, 0, 2, 0, 0, 0, 1, 0)
    endpoint = struct.pack("<BBBBHB", 7, 5, _ENDPOINT, 2, 512, 0)
    association = bytes((8, 0x0B, 0, 2, 0x0E, 3, 0, 0))
    rest = association + control + terminals + stream + formats + endpoint
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(rest), 2, 1, 0, 0x80, 250) + rest


def _text(words: str) -> bytes:
    encoded = words.encode("utf-16-le")
    return bytes((2 + len(encoded), 3)) + encoded


class UsbCamera:
    """The camera's side of the socket. fps: pictures per second."""

    def __init__(self, images: list[bytes], width: int, height: int, fps: int) -> None:
        period = 10_000_000 // fps
        self._images = images
        self._period = 1 / fps
        self._probe = _PROBE.pack(1, 1, 1, period, 0, 0, 0, 0, 0, width * height * 2, _PAYLOAD)
        self._descriptors = {
            1: struct.pack(
                "<BBHBBBBHHHBBBB", 18, 1, 0x200, 0xEF, 2, 1, 64, VENDOR, PRODUCT, 0x100, 1, 2, 0, 1
            ),
            2: _descriptors(width, height, period),
            0x300: bytes((4, 3, 9, 4)),
            0x301: _text("camerad"),
            0x302: _text("USB camera"),
        }
        self._waiting: deque[tuple[int, int]] = deque()
        self._parts: deque[bytes] = deque()
        self._shown = 0

    def serve(self, connection: socket.socket) -> None:
        """Answer the controller until it closes the connection."""
        due = time.monotonic()
        while True:
            left = max(0.0, due - time.monotonic())
            if select.select([connection], [], [], left)[0]:
                header = connection.recv(48, socket.MSG_WAITALL)
                if len(header) < 48:
                    return
                self._answer(connection, header)
            if time.monotonic() >= due:
                due = max(due + self._period, time.monotonic())
                # A picture that no transfer waits for is not taken.
                if self._waiting and not self._parts:
                    self._expose()
            while self._waiting and self._parts:
                number, _ = self._waiting.popleft()
                _reply(connection, number, self._parts.popleft())

    def _expose(self) -> None:
        image = self._images[self._shown % len(self._images)]
        room = _PAYLOAD - 2
        flags = 0x80 | self._shown & 1
        starts = range(0, len(image), room)
        for start in starts:
            last = 2 if start == starts[-1] else 0
            self._parts.append(bytes((2, flags | last)) + image[start : start + room])
        self._shown += 1

    def _answer(self, connection: socket.socket, header: bytes) -> None:
        command, number, _, inwards, endpoint = _HEADER.unpack(header)
        if command == _UNLINK:
            (other,) = struct.unpack_from(">I", header, 20)
            waited = [one for one in self._waiting if one[0] == other]
            for one in waited:
                self._waiting.remove(one)
            status = _UNLINKED_STATUS if waited else 0
            connection.sendall(struct.pack(">5Ii24x", _UNLINKED, number, 0, 0, 0, status))
            return
        _, length = struct.unpack_from(">Ii", header, 20)
        sent = b"" if inwards or not length else connection.recv(length, socket.MSG_WAITALL)
        if endpoint:
            self._waiting.append((number, length))
            return
        answer = self._control(header[40:48])
        if answer is None:
            _reply(connection, number, b"", _STALL)
        else:
            _reply(connection, number, answer[:length], length=0 if inwards else len(sent))

    def _control(self, setup: bytes) -> bytes | None:
        """What a control transfer reads; None refuses it."""
        kind, request, value, _, _ = struct.unpack("<BBHHH", setup)
        if kind == 0x80 and request == 6:
            return self._descriptors.get(value if value >= 0x300 else value >> 8)
        if kind & 0x60 == 0:
            return bytes(2) if kind & 0x80 else b""
        if kind == 0x21 and request == 1:
            if value == 0x200:
                self._parts.clear()
            return b""
        if kind == 0xA1 and value in (0x100, 0x200):
            known = {0x85: struct.pack("<H", _PROBE.size), 0x86: b"\3"}
            return self._probe if request in _GET else known.get(request)
        return None


def _reply(
    connection: socket.socket, number: int, read: bytes, status: int = 0, length: int = 0
) -> None:
    size = len(read) or length
    connection.sendall(
        struct.pack(">5IiiiII8x", _SUBMITTED, number, 0, 0, 0, status, size, 0, 0, 0) + read
    )


def plugged_in() -> socket.socket:
    """The camera's end of a connection to the first port of the virtual controller."""
    here, there = socket.socketpair()
    with there:
        words = f"0 {there.fileno()} {1 << 16 | 2} {_HIGH_SPEED}"
        (CONTROLLER / "attach").write_text(words)
    return here


def main() -> None:
    """Plug the camera in and serve it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 360))
    parser.add_argument("--fps", type=int, default=10)
    options = parser.parse_args()
    paths = sorted(options.images.glob("*.jpg"), key=lambda path: int(path.stem))
    images = [path.read_bytes() for path in paths]
    width, height = options.size
    with plugged_in() as connection:
        UsbCamera(images, width, height, options.fps).serve(connection)


if __name__ == "__main__":
    main()
