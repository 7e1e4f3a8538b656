"""A verifier written by evidence-format.md and ledger-format.md alone checks what camerad makes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_helpers import decoded, expected
from sealed_helpers import KEY, Made, altered, flipped, made, office, pack, without

from camerad.container.keys import SigningKey

VERIFIER = Path(__file__).with_name("verifier.py")
NAME = "20261124T153000Z-000001-00000001.tar"
OPENS = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("age", "ffmpeg")),
    reason="age or ffmpeg is not installed",
)


class Expert:
    """Has the verifier, the device's public key and, if asked, the office's private one."""

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
        command = [sys.executable, str(VERIFIER), "--key", str(self.key), str(self.recording)]
        command += ["--open", str(self.identity), str(self.output)] if opens else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        self.said = done.stdout + done.stderr
        return done.returncode


@pytest.fixture
def expert(tmp_path: Path) -> Expert:
    return Expert(tmp_path)


def test_it_imports_nothing_of_camerad() -> None:
    for file in VERIFIER.parent.glob("verifier*.py"):
        lines = file.read_text().splitlines()
        imports = [line for line in lines if line.startswith(("import ", "from "))]
        assert imports
        assert not [line for line in imports if "camerad" in line]


@OPENS
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


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            pack(altered(made().members, "000002.m4s.age", lambda old: flipped(old, 300))),
            "000002.m4s.age has other bytes",
        ),
        (pack(altered(made().members, "000002.jws", lambda old: flipped(old, 300))), "000002.jws"),
        (pack(without(made().members, "000003.m4s.age", "000003.jws")), "000004.m4s.age"),
        (pack(without(made().members, "end.jws")), "no end"),
        (made().file[:-3000], "NOT AUTHENTIC"),
        (flipped(made().file, 120), "archive"),
        (made().file + b"\0", "1,024 bytes"),
    ],
    ids=["fragment", "commit", "dropped", "without end", "cut", "archive header", "longer"],
)
def test_it_finds_and_names_damage_and_opens_nothing(
    expert: Expert, data: bytes, words: str
) -> None:
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


def test_what_is_no_key_is_wrong_usage(expert: Expert) -> None:
    expert.key.write_text("hello")
    assert expert.checks(made().file) == 64


@OPENS
def test_another_office_cannot_open_it(expert: Expert) -> None:
    from pyrage import x25519

    expert.identity.write_text(f"{x25519.Identity.generate()}\n")
    assert expert.checks(made().file, opens=True) == 3
    assert not expert.output.exists()
