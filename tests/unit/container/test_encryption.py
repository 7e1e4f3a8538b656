"""What is sealed opens with the private half of any recipient, and with nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pyrage
import pytest

from camerad.container.encryption import RecipientError, Sealer


def test_each_recipient_can_open_it_alone_and_nobody_else_can() -> None:
    office, spare, stranger = (pyrage.x25519.Identity.generate() for _ in range(3))
    sealer = Sealer(str(identity.to_public()) for identity in (office, spare))
    sealed = sealer.seal(b"footage")
    assert sealer.recipients == (str(office.to_public()), str(spare.to_public()))
    assert pyrage.decrypt(sealed, [office]) == pyrage.decrypt(sealed, [spare]) == b"footage"
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [stranger])


def test_the_same_piece_never_looks_the_same_twice() -> None:
    sealer = Sealer([str(pyrage.x25519.Identity.generate().to_public())])
    assert sealer.seal(b"footage") != sealer.seal(b"footage")


def test_the_age_command_opens_it(tmp_path: Path) -> None:
    if shutil.which("age") is None:
        pytest.skip("age is not installed")
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "key").write_text(str(identity))
    sealed = Sealer([str(identity.to_public())]).seal(b"footage" * 100_000)
    command = ["age", "-d", "-i", str(tmp_path / "key")]
    opened = subprocess.run(command, input=sealed, capture_output=True, timeout=60, check=True)
    assert opened.stdout == b"footage" * 100_000


@pytest.mark.parametrize("wrong", ["", "age1", "age1xyz", "ssh-ed25519 AAAA", "{key} ", "{KEY}"])
def test_what_is_no_public_key_is_named(wrong: str) -> None:
    key = str(pyrage.x25519.Identity.generate().to_public())
    wrong = wrong.replace("{key}", key).replace("{KEY}", key.upper())
    with pytest.raises(RecipientError, match=r"is not an age public key .*age-keygen -y") as caught:
        Sealer([key, wrong])
    assert repr(wrong) in str(caught.value)


def test_a_private_key_is_refused_and_never_repeated() -> None:
    private = str(pyrage.x25519.Identity.generate())
    with pytest.raises(RecipientError, match="must never be on a device") as caught:
        Sealer([private])
    assert private[20:30] not in str(caught.value)


def test_without_a_recipient_nothing_is_sealed() -> None:
    with pytest.raises(RecipientError, match="there is no recipient"):
        Sealer([])
