"""What the office's server must never have (O1): pieces of the footage in the clear, and the key
that opens it, in every form in which somebody would write them down."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

import av
import evidence_helpers
import numpy as np
from av.video.frame import PictureType
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from evidence_helpers import FPS, HEIGHT, MICROSECOND, NOMINAL_US, WIDTH, Packet, time_of
from msgspec.structs import replace
from sealed_helpers import (
    Made,
    a_header,
    at,
    office,
    runs_of,
    sealed,
    signed,
    some_closing,
    some_facts,
)

from camerad.recording.fragment_muxer import FragmentMaker
from camerad.stream.packets import PacketInfo

PASSPHRASE: Final = "seventeen wet umbrellas, 4711"  # noqa: S105 - of the test's own key file
PIECE: Final = 32
_VERSION: Final = b"age-encryption.org/v1"
_WORK: Final = 2
_CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def key_file() -> bytes:
    """The office's identity as a file with `PASSPHRASE` (age v1, "The scrypt recipient type"), with
    so little work that no program would offer it."""
    file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrapping = hashlib.scrypt(
        PASSPHRASE.encode(), salt=_VERSION + b"/scrypt" + salt, n=1 << _WORK, r=8, p=1, dklen=32
    )
    body = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    head = b"%s\n-> scrypt %s %d\n%s\n---" % (_VERSION, _plain64(salt), _WORK, _plain64(body))
    mac = hmac.digest(_derived(file_key, b"", b"header"), head, "sha256")
    text = f"{identity_text()}\n".encode()
    last = bytes(11) + b"\1"
    sealed = ChaCha20Poly1305(_derived(file_key, nonce, b"payload")).encrypt(last, text, None)
    return head + b" " + _plain64(mac) + b"\n" + nonce + sealed


@cache
def recording_of_noise(identity: str, seconds: int = 6) -> Made:
    """A recording no two pieces of which are like each other: each picture is noise."""
    noise, packets = np.random.default_rng(17), []
    coder = evidence_helpers._encoder((WIDTH, HEIGHT), "ultrafast")
    for number in range(seconds * FPS):
        planes = noise.integers(0, 256, (HEIGHT * 3 // 2, WIDTH), np.uint8)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts, picture.time_base = time_of(number), MICROSECOND
        picture.pict_type = PictureType.I if number % FPS == 0 else PictureType.NONE
        for packet in coder.encode(picture):
            data = bytes(packet)
            info = PacketInfo(1, 100 + number, time_of(number), packet.is_keyframe, len(data))
            packets.append((info, data))
    return _recording(identity, packets)


def _recording(identity: str, packets: list[Packet]) -> Made:
    origin_us = packets[0][0].pts_us
    header = a_header(identity, origin_us=origin_us, trigger_us=origin_us, clock=at(0))
    plain, facts = [], []
    maker = FragmentMaker(WIDTH, HEIGHT, packets[0][1])
    plain.append(maker.init)
    for sequence, run in enumerate(runs_of(packets)):
        first, last = run[0][0].pts_us, run[-1][0].pts_us
        end_us = last + NOMINAL_US
        plain.append(maker.make(run, end_us, origin_us))
        facts.append(replace(some_facts(sequence, first, last, end_us, len(run)), clock=at(end_us)))
    closing = some_closing(len(packets), facts[-1].end_us)
    members = signed(header, [sealed(data) for data in plain], facts, closing)
    return Made(header, members, tuple(plain), tuple(range(len(packets))), tuple(facts))


def identity_text() -> str:
    """The private key, as a key file has it."""
    return str(office())


def raw_key() -> bytes:
    """The 32 bytes of it (age v1, "The X25519 recipient type": Bech32)."""
    data = identity_text().lower().rpartition("1")[2][:-6]
    bits = "".join(f"{_CHARSET.index(one):05b}" for one in data)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, 256, 8))


def the_key() -> dict[str, bytes]:
    """Everything that would open footage, by what it is."""
    text, raw = identity_text().encode(), raw_key()
    found = {"key as text": text, "key in small letters": text.lower(), "key": raw}
    found |= {"key in hex": raw.hex().encode(), "passphrase": PASSPHRASE.encode()}
    for what in ("key as text", "key", "passphrase"):
        for number, spelled in enumerate(in_base64(found[what])):
            found[f"{what} in base64, {number}"] = spelled
    return found


def footage_of(recording: Made) -> dict[str, bytes]:
    """Pieces of the first, a middle and the last fragments, and of the initialisation segment, in
    the clear: each is in no other, and in nothing that is sealed."""
    init, *fragments = recording.plain
    at = init.index(b"avcC")
    found = {"init": init[at : at + PIECE]}
    middle = len(fragments) // 2
    chosen = {"early": fragments[:2], "middle": fragments[middle : middle + 2]}
    chosen["late"] = fragments[-2:]
    for name, some in chosen.items():
        for number, one in enumerate(some):
            begin = one.index(b"mdat") + 4
            for quarter in (1, 2, 3):
                start = begin + (len(one) - begin) * quarter // 4
                piece = one[start : start + PIECE]
                assert len(set(piece)) > PIECE // 2, "nothing that others have by chance"
                found[f"{name} {number}.{quarter}"] = piece
    assert len(set(found.values())) == len(found)
    assert not any(piece in recording.file for piece in found.values())
    return found


def sealed_pieces(recording: Made) -> dict[str, bytes]:
    """The same of what the server may have: by it, a search shows that it finds what is there."""
    sealed = [data for name, data in recording.members if name.endswith(".age")]
    return {f"sealed {n}": one[len(one) // 2 :][:PIECE] for n, one in enumerate(sealed)}


def in_base64(secret: bytes) -> list[bytes]:
    """How base64 spells it, wherever in something longer it stands: without the characters that its
    neighbours have a part in."""
    found = []
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret)
        found.append(text[4 if before else 0 : (before + len(secret)) // 3 * 4])
    return found


def found_in(data: bytes, secrets: Mapping[str, bytes]) -> set[str]:
    """Which of them are in some bytes."""
    return {name for name, secret in secrets.items() if secret in data}


def found_in_any(many: Iterable[bytes], secrets: Mapping[str, bytes]) -> set[str]:
    """Which of them are in any of these."""
    return {name for data in many for name in found_in(data, secrets)}


def _plain64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)
