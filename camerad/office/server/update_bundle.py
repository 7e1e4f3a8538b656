"""Details in an update bundle of RAUC's, so that the office knows what it offers.

Nothing here is believed, and no signature is checked: the office has no keyring of the cameras'.
Format: RAUC's manual, "Bundle formats"; at the end of the file an unsigned number of 8 bytes, big
endian, the size of the signature before it. That is CMS (RFC 5652), and in the format *verity*,
which is the one that cameras take, the manifest is what it signs.
"""

from __future__ import annotations

import configparser
import os
from typing import Final

import msgspec

from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.text import is_plain
from camerad.behaviour.update import version

_SIZE: Final = 8
_LARGEST_CMS: Final = 1 << 20
_SEQUENCE: Final = 0x30
_EXPLICIT: Final = 0xA0
_OCTETS: Final = 0x04
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
"""OID 1.2.840.113549.1.7.2, as DER."""


class OfferRefusedError(CameradError, ValueError):
    """Error raised when settings or an update are not offered; the text says why, and what to do.
    why: a word for programs: a `RefusalReason`, or "no_bundle", "too_large_bundle", "no_room",
    "not_registered", "nothing_known", "newer_image", "same_file", and those of
    `camerad.office.server.offer_check`."""

    exit_code = EX_CONFIG

    def __init__(self, text: str, why: str) -> None:
        super().__init__(text)
        self.why = why


class BundleManifest(msgspec.Struct, frozen=True):
    """compatible: which systems it is for. version: of the system in it."""

    compatible: str
    version: str


def read_manifest(name: str, descriptor: int) -> BundleManifest:
    """What a bundle says of itself. name: what messages call it. Raises OfferRefusedError and
    OSError."""
    length = os.fstat(descriptor).st_size
    size = int.from_bytes(os.pread(descriptor, _SIZE, max(0, length - _SIZE)), "big")
    if not 0 < size <= min(_LARGEST_CMS, length - _SIZE):
        raise _no_bundle(f"{name}: this is no bundle, or its end is missing")
    cms = os.pread(descriptor, size, length - _SIZE - size)
    try:
        manifest = _signed_content(cms).decode("utf-8")
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(manifest)
        found = BundleManifest(parser["update"]["compatible"], parser["update"]["version"])
    except (ValueError, LookupError, configparser.Error):
        raise _no_bundle(
            f"{name}: this is no bundle of the format verity, which cameras take, or it is damaged"
        ) from None
    if version(found.version) is None or not is_plain(found.compatible):
        raise _no_bundle(f"{name}: its manifest has no version of the form that cameras compare")
    return found


def _signed_content(cms: bytes) -> bytes:
    """What a CMS signature has in it: ContentInfo, SignedData, EncapsulatedContentInfo (RFC 5652, 3
    and 5). Raises ValueError."""
    info = _inside(cms, _SEQUENCE)
    if not info.startswith(_SIGNED_DATA):
        raise ValueError("no signed data")
    signed = _inside(_inside(info[len(_SIGNED_DATA) :], _EXPLICIT), _SEQUENCE)
    for _ in range(2):  # version, digest algorithms
        _, _, signed = _element(signed)
    _, _, content = _element(_inside(signed, _SEQUENCE))  # behind its type
    return _inside(_inside(content, _EXPLICIT), _OCTETS)


def _inside(der: bytes, tag: int) -> bytes:
    found, content, _ = _element(der)
    if found != tag:
        raise ValueError(f"tag {found}, not {tag}")
    return content


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and rest of what is first in `der` (X.690, 8.1); lengths are definite."""
    if len(der) < 2:
        raise ValueError("cut short")
    length, begin = der[1], 2
    if length & 0x80:
        begin += length & 0x7F
        if not 2 < begin <= 6:
            raise ValueError("a length of no definite form")
        length = int.from_bytes(der[2:begin], "big")
    if len(der) < begin + length:
        raise ValueError("cut short")
    return der[0], der[begin : begin + length], der[begin + length :]


def _no_bundle(text: str) -> OfferRefusedError:
    return OfferRefusedError(text, "no_bundle")
