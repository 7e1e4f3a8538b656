"""What a browser says for an authenticator: ``PublicKeyCredential.toJSON`` (WebAuthn, 5.1).

It comes from strangers, so every field that is looked at has its type before anything works with
it. What else browsers send (transports, extensions) is passed over.
"""

from __future__ import annotations

from typing import Any

import msgspec

from camerad.base import typed_json
from camerad.container.keys import decode_base64url
from camerad.office.desk.people import DeskPerson


class AuthenticatorResponse(msgspec.Struct, frozen=True):
    """All in base64url. attestation_object: of a new passkey. The others: of one that signs in."""

    client_data: str = msgspec.field(name="clientDataJSON")
    attestation_object: str | None = msgspec.field(name="attestationObject", default=None)
    authenticator_data: str | None = msgspec.field(name="authenticatorData", default=None)
    signature: str | None = None
    user_handle: str | None = msgspec.field(name="userHandle", default=None)


class BrowserAnswer(msgspec.Struct, frozen=True):
    """id, raw_id: of the passkey, base64url."""

    id: str
    raw_id: str = msgspec.field(name="rawId")
    type: str
    response: AuthenticatorResponse

    def challenge(self) -> bytes:
        """What was asked, as the browser says. Raises ValueError, RecursionError and
        MemoryError."""
        said = typed_json.decode(decode_base64url(self.response.client_data), _ClientData)
        return decode_base64url(said.challenge)

    def for_library(self) -> dict[str, Any]:
        """The same as fido2 takes it: JSON without what was not said."""
        said: dict[str, Any] = msgspec.to_builtins(self)
        there = {name: value for name, value in said["response"].items() if value is not None}
        return said | {"response": there}

    def is_of(self, person: DeskPerson) -> bool:
        """Whether the authenticator names this person, or nobody (a security key of old)."""
        return self.response.user_handle in (None, "", person.handle)


class _ClientData(msgspec.Struct, frozen=True):
    """What is looked at here; the library looks at the rest (5.8.1)."""

    challenge: str
