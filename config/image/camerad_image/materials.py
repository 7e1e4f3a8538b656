"""Materials of an image, from the files of its root: Debian's packages, Python's, libraries inside
of these, their files' hashes, what they depend on, and creators and licences as far as they
state them.

A licence is an SPDX expression only where a package says one. What it says in other words stays in
these words, and nothing is concluded from a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from email.message import Message
from email.parser import HeaderParser
from email.utils import formataddr, getaddresses
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from camerad_image import carried, sbom
from camerad_image.flavours import PYTHON
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

IMAGE: Final = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "platform_machine": "aarch64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
    "os_name": "posix",
}
"""The Python of an image, as markers of requirements know it (PEP 508)."""

_MACHINE_READABLE: Final = re.compile(r"^Format:\s*\S*/copyright-format/1\.0/?\s*$", re.M)


def wheels(
    root: Path, files: Iterable[Path], wanted: str, environment: Mapping[str, str]
) -> list[Component]:
    """Every Python package at PREFIX in `root`, with what is inside and what it depends on. files:
    what they were installed from; wanted: the extra of camerad that is installed; environment: of
    the Python that they are for (PEP 508), where it is not this one."""
    came = {_normal(re.split(r"-(?=\d)", path.name)[0]): path for path in files}
    found: dict[str, tuple[Component, list[Requirement]]] = {}
    for path in sorted((root / PREFIX.relative_to("/")).glob("lib/*/*/*.dist-info/METADATA")):
        headers = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        expression, names = _licence(headers)
        name = _normal(str(headers["Name"]))
        file = came[name]
        component = Component(
            kind="pypi",
            name=name,
            version=str(headers["Version"]),
            licence=expression,
            licence_names=names,
            file=file.name,
            hashes=sbom.hashes(file.read_bytes()),
            creator=_creator(headers),
            inner=(*carried.libraries(path.parent), *carried.claims(path.parent, name)),
            # What is compiled may have more in it, or want libraries of the system.
            complete=file.name.endswith("-none-any.whl"),
        )
        wants = [Requirement(str(text)) for text in headers.get_all("Requires-Dist", ())]
        found[name] = component, wants
    return sorted(_depending(found, wanted, environment))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _depending(
    found: dict[str, tuple[Component, list[Requirement]]],
    wanted: str,
    environment: Mapping[str, str],
) -> Iterator[Component]:
    """The same packages, each with what it depends on: with the extras that others want of it."""
    extras = {name: {""} for name in found}
    extras.get("camerad", set()).add(wanted)
    needs: dict[str, set[str]] = {name: set() for name in found}
    todo = list(found)
    while todo:
        name = todo.pop()
        for one in found[name][1]:
            marker = one.marker
            if marker is not None and not any(
                marker.evaluate({**environment, "extra": extra}) for extra in extras[name]
            ):
                continue
            other = _normal(one.name)
            needs[name].add(other)
            if other in found and not one.extras <= extras[other]:
                extras[other] |= one.extras
                todo.append(other)
    for name, (component, _) in found.items():
        known = sorted(found[other][0].purl for other in needs[name] & found.keys())
        complete = component.complete and needs[name] <= found.keys()
        yield replace(component, needs=tuple(known), complete=complete)


def _creator(headers: Message) -> str:
    """Whom a package names: an e-mail address, or else a page."""
    for field in ("Maintainer-email", "Author-email"):
        for name, address in getaddresses([str(headers.get(field, ""))]):
            if "@" in address:
                return formataddr((name, address))
    pages = [str(text).partition(",")[2].strip() for text in headers.get_all("Project-URL", ())]
    pages = [str(headers.get("Home-page", "")), *pages]
    return next((page for page in pages if page.startswith(("http://", "https://"))), "")


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
        file=file.name if file.is_file() else "",
        hashes=sbom.hashes(file.read_bytes()) if file.is_file() else (),
        properties=facts if names else (),
    )


def copyright_names(text: str) -> tuple[str, ...]:
    """The short names of licences in a copyright file of Debian, sorted, as they stand there: each
    is that of some files of the source. Empty if the file is not in the machine-readable
    format."""
    if not _MACHINE_READABLE.search(text):
        return ()
    return tuple(sorted(set(re.findall(r"^License:[ \t]*(\S(?:.*\S)?)[ \t]*$", text, re.M))))


def gather(
    root: Path,
    status: str,
    distribution: str,
    *,
    firmware: Path,
    cache: Path,
    files: Iterable[Path],
) -> list[Component]:
    """All packages of an image, sorted. status: the text of dpkg's, with the package of the boards'
    firmware, which was unpacked to the folder `firmware` and is not in the root; cache: the folder
    of .deb files; files: as of `wheels`."""
    packages = debs(sbom.debian(status, distribution), (root, firmware), cache)
    interpreter = [one.purl for one in packages if one.name == "python3"]
    return sorted(
        [
            *packages,
            *(
                replace(one, needs=(*interpreter, *one.needs))
                for one in wheels(root, files, "device", IMAGE)
            ),
        ]
    )
