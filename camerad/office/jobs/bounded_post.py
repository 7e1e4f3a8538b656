"""Posts to servers of others, with a bound on the time and on the answer's length."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

from camerad.base.errors import CameradError

ANSWER_SECONDS: Final = 10.0
"""What a server may take for its answer."""


class PostError(CameradError):
    """Error raised when a server does not answer, or not in time; it says why."""


def post(
    url: str,
    body: bytes,
    longest: int,
    kind: str = "application/octet-stream",
    login: tuple[str, str] | None = None,
) -> tuple[int, bytes]:
    """Status of the answer, and its content up to `longest` bytes. A redirection is not followed.
    kind: the body's type. login: user and password. It blocks. Raises PostError."""
    if not url.startswith(("http://", "https://")):
        raise PostError(f"{url} is no address of HTTP")
    try:
        return asyncio.run(_post(url, body, longest, kind, login))
    except TimeoutError as error:
        raise PostError(f"{url} does not answer within {ANSWER_SECONDS:g} s") from error
    except (OSError, aiohttp.ClientError, ValueError) as error:
        raise PostError(f"{url} does not answer: {error}") from error


async def _post(
    url: str, body: bytes, longest: int, kind: str, login: tuple[str, str] | None
) -> tuple[int, bytes]:
    content, bound = b"", aiohttp.ClientTimeout(ANSWER_SECONDS)
    headers = {"Content-Type": kind}
    if login is not None:
        headers["Authorization"] = aiohttp.encode_basic_auth(*login)
    async with (
        aiohttp.ClientSession(timeout=bound, trust_env=True) as session,
        session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
    ):
        async for piece in answer.content.iter_any():
            content += piece
            if len(content) > longest:
                break
    return answer.status, content[:longest]
