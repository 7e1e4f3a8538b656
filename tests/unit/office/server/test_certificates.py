"""A certificate that any TLS client believes, by an authority that can do nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from camerad.office.server.certificates import (
    CertificateError,
    KeyPairFiles,
    fingerprint,
    make_authority,
    make_certificate,
    read_certificate,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NAMES = ["office.example", "192.0.2.7", "2001:db8::7"]


@pytest.fixture
def authority(tmp_path: Path) -> KeyPairFiles:
    files = KeyPairFiles(f"{tmp_path}/ca.pem", f"{tmp_path}/ca.key")
    assert make_authority(files, "Ordnungsamt Musterstadt", NOW)
    return files


@pytest.fixture
def server(tmp_path: Path, authority: KeyPairFiles) -> KeyPairFiles:
    files = KeyPairFiles(f"{tmp_path}/server.pem", f"{tmp_path}/server.key")
    assert make_certificate(authority, files, NAMES, NOW)
    return files


def verify(authority: KeyPairFiles, server: KeyPairFiles, name: str, at: datetime = NOW) -> None:
    """By the rules of browsers, as cryptography has them."""
    store = Store([read_certificate(authority.certificate)])
    subject: x509.DNSName = x509.DNSName(name)
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(subject)
    verifier.verify(read_certificate(server.certificate), [])


def test_a_client_that_knows_the_authority_believes_the_server(
    authority: KeyPairFiles, server: KeyPairFiles
) -> None:
    verify(authority, server, "office.example")
    with pytest.raises(VerificationError):
        verify(authority, server, "other.example")
    with pytest.raises(VerificationError):
        verify(authority, server, "office.example", NOW + timedelta(days=825))


def test_openssl_believes_it_too(authority: KeyPairFiles, server: KeyPairFiles) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    for check in (["-verify_hostname", "office.example"], ["-verify_ip", "192.0.2.7"]):
        command = [program, "verify", "-x509_strict", "-purpose", "sslserver", "-attime"]
        command += [str(int(NOW.timestamp())), "-CAfile", authority.certificate, *check]
        done = subprocess.run([*command, server.certificate], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_authority_signs_certificates_and_nothing_below_signs_any(
    authority: KeyPairFiles, server: KeyPairFiles
) -> None:
    extensions = read_certificate(authority.certificate).extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (
        True,
        True,
        False,
    )
    own = read_certificate(server.certificate).extensions
    assert not own.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not own.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_private_keys_are_their_owner_s_alone(
    authority: KeyPairFiles, server: KeyPairFiles
) -> None:
    modes = [os.stat(path).st_mode & 0o777 for path in (authority.key, server.key)]
    assert modes == [0o600, 0o600]
    assert os.stat(authority.certificate).st_mode & 0o777 == 0o644


def test_what_is_good_is_left_as_it_is(authority: KeyPairFiles, server: KeyPairFiles) -> None:
    before = [Path(path).read_bytes() for path in (authority.key, server.key, server.certificate)]
    assert not make_authority(authority, "another name", NOW + timedelta(days=700))
    assert not make_certificate(authority, server, NAMES[::-1], NOW + timedelta(days=700))
    after = [Path(path).read_bytes() for path in (authority.key, server.key, server.certificate)]
    assert before == after


def test_no_authority_s_key_is_needed_while_the_certificate_is_good(
    authority: KeyPairFiles, server: KeyPairFiles
) -> None:
    """It may lie in a safe."""
    os.unlink(authority.key)
    with pytest.raises(CertificateError, match="back from where you keep it, run this again, then"):
        make_certificate(authority, server, ["renamed.example"], NOW)
    assert not make_authority(authority, "x", NOW)
    assert not make_certificate(authority, server, NAMES, NOW)


@pytest.mark.parametrize("why", ["name", "end", "authority", "key"])
def test_a_certificate_is_made_anew_when_it_has_to_be(
    authority: KeyPairFiles, server: KeyPairFiles, tmp_path: Path, why: str
) -> None:
    names, now = NAMES, NOW
    if why == "name":
        names = ["new.example"]
    elif why == "end":
        now = NOW + timedelta(days=825 - 120)
    elif why == "key":
        os.unlink(server.key)
    else:
        authority = KeyPairFiles(f"{tmp_path}/new.pem", f"{tmp_path}/new.key")
        make_authority(authority, "x", NOW)
    assert make_certificate(authority, server, names, now)
    verify(authority, server, names[0], now)
    assert not make_certificate(authority, server, names, now)


def test_nothing_outlives_its_authority(authority: KeyPairFiles, server: KeyPairFiles) -> None:
    end = read_certificate(authority.certificate).not_valid_after_utc
    late = end - timedelta(days=200)
    assert make_certificate(authority, server, NAMES, late)
    assert read_certificate(server.certificate).not_valid_after_utc == end
    with pytest.raises(CertificateError, match="this authority ends on"):
        make_authority(authority, "x", end - timedelta(days=119))


@pytest.mark.parametrize("harm", ["certificate", "key", "other key"])
def test_what_is_no_authority_is_said(
    authority: KeyPairFiles, server: KeyPairFiles, harm: str
) -> None:
    if harm == "other key":
        shutil.copy(server.key, authority.key)
    else:
        path = authority.certificate if harm == "certificate" else authority.key
        Path(path).write_text("nonsense")
    with pytest.raises(CertificateError, match=r"ca\.(pem|key): this is"):
        make_certificate(authority, server, ["new.example"], NOW)


def test_a_name_that_no_certificate_can_have_is_said(
    authority: KeyPairFiles, server: KeyPairFiles
) -> None:
    with pytest.raises(CertificateError, match="no name of a server"):
        make_certificate(authority, server, ["bücher.example"], NOW)


def test_a_fingerprint_is_as_openssl_shows_it(authority: KeyPairFiles) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    command = [program, "x509", "-in", authority.certificate, "-noout", "-fingerprint", "-sha256"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said.split("=")[1] == fingerprint(read_certificate(authority.certificate))
