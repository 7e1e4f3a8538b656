"""Opening a sealed piece here and by pyrage is the same: what comes out, and what does not."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable

import pyrage
import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed_helpers import office

from camerad.office import age_format, age_opener
from camerad.office.age_opener import AgeOpener

CHUNK = 64 << 10
DESK = office()
SPARE = pyrage.x25519.Identity.generate()
STRANGER = pyrage.x25519.Identity.generate()
PLAIN = bytes(range(256)) * 300  # 76,800 bytes: two chunks


def sealed(data: bytes, *to: pyrage.x25519.Identity) -> bytes:
    return bytes(pyrage.encrypt(data, [one.to_public() for one in to or (DESK,)]))


SHORT = sealed(b"footage")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyrage is not asked."""

    def refuse(*_: object) -> bytes:
        raise AssertionError("pyrage was asked")

    monkeypatch.setattr(age_opener.pyrage, "decrypt", refuse)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])
def test_every_length_is_opened_without_pyrage(size: int) -> None:
    data = (PLAIN * 3)[:size]
    assert AgeOpener([DESK]).open(sealed(data)) == data


@pytest.mark.usefixtures("alone")
def test_any_of_the_keys_opens_what_is_sealed_to_several() -> None:
    piece = sealed(PLAIN, STRANGER, SPARE)
    assert AgeOpener([DESK, SPARE]).open(piece) == PLAIN


def test_a_stranger_hears_from_pyrage() -> None:
    piece = sealed(PLAIN)
    with pytest.raises(pyrage.DecryptError) as ours:
        AgeOpener([STRANGER]).open(piece)
    with pytest.raises(pyrage.DecryptError) as theirs:
        pyrage.decrypt(piece, [STRANGER])
    assert str(ours.value) == str(theirs.value)


def test_with_an_older_library_everything_is_pyrage_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(age_opener, "IN_PLACE", False)
    monkeypatch.setattr(age_opener.AgeOpener, "_opened", None)
    assert AgeOpener([DESK]).open(sealed(PLAIN)) == PLAIN


def test_where_openssl_may_not_everything_is_pyrage_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under FIPS, which knows neither X25519 nor ChaCha20."""

    def refuse(*_: object) -> None:
        raise UnsupportedAlgorithm("not here")

    piece = sealed(PLAIN)
    with monkeypatch.context() as patched:
        patched.setattr(age_opener, "ChaCha20Poly1305", refuse)
        assert AgeOpener([DESK]).open(piece) == PLAIN
    monkeypatch.setattr(age_opener, "_private_key", refuse)
    assert AgeOpener([DESK]).open(piece) == PLAIN


def _header_end(piece: bytes) -> int:
    return piece.index(b"\n--- ") + len(b"\n--- ") + 43 + 1


def _empty_chunk_behind(piece: bytes) -> bytes:
    return piece + bytes(16)


def _without_the_last_chunk(piece: bytes) -> bytes:
    return piece[: _header_end(piece) + 16 + CHUNK + 16]


def _with_other_bits_behind_the_share(piece: bytes) -> bytes:
    """43 digits are 258 bits: the last two are free, and another spelling sets them."""
    at = piece.index(b"X25519 ") + len(b"X25519 ") + 42
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = digits[digits.index(piece[at : at + 1]) | 1]
    return piece[:at] + bytes((other,)) + piece[at + 1 :]


def _with_a_share_of_zeros(piece: bytes) -> bytes:
    at = piece.index(b"X25519 ") + len(b"X25519 ")
    return piece[:at] + b"A" * 43 + piece[at + 43 :]


def _with_another_mac(piece: bytes) -> bytes:
    at = _header_end(piece) - 10
    return piece[:at] + (b"A" if piece[at : at + 1] != b"A" else b"B") + piece[at + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda piece: b"",
        lambda piece: piece[:30],
        lambda piece: piece[: _header_end(piece)],
        lambda piece: piece[: _header_end(piece) + 15],
        lambda piece: piece[: _header_end(piece) + 16],
        lambda piece: piece[:-1],
        lambda piece: piece + b"x",
        lambda piece: piece.replace(b"/v1\n", b"/v2\n", 1),
        lambda piece: piece.replace(b"-> X25519", b"-> Y25519", 1),
        _empty_chunk_behind,
        _without_the_last_chunk,
        _with_other_bits_behind_the_share,
        _with_a_share_of_zeros,
        _with_another_mac,
    ],
)
def test_what_was_changed_is_opened_by_neither(change: Callable[[bytes], bytes]) -> None:
    piece = change(sealed(PLAIN))
    with pytest.raises((ValueError, age_opener.InvalidTag)):
        AgeOpener([DESK])._opened(piece)
    with pytest.raises(pyrage.DecryptError):
        AgeOpener([DESK]).open(piece)


def test_an_empty_chunk_behind_another_is_refused_though_its_tag_is_right() -> None:
    """Whoever seals can write one; age forbids it, so that a file has one spelling."""
    cipher = age_opener.ChaCha20Poly1305(bytes(32))
    first = cipher.encrypt(bytes(12), bytes(CHUNK), None)
    last = cipher.encrypt((1).to_bytes(11, "big") + b"\x01", b"", None)
    with pytest.raises(ValueError, match="empty chunk"):
        age_format._payload(cipher, memoryview(first + last))


def _stanza(key: bytes) -> bytes:
    """The key of a file, wrapped for the desk."""
    opener = AgeOpener([DESK])
    ((_, public),) = opener._keys
    ephemeral = X25519PrivateKey.generate()
    share = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    wrap = age_format.derived(shared, share + public, b"age-encryption.org/v1/X25519")
    body = age_opener.ChaCha20Poly1305(wrap).encrypt(bytes(12), key, None)
    return b"-> X25519 %b\n%b\n" % (_digits(share), _digits(body))


def _digits(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


KEY = bytes(range(16))
FOR_THE_DESK = _stanza(KEY)
SHARE = _digits(bytes(range(32)))


def _file(*stanzas: bytes) -> bytes:
    """A file as whoever seals can write it: its MAC is right, whatever the stanzas are."""
    head = b"age-encryption.org/v1\n" + b"".join(stanzas) + b"---"
    mac = hmac.digest(age_format.derived(KEY, None, b"header"), head, "sha256")
    cipher = age_opener.ChaCha20Poly1305(age_format.derived(KEY, bytes(16), b"payload"))
    content = cipher.encrypt(bytes(11) + b"\x01", b"footage", None)
    return head + b" " + _digits(mac) + b"\n" + bytes(16) + content


def _both_say(piece: bytes) -> bytes:
    """What both make of it: its content, or what is wrong."""
    answers = []
    for open_it in (AgeOpener([DESK]).open, lambda one: pyrage.decrypt(one, [DESK])):
        try:
            answers.append(bytes(open_it(piece)))
        except pyrage.DecryptError as error:
            answers.append(str(error).encode())
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"-> a-grease\n\n",
        b"-> -grease x y\nAAA\n",
        b"-> a-grease -> X25519 %b\n%b\n" % (SHARE, SHARE),
        FOR_THE_DESK,
    ],
    ids=[
        "no",
        "empty",
        "one with arguments",
        "one that looks like a stanza",
        "another for the desk",
    ],
)
def test_a_file_that_is_well_formed_is_opened_without_pyrage(other: bytes) -> None:
    assert AgeOpener([DESK]).open(_file(other, FOR_THE_DESK)) == b"footage"


@pytest.mark.parametrize(
    "other",
    [
        FOR_THE_DESK.replace(b"\n", b" more\n", 1),
        b"-> X25519\n%b\n" % SHARE,
        b"-> X25519 %b\n%b\n" % (SHARE, _digits(bytes(16))),
        b"-> X25519 %b\n%b\n\n" % (SHARE, _digits(bytes(48))),
        b"-> X25519 %b\n%b\n" % (_digits(bytes(31)), SHARE),
        b"-> X25519 %b\n%b\n" % (SHARE, SHARE[:-1] + b"9"),
        b"-> a-grease\nAB\n",
        b"-> a-grease\nA\n",
        b"-> a-grease\nAAAAA\n",
        b"-> a-grease\nAAB\n",
        b"-> a-grease\n" + b"A" * 64 + b"\n",
    ],
    ids=[
        "an argument more",
        "no share",
        "a short body",
        "a long body",
        "a short share",
        "a body in another spelling",
        "two digits in another spelling",
        "one digit",
        "five digits",
        "three digits in another spelling",
        "no last line",
    ],
)
def test_a_file_with_one_bad_stanza_is_left_to_pyrage(other: bytes) -> None:
    """Though another stanza would open it. pyrage itself looks at some of them only where they come
    first."""
    for stanzas in ((other, FOR_THE_DESK), (FOR_THE_DESK, other)):
        with pytest.raises(ValueError, match="another kind"):
            AgeOpener([DESK])._opened(_file(*stanzas))
        _both_say(_file(*stanzas))


_WORDS = st.sampled_from(["X25519", "a-grease", "-grease", "X25519-grease", "ssh-rsa", "->", "A"])
_BASE64 = st.text("AQgwEZaz09+/Bx", max_size=66)
_STANZAS = st.builds(
    lambda words, lines: ("-> " + " ".join(words) + "\n" + "\n".join(lines) + "\n").encode(),
    st.lists(_WORDS | _BASE64, min_size=1, max_size=4),
    st.lists(_BASE64 | st.just("A" * 64), max_size=3),
)


@settings(max_examples=150)
@given(st.lists(_STANZAS, max_size=2), st.booleans())
def test_no_stanza_makes_a_difference_between_the_two(others: list[bytes], before: bool) -> None:
    _both_say(_file(*others, FOR_THE_DESK) if before else _file(FOR_THE_DESK, *others))


@settings(max_examples=150)
@given(st.integers(0, len(SHORT) - 1), st.integers(0, 7))
def test_no_flipped_bit_makes_a_difference_between_the_two(at: int, bit: int) -> None:
    """Anywhere in the header, the nonce, or the content of a short piece."""
    piece = bytearray(SHORT)
    piece[at] ^= 1 << bit
    _both_say(bytes(piece))


def test_what_a_camera_seals_is_as_pyrage_opens_it() -> None:
    """Its libraries add stanzas of a random kind, so many files are tried."""
    opener = AgeOpener([DESK])
    for number in range(50):
        piece = sealed(PLAIN[:number])
        assert opener._opened(piece) == pyrage.decrypt(piece, [DESK])
