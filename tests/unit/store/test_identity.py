"""The device's key: made once, kept to itself, never lost in silence."""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from camerad.base import durable_files
from camerad.base.errors import ConfigError, StorageError
from camerad.container.keys import KeyRing, SigningKey
from camerad.store import identity
from camerad.store.disk import StateDirectoryError
from camerad.store.identity import confirm, load_or_create


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def settled(state: Path) -> identity.Identity:
    """A device whose ledger knows its key."""
    made = load_or_create(str(state))
    confirm(str(state), made)
    return made


def foreign() -> bytes:
    """A private key of another kind."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda pem: b"",
    "zeros": lambda pem: bytes(len(pem)),
    "cut short": lambda pem: pem[: len(pem) // 2],
    "another text": lambda pem: b"Dear Sir or Madam\n",
    "another kind of key": lambda pem: foreign(),
    "a public key only": lambda pem: SigningKey.from_pem(pem).public.pem.encode(),
}


def test_the_first_start_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "not" / "there" / "yet"
    old = os.umask(0o000)
    try:
        made = load_or_create(str(state))
    finally:
        os.umask(old)
    assert made.created and made.replaced is None
    path = state / "identity.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SigningKey.from_pem(path.read_bytes()).public == made.key.public
    # Nothing but the key, its public half, and nothing that is not published yet.
    assert sorted(p.name for p in state.rglob("*")) == sorted(
        ["identity.pem", "keys", f"{made.key.public.thumbprint}.jwk"]
    )


def test_every_later_start_finds_the_same_key(tmp_path: Path) -> None:
    made = settled(tmp_path)
    again = load_or_create(str(tmp_path))
    assert again.key.public == made.key.public
    assert (again.created, again.replaced) == (False, None)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_key_is_kept_aside_and_another_one_records(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    former = settled(tmp_path)
    path = tmp_path / "identity.pem"
    damaged = DAMAGE[damage](path.read_bytes())
    path.write_bytes(damaged)
    found = load_or_create(str(tmp_path))
    assert found.created
    assert found.replaced == former.key.public.thumbprint
    assert found.key.public != former.key.public
    assert (tmp_path / "identity.pem.damaged-1").read_bytes() == damaged
    assert [r.levelno for r in caplog.records if "damaged-1" in r.message] == [logging.CRITICAL]
    # And a second time: what was set aside before is still there.
    confirm(str(tmp_path), found)
    path.write_bytes(b"again")
    assert load_or_create(str(tmp_path)).replaced == found.key.public.thumbprint
    assert (tmp_path / "identity.pem.damaged-1").read_bytes() == damaged
    assert (tmp_path / "identity.pem.damaged-2").read_bytes() == b"again"


def test_a_key_that_somebody_put_there_is_told_too(tmp_path: Path) -> None:
    former = settled(tmp_path)
    other = SigningKey.generate()
    (tmp_path / "identity.pem").write_bytes(other.pem)
    found = load_or_create(str(tmp_path))
    assert found.key.public == other.public
    assert found.created and found.replaced == former.key.public.thumbprint
    confirm(str(tmp_path), found)
    # And back again.
    (tmp_path / "identity.pem").write_bytes(former.key.pem)
    assert load_or_create(str(tmp_path)).replaced == other.public.thumbprint


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"x" * 43])
def test_where_the_current_key_is_not_known_the_newest_former_one_is_named(
    tmp_path: Path, content: bytes
) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    newest, older = SigningKey.generate(), SigningKey.generate()
    for second, key in ((2, newest), (1, older)):
        path = keys / f"{key.public.thumbprint}.jwk"
        path.write_text("{}")
        os.utime(path, (second, second))
    (keys / "current").write_bytes(content)
    assert load_or_create(str(tmp_path)).replaced == newest.public.thumbprint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused_and_left_alone(tmp_path: Path, mode: int) -> None:
    settled(tmp_path)
    path = tmp_path / "identity.pem"
    path.chmod(mode)
    before = path.read_bytes()
    with pytest.raises(StateDirectoryError, match=rf"mode {mode:04o}.*chmod 600 {path}"):
        load_or_create(str(tmp_path))
    assert path.read_bytes() == before
    path.chmod(0o600)
    assert not load_or_create(str(tmp_path)).created


def test_what_is_no_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    path.mkdir()
    with pytest.raises(StateDirectoryError, match="this is not a file"):
        load_or_create(str(tmp_path))
    path.rmdir()
    # Nobody writes into it: reading would wait for ever.
    os.mkfifo(path, 0o600)
    with pytest.raises(StateDirectoryError, match="this is not a file"):
        load_or_create(str(tmp_path))
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateDirectoryError, match="cannot be read"):
        load_or_create(str(tmp_path))
    assert path.is_symlink()


def fail(number: int) -> Any:
    def call(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return call


def test_a_key_that_this_user_may_not_read_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "read", fail(errno.EACCES))
        with pytest.raises(
            StateDirectoryError, match="Permission denied; make it a file of the user"
        ):
            load_or_create(str(tmp_path))
    assert not load_or_create(str(tmp_path)).created


def test_a_key_that_the_card_has_lost_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = settled(tmp_path)
    content = (tmp_path / "identity.pem").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(os, "read", fail(errno.EIO))
        assert load_or_create(str(tmp_path)).replaced == former.key.public.thumbprint
    assert (tmp_path / "identity.pem.damaged-1").read_bytes() == content


@pytest.mark.parametrize("failing", ["fdatasync", "rename", "pwritev"])
def test_a_storage_that_refuses_leaves_no_key_behind_and_the_next_start_makes_one(
    tmp_path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, failing, fail(errno.ENOSPC))
        with pytest.raises(StorageError, match=r"identity\.pem.*storage is full"):
            load_or_create(str(tmp_path))
    assert not (tmp_path / "identity.pem").exists()
    assert load_or_create(str(tmp_path)).created


def test_a_start_that_is_interrupted_anywhere_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power goes before each of the renames that make a change visible, one after the other."""
    rename = durable_files.rename
    for step in range(4):
        state = tmp_path / str(step)
        former = settled(state)
        (state / "identity.pem").write_bytes(b"damaged")
        left = step

        def interrupted(path: str, to: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            rename(path, to)

        with monkeypatch.context() as patched:
            patched.setattr(durable_files, "rename", interrupted)
            try:
                confirm(str(state), load_or_create(str(state)))
                raise AssertionError("it was to be interrupted")
            except KeyboardInterrupt:
                pass
        found = load_or_create(str(state))
        assert found.created and found.replaced == former.key.public.thumbprint, step
        assert (state / "identity.pem.damaged-1").read_bytes() == b"damaged"
        confirm(str(state), found)
        again = load_or_create(str(state))
        assert not again.created and again.key.public == found.key.public


# ------------------------------------------------------------------------------------ credentials


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "credentials"
    directory.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))
    return directory


def test_a_key_that_the_unit_brings_comes_first(tmp_path: Path, credentials: Path) -> None:
    key = SigningKey.generate()
    (credentials / "identity.pem").write_bytes(key.pem)
    # As systemd leaves it: the access control list shows as rights of the group.
    (credentials / "identity.pem").chmod(0o440)
    state = tmp_path / "state"
    assert load_or_create(str(state)).key.public == key.public
    assert not (state / "identity.pem").exists()
    assert identity.published(str(state))[0] == key.public


def test_a_unit_that_brings_other_things_leaves_the_key_to_the_device(
    tmp_path: Path, credentials: Path
) -> None:
    (credentials / "password").write_text("x")
    assert load_or_create(str(tmp_path / "state")).created
    assert (tmp_path / "state" / "identity.pem").exists()


def test_a_damaged_credential_does_not_keep_the_camera_from_recording(
    tmp_path: Path, credentials: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (credentials / "identity.pem").write_text("damaged")
    made = load_or_create(str(tmp_path / "state"))
    assert made.created
    assert (credentials / "identity.pem").read_text() == "damaged"
    assert any(
        record.levelno == logging.ERROR and str(credentials) in record.message
        for record in caplog.records
    )


# ------------------------------------------------------------------------------------ public half


def test_a_key_that_a_reset_gave_up_is_gone_and_another_one_signs(tmp_path: Path) -> None:
    state = str(tmp_path)
    former = identity.load_or_create(state)
    identity.confirm(state, former)
    given_up = {former.key.public.thumbprint}
    found = identity.load_or_create(state, given_up)
    assert (found.created, found.replaced) == (True, former.key.public.thumbprint)
    assert found.key.public != former.key.public
    assert all(former.key.pem != path.read_bytes() for path in tmp_path.glob("identity*"))
    identity.confirm(state, found)
    assert identity.load_or_create(state, given_up).key.public == found.key.public


def test_a_key_that_a_reset_gave_up_is_overwritten_before_its_name_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = identity.load_or_create(str(tmp_path)).key.public.thumbprint
    seen: list[bytes] = []
    remove = durable_files.remove

    def look(path: str) -> None:
        seen.append(Path(path).read_bytes())
        remove(path)

    monkeypatch.setattr(durable_files, "remove", look)
    identity.load_or_create(str(tmp_path), {former})
    assert len(seen) == 1 and seen[0] and not any(seen[0])


def test_a_key_that_the_unit_brings_signs_no_more_once_it_was_given_up(
    tmp_path: Path, credentials: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = SigningKey.generate()
    (credentials / "identity.pem").write_bytes(key.pem)
    found = identity.load_or_create(str(tmp_path), {key.public.thumbprint})
    assert found.key.public != key.public
    assert "given up by a reset" in caplog.text


def test_every_public_half_that_the_device_ever_had_is_published(tmp_path: Path) -> None:
    first = settled(tmp_path)
    (tmp_path / "identity.pem").unlink()
    second = settled(tmp_path)
    current, former = identity.published(str(tmp_path))
    assert current == second.key.public
    assert former == [first.key.public]
    # As a ring of trusted keys it reads both, and nothing else in the directory disturbs that.
    assert set(KeyRing.read([str(tmp_path / "keys")])) == {
        first.key.public.thumbprint,
        second.key.public.thumbprint,
    }


def test_before_the_ledger_knows_a_replacement_the_former_key_is_shown(tmp_path: Path) -> None:
    first = settled(tmp_path)
    (tmp_path / "identity.pem").unlink()
    load_or_create(str(tmp_path))
    assert identity.published(str(tmp_path))[0] == first.key.public


def test_a_public_half_that_is_another_keys_is_published_again(tmp_path: Path) -> None:
    made = settled(tmp_path)
    path = tmp_path / "keys" / f"{made.key.public.thumbprint}.jwk"
    path.write_text(json.dumps(SigningKey.generate().public.jwk))
    load_or_create(str(tmp_path))
    assert json.loads(path.read_text()) == made.key.public.jwk


def test_a_damaged_public_half_of_old_keeps_nothing_from_working(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = settled(tmp_path)
    (tmp_path / "identity.pem").unlink()
    second = settled(tmp_path)
    damaged = tmp_path / "keys" / f"{first.key.public.thumbprint}.jwk"
    assert len(identity.key_ring(str(tmp_path))) == 2
    damaged.write_bytes(b"\0" * 200)
    assert set(identity.key_ring(str(tmp_path))) == {second.key.public.thumbprint}
    assert str(damaged) in caplog.text
    assert not load_or_create(str(tmp_path)).created


def test_where_there_is_no_device_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="start the camera once"):
        identity.published(str(tmp_path))


def test_a_directory_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("")
    with pytest.raises(StorageError, match=r"keys: cannot list the keys: Not a directory"):
        identity.published(str(tmp_path))
