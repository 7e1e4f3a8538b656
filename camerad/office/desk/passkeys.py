"""Sign-in by passkey: both ceremonies of WebAuthn (Level 3, W3C), checked by the library.

A challenge is good for five minutes and one answer (`camerad.office.desk.tokens`). The
authenticator has to know its person (user verification): a passkey alone in a drawer opens nothing.
Attestation is not asked for: the make of a key is private.
"""

from __future__ import annotations

import json
import logging
import struct
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    CredentialCreationOptions,
    CredentialRequestOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from sqlalchemy import Connection

from camerad.base.clock import Clock
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.office.desk import people
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.desk.people import DeskPerson, Passkey
from camerad.office.desk.tokens import Challenges
from camerad.office.state.office_state import OfficeState

_LABEL: Final = 60
_ALGORITHM: Final = 3
"""Where a key says its algorithm (RFC 9052, 7.1)."""
_WRONG: Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    AssertionError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    MemoryError,
    UnsupportedAlgorithm,
    struct.error,
)
"""What the library raises at answers that are none."""

# It would log who signs in by which passkey.
logging.getLogger("fido2").setLevel(logging.WARNING)


class Passkeys:
    """state: has the people whose passkeys count. url: of the page, to whose name they belong.
    Thread-safe. Everything raises StorageError and RefusalError."""

    def __init__(self, state: OfficeState, url: str, clock: Clock) -> None:
        self._state = state
        name = urlsplit(url).hostname or ""
        self._server = Fido2Server(
            PublicKeyCredentialRpEntity(id=name, name="camerad"),
            verify_origin=lambda origin: origin == url,
        )
        self._offered = {int(one.alg) for one in self._server.allowed_algorithms}
        self._clock = clock
        self._challenges = Challenges(state, clock, DeskRefusal.PASSKEY)

    def ask_new(self, person: DeskPerson) -> dict[str, Any]:
        """What a browser is to ask an authenticator for, so that a person gets a passkey: the
        options of ``navigator.credentials.create``, as JSON has them."""
        options, _ = self._server.register_begin(
            PublicKeyCredentialUserEntity(
                id=decode_base64url(person.handle), name=person.id, display_name=person.name
            ),
            [
                PublicKeyCredentialDescriptor(
                    type=PublicKeyCredentialType.PUBLIC_KEY, id=decode_base64url(one.id)
                )
                for one in person.passkeys
            ],
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
            challenge=self._challenges.make(person.id),
        )
        return _as_json(options)

    def check_new(
        self, person: DeskPerson, answer: dict[str, Any], label: str
    ) -> tuple[Passkey, bytes]:
        """The passkey that an authenticator made for a person, and the challenge, which `use_up` is
        for. Raises RefusalError."""
        try:
            said = RegistrationResponse.from_dict(answer)
            challenge = said.response.client_data.challenge
            self._challenges.check(challenge, person.id)
            checked = self._server.register_complete(_state(challenge), said)
            made = checked.credential_data
        except _WRONG as error:
            raise _wrong(error) from error
        if made is None or made.public_key.get(_ALGORITHM) not in self._offered:
            raise _wrong("it has no key of a kind that was asked for")
        passkey = Passkey(
            encode_base64url(made.credential_id),
            encode_base64url(bytes(made)),
            checked.counter,
            label.strip()[:_LABEL],
            self._clock.wall_us(),
        )
        return passkey, challenge

    def ask_known(self) -> dict[str, Any]:
        """What a browser is to ask for, so that a person signs in: the options of
        ``navigator.credentials.get``. A browser offers the passkeys that it has for this page."""
        options, _ = self._server.authenticate_begin(
            user_verification=UserVerificationRequirement.REQUIRED,
            challenge=self._challenges.make(""),
        )
        return _as_json(options)

    def check_known(self, answer: dict[str, Any]) -> tuple[DeskPerson, Passkey, bytes]:
        """Who signs in, their passkey as it is now, and the challenge, which `use_up` is for. A
        passkey whose counter did not rise was copied. Raises RefusalError."""
        try:
            said = AuthenticationResponse.from_dict(answer)
            challenge = said.response.client_data.challenge
            self._challenges.check(challenge, "")
        except _WRONG as error:
            raise _wrong(error) from error
        with self._state.reading() as rows:
            found = people.by_passkey(rows, encode_base64url(said.raw_id))
        if found is None or not found[0].active or not _is_of(said, found[0]):
            raise _wrong("no person here has this passkey")
        person, passkey = found
        try:
            known = AttestedCredentialData(decode_base64url(passkey.data))
            self._server.authenticate_complete(_state(challenge), [known], said)
        except _WRONG as error:
            raise _wrong(error, person.id) from error
        count = said.response.authenticator_data.counter
        if not counter_rose(passkey.sign_count, count):
            raise _wrong("this passkey was copied: its counter did not rise", person.id)
        return person, msgspec.structs.replace(passkey, sign_count=count), challenge

    def use_up(self, rows: Connection, challenge: bytes) -> None:
        """Have a challenge count no more, as part of a transaction. Raises RefusalError."""
        self._challenges.use_up(rows, challenge)


def counter_rose(before: int, now: int) -> bool:
    """Whether a passkey's counter rose, as it does where it is no copy; some do not count."""
    return now > before or max(now, before) == 0


def _is_of(answer: AuthenticationResponse, person: DeskPerson) -> bool:
    """Whether the authenticator names this person, or no person (an old security key)."""
    named = answer.response.user_handle
    return not named or encode_base64url(named) == person.handle


def _wrong(text: object, about: str = "") -> RefusalError:
    return RefusalError(
        DeskRefusal.PASSKEY, f"the answer of the passkey does not count: {text}", about
    )


def _state(challenge: bytes) -> dict[str, Any]:
    """What the library wants to have kept since it asked."""
    return {
        "challenge": encode_base64url(challenge),
        "user_verification": UserVerificationRequirement.REQUIRED,
    }


def _as_json(options: CredentialCreationOptions | CredentialRequestOptions) -> dict[str, Any]:
    """The options alone, with what is bytes in base64url."""
    said: dict[str, Any] = json.loads(json.dumps(dict(options.public_key), default=dict))
    return said
