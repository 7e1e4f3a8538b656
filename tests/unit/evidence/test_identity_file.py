"""The office's private keys are read from their file, locked by a passphrase or not."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path

import pyrage
import pytest
from cryptography.exceptions import InvalidTag
from sealed_helpers import LOCKED, PASSPHRASE, office, sealed

from camerad.base.errors import ConfigError
from camerad.evidence import identity_file
from camerad.evidence.identity_file import read_identities


def no_passphrase() -> str:
    raise AssertionError("nobody was to be asked")


def opens(identities: Sequence[pyrage.x25519.Identity]) -> bool:
    return pyrage.decrypt(sealed(b"x"), list(identities)) == b"x"


def test_an_identity_file_is_read_with_its_comments(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"# created: today\n\n# public key: x\n{office()}\n")
    assert opens(read_identities(str(tmp_path / "key"), no_passphrase))


@pytest.mark.parametrize("armored", [True, False])
def test_an_identity_file_with_a_passphrase_asks_once(tmp_path: Path, armored: bool) -> None:
    asked: list[str] = []

    def ask() -> str:
        asked.append("asked")
        return PASSPHRASE

    # The armor is that of PEM: lines of base64 between a begin and an end.
    bare = base64.b64decode(b"".join(LOCKED.splitlines()[1:-1]))
    (tmp_path / "key").write_bytes(LOCKED if armored else bare)
    assert opens(read_identities(str(tmp_path / "key"), ask))
    assert asked == ["asked"]


def test_more_work_than_anybody_asks_for_is_refused_and_no_wrong_passphrase(
    tmp_path: Path,
) -> None:
    bare = base64.b64decode(b"".join(LOCKED.splitlines()[1:-1]))
    # The stanza of age-encryption.org/v1: scrypt, its salt, and the logarithm of the work.
    heavy = re.sub(rb"(-> scrypt [^ ]+) \d+", rb"\1 40", bare)
    assert heavy != bare
    (tmp_path / "key").write_bytes(heavy)
    with pytest.raises(ConfigError, match=r"2\^40, and the most is 2\^22"):
        read_identities(str(tmp_path / "key"), lambda: PASSPHRASE)


def test_the_right_passphrase_opens_a_key_on_a_busy_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> bytes:
        raise pyrage.DecryptError("Excessive work parameter for passphrase.")

    # What the library says where it measures that scrypt is slow just now.
    monkeypatch.setattr(pyrage.passphrase, "decrypt", busy)
    (tmp_path / "key").write_bytes(LOCKED)
    assert opens(read_identities(str(tmp_path / "key"), lambda: PASSPHRASE))


def test_too_little_memory_is_no_wrong_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(identity_file, "Scrypt", none_left)
    (tmp_path / "key").write_bytes(LOCKED)
    with pytest.raises(ConfigError, match="MiB of memory at once"):
        read_identities(str(tmp_path / "key"), lambda: PASSPHRASE)


def test_a_key_is_locked_as_well_on_every_computer_and_by_the_format(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: list[int] = []
    real = identity_file.Scrypt

    def noted(salt: bytes, length: int, n: int, r: int, p: int) -> object:
        used.append(n)
        return real(salt, length, 4, r, p)

    monkeypatch.setattr(identity_file, "Scrypt", noted)
    identity_file.seal_with_passphrase(b"x", PASSPHRASE)
    assert used == [1 << 18]
    monkeypatch.undo()
    monkeypatch.setattr(identity_file, "WORK", 10)
    with pytest.raises(ValueError, match="more than a chunk"):
        identity_file.seal_with_passphrase(b"z" * 65_537, PASSPHRASE)
    for plain in (b"", b"x", b"y" * 65_536):
        text = identity_file.seal_with_passphrase(plain, PASSPHRASE).encode()
        with pytest.raises(ValueError, match="armor"):
            identity_file.open_with_passphrase(text.replace(b"END", b"End"), PASSPHRASE)
        assert pyrage.passphrase.decrypt(text, PASSPHRASE) == plain
        assert identity_file.open_with_passphrase(text, PASSPHRASE) == plain
        bare = bytearray(base64.b64decode(b"".join(text.splitlines()[1:-1])))
        for at in range(0, len(bare), max(1, len(bare) // 40)):
            bare[at] ^= 1
            with pytest.raises((ValueError, InvalidTag)):
                identity_file.open_with_passphrase(bytes(bare), PASSPHRASE)
            bare[at] ^= 1


def test_a_wrong_passphrase_is_said(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(LOCKED)
    with pytest.raises(ConfigError, match="passphrase is wrong"):
        read_identities(str(tmp_path / "key"), lambda: "wrong")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "no private key"),
        ("# only a comment\n", "no private key"),
        pytest.param(
            f"{pyrage.x25519.Identity.generate().to_public()}\n",
            ":1: this line is not a private key",
            id="a public key",
        ),
        ("\nAGE-SECRET-KEY-1QQQQ\n", ":2: this line is not a private key"),
        ("x" * 70_000, "too large"),
        ("\x00\xff\n", "not a private key"),
    ],
)
def test_what_is_no_identity_file_is_said(tmp_path: Path, content: str, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match=text) as caught:
        read_identities(str(path), no_passphrase)
    assert "QQQQ" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_identities(str(tmp_path / "missing"), no_passphrase)
