"""A redacted copy of a small recording with sound, as the command writes it.

``python tests/helpers/redaction_helpers.py DIRECTORY`` writes one, with the recording, its office's
key and the key that signed the list, for who wants to look at it.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Final

import msgspec
from evidence_helpers import ORIGIN_US, time_of
from sealed_helpers import KEY, KEYS, Made, Members, office
from sound_helpers import made_with_sound

from camerad.container import jws
from camerad.container.keys import SigningKey
from camerad.container.members import Walk
from camerad.container.redaction import (
    KIND,
    CopyRecipient,
    Mask,
    MaskKind,
    MutedRange,
    Redaction,
)
from camerad.evidence.redaction.copy_writer import CopyOrder, write_copy

SIGNER: Final = SigningKey.generate()
"""The office's."""
ORDER: Final = CopyOrder(
    masks=(Mask(((time_of(20), 62, 10, 14, 20), (time_of(24), 66, 14, 14, 20)), MaskKind.FACE),),
    mutes=(MutedRange(ORIGIN_US + 1_600_000, ORIGIN_US + 1_700_000),),
    made_us=1_795_600_000_000_000,
    made_by="A. Clerk",
    software="camerad test",
    recipient=CopyRecipient.PERSON,
    reference="12-345",
)
"""A mask, which hides a bright bar in fragment 1, and a mute in fragment 3."""


class Film(BytesIO):
    """An `OutputFile` in memory."""

    def patch(self, offset: int, data: bytes) -> None:
        """See `OutputFile`."""
        self.getbuffer()[offset : offset + len(data)] = data


class RedactedCopy(msgspec.Struct, frozen=True):
    """A copy and what it was made of."""

    original: Made
    film: bytes
    archive: bytes
    token: bytes

    @property
    def members(self) -> Members:
        """The archive's members, in order."""
        found = []
        for one in Walk(BytesIO(self.archive)):
            end = one.data_offset + one.member.size
            found.append((one.member.name, self.archive[one.data_offset : end]))
        return found

    @property
    def said(self) -> Redaction:
        """What the list says."""
        return jws.decode(jws.parse(self.token), KIND, Redaction)


@functools.cache
def redacted(order: CopyOrder = ORDER, original: Made | None = None) -> RedactedCopy:
    """The copy of a recording of two seconds."""
    made = original or made_with_sound()
    with tempfile.TemporaryDirectory() as directory:
        source, archive = Path(directory) / f"{made.header.id}.tar", Path(directory) / "archive"
        source.write_bytes(made.file)
        film = Film()
        with archive.open("wb") as file:
            _, token = write_copy(
                str(source), KEYS, [office()], order, signer=SIGNER, film=film, archive=file
            )
        return RedactedCopy(made, film.getvalue(), archive.read_bytes(), token)


def main(directory: str) -> None:
    """Write an example."""
    one = redacted()
    name = one.original.header.id
    files = {
        f"{name}.tar": one.original.file,
        f"{name}.redacted.tar": one.archive,
        f"{name}.redacted.mp4": one.film,
        "device-key.pem": KEY.public.pem.encode(),
        "office-key.pem": SIGNER.public.pem.encode(),
        "office.age": str(office()).encode(),
    }
    Path(directory).mkdir(parents=True, exist_ok=True)
    for one_name, content in files.items():
        (Path(directory) / one_name).write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1])
