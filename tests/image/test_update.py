"""A whole image is updated by sticks, there and back, by the real units, whatever is on a stick."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from camerad.ledger import log_segments
from camerad.store import identity
from camerad_image import layout
from tests.image.life import Start
from tests.image.releases import HANGS, SILENT
from tests.image.updated import SERVER, Updated, live

BASE = os.environ.get("CAMERAD_IMAGE_BASE")

pytestmark = [
    pytest.mark.skipif(
        BASE is None, reason="CAMERAD_IMAGE_BASE names no packages: make image-test"
    ),
    # The first of them waits for all that the guest does.
    pytest.mark.timeout(14_400),
]
DONE = "success 0"
REFUSED = "exit-code 78"
NOT_NOW = "exit-code 75"


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Updated:
    assert BASE is not None
    return live(Path(BASE).resolve(), tmp_path_factory.mktemp("updated"))


def system(start: Start) -> tuple[str, str]:
    """Slot and version that ran; nothing else in there had failed, and its root was checked."""
    found = start.came_up()
    assert re.match(r"0 \d+ verity 1 ", found["root"])
    return found["slot"][0], found["version"][0]


def ended(start: Start, stick: str) -> list[str]:
    found: list[str] = start.found["sticks"][stick]["ended"]
    return found


def test_a_stick_takes_the_camera_to_the_next_release_and_another_one_back(
    updated: Updated,
) -> None:
    old, new = updated.versions["old"], updated.versions["new"]
    assert system(updated.there) == ("A", old)
    assert updated.unplugged.ended.tryboot
    assert system(updated.back) == ("B", new)
    assert (updated.back.found["before"], updated.back.found["phase"]) == ("trying", "confirmed")
    assert updated.back.ended.tryboot
    assert system(updated.kept) == ("A", old)
    assert (updated.kept.found["before"], updated.kept.found["phase"]) == ("trying", "confirmed")


def test_what_starts_by_default_changes_only_once_a_system_has_shown_that_it_works(
    updated: Updated,
) -> None:
    a, b = layout.BOOT_A.number, layout.BOOT_B.number
    # While it is tried, and where it was not, the other one does; then it is the new one, and the
    # old one after that.
    assert updated.primaries == [a, a, a, b, a, a, a, a]


def test_a_bundle_that_is_not_for_this_camera_changes_nothing(updated: Updated) -> None:
    for stick in ("stranger", "half", "below"):
        assert ended(updated.there, stick) == [REFUSED], stick
        assert updated.there.found["sticks"][stick]["phase"] == "idle"
    assert ended(updated.back, "same") == [REFUSED]


def test_in_its_dock_the_camera_asks_the_servers_of_its_office_for_the_time(
    updated: Updated,
) -> None:
    for start in (updated.there, updated.last):
        assert start.found["servers"].split() == [SERVER]


def test_a_camera_that_is_worn_is_not_updated(updated: Updated) -> None:
    assert ended(updated.there, "worn") == [NOT_NOW]


def test_an_update_whose_trial_the_power_was_lost_before_is_begun_again_only_where_it_is_wanted(
    updated: Updated,
) -> None:
    assert updated.there.ended.tryboot
    assert system(updated.unplugged) == ("A", updated.versions["old"])
    assert updated.unplugged.found["phase"] == "fell_back"
    # The stick is still there, and is not taken for another update.
    assert ended(updated.unplugged, "vain") == [REFUSED]
    # Now somebody has made /run/camerad-update-again.
    assert ended(updated.unplugged, "late") == [DONE]


def test_a_trial_that_could_not_begin_begins_once_the_camera_is_in_its_dock_again(
    updated: Updated,
) -> None:
    assert updated.unplugged.found["sticks"]["late"]["phase"] == "to_try"
    assert "because it is not in its dock" in updated.back.before
    # Worn, it was looked at and let be.
    assert updated.unplugged.found["worn"] == "to_try"
    assert "Starting camerad-update-try.service" in updated.back.before
    assert updated.unplugged.ended.tryboot
    assert updated.back.found["before"] == "trying"


def test_a_system_whose_systemd_stands_still_is_reset_and_the_one_before_goes_on(
    updated: Updated,
) -> None:
    assert updated.kept.ended.tryboot
    assert updated.hung.reason == "watchdog"
    assert system(updated.after_hung) == ("A", updated.versions["old"])
    assert updated.after_hung.found["phase"] == "fell_back"
    assert HANGS in updated.after_hung.found["said"]
    # The stick is still there, and is not taken for another update.
    assert ended(updated.after_hung, "again") == [REFUSED]


def test_a_system_whose_daemon_never_answers_gives_way_to_the_one_before(updated: Updated) -> None:
    assert updated.after_hung.ended.tryboot
    assert updated.silent.reason == "guest-reset"
    assert not updated.silent.tryboot
    assert "its daemon does not answer" in updated.last.before
    assert system(updated.last) == ("A", updated.versions["old"])
    assert updated.last.found["phase"] == "fell_back"


def test_what_was_recorded_before_is_there_after_all_of_it_and_authentic(updated: Updated) -> None:
    starts = (
        updated.there,
        updated.unplugged,
        updated.back,
        updated.kept,
        updated.after_hung,
        updated.last,
    )
    recorded = [start.found["evidence"] for start in starts]
    assert len(recorded[0]) == 1
    assert recorded == [recorded[0]] * len(recorded)
    key = updated.card.get(
        layout.COMMON, "camerad-device.pem", updated.folder / "camerad-device.pem"
    )
    words = ["evidence", "verify", updated.data / "camerad", "--key", key]
    checked = subprocess.run(
        [sys.executable, "-m", "camerad", *words], capture_output=True, text=True, check=False
    )
    # 1: authentic, with remarks. Where processors are emulated, pictures are late.
    assert checked.returncode in (0, 1), checked.stdout + checked.stderr


def test_the_ledger_says_what_became_of_each_update(updated: Updated) -> None:
    state = updated.data / "camerad"
    ledger, keys = str(state / "ledger"), identity.key_ring(str(state))
    told = []
    for number in sorted(log_segments.list_files(ledger).epochs):
        content = log_segments.read_file(ledger, log_segments.epoch_name(number))
        for _, entry in log_segments.read_epoch(None, number, content, keys).entries:
            if entry.kind == "updated":
                told.append((entry.facts.outcome, entry.facts.version, entry.facts.slot))
    old, new = updated.versions["old"], updated.versions["new"]
    assert told == [
        ("to_try", new, "B"),
        ("fell_back", new, "B"),
        ("to_try", new, "B"),
        ("confirmed", new, "B"),
        ("to_try", old, "A"),
        ("confirmed", old, "A"),
        ("to_try", HANGS, "B"),
        ("fell_back", HANGS, "B"),
        ("to_try", SILENT, "B"),
        ("fell_back", SILENT, "B"),
    ]
