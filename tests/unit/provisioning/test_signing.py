"""The office's signature: one spelling, and one that openssl understands."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from camerad.container.keys import SigningKey, encode_base64url
from camerad.provisioning import signing
from camerad.provisioning.signing import SignatureFileError, parse, sign

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
CONTENT = "policy: generic # für alle\n".encode()
TOKEN = sign(KEY, CONTENT)


def test_a_signature_is_by_its_key_over_its_content_and_no_other() -> None:
    found = parse(TOKEN)
    assert found.kid == KEY.public.thumbprint
    assert found.is_by(KEY.public, CONTENT)
    assert not found.is_by(KEY.public, CONTENT + b" ")
    assert not found.is_by(OTHER.public, CONTENT)
    assert not found._replace(kid=OTHER.public.thumbprint).is_by(OTHER.public, CONTENT)


def test_an_editor_s_last_line_break_does_not_matter() -> None:
    for ending in (b"", b"\n", b"\r\n"):
        assert parse(TOKEN.rstrip(b"\n") + ending) == parse(TOKEN)


def header(text: str) -> bytes:
    return encode_base64url(text.encode()).encode()


KID = KEY.public.thumbprint
RIGHT = f'{{"alg":"EdDSA","cty":"yaml","kid":"{KID}","typ":"camerad-provision"}}'
SIGNATURE = TOKEN.strip().rsplit(b".", 1)[1]


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b".",
        b"..",
        TOKEN.replace(b"..", b"."),
        TOKEN.replace(b"..", b".eA."),
        TOKEN.strip() + b".",
        TOKEN.strip() + b"=",
        TOKEN.strip() + b"A",
        b" " + TOKEN,
        TOKEN + b"\n",
        b"\xff" + TOKEN,
        header(RIGHT.replace(",", ", ")) + b".." + SIGNATURE,
        header(RIGHT.replace("EdDSA", "none")) + b".." + SIGNATURE,
        header(RIGHT.replace("camerad-provision", "camerad-entry+json")) + b".." + SIGNATURE,
        header(RIGHT) + b".." + SIGNATURE[:-3],
        header(RIGHT) + b".." + SIGNATURE[:-2] + b"-_",
        b"A" * (signing.LONGEST + 1),
    ],
)
def test_every_other_spelling_is_refused(token: bytes) -> None:
    try:
        holds = parse(token).is_by(KEY.public, CONTENT)
    except SignatureFileError:
        holds = False
    assert not holds


def test_openssl_agrees(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    head, _, signature = TOKEN.strip().split(b".")
    content = base64.urlsafe_b64encode(CONTENT).rstrip(b"=")
    (tmp_path / "signed").write_bytes(head + b"." + content)
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + b"=="))
    (tmp_path / "key").write_text(KEY.public.pem)
    command = [openssl, "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key"]
    command += ["-sigfile", "signature", "-in", "signed"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    (tmp_path / "signed").write_bytes(head + b"." + content + b"A")
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 1
