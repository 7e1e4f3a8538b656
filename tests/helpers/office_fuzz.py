"""What a stranger, and a camera that was taken over, send to an office's server.

A `Move` is one message: a request of docs/office-api.md that the camera's key signed, or bytes; and
what is done to it on its way. `Fuzzer` sends them, one behind the other, on kept connections.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Final

from hypothesis import strategies as st

from camerad.container.keys import SigningKey
from camerad.exchange import request_signature
from camerad.exchange.request_signature import NONCE, RequestToSign

HOST: Final = "127.0.0.1"
ANSWER_SECONDS: Final = 20.0
SPOILED_SECONDS: Final = 0.05
"""For an answer to what may not be a whole request; the server waits for its rest then."""
MAY_FAIL: Final = (503, 507)
"""Answers above 499 that docs/office-api.md has."""

ID: Final = "20261124T153000Z-000001-00000001"
OTHERS: Final = "20261124T153000Z-000009-00000009"
"""A recording of another camera."""

_PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80)
_NUMBER = st.sampled_from(["0", "1", "7", "100", str(10**13), "-1", "1e3", ""]) | _PRINTABLE
_SEGMENT = st.sampled_from(
    [ID, OTHERS, "..", "%2e%2e", "%2f", "%00", "", "000001.jws", "000002.damaged", "x" * 300, "%ff"]
)
_METADATA = "recording MjAyNjExMjRUMTUzMDAwWi0wMDAwMDEtMDAwMDAwMDE=,final " + (
    "YWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYg=="
)


@dataclass(frozen=True)
class Move:
    """spoil: what is done to the message, "" if nothing; at, byte: where, and with what. raw: the
    message, if it is no request. again: sends the message before once more."""

    method: str = "GET"
    path: str = "/v1/ledger"
    fields: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    spoil: str = ""
    at: int = 0
    byte: int = 0
    raw: bytes | None = None
    again: bool = False


def _known(method: str, path: str, fields: dict[str, str], body: bytes | None) -> Move:
    return Move(method, path, fields, body)


RIGHT = st.one_of(
    st.just(_known("GET", "/v1/ledger", {}, None)),
    st.just(_known("OPTIONS", "/v1/uploads", {}, None)),
    st.builds(
        lambda length: _known(
            "POST", "/v1/uploads", {"Upload-Length": length, "Upload-Metadata": _METADATA}, None
        ),
        st.just("100") | _NUMBER,
    ),
    st.just(_known("HEAD", f"/v1/uploads/{ID}", {}, None)),
    st.builds(
        lambda offset, body: _known(
            "PATCH",
            f"/v1/uploads/{ID}",
            {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"},
            body,
        ),
        st.integers(0, 100),
        st.binary(max_size=100),
    ),
    st.builds(
        lambda one: _known("GET", f"/v1/recordings/{one}/receipt", {}, None),
        st.sampled_from([ID, OTHERS]),
    ),
    st.builds(
        lambda name, body: _known("PUT", f"/v1/ledger/{name}", {}, body),
        st.sampled_from(["000001.jws", "000001.damaged", "000001.checkpoint"]) | _SEGMENT,
        st.binary(max_size=200),
    ),
    st.builds(
        lambda body: _known("POST", "/v1/ledger", {}, body),
        st.sampled_from([b'{"files":{}}', b"[]", b"{", b'{"files":{"000001.jws":"' + b"0" * 64])
        | st.binary(max_size=100)
        | st.builds(
            lambda names: json.dumps({"files": dict.fromkeys(names, "0" * 64)}).encode(),
            st.lists(_PRINTABLE, max_size=5),
        ),
    ),
)
STRANGE = st.builds(
    Move,
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "LINK"]),
    path=st.builds(
        lambda parts: "/v1/" + "/".join(parts),
        st.lists(st.sampled_from(["uploads", "ledger", "recordings"]) | _SEGMENT, max_size=4),
    ),
    fields=st.dictionaries(
        st.sampled_from(
            [
                "Upload-Length",
                "Upload-Offset",
                "Upload-Metadata",
                "Upload-Checksum",
                "Range",
                "Content-Encoding",
                "Tus-Resumable",
                "Expect",
                "X-HTTP-Method-Override",
                "Cookie",
            ]
        ),
        _NUMBER | st.just("100-continue"),
        max_size=4,
    ),
    body=st.none() | st.binary(max_size=300),
)
SPOILS: Final = (
    "drop a field",
    "double a field",
    "change a byte",
    "cut off",
    "exchange the body",
    "longer than said",
    "shorter than said",
    "chunked",
)
SPOILED = st.builds(
    lambda one, spoil, at, byte: Move(one.method, one.path, one.fields, one.body, spoil, at, byte),
    RIGHT,
    st.sampled_from(SPOILS),
    st.integers(0, 2000),
    st.integers(0, 255),
)
RAW = st.builds(
    lambda head, rest: Move(raw=head + rest),
    st.sampled_from(
        [
            b"",
            b"\r\n",
            b"GET / HTTP/1.1\r\n",
            b"POST /v1/uploads HTTP/1.1\r\n",
            b"\x16\x03\x01",
            b"GET /v1/ledger HTTP/1.1\r\nHost: " + b"a" * 3000 + b"\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\n",
        ]
    ),
    st.binary(max_size=300),
)
MOVES = st.lists(st.one_of(RIGHT, STRANGE, SPOILED, RAW, st.just(Move(again=True))), max_size=8)
"""A conversation."""


class Fuzzer:
    """Sends moves with one key. url: the office's address; port: where it listens.

    statuses: how often each answer came.
    """

    def __init__(self, url: str, port: int, ca: str, key: SigningKey) -> None:
        self._url = url
        self._port = port
        self._key = key
        self._context = ssl.create_default_context(cadata=ca)
        self._channel: ssl.SSLSocket | None = None
        self._nonce = ""
        self._last = b""
        self.statuses: dict[int, int] = {}

    def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def play(self, moves: list[Move]) -> None:
        """Send all of them. Raises AssertionError for an answer that no client may get."""
        for move in moves:
            self._play(move)

    def ask(self, move: Move) -> tuple[int, bytes]:
        """Send one that nothing is done to; the answer's status and body."""
        self._fresh_nonce()
        return self._exchange(self._message(move), move.method, ANSWER_SECONDS) or (0, b"")

    def _play(self, move: Move) -> None:
        if not self._nonce:
            self._fresh_nonce()
        whole = not (move.spoil or move.raw is not None)
        if move.raw is not None:
            message = move.raw
        elif move.again:
            message = self._last
        else:
            try:
                message = self._message(move)
            except Exception:  # noqa: BLE001 - the library signs no such thing
                return
            self._last = message
            message = spoiled(message, move)
        self._exchange(message, move.method, ANSWER_SECONDS if whole else SPOILED_SECONDS)
        if not whole:
            self.close()

    def _fresh_nonce(self) -> None:
        said = self._exchange(b"OPTIONS /v1/uploads HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", 20.0)
        assert said is not None, "the server does not answer"

    def _message(self, move: Move) -> bytes:
        fields = {"Tus-Resumable": "1.0.0", **move.fields}
        if move.body is not None:
            fields["Content-Digest"] = request_signature.content_digest(move.body)
        request = RequestToSign(move.method, self._url + move.path, fields)
        nonce, self._nonce = self._nonce, ""
        thumbprint = self._key.public.thumbprint
        prepared = request_signature.prepare(request, thumbprint, nonce, int(time.time()))
        request_signature.attach(request, prepared, self._key.sign(prepared.signature_base))
        lines = [f"{move.method} {move.path} HTTP/1.1", "Host: office"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        lines.append(f"Content-Length: {len(move.body or b'')}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (move.body or b"")

    def _exchange(self, message: bytes, method: str, seconds: float) -> tuple[int, bytes] | None:
        """Send a message; status and body of what is answered, if anything is."""
        try:
            if self._channel is None:
                plain = socket.create_connection((HOST, self._port), ANSWER_SECONDS)
                self._channel = self._context.wrap_socket(plain, server_hostname=HOST)
            self._channel.settimeout(seconds)
            self._channel.sendall(message)
            answer = http.client.HTTPResponse(self._channel, method=method)
            answer.begin()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            # Nothing is answered to what is no request, or to half of one.
            self.close()
            return None
        status = answer.status
        self.statuses[status] = self.statuses.get(status, 0) + 1
        assert status < 500 or status in MAY_FAIL, f"{status} to {message[:400]!r}: {body!r}"
        self._nonce = answer.headers.get(NONCE, "")
        if answer.will_close:
            self.close()
        return status, body


def spoiled(message: bytes, move: Move) -> bytes:
    """A message as it arrives."""
    head, _, body = message.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    which = move.at % len(lines)
    match move.spoil:
        case "drop a field":
            del lines[which]
        case "double a field":
            lines.insert(which, lines[which])
        case "change a byte":
            at = move.at % len(message)
            return message[:at] + bytes([move.byte]) + message[at + 1 :]
        case "cut off":
            return message[: move.at % len(message)]
        case "exchange the body":
            body = bytes(byte ^ 0xFF for byte in body)
        case "longer than said":
            body += b"more"
        case "shorter than said":
            body = body[: len(body) // 2]
        case "chunked":
            lines = [one for one in lines if not one.lower().startswith(b"content-length")]
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    return b"\r\n".join([first, *lines, b"", b""]) + body
