"""The bill of materials: CycloneDX 1.6, as JSON, and the same for people, one package a line.

It has the fields of BSI TR-03183-2 (2.1.0): creator, file name, SHA-512, and dependencies with how
complete they are. docs/image.md says which of them are missing, and where.

Written by hand: it is one list in a published format, and the library for it would bring six
others. The tests hold it against the schema. Format: https://cyclonedx.org/docs/1.6/json/
(ECMA-424); package URLs: ECMA-427; properties: BSI's taxonomy for CycloneDX, 0.1.2.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from camerad_image.errors import ImageError
from camerad_image.filesystems import fixed

Hashes = tuple[tuple[str, str], ...]
"""Pairs of CycloneDX's name of an algorithm and the value in hexadecimal digits, sorted."""


def hashes(content: bytes) -> Hashes:
    """SHA-256, by which packages are published, and SHA-512, which TR-03183-2 wants."""
    return (
        ("SHA-256", hashlib.sha256(content).hexdigest()),
        ("SHA-512", hashlib.sha512(content).hexdigest()),
    )


def entity(creator: str) -> dict[str, Any]:
    """A creator as CycloneDX has it: from "NAME <ADDRESS>", an e-mail address, or a URL. Raises
    ImageError if it is none of them."""
    if re.fullmatch(r"https?://\S+", creator):
        return {"url": [creator]}
    name, address = parseaddr(creator)
    if not re.fullmatch(r"[^\s@]+@[^\s@]+", address):
        raise ImageError(f"{creator}: an e-mail address or the URL of a page is wanted")
    return {**({"name": name} if name else {}), "contact": [{"email": address}]}


@dataclass(frozen=True, order=True, slots=True)
class Inner:
    """Something of another project inside of a package. `place`: where in the package it is, or is
    said to be; `name` and `version`: its project's, empty where the version is not known; `purl`:
    its package URL, if it has one; `file`: its file's name, empty where it is only said to be
    there; `hashes`: of its file, or of what it is said to be made of; `licence`: an SPDX
    expression, or else `licence_names`; `scope`: as in CycloneDX; `properties`: sorted pairs."""

    place: str
    name: str
    version: str = ""
    purl: str = ""
    file: str = ""
    hashes: Hashes = ()
    licence: str = ""
    licence_names: tuple[str, ...] = ()
    scope: str = ""
    properties: tuple[tuple[str, str], ...] = ()

    def ref(self, package: str) -> str:
        """What it is called in the bill, inside of the package with the URL `package`."""
        return f"{package}#{quote(self.place, safe='/:')}"

    def document(self, package: Component) -> dict[str, Any]:
        """As CycloneDX has it. A file in `package` was built by who built that."""
        found = {
            "type": "library",
            "bom-ref": self.ref(package.purl),
            "name": self.name,
            **{key: value for key in ("version", "purl", "scope") if (value := getattr(self, key))},
        }
        creator = package.creator if self.file else ""
        return found | _licences(self) | _more(self, creator, "no archive", "unstructured")

    @property
    def line(self) -> str:
        """For people: what it is, and how that is known."""
        facts = dict(self.properties)
        source = f"as {facts['claimed-by']} says" if "claimed-by" in facts else facts.get("file")
        return f"{self.name} {self.version or 'unknown'}" + (f" ({source})" if source else "")


def _more(
    one: Inner | Component | Product, creator: str, archive: str, structured: str
) -> dict[str, Any]:
    """The fields of a component that not every one has."""
    found: dict[str, Any] = {}
    properties = [(f"camerad:{name}", value) for name, value in one.properties]
    if creator:
        found["manufacturer"] = entity(creator)
    if one.hashes:
        listed = [{"alg": name, "content": value} for name, value in one.hashes]
        found["hashes"] = listed
        if one.file:
            # Where TR-03183-2 looks for it; the address is the file's name, as no other is known.
            reference = {"type": "distribution", "url": quote(one.file), "hashes": listed[-1:]}
            found["externalReferences"] = [reference]
    if one.file:
        # All of these bring programs or libraries.
        facts = (archive, "executable", one.file, structured)
        names = ("archive", "executable", "filename", "structured")
        properties += [
            (f"bsi:component:{name}", fact) for name, fact in zip(names, facts, strict=True)
        ]
    if properties:
        found["properties"] = [{"name": name, "value": value} for name, value in properties]
    return found


def _licences(one: Inner | Component) -> dict[str, Any]:
    if one.licence:
        return {"licenses": [{"expression": one.licence, "acknowledgement": "declared"}]}
    named = [{"name": name, "acknowledgement": "declared"} for name in one.licence_names]
    return {"licenses": [{"license": licence} for licence in named]} if named else {}


@dataclass(frozen=True, order=True, slots=True)
class Component:
    """One package. `kind`: the type of its package URL; `space`: the namespace in there;
    `qualifiers`: sorted pairs. `licence`: an SPDX expression, empty where the package says none;
    then `licence_names` are what it says in other words. `file`, `hashes`: of what it came in;
    `creator`: as for `entity`, empty where it does not say; `inner`: what of other projects is
    inside; `needs`: package URLs that it depends on, of the same bill, sorted; `complete`: whether
    it depends on nothing else; `properties`: sorted pairs."""

    kind: str
    name: str
    version: str
    space: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    licence: str = ""
    licence_names: tuple[str, ...] = ()
    file: str = ""
    hashes: Hashes = ()
    creator: str = ""
    inner: tuple[Inner, ...] = ()
    needs: tuple[str, ...] = ()
    complete: bool = False
    properties: tuple[tuple[str, str], ...] = ()

    @property
    def purl(self) -> str:
        """Its package URL, which names it among all archives of its kind."""
        space = f"{self.space}/" if self.space else ""
        words = "&".join(f"{key}={quote(value, safe='')}" for key, value in self.qualifiers)
        version = quote(self.version, safe=":+~")
        tail = f"?{words}" if words else ""
        return f"pkg:{self.kind}/{space}{quote(self.name, safe='+')}@{version}{tail}"

    def document(self) -> dict[str, Any]:
        """As CycloneDX has it."""
        found: dict[str, Any] = {
            "type": "library",
            "bom-ref": self.purl,
            "name": self.name,
            "version": self.version,
            "purl": self.purl,
        }
        found |= _licences(self) | _more(self, self.creator, "archive", "structured")
        if self.inner:
            found["components"] = [one.document(self) for one in self.inner]
        return found


_FIELDS: Final = re.compile(
    r"^(Package|Version|Architecture|Status|Maintainer|Pre-Depends|Depends|Provides): (.+)$", re.M
)


def debian(status: str, distribution: str) -> list[Component]:
    """The installed packages, by the text of /var/lib/dpkg/status. What is essential need not be
    named as a dependency (Debian's policy, 3.5), so no list of them is complete."""
    stanzas = [dict(_FIELDS.findall(stanza)) for stanza in re.split(r"\n\n+", status)]
    found = {}
    providers = defaultdict(set)
    for fields in stanzas:
        if not fields.get("Status", "").endswith(" installed"):
            continue
        qualifiers = (("arch", fields["Architecture"]), ("distro", distribution))
        name, version = fields["Package"], fields["Version"]
        creator = fields.get("Maintainer", "")
        one = Component("deb", name, version, "debian", qualifiers, creator=creator)
        found[name] = one, fields
        for provided in (name, *_names(fields.get("Provides", ""))):
            providers[provided].add(one.purl)
    return sorted(
        replace(one, needs=tuple(sorted(_needs(fields, providers) - {one.purl})))
        for one, fields in found.values()
    )


def _names(field: str) -> Iterator[str]:
    """The packages in a field of relations: alternatives, too, and without versions."""
    for part in re.split(r"[,|]", field):
        if part.strip():
            yield re.split(r"[ (:]", part.strip())[0]


def _needs(fields: dict[str, str], providers: dict[str, set[str]]) -> set[str]:
    named = (*_names(fields.get("Pre-Depends", "")), *_names(fields.get("Depends", "")))
    return {purl for name in named for purl in providers.get(name, ())}


@dataclass(frozen=True, slots=True)
class Product:
    """What a bill is of: an image, or the office's software. `kind`: CycloneDX's type; `file`,
    `hashes`: of what is handed out; `creator`: who hands it out, as for `entity`, empty if they do
    not say; `properties`: facts of the whole, such as a root's hash."""

    name: str
    version: str
    kind: str = "operating-system"
    file: str = ""
    hashes: Hashes = ()
    creator: str = ""
    properties: tuple[tuple[str, str], ...] = ()


def document(product: Product, components: list[Component], epoch: int) -> dict[str, Any]:
    """The bill of materials. epoch: seconds since 1970 at which it is dated."""
    subject = {
        "type": product.kind,
        "bom-ref": product.name,
        "name": product.name,
        "version": product.version,
        **_more(product, product.creator, "archive", "structured"),
    }
    listed = [component.document() for component in components]
    text = json.dumps([subject, listed], sort_keys=True)
    creator = {"manufacturer": entity(product.creator)} if product.creator else {}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{fixed(text)}",
        "version": 1,
        "metadata": {"timestamp": written(epoch), "component": subject, **creator},
        "components": listed,
        "dependencies": [
            {"ref": product.name, "dependsOn": [one.purl for one in components]},
            *(dependency for one in components for dependency in _dependencies(one)),
        ],
        "compositions": [
            {"aggregate": aggregate, "dependencies": refs}
            for aggregate, refs in _compositions(product, components).items()
            if refs
        ],
    }


def write(path: Path, found: dict[str, Any]) -> None:
    """Write a document of CycloneDX to `path`."""
    text = json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def written(epoch: int) -> str:
    """Seconds since 1970 as CycloneDX has them."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dependencies(one: Component) -> Iterator[dict[str, Any]]:
    inner = [each.ref(one.purl) for each in one.inner]
    yield {"ref": one.purl, "dependsOn": [*one.needs, *inner]}
    yield from ({"ref": ref, "dependsOn": []} for ref in inner)


def _compositions(product: Product, components: Iterable[Component]) -> dict[str, list[str]]:
    """Whose list of dependencies is how complete. The product's is: `camerad_image.accounts`."""
    found: dict[str, list[str]] = {"complete": [product.name], "incomplete": [], "unknown": []}
    for one in components:
        found["complete" if one.complete and not one.inner else "incomplete"].append(one.purl)
        found["unknown"] += [each.ref(one.purl) for each in one.inner]
    return found


def lines(components: list[Component]) -> str:
    """Kind, name and version, one package a line; below it, indented, what is inside of it."""
    found = []
    for c in components:
        found.append(f"{c.kind} {c.name} {c.version}\n")
        found += [f"    {one.line}\n" for one in c.inner]
    return "".join(found)
