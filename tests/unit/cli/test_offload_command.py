"""`camerad offload`: from a device's directory to the office's, daemon or not."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socketserver
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import KEY, KEYS, ONE, TWO, Camera

from camerad.base.errors import EX_IOERR, EX_USAGE
from camerad.store.device_client import OwnedDevice
from camerad.store.locations import place_of
from camerad.store.receipts import CopiedRecording
from tests.unit.answering import Answering, served

from .conftest import Desk


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    made = Camera(tmp_path / "state")
    made.put(ONE)
    made.put(TWO)
    return made


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    return path


def test_offload_says_what_it_did_and_what_was_there(
    desk: Desk, camera: Camera, stick: Path
) -> None:
    said = desk("offload", stick, "--same-disk")
    assert (said.code, said.out.startswith("2 acknowledged, 0 were there")) == (0, True)
    assert f"copying 1 of 2: {ONE}" in said.err
    said = desk("offload", stick, "--same-disk", "--json")
    assert said.json["there"] == [ONE, TWO]
    assert said.json["acknowledged"] == []
    assert said.err == ""


def test_storage_that_is_not_there_is_refused(desk: Desk, camera: Camera) -> None:
    said = desk("offload", "nowhere")
    assert (said.code, "mount the storage" in said.err) == (EX_USAGE, True)


def test_a_stick_that_is_not_mounted_is_refused(desk: Desk, camera: Camera, stick: Path) -> None:
    said = desk("offload", stick)
    assert (said.code, f"findmnt --target {stick}" in said.err) == (EX_USAGE, True)
    assert "acknowledged" not in said.out


def test_a_store_that_is_not_there_is_named_by_the_option_that_mends_it(
    desk: Desk, tmp_path: Path, stick: Path
) -> None:
    nowhere = tmp_path / "nowhere"
    for command in (["offload", stick], ["evidence", "list"], ["evidence", "show", ONE]):
        said = desk(*command, "--state", nowhere)
        assert said.code != 0
        assert (str(nowhere) in said.err, "with --state" in said.err) == (True, True), said.err


def test_the_environment_names_the_store_for_every_command(desk: Desk, camera: Camera) -> None:
    """`desk` sets CAMERAD_STATE, as whoever works on one device all day may."""
    assert KEY.public.thumbprint in desk("identity", "show").out
    assert len(desk("evidence", "list", "--json").json) == 2


def test_an_offices_directory_is_no_device(desk: Desk, camera: Camera, stick: Path) -> None:
    desk("offload", stick, "--same-disk")
    said = desk("offload", stick, "--same-disk", "--state", stick)
    assert (said.code, "not a device" in said.err) == (EX_USAGE, True)


def test_a_full_stick_is_said_with_what_to_do(
    desk: Desk, camera: Camera, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwritev

    def full(descriptor: int, buffers: Any, offset: int) -> int:
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(stick)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "pwritev", full)
    said = desk("offload", stick, "--same-disk")
    assert (said.code, "the storage is full" in said.err) == (EX_IOERR, True)


def test_a_ledger_that_was_put_back_needs_a_person(desk: Desk, camera: Camera, stick: Path) -> None:
    file = camera.root / "ledger" / "000001.jws"
    before = file.read_bytes()
    desk("offload", stick, "--same-disk")
    file.write_bytes(before)
    said = desk("offload", stick, "--same-disk")
    assert (said.code, "put back" in said.err) == (1, True)


class _Daemon(Answering):
    """The endpoint as docs of the control socket have it, on a real store."""

    device: OwnedDevice

    def get(self) -> None:
        self.answer(200, {"thumbprint": KEY.public.thumbprint})

    def post(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "receipt" in body:
            self.device.acknowledge(body["receipt"].encode())
            self.answer(200, {})
        else:
            copied = [CopiedRecording(**one) for one in body["recordings"]]
            token = self.device.sign("cam-1", body["directory"], copied)
            self.answer(200, {"receipt": token.decode()})


@pytest.fixture
def daemon(camera: Camera, tmp_path: Path) -> Iterator[None]:
    with camera.open() as store:

        class Handler(_Daemon):
            device = OwnedDevice(store, KEY, KEYS)

        with served(socketserver.UnixStreamServer(str(tmp_path / "control.sock"), Handler)):
            yield


@pytest.mark.usefixtures("daemon")
def test_a_running_daemon_signs_and_is_told(desk: Desk, camera: Camera, stick: Path) -> None:
    said = desk("offload", stick, "--same-disk", "--json")
    assert (said.code, said.json["acknowledged"]) == (0, [ONE, TWO])
    (holding,) = place_of(str(stick)).holdings
    assert len(os.listdir(holding.receipts)) == 2
    listed = desk("evidence", "list", "--json").json
    assert [one["acknowledged"] for one in listed] == [True, True]


def test_a_device_that_is_locked_by_nobody_we_can_ask_is_said(
    desk: Desk, camera: Camera, stick: Path
) -> None:
    claim = os.open(camera.recordings, os.O_RDONLY)
    fcntl.flock(claim, fcntl.LOCK_EX)
    said = desk("offload", stick, "--same-disk")
    os.close(claim)
    assert "another process has this store" in said.err
    assert "with --socket" in said.err
    assert "start" not in said.err, "one runs already"
    assert said.code not in (0, 1)
    assert os.listdir(stick) == []
