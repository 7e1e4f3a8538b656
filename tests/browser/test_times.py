"""Times as people read them, at the desk and in the player: also those before the first picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from desk_helpers import ONE, SHORT, Camera, open_office
from msgspec.structs import replace
from playwright.sync_api import Browser, expect
from sealed_helpers import made, pack, sealed, signed, some_closing

from camerad.container.gaps import STARTED_LATE, Gap
from camerad.container.statements import StageChange
from camerad.office.desk.people import DeskRole
from tests.browser.test_desk import FLAGS as DESK_FLAGS
from tests.browser.test_desk import at_desk, signed_in
from tests.unit.office.desk.desk_scene import DeskScene, free_origin

FLAGS: Final = DESK_FLAGS
LATE_US: Final = 3_000_000
"""So long after the press the first picture came."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    """An office with a recording whose camera was late."""
    root = tmp_path_factory.mktemp("times")
    with DeskScene(root, origin=free_origin()) as made_scene:
        camera = Camera(root / "camera")
        (camera.recordings / f"{ONE}.tar").write_bytes(late_one())
        camera.offload(made_scene.office.directory)
        office = made_scene.office
        with open_office(office.directory, office.office_key, made_scene.clock) as store:
            store.reconcile()
        made_scene.index.refresh()
        made_scene.add("clerk", DeskRole.DESK)
        yield made_scene


def late_one() -> bytes:
    """A recording without pre-event footage whose first picture came after the press."""
    one = made(SHORT)
    first_us = one.header.origin_us
    press_us = first_us - LATE_US
    first, *others = one.facts
    first = replace(
        first,
        gaps=(Gap(STARTED_LATE, None, press_us, first_us),),
        stages=(StageChange(press_us, "recording", True),),
    )
    plain = [sealed(it) for it in one.plain]
    closing = some_closing(len(one.numbers), one.facts[-1].end_us)
    return pack(signed(replace(one.header, trigger_us=press_us), plain, [first, *others], closing))


@pytest.mark.parametrize(
    ("language", "press"),
    [("en-GB", "0:03 before the first picture"), ("de-DE", "0:03 vor dem ersten Bild")],
)
def test_a_press_before_the_first_picture_is_told_as_one(
    chromium: Browser, scene: DeskScene, language: str, press: str
) -> None:
    with at_desk(chromium, scene, f"late-{language}", language=language) as one:
        signed_in(one, scene, "clerk")
        one.page.goto(f"{scene.origin}/#recording/{ONE}")
        facts = one.page.locator("dl").first
        expect(facts.get_by_text(press, exact=True)).to_be_visible()
        expect(facts).to_contain_text("−0:03–0:00 (")
        expect(one.page.locator("details dl")).to_contain_text("−0:03 ")


def test_a_length_is_rounded_before_it_is_divided(chromium: Browser, scene: DeskScene) -> None:
    with at_desk(chromium, scene, "rounded") as one:
        at_the_desk = one.page.evaluate(
            "async (all) => all.map((await import('/page/format.js')).duration)",
            [-75, -3, -0.6, -0.4, 0, 59.4, 59.6, 3599.6, -3599.6, None],
        )
        in_the_player = one.page.evaluate(
            "async (all) => { const { duration } = await import('/page/player/times.js');"
            " return all.map((one) => duration(one * 1e6, ',')); }",
            [0, 3.24, 59.94, 59.96, 60, 119.4, 119.6, 3599.7],
        )
    assert at_the_desk == [
        *("−1:15", "−0:03", "−0:01", "0:00", "0:00", "0:59", "1:00", "1:00:00", "−1:00:00", "–"),
    ]
    assert in_the_player == [
        *("0,0 s", "3,2 s", "59,9 s", "1 min 0 s", "1 min 0 s", "1 min 59 s", "2 min 0 s"),
        "60 min 0 s",
    ]


TOLD: Final = """async (times) => {
  const { moment, timeOf } = await import("/page/format.js");
  return times.map((one) => Date.parse(one) * 1000).map((us) => [moment(us), timeOf(us)]);
}"""


def test_a_time_that_clocks_show_twice_says_which_of_them_it_is(
    chromium: Browser, scene: DeskScene
) -> None:
    """They are set back by an hour at the most places, by half of one on Lord Howe Island."""
    autumn = {
        "2026-10-24T23:59:59Z": ["25.10.2026, 01:59:59", "01:59"],
        "2026-10-25T00:30Z": ["25.10.2026, 02:30:00 UTC+02:00", "02:30 UTC+02:00"],
        "2026-10-25T01:30Z": ["25.10.2026, 02:30:00 UTC+01:00", "02:30 UTC+01:00"],
        "2026-10-25T02:00Z": ["25.10.2026, 03:00:00", "03:00"],
    }
    spring = {
        "2026-03-29T00:59:59Z": ["29.03.2026, 01:59:59", "01:59"],
        "2026-03-29T01:00Z": ["29.03.2026, 03:00:00", "03:00"],
    }
    half = {
        "2026-04-04T14:15Z": ["05.04.2026, 01:15:00", "01:15"],
        "2026-04-04T14:45Z": ["05.04.2026, 01:45:00 UTC+11:00", "01:45 UTC+11:00"],
        "2026-04-04T15:15Z": ["05.04.2026, 01:45:00 UTC+10:30", "01:45 UTC+10:30"],
        "2026-04-04T15:30Z": ["05.04.2026, 02:00:00", "02:00"],
    }
    zones = {"Europe/Berlin": autumn | spring, "Australia/Lord_Howe": half}
    with at_desk(chromium, scene, "twice") as one:
        session = one.page.context.new_cdp_session(one.page)
        for zone, told in zones.items():
            session.send("Emulation.setTimezoneOverride", {"timezoneId": zone})
            assert one.page.evaluate(TOLD, list(told)) == list(told.values()), zone
