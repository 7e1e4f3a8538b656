"""Compares the page that a server sends, or that a browser has got, with this version's.

A server that was taken over can send another page, which keeps the key or lies about a recording.
The page itself cannot tell. So it is compared from outside, by a camerad that came another way. A
server can send the right files to whoever compares and others to whoever views: only what the
viewer's own browser has saved (HAR, HTTP Archive 1.2) shows what that browser got.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from camerad.base.errors import EX_UNAVAILABLE, EX_USAGE, CameradError
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.desk.page_content import PAGE, POLICY, START, page_content

TIMEOUT_SECONDS: Final = 20.0
LARGEST_SAVED: Final = 1 << 30
_POLICY: Final = "Content-Security-Policy"
_SHOWN: Final = 12
_SCRIPT: Final = "javascript"


class PageCheckError(CameradError):
    """Error raised when a page cannot be had, so that there is nothing to compare."""

    exit_code = EX_UNAVAILABLE


class SavedPageError(CameradError, ValueError):
    """Error raised when what a browser saved cannot be read."""

    exit_code = EX_USAGE


def fetched_differences(url: str, authority: str | None) -> list[str]:
    """How the page at this address differs, a sentence each. authority: file of the certificate
    authority in PEM; None for those of the system. Raises PageCheckError."""
    said = urlsplit(url)
    if said.scheme not in ("http", "https") or not said.hostname:
        raise PageCheckError(f"{printable(url)}: an address such as https://desk.office.example")
    try:
        connection = _connection(said.scheme, said.hostname, said.port, authority)
        try:
            there = {"/": page_content()[PAGE + START]} | page_content()
            found = [one for name in there for one in _differences(connection, name, there[name])]
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise PageCheckError(
            f"{printable(url)}: the page cannot be had: {printable(error)}; if its certificate is "
            "by an authority of the office's own, name that with --authority"
        ) from error
    return found


def saved_differences(path: str) -> tuple[int, list[str]]:
    """How many files of the page a browser has saved in a HAR file, and how they differ. Raises
    SavedPageError and StorageError."""
    try:
        entries = msgspec.json.decode(read_plain(path, "HAR file", LARGEST_SAVED))["log"]["entries"]
        found = [one for entry in entries for one in _differences_saved(entry)]
        seen = {_known(_path(entry)) for entry in entries} - {None}
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise SavedPageError(
            f"{printable(path)}: this is no HAR file with contents; have the browser's developer "
            "tools save all requests of the network with their contents"
        ) from error
    return len(seen), found


def _connection(
    scheme: str, host: str, port: int | None, authority: str | None
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    context = ssl.create_default_context(cafile=authority)
    return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)


def _differences(connection: http.client.HTTPConnection, path: str, content: bytes) -> list[str]:
    connection.request("GET", path)
    answer = connection.getresponse()
    got = answer.read(len(content) + 1)
    if not answer.isclosed():  # longer than it may be: the rest is of no interest
        connection.close()
    return _compare(path, answer.status, got, answer.headers, content)


def _differences_saved(entry: Mapping[str, Any]) -> list[str]:
    path, answer = _path(entry), entry["response"]
    if answer["status"] <= 0:  # broken off, when the page was left before it was answered
        return []
    said = answer["content"]
    body = said.get("text", "")
    got = base64.b64decode(body) if said.get("encoding") == "base64" else body.encode()
    known = _known(path)
    if known is None:
        is_code = _SCRIPT in said.get("mimeType", "")
        return [f"{printable(path)}: is no file of this version, and code"] if is_code else []
    if not got and answer["status"] == HTTPStatus.OK:
        # Browsers do not always keep a page's icon, which can do nothing.
        is_picture = said.get("mimeType", "").startswith("image/")
        return [] if is_picture else [f"{printable(path)}: its content was not saved"]
    headers = {one["name"].title(): one["value"] for one in answer["headers"]}
    return _compare(path, answer["status"], got, headers, page_content()[known])


def _path(entry: Mapping[str, Any]) -> str:
    return urlsplit(str(entry["request"]["url"])).path


def _known(path: str) -> str | None:
    path = PAGE + START if path == "/" else path
    return path if path in page_content() else None


def _compare(
    path: str, status: int, got: bytes, headers: Mapping[str, str] | Any, content: bytes
) -> list[str]:
    found = []
    if status != HTTPStatus.OK:
        found.append(f"{printable(path)}: the server answers {status}")
    elif got != content:
        theirs, ours = (hashlib.sha256(one).hexdigest()[:_SHOWN] for one in (got, content))
        if len(got) > len(content):
            theirs = "a longer one"
        found.append(f"{printable(path)}: is another file: {theirs} instead of {ours}")
    policy = headers.get(_POLICY)
    if policy != POLICY:
        told = "has none" if policy is None else f"is {printable(policy)[:200]}"
        found.append(f"{printable(path)}: {_POLICY} is another one: it {told}")
    return found
