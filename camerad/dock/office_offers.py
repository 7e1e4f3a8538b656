"""The office's offers for a camera, as an answer to its check-in names them. Each is fetched in
ranges, by its SHA-256, of any kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from camerad.dock.errors import AnswerKind, OfficeAnswerError
from camerad.dock.office_client import PAUSE_SECONDS, OfficeClient, retry_after

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class OfferedContent(msgspec.Struct, frozen=True):
    """sha256: of it, in hexadecimal. length: bytes."""

    sha256: str
    length: int


def offered_in(answer: Mapping[str, Any], kind: str, longest: int) -> OfferedContent | None:
    """What an answer offers of a kind; None if nothing. Raises OfficeAnswerError if it cannot be
    any, as one that is longer than `longest`."""
    offered = answer.get(kind)
    if not isinstance(offered, dict):
        return None
    sha256, length = offered.get("sha256"), offered.get("bytes")
    if (
        not isinstance(sha256, str)
        or _SHA256.fullmatch(sha256) is None
        or type(length) is not int
        or not 0 < length <= longest
    ):
        raise OfficeAnswerError(
            f"what the office offers ({kind}) cannot be any: it needs a SHA-256 and at most "
            f"{longest} bytes"
        )
    return OfferedContent(sha256, length)


def fetch_range(client: OfficeClient, offer: OfferedContent, offset: int, most: int) -> bytes:
    """What comes at an offset: at least a byte, at most so many.

    Raises OfficeAnswerError, DEFERRED if the office sends none just now, and what
    `OfficeClient.ask` raises.
    """
    wanted = min(most, offer.length - offset)
    headers = {
        "Range": f"bytes={offset}-{offset + wanted - 1}",
        "If-Range": f'"{offer.sha256}"',
    }
    largest = max(wanted, _LARGEST_ERROR)
    answer = client.ask("GET", f"/v1/offers/{offer.sha256}", headers, largest=largest)
    match answer.status:
        case HTTPStatus.PARTIAL_CONTENT:
            if not 0 < len(answer.body) <= wanted:
                raise OfficeAnswerError(
                    "the office sends another piece of its offer than asked for"
                )
            return answer.body
        case HTTPStatus.TOO_MANY_REQUESTS:
            wait = retry_after(answer) or PAUSE_SECONDS
            text = "the office sends no update just now"
            raise OfficeAnswerError(text, AnswerKind.DEFERRED, wait)
    raise client.unexpected(answer, "the question for what it offers")


_LARGEST_ERROR: Final = 4096
"""Bytes of an answer that says why not."""
