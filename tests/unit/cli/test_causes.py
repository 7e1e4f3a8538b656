"""What a message names as the cause is the cause."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import ONE, Camera

from camerad.base import durable_files, storage_errors
from camerad.base.errors import EX_CANTCREAT, EX_UNAVAILABLE, EX_USAGE
from camerad.store.locations import place_of

from .conftest import Desk
from .evidence_steps import WHO

HOLD = ("evidence", "hold", ONE, "--reason", "Anzeige", *WHO)


@contextlib.contextmanager
def claimed(directory: str | Path) -> Iterator[None]:
    """As another process has it that is at work there."""
    descriptor = os.open(directory, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def test_at_an_office_another_command_is_at_work_and_no_camera(desk: Desk, archive: Path) -> None:
    """A colleague's purge; there is no camera and no service to be ended at a desk."""
    assert desk(*HOLD, "--state", archive).code == 0
    with claimed(Path(place_of(str(archive)).ledger).parent):
        said = desk(*HOLD, "--state", archive)
    assert said.code == EX_CANTCREAT
    assert f"{archive}: another command of camerad is at work here" in said.err
    assert "wait until it has ended" in said.err
    assert "records" not in said.err
    assert "systemctl" not in said.err


def test_at_a_device_it_may_be_another_command_too(desk: Desk, camera: Camera) -> None:
    camera.put(ONE)
    with claimed(camera.root):
        said = desk(*HOLD)
    assert said.code == EX_CANTCREAT
    assert "another command of camerad is at work here" in said.err


def test_whoever_has_a_device_s_store_is_not_always_a_daemon(desk: Desk, camera: Camera) -> None:
    """An offload of somebody else's has it as well, and no socket."""
    camera.put(ONE)
    with claimed(camera.recordings):
        said = desk(*HOLD)
    assert said.code == EX_UNAVAILABLE
    assert "another process has this store" in said.err
    assert "an offload" in said.err
    assert "--socket" in said.err
    assert "may not read" not in said.err


def test_whom_a_store_is_closed_to_is_told_that_and_not_of_a_daemon(
    desk: Desk, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    real = durable_files.lock_directory

    def refuse(directory: str, *, linked: bool = False) -> int:
        if directory == str(camera.recordings):
            raise storage_errors.explain(
                "claim", directory, PermissionError(errno.EACCES, "not allowed")
            )
        return real(directory, linked=linked)

    monkeypatch.setattr(durable_files, "lock_directory", refuse)
    said = desk(*HOLD)
    assert said.code == EX_UNAVAILABLE
    assert "this user may not read" in said.err
    assert "sudo" in said.err
    assert "another process" not in said.err


@pytest.mark.parametrize(
    ("number", "named"),
    [
        (errno.EROFS, ("read-only", "write-protect switch", "card, stick or disk")),
        (errno.EIO, ("card, stick or disk",)),
        (errno.ENOSPC, ("the storage is full: make room", "on a camera")),
    ],
)
def test_storage_that_fails_may_be_a_stick_s_or_a_desk_s(
    number: int, named: tuple[str, ...]
) -> None:
    said = str(
        storage_errors.explain("write", "/media/stick/a", OSError(number, os.strerror(number)))
    )
    for words in named:
        assert words in said
    assert "the card;" not in said
    assert "replace the card" not in said


@pytest.fixture
def trusting(archive: Path, key: Path, private: Path) -> tuple[object, ...]:
    """The options of a desk that has a private key, an office's directory, and a camera's key."""
    return ("--identity", private, "--state", archive, "--key", key)


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (" ", "the authorised person is needed"),
        (os.fsdecode(b"M\xfcller"), "not UTF-8"),
        ("two\nlines", "line breaks or other characters that do not print"),
        ("x" * 201, "at most 200 characters, and these are 201"),
    ],
)
@pytest.mark.parametrize("action", ["hold", "release", "export"])
def test_a_name_that_cannot_be_kept_is_told_why(
    desk: Desk, trusting: tuple[object, ...], action: str, who: str, why: str
) -> None:
    assert desk(*HOLD, *trusting[2:]).code == 0
    more = {"hold": ("--reason", "Anzeige", *trusting[2:]), "release": trusting[2:]}
    said = desk("evidence", action, ONE, *more.get(action, (*trusting, "--no-hold")), "--who", who)
    assert said.code == EX_USAGE, said.err
    last = said.err.splitlines()[-1]
    assert why in last
    if who.strip():
        assert "is needed" not in last
