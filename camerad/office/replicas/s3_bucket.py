"""A bucket and its client (boto3), and what its errors mean in words for people.

boto3 is imported only here, and only where the settings name a bucket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from camerad.base.text import printable
from camerad.office.replicas.replica_settings import S3Settings
from camerad.office.replicas.replica_store import ReplicaError, ReplicasAwayError
from camerad.office.replicas.s3_credentials import read_credentials

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 60
"""Ceph completes an object of many parts within this."""
ATTEMPTS: Final = 3
_MISSING: Final = ("NoSuchUpload", "NoSuchKey", "NoSuchVersion", "404")
_REFUSED: Final = (400, 403, 405, 409)
_AWAY: Final = (408, 429, 500, 502, 503, 504)
_T = TypeVar("_T")


class Bucket:
    """A bucket. settings: those of the section `second_copy.s3`. Raises CredentialsError,
    ReplicaError and StorageError."""

    def __init__(self, settings: S3Settings) -> None:
        try:
            import boto3  # noqa: PLC0415 - see the top
            from botocore import exceptions  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415
            from urllib3.exceptions import HTTPError  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ReplicaError(
                f"the library {error.name} is missing, which replicas in a bucket need: "
                "install camerad with its extra 'office', as docs/office.md says"
            ) from error

        self.name: Final = settings.bucket
        self.endpoint: Final = settings.endpoint
        self.client_error: Final = exceptions.ClientError
        self._away = (
            exceptions.ConnectionError,
            exceptions.HTTPClientError,
            exceptions.IncompleteReadError,
            HTTPError,
        )
        self._others = (exceptions.BotoCoreError, ValueError)
        credentials = read_credentials(str(settings.credentials))
        try:
            self.client: S3Client = boto3.client(
                "s3",
                endpoint_url=settings.endpoint,
                region_name=settings.region,
                aws_access_key_id=credentials.key_id,
                aws_secret_access_key=credentials.secret,
                verify=None if settings.ca is None else str(settings.ca),
                config=Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    # A checksum that nobody asked for is one that some stores refuse.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    # TLS keeps a body whole on its way, and whoever reads the copy back hashes it.
                    # Without TLS its SHA-256 is in the signature.
                    s3={
                        "addressing_style": "path",
                        "payload_signing_enabled": not settings.endpoint.startswith("https:"),
                    },
                    proxies={},
                ),
            )
        except self._others as error:
            raise ReplicaError(
                f"{self}: this cannot be reached as it is named: {printable(error)}; correct "
                "second_copy.s3 in the settings"
            ) from error

    def __str__(self) -> str:
        return f"bucket {self.name} at {self.endpoint}"

    def do(self, action: str, work: Callable[[], _T]) -> _T:
        """What `work` returns. Raises ReplicasAwayError if the store does not answer, and
        ReplicaError if it refuses."""
        try:
            return work()
        except self.client_error as error:
            raise self._explained(action, error) from error
        except self._away as error:
            raise ReplicasAwayError(
                f"{self}: cannot {action}: the store does not answer: {printable(error)}; see "
                "whether it runs, and whether this computer reaches it"
            ) from error
        except self._others as error:
            raise ReplicaError(f"{self}: cannot {action}: {printable(error)}") from error

    def _explained(self, action: str, error: Any) -> ReplicaError:
        code, status = _code(error), _status(error)
        text = printable(error.response.get("Error", {}).get("Message", ""))
        said = f"{self}: cannot {action}: {printable(code)} {text}".rstrip()
        if status in _AWAY:
            return ReplicasAwayError(f"{said}; see what the store's own log says")
        if code == "NoSuchBucket":
            remedy = (
                "make the bucket, with Object Lock, as docs/replicas.md says, or correct its name"
            )
        elif status == 403:
            remedy = (
                "compare second_copy.s3.credentials with the store's own, and the rights of that "
                "identity with those that docs/replicas.md lists"
            )
        else:
            remedy = "see what the store's own log says"
        return ReplicaError(f"{said}; {remedy}")


def is_missing(error: Any) -> bool:
    """Whether a store says that it does not have what was asked for."""
    return _code(error) in _MISSING or (_status(error) == 404 and _code(error) != "NoSuchBucket")


def is_refused(error: Any) -> bool:
    """Whether a store says that it will not, as of what is locked; stores differ in how."""
    return _status(error) in _REFUSED


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
