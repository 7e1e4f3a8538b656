"""A statement has one spelling, and one length that is too long."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from camerad.container import jws
from camerad.container.keys import SigningKey, decode_base64url, encode_base64url

KEY = SigningKey.generate()


def test_a_statement_longer_than_any_that_is_made_is_not_even_taken_apart() -> None:
    with pytest.raises(jws.JwsError, match="too many for a statement"):
        jws.parse(b"A" * (jws.LONGEST + 1))
    # Nor is one made that nobody would read: base64 makes four bytes of three.
    with pytest.raises(jws.JwsError, match="too many for a statement"):
        jws.sign(SigningKey.generate(), "camerad-test", {"text": "x" * (jws.LONGEST * 3 // 4)})


def test_three_parts_make_a_statement() -> None:
    with pytest.raises(jws.JwsError, match="three parts"):
        jws.parse(b"e30.e30")


def test_a_header_in_another_spelling_is_none() -> None:
    head, payload, signature = jws.sign(KEY, "camerad-commit", b"{}").split(b".")
    spaced = encode_base64url(decode_base64url(head).replace(b":", b": ")).encode()
    with pytest.raises(jws.JwsError, match="not the one that camerad writes"):
        jws.parse(b".".join((spaced, payload, signature)))


def test_a_signature_of_another_length_is_none() -> None:
    head, payload, _ = jws.sign(KEY, "camerad-commit", b"{}").split(b".")
    # 63 bytes, in their one spelling.
    with pytest.raises(jws.JwsError, match="does not have 64 bytes"):
        jws.parse(b".".join((head, payload, b"A" * 84)))


@dataclass(frozen=True, slots=True)
class _Small:
    """A payload of one field."""

    one: int


def test_a_payload_with_one_more_field_is_not_in_its_one_spelling() -> None:
    statement = jws.parse(jws.sign(KEY, "camerad-test", {"more": 2, "one": 1}))
    with pytest.raises(jws.JwsError, match="is not in its one spelling"):
        jws.decode(statement, "camerad-test", _Small)
