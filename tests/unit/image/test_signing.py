"""Whose updates a camera takes and who signs one fit together, or an order is refused at once."""

from __future__ import annotations

import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from camerad_image import signing, updates
from camerad_image.errors import ImageError
from tests.updates import pki

YEARS = timedelta(days=366)


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def nobody(prompt: str) -> str:
    raise AssertionError(f"asked for {prompt}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, a and b, each with a signer, by the commands of the page; and of what a
    mistake would take for one."""
    folder: Path = tmp_path_factory.mktemp("keys")
    for name in ("a", "b"):
        pki.make(folder / name)
    a = folder / "a"
    openssl(a, "pkey", "-in", "signer.key", "-aes-256-cbc", "-passout", "pass:open", "-out", "l")
    openssl(a, "genpkey", "-algorithm", "ed25519", "-out", "ed.key")
    words = ("-CA", "update-ca.pem", "-CAkey", "update-ca.key", "-days", "9", "-out", "web.pem")
    (a / "web.ext").write_text("keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n")
    openssl(a, "x509", "-req", "-in", "signer.csr", "-extfile", "web.ext", *words)
    # An authority between, which the other one lets in, and a signer of its own.
    (a / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
    for name, issuer, ext in (
        ("between", "update-ca", "ca.ext"),
        ("below", "between", "signer.ext"),
    ):
        kind = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        openssl(a, "genpkey", *kind, "-out", f"{name}.key")
        openssl(
            a, "req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr"
        )
        words = ("-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-days", "9", "-extfile", ext)
        openssl(a, "x509", "-req", "-in", f"{name}.csr", *words, "-out", f"{name}.pem")
    below, between = ((a / f"{name}.pem").read_text() for name in ("below", "between"))
    (a / "chain.pem").write_text(below + between + keyring(folder, "a").read_text() + between)
    (a / "upside-down.pem").write_text(between + below)
    (folder / "both.pem").write_text("".join(keyring(folder, name).read_text() for name in "ba"))
    (folder / "torn.pem").write_text(keyring(folder, "a").read_text()[:300])
    return folder


def keyring(folder: Path, name: str) -> Path:
    return folder / name / "update-ca.pem"


def test_what_the_page_makes_is_taken_and_no_passphrase_asked_for(folder: Path) -> None:
    for path in (keyring(folder, "a"), folder / "both.pem"):
        signing.check_keyring(path, datetime.now(UTC))
        signer = (str(folder / "a/signer.pem"), str(folder / "a/signer.key"))
        assert signing.check_signer(signer, path, ask=nobody) is None
    token = ("pkcs11:object=releases", "pkcs11:object=releases")
    assert signing.check_signer(token, keyring(folder, "a"), ask=nobody) is None


@pytest.mark.parametrize(
    ("certificate", "key", "why"),
    [
        ("b/signer.pem", "b/signer.key", r"CERT=.*no authority in KEYRING=.* has signed it"),
        ("a/signer.pem", "b/signer.key", r"KEY=.* is not the key of CERT="),
        ("a/update-ca.pem", "a/update-ca.key", r"CERT=.* is an authority's certificate"),
        ("a/below.pem", "a/below.key", r"CERT=.*nor one whose certificate stands below it"),
        ("a/upside-down.pem", "a/below.key", r"CERT=.*begins with an authority's .*first has to"),
        ("a/web.pem", "a/signer.key", r"CERT=.*not for signing programs: keyUsage=critical"),
        ("a/signer.key", "a/signer.key", r"CERT=.* has no certificate that can be read"),
        ("torn.pem", "a/signer.key", r"CERT=.* has no certificate that can be read"),
        ("a/signer.pem", "a/signer.pem", r"KEY=.* cannot be used: it has no private key"),
        ("a/signer.pem", "a/l", r"KEY=.* cannot be used: the passphrase is wrong"),
        ("pkcs11:object=releases", "a/ed.key", r"KEY=.* signs no bundle: a key of the kind EC"),
        ("a/none.pem", "a/signer.key", r"CERT=.* cannot be read: No such file"),
        ("a/signer.pem", "a/none.key", r"KEY=.* cannot be read: No such file"),
    ],
)
def test_a_signer_whose_bundles_cameras_would_refuse_is_refused_first(
    certificate: str, key: str, why: str, folder: Path
) -> None:
    places = [
        word if word.startswith(signing.TOKEN) else str(folder / word)
        for word in (certificate, key)
    ]
    with pytest.raises(ImageError, match=why) as raised:
        signing.check_signer((places[0], places[1]), keyring(folder, "a"), ask=lambda _: "shut")
    assert "\n" not in str(raised.value)


def test_certificates_hold_on_the_day_of_the_build(folder: Path) -> None:
    """A signer's two years, an authority's twenty (docs/updates.md)."""
    signer = (str(folder / "a/signer.pem"), str(folder / "a/signer.key"))
    today, path = datetime.now(UTC), keyring(folder, "a")
    for years, why in (
        (3, r"CERT=\S+ ended on 20"),
        (-1, r"CERT=\S+ begins on 20\S+, and by this"),
    ):
        with pytest.raises(ImageError, match=why):
            signing.check_signer(signer, path, now=today + years * YEARS)
    signing.check_keyring(path, today + 3 * YEARS)
    for years, why in ((21, "certificate ended on 20"), (-1, "certificate begins on 20")):
        with pytest.raises(ImageError, match=why):
            signing.check_keyring(path, today + years * YEARS)


def test_a_keyring_that_lets_nobody_in_is_refused(folder: Path) -> None:
    with pytest.raises(ImageError, match="no authority's certificate, only CN=camerad releases 1"):
        signing.check_keyring(folder / "a/signer.pem", datetime.now(UTC))
    with pytest.raises(ImageError, match=r"KEYRING=\S+ has no certificate that can be read"):
        signing.check_keyring(folder / "torn.pem", datetime.now(UTC))


def test_a_passphrase_that_nobody_can_be_asked_for_is_told(folder: Path) -> None:
    def no_terminal(_prompt: str) -> str:
        raise OSError(6, "No such device or address")

    signer = (str(folder / "a/signer.pem"), str(folder / "a/l"))
    with pytest.raises(ImageError, match="locked by a passphrase, and there is no terminal"):
        signing.check_signer(signer, keyring(folder, "a"), ask=no_terminal)


def signed(signer: tuple[str, str], folder: Path, *, key: bytes | None = None) -> None:
    """Make a bundle in `folder` as the recipe does, and have it checked as a camera with the first
    authority's keyring would."""
    for program in ("rauc", "mksquashfs"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    images = (folder / "root", folder / "boot")
    for image in images:
        image.write_bytes(random.Random(image.name).randbytes(1 << 16))
    bundle, log = folder / "x.raucb", folder / "log"
    text = updates.manifest("x", "1.0.0-1")
    updates.make_bundle(images, text, bundle, signer, key=key, log=log)
    conf = folder / "check.conf"
    conf.write_text(
        "[system]\ncompatible=x\nbootloader=noop\n[keyring]\n"
        f"path={Path(signer[0]).parent}/update-ca.pem\ncheck-purpose=codesign\n"
    )
    subprocess.run(["rauc", f"--conf={conf}", "info", bundle], check=True, capture_output=True)


def test_a_signer_below_another_authority_brings_its_certificate_along(
    folder: Path, tmp_path: Path
) -> None:
    """CERT= may have the whole way up to the keyring's, and more than once."""
    signer = (str(folder / "a/chain.pem"), str(folder / "a/below.key"))
    assert signing.check_signer(signer, keyring(folder, "a"), ask=nobody) is None
    signed(signer, tmp_path)


def test_a_locked_key_is_asked_for_once_and_signs_what_a_camera_takes(
    folder: Path, tmp_path: Path
) -> None:
    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "open"

    signer = (str(folder / "a/signer.pem"), str(folder / "a/l"))
    key = signing.check_signer(signer, keyring(folder, "a"), ask=answer)
    assert asked == [f"Passphrase of KEY={folder}/a/l: "]
    signed(signer, tmp_path, key=key)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert key is not None
    assert not any(key.splitlines()[1] in path.read_bytes() for path in left), "nowhere on a disk"
