"""Contents of a wheel besides its Python: shared libraries of other projects, and the bill of
materials that the wheel brings along.

auditwheel puts the libraries that a wheel needs into ``NAME.libs``, each with a hash in its file's
name. Whose they are follows from that name, and which release from what the library says of itself
in its bytes: the number behind ``.so`` is that of the interface with most projects. What cannot
be told is said to be unknown. Bills of materials that a wheel brings along are in
``NAME.dist-info/sboms`` (PEP 770); what they say is the wheel's claim, and is marked as such.

What was linked into an extension module statically is in the bill only if the wheel claims it.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from camerad_image import elf, sbom
from camerad_image.errors import ImageError
from camerad_image.sbom import Inner

UNKNOWN: Final = "unknown"
"""The value of the property ``camerad:version`` of something whose version cannot be told."""

_BARE: Final = rb"\0v?(\d+\.\d+\.\d+)\0"
_FFMPEG: Final = rb"FFmpeg version n?(\d+(?:\.\d+)+)"
_OPENBLAS: Final = rb"OpenBLAS (\d+(?:\.\d+)+)"
_PROJECTS: Final[dict[str, tuple[str, bytes]]] = {
    "libSvtAv1Enc": ("svt-av1", _BARE),
    "libXau": ("libxau", b""),
    "libaom": ("libaom", _BARE),
    "libasound": ("alsa-lib", _BARE),
    "libavcodec": ("ffmpeg", _FFMPEG),
    "libavdevice": ("ffmpeg", _FFMPEG),
    "libavfilter": ("ffmpeg", _FFMPEG),
    "libavformat": ("ffmpeg", _FFMPEG),
    "libavif": ("libavif", b""),
    "libavutil": ("ffmpeg", _FFMPEG),
    "libbrotlicommon": ("brotli", b""),
    "libbrotlidec": ("brotli", b""),
    "libcrypto": ("openssl", rb"OpenSSL (\d+\.\d+\.\d+[a-z]*) "),
    "libdav1d": ("dav1d", _BARE),
    "libdrm": ("libdrm", b""),
    "libfreetype": ("freetype", b""),
    "libgfortran": ("gcc", b""),
    "libgmp": ("gmp", _BARE),
    "libgnutls": ("gnutls", rb"\0(3\.\d+\.\d+)\0"),
    "libharfbuzz": ("harfbuzz", _BARE),
    "libhogweed": ("nettle", b""),
    "libjpeg": ("libjpeg-turbo", rb"libjpeg-turbo version (\d+\.\d+\.\d+)"),
    "liblcms2": ("little-cms", b""),
    "liblzma": ("xz", _BARE),
    "libmp3lame": ("lame", rb"LAME(\d+\.\d+)"),
    "libnettle": ("nettle", b""),
    "libopenblasp": ("openblas", _OPENBLAS),
    "libopencore-amrnb": ("opencore-amr", b""),
    "libopencore-amrwb": ("opencore-amr", b""),
    "libopenjp2": ("openjpeg", _BARE),
    "libopus": ("opus", rb"libopus (\d+(?:\.\d+)+)"),
    "libpng16": ("libpng", rb"libpng version (\d+\.\d+\.\d+)"),
    "libscipy_openblas64_": ("openblas", _OPENBLAS),
    "libsharpyuv": ("libwebp", b""),
    "libssl": ("openssl", rb"OpenSSL (\d+\.\d+\.\d+[a-z]*) "),
    "libswresample": ("ffmpeg", _FFMPEG),
    "libswscale": ("ffmpeg", _FFMPEG),
    "libtiff": ("libtiff", rb"LIBTIFF, Version (\d+\.\d+\.\d+)"),
    "libunistring": ("libunistring", b""),
    "libvpx": ("libvpx", _BARE),
    "libwebp": ("libwebp", b""),
    "libwebpdemux": ("libwebp", b""),
    "libwebpmux": ("libwebp", b""),
    "libx264": ("x264", b""),
    "libx265": ("x265", b""),
    "libxcb": ("libxcb", b""),
    "libxcb-shape": ("libxcb", b""),
    "libxcb-shm": ("libxcb", b""),
    "libxcb-xfixes": ("libxcb", b""),
    "libzstd": ("zstd", _BARE),
}
"""Whose a library is, by its file's name, and how it says its release: a pattern that has to be
found in its bytes, always with the same text; empty where its bytes do not say it."""

_SHARED: Final = re.compile(r"\.so(\.|$)")
_TAGGED: Final = re.compile(r"\.(abi3|cpython-[^.]*)\.so$")
_FILE: Final = re.compile(r"(.+?)(?:-r\d+)?(?:-[0-9a-f]{8})*[.0-9]*\.so(?:\.[.0-9a-z]+)?")
_PURL: Final = re.compile(r"pkg:[A-Za-z][A-Za-z0-9.+-]*/\S+")
_HASHES: Final = {"SHA-256": "[0-9a-f]{64}", "SHA-512": "[0-9a-f]{128}"}
_SCOPES: Final = ("required", "optional", "excluded")


def libraries(info: Path) -> list[Inner]:
    """The shared libraries of the wheel whose ``.dist-info`` is `info`: every one that it records
    and that is no extension module. Sorted. Raises ImageError if one is no shared library."""
    return sorted(_library(info.parent / path, path) for path in _shared(info))


def _shared(info: Path) -> Iterator[str]:
    """The paths, from site-packages, of the libraries that a wheel records."""
    record = info / "RECORD"
    if not record.is_file():
        return
    with record.open(encoding="utf-8", newline="") as file:
        paths = [os.path.normpath(row[0]) for row in csv.reader(file)]
    for path in paths:
        folder, name = os.path.split(path)
        if folder.endswith(".libs") or (_SHARED.search(name) and not _is_module(info.parent, path)):
            yield path


def _is_module(site: Path, path: str) -> bool:
    """Whether Python could import it: by its tag, or by the function that it would call then."""
    if _TAGGED.search(path):
        return True
    stem = os.path.basename(path).split(".")[0]
    return f"PyInit_{stem}".encode() in (site / path).read_bytes()


def _library(file: Path, path: str) -> Inner:
    content = file.read_bytes()
    try:
        soname = elf.soname(content)
    except ValueError as error:
        raise ImageError(f"{path} is among the libraries of a wheel, and is {error}") from None
    project, version = identify(file.name, content)
    properties = {"file": path, "soname": soname or "none"}
    if not project:
        properties["project"] = UNKNOWN
    if not version:
        properties["version"] = UNKNOWN
    return Inner(
        place=path,
        name=project or re.sub(r"[-.].*", "", file.name),
        version=version,
        purl=f"pkg:generic/{project}@{version}" if project and version else "",
        file=file.name,
        hashes=sbom.hashes(content),
        properties=tuple(sorted(properties.items())),
    )


def identify(name: str, content: bytes) -> tuple[str, str]:
    """Project and release of the library with this file name and these bytes; empty where it cannot
    be told."""
    found = _FILE.fullmatch(name)
    if found is None or found[1] not in _PROJECTS:
        return "", ""
    project, said = _PROJECTS[found[1]]
    versions = set(re.findall(said, content)) if said else set()
    return project, versions.pop().decode("ascii") if len(versions) == 1 else ""


def claims(info: Path, name: str) -> list[Inner]:
    """What the bills say that the wheel with the normalised name `name` brings along, in their own
    order, each thing once. Raises ImageError if one of them is no CycloneDX that can be read."""
    found: dict[tuple[str, str, str], Inner] = {}
    for path in sorted((info / "sboms").glob("*.json")):
        place = path.relative_to(info.parent).as_posix()
        try:
            bill = json.loads(path.read_text(encoding="utf-8"))
            if bill["bomFormat"] != "CycloneDX":
                raise ValueError(f"bomFormat is {bill['bomFormat']!r}")
            for number, one in enumerate(_flat(bill.get("components", [])), 1):
                claim = _claim(one, f"{place}:{number}")
                if re.sub(r"[-_.]+", "-", claim.name).lower() == name:
                    continue
                found.setdefault((claim.name, claim.version, claim.purl), claim)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ImageError(
                f"{place} is no bill in CycloneDX that can be read: {error!r}"
            ) from None
    return list(found.values())


def _flat(components: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in components:
        yield one
        yield from _flat(one.get("components", []))


def _claim(one: dict[str, Any], place: str) -> Inner:
    """One component of a wheel's own bill. What the format of ours would refuse is left out."""
    name, version, purl = one["name"], one.get("version") or "", one.get("purl") or ""
    if not all(isinstance(text, str) for text in (name, version, purl)) or not name:
        raise ValueError(f"component {place} has no name, or what is no text")
    hashes = {
        (entry["alg"], entry["content"])
        for entry in one.get("hashes", [])
        if re.fullmatch(_HASHES.get(entry["alg"], "$^"), entry["content"])
    }
    expression, names = _licences(one.get("licenses", []))
    properties = {"claimed-by": place.rpartition(":")[0]}
    if not version:
        properties["version"] = UNKNOWN
    return Inner(
        place=place,
        name=name,
        version=version,
        purl=purl if _PURL.fullmatch(purl) else "",
        hashes=tuple(sorted(hashes)),
        licence=expression,
        licence_names=names,
        scope=one.get("scope", "") if one.get("scope") in _SCOPES else "",
        properties=tuple(sorted(properties.items())),
    )


def _licences(entries: list[dict[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """An SPDX expression if there is exactly one, or the names of all."""
    texts = [
        entry.get("expression") or entry["license"].get("id") or entry["license"]["name"]
        for entry in entries
    ]
    if len(entries) == 1 and "name" not in entries[0].get("license", {}):
        return texts[0], ()
    return "", tuple(sorted(set(texts)))
