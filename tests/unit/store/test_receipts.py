"""Receipts in their files: who signed them, who vouches for them, and that none is written over."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from desk_helpers import BOOT, KEY, KEYS, ONE, TWO
from msgspec.structs import replace

from camerad.base import durable_files
from camerad.base.clock import ManualClock
from camerad.base.errors import StorageError
from camerad.base.storage_errors import ForbiddenError
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger.entries import Head
from camerad.store import receipts
from camerad.store.receipts import CopiedRecording, Receipt

OTHER = SigningKey.generate()


def token(recording: str = ONE, key: SigningKey = KEY) -> bytes:
    receipt = Receipt(
        device="cam-1",
        kid=key.public.thumbprint,
        directory="0" * 32,
        recordings=(CopiedRecording(recording, "0" * 64, "1" * 64, 10),),
        head=Head(1, 1, "2" * 64),
        boot_id=BOOT,
        clock=ManualClock().moment(),
    )
    return receipts.sign(key, receipt)


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path)


def test_receipts_are_in_the_order_of_their_numbers_beyond_four_digits(directory: str) -> None:
    Path(directory, "9999.jws").write_bytes(token())
    last = receipts.write(directory, token(key=OTHER))
    assert os.path.basename(last) == "10000.jws"
    assert receipts.paths(directory)[-1] == last
    keys = KeyRing([KEY.public, OTHER.public])
    assert receipts.by_recording(receipts.read(directory, keys))[ONE][1].path == last


def test_two_programs_never_take_the_same_number(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not end its work is waited for so long and no longer."""
    monkeypatch.setattr(receipts, "WAIT_SECONDS", 0.05)
    first = receipts.write(directory, token())
    claim = durable_files.lock_directory(directory)
    try:
        with pytest.raises(StorageError, match="see whether it is stopped"):
            receipts.write(directory, token(TWO))
    finally:
        os.close(claim)
    assert receipts.paths(directory) == [first]
    receipts.write(directory, token(TWO))
    assert len(receipts.paths(directory)) == 2


def test_who_meets_another_writer_goes_on_as_soon_as_that_one_is_done(directory: str) -> None:
    """Another program, as an offload is: it has the number first, and the server the next one."""
    claim = durable_files.lock_directory(directory)
    written: list[str] = []
    writer = threading.Thread(target=lambda: written.append(receipts.write(directory, token(TWO))))
    writer.start()
    try:
        writer.join(0.1)
        assert writer.is_alive(), "it waits"
        Path(directory, "0001.jws").write_bytes(token())
    finally:
        os.close(claim)
    writer.join(receipts.WAIT_SECONDS)
    assert [os.path.basename(path) for path in written] == ["0002.jws"]


def test_only_those_by_the_keys_count(directory: str, caplog: pytest.LogCaptureFixture) -> None:
    own, other = token(), token(TWO, OTHER)
    receipts.write(directory, own)
    receipts.write(directory, other)
    both = KeyRing([KEY.public, OTHER.public])
    for _ in range(2):
        caplog.clear()
        assert [one.token for one in receipts.read(directory, KEYS)] == [own]
        assert "0002.jws: " in caplog.text
        assert [one.token for one in receipts.read(directory, both)] == [own, other]
        assert receipts.copied_by(directory, KEYS).keys() == {ONE}
        assert receipts.copied_by(directory, both).keys() == receipts.named(directory)
    filed = receipts.unproven(receipts.paths(directory)[1])
    assert filed is not None and (filed.token, filed.sha256) == (other, jws.digest(other))
    assert filed.is_by(both) and not filed.is_by(KEYS) and not filed.is_by(KeyRing())


def test_one_that_names_another_key_than_its_own_is_none(directory: str) -> None:
    receipt = replace(receipts.parse(token(), KEYS), kid=OTHER.public.thumbprint)
    path = receipts.write(directory, receipts.sign(KEY, receipt))
    assert list(receipts.read(directory, KEYS)) == []
    assert receipts.unproven(path) is None


@pytest.mark.parametrize("content", [b"", b"x", b"a.b.c", bytes(4096)])
def test_what_is_no_receipt_names_nothing(directory: str, content: bytes) -> None:
    Path(directory, "0001.jws").write_bytes(content)
    receipts.write(directory, token(TWO, OTHER))
    assert receipts.unproven(f"{directory}/0001.jws") is None
    assert receipts.named(directory) == {TWO}
    assert receipts.copied_by(directory, KEYS) == {}
    receipts.remove(directory, {ONE})
    assert len(receipts.paths(directory)) == 2
    receipts.remove(directory, {TWO})
    assert receipts.paths(directory) == [f"{directory}/0001.jws"]


def said(directory: str) -> set[str]:
    """The files with receipts about ONE, and what is said of all recordings."""
    about = [one.path for one in receipts.read(directory, KEYS, ONE)]
    every = [one for one in receipts.read(directory, KEYS) if one.copies[0].copied.id == ONE]
    assert about == [one.path for one in every]
    copied = receipts.copied_by(directory, KEYS).keys()
    assert copied == receipts.named(directory) and (ONE in copied) == bool(about)
    return {os.path.basename(path) for path in about}


def test_what_another_program_adds_replaces_and_removes_is_noticed(
    directory: str, tmp_path: Path
) -> None:
    assert said(directory) == set()
    for about in (ONE, TWO, ONE):
        receipts.write(directory, token(about))
        said(directory)
    assert said(directory) == {"0001.jws", "0003.jws"}
    # Others of the same length and time, as a backup brings them.
    for name, other in (("0001", TWO), ("0002", ONE)):
        path, new = tmp_path / f"{name}.jws", tmp_path / "new"
        state = path.stat()
        new.write_bytes(token(other))
        os.utime(new, ns=(state.st_atime_ns, state.st_mtime_ns))
        new.replace(path)
    assert said(directory) == {"0002.jws", "0003.jws"}
    (tmp_path / "0002.jws").unlink()
    assert said(directory) == {"0003.jws"}
    (tmp_path / "0003.jws").write_bytes(b"rubbish")
    assert said(directory) == set()
    (tmp_path / "0003.jws").write_bytes(token())
    assert said(directory) == {"0003.jws"}
    assert said(f"{directory}/none") == set()


def test_of_what_is_known_only_what_is_asked_for_is_read_again(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    read_plain = receipts.read_plain

    def noted(path: str, what: str, most: int) -> bytes:
        read.append(os.path.basename(path))
        return read_plain(path, what, most)

    for about in (TWO, TWO, ONE):
        receipts.write(directory, token(about))
    monkeypatch.setattr(receipts, "read_plain", noted)
    receipts.named(directory)
    receipts.copied_by(directory, KEYS)
    del read[:]
    assert receipts.named(directory) == receipts.copied_by(directory, KEYS).keys()
    assert len(list(receipts.read(directory, KEYS, ONE))) == 1
    assert read == ["0003.jws"]
    assert receipts.copied_by(directory, KeyRing()) == {}
    assert len(read) == 4, "by other keys each signature counts anew"


def test_what_may_not_be_read_is_not_taken_for_nothing(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> bytes:
        raise ForbiddenError("this user may not")

    path = receipts.write(directory, token())
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "read_plain", forbidden)
        for ask in (
            lambda: list(receipts.read(directory, KEYS, ONE)),
            lambda: receipts.copied_by(directory, KEYS),
            lambda: receipts.named(directory),
            lambda: receipts.unproven(path),
            lambda: receipts.remove(directory, {ONE}),
        ):
            with pytest.raises(ForbiddenError):
                ask()
    assert said(directory) == {"0001.jws"}
