"""The announcements that come with camerad say what their wording says."""

from __future__ import annotations

import array
import wave
from pathlib import Path

import pytest

from camerad.behaviour.announcements import Announcement
from camerad.config import load
from camerad.hardware import from_settings
from camerad.hardware.speaker import clips

FOLDER = Path(__file__).parents[3] / "config" / "announcements"
LANGUAGES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def wording(language: str) -> dict[str, str]:
    lines = (FOLDER / language / "wording.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def comment(path: Path) -> str:
    """The text of the WAV file's INFO chunk ICMT (RIFF, Multimedia Programming Interface 1.0)."""
    content = path.read_bytes()
    at = content.index(b"ICMT") + 4
    length = int.from_bytes(content[at : at + 4], "little")
    return content[at + 4 : at + 4 + length].rstrip(b"\0").decode()


def test_there_is_german_and_english() -> None:
    assert LANGUAGES == ["de", "en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_announcement_has_a_sentence_and_a_file_made_from_it(language: str) -> None:
    sentences = wording(language)
    assert list(sentences) == [what.value for what in Announcement]
    for name, sentence in sentences.items():
        path = FOLDER / language / f"{name}.wav"
        assert comment(path) == sentence, f"{path} says something else: run make announcements"
    files = {path.stem for path in (FOLDER / language).glob("*.wav")}
    assert files == set(sentences)


def test_the_page_for_officers_has_every_sentence() -> None:
    page = (FOLDER.parents[1] / "docs" / "signals.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if ".wav` |" in line]
    german, english = wording("de"), wording("en")
    assert [(row[0], row[2], row[3]) for row in rows] == [
        (f"`{name}.wav`", german[name], english[name]) for name in german
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", Announcement)
def test_each_file_is_short_loud_and_not_overdriven(language: str, what: Announcement) -> None:
    with wave.open(str(FOLDER / language / f"{what.value}.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        samples = array.array("h", file.readframes(file.getnframes()))
    assert 1 < len(samples) / 16_000 < 8
    peak = max(abs(sample) for sample in samples)
    # At most -1 dB of full scale, and not less than -10 dB.
    assert 10_000 < peak < 29_300
    # Begins and ends with speech, not with a pause of more than half a second.
    spoken = [index for index, sample in enumerate(samples) if abs(sample) > peak / 20]
    assert spoken[0] < 8_000 and len(samples) - spoken[-1] < 8_000


def test_the_configuration_chooses_the_language_and_the_office_s_own_directory(
    tmp_path: Path,
) -> None:
    config = tmp_path / "camerad.yaml"
    config.write_text("policy: generic\n")
    assert clips(from_settings.announcements(load(config)))[Announcement.ENDED].path == (
        FOLDER / "de" / "ended.wav"
    )
    own = tmp_path / "own"
    own.mkdir()
    mine = own / "ended.wav"
    mine.write_bytes((FOLDER / "en" / "ended.wav").read_bytes())
    config.write_text(
        f"policy: generic\nannouncements: {{language: en, directory: {own}, device: 'hw:1'}}\n"
    )
    found = clips(from_settings.announcements(load(config)))
    assert found[Announcement.ENDED].path == mine
    assert found[Announcement.MUTED].path == FOLDER / "en" / "muted.wav"
