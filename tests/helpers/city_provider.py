"""A city's provider of OpenID Connect, over TLS on loopback: honest, unless a test has it lie.

It has a page to sign in at, codes that are good once, PKCE, and tokens by a key that it publishes.
It was written from the standards, and shares nothing with the desk but the library for tokens.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from authority import authority
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT: Final = "camerad-desk"
SECRET: Final = "pa~ss:word+1"  # noqa: S105 - it opens nothing but this provider
MINUTES: Final = 5
DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass
class Lies:
    """What it does otherwise than it should. claims: changes what a token says. token: makes it of
    header and claims. document: changes the discovery document. raw: sends the answer at a path,
    instead of what belongs there."""

    claims: Callable[[dict[str, Any]], Any] = lambda _: None
    token: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    document: Callable[[dict[str, Any]], Any] = lambda _: None
    raw: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)


class CityProvider:
    """directory: for its certificate. now: its clock, seconds since 1970."""

    def __init__(self, directory: Path, back: str) -> None:
        self.now: Callable[[], int] = lambda: 0
        self.back = back
        self.lies = Lies()
        self.asked: Counter[str] = Counter()
        self.keys = [known_key(0)]
        self._codes: dict[str, tuple[dict[str, str], str]] = {}
        made = authority()
        self.ca = directory / "city-ca.pem"
        self.ca.write_text(made.pem)
        self.secret_file = directory / "openid-secret"
        self.secret_file.write_text(SECRET + "\n")
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self)

            def do_POST(self) -> None:
                provider.answer(self)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        context = made.context(directory)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.issuer = f"https://127.0.0.1:{self._server.server_address[1]}/realms/city"
        self._path = urlsplit(self.issuer).path
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02))

    def __enter__(self) -> CityProvider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def grant(self, address: str, account: str) -> dict[str, str]:
        """Somebody signs in at the page behind an address; what their browser comes back with."""
        return self._grant(self._checked(urlsplit(address).query), account)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request of a browser or of the desk."""
        path = urlsplit(request.path).path.removeprefix(self._path)
        self.asked[path] += 1
        length = int(request.headers.get("Content-Length") or 0)
        said = request.rfile.read(length).decode()
        if path in self.lies.raw:
            self.lies.raw[path](request)
        elif path == DISCOVERY:
            send(request, 200, self._document())
        elif path == "/keys":
            send(request, 200, {"keys": [key.as_dict(private=False) for key in self.keys]})
        elif path == "/authorize":
            query = urlsplit(request.path).query
            self._checked(query)
            page = (
                '<!doctype html><html lang="en"><title>City</title>'
                '<link rel="icon" href="data:,"><main><h1>City</h1>'
                f'<form method="post" action="{self._path}/login">'
                f'<input type="hidden" name="query" value="{html.escape(query)}">'
                '<label>User <input name="user"></label><button>Log in</button></form></main>'
            )
            send(request, 200, page)
        elif path == "/login":
            form = {name: values[0] for name, values in parse_qs(said).items()}
            asked = self._checked(form["query"])
            given = self._grant(asked, form["user"])
            request.send_response(303)
            request.send_header("Location", f"{asked['redirect_uri']}?{urlencode(given)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
        elif path == "/token" and request.command == "POST":
            send(request, *self._redeem(request, said))
        else:
            send(request, 404, {})

    def _document(self) -> dict[str, Any]:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.lies.document(document)
        return document

    def _checked(self, query: str) -> dict[str, str]:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["redirect_uri"] == self.back, "only what was registered"
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        return asked

    def _grant(self, asked: dict[str, str], account: str) -> dict[str, str]:
        code = secrets.token_urlsafe(24)
        self._codes[code] = (asked, account)
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def _redeem(self, request: BaseHTTPRequestHandler, said: str) -> tuple[int, dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs(said).items()}
        if self._client(request, form) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        asked, account = self._codes.pop(form.get("code", ""), ({}, ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked.get("redirect_uri")
            or proof != asked.get("code_challenge")
        ):
            return 400, {"error": "invalid_grant"}
        now = self.now()
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": account,
            "aud": CLIENT,
            "azp": CLIENT,
            "exp": now + MINUTES * 60,
            "iat": now,
            "auth_time": now,
            "nonce": asked["nonce"],
            "preferred_username": "kim",
            "acr": asked.get("acr_values", "1").split()[0],
        }
        self.lies.claims(claims)
        header = {"alg": "RS256", "typ": "JWT", "kid": self.keys[0].kid}
        make = self.lies.token or (lambda header, claims: jwt.encode(header, claims, self.keys[0]))
        return 200, {
            "token_type": "Bearer",
            "access_token": secrets.token_urlsafe(24),
            "id_token": make(header, claims),
        }

    def _client(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> tuple[str, str]:
        basic = request.headers.get("Authorization", "")
        if not basic.startswith("Basic "):
            return form.get("client_id", ""), form.get("client_secret", "")
        name, _, secret = base64.b64decode(basic.removeprefix("Basic ")).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)


@cache
def known_key(number: int) -> RSAKey:
    """A key, with a name: the provider's own is 0. Making one takes its time."""
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)


def send(request: BaseHTTPRequestHandler, status: int, said: dict[str, Any] | str) -> None:
    """An answer: an object as JSON, or a page."""
    page = isinstance(said, str)
    content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    request.send_response(status)
    request.send_header("Content-Type", "text/html" if page else "application/json")
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
