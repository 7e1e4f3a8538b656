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


def test_only_those_by_the_keys_count(directory: str) -> None:
    own, other = token(), token(TWO, OTHER)
    receipts.write(directory, own)
    receipts.write(directory, other)
    assert [one.token for one in receipts.read(directory, KEYS)] == [own]
    both = KeyRing([KEY.public, OTHER.public])
    assert [one.token for one in receipts.read(directory, both)] == [own, other]
    path = receipts.paths(directory)[1]
    assert receipts.is_signed(path, both)
    assert not receipts.is_signed(path, KEYS)
    assert not receipts.is_signed(path, KeyRing())


def test_one_that_something_else_names_by_its_hash_counts_whoever_signed_it(
    directory: str,
) -> None:
    other = token(TWO, OTHER)
    path = receipts.write(directory, other)
    (found,) = receipts.read_named(directory, {jws.digest(other)}, set())
    assert (found.path, found.token) == (path, other)
    assert receipts.read_named(directory, {jws.digest(other)}, {path}) == []
    assert receipts.read_named(directory, {jws.digest(token())}, set()) == []


def test_one_that_names_another_key_than_its_own_is_none(directory: str) -> None:
    """Also where its hash is named."""
    receipt = replace(receipts.parse(token(), KEYS), kid=OTHER.public.thumbprint)
    forged = receipts.sign(KEY, receipt)
    receipts.write(directory, forged)
    assert list(receipts.read(directory, KEYS)) == []
    assert receipts.read_named(directory, {jws.digest(forged)}, set()) == []


@pytest.mark.parametrize("content", [b"", b"x", b"a.b.c", bytes(4096)])
def test_what_is_no_receipt_names_nothing(directory: str, content: bytes) -> None:
    Path(directory, "0001.jws").write_bytes(content)
    assert receipts.read_named(directory, {jws.digest(content)}, set()) == []
    assert not receipts.mentions(directory, ONE)
    receipts.write(directory, token(TWO, OTHER))
    assert receipts.mentions(directory, TWO)
    assert not receipts.mentions(directory, ONE)
