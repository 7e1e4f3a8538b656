"""Sources of packages: the build machine's own apt configuration, or a file that is named.

No archive's address is in this recipe. What apt is configured for (mirrors, proxies, keys) is what
an office or a release build has decided on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError

APT: Final = Path("/etc/apt")

_OPTION: Final = re.compile(r"\[([^]]*)\]")


@dataclass(frozen=True, slots=True)
class Source:
    """One stanza of a deb822 file of sources (sources.list(5)), as far as it matters here."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    signed_by: str

    def stanza(self, components: tuple[str, ...]) -> str:
        """As mmdebstrap takes it."""
        lines = [
            "Types: deb",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(components)}",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def _fields(stanza: str) -> dict[str, str]:
    """The fields of a stanza by their names in small letters; continuation lines are kept."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[name] = f"{fields.get(name, '')}\n{line}"
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def deb822(text: str) -> list[Source]:
    """The sources of a ``.sources`` file."""
    found = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled") == "no":
            continue
        found.append(
            Source(
                uris=tuple(fields.get("uris", "").split()),
                suites=tuple(fields.get("suites", "").split()),
                signed_by=fields.get("signed-by", ""),
            )
        )
    return found


def one_line(text: str) -> list[Source]:
    """The sources of a ``.list`` file."""
    found = []
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        options = _OPTION.search(line)
        words = _OPTION.sub("", line).split()
        if len(words) < 3 or words[0] != "deb":
            continue
        signed_by = ""
        for option in options[1].split() if options else ():
            if option.startswith("signed-by="):
                signed_by = option.partition("=")[2]
        found.append(Source(uris=(words[1],), suites=(words[2],), signed_by=signed_by))
    return found


def _belongs(one: str, suite: str) -> bool:
    """Whether it is `suite`, or its updates."""
    return one == suite or one.startswith(f"{suite}-")


def of_suite(sources: Iterable[Source], suite: str, newer: str = "") -> list[Source]:
    """Those that have `suite` or its updates, with these suites alone, and are signed archives. An
    archive with `suite` itself is taken to have `newer` as well, as Debian's and its mirrors have.

    A folder of the build machine is none: nobody else could build the same image.
    """
    found = []
    for source in sources:
        suites = tuple(one for one in source.suites if _belongs(one, suite))
        uris = tuple(uri for uri in source.uris if not uri.startswith(("file:", "copy:", "cdrom:")))
        if newer and suite in suites and newer not in suites:
            suites = (*suites, newer)
        if suites and uris:
            found.append(Source(uris=uris, suites=suites, signed_by=source.signed_by))
    return found


def read(suite: str, components: tuple[str, ...], file: Path | None, *, newer: str = "") -> str:
    """The sources of an image as a deb822 file's text.

    newer: another suite that is wanted, "" for none. file: taken as it stands, if it is given, in
    either of apt's forms; otherwise apt's own files are read. Raises ImageError if there is no
    source of `suite` in there.
    """
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise ImageError(f"SOURCES={file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ImageError(
                f"SOURCES={file} is no text: deb822 is wanted (sources.list(5))"
            ) from None
        named = [*deb822(text), *one_line(text)]
        if not named:
            raise ImageError(
                f"SOURCES={file} names no archive of packages: a file of apt's sources is wanted "
                "(sources.list(5), deb822)"
            )
        if not any(_belongs(one, suite) for source in named for one in source.suites):
            suites = ", ".join(sorted({one for source in named for one in source.suites}))
            raise ImageError(
                f"SOURCES={file} names no archive with {suite}, of which an image is made; its "
                f"suites: {suites or 'none'}"
            )
        return text
    found: list[Source] = []
    folder = APT / "sources.list.d"
    for path in sorted([APT / "sources.list", *folder.glob("*.list"), *folder.glob("*.sources")]):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            found += deb822(text) if path.suffix == ".sources" else one_line(text)
    chosen = of_suite(found, suite, newer)
    if not chosen:
        raise ImageError(
            f"apt's own configuration ({APT}) names no archive with {suite}: name a file of "
            "sources with SOURCES=FILE (sources.list(5), deb822)"
        )
    return "\n".join(source.stanza(components) for source in chosen)
