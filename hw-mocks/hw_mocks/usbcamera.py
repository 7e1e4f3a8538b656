"""A USB camera (UVC 1.0, MJPEG by bulk transfers) for an emulated machine.

``python -m hw_mocks.usbcamera IMAGES SOCKET`` plugs it into QEMU's `usb-redir` at the socket and
plays the folder's JPEG images (0.jpg, 1.jpg, …) in a circle until it ends, which unplugs it.
Messages follow the USB Network Redirection protocol (usbredir's usb-redirection-protocol.md),
controls and descriptors the USB Device Class Definition for Video Devices.
"""

from __future__ import annotations

import argparse
import contextlib
import select
import socket
import struct
import time
from collections import deque
from pathlib import Path
from typing import Final

VENDOR, PRODUCT = 0x1D6B, 0x0102
"""Of the Linux Foundation; 0x0102 is the webcam of its gadgets."""
_FIRST_HEADER, _HEADER = struct.Struct("<3I"), struct.Struct("<2IQ")
"""Of the greeting, and of all messages after it."""
_HELLO, _CONNECT, _RESET, _INTERFACES, _ENDPOINTS = 0, 1, 3, 4, 5
_SET_CONFIGURATION, _GET_CONFIGURATION, _CONFIGURATION = 6, 7, 8
_SET_ALTERNATE, _GET_ALTERNATE, _ALTERNATE = 9, 10, 11
_CANCEL, _CONTROL, _BULK = 21, 100, 101
_CONTROL_HEADER: Final = struct.Struct("<4B3H")
_BULK_HEADER: Final = struct.Struct("<BBHIH")
_CAPABILITIES: Final = 1 << 4 | 1 << 5 | 1 << 6
"""To say how large an endpoint's packets are, numbers of 64 bits, lengths of 32: a USB 3 controller
asks for all."""
_HIGH_SPEED: Final = 2
_CANCELLED, _STALL = 1, 4
_ENDPOINT: Final = 0x81
_PAYLOAD: Final = 16384
"""Bytes of a transfer: as many as Linux's uvcvideo asks for at once, 32 packets of 512."""
_LARGEST: Final = 512
"""Bytes of a packet."""
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
    endpoint = struct.pack("<BBBBHB", 7, 5, _ENDPOINT, 2, _LARGEST, 0)
    association = bytes((8, 0x0B, 0, 2, 0x0E, 3, 0, 0))
    rest = association + control + terminals + stream + formats + endpoint
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(rest), 2, 1, 0, 0x80, 250) + rest


def _text(words: str) -> bytes:
    encoded = words.encode("utf-16-le")
    return bytes((2 + len(encoded), 3)) + encoded


def _of_32(kinds: dict[int, int], absent: int = 0) -> bytes:
    return bytes(kinds.get(number, absent) for number in range(32))


class UsbCamera:
    """The camera's side of the connection. fps: pictures per second; pace: a connection on which a
    byte comes for each, where the machine's time is not this one's."""

    def __init__(
        self,
        images: list[bytes],
        width: int,
        height: int,
        fps: int,
        pace: socket.socket | None = None,
    ) -> None:
        period = 10_000_000 // fps
        self._images = images
        self._period = 1 / fps
        self._pace = pace
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
        self._waiting: deque[int] = deque()
        self._parts: deque[bytes] = deque()
        self._shown = 0

    def serve(self, connection: socket.socket) -> None:
        """Plug it in, and answer the machine until that closes the connection."""
        hello = b"hw_mocks".ljust(64, b"\0") + struct.pack("<I", _CAPABILITIES)
        connection.sendall(_FIRST_HEADER.pack(_HELLO, len(hello), 0) + hello)
        first = connection.recv(_FIRST_HEADER.size, socket.MSG_WAITALL)
        connection.recv(_FIRST_HEADER.unpack(first)[1], socket.MSG_WAITALL)
        video = _of_32({0: 0x0E, 1: 0x0E}), _of_32({0: 1, 1: 2}), _of_32({})
        _send(connection, _INTERFACES, 0, struct.pack("<I", 2), _of_32({1: 1}), *video)
        # Each endpoint has a place, those to the machine from 16 on; 0 are for control, 2 for bulk.
        place = 16 + (_ENDPOINT & 15)
        kinds = _of_32({0: 0, 16: 0, place: 2}, 255)
        sizes = struct.pack("<32H", *(_LARGEST if one == place else 64 for one in range(32)))
        _send(connection, _ENDPOINTS, 0, kinds, _of_32({}), _of_32({place: 1}), sizes)
        device = struct.pack("<4B2H", _HIGH_SPEED, 0xEF, 2, 1, VENDOR, PRODUCT)
        _send(connection, _CONNECT, 0, device)
        due = time.monotonic()
        heard = [connection] if self._pace is None else [connection, self._pace]
        while True:
            left = max(0.0, due - time.monotonic()) if self._pace is None else None
            ready = select.select(heard, [], [], left)[0]
            if connection in ready:
                header = connection.recv(_HEADER.size, socket.MSG_WAITALL)
                if len(header) < _HEADER.size:
                    return
                kind, length, number = _HEADER.unpack(header)
                body = connection.recv(length, socket.MSG_WAITALL) if length else b""
                self._answer(connection, kind, number, body)
            if self._pace is None:
                exposed = time.monotonic() >= due
                due = max(due + self._period, time.monotonic()) if exposed else due
            else:
                exposed = self._pace in ready and bool(self._pace.recv(1))
            # A picture that no transfer waits for is not taken.
            if exposed and self._waiting and not self._parts:
                self._expose()
            while self._waiting and self._parts:
                _send_bulk(connection, self._waiting.popleft(), self._parts.popleft())

    def _expose(self) -> None:
        image = self._images[self._shown % len(self._images)]
        room = _PAYLOAD - 2
        flags = 0x80 | self._shown & 1
        starts = range(0, len(image), room)
        for start in starts:
            last = 2 if start == starts[-1] else 0
            self._parts.append(bytes((2, flags | last)) + image[start : start + room])
        self._shown += 1

    def _answer(self, connection: socket.socket, kind: int, number: int, body: bytes) -> None:
        if kind == _BULK:
            self._waiting.append(number)
        elif kind == _CANCEL and number in self._waiting:
            self._waiting.remove(number)
            _send_bulk(connection, number, b"", _CANCELLED)
        elif kind == _RESET:
            self._waiting.clear()
            self._parts.clear()
        elif kind in (_SET_CONFIGURATION, _GET_CONFIGURATION):
            _send(connection, _CONFIGURATION, number, bytes((0, 1)))
        elif kind in (_SET_ALTERNATE, _GET_ALTERNATE):
            _send(connection, _ALTERNATE, number, bytes((0, body[0], 0)))
        elif kind == _CONTROL:
            endpoint, request, target, _, value, index, length = _CONTROL_HEADER.unpack_from(body)
            answer = self._control(target, request, value)
            status, read = (_STALL, b"") if answer is None else (0, answer[:length])
            size = len(read) if endpoint else len(body) - _CONTROL_HEADER.size
            fields = endpoint, request, target, status, value, index, size
            _send(connection, _CONTROL, number, _CONTROL_HEADER.pack(*fields), read)

    def _control(self, kind: int, request: int, value: int) -> bytes | None:
        """What a control transfer reads; None refuses it."""
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


def _send(connection: socket.socket, kind: int, number: int, *parts: bytes) -> None:
    body = b"".join(parts)
    connection.sendall(_HEADER.pack(kind, len(body), number) + body)


def _send_bulk(connection: socket.socket, number: int, read: bytes, status: int = 0) -> None:
    _send(connection, _BULK, number, _BULK_HEADER.pack(_ENDPOINT, status, len(read), 0, 0), read)


def main() -> None:
    """Plug the camera in and serve it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("socket")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 360))
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--pace", help="socket with a byte for each picture")
    options = parser.parse_args()
    paths = sorted(options.images.glob("*.jpg"), key=lambda path: int(path.stem))
    images = [path.read_bytes() for path in paths]
    width, height = options.size
    with contextlib.ExitStack() as stack:
        pace = stack.enter_context(_connected(options.pace)) if options.pace else None
        connection = stack.enter_context(_connected(options.socket))
        UsbCamera(images, width, height, options.fps, pace).serve(connection)


def _connected(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    return connection


if __name__ == "__main__":
    main()
