"""What is known of a camera by the word of its process."""

from __future__ import annotations

from typing import Any

from camerad.stream.vitals import Vitals

HELLO = {"camera": "imx708", "platform": "vc4", "encoder": "hardware", "width": 1280, "height": 720}
FRAME_US = 40_000  # 25 frames a second


def beat(vitals: Vitals, frame: int, delivered: int, **more: Any) -> None:
    body = {"frame": frame, "pts_us": 1_000_000 + frame % 1000 * FRAME_US, "delivered": delivered}
    vitals.beat(body | more)


def test_before_a_process_speaks_nothing_is_known() -> None:
    report = Vitals().report(5)
    assert report.pop("seconds") == 0
    assert set(report.values()) == {None}


def test_one_beat_tells_an_age_and_no_rate() -> None:
    vitals = Vitals()
    vitals.hello(HELLO)
    beat(vitals, 0, 1, luma=90)
    report = vitals.report(1_250_999)
    assert {name: report[name] for name in HELLO} == HELLO
    assert (report["age_ms"], report["luma"]) == (250, 90)
    assert (report["rate"], report["lost"]) == (None, None)


def test_rate_and_loss_are_those_of_the_last_two_seconds() -> None:
    vitals = Vitals()
    vitals.hello(HELLO)
    for number in range(0, 40, 5):  # thrown out by what follows: it lost every frame but these
        beat(vitals, number, number // 5)
    for number in range(40, 100, 6):
        beat(vitals, number, number)
    report = vitals.report(0)
    # Nine beats, eight steps of six frames of 40 ms.
    assert (report["rate"], report["lost"], report["seconds"]) == (25.0, 0.0, 1.92)


def test_what_the_sensor_exposed_and_did_not_deliver_is_lost() -> None:
    vitals = Vitals()
    beat(vitals, 0, 1)
    beat(vitals, 20, 16)
    report = vitals.report(0)
    assert (report["rate"], report["lost"]) == (25.0, 0.25)


def test_a_sensor_that_stands_still_has_no_share_of_loss() -> None:
    vitals = Vitals()
    beat(vitals, 7, 1)
    vitals.beat({"frame": 7, "pts_us": 9_000_000, "delivered": 1})
    assert (vitals.report(0)["rate"], vitals.report(0)["lost"]) == (0.0, None)


def test_frame_numbers_go_on_behind_their_end() -> None:
    vitals = Vitals()
    vitals.beat({"frame": 2**32 - 1, "pts_us": 0, "delivered": 1})
    vitals.beat({"frame": 24, "pts_us": 1_000_000, "delivered": 26})
    assert vitals.report(0)["rate"] == 25.0


def test_a_sensor_that_counts_anew_is_measured_anew() -> None:
    vitals = Vitals()
    vitals.beat({"frame": 1000, "pts_us": 0, "delivered": 1001})
    vitals.beat({"frame": 3, "pts_us": 9_000_000, "delivered": 1002})
    assert vitals.report(9_000_000)["rate"] is None
    vitals.beat({"frame": 28, "pts_us": 10_000_000, "delivered": 1027})
    report = vitals.report(10_000_000)
    assert (report["rate"], report["lost"]) == (25.0, 0.0)


def test_what_is_no_beat_is_no_sign_and_a_brightness_that_is_none_is_not_known() -> None:
    vitals = Vitals()
    vitals.beat({"frame": "many"})
    assert vitals.report(0)["age_ms"] is None
    beat(vitals, 3, 1, luma="bright")
    assert vitals.report(0)["luma"] is None


def test_with_the_process_all_is_forgotten() -> None:
    vitals = Vitals()
    vitals.hello(HELLO)
    beat(vitals, 3, 1)
    vitals.ended()
    assert vitals.report(0)["camera"] is None
    assert vitals.report(0)["age_ms"] is None
