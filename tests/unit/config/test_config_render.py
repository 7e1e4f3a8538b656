"""The effective configuration can be read, and reads back to the same settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from camerad.behaviour.stages import Rules, Stage
from camerad.config import load, render
from camerad.config.controls import ButtonsEntry
from camerad.config.sections import ConfigFile, host_id

Write = Callable[..., Path]

FULL = """\
policy: nrw-ordnungsamt
device: {id: "007", state_dir: /tmp/state, socket_group: video}
pre_event: {seconds: 10, armed_in: [idle, self_view]}
retention: {days: 30}
camera: {width: 1920, height: 1080, encoder: software, key_interval_s: 0.5}
self_view: {timeout_seconds: 60, mirror: false, while_recording: false}
recording: {post_event_seconds: 2.5, reminder_seconds: 60}
announcements: {self_view: true, directory: /etc/camerad/voice, device: "plughw:1,0"}
buttons:
  trigger:
    gpio: 6
    active_low: false
    gestures:
      - {gesture: press, in: [idle, self_view, starting], intent: record}
      - {gesture: hold_press, seconds: 2.5, in: [recording], intent: stop}
lights: {red: {gpio: 9, active_high: false}}
signals: {detail: full}
microphone: {device: "plughw:CARD=mic", rate: 16000, bitrate: 32000, delay_ms: 40}
idle: {camera: encode}
battery: {power_supply: /tmp/power, low_minutes: 20, critical_percent: 5, recording_hours: 7.5}
thermal: {zone: /tmp/zone, firmware: /tmp/firmware, hot_celsius: 65}
access: {hand_over: [user:camerad-upload]}
office:
  url: https://office.example
  key: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo
  ca: |
    -----BEGIN CERTIFICATE-----
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    AAA=
    -----END CERTIFICATE-----
overrides:
  reason: "Trial: until June,\\nin Köln"
  authorised_by: E. Mustermann
"""


@pytest.mark.parametrize(
    "text",
    [
        "policy: bayern\n",
        "policy: generic\nbuttons: {preset: one-button}\nidle: {camera: none}\n",
        FULL,
    ],
)
def test_what_is_rendered_loads_to_the_same_settings(text: str, write: Write) -> None:
    path = write(text)
    before = load(path)
    path.write_text(render(before), encoding="utf-8")
    assert load(path) == before


def test_every_setting_that_there_is_is_shown(write: Write) -> None:
    settings = load(write(FULL))
    shown = yaml.safe_load(render(settings))
    types = get_type_hints(ConfigFile)
    assert set(shown) == set(types)
    for section, kind in types.items():
        # Presets of buttons are written out, and each button has a name of its own.
        if (
            not (isinstance(kind, type) and issubclass(kind, msgspec.Struct))
            or kind is ButtonsEntry
        ):
            continue
        effective = getattr(settings, section, None)
        for key in kind.__struct_fields__:
            # What is shown is what holds; only what is left open is left out.
            assert key in shown[section] or getattr(effective, key) is None, f"{section}.{key}"


@given(
    seconds=st.floats(0, 29),
    group=st.floats(0.5, 2),
    minutes=st.floats(2, 600),
    bitrate=st.integers(500_000, 8_000_000),
)
@example(seconds=0.000061, group=1.0, minutes=100.0, bitrate=500_000)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_number_changes_on_its_way_through_a_file(
    seconds: float, group: float, minutes: float, bitrate: int, write: Write
) -> None:
    # Six decimals are microseconds, the finest time that camerad knows.
    seconds, group, minutes = round(seconds, 6), round(group, 6), round(minutes, 6)
    path = write(
        f"policy: generic\npre_event: {{seconds: {seconds:.6f}}}\n"
        f"camera: {{key_interval_s: {group:.6f}, bitrate: {bitrate}}}\n"
        f"storage: {{low_minutes: {minutes:.6f}}}\n"
    )
    before = load(path)
    assert before.policy.pre_event.seconds == seconds
    assert before.camera.key_interval_s == group
    path.write_text(render(before), encoding="utf-8")
    assert load(path) == before


def test_the_head_says_where_the_policy_is_from_and_what_goes_beyond_it(write: Write) -> None:
    settings = load(write(FULL))
    head = [line for line in render(settings).splitlines() if line.startswith("#")]
    assert head == [
        "# Effective configuration of c.yaml",
        f"# Policy nrw-ordnungsamt: {settings.policy.title}",
        f"#   from {settings.policy.path}",
        "#   pre-event buffer at most 0 seconds, recordings with sound, stamp on, announcement on",
        "# Beyond the policy: pre_event.seconds: 10 seconds (allowed: no pre-event buffer)",
        "# Beyond the policy: pre_event.armed_in: idle, self_view (allowed: self_view)",
        "# Beyond the policy: retention.days: 30 days (allowed: at most 14 days)",
    ]


def test_the_stages_get_their_rules_from_the_settings(write: Write) -> None:
    assert load(write(FULL)).rules == Rules(
        armed_in=frozenset({Stage.IDLE, Stage.SELF_VIEW}),
        self_view_timeout_us=60_000_000,
        reminder_us=60_000_000,
        display_in_recording=False,
        may_mute=False,
        status_at_ready=True,
        post_event_us=2_500_000,
    )


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("camera-07.example.org", "camera-07"),
        ("localhost", "camera-1"),
        ("-odd-", "camera-1"),
        ("", "camera-1"),
    ],
)
def test_a_camera_without_an_id_has_its_hosts_name(
    host: str, name: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert host_id() == name
    assert load(write("policy: generic\n")).device.id == name
