"""Files of time stamps (RFC 3161) on checkpoints of an office's log.

A stamp is two files of one name: ``.checkpoint``, the text that was stamped (`Checkpoint.text`),
and ``.tsr``, the authority's response. The name has the checkpoint's size, the time of the stamp,
and the authority's host. They lie in ``stamps`` of the log's directory, and in packages.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from camerad.base import durable_files
from camerad.base.clock import SECOND
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.container.statements import utc
from camerad.transparency.checkpoints import Checkpoint

DIRECTORY: Final = "stamps"
CHECKPOINT: Final = ".checkpoint"
RESPONSE: Final = ".tsr"
LONGEST: Final = 64 * 1024
"""Bytes of a response: a signature and some certificates."""
_NAME: Final = re.compile(
    r"(?!0{12})([0-9]{12})-([0-9]{8}T[0-9]{6}Z)-([a-z0-9._-]{1,253})\.tsr", re.ASCII
)
_TIME: Final = "%Y%m%dT%H%M%SZ"


class KeptStamp(msgspec.Struct, frozen=True, order=True):
    """A stamp by its name. size: of the checkpoint. time: of the stamp, as the name has it.
    authority: its host. path: of its files, without their endings."""

    size: int
    time: str
    authority: str
    path: str

    @property
    def time_us(self) -> int:
        """Of the stamp, since 1970, without parts of a second; 0 if the name has no date."""
        try:
            when = datetime.strptime(self.time, _TIME).replace(tzinfo=UTC)
        except ValueError:
            return 0
        return round(when.timestamp()) * SECOND

    def read(self) -> tuple[str, bytes]:
        """The text that was stamped, and the response; neither is checked. Raises StorageError."""
        text = read_plain(self.path + CHECKPOINT, "checkpoint", LONGEST)
        response = read_plain(self.path + RESPONSE, "time stamp", LONGEST)
        return text.decode("utf-8", "replace"), response


def _parse(path: str) -> KeptStamp | None:
    match = _NAME.fullmatch(os.path.basename(path))
    if match is None:
        return None
    return KeptStamp(int(match[1]), match[2], match[3], path.removesuffix(RESPONSE))


def stamps_among(paths: Iterable[str]) -> list[KeptStamp]:
    """The stamps whose responses are among these files, that of the smallest checkpoint first."""
    return sorted(one for path in paths if (one := _parse(path)) is not None)


def stamps_in(directory: str) -> list[KeptStamp]:
    """The stamps in a directory, in the same order. Raises StorageError."""
    with explaining("list the time stamps", directory):
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            return []
    return stamps_among(os.path.join(directory, name) for name in names)


def last_stamps(directory: str) -> dict[str, KeptStamp]:
    """The last stamp of each authority, by its host. Raises StorageError."""
    return {one.authority: one for one in sorted(stamps_in(directory), key=lambda one: one.time)}


def keep_stamp(
    directory: str, checkpoint: Checkpoint, time_us: int, authority: str, response: bytes
) -> None:
    """Keep a stamp that was checked. authority: its host. Raises StorageError."""
    durable_files.make_directory(directory)
    name = f"{checkpoint.size:012}-{utc(time_us):{_TIME}}-{authority}"
    path = os.path.join(directory, name)
    durable_files.publish(path + CHECKPOINT, checkpoint.text.encode())
    durable_files.publish(path + RESPONSE, response)


def stamps_on(directory: str, checkpoint: Checkpoint) -> dict[str, bytes]:
    """The files of each authority's first stamp on a checkpoint, by their names. Raises
    StorageError."""
    files: dict[str, bytes] = {}
    stamped = set()
    for one in stamps_in(directory):
        if one.size == checkpoint.size and one.authority not in stamped:
            text, response = one.read()
            if text == checkpoint.text:
                stamped.add(one.authority)
                name = os.path.basename(one.path)
                files |= {name + CHECKPOINT: text.encode(), name + RESPONSE: response}
    return files
