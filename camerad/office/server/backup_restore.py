"""Reads a backup of an office's server, and puts it into place on another machine.

Nothing is written before all of it was read, compared with its manifest, and found to be in the way
of nothing. A restoration that broke off goes on when it is asked for again.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import tarfile
from collections.abc import Sequence
from enum import Enum
from typing import IO, Final, NamedTuple

import msgspec

from camerad.base import durable_files, file_status, typed_json
from camerad.base.errors import EX_CANTCREAT, CameradError
from camerad.base.safe_read import open_plain, read_plain
from camerad.base.storage_errors import explaining
from camerad.container import jws
from camerad.ledger.log_segments import EpochCheckpoint
from camerad.office.state.database_settings import STATE_FILE, path_in
from camerad.store.locations import DIRECTORY_ID, LEDGER, OFFICE

MANIFEST: Final = "manifest.json"
MODE: Final = 0o600
_PIECE: Final = 1 << 20


class BackupError(CameradError, ValueError):
    """Error raised when a backup cannot be made or restored. Nothing was written then."""

    exit_code = EX_CANTCREAT


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself.

    made: RFC 3339. config: path of the settings, directory: of the office, office: its id. files:
    SHA-256 in hexadecimal, by path without its first slash."""

    camerad: str
    made: str
    config: str
    directory: str
    office: str
    with_recordings: bool
    files: dict[str, str]


class _Entry(msgspec.Struct, frozen=True):
    """What counts here of an entry of a ledger."""

    sequence: int


class _Step(Enum):
    LOOK, WRITE, FINISH = range(3)


class Restored(NamedTuple):
    """Result of a restoration. written, same: numbers of files: put into place, and there already
    with the same content. kept: the office's directory was there, and stayed as it is. different:
    files of cameras that are there with another content, and stayed. lacking: files that such a
    directory lacks, since they were deleted lawfully or lost. Both are paths without their first
    slash, sorted."""

    manifest: Manifest
    written: int
    same: int
    kept: bool
    different: list[str]
    lacking: list[str]


def check(path: str) -> Manifest:
    """The manifest of a whole and unchanged backup. Raises BackupError and StorageError."""
    found: dict[str, str] = {}
    manifest: Manifest | None = None
    with explaining("read the backup", path), open_plain(path, "backup", linked=True) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.isreg() else None
                    if member.name == MANIFEST and content is not None:
                        manifest = typed_json.decode(content.read(), Manifest)
                    elif content is not None:
                        found[member.name] = _sha256(content)
                    elif not member.isdir():
                        raise BackupError(f"{path}: {member.name!r} is neither file nor directory")
                    _check_name(path, member.name)
        except (tarfile.TarError, msgspec.MsgspecError, EOFError) as error:
            raise BackupError(f"{path}: this is no backup of an office: {error}") from error
    if manifest is None:
        raise BackupError(f"{path}: its end is missing, so nothing was done; take another backup")
    if found != manifest.files:
        wrong = sorted(set(found.items()) ^ set(manifest.files.items()))[0][0]
        raise BackupError(
            f"{path}: {wrong!r} is not what the backup was made of, so nothing was done; take "
            "another backup"
        )
    return manifest


def restore(path: str, root: str = "/") -> Restored:
    """Put everything in a backup where it was; below `root`, which is another machine's.

    Owners are given by root alone. No file is written over: one with the same content stays, and
    with another one nothing is written at all. An office's directory that is there already, with
    the same id and a ledger that has all that the backup's has, stays as it is, but for the
    database of the state if that is gone; so does what is there of a camera. The result names
    files that such a directory lacks, and files of cameras with another content. Raises BackupError
    and StorageError.
    """
    manifest = check(path)
    state = manifest.directory.lstrip(os.sep)
    kept = _is_there(manifest, root)
    missing = _missing_database(manifest, root)
    if kept:
        _check_newer(path, manifest, root)
    names = [
        name
        for name in manifest.files
        if not (kept and name.startswith(state + os.sep)) or name == missing
    ]
    there = {name for name in names if file_status.exists(os.path.join(root, name))}
    of_cameras = {
        name for name in names if name.startswith(state + os.sep) and not _of_office(manifest, name)
    }
    different = [
        one for one in sorted(there) if _digest(os.path.join(root, one)) != manifest.files[one]
    ]
    if others := [one for one in different if one not in of_cameras]:
        more = f", and {len(others) - 3} more" if len(others) > 3 else ""
        raise BackupError(
            f"here already, with another content: {', '.join('/' + one for one in others[:3])}"
            f"{more}. Nothing was written: move away what is not needed any more, and try again"
        )
    with explaining("read the backup", path), open_plain(path, "backup", linked=True) as file:
        # Owners are looked up before anything is written. The id comes last: a directory that has
        # it stays as it is, and one whose restoration broke off is completed.
        identity = os.path.join(state, OFFICE, DIRECTORY_ID)
        for step in _Step:
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                for member in archive:
                    inside = member.name == state or member.name.startswith(state + os.sep)
                    keeps = kept and inside and member.name != missing
                    if member.name == MANIFEST or member.name in there or keeps:
                        continue
                    owner = _owner(member)
                    if step is (_Step.FINISH if member.name == identity else _Step.WRITE):
                        _put(archive, member, os.path.join(root, member.name), owner)
    lacking = [
        name
        for name in sorted(set(manifest.files).difference(names))
        # `_check_newer` has seen that such a file of the ledger has expired.
        if not (_of_office(manifest, name, LEDGER) and name.endswith(".jws"))
        and not file_status.exists(os.path.join(root, name))
    ]
    written, same = len(names) - len(there), len(there) - len(different)
    return Restored(manifest, written, same, kept, different, lacking)


def _missing_database(manifest: Manifest, root: str) -> str:
    """The backup's file of the state, if no part of one is there; "" otherwise. An old log beside
    another file of SQLite would be taken for its own."""
    name = path_in(manifest.directory, STATE_FILE).lstrip(os.sep)
    there = (file_status.exists(os.path.join(root, name) + one) for one in ("", "-wal", "-shm"))
    return name if name in manifest.files and not any(there) else ""


def _check_name(path: str, name: str) -> None:
    if os.path.isabs(name) or os.path.normpath(name) != name or name.startswith(".."):
        raise BackupError(f"{path}: {name!r} is no name that a backup has; nothing was done")


def _is_there(manifest: Manifest, root: str) -> bool:
    """Whether the office's directory is there. Raises BackupError if that is another office's."""
    directory = os.path.join(root, manifest.directory.lstrip(os.sep))
    if not file_status.exists(os.path.join(directory, OFFICE, DIRECTORY_ID)):
        return False
    if (there := office_id(directory)) != manifest.office:
        raise BackupError(
            f"{directory}: there is another office's directory here ({there}), and the backup is "
            f"of {manifest.office}; move it away"
        )
    return True


def _of_office(manifest: Manifest, name: str, *parts: str) -> bool:
    """Whether a file of the backup is the office's own, and no camera's."""
    return name.startswith(os.path.join(manifest.directory.lstrip(os.sep), OFFICE, *parts, ""))


def _check_newer(path: str, manifest: Manifest, root: str) -> None:
    """Raise BackupError unless the ledger that is there has every line of the backup's, but for
    epochs that have expired since."""
    own = os.path.join(root, manifest.directory.lstrip(os.sep), OFFICE)
    directory = os.path.join(own, LEDGER)
    with explaining("list the ledger", directory):
        there = file_status.is_directory(directory) and sorted(os.listdir(directory))
    with (
        explaining("read the backup", path),
        open_plain(path, "backup", linked=True) as file,
        tarfile.open(fileobj=file, mode="r:") as archive,
    ):
        for member in archive:
            name = os.path.basename(member.name)
            of_ledger = _of_office(manifest, member.name, LEDGER) and name.endswith(".jws")
            content = archive.extractfile(member) if of_ledger else None
            if content is None:
                continue
            lines = content.read()
            lines = lines[: lines.rfind(b"\n") + 1]
            if not there or not _has(directory, there, name, lines):
                raise BackupError(
                    f"{own} is older than the backup, or has gone another way: its ledger lacks "
                    "entries that the backup's has, and holds may be among them. Nothing was "
                    f"written: move {own} away, and try again; recordings stay as they are"
                )


def _has(directory: str, there: Sequence[str], name: str, lines: bytes) -> bool:
    """Whether a ledger has these lines of an epoch, or says that more than these have expired."""
    stem = name.partition(".")[0]
    for one in (name, f"{stem}.damaged"):
        if one in there:
            with open_plain(os.path.join(directory, one), "ledger") as file:
                return file.read(len(lines)) == lines
    if f"{stem}.checkpoint" not in there or not lines:
        return not lines
    token = read_plain(os.path.join(directory, f"{stem}.checkpoint"), "checkpoint", jws.LONGEST)
    last = lines.splitlines()[-1]
    try:
        left = typed_json.decode(jws.parse(token.strip()).payload, EpochCheckpoint)
        at = typed_json.decode(jws.parse(last).payload, _Entry).sequence
    except (jws.JwsError, msgspec.MsgspecError):
        return False
    return left.first <= at < left.last or (at, jws.digest(last)) == (left.last, left.final)


def office_id(directory: str) -> str:
    """What names an office's directory. Raises StorageError."""
    path = os.path.join(directory, OFFICE, DIRECTORY_ID)
    return read_plain(path, "id of the office's directory", _PIECE).decode(errors="replace").strip()


def _digest(path: str) -> str:
    if not file_status.is_file(path):
        return ""
    with open_plain(path, "file") as file:
        return _sha256(file)


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def _owner(member: tarfile.TarInfo) -> tuple[int, int] | None:
    """User and group, by their names; None where this process is not root's."""
    if os.geteuid() != 0:
        return None
    try:
        uid = pwd.getpwnam(member.uname).pw_uid if member.uname else member.uid
        gid = grp.getgrnam(member.gname).gr_gid if member.gname else member.gid
    except KeyError as error:
        raise BackupError(
            f"/{member.name} is of {member.uname}:{member.gname}, and this machine does not have "
            "them, so nothing was written: install the server first, as docs/office.md says"
        ) from error
    return uid, gid


def _put(
    archive: tarfile.TarFile, member: tarfile.TarInfo, path: str, owner: tuple[int, int] | None
) -> None:
    if member.isdir():
        if file_status.is_directory(path, linked=True):
            return
        durable_files.make_directory(path, member.mode, linked=True)
        with explaining("make the directory", path):
            os.chmod(path, member.mode)
            if owner is not None:
                os.chown(path, *owner)
        return
    content = archive.extractfile(member)
    if content is None:
        return
    durable_files.make_directory(os.path.dirname(path), 0o755, linked=True)
    temporary = path + durable_files.TEMPORARY
    durable_files.remove(temporary, missing_ok=True)
    descriptor = durable_files.create(temporary, MODE)
    try:
        offset = 0
        while piece := content.read(_PIECE):
            offset = durable_files.write(descriptor, [piece], offset, temporary)
        with explaining("give it to its owner", temporary):
            if owner is not None:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, member.mode)
            os.utime(descriptor, (member.mtime, member.mtime))
        durable_files.sync(descriptor, temporary)
        durable_files.move(temporary, path)
    except BaseException:
        durable_files.discard(temporary)
        raise
    finally:
        durable_files.close(descriptor, temporary)
