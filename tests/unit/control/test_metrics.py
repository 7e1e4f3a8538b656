"""Metrics of the camera, read by Prometheus' own library."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from camerad.base.clock import SECOND
from camerad.behaviour import stages
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.behaviour.stages import Condition, Intent, Rules, Stage
from camerad.control.metrics import BOUNDS, Metrics

RULES = Rules(frozenset(), self_view_timeout_us=120 * SECOND)


class Camera:
    """A stage machine whose steps are counted."""

    def __init__(self) -> None:
        self.metrics = Metrics(0)
        self.state = stages.initial(RULES, 0)

    def does(self, *events: stages.Event) -> Camera:
        for event in events:
            self.state, effects = stages.step(self.state, event, RULES)
            self.metrics.count_step(event, self.state, effects)
        return self

    def wants(self, seconds: float, intent: Intent) -> Camera:
        at_us = round(seconds * SECOND)
        return self.does(stages.Intended(at_us, intent, at_us, "button:main"))

    def record(self, seconds: float, until: float) -> Camera:
        self.wants(seconds, Intent.RECORD).does(stages.Opened(round(seconds * SECOND), "R1"))
        return self.wants(until, Intent.STOP).does(stages.Closed(round(until * SECOND)))

    def samples(self, seconds: float = 0) -> dict[str, float]:
        return samples(self.metrics.text(round(seconds * SECOND), "1.0"))


@pytest.fixture
def camera() -> Camera:
    return Camera().does(stages.Ready(2 * SECOND))


def samples(text: str) -> dict[str, float]:
    """name{label=value,...} to value, as Prometheus' own parser understands the text."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type != "unknown", family.name
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sample.labels.items())
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert name not in found
            found[name] = sample.value
    return found


def test_each_entry_of_a_stage_counts(camera: Camera) -> None:
    camera.wants(10, Intent.ESCALATE).wants(15, Intent.ESCALATE)
    seen = camera.samples(20)
    assert seen["camerad_stage_entries_total{stage=starting}"] == 0  # it began there
    assert seen["camerad_stage_entries_total{stage=idle}"] == 1
    assert seen["camerad_stage_entries_total{stage=self_view}"] == 1
    assert seen["camerad_stage_entries_total{stage=recording}"] == 1


def test_how_long_a_stage_lasted_goes_into_its_bucket(camera: Camera) -> None:
    # 5 s of self-view before the recording, which belong into "up to 5" and all above it.
    camera.wants(10, Intent.ESCALATE).wants(15, Intent.ESCALATE)
    seen = camera.samples(20)
    pair = "stage=self_view,next=recording"
    counts = [seen[f"camerad_stage_seconds_bucket{{{pair},le={bound}}}"] for bound in BOUNDS]
    assert counts == [1 if bound >= 5 else 0 for bound in BOUNDS]
    assert seen[f"camerad_stage_seconds_bucket{{{pair},le=+Inf}}"] == 1
    assert seen[f"camerad_stage_seconds_sum{{{pair}}}"] == 5
    assert seen[f"camerad_stage_seconds_count{{{pair}}}"] == 1


def test_a_stage_longer_than_every_bound_is_in_the_last_bucket_only(camera: Camera) -> None:
    camera.wants(2 + 2 * 3600, Intent.ESCALATE)
    seen = camera.samples()
    pair = "stage=idle,next=self_view"
    assert seen[f"camerad_stage_seconds_bucket{{{pair},le=3600}}"] == 0
    assert seen[f"camerad_stage_seconds_bucket{{{pair},le=+Inf}}"] == 1


def test_recordings_count_by_what_ended_them(camera: Camera) -> None:
    camera.record(10, 20)
    camera.record(30, 40)
    camera.wants(50, Intent.RECORD).does(stages.Raised(51 * SECOND, Condition.STORAGE_FULL))
    camera.does(stages.Closed(52 * SECOND), stages.Cleared(53 * SECOND, Condition.STORAGE_FULL))
    camera.wants(60, Intent.RECORD).does(stages.Failed(61 * SECOND, "no room"))
    seen = camera.samples(70)
    assert seen["camerad_recordings_total{reason=stop}"] == 2
    assert seen["camerad_recordings_total{reason=storage_full}"] == 1
    assert seen["camerad_recordings_total{reason=failed}"] == 1
    assert seen["camerad_recordings_total{reason=shutdown}"] == 0


def test_a_recording_is_counted_though_the_next_one_begins_before_it_is_closed(
    camera: Camera,
) -> None:
    camera.wants(3, Intent.RECORD).wants(4, Intent.STOP).wants(5, Intent.RECORD)
    camera.does(stages.Failed(6 * SECOND, "input/output error", closing=True))
    camera.does(stages.Closed(7 * SECOND))
    seen = camera.samples(8)
    assert seen["camerad_recordings_total{reason=stop}"] == 1
    assert seen["camerad_recordings_total{reason=failed}"] == 1


def test_failures_count_by_kind_each_time_they_begin(camera: Camera) -> None:
    for at in (3, 5):
        camera.does(
            stages.Raised(at * SECOND, Condition.CAMERA_DOWN),
            stages.Cleared((at + 1) * SECOND, Condition.CAMERA_DOWN),
        )
    seen = camera.samples(10)
    assert seen["camerad_failures_total{condition=camera_down}"] == 2
    assert seen["camerad_failures_total{condition=hot}"] == 0


def test_the_dock_is_no_failure(camera: Camera) -> None:
    camera.does(stages.Raised(3 * SECOND, Condition.DOCKED))
    assert "camerad_failures_total{condition=docked}" not in camera.samples(10)


def test_a_failure_that_is_said_again_while_it_holds_counts_once(camera: Camera) -> None:
    for at in (3, 4, 5):
        camera.does(stages.Raised(at * SECOND, Condition.HOT))
    assert camera.samples(10)["camerad_failures_total{condition=hot}"] == 1


def test_time_counts_by_whether_a_press_would_record(camera: Camera) -> None:
    # Ready from 2 s to 100 s, then not for a minute, then again; until 300 s.
    camera.does(stages.Raised(100 * SECOND, Condition.STORAGE_FULL))
    assert camera.samples(100)["camerad_ready"] == 0
    camera.does(stages.Cleared(160 * SECOND, Condition.STORAGE_FULL))
    seen = camera.samples(300)
    assert seen["camerad_ready"] == 1
    assert seen["camerad_running_seconds_total"] == 300
    assert seen["camerad_ready_seconds_total"] == 98 + 140
    assert seen["camerad_shift_seconds_total"] == 0


def test_time_on_a_shift_counts(camera: Camera) -> None:
    camera.metrics.shift(10 * SECOND, runs=True)
    camera.metrics.shift(70 * SECOND, runs=False)
    assert camera.samples(100)["camerad_shift_seconds_total"] == 60


def test_a_clock_that_is_read_late_takes_nothing_away(camera: Camera) -> None:
    camera.metrics.advance_to(50 * SECOND)
    camera.metrics.advance_to(40 * SECOND)
    assert camera.samples(50)["camerad_running_seconds_total"] == 50


def test_how_handing_over_goes_is_told_and_what_goes_wrong_is_counted(camera: Camera) -> None:
    def failed(trouble: HandoverTrouble) -> HandoverProgress:
        return HandoverProgress(HandoverState.FAILED, trouble=trouble)

    away, stranger = failed(HandoverTrouble.NETWORK), failed(HandoverTrouble.CERTIFICATE)
    for word in (away, away, stranger, HandoverProgress(HandoverState.HANDED_OVER, 2, 2)):
        camera.metrics.handover(word)
    seen = camera.samples(10)
    shown = {one.value: seen[f"camerad_handover{{state={one.value}}}"] for one in HandoverState}
    assert shown == {"waiting": 0, "handing_over": 0, "handed_over": 1, "failed": 0}
    camera.metrics.handover(None)
    camera.metrics.handover(away)
    dumped = json.loads(json.dumps(camera.metrics.dump()))
    after = Metrics(0)
    after.restore(dumped)
    after.restore({one: kept for one, kept in dumped.items() if one != "handover_failures"})
    again = samples(after.text(0, "1.0"))
    assert again["camerad_handover_failures_total{trouble=network}"] == 2
    assert again["camerad_handover_failures_total{trouble=certificate}"] == 1
    assert again["camerad_handover_failures_total{trouble=office}"] == 0
    # How it goes now is no count.
    assert again["camerad_handover{state=failed}"] == 0


def test_nothing_in_it_says_who_or_when(camera: Camera) -> None:
    camera.metrics.shift(3 * SECOND, runs=True)
    camera.record(10, 20)
    text = camera.metrics.text(30 * SECOND, "1.0")
    words: set[str] = set()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            words |= {value for key, value in sample.labels.items() if key != "le"}
            assert sample.timestamp is None
    tables = {one.value for one in (*Stage, *Condition, *HandoverState, *HandoverTrouble)}
    assert words <= tables | {"stop", "shutdown", "restarted", "failed", "1.0"}


# ---------------------------------------------------------------------------------- over restarts


def test_counting_goes_on_after_a_restart(camera: Camera) -> None:
    camera.metrics.shift(3 * SECOND, runs=True)
    camera.record(10, 20).does(stages.Raised(25 * SECOND, Condition.HOT))
    before = camera.samples(30)
    dumped = json.loads(json.dumps(camera.metrics.dump()))
    after = Metrics(1000 * SECOND)
    after.restore(dumped)
    now = samples(after.text(1000 * SECOND, "1.0"))
    assert {**now, "camerad_ready": 1} == before
    after.restore(dumped)  # and it adds
    twice = samples(after.text(1000 * SECOND, "1.0"))
    assert twice["camerad_recordings_total{reason=stop}"] == 2
    assert twice["camerad_stage_seconds_count{stage=recording,next=stopping}"] == 2
    assert twice["camerad_running_seconds_total"] == 60


GOOD: dict[str, Any] = Metrics(0).dump()
BUCKETS = [0] * (len(BOUNDS) + 1)


@pytest.mark.parametrize(
    "dumped",
    [
        None,
        [],
        "x",
        {},
        {**GOOD, "format": 2},
        {**GOOD, "us": [1, 2]},
        {**GOOD, "us": [1, 2, -3]},
        {**GOOD, "us": [1, 2, True]},
        {**GOOD, "us": [1, 2, 3.5]},
        {**GOOD, "entered": {"idle": "many"}},
        {**GOOD, "entered": []},
        {**GOOD, "failures": {"hot": -1}},
        {**GOOD, "recordings": {"stop": None}},
        {**GOOD, "lasted": {"idle self_view": [0, 1.0]}},
        {**GOOD, "lasted": {"idle self_view": [*BUCKETS, float("nan")]}},
        {**GOOD, "lasted": {"idle self_view": [*BUCKETS, float("inf")]}},
        {**GOOD, "lasted": {"idle self_view": [*BUCKETS, True]}},
        {**GOOD, "lasted": {"idle self_view": [*BUCKETS, "1"]}},
        {**GOOD, "lasted": {"idle self_view": []}},
        {**GOOD, "lasted": {"idle self_view": 7}},
    ],
)
def test_what_are_no_counters_changes_nothing(dumped: Any) -> None:
    metrics = Metrics(0)
    with pytest.raises(ValueError, match="these are no counters"):
        metrics.restore(dumped)
    assert metrics.dump() == GOOD


def test_counters_of_stages_and_conditions_that_are_no_more_are_left_out() -> None:
    metrics = Metrics(0)
    gone = {"format": 1, "entered": {"asleep": 3}, "failures": {"wet": 2}, "us": [0, 0, 0]}
    metrics.restore({**gone, "recordings": {"rain": 1}, "lasted": {"asleep idle": [1]}})
    text = metrics.text(0, "1.0")
    for word in ("asleep", "wet", "rain"):
        assert word not in text


def test_shifts_are_counted_when_they_begin_and_go_on_over_restarts() -> None:
    metrics = Metrics(0)
    metrics.shift(0, runs=True, begun=1)
    metrics.shift(5, runs=True, begun=1)  # one relieved the other
    metrics.shift(9, runs=False)
    after = Metrics(0)
    after.restore(metrics.dump())
    after.shift(1, runs=True)  # goes on over the restart
    assert after.dump()["shifts"] == 2
    assert "camerad_shifts_total 2" in after.text(9, "0")
    before = {name: value for name, value in after.dump().items() if name != "shifts"}
    earlier = Metrics(0)
    earlier.restore(before)  # of a version that did not count them
    assert earlier.dump()["shifts"] == 0
