"""Client of an S3 bucket (boto3), and its errors in words for people.

boto3 is imported only here, and only where the settings name a bucket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from camerad.base.text import printable
from camerad.office.replicas.replica_settings import S3Settings, read_credentials
from camerad.office.replicas.replica_store import ReplicaError, store_away

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 60
"""Ceph completes an object of many parts within this."""
ATTEMPTS: Final = 3
_MISSING: Final = ("NoSuchUpload", "NoSuchKey", "NoSuchVersion", "404")
_REFUSED: Final = (400, 403, 405, 409)
_AWAY: Final = (408, 429, 500, 502, 503, 504)
_T = TypeVar("_T")


class Bucket:
    """settings: the section `second_copy.s3`. Raises ReplicaError and StorageError."""

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
        key_id, secret = read_credentials(str(settings.credentials))
        try:
            self.client: Any = boto3.client(
                "s3",
                endpoint_url=settings.endpoint,
                region_name=settings.region,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                verify=None if settings.ca is None else str(settings.ca),
                config=Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                    # Some stores refuse a checksum by default.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    # TLS keeps a body whole on its way, and the copy is read back and hashed.
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

    def call(self, action: str, operation: str, **arguments: Any) -> Any:
        """The answer to an operation of S3 on this bucket. action: in words for people. Raises
        ReplicaError if the store does not answer, or refuses."""
        return self.do(action, lambda: self.order(operation, **arguments))

    def order(self, operation: str, **arguments: Any) -> Any:
        """The same, raising boto3's exceptions: `client_error` if the store refuses."""
        return getattr(self.client, operation)(Bucket=self.name, **arguments)

    def attempt(
        self, action: str, operation: str, may_fail: Callable[[Any], bool], **arguments: Any
    ) -> bool:
        """Whether the store does it. may_fail: of a refusal, whether it is an answer; else raises
        as `call`."""

        def work() -> bool:
            try:
                self.order(operation, **arguments)
            except self.client_error as error:
                if not may_fail(error):
                    raise
                return False
            return True

        return self.do(action, work)

    def list(self, action: str, operation: str, kind: str, **arguments: Any) -> list[Any]:
        """All entries that an operation lists page by page. kind: their key in a page."""

        def work() -> list[Any]:
            pages = self.client.get_paginator(operation).paginate(Bucket=self.name, **arguments)
            return [one for page in pages for one in page.get(kind, ())]

        return self.do(action, work)

    def do(self, action: str, work: Callable[[], _T]) -> _T:
        """What `work` returns; its exceptions of boto3 raise as `call` does."""
        try:
            return work()
        except self.client_error as error:
            raise self._explained(action, error) from error
        except self._away as error:
            raise store_away(
                f"{self}: cannot {action}: the store does not answer: {printable(error)}; see "
                "whether it runs, and whether this computer reaches it"
            ) from error
        except self._others as error:
            raise ReplicaError(f"{self}: cannot {action}: {printable(error)}") from error

    def close(self) -> None:
        """Close its connections."""
        self.client.close()

    def _explained(self, action: str, error: Any) -> ReplicaError:
        code, status = error_code(error), _status(error)
        text = printable(error.response.get("Error", {}).get("Message", ""))
        said = f"{self}: cannot {action}: {printable(code)} {text}".rstrip()
        remedy = "see what the store's own log says"
        if status in _AWAY:
            return store_away(f"{said}; {remedy}")
        if code == "NoSuchBucket":
            remedy = (
                "make the bucket, with Object Lock, as docs/replicas.md says, or correct its name"
            )
        elif status == 403:
            remedy = (
                "compare second_copy.s3.credentials with the store's own, and the rights of that "
                "identity with those that docs/replicas.md lists"
            )
        return ReplicaError(f"{said}; {remedy}")


def is_missing(error: Any) -> bool:
    """Whether a store says that it does not have what was asked for."""
    code = error_code(error)
    return code in _MISSING or (_status(error) == 404 and code != "NoSuchBucket")


def is_refused(error: Any) -> bool:
    """Whether a store refuses, as of what is locked; stores differ in how."""
    return _status(error) in _REFUSED


def is_answered(error: Any) -> bool:
    """Whether a store refuses in whichever way, and does not fail."""
    return _status(error) < 500


def error_code(error: Any) -> str:
    """S3's name of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
