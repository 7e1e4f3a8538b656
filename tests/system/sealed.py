"""Opens a recording as the office would, by what its format promises and none of camerad's code.

Only Python's own `tarfile`, `base64` and `json`, and pyrage for age. Whether a recording is
authentic is not judged here; but only what was committed is believed to be in it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyrage

OFFICE: Final = Path(__file__).parents[2] / "hw-mocks" / "demo-office.txt"
"""The demonstration key, to which the simulator seals where nobody else is named."""


_TOKEN: Final = re.compile(rb"[\w-]+\.[\w-]+\.[\w-]+")


def office() -> pyrage.x25519.Identity:
    """The private half of the demonstration key."""
    secret = OFFICE.read_text(encoding="ascii").splitlines()[-1]
    return pyrage.x25519.Identity.from_str(secret)


def recipient() -> str:
    """Its public half."""
    return str(office().to_public())


@dataclass(frozen=True)
class Recording:
    """header, commits, end: payloads of the statements. init, fragments: still sealed."""

    header: dict[str, Any]
    init: bytes
    fragments: tuple[bytes, ...]
    commits: tuple[dict[str, Any], ...]
    end: dict[str, Any] | None

    @property
    def facts(self) -> list[dict[str, Any]]:
        """What each commit says, and what the end says if there is one."""
        said = [commit["facts"] for commit in self.commits]
        return said if self.end is None else [*said, self.end["closing"]]

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """Footage that it says is missing, in order."""
        return [gap for facts in self.facts for gap in facts["gaps"]]

    @property
    def marks(self) -> list[float]:
        """Seconds from its first picture to each of its marks."""
        origin_us = self.header["origin_us"]
        return [(at_us - origin_us) / 1e6 for facts in self.facts for at_us in facts["marks"]]

    def opened(self) -> bytes:
        """The film: a fragmented MP4."""
        sealed = [self.init, *self.fragments] if self.fragments else []
        return b"".join(pyrage.decrypt(piece, [office()]) for piece in sealed)


def payload(token: bytes) -> dict[str, Any]:
    """What a compact JWS says (RFC 7515, 7.1)."""
    _, middle, _ = token.split(b".")
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + b"=" * (-len(middle) % 4)))
    return said


def whole(token: bytes) -> bool:
    """Whether all of a compact JWS is there. Room is reserved before it is written: what is not
    written yet, or was refused by a full card, is zeros."""
    return _TOKEN.fullmatch(token) is not None


def members(path: str | Path) -> Iterator[tuple[str, bytes]]:
    """The members of the archive, as far as it can be read: a file that is only being made has
    none, and behind a recording that was killed there may be anything."""
    with contextlib.suppress(tarfile.TarError), tarfile.open(path, "r:") as archive:
        while (member := archive.next()) is not None:
            file = archive.extractfile(member)
            assert file is not None, f"{member.name} is no regular file"
            content = file.read()
            if len(content) != member.size:
                return
            yield member.name, content


def read(path: str | Path) -> Recording:
    """The recording, up to its last commit that is whole. It may be one that is being written."""
    found = members(path)
    name, token = next(found, ("", b""))
    assert name == "header.jws" and whole(token), f"{path} has no header yet"
    header, init, end = payload(token), b"", None
    fragments: list[bytes] = []
    commits: list[dict[str, Any]] = []
    fragment = b""
    for name, content in found:
        if name.endswith(".jws") and not whole(content):
            break
        number = f"{len(commits):06d}"
        if name == "init.mp4.age":
            init = content
        elif name == f"{number}.m4s.age":
            fragment = content
        elif name == f"{number}.jws":
            commit = payload(content)
            if commit["fragment"]["sha256"] != hashlib.sha256(fragment).hexdigest():
                break
            commits.append(commit)
            fragments.append(fragment)
        elif name == "end.jws":
            end = payload(content)
        else:
            assert name == "torn.bin", f"{path}: {name} has no business here"
    return Recording(header, init, tuple(fragments), tuple(commits), end)


def opened(path: str | Path, directory: Path) -> str:
    """The recording as a file that plays, in `directory`; its path."""
    film = directory / (Path(path).stem + ".mp4")
    film.write_bytes(read(path).opened())
    return str(film)
