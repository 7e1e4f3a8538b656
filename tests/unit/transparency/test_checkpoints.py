"""Checkpoints and cosignatures as C2SP writes them."""

from __future__ import annotations

import base64

import pytest

from camerad.container.keys import SigningKey
from camerad.transparency import checkpoints
from camerad.transparency.checkpoints import LOG, WITNESS, Checkpoint, NoteError, NoteKey

KEY = SigningKey.generate()
CHECKPOINT = Checkpoint("example.com/log", 7, bytes(32))
OWN = NoteKey("example.com/log", LOG, KEY.public)
SIGNED = str(checkpoints.sign(KEY, CHECKPOINT))


def test_a_key_is_written_and_named_as_in_signed_note() -> None:
    """The example of C2SP signed-note, section Verifier keys, with its signature."""
    text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    key = NoteKey.parse(text)
    assert (str(key), key.key_id.hex()) == (text, "530d903a")
    raw = base64.b64decode(
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    )
    assert raw[:4] == key.key_id
    assert key.key.verify(raw[4:], b"This is an example message.\n")


def test_a_checkpoint_reads_as_it_was_written() -> None:
    witness = SigningKey.generate()
    line = checkpoints.cosign(witness, "witness/1", CHECKPOINT, 1_679_315_147)
    note = checkpoints.parse(str(checkpoints.sign(KEY, CHECKPOINT).with_lines([line])))
    assert note.checkpoint == CHECKPOINT and OWN.find(note) is not None
    found = NoteKey("witness/1", WITNESS, witness.public).find(note)
    assert found == line and checkpoints.cosigned_at(line) == 1_679_315_147
    # As tlog-cosignature has it: two lines, then the checkpoint.
    assert witness.public.verify(
        line.signature[8:], b"cosignature/v1\ntime 1679315147\n" + CHECKPOINT.text.encode()
    )
    assert NoteKey("witness/2", WITNESS, witness.public).find(note) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n7\n", "\n07\n"),
        ("\n7\n", "\n-7\n"),
        ("\n7\n", "\n7\n7\n"),
        ("\n\n", "\n"),
        ("example.com/log\n", "\n"),
        ("AAAA=", "AAAB="),
        ("— ", "- "),
        ("— ", "— a AAAA\n— "),
        ("— ", "— a AAAAAAAA\n" * 6000 + "— "),
        ("=\n\n", "=\n\n "),
    ],
)
def test_what_is_not_in_its_one_spelling_is_no_checkpoint(old: str, new: str) -> None:
    assert old in SIGNED
    for text in (SIGNED.replace(old, new, 1), SIGNED[:-1], SIGNED + " ", ""):
        with pytest.raises(NoteError):
            checkpoints.parse(text)


@pytest.mark.parametrize("changed", [("\n7\n", "\n8\n"), ("AAAA=", "AEAA=")])
def test_a_changed_checkpoint_is_not_signed(changed: tuple[str, str]) -> None:
    note = checkpoints.parse(SIGNED.replace(*changed))
    with pytest.raises(NoteError, match="is wrong"):
        OWN.find(note)


@pytest.mark.parametrize(
    ("old", "new"),
    [("example.com/log", "example.com/other"), ("+", " "), ("+", "+0"), ("log+", "+")],
)
def test_what_is_no_key_of_a_log_or_witness_is_refused(old: str, new: str) -> None:
    for text in (
        str(OWN).replace(old, new, 1),
        str(OWN)[:-4],
        "",
        str(NoteKey("a", 2, KEY.public)),
    ):
        with pytest.raises(NoteError):
            NoteKey.parse(text)
