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
    "behaviour/test_announcements.py::test_whatever_happens_what_is_said_is_true",
    "behaviour/test_battery.py::test_low_leaves_a_quarter_of_an_hour_of_recording",
    "behaviour/test_cue_queue.py::test_whatever_waits_and_whatever_cuts_it_short",
    "behaviour/test_gestures_machine.py",
    "behaviour/test_recovery_ladder.py::test_whatever_happens_one_process",
    "behaviour/test_scene.py::test_no_state_that_is_reached",
    "behaviour/test_shift.py::test_every_badge_can_be_read_back",
    "behaviour/test_shift.py::test_no_other_text_is_a_badge",
    "behaviour/test_signals_table.py",
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
    "cli/test_main.py",
    "cli/test_manipulated_card.py",
    "cli/test_manners.py",
    "cli/test_missing_recordings.py",
    "cli/test_named_by_links.py",
    "cli/test_office_cameras.py::test_what_keeps_a_camera",
    "cli/test_office_command.py",
    "cli/test_office_find.py::test_reindex_makes_it_anew",
    "cli/test_office_machine.py",
    "cli/test_office_report.py::test_a_changed_figure_is_found",
    "cli/test_office_report.py::test_a_report_is_a_page_a_table_and_a_signature",
    "cli/test_office_report.py::test_a_signature_of_somebody_else_is_none",
    "cli/test_office_report.py::test_an_earlier_report_stands",
    "cli/test_office_report.py::test_readings_that_came_later_are_a_remark",
    "cli/test_office_report.py::test_the_empty_form_is_one",
    "cli/test_office_report.py::test_the_same_period_gives_the_same_bytes",
    "cli/test_office_report.py::test_what_is_typed_in_is_marked",
    "cli/test_offload_command.py",
    "cli/test_provision_command.py::test_a_table_is_written",
    "cli/test_provision_command.py::test_twenty_cameras_have_their_files_at_once",
    "cli/test_provision_office_key.py",
    "cli/test_purge_safely.py::test_a_cameras_directory_that",
    "cli/test_purge_safely.py::test_a_ledger_that_nobody",
    "cli/test_purge_safely.py::test_what_is_lost_or_changed_is_told_by_each_purge",
    "cli/test_running_device.py",
    "cli/test_unreadable_office.py",
    "cli/test_vanished_parts.py",
    "cli/test_verify_docked.py",
    "cli/test_verify_office.py::test_a_devices_key_that_is_gone",
    "config/test_config_files.py::test_no_text_whatever_gives",
    "config/test_config_render.py::test_no_number_changes_on_its_way_through",
    "config/test_config_schema.py::test_loader_and_schema_have_the_same_bounds",
    "config/test_config_shipped.py",
    "container/test_text.py",
    "container/test_ustar.py",
    "control/test_dock_routes.py",
    "control/test_routes.py",
    "daemon/test_cue_player.py",
    "daemon/test_presentation.py",
    "desk/test_coming_in.py",
    "desk/test_desk_locks.py",
    "desk/test_openid_provider.py",
    "desk/test_rights.py",
    "desk/test_sign_in.py",
    "desk/test_viewings.py",
    "dock/test_dock_process.py",
    "dock/test_handover.py",
    "dock/test_interrupted_handover.py",
    "dock/test_month_without_office.py",
    "doctor/test_deadline.py",
    "doctor/test_documents.py::test_every_command_in_a_document",
    "doctor/test_hanging_card.py",
    "hardware/test_display.py",
    "hardware/test_pins.py",
    "image/",
    "index/test_answers.py::test_a_tombstone_that_is_long_ago_is_still_known",
    "index/test_answers.py::test_deleted_is_told_from",
    "index/test_answers.py::test_it_says_until_when_a_recording_is_held",
    "index/test_answers.py::test_it_says_what_the_listing_says",
    "index/test_answers.py::test_nothing_is_written_where_nothing_changed",
    "index/test_answers.py::test_two_who_keep_one_index_write_one_after_the_other",
    "index/test_answers.py::test_what_cannot_be_in_a_text",
    "index/test_damage.py::test_postgresql_that_is_away_is_asked_again",
    "index/test_damage.py::test_tables_of_another_version_are_made_anew",
    "index/test_same_answers.py",
    "index/test_tables.py",
    "ledger/test_ledger.py::test_an_epoch_with_many",
    "ledger/test_ledger_cut_short.py",
    "ledger/test_ledger_histories.py",
    "ledger/test_ledger_timeline.py::test_leaving_out_what_is_not_needed",
    "office/report/test_intervals.py::test_a_rate_s_interval",
    "office/report/test_intervals.py::test_a_share_s_interval",
    "office/report/test_ledger_tallies.py::test_what_somebody_was_given",
    "office/report/test_report_figures.py::test_o8_an_attacker_with_report",
    "office/report/test_report_figures.py::test_every_number_of_the_year_is_right",
    "office/report/test_report_figures.py::test_the_report_s_intervals",
    "office/report/test_report_figures.py::test_with_few_people_nothing_is_shown",
    "office/report/test_suppression.py::test_of_two_linked_rows",
    "office/test_cover_sheet.py",
    "office/test_decrypt.py",
    "office/test_export.py",
    "office/test_ledger_mirror.py",
    "office/test_offload.py",
    "office/test_remux.py",
    "provisioning/test_applying_crash.py",
    "provisioning/test_offered_settings_crash.py",
    "provisioning/test_real_card.py",
    "recording/test_audio_segmenter.py::test_every_moment_is_sound",
    "recording/test_container_writer.py::test_everything_committed_survives_sigkill",
    "recording/test_fragment_muxer.py",
    "recording/test_hour_of_sound.py",
    "recording/test_leftovers.py",
    "recording/test_recorder_sound.py::test_lost_sound_is_a_hole",
    "recording/test_recorder_sound.py::test_sound_and_picture_of_one_instant",
    "recording/test_segmenter.py",
    "recording/test_write_retry.py::test_a_card_that_comes",
    "selfview/",
    "store/test_holds_again.py",
    "store/test_identity.py",
    "store/test_repair_anywhere.py",
    "store/test_sparse.py::test_more_zeros_than_any_recorder",
    "store/test_store_intake.py",
    "stream/test_frame.py",
    "stream/test_link.py",
    "stream/test_link_sound.py",
    "stream/test_ring.py::test_each_of_three_readers",
    "stream/test_ring_model.py",
    "stream/test_wire.py",
    "systemd/",
    "test_architecture.py",
    "test_clapper.py",
    "test_conformance.py",
    "test_earlier_version.py",
    "test_leftovers.py",
    "test_named_tests.py",
    "update/test_offered_bundles.py::test_at_whatever_write_the_power",
    "vault/test_check_in_routes.py::test_so_many_are_named_at_once",
    "vault/test_check_in_routes.py::test_what_counts_for_nothing_is_refused",
    "vault/test_check_in_routes.py::test_what_the_office_lost_comes_again",
    "vault/test_copies_without_receipt.py",
    "vault/test_dock_routes.py",
    "vault/test_hung_second_copies.py",
    "vault/test_killed_server.py",
    "vault/test_ledger_copy.py",
    "vault/test_nonces.py",
    "vault/test_notice_channels.py",
    "vault/test_notice_delivery.py",
    "vault/test_office_metrics.py",
    "vault/test_office_server.py",
    "vault/test_office_settings.py",
    "vault/test_office_watch.py",
    "vault/test_office_work.py",
    "vault/test_openid_settings.py",
    "vault/test_periodic_work.py",
    "vault/test_same_ids.py",
    "vault/test_second_copies.py",
    "vault/test_second_copy_crash.py",
    "vault/test_second_copy_server.py",
    "vault/test_second_copy_settings.py",
    "vault/test_second_copy_stores.py",
    "vault/test_second_copy_years.py",
    "vault/test_settings_by_dock.py::test_what_an_office_s_server",
    "vault/test_several_servers.py::test_a_server_takes_other",
    "vault/test_several_servers.py::test_one_part_at_a_time",
    "vault/test_several_servers.py::test_one_upload_is_taken",
    "vault/test_strange_requests.py",
    "vault/test_takeover_crash.py",
    "vault/test_tombstones.py",
    "vault/test_update_by_dock.py::test_an_office_that_always",
    "vault/test_update_by_dock.py::test_it_goes_on_where",
    "vault/test_update_by_dock.py::test_what_is_refused_from",
    "vault/test_upload_routes.py",
    "vault/test_uploads.py",
    "vault/test_uploads_crash.py",
    "verify/test_audio_check.py::test_a_gap_explains_what",
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
