"""A backup of an office's server: one tar with all that a new machine needs besides recordings.

`TAKEN` says what is in it, and `LEFT_OUT` what is not. Everything else in these directories is
taken, so what a later version puts there is in it as well. The last member is a manifest with the
SHA-256 of every file. Without it, or with one byte changed, nothing is restored.

The server may run meanwhile. Its ledger is read first, and each of its files up to the end of a
line: so all that the ledger tells of is in the files that are read after it. The database's state
comes last, as one file of SQLite, whichever engine it is in (`camerad.office.state.state_copy`).
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import grp
import hashlib
import logging
import os
import pwd
import re
import stat
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from typing import IO, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

import camerad
from camerad.base import durable_files, file_status
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import open_plain
from camerad.base.storage_errors import explaining
from camerad.office.server.backup_restore import (
    MANIFEST,
    MODE,
    BackupError,
    Manifest,
    check,
    office_id,
)
from camerad.office.server.office_settings import OfficeFile
from camerad.office.state.database_settings import STATE_FILE, path_in, state_url
from camerad.office.state.state_copy import write_copy
from camerad.store.locations import LEDGER, OFFICE
from camerad.transparency.office_log import DIRECTORY as LOG

TAKEN: Final = (
    (
        "the directory of the settings",
        "all of it: settings, keys, register, certificates, the secrets of mail and OpenID",
    ),
    ("files that the settings name", "wherever they lie, such as the city's certificate"),
    (
        "what PostgreSQL's client reads",
        "`.pgpass`, `.pg_service.conf`, `.postgresql/`; files of `index.url` and `PGPASSFILE`",
    ),
    ("drop-ins of the unit", "`/etc/systemd/system/camerad-office.service.d/`"),
    (
        "the office's directory",
        "ledger, cases, updates on offer, sums of the ledger, receipts, and the copies of the "
        "cameras' ledgers",
    ),
    (
        "the state in the database",
        "people, sessions, requests, offers, check-ins and readings of cameras, as "
        "`office/state.sqlite`",
    ),
)
"""What a backup has, in words for docs/office.md."""
_BIG: Final = (
    ("*/recordings/*", "recordings, unless you say `--with-recordings`"),
    ("office/quarantine/*", "what was quarantined, unless you say `--with-recordings`"),
)
LEFT_OUT: Final = (
    *_BIG,
    ("office/incoming/*", "uploads under way: the cameras still have them"),
    ("office/index.sqlite*", "the index in a file: the server rebuilds it"),
    ("office/state.sqlite*", "the state in a file: a copy of one moment is in its place"),
    ("office/restoring/*", "what is coming back from a replica"),
    (f"*{durable_files.TEMPORARY}", "files that are being written"),
)
"""What it leaves out of the office's directory: patterns, and why."""
DROP_INS: Final = "/etc/systemd/system/camerad-office.service.d"
_HOME: Final = (".pgpass", ".pg_service.conf", ".postgresql")
_MOST_FILES, _LARGEST = 10_000, 64 << 20
"""Of the directory of the settings, which may by mistake be a person's home."""
_LEFTOVER: Final = re.compile(
    rf"(camerad-office-\d{{8}}T\d{{6}}Z\.tar)(\.state)?{re.escape(durable_files.TEMPORARY)}"
    r"(-wal|-shm|-journal)?"
)
"""Name of a file of a backup that is being made, or was when its process was killed."""
_log = logging.getLogger(__name__)


def make(
    settings: OfficeFile,
    config: str,
    target: str,
    *,
    with_recordings: bool = False,
) -> str:
    """Make a backup in the directory `target`, mode 600; returns its path. It was read back.

    Removes what killed runs left there. Raises BackupError, and StorageError.
    """
    now = datetime.now(UTC)
    directory = str(settings.directory)
    path = os.path.join(target, f"camerad-office-{now:%Y%m%dT%H%M%SZ}.tar")
    if file_status.exists(path):
        raise BackupError(f"{path}: there is one of this second already; try again")
    home = os.path.dirname(os.path.abspath(config))
    for own in (home, directory):
        if _is_in(own, target):
            raise BackupError(
                f"{target}: what is here is in a backup itself; name a directory for backups alone"
            )
    identity = office_id(directory)
    temporary = path + durable_files.TEMPORARY
    _remove_leftovers(target)
    descriptor = durable_files.create(temporary, MODE)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not file_status.is_named(descriptor, temporary):
            raise BackupError(f"{target}: another backup was begun here just now; try again")
        files: dict[str, str] = {}
        found = _sources(settings, config, target, with_recordings=with_recordings)
        with (
            explaining("write the backup", temporary),
            os.fdopen(os.dup(descriptor), "wb") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for one in found:
                _add(archive, one, files, directory)
            _add_state(archive, settings, files, path)
            said = Manifest(
                camerad=camerad.__version__,
                made=f"{now:%Y-%m-%dT%H:%M:%SZ}",
                config=os.path.abspath(config),
                directory=directory,
                office=identity,
                with_recordings=with_recordings,
                files=files,
            )
            content = msgspec.json.format(msgspec.json.encode(said), indent=1) + b"\n"
            member = tarfile.TarInfo(MANIFEST)
            member.size, member.mode, member.mtime = len(content), MODE, int(now.timestamp())
            archive.addfile(member, BytesIO(content))
        durable_files.sync(descriptor, temporary)
        check(temporary)
        durable_files.rename(temporary, path)
    except BaseException:
        durable_files.discard(temporary, missing_ok=True)
        raise
    finally:
        durable_files.close(descriptor, temporary)
    return path


def _remove_leftovers(target: str) -> None:
    """Remove what killed runs left in the directory `target`: there are keys in it. A run under way
    has locked its file. Logs what cannot be removed. Raises StorageError."""
    with explaining("list the directory", target):
        names = sorted(os.listdir(target), reverse=True)  # the locked file last
    for name in names:
        if (found := _LEFTOVER.fullmatch(name)) is None:
            continue
        path = os.path.join(target, name)
        locked = os.path.join(target, found[1] + durable_files.TEMPORARY)
        try:
            with contextlib.ExitStack() as claim:
                if file_status.exists(locked):
                    descriptor = durable_files.open_existing(locked)
                    claim.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                durable_files.remove(path, missing_ok=True)
        except BlockingIOError:
            continue
        except OSError as error:
            _log.warning(
                "%s: left by a backup that was killed, with keys in it; remove it: %s",
                ascii(path),
                error,
                extra=MessageId.MISTAKE.extra,
            )


def _is_in(path: str, directory: str) -> bool:
    real = os.path.realpath(directory)
    return os.path.commonpath([os.path.realpath(path), real]) == real


def named_paths(settings: msgspec.Struct) -> Iterator[Path]:
    """Every path that stands in the settings."""
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, Path):
            yield value
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, msgspec.Struct):
                yield from named_paths(one)


def _sources(settings: OfficeFile, config: str, target: str, *, with_recordings: bool) -> list[str]:
    """Files and directories of the backup, each once; the office's log and ledger first."""
    directory = str(settings.directory)
    left_out = dict(LEFT_OUT[len(_BIG) :] if with_recordings else LEFT_OUT)
    elsewhere = {
        os.path.realpath(one)
        for one in (directory, settings.second_copy.directory, target)
        if one is not None
    }
    home = os.path.dirname(os.path.abspath(config))
    configuration = list(_walk(home, linked=True, without=elsewhere))
    sizes = [os.stat(one).st_size for one in configuration if os.path.isfile(one)]
    if len(configuration) > _MOST_FILES or max(sizes, default=0) > _LARGEST:
        raise BackupError(
            f"{home}: there is more here than an office's settings. Give them a directory of their "
            "own, such as /etc/camerad-office, and name it with --config"
        )

    def is_state(path: str) -> bool:
        inside = os.path.relpath(path, directory)
        return not any(fnmatchcase(inside, out) for out in left_out)

    found = [
        # The log first of all: a backup's ledger must have all that its log has.
        *_walk(os.path.join(directory, OFFICE, LOG), linked=False, keep=is_state),
        *_walk(os.path.join(directory, OFFICE, LEDGER), linked=False, keep=is_state),
        *_walk(directory, linked=False, without={os.path.realpath(target)}, keep=is_state),
        *configuration,
        *(str(one) for one in named_paths(settings) if os.path.isfile(one)),
        *_of_database(settings),
        *_walk(DROP_INS, linked=True),
    ]
    return list(dict.fromkeys(found))


def _walk(
    root: str,
    *,
    linked: bool,
    without: set[str] | None = None,
    keep: Callable[[str], bool] = lambda _: True,
) -> Iterator[str]:
    """A directory, and all in it that is to be kept, in the order of names; nothing if there is
    none. linked: links are followed, each directory once. without: real paths of directories that
    are passed over."""
    without = set() if without is None else set(without)
    left = [root]
    while left:
        path = left.pop()
        if not keep(path):
            continue
        if not file_status.is_directory(path, linked=linked):
            if path != root:
                yield path
            continue
        if (real := os.path.realpath(path)) in without:
            continue
        without.add(real)
        yield path
        with explaining("list the directory", path):
            left += [os.path.join(path, name) for name in sorted(os.listdir(path), reverse=True)]


def _of_database(settings: OfficeFile) -> Iterator[str]:
    if settings.index.url is None:
        return
    try:
        home = pwd.getpwuid(os.stat(settings.directory).st_uid).pw_dir
    except KeyError:
        home = os.path.expanduser("~")
    for name in _HOME:
        path = os.path.join(home, name)
        yield from _walk(path, linked=True) if os.path.isdir(path) else (path,)
    told = [value for _, value in parse_qsl(urlsplit(settings.index.url).query)]
    for value in (*told, os.environ.get("PGPASSFILE", "")):
        if os.path.isabs(value) and os.path.isfile(value):
            yield value


def _add_state(
    archive: tarfile.TarFile, settings: OfficeFile, files: dict[str, str], path: str
) -> None:
    """Add a copy of the state, made beside the backup at `path`; as the directory's owner has it,
    who works with it."""
    directory, copy = str(settings.directory), f"{path}.state{durable_files.TEMPORARY}"
    durable_files.remove(copy, missing_ok=True)
    try:
        if write_copy(state_url(settings.index, directory), copy):
            name = path_in(directory, STATE_FILE)
            with explaining("read the copy", copy), open_plain(copy, "copy") as file:
                state, owner = os.fstat(file.fileno()), os.stat(directory)
                member = _member(name.lstrip(os.sep), state, tarfile.REGTYPE)
                member.uid, member.gid = owner.st_uid, owner.st_gid
                member.uname, member.gname = _user(owner.st_uid), _group(owner.st_gid)
                hashing = _Hashing(file)
                archive.addfile(member, hashing)  # type: ignore[arg-type]
            files[member.name] = hashing.digest.hexdigest()
    finally:
        for ending in ("", "-wal", "-shm"):
            durable_files.discard(copy + ending, missing_ok=True)


def _add(archive: tarfile.TarFile, path: str, files: dict[str, str], directory: str) -> None:
    """Add a file or directory; what is neither, or went meanwhile, is left out.

    A link is followed but for the office's directory, in which the server's user alone writes."""
    inside = os.path.relpath(path, directory).split(os.sep)
    linked = inside[0] == os.pardir
    mode = file_status.mode_of(path, linked=linked)
    name = path.lstrip(os.sep)
    if mode is not None and stat.S_ISDIR(mode):
        with explaining("look at the directory", path):
            archive.addfile(_member(name, os.stat(path), tarfile.DIRTYPE))
    elif mode is not None and stat.S_ISREG(mode):
        with open_plain(path, "file", linked=linked) as file:
            member = _member(name, os.fstat(file.fileno()), tarfile.REGTYPE)
            source: IO[bytes] = file
            if len(inside) == 3 and inside[1] == LEDGER:  # it may grow just now
                content = file.read()
                content = content[: content.rfind(b"\n") + 1]
                member.size, source = len(content), BytesIO(content)
            hashing = _Hashing(source)
            archive.addfile(member, hashing)  # type: ignore[arg-type]
        files[name] = hashing.digest.hexdigest()


class _Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        piece = self._file.read(size)
        self.digest.update(piece)
        return piece


def _member(name: str, state: os.stat_result, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, stat.S_IMODE(state.st_mode)
    member.size = state.st_size if kind == tarfile.REGTYPE else 0
    member.mtime, member.uid, member.gid = int(state.st_mtime), state.st_uid, state.st_gid
    member.uname, member.gname = _user(state.st_uid), _group(state.st_gid)
    return member


@functools.cache
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@functools.cache
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""
