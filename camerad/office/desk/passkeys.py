"""Sign-in by passkey: both ceremonies of WebAuthn (Level 3, W3C), checked by the library.

A challenge is good for five minutes and one answer (`camerad.office.desk.challenges`). The
authenticator has to know its person (user verification): a passkey alone in a drawer opens nothing.
Attestation is not asked for: which make of key somebody has is nobody's business.
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
from camerad.base.errors import CameradError
from camerad.container.keys import decode_base64url, encode_base64url
from camerad.office.desk import people
from camerad.office.desk.challenges import ChallengeError, Challenges
from camerad.office.desk.desk_state import DeskState
from camerad.office.desk.passkey_answers import BrowserAnswer
from camerad.office.desk.people import DeskPerson, Passkey

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


class PasskeyError(CameradError, PermissionError):
    """Error raised when a passkey's answer does not count."""


class CopiedOrForgedError(PasskeyError):
    """Error raised when the answer is of a passkey that somebody here has, and its signature or its
    counter does not count. person: their id."""

    def __init__(self, person: str, text: str) -> None:
        super().__init__(text)
        self.person = person


class Passkeys:
    """state: has the people whose passkeys count. url: of the page, to whose name they belong.
    Thread-safe. Everything raises StorageError and TooManyError."""

    def __init__(self, state: DeskState, url: str, clock: Clock) -> None:
        self._state = state
        name = urlsplit(url).hostname or ""
        self._server = Fido2Server(
            PublicKeyCredentialRpEntity(id=name, name="camerad"),
            verify_origin=lambda origin: origin == url,
        )
        self._offered = {int(one.alg) for one in self._server.allowed_algorithms}
        self._clock = clock
        self._challenges = Challenges(state, clock)

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
        self, person: DeskPerson, answer: BrowserAnswer, label: str
    ) -> tuple[Passkey, bytes]:
        """The passkey that an authenticator made for a person, and the challenge, which `use_up` is
        for. Raises PasskeyError."""
        challenge = self._answered_challenge(answer, person.id)
        try:
            said = self._server.register_complete(
                _state(challenge), RegistrationResponse.from_dict(answer.for_library())
            )
            made = said.credential_data
        except _WRONG as error:
            raise PasskeyError(f"the answer of the passkey does not count: {error}") from error
        if made is None or made.public_key.get(_ALGORITHM) not in self._offered:
            raise PasskeyError("the answer of the passkey has no key of a kind that was asked for")
        passkey = Passkey(
            encode_base64url(made.credential_id),
            encode_base64url(bytes(made)),
            said.counter,
            label.strip()[:_LABEL],
            self._clock.wall_us(),
        )
        return passkey, challenge

    def ask_known(self) -> dict[str, Any]:
        """What a browser is to ask for, so that somebody signs in: the options of
        ``navigator.credentials.get``. Whoever has a passkey for this page is offered it."""
        options, _ = self._server.authenticate_begin(
            user_verification=UserVerificationRequirement.REQUIRED,
            challenge=self._challenges.make(""),
        )
        return _as_json(options)

    def check_known(self, answer: BrowserAnswer) -> tuple[DeskPerson, Passkey, bytes]:
        """Who signs in, their passkey as it is now, and the challenge, which `use_up` is for. A
        passkey whose counter did not rise was copied. Raises PasskeyError."""
        challenge = self._answered_challenge(answer, "")
        with self._state.reading() as rows:
            found = people.by_passkey(rows, answer.id)
        if found is None or not found[0].active or not answer.is_of(found[0]):
            raise PasskeyError("nobody here has this passkey")
        person, passkey = found
        try:
            known = AttestedCredentialData(decode_base64url(passkey.data))
            said = AuthenticationResponse.from_dict(answer.for_library())
            self._server.authenticate_complete(_state(challenge), [known], said)
            count = said.response.authenticator_data.counter
        except _WRONG as error:
            raise CopiedOrForgedError(
                person.id, f"the answer of the passkey does not count: {error}"
            ) from error
        if max(count, passkey.sign_count) and count <= passkey.sign_count:
            raise CopiedOrForgedError(
                person.id, "this passkey was copied: its counter did not rise"
            )
        return person, msgspec.structs.replace(passkey, sign_count=count), challenge

    def use_up(self, rows: Connection, challenge: bytes) -> None:
        """Have a challenge count no more, as part of a transaction. Raises PasskeyError."""
        try:
            self._challenges.use_up(rows, challenge)
        except ChallengeError as error:
            raise PasskeyError(str(error)) from error

    def _answered_challenge(self, answer: BrowserAnswer, person: str) -> bytes:
        """The challenge that an answer is to, made for a person, "" if for anybody. Raises
        PasskeyError."""
        try:
            challenge = answer.challenge()
        except (ValueError, RecursionError, MemoryError) as error:
            raise PasskeyError("this is no answer of a passkey") from error
        try:
            self._challenges.check(challenge, person)
        except ChallengeError as error:
            raise PasskeyError(str(error)) from error
        return challenge


def _state(challenge: bytes) -> dict[str, Any]:
    """What the library wants to have kept since it asked."""
    return {
        "challenge": encode_base64url(challenge),
        "user_verification": UserVerificationRequirement.REQUIRED,
    }


def _as_json(options: Any) -> dict[str, Any]:
    """The options alone, with what is bytes in base64url."""
    said: dict[str, Any] = json.loads(json.dumps(dict(options.public_key), default=_spell))
    return said


def _spell(value: Any) -> Any:
    return encode_base64url(value) if isinstance(value, bytes) else dict(value)
