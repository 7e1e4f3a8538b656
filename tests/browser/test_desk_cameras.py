"""Cameras on the desk's page, in Debian's Chromium: what each lacks is seen at one look, one is
withdrawn and taken back, settings that do not hold are refused in words, badges and labels are
there to be printed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from check_in_helpers import token
from desk_helpers import KEY
from playwright.sync_api import Browser, expect
from state_helpers import check_ins_in, offer_settings, offers_in
from vouching_helpers import Outside

from camerad.base.clock import DAY, SECOND, ManualClock
from camerad.container.keys import SigningKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import COOKIE
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from camerad.office.server.offers import offer_of
from camerad.office.server.revoked_cameras import Revocation, RevokedCameras
from camerad.provisioning import settings_offer, signing
from camerad.store.check_in import DoctorResult, RecordingCounts, RefusedOffer, RunningSettings
from tests.browser.person import NARROW, WIDE, Person, person
from tests.unit.office.desk.desk_scene import MINUTE, DeskScene, free_origin
from tests.unit.office.server.update_scene import a_bundle
from tests.unit.provisioning.scene import OFFICE, document
from tests.unit.update.scene import NEW, OLD

FLAGS = ("--ignore-certificate-errors",)
"""The authority of a test is nobody's."""
KEYS = (KEY, *(SigningKey.generate() for _ in range(6)))
NAMES = tuple(f"camera-0{number}" for number in range(1, 8))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    """Seven cameras: one never seen, one with faults, one that refused its settings, one with an
    update on offer, one ready, one out, one stolen."""
    outside = Outside(tmp_path / "archive/office/log", tmp_path / "policy", "dpo")
    with DeskScene(tmp_path, origin=free_origin(), witnesses=outside.policy) as made:
        outside.cosigned("dpo", made.clock.wall_us() - 2 * DAY)
        made.add("admin", DeskRole.ADMINISTRATOR)
        made.add("lead", DeskRole.SHIFT_LEAD)
        signed_by = OFFICE.public.thumbprint
        known = [
            RegisteredCamera(
                *(name, key.public.thumbprint, key.public.jwk, 5, signed_by, None),
                "2026-11-20T10:00:00+01:00",
            )
            for name, key in zip(NAMES, KEYS, strict=True)
        ]
        camera_register.write(str(made.office.register), Register(tuple(known)))
        running = RunningSettings("ab" * 32, 5, signed_by)
        doctor = DoctorResult("2026-11-24T15:00:00Z", "rtc", 21, 2, ("sound",), ("display",))
        well = DoctorResult("2026-11-24T15:00:00Z", "rtc", 24, 0, (), ())

        def checks_in(number: int, **how: Any) -> None:
            key = KEYS[number]
            known = check_ins_in(made.directory, Cameras(str(made.office.register)), made.clock)
            said = {"image": OLD, "settings": running, "doctor": well} | how
            known.take(key.public.thumbprint, token(key=key, kid=key.public.thumbprint, **said))

        checks_in(5)
        made.clock.advance(3 * 60 * MINUTE)
        faults = ("docked", "clock_untrusted", "microphone_down")
        counts = RecordingCounts(here=4, open=0, unacknowledged=2)
        checks_in(1, battery=31, conditions=faults, recordings=counts, doctor=doctor)
        content = document(6, camera=KEYS[2].public.thumbprint, device=NAMES[2])
        offer = settings_offer.join(content, signing.sign(OFFICE, content))
        offer_settings(made.directory, KEYS[2].public.thumbprint, offer)
        text = "provision.serial is not above that of the last file"
        refused = RefusedOffer(offer_of(offer).sha256, "settings", "old", text)
        checks_in(2, refused_offers=(refused,))
        bundle = tmp_path / "new.raucb"
        bundle.write_bytes(a_bundle())
        kids = [KEYS[3].public.thumbprint]
        offers_in(made.directory).put_file(str(bundle), kids, reserve=0)
        checks_in(3)
        checks_in(4)
        worn(made, KEYS[4])
        gone = Revocation(made.clock.wall_us() - 3600 * SECOND, "lead", "stolen", "from a car")
        with made.state.writing() as rows:
            RevokedCameras(made.state).put(rows, KEYS[6].public.thumbprint, gone)
        yield made


def worn(scene: DeskScene, key: SigningKey) -> None:
    """The copy of a camera's ledger: it was worn, and is in its dock since."""
    cameras = Cameras(str(scene.office.register))
    holding = CameraHoldings(scene.directory, cameras, scene.state).make(key.public.thumbprint)
    clock = ManualClock(wall_us=scene.clock.wall_us() - 300 * MINUTE)
    with closing(Ledger.open(Claim(holding.ledger), key, clock)) as book:
        began = clock.moment()
        book.append("shift_begun", wearer="W-0815", source="badge", began=began, began_boot="b")
        clock.advance(280 * MINUTE)
        book.append("fault", condition="docked", holds=True)
        book.append("shift_ended", why="docked")


@contextmanager
def at_cameras(chromium: Browser, scene: DeskScene, who: str, **how: Any) -> Iterator[Person]:
    with person(chromium, scene.origin, f"desk-cameras-{who}", **how) as one:
        one.origin = scene.origin
        cookie: Any = {"name": COOKIE, "value": scene.signed_in(who).cookie, "url": scene.origin}
        one.page.context.add_cookies(
            [cookie | {"secure": True, "httpOnly": True, "sameSite": "Strict"}]
        )
        one.page.goto(scene.origin)
        yield one


def test_an_administrator_sees_what_is_wrong_and_does_something_about_it(
    chromium: Browser, scene: DeskScene, tmp_path: Path
) -> None:
    with at_cameras(chromium, scene, "admin", size=WIDE, scheme="light", language="de-DE") as one:
        page = one.page
        rows = page.get_by_role("row")
        expect(rows).to_have_count(8)
        heads = [text.split()[0] for text in page.locator("tbody th").all_inner_texts()]
        assert heads == ["camera-01", "camera-02", "camera-03", *NAMES[3:6], "camera-07"]
        expect(rows.nth(2)).to_contain_text("Das Mikrofon ist gestört. In die Werkstatt.")
        expect(rows.nth(4)).to_contain_text(f"Version {NEW} liegt bereit.")
        expect(rows.nth(6)).to_contain_text("vor 3 Stunden")
        expect(rows.nth(7)).to_contain_text("gestohlen: from a car")
        expect(page.get_by_text("W-0815")).to_have_count(0)
        outside = page.get_by_role("listitem").filter(has_text="dpo")
        expect(outside).to_contain_text("Bezeugte 7 Einträge vor 2 Tagen")
        expect(outside).to_contain_text("überfällig")
        one.sees("list")

        # Settings that were changed on the way.
        content = document(6, "# changed\n", camera=KEYS[4].public.thumbprint, device=NAMES[4])
        page.get_by_role("button", name="Einstellungen anbieten").click()
        one.sees("offer-settings")
        gone = tmp_path / "camerad-provision.yaml"
        for label in ("Einstellungen (camerad", "Signatur (camerad"):
            gone.write_bytes(content)
            page.get_by_label(label).set_input_files(gone)
        gone.unlink()
        offer = page.get_by_role("button", name="Anbieten", exact=True)
        offer.click()
        expect(page.get_by_role("alert")).to_contain_text("seit sie gewählt wurde")
        expect(offer).to_be_enabled()
        for label, name, data in (
            ("Einstellungen (camerad", "camerad-provision.yaml", content),
            ("Signatur (camerad", "camerad-provision.jws", b"{}"),
        ):
            file: Any = {"name": name, "mimeType": "text/plain", "buffer": data}
            page.get_by_label(label).set_input_files(files=[file])
        page.get_by_role("button", name="Anbieten", exact=True).click()
        expect(page.get_by_text("Mit dieser Datei hätte die Kamera keinen Server")).to_be_visible()
        one.sees("not-offered")
        page.get_by_role("button", name="Schließen").click()

        # An update goes to one camera.
        page.get_by_role("button", name="Update anbieten").click()
        file = {"name": "x.raucb", "mimeType": "text/plain", "buffer": a_bundle("0.9.0-1", seed=3)}
        page.get_by_label("Paket").set_input_files(files=[file])
        page.get_by_role("checkbox", name="camera-05").check()
        one.sees("offer-update")
        page.get_by_role("button", name="Anbieten", exact=True).click()
        expect(page.get_by_role("heading", name="Version 0.9.0-1")).to_be_visible()
        assert scene.kinds("offer")[-1].name == "camera-05"

        # Taken back.
        page.get_by_role("button", name="Wieder annehmen: camera-07").click()
        page.get_by_label("Erläuterung").fill("gefunden und geprüft")
        page.get_by_role("button", name="Wieder annehmen", exact=True).click()
        expect(page.get_by_text("camera-07 gilt wieder.")).to_be_visible()
        assert scene.kinds("camera")[-1].what == "returned"

        # Labels are a sheet of its own.
        with page.expect_popup() as opened:
            page.get_by_role("link", name="Etiketten drucken").click()
        sheet = opened.value
        expect(sheet.locator("section")).to_have_count(7)
        assert sheet.locator("section svg").first.bounding_box()["width"] > 80  # type: ignore[index]
        sheet.set_viewport_size({"width": 900, "height": 1200})
        Person(sheet, scene.origin, "desk-cameras-admin", steps=9).sees("labels")
        sheet.close()


def test_a_shift_lead_withdraws_a_camera_and_prints_badges_on_a_telephone(
    chromium: Browser, scene: DeskScene
) -> None:
    with at_cameras(chromium, scene, "lead", size=NARROW, scheme="dark", language="en-GB") as one:
        page = one.page
        cards = (
            page.get_by_role("main").get_by_role("listitem").filter(has=page.get_by_role("heading"))
        )
        expect(cards).to_have_count(7)
        one.sees("cards")
        worn = cards.filter(has_text="camera-05")
        expect(worn).to_contain_text("W-0815")
        expect(worn).to_contain_text("In its dock since 24/11/2026, ")
        worn.scroll_into_view_if_needed()
        one.sees("worn")
        assert page.get_by_role("button", name="Offer").count() == 0
        page.get_by_role("button", name="Withdraw: camera-02").click()
        page.get_by_label("Occasion").select_option("broken")
        page.get_by_label("Explanation").fill("fell off a roof")
        one.sees("withdraw")
        page.get_by_role("button", name="Withdraw", exact=True).click()
        expect(page.get_by_text("broken: fell off a roof (lead,")).to_be_visible()
        (entry,) = [said for said in scene.kinds("camera") if said.why == "broken"]
        assert (entry.name, entry.who, entry.what) == ("camera-02", "lead", "withdrawn")
        page.get_by_role("link", name="Print badges").click()
        page.get_by_label("Wearer's ids").fill("W-0815 W-0816\n")
        page.get_by_role("button", name="Show badges").click()
        expect(page.get_by_role("img", name="Badge of W-0816")).to_be_visible()
        one.sees("badges")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 760, "height": 1000})
        expect(page.get_by_role("button", name="Show badges")).to_be_hidden()
        box = page.get_by_role("img", name="Badge of W-0815").bounding_box()
        assert box is not None and abs(box["width"] - 99 / 25.4 * 96) < 1, "at its own size"


SENDS = """async () => {
  const { file, USED } = await import("/page/api.js");
  const said = { used: 0, every: [], stopped: [] };
  const { setInterval: every, clearInterval: stop, fetch: reach } = window;
  let answer;
  document.addEventListener(USED, () => { said.used += 1; });
  window.setInterval = (job, pause) => { said.every.push({ job, pause }); return "sending"; };
  window.clearInterval = (one) => one === "sending" ? said.stopped.push(one) : stop(one);
  window.fetch = () => new Promise((done) => { answer = done; });
  const sending = file("/api/offers/update", new Blob(["a bundle"]));
  // The page around it may still be on its way, and has requests and intervals of its own.
  Object.assign(window, { setInterval: every, fetch: reach });
  for (const one of said.every) one.job();
  const meanwhile = said.used;
  answer(new Response("{}"));
  await sending;
  return [meanwhile, said.every.map((one) => one.pause), said.stopped];
}"""


def test_whoever_sends_a_bundle_does_something_all_the_while(
    chromium: Browser, scene: DeskScene
) -> None:
    """The page would sign them out for idleness while it is still being sent."""
    with at_cameras(chromium, scene, "admin", size=WIDE, scheme="light", language="en-GB") as one:
        assert one.page.evaluate(SENDS) == [1, [60_000], ["sending"]]
