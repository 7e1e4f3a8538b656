"""A camera's life with updates, from one start to the next: there and back, whatever is tried.

RAUC installs bundles of its format verity through dm-verity, slots are checked while they are read,
autoboot.txt lies on FAT. Each start is a machine of its own, which knows only its card.
"""

from __future__ import annotations

from pathlib import Path

from tests.updates import card, pki
from tests.updates.card import System
from tests.updates.story import (
    NEW,
    NEWER,
    NOT_NOW,
    OLD,
    REBOOT,
    RECORDING,
    REFUSED,
    TRY,
    WORN,
    Story,
    install,
)


def test_there_and_back_and_never_without_a_system_that_works(tmp_path: Path) -> None:
    story = Story(tmp_path)
    old, new = story.bundle("old", System(OLD)), story.bundle("new", System(NEW))
    stranger = pki.make(tmp_path / "stranger").signer
    below = story.bundle("below", System("0.0.9-20251231000000"))
    another = story.bundle("another", System(NEW, image="camerad-raspios-4"))
    forged = story.bundle("forged", System(NEW), stranger)
    whole = (story.scratch / "new.raucb").read_bytes()
    (story.scratch / "half.raucb").write_bytes(whole[: len(whole) // 2])
    half = new.replace("new.raucb", "half.raucb")

    # Nothing of this is installed, and it says why by its exit code; then one is.
    first = story.start(
        install(forged),
        install(half),
        install(below),
        install(another),
        install(new, camera=WORN),
        install(new, camera=RECORDING),
        install(new),
        TRY,
    )
    assert (first.slot, first.told("up")["version"]) == ("A", OLD)
    assert [code for what, code in first.codes if what == "install"] == [
        *(REFUSED, REFUSED, REFUSED, REFUSED, NOT_NOW, NOT_NOW, 0)
    ]
    assert first.next == "tryboot"
    assert card.firmware(story.disk).slot == "A", "nothing but a trial changes that"

    # It works, and the stick with the former one is put in.
    second = story.start(install(new), install(old), TRY, tryboot=True)
    assert (second.slot, second.told("up")["version"]) == ("B", NEW)
    assert second.told("confirm")["out"] == "confirmed"
    assert [code for what, code in second.codes if what == "install"] == [REFUSED, 0]
    assert card.firmware(story.disk).slot == "B"
    third = story.start(tryboot=second.next == "tryboot")
    assert (third.slot, third.told("up")["version"]) == ("A", OLD)
    assert third.told("confirm")["out"] == "confirmed"
    assert card.firmware(story.disk).slot == "A"


def test_what_does_not_work_falls_back_by_itself(tmp_path: Path) -> None:
    story = Story(tmp_path)
    hangs = story.bundle("hangs", System(NEW, "hangs"))
    silent = story.bundle("silent", System(NEWER, "never-ready"))

    assert story.start(install(hangs), TRY).next == "tryboot"
    assert story.start(tryboot=True).next == "reset"
    # The stick is still there.
    after = story.start(install(hangs), install(silent), TRY)
    assert (after.slot, after.told("up")["version"]) == ("A", OLD)
    assert after.told("boot")["out"] == "fell_back"
    assert [code for what, code in after.codes if what == "install"] == [REFUSED, 0]

    trial = story.start(tryboot=after.next == "tryboot")
    assert (trial.slot, trial.told("up")["version"]) == ("B", NEWER)
    assert (trial.told("confirm")["code"], trial.next) == (REBOOT, "reboot")
    last = story.start({"do": "status"})
    assert last.slot == "A"
    assert last.told("boot")["out"] == "fell_back"
    assert "fell_back" in last.told("status")["out"]
