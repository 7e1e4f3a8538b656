"""In which order tests come, so that no processor waits for another in the end.

pytest-xdist's `worksteal` gives each worker a stretch of the list, all of the same number of tests,
and takes from the end of what another one has left. So what takes long is dealt out to all of them
and stands at the beginning of a stretch: in the end only short tests are left to be shared. What
stands at the beginning is not taken away, so tests that share something expensive stay together.
"""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

TOGETHER: Final = (
    "tests/unit/behaviour/test_stages_promises.py",
    "tests/unit/test_leftovers.py",
    "tests/unit/cli/test_keys_command.py",
    "tests/unit/image/test_check_units.py",
    "tests/unit/image/test_confined.py",
    "tests/unit/office/server/test_several_servers.py",
    "tests/system/test_doctor.py",
    "tests/browser/test_page.py",
    "tests/browser/test_training.py",
)
"""Files whose tests share what takes long to make; one worker makes it once."""
LONGEST: Final = (
    "tests/crash/test_states.py",
    "tests/crash/test_table.py",
    "tests/crash/test_fleet.py",
    "tests/system/test_sound.py::test_lips",
    "tests/system/test_real_card.py::test_a_recording_that_fills",
    "tests/unit/behaviour/test_stages_promises.py",
    "tests/system/test_presses.py",
    "tests/system/test_kills.py",
    "tests/system/test_fault_campaign.py",
    "tests/system/test_display_faults.py",
    "tests/system/test_disk_faults.py",
    "tests/system/test_three_stages.py",
    "tests/system/test_clock.py::test_a_clock_that_jumps",
    "tests/browser/test_training.py",
    "tests/browser/test_page.py",
    "tests/browser/test_office_day.py",
    "tests/system/test_doctor.py",
    "tests/system/test_real_card.py",
    "tests/system/test_sound.py",
    "tests/system/test_dock.py",
    "tests/system/test_no_plaintext.py",
    "tests/system/test_service_manager.py",
    "tests/system/test_privacy.py",
    "tests/system/test_capture_faults.py",
    "tests/unit/office/server/test_several_servers.py",
    "tests/unit/test_leftovers.py",
    "tests/unit/cli/test_keys_command.py",
    "tests/unit/doctor/test_hanging_card.py",
    "tests/unit/image/test_confined.py",
    "tests/unit/image/test_check_units.py",
    "tests/unit/image/test_dock.py::test_the_dock_comes",
    "tests/unit/image/test_update_trial.py",
    "tests/unit/hardware/test_display.py::test_a_process_that_loads_slowly",
    "tests/unit/store/test_retention_years.py",
    "tests/unit/recording/test_hour_of_sound.py",
)
"""Files, and tests by the beginning of their name; the longest first."""


class _Named(Protocol):
    nodeid: str


_Test = TypeVar("_Test", bound=_Named)


def dealt(items: list[_Test], workers: int) -> list[_Test]:
    """The tests in the order in which they are best shared out among so many."""
    long: dict[tuple[int, str], list[_Test]] = {}
    short = []
    for item in items:
        which = next((at for at, name in enumerate(LONGEST) if item.nodeid.startswith(name)), None)
        if which is None:
            short.append(item)
        else:
            alone = "" if item.nodeid.startswith(TOGETHER) else item.nodeid
            long.setdefault((which, alone), []).append(item)
    heads: list[list[_Test]] = [[] for _ in range(workers)]
    for at, (_, tests) in enumerate(sorted(long.items(), key=lambda one: one[0][0])):
        # There and back: who has the longest has the shortest too.
        turn, place = divmod(at, workers)
        heads[workers - 1 - place if turn % 2 else place] += tests
    ordered: list[_Test] = []
    for at, head in enumerate(heads):
        # As `worksteal` counts.
        size = (len(items) - len(ordered)) // (workers - at)
        room = max(size - len(head), 0)
        ordered += head + short[:room]
        del short[:room]
    return ordered + short
