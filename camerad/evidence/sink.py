"""Where a recording's fragments go, and what a recording's file looks like.

Nothing outside this module knows the latter. A recording is two files in one directory, named by
the recording's id:

- ``ID.mp4``: the initialisation segment and the fragments, a fragmented MP4 that plays as it is;
- ``ID.jsonl``: one JSON object per line: ``{"header": ...}``, one ``{"commit": ...}`` for every
  fragment, ``{"end": ...}``.

Order, each step durable before the next begins:

1. open: make the MP4, write the segment, fdatasync; make the JSON file, write the header,
   fdatasync; fsync the directory.
2. append: write the fragment, fdatasync; write its commit, fdatasync.
3. close: write the end, fdatasync.

So a fragment counts from its commit on, and a commit never promises bytes that are not there. What
lies in the MP4 behind the last commit is a torn tail: no listing counts it, and nothing removes it
but the failed write itself. While a recording runs its JSON file is locked (``flock(2)``), which is
how a listing tells a recording from an interrupted one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from types import NoneType
from typing import Any, BinaryIO, ClassVar, Final, Protocol, TypeVar

from camerad.errors import EX_CANTCREAT, StorageError
from camerad.evidence.records import Commit, End, Header, RecordingInfo, Tally, utc
from camerad.stream.packets import Gap

_log = logging.getLogger(__name__)

MODE: Final = 0o640
_LONGEST_LINE: Final = 1 << 20
_ID: Final = re.compile(r"\d{8}T\d{6}Z-(\d{6,})-[0-9a-f]{8}")
_REMEDIES: Final = {
    errno.ENOSPC: "the storage is full; offload recordings or let expired ones be deleted",
    errno.EDQUOT: "the quota is used up; offload recordings or raise the quota",
    errno.EROFS: "the file system is mounted read-only, often after an error of the card; check "
    "or replace the card",
    errno.EIO: "the storage reports an input/output error; replace the card",
    errno.EACCES: "the daemon's user may not write there; change the directory's owner",
    errno.EPERM: "the daemon's user may not write there; change the directory's owner",
    errno.ENOENT: "the directory is missing; make it, or mount the storage",
    errno.ENOTDIR: "this is not a directory; remove the file in its place",
    errno.EEXIST: "a recording of this name exists already; it was left as it is",
}


class Sink(Protocol):
    """One recording's file, open for appending; used by one thread."""

    @property
    def path(self) -> str:
        """What to play."""

    def append(self, fragment: bytes, commit: Commit) -> None:
        """Add a fragment; it is durable when this returns.

        Raises StorageError; what was added before stays, and only `close` may follow.
        """

    def close(self, end: End) -> None:
        """Add the end and close the file. Raises StorageError; the file is closed all the same."""


class RecordingExistsError(StorageError):
    """Error raised when a recording's file is there already; it is never written over."""

    exit_code: ClassVar[int] = EX_CANTCREAT


def _explained(action: str, path: str, error: OSError) -> StorageError:
    text = error.strerror or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "check the storage")
    kind = RecordingExistsError if error.errno == errno.EEXIST else StorageError
    explained = kind(f"{path}: cannot {action}: {text}; {remedy}")
    explained.errno = error.errno
    return explained


def new_id(directory: str, wall_us: int) -> str:
    """A name for the next recording in `directory`: ``20261124T153000Z-000001-9f3c02ab``.

    The time is for people, and `ls` sorts by it. The number is one more than the highest there, so
    that the order survives a clock that is wrong; the random part keeps names apart when a wrong
    clock shows the same time twice. Raises StorageError if the directory cannot be read.
    """
    number = 1 + max(map(_number, _names(directory)), default=0)
    return f"{utc(wall_us):%Y%m%dT%H%M%SZ}-{number:06d}-{secrets.token_hex(4)}"


def _number(name: str) -> int:
    found = _ID.match(name)
    return int(found[1]) if found else 0


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError as error:
        raise _explained("list recordings", directory, error) from error


def open_sink(directory: str, header: Header, init: bytes) -> Sink:
    """Make the file of the recording `header.id`, and make that durable.

    init: the initialisation segment. Raises StorageError; then nothing is left behind, if the
    storage still allows to remove it.
    """
    return PlainSink(directory, header, init)


class PlainSink:
    """A plain MP4 and its commits, as the module describes. Raises StorageError, and nothing else,
    for whatever the operating system refuses."""

    def __init__(self, directory: str, header: Header, init: bytes) -> None:
        stem = os.path.join(directory, header.id)
        self._video = _File(stem + ".mp4")
        self._facts: _File | None = None
        self._failed = False
        try:
            self._video.append(init)
            self._facts = _File(stem + ".jsonl")
            self._facts.lock()
            self._facts.append(_line("header", header, file_bytes=len(init)))
            _sync_directory(directory)
        except StorageError:
            self._video.remove()
            if self._facts is not None:
                self._facts.remove()
            raise

    @property
    def path(self) -> str:
        return self._video.path

    def append(self, fragment: bytes, commit: Commit) -> None:
        facts = self._open_facts()
        if self._failed:
            raise StorageError(f"{self.path}: takes nothing more after an error; close it")
        # Taken back when all went well: whatever else happens, the file's end is in doubt.
        self._failed = True
        self._video.append(fragment)
        facts.append(_line("commit", commit, file_bytes=self._video.size))
        self._failed = False

    def close(self, end: End) -> None:
        facts = self._open_facts()
        # After an error half a line may be there, which must not swallow the end.
        line = b"\n" * self._failed + _line("end", end)
        self._facts = None
        try:
            facts.append(line)
        finally:
            self._video.close()
            facts.close()

    def _open_facts(self) -> _File:
        if self._facts is None:
            raise StorageError(f"{self.path}: this recording is not open")
        return self._facts


class _File:
    """A new file that only grows, by whole pieces that are durable or gone."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags, MODE)
        except OSError as error:
            raise _explained("make the file", path, error) from error

    def lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise _explained("lock the file", self.path, error) from error

    def append(self, data: bytes) -> None:
        try:
            self._write(data)
        except OSError as error:
            self._cut()
            raise _explained("write", self.path, error) from error
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            # The bytes stay: they may have arrived. A second fdatasync would not tell, since the
            # kernel reports an error of writing back only once (fsync(2)).
            raise _explained("synchronise", self.path, error) from error
        self.size += len(data)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                written = os.write(self._descriptor, rest)
            except InterruptedError:
                continue
            if written <= 0:
                raise OSError(errno.EIO, f"only {len(data) - len(rest)} of {len(data)} bytes taken")
            rest = rest[written:]

    def _cut(self) -> None:
        """Take back a piece that was written in part, so that what follows begins cleanly."""
        try:
            os.ftruncate(self._descriptor, self.size)
            os.lseek(self._descriptor, self.size, os.SEEK_SET)
        except OSError as error:
            _log.warning("%s", _explained("take back a torn write", self.path, error))

    def close(self) -> None:
        try:
            os.close(self._descriptor)
        except OSError as error:
            # Everything that counts was synchronised before.
            _log.warning("%s", _explained("close", self.path, error))

    def remove(self) -> None:
        self.close()
        try:
            os.unlink(self.path)
        except OSError as error:
            _log.warning("%s", _explained("remove an empty recording", self.path, error))


def _sync_directory(directory: str) -> None:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _explained("synchronise the directory", directory, error) from error


def list_recordings(directory: str) -> list[RecordingInfo]:
    """Every recording in `directory`, from its own files, the newest first.

    Files that are none of ours, torn lines and fragments without a commit are left out. Raises
    StorageError if the directory cannot be read.
    """
    found = []
    for name in _names(directory):
        stem, extension = os.path.splitext(name)
        if extension == ".jsonl" and _ID.fullmatch(stem):
            info = _read(directory, stem)
            if info is not None:
                found.append(info)
    return sorted(found, key=lambda info: (_number(info.id), info.id), reverse=True)


def _read(directory: str, identity: str) -> RecordingInfo | None:
    path = os.path.join(directory, identity)
    try:
        with open(path + ".jsonl", "rb") as facts:
            # The lock first: a recording that ends meanwhile has its end when the lines are read.
            running = _is_locked(facts)
            tally = _tally(facts, identity, path + ".mp4")
    except (OSError, ValueError) as error:
        _log.warning("%s.jsonl: this recording cannot be listed: %s", path, error)
        return None
    state = "recording" if running else "interrupted"
    return tally.info("closed" if tally.end is not None else state)


def _is_locked(facts: BinaryIO) -> bool:
    try:
        fcntl.flock(facts, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(facts, fcntl.LOCK_UN)
    return False


def _tally(facts: BinaryIO, identity: str, video: str) -> Tally:
    """Raises ValueError without a header of this recording, and OSError without its MP4."""
    lines = _objects(facts)
    first = next(lines, {}).get("header", {})
    header = _typed(Header, first)
    if header.id != identity:
        raise ValueError(f"its header belongs to {header.id!r}")
    tally = Tally(header, video, _value("int", first.get("file_bytes")))
    for line in lines:
        try:
            if "end" in line:
                tally.finish(_typed(End, line["end"]))
                break
            commit = _typed(Commit, line.get("commit"))
            size = _value("int", line["commit"].get("file_bytes"))
        except ValueError:
            continue
        # Asked for each time, since a recording may be growing.
        if commit.sequence != tally.commits or size > os.stat(video).st_size:
            break
        tally.add(commit, size - tally.bytes)
    return tally


def _line(name: str, facts: Header | Commit | End, **more: int) -> bytes:
    return json.dumps({name: {**asdict(facts), **more}}, separators=(",", ":")).encode() + b"\n"


def _objects(facts: BinaryIO) -> Iterator[dict[str, Any]]:
    """The JSON objects of whole lines."""
    for line in iter(lambda: facts.readline(_LONGEST_LINE), b""):
        if line.endswith(b"\n"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


_Facts = TypeVar("_Facts", Header, Commit, End)
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "int | None": (int, NoneType),
    "str | None": (str, NoneType),
}


def _typed(kind: type[_Facts], found: Any) -> _Facts:
    """The facts in a JSON object. Raises ValueError if one is missing or of a wrong type."""
    if not isinstance(found, dict):
        raise ValueError(f"no {kind.__name__.lower()} was found")
    values = {field.name: _value(str(field.type), found.get(field.name)) for field in fields(kind)}
    return kind(**values)


def _value(kind: str, value: Any) -> Any:
    if kind == "tuple[Gap, ...]":
        gaps = _list(value)
        return tuple(
            Gap(**{f.name: _value(str(f.type), gap.get(f.name)) for f in fields(Gap)})
            for gap in gaps
            if isinstance(gap, dict)
        )
    if kind == "tuple[int, ...]":
        return tuple(_value("int", item) for item in _list(value))
    if not isinstance(value, _KINDS[kind]):
        raise ValueError(f"{value!r} is not of the type {kind}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list")
    return value
