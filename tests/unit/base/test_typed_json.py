"""What JSON says, as a type: from any thread, also where several ask for a type first."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from camerad.base import typed_json

AT_ONCE = """
import sys, threading
from typing import Optional
import msgspec
from camerad.base import typed_json

sys.setswitchinterval(1e-6)
FIELDS = [f"f{number}" for number in range(30)]
SAID = b"{" + b",".join(b'"%b":{"a":[1]}' % name.encode() for name in FIELDS) + b"}"
KIND = "class Kind(msgspec.Struct):\\n" + "".join(
    f"    {name}: Optional[dict[str, list[int]]] = None\\n" for name in FIELDS
)

def read(kind, together):
    together.wait()
    READ

for _ in range(300):
    made = {"msgspec": msgspec, "Optional": Optional}
    exec(KIND, made)
    together = threading.Barrier(3)
    threads = [threading.Thread(target=read, args=(made["Kind"], together)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
"""In a process of its own: what it is about ends a process."""


class Pair(msgspec.Struct):
    left: int
    right: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "read",
    ["typed_json.decode(SAID, kind)", "typed_json.convert(msgspec.json.decode(SAID), kind)"],
)
def test_several_threads_read_the_first_of_a_type_at_once(read: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE.replace("READ", read)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_json_says_is_of_the_type_or_no_value_at_all() -> None:
    assert typed_json.decode(b'{"left":1,"right":["a"]}', Pair) == Pair(1, ("a",))
    assert typed_json.convert({"left": "1"}, Pair, strict=False) == Pair(1)
    with pytest.raises(msgspec.ValidationError, match="left"):
        typed_json.convert({"left": "1"}, Pair)
    with pytest.raises(msgspec.ValidationError, match="right"):
        typed_json.decode('{"left":1,"right":3}', Pair)
    with pytest.raises(msgspec.DecodeError):
        typed_json.decode(b"{", Pair)
