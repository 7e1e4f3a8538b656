"""The bill of materials: CycloneDX 1.6, as JSON, and the same for people, one package a line.

Written by hand: it is one list of names, versions and package URLs in a published format, and the
library for it would bring five others. Format: https://cyclonedx.org/docs/1.6/json/ (ECMA-424);
package URLs: ECMA-427.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from camerad_image.filesystems import fixed


@dataclass(frozen=True, order=True, slots=True)
class Inner:
    """Something of another project inside of a package. `place`: where in the package it is, or is
    said to be; `name` and `version`: its project's, empty where the version is not known; `purl`:
    its package URL, if it has one; `sha256`: of its file, or of what it is said to be made of;
    `licence`: an SPDX expression, or else `licence_names`; `scope`: as in CycloneDX; `properties`:
    sorted pairs."""

    place: str
    name: str
    version: str = ""
    purl: str = ""
    sha256: str = ""
    licence: str = ""
    licence_names: tuple[str, ...] = ()
    scope: str = ""
    properties: tuple[tuple[str, str], ...] = ()

    def document(self, package: str) -> dict[str, Any]:
        """As CycloneDX has it, inside of the package with the URL `package`."""
        found = {
            "type": "library",
            "bom-ref": f"{package}#{quote(self.place, safe='/:')}",
            "name": self.name,
            **{key: value for key in ("version", "purl", "scope") if (value := getattr(self, key))},
        }
        return found | _more(self.sha256, self.licence, self.licence_names, self.properties)

    @property
    def line(self) -> str:
        """For people: what it is, and how that is known."""
        facts = dict(self.properties)
        source = f"as {facts['claimed-by']} says" if "claimed-by" in facts else facts.get("file")
        return f"{self.name} {self.version or 'unknown'}" + (f" ({source})" if source else "")


def _more(
    sha256: str, licence: str, names: tuple[str, ...], properties: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    """The fields of a component that not every one has."""
    found: dict[str, Any] = {}
    if sha256:
        found["hashes"] = [{"alg": "SHA-256", "content": sha256}]
    if licence:
        found["licenses"] = [{"expression": licence}]
    elif names:
        found["licenses"] = [{"license": {"name": name}} for name in names]
    if properties:
        found["properties"] = [
            {"name": f"camerad:{name}", "value": value} for name, value in properties
        ]
    return found


@dataclass(frozen=True, order=True, slots=True)
class Component:
    """One package. `kind`: the type of its package URL; `space`: the namespace in there;
    `qualifiers`: sorted pairs. `licence`: an SPDX expression, empty where the package says none;
    then `licence_names` are what it says in other words. `sha256`: of the file that it came in;
    `inner`: what of other projects is inside; `properties`: sorted pairs."""

    kind: str
    name: str
    version: str
    space: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    licence: str = ""
    licence_names: tuple[str, ...] = ()
    sha256: str = ""
    inner: tuple[Inner, ...] = ()
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
        found |= _more(self.sha256, self.licence, self.licence_names, self.properties)
        if self.inner:
            found["components"] = [one.document(self.purl) for one in self.inner]
        return found


def debian(status: str, distribution: str) -> list[Component]:
    """The installed packages, by the text of /var/lib/dpkg/status."""
    found = []
    for stanza in re.split(r"\n\n+", status):
        fields = dict(re.findall(r"^(Package|Version|Architecture|Status): (.+)$", stanza, re.M))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        qualifiers = (("arch", fields["Architecture"]), ("distro", distribution))
        name, version = fields["Package"], fields["Version"]
        found.append(Component("deb", name, version, "debian", qualifiers))
    return sorted(found)


def document(
    image: str, version: str, components: list[Component], epoch: int, properties: dict[str, str]
) -> dict[str, Any]:
    """The bill of materials of `image`. epoch: seconds since 1970 at which it is dated; properties:
    facts of the whole image, such as its root hash."""
    listed = [component.document() for component in components]
    text = json.dumps([image, version, listed, properties], sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{fixed(text)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "operating-system",
                "bom-ref": image,
                "name": image,
                "version": version,
            },
            "properties": [
                {"name": f"camerad:{name}", "value": value}
                for name, value in sorted(properties.items())
            ],
        },
        "components": listed,
    }


def lines(components: list[Component]) -> str:
    """Kind, name and version, one package a line; below it, indented, what is inside of it."""
    found = []
    for c in components:
        found.append(f"{c.kind} {c.name} {c.version}\n")
        found += [f"    {one.line}\n" for one in c.inner]
    return "".join(found)
