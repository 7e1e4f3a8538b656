"""Whether the office is reached and knows the camera: a real TLS server, and each way to fail."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from authority import Authority, authority
from msgspec.structs import replace
from small_office import Fault, SmallOffice

from camerad.base.words import languages, words_in
from camerad.config import Settings, load
from camerad.container.keys import SigningKey
from camerad.doctor import office_contact, runner
from camerad.doctor.check_results import CheckResult, FindingId, Level
from camerad.doctor.isolated_check import NoAnswerError
from camerad.doctor.office_contact import check_office, is_docked
from camerad.doctor.sentences import remedy, sentence
from camerad.store.identity import KEY_NAME
from tests.unit.dock.scene import Scene, ca, context, scene

__all__ = ["ca", "context", "scene"]

DOCKED = {"conditions": ["docked"]}


@pytest.fixture
def camera(scene: Scene, config: Path, tmp_path: Path) -> Settings:
    """A camera with its key, set up for the office of the scene."""
    document = yaml.safe_load(config.read_text())
    office = scene.settings
    document["office"] = {"url": office.url, "ca": office.ca, "key": office.key}
    supply = tmp_path / "power/charger"
    supply.mkdir(parents=True)
    (supply / "type").write_text("Mains")
    (supply / "online").write_text("1")
    document["battery"] = {"power_supply": str(supply.parent)}
    config.write_text(yaml.safe_dump(document))
    state = tmp_path / "state"
    state.mkdir()
    (state / KEY_NAME).write_bytes(scene.camera.pem)
    return load(config)


def ask(settings: Settings, status: dict[str, Any] | None = None, **office: str) -> CheckResult:
    assert settings.office is not None
    changed = replace(settings, office=replace(settings.office, **office))  # type: ignore[arg-type]
    found = check_office(changed, DOCKED if status is None else status, None, True)
    for words in map(words_in, languages()):
        assert "{" not in sentence(found, words) + remedy(found, words)
    json.dumps(dict(found.values))
    return found


def test_an_office_that_knows_the_camera_is_well(camera: Settings, scene: Scene) -> None:
    found = ask(camera)
    assert found.finding is FindingId.OFFICE_OK
    assert found.values["thumbprint"] == scene.camera.public.thumbprint
    assert ("GET", "/v1/ledger") in scene.office.requests


@pytest.mark.parametrize(
    ("trouble", "finding", "cure"),
    [
        ("office", FindingId.OFFICE_TAKES_NOTHING, "journalctl -u camerad-office"),
        ("recordings", FindingId.OFFICE_NOT_EVERY, "journalctl -u camerad-upload"),
        ("camera", FindingId.OFFICE_UPLOAD_FAILS, "journalctl -u camerad-upload"),
        ("silent", FindingId.OFFICE_UPLOAD_SILENT, "sudo systemctl restart camerad-upload"),
    ],
)
def test_what_the_daemon_knows_of_a_failure_is_found_as_well(
    camera: Settings, trouble: str, finding: FindingId, cure: str
) -> None:
    """Its status sends people here, and one answered question alone would say that all is well."""
    failed = {"state": "failed", "done": 0, "total": 1, "trouble": trouble}
    found = ask(camera, DOCKED | {"handover": failed})
    assert (found.finding, found.level) == (finding, Level.WARN)
    for words in map(words_in, languages()):
        assert cure in remedy(found, words)


@pytest.mark.parametrize("docked", [[], ["docked"]])
def test_a_disputed_office_is_told_wherever_the_camera_is(
    camera: Settings, scene: Scene, docked: list[str]
) -> None:
    status = {"conditions": ["office_disputed", *docked]}
    found = check_office(camera, status, None, check_time=True)
    assert found.finding is FindingId.OFFICE_DISPUTED
    assert scene.office.requests == []


@pytest.mark.parametrize("trouble", ["network", "register", None])
def test_what_the_doctor_asks_itself_is_newer_than_the_daemon_s_word(
    camera: Settings, trouble: str | None
) -> None:
    word = {"state": "failed", "done": 0, "total": 1, "trouble": trouble}
    assert ask(camera, DOCKED | {"handover": word}).finding is FindingId.OFFICE_OK


@pytest.mark.parametrize("status", [{"conditions": []}, {}])
def test_a_worn_camera_is_ready_without_one_and_nothing_is_tried(
    camera: Settings, scene: Scene, tmp_path: Path, status: dict[str, Any]
) -> None:
    (tmp_path / "power/charger/online").write_text("0")
    found = ask(camera, status)
    assert (found.finding, found.level) == (FindingId.OFFICE_NOT_DOCKED, Level.NOT_TESTED)
    assert scene.office.requests == []


def test_without_a_daemon_the_charger_says_whether_it_is_docked(
    camera: Settings, tmp_path: Path
) -> None:
    assert is_docked(camera, {})
    assert is_docked(camera, DOCKED)
    assert not is_docked(camera, {"conditions": ["hot"]})
    (tmp_path / "power/charger/online").write_text("0")
    assert not is_docked(camera, {})


def test_a_server_that_is_away(camera: Settings, scene: Scene) -> None:
    scene.office.stop()
    assert ask(camera).finding is FindingId.OFFICE_UNREACHED


def test_a_name_that_nobody_knows(camera: Settings) -> None:
    found = ask(camera, url="https://no-such-host.invalid")
    assert found.finding is FindingId.OFFICE_NO_ADDRESS


@pytest.mark.parametrize(
    ("interfaces", "finding"),
    [
        ("    lo: 0 0\n", FindingId.OFFICE_NO_NETWORK),
        ("    lo: 0 0\n  eth0: 0 0\n", FindingId.OFFICE_UNREACHED),
        (None, FindingId.OFFICE_UNREACHED),
    ],
    ids=["none", "one", "unknown"],
)
def test_without_a_network_of_its_own_the_doctor_blames_nobody(
    camera: Settings,
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    interfaces: str | None,
    finding: FindingId,
) -> None:
    """As in its unit, whose report would send people to look for a cable."""
    file = tmp_path / "dev"
    if interfaces is not None:
        file.write_text(f"Inter-| Receive\n face |bytes\n{interfaces}")
    monkeypatch.setattr(office_contact, "_INTERFACES", str(file))
    assert ask(camera).finding is FindingId.OFFICE_OK
    scene.office.stop()
    assert ask(camera).finding is finding


def test_a_server_that_says_nothing_is_given_up(
    camera: Settings, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office_contact, "OFFICE_SECONDS", 0.5)
    scene.office.faults = [Fault("GET", "/v1/ledger", seconds=30)]
    assert ask(camera).finding is FindingId.OFFICE_UNREACHED


def test_an_authority_that_is_none(camera: Settings) -> None:
    assert ask(camera, ca="nothing").finding is FindingId.OFFICE_CA_WRONG


def test_a_server_by_another_authority(camera: Settings) -> None:
    found = ask(camera, ca=authority().pem)
    assert found.finding is FindingId.OFFICE_STRANGER
    said = sentence(found, words_in("de"))
    assert str(found.values["trusted"]) in said
    assert str(found.values["shown"]) in said


ELSEWHERE = ("127.0.0.2", None, FindingId.OFFICE_OTHER_NAME)
LONG_AGO = ("127.0.0.1", datetime(1999, 1, 1, tzinfo=UTC), FindingId.OFFICE_OUT_OF_TIME)


@pytest.mark.parametrize("case", [ELSEWHERE, LONG_AGO])
def test_a_certificate_for_another_address_or_another_time(
    camera: Settings, ca: Authority, tmp_path: Path, case: tuple[str, Any, FindingId]
) -> None:
    address, day, finding = case
    other = SmallOffice(SigningKey.generate().public, ca.context(tmp_path, address, day))
    other.start()
    try:
        assert ask(camera, url=other.url).finding is finding
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("status", "finding"),
    [
        (403, FindingId.OFFICE_WITHDRAWN),
        (401, FindingId.OFFICE_UNREGISTERED),
        (500, FindingId.OFFICE_REFUSES),
        (503, FindingId.OFFICE_REFUSES),
    ],
)
def test_a_server_that_does_not_answer_as_it_should(
    camera: Settings, scene: Scene, status: int, finding: FindingId
) -> None:
    scene.office.faults = [Fault("GET", "/v1/ledger", status) for _ in range(2)]
    found = ask(camera)
    assert (found.finding, found.level) == (finding, Level.WARN)


def test_without_the_key_nothing_is_asked(camera: Settings, scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "state" / KEY_NAME).unlink()
    assert ask(camera).finding is FindingId.OFFICE_UNSIGNED
    (tmp_path / "state" / KEY_NAME).write_bytes(b"no key")
    assert ask(camera).finding is FindingId.OFFICE_UNSIGNED
    # A daemon that is asked to sign, and is gone.
    found = check_office(camera, DOCKED, str(tmp_path / "run/control.sock"), True)
    assert (found.finding, found.level) == (FindingId.OFFICE_UNSIGNED, Level.NOT_TESTED)
    assert scene.office.requests == []


def test_a_check_without_an_office_is_a_mistake(camera: Settings) -> None:
    with pytest.raises(ValueError, match="no office"):
        check_office(replace(camera, office=None), DOCKED, None, True)


# ---------------------------------------------------------------------------- the examination


def examined(config: Path) -> dict[str, CheckResult]:
    async def look() -> list[CheckResult]:
        made = runner.Examination(config, only=("office",))
        return [finding async for finding in made.run()]

    return {one.check: one for one in asyncio.run(look())}


def test_the_doctor_asks_it(camera: Settings, config: Path) -> None:
    assert examined(config)["office"].finding is FindingId.OFFICE_OK


def test_whoever_asks_for_it_hears_that_the_camera_has_no_office(config: Path) -> None:
    """A file that lacks the section by mistake leaves a camera that hands over nothing."""
    found = examined(config)["office"]
    assert (found.finding, found.level) == (FindingId.OFFICE_NONE, Level.NOT_TESTED)
    for words in map(words_in, languages()):
        assert "--office-url" in remedy(found, words)


def test_a_question_that_comes_to_no_end_does_not_fail_the_camera(
    camera: Settings, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(runner._Still):
        async def _look(self, check: str, *_: Any) -> Any:
            if check == "office":
                raise NoAnswerError(1)
            return await super()._look(check, *_)

    monkeypatch.setattr(runner, "_Still", Late)
    found = examined(config)["office"]
    assert (found.finding, found.level) == (FindingId.OFFICE_UNREACHED, Level.WARN)
