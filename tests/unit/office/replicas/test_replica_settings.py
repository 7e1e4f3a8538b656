"""The section second_copy: every mistake is named with its line, and no secret is repeated."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse

from camerad.office.replicas.replica_settings import S3Settings, read_credentials
from camerad.office.replicas.replica_store import ReplicaError, ReplicaFault
from camerad.office.replicas.s3_bucket import Bucket, is_answered
from camerad.office.server import office_settings
from camerad.office.server.office_settings import OfficeFile, TlsSettings
from tests.unit.office.replicas.replica_scene import replica_fault

GOOD = "[default]\naws_access_key_id = who\naws_secret_access_key = hidden\n"


@pytest.fixture
def base(tmp_path: Path) -> str:
    (tmp_path / "archive").mkdir()
    (tmp_path / "second").mkdir()
    for name in ("server.pem", "server.key", "office.pem", "s3-ca.pem"):
        (tmp_path / name).touch()
    credentials = tmp_path / "credentials"
    credentials.write_text(GOOD)
    credentials.chmod(0o600)
    return office_settings.example(
        OfficeFile(
            directory=tmp_path / "archive",
            url="https://office.example:9443",
            tls=TlsSettings(tmp_path / "server.pem", tmp_path / "server.key"),
            office_key=tmp_path / "office.pem",
            register=tmp_path / "register.json",
        )
    )


def s3(tmp_path: Path, **other: str) -> str:
    lines = {
        "endpoint": "https://s3.office.example:8333",
        "bucket": "camerad-evidence",
        "credentials": f"{tmp_path}/credentials",
    }
    return "second_copy:\n  s3:\n" + "".join(
        f"    {name}: {value}\n" for name, value in (lines | other).items()
    )


def mistakes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "office.yaml"
    path.write_text(text)
    return [one.removeprefix(f"{path}:") for one in office_settings.check_file(str(path))]


def test_a_bucket_or_a_directory_is_taken(base: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, base) == []
    assert mistakes(tmp_path, base + s3(tmp_path, ca=f"{tmp_path}/s3-ca.pem")) == []
    assert mistakes(tmp_path, base + f"second_copy: {{directory: {tmp_path}/second}}\n") == []
    assert mistakes(tmp_path, base + s3(tmp_path, endpoint="http://127.0.0.1:8333")) == []
    assert mistakes(tmp_path, base + s3(tmp_path, endpoint="http://localhost")) == []
    path = tmp_path / "office.yaml"
    read = office_settings.load(str(path)).second_copy.s3
    assert read is not None
    assert (read.bucket, read.region, read.ca) == ("camerad-evidence", "us-east-1", None)


def test_the_example_s_comment_is_read_as_it_stands(base: str, tmp_path: Path) -> None:
    """Without its marks, and with one of the two."""
    text = base.partition("# second_copy:\n")[2].partition("  # or:")[0]
    shown = "second_copy:\n" + "".join(f"{line[2:]}\n" for line in text.splitlines())
    shown = shown.replace("/etc/camerad-office/s3-credentials", f"{tmp_path}/credentials")
    shown = shown.replace("/etc/camerad-office/s3-ca.pem", f"{tmp_path}/s3-ca.pem")
    assert mistakes(tmp_path, base + shown) == []


@pytest.mark.parametrize(
    ("section", "where", "why"),
    [
        ("second_copy: {}\n", "second_copy", "neither s3 nor directory"),
        ("BOTH", "second_copy", "both s3 and directory"),
        ("second_copy: {directory: relative}\n", "second_copy.directory", "absolute path"),
        ("second_copy: {directory: ROOT/none}\n", "second_copy.directory", "no directory"),
        ("second_copy: {directory: ROOT/office.pem}\n", "second_copy.directory", "no directory"),
        ("second_copy: {directory: ROOT/archive}\n", "second_copy.directory", "it lies in"),
        ("second_copy: {directory: ROOT/archive/x}\n", "second_copy.directory", "it lies in"),
    ],
)
def test_what_names_no_place_is_a_mistake(
    base: str, tmp_path: Path, section: str, where: str, why: str
) -> None:
    if section == "BOTH":
        section = s3(tmp_path) + f"  directory: {tmp_path}/second\n"
    found = mistakes(tmp_path, base + section.replace("ROOT", str(tmp_path)))
    line = base.count("\n") + 1
    assert any(f"{where}: " in one and why in one for one in found), found
    assert all(int(one.partition(":")[0]) >= line for one in found)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("endpoint", "http://s3.office.example", "without TLS"),
        ("endpoint", "s3.office.example", "an address such as"),
        ("endpoint", "https://s3.office.example/path", "an address such as"),
        ("bucket", "Has_Capitals", "a bucket's name"),
        ("region", "'  '", "a region"),
        ("credentials", "/nowhere/credentials", "no such file"),
        ("ca", "/nowhere/ca.pem", "no file"),
    ],
)
def test_a_mistake_in_a_bucket_is_named(
    base: str, tmp_path: Path, name: str, value: str, why: str
) -> None:
    (found,) = mistakes(tmp_path, base + s3(tmp_path, **{name: value}))
    assert f"second_copy.s3.{name}: " in found and why in found


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (GOOD, 0o640, "chmod 600"),
        (GOOD, 0o604, "chmod 600"),
        ("", 0o600, "it needs the lines"),
        ("hidden", 0o600, "it needs the lines"),
        (GOOD.replace("default", "other"), 0o600, "it needs the lines"),
        (GOOD.replace("who", ""), 0o600, "empty"),
        ("\xff\xfe", 0o600, "it needs the lines"),
    ],
)
def test_credentials_that_are_none_or_open_to_others_are_a_mistake_and_not_repeated(
    base: str, tmp_path: Path, content: str, mode: int, why: str
) -> None:
    path = tmp_path / "credentials"
    path.write_text(content, encoding="latin-1")
    path.chmod(mode)
    (found,) = mistakes(tmp_path, base + s3(tmp_path))
    assert why in found
    assert "hidden" not in found
    with replica_fault(ReplicaFault.UNSAFE):
        read_credentials(str(path))


def test_a_library_that_is_missing_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    settings = S3Settings("https://s3.office.example", "camerad-evidence", tmp_path / "credentials")
    with pytest.raises(ReplicaError, match="extra 'office'"):
        Bucket(settings)


def opened(tmp_path: Path, scheme: str = "https") -> Bucket:
    path = tmp_path / "credentials"
    path.write_text(GOOD)
    path.chmod(0o600)
    return Bucket(S3Settings(f"{scheme}://s3.office.example", "camerad-evidence", path))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_part_is_hashed_for_its_signature_only_where_no_tls_keeps_it_whole(
    tmp_path: Path, scheme: str
) -> None:
    bucket = opened(tmp_path, scheme)
    signed = list[str]()
    raw = HTTPResponse(io.BytesIO(), preload_content=False)

    def answer(request: Any, **_: object) -> AWSResponse:
        found = request.headers["X-Amz-Content-SHA256"]
        signed.append(found.decode() if isinstance(found, bytes) else found)
        return AWSResponse(request.url, 200, {"ETag": '"x"'}, raw)

    bucket.client.meta.events.register("before-send.s3.UploadPart", answer)
    bucket.client.upload_part(
        Bucket=bucket.name, Key="one", UploadId="u", PartNumber=1, Body=b"part"
    )
    bucket.client.close()
    own = hashlib.sha256(b"part").hexdigest()
    assert signed == [own if scheme == "http" else "UNSIGNED-PAYLOAD"]


def test_a_store_that_fails_has_not_refused(tmp_path: Path) -> None:
    """Else a probe would take a failure for a lock that holds."""
    bucket = opened(tmp_path)
    status = 403

    def answer(request: Any, **_: object) -> AWSResponse:
        raw = HTTPResponse(io.BytesIO(), preload_content=False)
        return AWSResponse(request.url, status, {}, raw)

    bucket.client.meta.events.register("before-send.s3.DeleteObject", answer)
    assert not bucket.attempt("try", "delete_object", is_answered, Key="one")
    status = 501
    with pytest.raises(ReplicaError, match="cannot try"):
        bucket.attempt("try", "delete_object", is_answered, Key="one")
    bucket.close()


def test_credentials_are_read(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text(GOOD)
    path.chmod(0o600)
    assert read_credentials(str(path)) == ("who", "hidden")
