"""What each part is told follows from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.base.clock import ManualClock
from camerad.config import load
from camerad.daemon.app import App
from camerad.hardware import from_settings
from camerad.hardware.lights import Output
from camerad.hardware.selfview_process import NoDisplay, SelfViewProcess
from camerad.selfview.viewer_settings import TEXTS


@pytest.mark.parametrize(("kind", "pitched"), [("passive", True), ("active", False)])
def test_only_a_passive_buzzer_is_driven_at_a_pitch(
    tmp_path: Path, kind: str, pitched: bool
) -> None:
    path = tmp_path / "camerad.yaml"
    path.write_text(f"policy: generic\nbuzzer: {{gpio: 12, active_high: false, kind: {kind}}}\n")
    *others, buzzer = from_settings.outputs(load(path))
    assert buzzer == Output("buzzer", 12, active_high=False, pitched=pitched)
    assert not any(output.pitched for output in others)


POLICY = """\
title: Ours
pre_event: {{max_seconds: 10, seconds: 5, sound: false, armed_in: [self_view]}}
retention: {{days: 20}}
sound: true
stamp: {stamp}
announcement: false
"""


@pytest.mark.parametrize(("stamp", "told"), [("true", {"device": "camera-07"}), ("false", None)])
def test_the_policy_says_whether_pictures_are_stamped(
    tmp_path: Path, stamp: str, told: object
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ours.yaml").write_text(POLICY.format(stamp=stamp))
    path = tmp_path / "camerad.yaml"
    path.write_text("policy: ours\ndevice: {id: camera-07}\n")
    assert from_settings.capture(load(path))["stamp"] == told


@pytest.mark.parametrize(("driver", "kind"), [("fbdev", SelfViewProcess), ("none", NoDisplay)])
def test_a_camera_without_a_display_runs_no_process_for_one(
    tmp_path: Path, driver: str, kind: type
) -> None:
    path = tmp_path / "camerad.yaml"
    path.write_text(f"policy: generic\nself_view: {{driver: {driver}}}\n")
    assert type(App(load(path), ManualClock(0))._make_display(0)) is kind


def test_the_display_is_told_its_texts_in_the_configured_language(tmp_path: Path) -> None:
    path = tmp_path / "camerad.yaml"
    path.write_text("policy: generic\nself_view: {language: en}\n")
    told = from_settings.self_view(load(path))
    assert told["texts"]["recording"] == "RECORDING"
    assert set(told["texts"]) == TEXTS
