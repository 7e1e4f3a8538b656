"""What an image is made of, from the files of its root: Debian's packages, Python's, what lies
inside of these, their hashes, and their licences as far as they state them.

A licence is an SPDX expression only where a package says one. What it says in other words stays in
these words, and nothing is concluded from a text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from camerad_image import carried, sbom
from camerad_image.python import PREFIX
from camerad_image.sbom import Component

SPDX: Final = frozenset(
    (
        *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
        *("MPL-2.0", "PSF-2.0", "Unlicense", "Zlib"),
    )
)
"""The identifiers that a wheel's older field ``License`` is believed to mean; other words are a
name."""

_MACHINE_READABLE: Final = re.compile(r"^Format:\s*\S*/copyright-format/1\.0/?\s*$", re.M)


def wheels(root: Path, hashes: dict[str, str]) -> list[Component]:
    """Every Python package at PREFIX in `root`, with what is inside. hashes: the SHA-256 of the
    file that each was installed from, by normalised name; camerad's own, which is built, has
    none."""
    found = []
    for path in sorted((root / PREFIX.relative_to("/")).glob("lib/*/*/*.dist-info/METADATA")):
        headers = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        expression, names = _licence(headers)
        name = re.sub(r"[-_.]+", "-", str(headers["Name"])).lower()
        found.append(
            Component(
                kind="pypi",
                name=name,
                version=str(headers["Version"]),
                licence=expression,
                licence_names=names,
                sha256=hashes.get(name, ""),
                inner=(*carried.libraries(path.parent), *carried.claims(path.parent, name)),
            )
        )
    return sorted(found)


def _licence(headers: Message) -> tuple[str, tuple[str, ...]]:
    """The SPDX expression of a package (PEP 639), or the one line that it has in its place."""
    if expression := headers.get("License-Expression"):
        return str(expression), ()
    text = str(headers.get("License", "")).strip()
    words = re.split(r" (?:AND|OR) ", text)
    if all(word in SPDX for word in words):
        return text, ()
    if not text or text == "UNKNOWN" or "\n" in text:
        return "", ()
    return "", (text,)


def debs(components: Iterable[Component], roots: Iterable[Path], cache: Path) -> list[Component]:
    """The same Debian packages with the hash of the file that each came in, where `cache` has it,
    and the licences that its copyright file in one of `roots` names, where programs can read it."""
    roots = tuple(roots)
    return [_deb(component, roots, cache) for component in components]


def _deb(component: Component, roots: tuple[Path, ...], cache: Path) -> Component:
    architecture = dict(component.qualifiers)["arch"]
    version = component.version.replace(":", "%3a")
    file = cache / f"{component.name}_{version}_{architecture}.deb"
    names: tuple[str, ...] = ()
    for root in roots:
        path = (root / "usr/share/doc" / component.name / "copyright").resolve()
        # A link could lead out of the root, to a file of this machine.
        if path.is_relative_to(root.resolve()) and path.is_file():
            names = copyright_names(path.read_text(encoding="utf-8", errors="replace"))
    facts = (("licences-of", "files of the source package, by debian/copyright"),)
    return replace(
        component,
        licence_names=names,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "",
        properties=facts if names else (),
    )


def copyright_names(text: str) -> tuple[str, ...]:
    """The short names of licences in a copyright file of Debian, sorted, as they stand there: each
    is that of some files of the source. Empty if the file is not in the machine-readable
    format."""
    if not _MACHINE_READABLE.search(text):
        return ()
    return tuple(sorted(set(re.findall(r"^License:[ \t]*(\S(?:.*\S)?)[ \t]*$", text, re.M))))


def firmware(name: str, version: str, distribution: str) -> Component:
    """The package of the boards' firmware, which is in the boot partitions and not in the root."""
    qualifiers = (("arch", "all"), ("distro", distribution))
    return Component("deb", name, version, "debian", qualifiers)


def gather(
    root: Path,
    status: str,
    distribution: str,
    *,
    boards: tuple[Component, Path],
    cache: Path,
    hashes: dict[str, str],
) -> list[Component]:
    """All packages of an image, sorted. status: the text of dpkg's; boards: the firmware's package
    and the folder that it was unpacked to; cache: the folder of .deb files; hashes: as of
    `wheels`."""
    packages = [*sbom.debian(status, distribution), boards[0]]
    return sorted([*debs(packages, (root, boards[1]), cache), *wheels(root, hashes)])
