"""The requests of docs/office-api.md, each signed by the camera's key, and their answers.

How they get there is `camerad.dock.office_connection`; in which order they are made,
`camerad.dock.handover`.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec
from http_message_signatures import HTTPMessageSignaturesException

from camerad.base.clock import SECOND, Clock
from camerad.base.text import printable
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.container.keys import SigningKey
from camerad.dock.errors import AnswerKind, OfficeAnswerError, OfficeFault, OfficeUnavailableError
from camerad.dock.office_connection import (
    LARGEST_ANSWER,
    OfficeAnswer,
    OfficeConnection,
    OfficeRequest,
)
from camerad.dock.request_bodies import Body, PartDigests, Text
from camerad.exchange import request_signature
from camerad.exchange.request_signature import NONCE, RequestToSign

TUS: Final = "1.0.0"
LONGEST_RECEIPT: Final = 8192
"""Bytes; the daemon takes no longer request."""
PAUSE_SECONDS: Final = 2.0
"""Between two questions for a receipt, where the server asks for no other."""
LONGEST_PAUSE_SECONDS: Final = 900.0
"""What a server asks for beyond that is cut to it."""
_NONCE: Final = re.compile(r"[!#-\[\]-~]{1,128}")
"""What can stand between quotation marks as it is (RFC 9651, 3.3.3); the office chooses."""
_FRESH_US: Final = (request_signature.WINDOW_SECONDS - 60) * SECOND
"""A nonce of the server's is used this long: a part may be a minute on its way."""
LARGEST_LIST: Final = 1 << 20
"""Bytes of the office's list of a ledger's files: 10,000 with a SHA-256 each are as many."""
LARGEST_MISSING: Final = 256 << 10
"""The same of the names alone of those that it lacks."""
MOST_PROBLEMS: Final = 20
"""Problems that are told of what an office finds wrong with a ledger."""
_SHOWN: Final = 300
"""Characters of what an office says that are shown."""
_LEDGER_FILE: Final = re.compile(r"[0-9]{6,9}\.(jws|damaged|checkpoint)", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BUSY: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)


class Signer(Protocol):
    """Signs with one device's key."""

    @property
    def kid(self) -> str:
        """The key's thumbprint."""

    def sign(self, base: bytes) -> bytes:
        """The signature, 64 bytes, of a request's signature base. Raises CameradError."""


class KeySigner:
    """Signs with a key that is at hand."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @property
    def kid(self) -> str:
        """The key's thumbprint."""
        return self._key.public.thumbprint

    def sign(self, base: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(base)


class ReceiptAnswer(msgspec.Struct, frozen=True):
    """What the office says of a recording. token: its receipt, if it has it safe. wait: seconds
    after which to ask again, if it is being checked. Both None: the office does not have it.
    wants_ledger: it is checked once the ledger was brought again."""

    token: bytes | None = None
    wait: float | None = None
    wants_ledger: bool = False


class OfficeClient:
    """Asks one office's server in the name of one camera. url: the server's address.

    Every method raises OfficeUnavailableError if nothing can be had of the server just now,
    OfficeAnswerError if its answer to this one request makes no sense or is an error of its own,
    and what connection and signer raise.
    """

    def __init__(
        self, url: str, connection: OfficeConnection, signer: Signer, clock: Clock
    ) -> None:
        self._url = url
        self._connection = connection
        self._signer = signer
        self._clock = clock
        self._nonce: tuple[str, int] | None = None
        self.digests: Final = PartDigests(connection.raise_if_stopped)
        """Of what is sent. A caller that knows the next part has it hashed ahead."""

    # ------------------------------------------------------------------ recordings

    def receipt(self, recording: str, *, patient: bool = False) -> ReceiptAnswer:
        """Whether the office has a recording. patient: there is nothing else to do meanwhile, so
        the office may take a second to answer. Raises OfficeAnswerError (REFUSED) if it will not
        take it."""
        headers = {"Prefer": "wait=1"} if patient else None
        answer = self.ask("GET", f"/v1/recordings/{quote(recording, safe='')}/receipt", headers)
        match answer.status:
            case HTTPStatus.OK:
                if len(answer.body) > LONGEST_RECEIPT:
                    raise OfficeAnswerError(f"{self._url}: a receipt longer than any")
                return ReceiptAnswer(token=answer.body)
            case HTTPStatus.ACCEPTED:
                if "preference-applied" in answer.headers:
                    return ReceiptAnswer(wait=0.0)
                return ReceiptAnswer(wait=retry_after(answer) or PAUSE_SECONDS)
            case HTTPStatus.NOT_FOUND:
                return ReceiptAnswer()
            case HTTPStatus.CONFLICT:
                if _json_of(answer).get("waits_for") == "ledger":
                    return ReceiptAnswer(wait=PAUSE_SECONDS, wants_ledger=True)
                raise OfficeAnswerError(_said(answer), AnswerKind.REFUSED)
        raise self.unexpected(answer, "the question for a receipt")

    def find_upload(self, recording: str) -> tuple[int, int] | None:
        """Offset and length of a recording's upload, if it has begun."""
        answer = self.ask("HEAD", _upload(recording), {"Tus-Resumable": TUS})
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return None
        if answer.status != HTTPStatus.OK:
            raise self.unexpected(answer, "the question for an upload")
        offset, length = _number(answer, "upload-offset"), _number(answer, "upload-length")
        if offset is None or length is None or offset > length:
            raise OfficeAnswerError(f"{self._url}: an upload without a sound offset and length")
        return offset, length

    def begin_upload(self, recording: str, final: str, length: int) -> int:
        """Begin a recording's upload, or find the one of the same declaration; the offset at which
        it goes on. Raises OfficeAnswerError (REFUSED, DEFERRED)."""
        said = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode('ascii')}"
            for key, value in (("recording", recording), ("final", final))
        )
        headers = {
            "Tus-Resumable": TUS,
            "Upload-Length": str(length),
            "Upload-Metadata": said,
            "Content-Length": "0",
        }
        answer = self.ask("POST", "/v1/uploads", headers)
        if answer.status in (HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            raise OfficeAnswerError(_said(answer), AnswerKind.REFUSED)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise OfficeAnswerError(
                f"{self._url}: the office begins no further upload just now: {_said(answer)}",
                AnswerKind.DEFERRED,
                retry_after(answer) or 0.0,
            )
        if answer.status != HTTPStatus.CREATED:
            raise self.unexpected(answer, "the beginning of an upload")
        offset = _number(answer, "upload-offset") or 0
        if offset > length:
            raise OfficeAnswerError(f"{self._url}: an upload that is longer than its recording")
        return offset

    def send_part(
        self, recording: str, offset: int, part: Body, following: Body | None = None
    ) -> int:
        """Send a part of a recording; the offset behind it, when it is durable. following: what
        comes next, which is hashed meanwhile; it stays open until `digests.end`.

        Raises OfficeAnswerError (MOVED, DEFERRED, REFUSED).
        """
        headers = {
            "Tus-Resumable": TUS,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        answer = self.ask("PATCH", _upload(recording), headers, part, following=following)
        match answer.status:
            case HTTPStatus.NO_CONTENT:
                if _number(answer, "upload-offset") != offset + part.length:
                    text = "the part counted for another length than it has"
                    raise OfficeAnswerError(text, AnswerKind.MOVED)
                return offset + part.length
            case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise OfficeAnswerError(_said(answer), AnswerKind.REFUSED)
            case HTTPStatus.CONFLICT | HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
                raise OfficeAnswerError(_said(answer), AnswerKind.MOVED)
            case HTTPStatus.LOCKED | HTTPStatus.TOO_MANY_REQUESTS:
                wait = retry_after(answer) or PAUSE_SECONDS
                raise OfficeAnswerError(_said(answer), AnswerKind.DEFERRED, wait)
            case HTTPStatus.BAD_REQUEST | 460:
                text = f"it did not arrive as it was sent: {_said(answer)}"
                raise OfficeAnswerError(text, AnswerKind.MOVED)
        raise self.unexpected(answer, "a part of a recording")

    # ------------------------------------------------------------------ the ledger

    def ledger(self) -> dict[str, str]:
        """What the office has of the camera's ledger: SHA-256 in hexadecimal, by the file."""
        answer = self.ask("GET", "/v1/ledger", largest=LARGEST_LIST)
        if answer.status != HTTPStatus.OK:
            raise self.unexpected(answer, "the question for the ledger")
        files = self.object_in(answer).get("files")
        if not isinstance(files, dict):
            raise OfficeAnswerError(f"{self._url}: an answer about the ledger without its files")
        return {
            name: sha256
            for name, sha256 in files.items()
            if isinstance(sha256, str)
            and _LEDGER_FILE.fullmatch(name)
            and _SHA256.fullmatch(sha256)
        }

    def put_ledger_file(self, name: str, content: Body) -> None:
        """Bring a file of the ledger."""
        headers = {"Content-Type": "application/octet-stream"}
        answer = self.ask("PUT", f"/v1/ledger/{quote(name, safe='')}", headers, content)
        if answer.status != HTTPStatus.NO_CONTENT:
            raise self.unexpected(answer, f"the ledger's file {name}")

    def declare_ledger(self, files: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Say that the ledger is exactly these files. Either the office's copy goes on with them:
        what is to be looked at by a person, if anything. Or: which of them it still lacks."""
        body = json.dumps({"files": dict(files)}, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json"}
        answer = self.ask("POST", "/v1/ledger", headers, Text(body), largest=LARGEST_MISSING)
        match answer.status:
            case HTTPStatus.OK:
                problems = _list(self.object_in(answer), "problems")[:MOST_PROBLEMS]
                return [_shown(one) for one in problems], []
            case HTTPStatus.CONFLICT:
                named = {str(one) for one in _list(self.object_in(answer), "missing")}
                missing = [name for name in files if name in named]
                if missing:
                    return [], missing
        raise self.unexpected(answer, "the ledger")

    # ------------------------------------------------------------------ signed requests

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        *,
        largest: int = LARGEST_ANSWER,
        following: Body | None = None,
    ) -> OfficeAnswer:
        """A request's answer; sent once more if its signature's nonce or time was not taken.
        largest: bytes of it that are read. following: the body after this one, if it is known."""
        given = dict(headers or {})
        if body is not None:
            given["Content-Digest"] = f"sha-256=:{self.digests.of(body)}:"
        if following is not None and following.length:
            self.digests.begin(following)
        answer = self._signed(method, path, given, body, largest)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._nonce is not None:
            answer = self._signed(method, path, given, body, largest)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            withdrawn = answer.status == HTTPStatus.FORBIDDEN
            remedy = (
                "ask the office why it withdrew the camera"
                if withdrawn
                else "the camera has to be in the office's register ('camerad provision collect'), "
                "and office.url has to be the url of the office's settings to the letter"
            )
            raise OfficeUnavailableError(
                f"{self._url}: the office does not take this camera's signature "
                f"({_said(answer) or answer.status}): {remedy}",
                trouble=HandoverTrouble.REGISTER,
                fault=OfficeFault.WITHDRAWN if withdrawn else OfficeFault.UNREGISTERED,
            )
        return answer

    def _signed(
        self,
        method: str,
        path: str,
        given: Mapping[str, str],
        body: Body | None,
        largest: int,
    ) -> OfficeAnswer:
        request = RequestToSign(method, self._url + path, dict(given))
        created = self._clock.wall_us() // SECOND
        try:
            prepared = request_signature.prepare(
                request, self._signer.kid, self._fresh_nonce(), created
            )
        except (HTTPMessageSignaturesException, ValueError, OverflowError, OSError) as error:
            raise OfficeUnavailableError(
                f"{self._url}: no request to this address can be signed ({error}): look at "
                "office.url in the camera's configuration, and at the camera's clock",
                trouble=HandoverTrouble.CAMERA,
            ) from error
        request_signature.attach(request, prepared, self._signer.sign(prepared.signature_base))
        answer = self._connection.exchange(
            OfficeRequest(method, path, request.headers, body, largest)
        )
        nonce = answer.headers.get(NONCE.lower(), "")
        if _NONCE.fullmatch(nonce):
            self._nonce = (nonce, self._clock.now_us())
        return answer

    def _fresh_nonce(self) -> str:
        """The server's last one, if it holds still and was not used; else one of our own."""
        found, self._nonce = self._nonce, None
        if found is not None and self._clock.now_us() - found[1] < _FRESH_US:
            return found[0]
        return secrets.token_urlsafe(24)

    # ------------------------------------------------------------------ answers

    def unexpected(self, answer: OfficeAnswer, what: str) -> Exception:
        """The error for a status that is none of the request's own."""
        text = f"{self._url}: the office answers {answer.status} to {what}: {_said(answer)}"
        if answer.status in _BUSY:
            waits = answer.status == HTTPStatus.TOO_MANY_REQUESTS
            return OfficeUnavailableError(
                text, retry_after(answer), trouble=None if waits else HandoverTrouble.OFFICE
            )
        return OfficeAnswerError(text)

    def object_in(self, answer: OfficeAnswer) -> dict[str, Any]:
        """The JSON object of an answer."""
        found = _json_of(answer)
        if not found:
            raise OfficeAnswerError(f"{self._url}: an answer that is no JSON object")
        return found


def _upload(recording: str) -> str:
    return f"/v1/uploads/{quote(recording, safe='')}"


def _said(answer: OfficeAnswer) -> str:
    """The sentence of an error, on one line."""
    text = _json_of(answer).get("error")
    return _shown(text) if text else ""


def _shown(text: object) -> str:
    return printable(str(text)[:_SHOWN])[:_SHOWN]


def _json_of(answer: OfficeAnswer) -> dict[str, Any]:
    """What an answer says; nothing if it is no JSON object."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _list(found: Mapping[str, Any], key: str) -> list[Any]:
    value = found.get(key)
    return value if isinstance(value, list) else []


def _number(answer: OfficeAnswer, name: str) -> int | None:
    text = answer.headers.get(name, "")
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def retry_after(answer: OfficeAnswer) -> float | None:
    """Seconds that the server asks to wait; a date is not looked at."""
    seconds = _number(answer, "retry-after")
    return None if seconds is None else min(max(float(seconds), 0.1), LONGEST_PAUSE_SECONDS)
