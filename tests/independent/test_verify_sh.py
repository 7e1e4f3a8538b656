"""A shell script written by docs/evidence-format.md alone comes to the same result as camerad."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from evidence_helpers import decoded, expected
from sealed_helpers import (
    KEY,
    KEYS,
    Made,
    altered,
    flipped,
    made,
    office,
    pack,
    signed,
    some_closing,
    without,
)

from camerad.evidence.keys import SigningKey
from camerad.evidence.verify import verify
from tests.tamper.recordings import FAMILIES, recordings

SCRIPT = Path(__file__).with_name("verify.sh")
TOOLS = ("tar", "openssl", "sha256sum", "jq", "age", "ffmpeg", "ffprobe")
DEADLINE_S = 120
NAME = "20261124T153000Z-000001-00000001.tar"

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS),
    reason=f"one of {', '.join(TOOLS)} is not installed",
)


class Expert:
    """Somebody with the script, the device's public key and, if asked, the office's private one."""

    def __init__(self, directory: Path) -> None:
        self.recording = directory / NAME
        self.key = directory / "device.pem"
        self.key.write_text(KEY.public.pem)
        self.identity = directory / "office.txt"
        self.identity.write_text(f"# the office's key\n{office()}\n")
        self.output = directory / "opened.mp4"
        self.said = ""

    def checks(self, data: bytes, *, opens: bool = False) -> int:
        self.recording.write_bytes(data)
        command = ["sh", str(SCRIPT), str(self.recording), str(self.key)]
        if opens:
            command += [str(self.identity), str(self.output)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        self.said = done.stdout + done.stderr
        return done.returncode


@pytest.fixture
def expert(tmp_path: Path) -> Expert:
    return Expert(tmp_path)


@pytest.mark.parametrize(
    ("recording", "code", "words"),
    [
        (made(), 0, "authentic and complete"),
        (made(torn=b"x" * 700), 1, "closed by repair"),
        (made("IPPPPPPPPP....PPPPPP" + " " * 60 + "IPPPPPPPPP"), 1, "with gaps"),
    ],
    ids=["complete", "repaired", "with gaps"],
)
def test_it_checks_and_opens_a_recording(
    expert: Expert, recording: Made, code: int, words: str
) -> None:
    assert expert.checks(recording.file, opens=True) == code, expert.said
    assert words in expert.said
    shown = [number for _, number in decoded(str(expert.output))]
    assert shown == [number for _, number in expected(recording.numbers)]
    assert verify(str(expert.recording), KEYS).verdict == code


def test_a_recording_without_footage_is_complete(expert: Expert) -> None:
    closing = some_closing(0, made().header.origin_us)
    header, _, end = signed(made().header, [b"init"], [], closing)
    assert expert.checks(pack([header, end])) == 0, expert.said


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            pack(altered(made().members, "000002.m4s.age", lambda old: flipped(old, 300))),
            "000002.m4s.age has other bytes",
        ),
        (
            pack(altered(made().members, "000002.jws", lambda old: flipped(old, 300))),
            "000002.jws",
        ),
        (pack(without(made().members, "000003.m4s.age", "000003.jws")), "members"),
        (pack(without(made().members, "end.jws")), "end.jws"),
        (made().file[:-3000], "NOT AUTHENTIC"),
        (flipped(made().file, 120), "archive"),
        (made().file + b"\0", "archive"),
    ],
    ids=["fragment", "commit", "dropped", "without end", "cut", "archive header", "longer"],
)
def test_it_finds_and_names_damage(expert: Expert, data: bytes, words: str) -> None:
    assert expert.checks(data, opens=True) == 2, expert.said
    assert words in expert.said
    assert not expert.output.exists()


@pytest.mark.parametrize("data", [b"", b"hello", bytes(4096), pack([("other.txt", b"x")])])
def test_what_is_no_recording_is_unreadable(expert: Expert, data: bytes) -> None:
    assert expert.checks(data) == 3, expert.said


def test_another_key_proves_nothing(expert: Expert) -> None:
    expert.key.write_text(SigningKey.generate().public.pem)
    assert expert.checks(made().file) == 2
    assert KEY.public.thumbprint in expert.said
    expert.key.write_text("hello")
    assert expert.checks(made().file) == 3


def test_another_office_cannot_open_it(expert: Expert) -> None:
    from pyrage import x25519

    expert.identity.write_text(f"{x25519.Identity.generate()}\n")
    assert expert.checks(made().file, opens=True) == 3
    assert not expert.output.exists()


@pytest.mark.parametrize("family", FAMILIES)
def test_it_finds_what_the_tamper_campaign_does(expert: Expert, family: str) -> None:
    """A few of each family: each takes some hundred milliseconds here."""
    chance = random.Random(family)
    one, other, *_ = recordings()
    every = list(FAMILIES[family](one, other, chance))
    for mutation in chance.sample(every, 4):
        code = expert.checks(mutation.data)
        ours = verify(str(expert.recording), KEYS).verdict
        assert code in (2, 3), f"{mutation.what}: {expert.said}"
        assert ours in (2, 3)
