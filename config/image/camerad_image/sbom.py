"""The bill of materials: CycloneDX 1.6, as JSON, and the same for people, one package a line.

Written by hand: it is one list of names, versions and package URLs in a published format, and the
library for it would bring five others. Format: https://cyclonedx.org/docs/1.6/json/ (ECMA-424);
package URLs: ECMA-427.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from camerad_image.filesystems import fixed


@dataclass(frozen=True, order=True, slots=True)
class Component:
    """One package. `kind`: the type of its package URL; `space`: the namespace in there;
    `qualifiers`: sorted pairs. `licence`: an SPDX expression, empty where the package says none."""

    kind: str
    name: str
    version: str
    space: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    licence: str = ""

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
        if self.licence:
            found["licenses"] = [{"expression": self.licence}]
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


def python(packages: Iterable[tuple[str, str, str]]) -> list[Component]:
    """Name, version and licence of every Python package."""
    return sorted(
        Component("pypi", re.sub(r"[-_.]+", "-", name).lower(), version, licence=licence)
        for name, version, licence in packages
    )


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
    """Kind, name and version, one package a line."""
    return "".join(f"{c.kind} {c.name} {c.version}\n" for c in components)
