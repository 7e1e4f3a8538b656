"""P4 by observation: footage reaches no file in the clear, and the device cannot open its own.

What is looked for is known beforehand: a piece of every picture that leaves the encoder, noted by
the test; the parameter sets and the boxes that every MP4 has (`tests.system.plaintext`). That the
search finds them is shown on the opened recording, and that it sees everything, by finding the
sealed pieces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.system import memory, sealed, tracing, watching
from tests.system.gaps import felt_us, start_recording, wait_for_quiet
from tests.system.harness import body_camera, configuration, until
from tests.system.plaintext import in_the_clear, parameter_sets
from tests.waiting import DEADLINE

pytestmark = pytest.mark.system

KEPT_PICTURES = 100
"""More than three seconds of them: several fragments, and key frames as well as others."""
SMALL_BYTES = 64 * 1024
CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def mapped_for_writing(pid: int) -> list[str]:
    """Files that a process could write without a call that shows."""
    command = tracing.as_root("cat", f"/proc/{pid}/maps")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    maps = done.stdout
    shared = [line.split(maxsplit=5) for line in maps.splitlines() if " rw-s " in line]
    names = [fields[5] for fields in shared if len(fields) == 6]
    return [name for name in names if not name.startswith(("/memfd:", "/dev/", "anon_inode:"))]


def test_p4_no_write_of_any_process_has_footage_in_the_clear(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.touch()
    environment = {
        "CAMERAD_TEST_NOTES": str(notes),
        # All of every packet would be much for strace.
        "CAMERAD_TEST_NOTED_BYTES": str(memory.PIECE),
        "PYTHONPATH": str(Path(__file__).parent / "spy"),
    }
    config = configuration(tmp_path, "generic", pre_event={"seconds": 3})
    with body_camera(tmp_path, config, environment=environment) as camera:
        family = watching.family(camera.daemon_pid)
        assert len(family) >= 3, "controller, capture and self-view"
        with tracing.writes(family, tmp_path / "strace") as written:
            start_recording(camera)
            camera.press("main", 0.05)  # a mark
            # Of what is encoded from here on nothing is overwritten. Whoever is traced stops at
            # every write until the tracer has a processor, so that some pictures find no buffer.
            before = len(memory.pieces_of(notes))
            until(
                lambda: len(memory.pieces_of(notes)) > before + 1.2 * KEPT_PICTURES,
                DEADLINE,
                lambda: f"{KEPT_PICTURES} pictures are kept; it is {camera.state}",
            )
            for pid in watching.family(camera.daemon_pid):
                assert [n for n in mapped_for_writing(pid) if "board" not in n] == [], pid
            recording = camera.stop()
        kept = sealed.read(recording["path"])
        film = Path(sealed.opened(recording["path"], tmp_path))
        pieces = memory.pieces_of(notes) + parameter_sets(film)
        # The search finds what is there ...
        seen = set(in_the_clear(film.read_bytes(), pieces))
        assert len(seen.intersection(pieces[:-2])) > KEPT_PICTURES, "pieces of the pictures"
        assert seen.issuperset(pieces[-2:]), "parameter sets"
        assert {found[:4] for found in seen} >= {b"moof", b"mdat", b"moov", b"traf"}
        # ... and the trace shows all that went to the recording's file.
        stored = b"".join(w.data for w in written if w.target == recording["path"])
        assert kept.init in stored
        assert all(fragment in stored for fragment in kept.fragments)

        between_processes = re.compile(r"(socket|UNIX(-\w+)?):")
        # Not files: what goes from process to process; the test's own notes; frames in memory.
        for write in written:
            if between_processes.match(write.target) or write.target == str(notes):
                continue
            assert in_the_clear(write.data, pieces) == [], (write.pid, write.call, write.target)
        # Whatever else there is below the simulator's directory: the card, its configuration.
        for path in files_below(camera.state_dir):
            assert in_the_clear(path.read_bytes(), pieces) == [], path
        # And once more when everything is closed and the daemon has said its last.
    for path in [*files_below(camera.state_dir), camera.log]:
        assert in_the_clear(path.read_bytes(), pieces) == [], path


def test_p4_without_recipients_self_view_works_and_nothing_is_recorded(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", recipients=[], pre_event={"seconds": 2})
    with body_camera(tmp_path, config, ready=False) as camera:
        camera.wait(20, stage="idle", lights={"red": False, "green": False, "amber": True})
        state = camera.state
        assert state["conditions"] == ["no_recipients"] and not state["ready"]
        camera.press()
        camera.wait(stage="self_view", display=True)
        wait_for_quiet(camera)
        # Refused while the finger is still there, and felt.
        press = camera.press("main", 0.3)
        assert felt_us(camera, press["down_us"]) < press["up_us"]
        camera.press("display")
        camera.wait(stage="idle")
        camera.press("main", 1.3)
        assert camera.state["recording"] is None
        assert camera.state["stage"] == "idle"
        assert camera.recordings == []
    assert list((camera.state_dir / "camerad" / "recordings").iterdir()) == []


# ------------------------------------------------------------------------- opening it on the device


def key_bytes(text: str) -> bytes:
    """The 32 bytes of a key of age, public or private (Bech32, BIP 173)."""
    digits = text.lower().rpartition("1")[2][:-6]
    number = 0
    for digit in digits:
        number = number * 32 + CHARSET.index(digit)
    return (number >> (len(digits) * 5 - 256)).to_bytes(32, "big")


def readings(content: bytes) -> Iterator[bytes]:
    """A file as it is, and what stands in it as base64 or in hexadecimal."""
    yield content
    for word in re.findall(rb"[A-Za-z0-9+/_-]{20,}", content.replace(b"\n", b"")):
        plain = word.replace(b"-", b"+").replace(b"_", b"/")
        for cut in range(4):
            part = plain[cut:] if (len(plain) - cut) % 4 != 1 else plain[cut:-1]
            yield base64.b64decode(part + b"=" * (-len(part) % 4))
        try:
            yield binascii.unhexlify(word)
        except binascii.Error:
            continue


def holds_private_half(content: bytes, public: bytes) -> bool:
    """Whether any 32 bytes are the private half, or an Ed25519 seed that it was made from (as age
    does with keys of ssh: the first half of the seed's SHA-512)."""
    tried: set[bytes] = set()
    for reading in readings(content):
        tried |= {reading[at : at + 32] for at in range(len(reading) - 31)}
    for secret in tried:
        for scalar in (secret, hashlib.sha512(secret).digest()[:32]):
            key = X25519PrivateKey.from_private_bytes(scalar)
            if key.public_key().public_bytes_raw() == public:
                return True
    return False


def age_opens(identity: Path, fragment: Path) -> bool:
    command = ["age", "-d", "-i", str(identity), "-o", "/dev/null", str(fragment)]
    done = subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    return done.returncode == 0


def test_p4_the_device_with_every_file_it_has_cannot_open_its_own_recording(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        recording = camera.record(1)
    kept = sealed.read(recording["path"])
    assert kept.header["recipients"] == [sealed.recipient()]
    fragment = tmp_path / "fragment.age"
    fragment.write_bytes(kept.fragments[0])
    public = key_bytes(sealed.recipient())
    # The means are right: with the office's key each of them succeeds.
    assert age_opens(sealed.OFFICE, fragment)
    secret = key_bytes(sealed.OFFICE.read_text().split()[-1])
    assert holds_private_half(b"12345" + secret + b"67890", public)
    assert holds_private_half(b'{"k":"' + base64.b64encode(secret) + b'"}', public)
    assert holds_private_half(b"x " + secret.hex().encode() + b"\n", public)

    device = files_below(camera.state_dir)
    names = {
        path.relative_to(camera.state_dir / "camerad").as_posix()
        for path in device
        if path.is_relative_to(camera.state_dir / "camerad")
    }
    assert "identity.pem" in names and any(name.startswith("ledger/") for name in names)
    for path in device:
        content = path.read_bytes()
        if path.name == "reserve":
            # Room for the ledger on a full card: nothing but zeros.
            assert not any(content), path
            continue
        assert b"AGE-SECRET-KEY" not in content.upper(), path
        assert not age_opens(path, fragment), path
        if path.suffix == ".tar":
            # Of a recording the statements; what is sealed is as good as random.
            content = b"\n".join(c for name, c in sealed.members(path) if name.endswith(".jws"))
        assert len(content) <= SMALL_BYTES, f"{path} is too large to be tried as a whole"
        assert not holds_private_half(content, public), path
