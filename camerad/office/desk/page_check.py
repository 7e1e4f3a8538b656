"""Compares the page that a server sends, or that a browser has got, with this version's.

A server that was taken over can send another page, which keeps the key or lies about a recording.
The page itself cannot tell. So it is compared from outside, by a camerad that came another way. A
server can send the right files to one who compares and others to one who views: for that person,
`camerad evidence verify` and a `player.html` from a trusted disk judge without the server.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from camerad.base.errors import EX_UNAVAILABLE, CameradError
from camerad.base.text import printable
from camerad.office.desk.page_content import PAGE, POLICY, START, page_content

TIMEOUT_SECONDS: Final = 20.0
_POLICY: Final = "Content-Security-Policy"
_SHOWN: Final = 12


class PageCheckError(CameradError):
    """Error raised when a page cannot be had, so that there is nothing to compare."""

    exit_code = EX_UNAVAILABLE


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
