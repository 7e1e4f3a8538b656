"""Which unit tests are not traced for coverage, and the examples that `make campaign` looks for.

Of properties it tries others with every seed, and more. In every other run they are the same
(pyproject.toml). How long one takes is no finding in either.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

import pytest
from coverage import Coverage
from hypothesis import settings
from recorder_bench import DEADLINE, Bench

settings.register_profile(
    "campaign", settings.get_profile("ci"), derandomize=False, max_examples=500
)

UNTRACED: Final = (
    "base/test_journal.py",
    "behaviour/test_cue_queue.py::test_whatever_waits_and_whatever_cuts_it_short",
    "behaviour/test_gestures_machine.py",
    "behaviour/test_scene.py::test_no_state_that_is_reached",
    "behaviour/test_shift.py::test_every_badge_can_be_read_back",
    "behaviour/test_stages_machine.py",
    "behaviour/test_stages_promises.py",
    "campaign/",
    "capture/",
    "cli/test_camera_holds.py",
    "cli/test_causes.py",
    "cli/test_evidence_command.py",
    "cli/test_evidence_list.py",
    "cli/test_evidence_one.py",
    "cli/test_evidence_opening.py",
    "cli/test_keys_command.py",
    "cli/test_manipulated_card.py",
    "cli/test_manners.py",
    "cli/test_missing_recordings.py",
    "cli/test_named_by_links.py",
    "cli/test_office_command.py",
    "cli/test_office_machine.py",
    "cli/test_provision_office_key.py",
    "cli/test_unreadable_office.py",
    "cli/test_vanished_parts.py",
    "config/test_config_shipped.py",
    "dock/test_interrupted_handover.py",
    "dock/test_month_without_office.py",
    "hardware/test_display.py",
    "image/",
    "index/test_same_answers.py",
    "ledger/test_ledger_cut_short.py",
    "ledger/test_ledger_histories.py",
    "office/test_cover_sheet.py",
    "office/test_decrypt.py",
    "office/test_ledger_mirror.py",
    "office/report/test_report_figures.py::test_the_report_s_intervals_cover_the_truth",
    "office/report/test_report_figures.py::test_with_few_people_nothing_is_shown",
    "office/test_offload.py",
    "provisioning/test_applying_crash.py",
    "recording/test_hour_of_sound.py",
    "selfview/",
    "store/test_repair_anywhere.py",
    "store/test_retention_years.py",
    "stream/test_link.py",
    "stream/test_link_sound.py",
    "stream/test_ring_model.py",
    "stream/test_wire.py",
    "systemd/",
    "test_architecture.py",
    "test_clapper.py",
    "test_leftovers.py",
    "vault/test_killed_server.py",
    "vault/test_nonces.py",
    "vault/test_notice_channels.py",
    "vault/test_notice_delivery.py",
    "vault/test_office_metrics.py",
    "vault/test_office_server.py",
    "vault/test_office_watch.py",
    "vault/test_office_work.py",
    "vault/test_periodic_work.py",
    "vault/test_second_copy_server.py",
    "vault/test_second_copy_stores.py",
    "vault/test_second_copy_years.py",
    "vault/test_strange_requests.py",
    "vault/test_takeover_crash.py",
    "vault/test_upload_routes.py",
    "vault/test_uploads_crash.py",
    "verify/test_checker.py",
    "verify/test_judge.py",
    "verify/test_verify_fuzz.py",
)
"""What covers no more of what has to be covered than the other tests do: tests of other modules,
tests with a process that has to answer in time, and tests that try every length of something, or
hundreds of examples. Being traced makes a test two to three times as slow."""
_UNTRACED: Final = tuple(f"tests/unit/{name}" for name in UNTRACED)


@contextmanager
def _untraced() -> Iterator[None]:
    """Have coverage pause. A worker of pytest-xdist has two of them (pytest-cov 7.1.0), and when
    one stops the other one goes on."""
    paused = []
    while (tracing := Coverage.current()) is not None:
        tracing.stop()
        paused.append(tracing)
    try:
        yield
    finally:
        for tracing in reversed(paused):
            tracing.start()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[object]:
    """Import what is covered, and have coverage pause while thousands of tests are collected: that
    is a third of what it takes then."""
    tracing = Coverage.current()
    if tracing is not None and not session.config.pluginmanager.has_plugin("dsession"):
        for name in tracing.get_option("run:source_pkgs"):
            module = importlib.import_module(name)
            for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
                importlib.import_module(found.name)
    with _untraced():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Have coverage pause in the tests of `UNTRACED` and in their fixtures. (pytest-cov's marker
    `no_cover` leaves the fixtures traced.)"""
    with _untraced() if item.nodeid.startswith(_UNTRACED) else nullcontext():
        return (yield)


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(str(tmp_path))
    yield made
    if made.recorder is not None:
        made.recorder.stop(0, 0)
        assert made.recorder.join(DEADLINE)
