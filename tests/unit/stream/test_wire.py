"""The framing between the capture process and the controller."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camerad.base.errors import WireError
from camerad.stream import wire
from camerad.stream.wire import CommandReader, MessageHeader, MessageKind

FOOTAGE = st.one_of(
    st.tuples(st.just(MessageKind.PACKET), st.booleans(), st.integers(1, wire.MAX_PACKET)),
    st.tuples(st.just(MessageKind.SOUND), st.just(False), st.integers(1, wire.MAX_SOUND)),
)
HEADERS = st.builds(
    lambda footage, *rest: MessageHeader(footage[0], footage[1], *rest, footage[2]),
    FOOTAGE,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(-(2**63), 2**63 - 1),
)


@given(HEADERS)
def test_a_header_comes_out_as_it_went_in(header: MessageHeader) -> None:
    assert wire.unpack(header.pack()) == header
    assert wire.unpack(memoryview(bytearray(header.pack()))) == header


def test_the_header_is_laid_out_as_documented() -> None:
    header = MessageHeader(MessageKind.PACKET, True, 0x01020304, 5, 6, 7)
    assert header.pack() == (
        b"CW1\n" b"\x01" b"\x01" b"\0\0" b"\x04\x03\x02\x01" b"\x05\0\0\0"
        b"\x06\0\0\0\0\0\0\0" b"\x07\0\0\0"
    )  # fmt: skip
    assert wire.HEADER.size == 28


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (wire.HEADER.pack(b"GET ", 1, 0, 0, 0, 0, 0, 1), "begins with b'GET '"),
        (wire.HEADER.pack(wire.MAGIC, 9, 0, 0, 0, 0, 0, 1), "unknown kind of message: 9"),
        (wire.HEADER.pack(wire.MAGIC, 1, 2, 0, 0, 0, 0, 1), "unknown flags in a PACKET"),
        (wire.HEADER.pack(wire.MAGIC, 1, 0, 1, 0, 0, 0, 1), "unknown flags in a PACKET"),
        (wire.HEADER.pack(wire.MAGIC, 1, 0, 0, 0, 0, 0, 0), "allowed are 1 to 16777216"),
        (wire.HEADER.pack(wire.MAGIC, 1, 0, 0, 0, 0, 0, wire.MAX_PACKET + 1), "16777217 bytes"),
        (wire.HEADER.pack(wire.MAGIC, 2, 0, 0, 0, 0, 0, wire.MAX_JSON + 1), "HELLO message of"),
        (wire.HEADER.pack(wire.MAGIC, 6, 1, 0, 0, 0, 0, 1), "unknown flags in a SOUND"),
        (wire.HEADER.pack(wire.MAGIC, 6, 0, 0, 0, 0, 0, wire.MAX_SOUND + 1), "SOUND message of"),
    ],
)
def test_what_is_not_of_the_format_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        wire.unpack(data)


def test_a_message_is_a_header_and_a_json_object() -> None:
    data = wire.message(MessageKind.BEAT, {"frame": 7})
    header = wire.unpack(data[: wire.HEADER.size])
    assert (header.kind, header.length) == (MessageKind.BEAT, len(data) - wire.HEADER.size)
    assert wire.parse_body(data[wire.HEADER.size :]) == {"frame": 7}


def test_footage_is_what_may_be_in_locked_memory_only() -> None:
    assert {MessageKind.PACKET, MessageKind.SOUND} == wire.FOOTAGE


def test_a_command_can_say_that_there_is_nobody() -> None:
    (told,) = CommandReader().feed(wire.command("stamp", pre=True, trusted=False, wearer=None))
    assert told == {"command": "stamp", "pre": True, "trusted": False, "wearer": None}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[1]", b"7", b"[" * wire.MAX_JSON, b'{"a":' * 10_000],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="the body of a message is"):
        wire.parse_body(body)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5), st.data())
def test_commands_come_out_whole_however_they_are_cut(epochs: list[int], data) -> None:  # type: ignore[no-untyped-def]
    stream = b"".join(wire.command("arm", epoch=epoch) for epoch in epochs)
    reader = CommandReader()
    got = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        got += reader.feed(stream[:size])
        stream = stream[size:]
    assert got == [{"command": "arm", "epoch": epoch} for epoch in epochs]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{}\n", "without a name"),
        (b'{"command": 1}\n', "without a name"),
        (b"arm\n", "not JSON"),
        (b"x" * (wire.MAX_COMMAND + 1), "more than 4096 bytes"),
        (json.dumps({"command": "x" * wire.MAX_COMMAND}).encode() + b"\n", "more than 4096"),
    ],
)
def test_a_line_that_is_no_command_is_refused(line: bytes, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        list(CommandReader().feed(line))
