"""Settings that would keep cameras out are reported before the server starts."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, Camera
from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.errors import EX_TEMPFAIL
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence import office_key_file
from camerad.evidence.holdings import directory_id
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.evidence.office_store import open_office_store
from camerad.office.replicas.replica_settings import ReplicaSettings
from camerad.office.server import preflight
from camerad.office.server.certificates import (
    CERTIFICATE_DAYS,
    CertificateError,
    KeyPairFiles,
    make_authority,
    make_certificate,
)
from camerad.office.server.office_settings import OfficeFile, TlsSettings
from camerad.office.server.preflight import NotMountedError, check_start
from camerad.store import receipts
from camerad.store.locations import office_place
from camerad.store.store import Store

NOW = datetime(2026, 11, 28, tzinfo=UTC)
HOST = "office.example"


@pytest.fixture
def settings(tmp_path: Path) -> OfficeFile:
    """An office that is in order."""
    directory = tmp_path / "archive"
    directory.mkdir()
    directory_id(str(directory))
    office_key_file.load_or_create_key(str(tmp_path / "office.pem"))
    authority = KeyPairFiles(str(tmp_path / "ca.pem"), str(tmp_path / "ca.key"))
    own = KeyPairFiles(str(tmp_path / "server.pem"), str(tmp_path / "server.key"))
    make_authority(authority, "an office", NOW)
    make_certificate(authority, own, [HOST], NOW)
    return OfficeFile(
        directory=directory,
        url=f"https://{HOST}:8443",
        tls=TlsSettings(Path(own.certificate), Path(own.key)),
        office_key=tmp_path / "office.pem",
        register=tmp_path / "register.json",
    )


def test_an_office_in_order_has_nothing_to_say(settings: OfficeFile) -> None:
    assert check_start(settings, NOW) == []


@pytest.mark.parametrize("there", [True, False])
def test_storage_that_is_not_mounted_is_waited_for(settings: OfficeFile, there: bool) -> None:
    """An empty mount point would become a new office on the system's own disk."""
    shutil.rmtree(settings.directory)
    if there:
        settings.directory.mkdir()
    with pytest.raises(NotMountedError, match="mount the storage") as said:
        check_start(settings, NOW)
    assert said.value.exit_code == EX_TEMPFAIL
    assert not (settings.directory / "office").exists()


def test_a_key_that_is_gone_is_to_be_put_back_and_not_made_anew(settings: OfficeFile) -> None:
    settings.office_key.unlink()
    with pytest.raises(OfficeKeyError, match="put it back from its backup"):
        check_start(settings, NOW)


def test_a_ledger_by_another_key_is_said_with_the_way_out(
    settings: OfficeFile, tmp_path: Path
) -> None:
    camera = Camera(tmp_path / "camera")
    camera.put(ONE)
    camera.offload(settings.directory)
    other = SigningKey.generate()
    place = office_place(str(settings.directory))
    with open_office_store(place, other, camera.clock, KeyRing(), lambda _: None):
        pass
    with pytest.raises(OfficeKeyError, match="--new-office-key"):
        check_start(settings, NOW)


def test_whoever_begins_the_ledger_has_the_key_of_the_receipts(
    settings: OfficeFile, tmp_path: Path
) -> None:
    """Else a hold at the desk, with the signing key, would shut the server out."""
    camera = Camera(tmp_path / "camera")
    camera.put(ONE)
    camera.offload(settings.directory)
    own = office_key_file.load_key(str(settings.office_key))
    assert own is not None
    place = office_place(str(settings.directory))
    (holding,) = place.holdings
    (filed,) = receipts.read(holding.receipts, KeyRing([KEY.public]))
    by_office = replace(filed.receipt, kid=own.public.thumbprint)
    receipts.write(holding.receipts, receipts.sign(own, by_office))
    assert office_key_file.receipt_signers(place) == {own.public.thumbprint}

    def begin(key: SigningKey, *, replaced: bool = False) -> Store:
        with open_office_store(
            place, key, camera.clock, KeyRing(), lambda _: None, replace=replaced
        ) as store:
            return store

    with pytest.raises(OfficeKeyError, match="receipts here are signed by"):
        begin(SigningKey.generate())
    begin(own)
    assert check_start(settings, NOW) == []


def test_a_certificate_that_has_ended_is_refused_and_one_that_ends_soon_is_told(
    settings: OfficeFile,
) -> None:
    end = NOW + timedelta(days=CERTIFICATE_DAYS)
    assert check_start(settings, end - timedelta(days=62)) == []
    (found,) = check_start(settings, end - timedelta(days=30))
    assert "this certificate ends on 2029-" in found
    with pytest.raises(CertificateError, match="no camera connects any more"):
        check_start(settings, end)


def test_the_cure_of_a_certificate_names_directory_and_settings(settings: OfficeFile) -> None:
    """Whoever only types the name of the command sets up another office."""
    soon = NOW + timedelta(days=CERTIFICATE_DAYS - 10)
    (told,) = check_start(settings, soon, "/etc/camerad-office/office.yaml")
    words = f"camerad office init {settings.directory} --config /etc/camerad-office/office.yaml"
    assert f"run '{words}' again" in told


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        (f"https://{HOST}", True),
        (f"https://{HOST.upper()}:1", True),
        ("https://other.example", False),
        ("https://192.0.2.7:8443", False),
    ],
)
def test_a_certificate_for_another_name_is_told(settings: OfficeFile, url: str, fits: bool) -> None:
    found = check_start(replace(settings, url=url), NOW)
    assert [("cameras refuse it" in one) for one in found] == ([] if fits else [True])


def test_a_certificate_and_a_key_that_do_not_belong_together_are_told(
    settings: OfficeFile, tmp_path: Path
) -> None:
    settings.tls.key.write_bytes((tmp_path / "ca.key").read_bytes())
    with pytest.raises(CertificateError, match="this is not the key of"):
        check_start(settings, NOW)
    settings.tls.key.write_text("none")
    with pytest.raises(CertificateError, match="no unencrypted private key"):
        check_start(settings, NOW)
    settings.tls.certificate.write_text("none")
    with pytest.raises(CertificateError, match="no certificate in PEM"):
        check_start(settings, NOW)


def test_replica_on_the_same_disk_are_said(settings: OfficeFile, tmp_path: Path) -> None:
    second = tmp_path / "second"
    settings = replace(settings, second_copy=ReplicaSettings(directory=second))
    assert check_start(settings, NOW) == [], "nothing is mounted yet, which the server waits for"
    second.mkdir()
    (found,) = check_start(settings, NOW)
    assert "would be lost with it" in found
    elsewhere = replace(settings, second_copy=ReplicaSettings(directory=Path("/dev/shm")))  # noqa: S108
    assert check_start(elsewhere, NOW) == []


def test_a_directory_of_replicas_that_hangs_holds_up_no_start(
    settings: OfficeFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a network file system does whose server is away."""
    second = tmp_path / "second"
    answers = threading.Event()
    look = file_status.is_directory

    def hang(path: str, *, linked: bool = False) -> bool:
        assert path != str(second) or answers.wait(30)
        return look(path, linked=linked)

    monkeypatch.setattr(file_status, "is_directory", hang)
    monkeypatch.setattr(preflight, "REPLICA_SECONDS", 0.1)
    settings = replace(settings, second_copy=ReplicaSettings(directory=second))
    (said,) = check_start(settings, NOW)
    answers.set()
    assert "does not answer" in said and "second_copy.directory" in said
