"""The clock, the time since boot, and how the service is confined."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from camerad.base.clock import ClockSource, ManualClock, Moment
from camerad.base.words import words_in
from camerad.config import Settings
from camerad.container.keys import SigningKey
from camerad.doctor import system_checks
from camerad.doctor.check_results import FindingId
from camerad.doctor.sentences import sentence
from camerad.doctor.system_checks import check_hardening, judge_clock, judge_uptime
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger


def test_the_clock_is_worth_what_vouches_for_it() -> None:
    found = {source: judge_clock(source, 0).finding for source in ClockSource}
    assert found == {
        ClockSource.SYNCHRONISED: FindingId.CLOCK_SYNCHRONISED,
        ClockSource.RTC: FindingId.CLOCK_RTC,
        ClockSource.UNKNOWN: FindingId.CLOCK_UNKNOWN,
    }


def test_a_clock_is_looked_at_as_the_daemon_does(settings: Settings, tmp_path: Path) -> None:
    assert system_checks.read_clock(settings, None).source is ClockSource.UNKNOWN
    (tmp_path / "synchronised").touch()
    assert system_checks.read_clock(settings, None).source is ClockSource.SYNCHRONISED
    ledger = Ledger.open(Claim(str(tmp_path / "ledger")), SigningKey.generate(), ManualClock())
    assert system_checks.read_clock(settings, ledger.state).source is ClockSource.SYNCHRONISED
    ledger.close()


def test_a_clock_that_was_set_since_the_ledger_saw_it_is_not_trusted(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "synchronised").touch()
    known = system_checks.SystemClock(lambda: ClockSource.SYNCHRONISED)
    real = known.moment
    # The ledger's entry of this boot is an hour off the clock that shows now.
    known.moment = lambda: Moment(  # type: ignore[method-assign]
        real().boot_us, real().wall_us - 3_600_000_000, ClockSource.SYNCHRONISED
    )
    ledger = Ledger.open(Claim(str(tmp_path / "ledger")), SigningKey.generate(), known)
    assert system_checks.read_clock(settings, ledger.state).source is ClockSource.UNKNOWN
    ledger.close()


def test_the_time_since_boot_is_told_in_days_hours_and_minutes() -> None:
    two, one = (judge_uptime(((n * 24 + 3) * 60 + 4) * 60_000_000 + 5_999_999) for n in (2, 1))
    assert (two.values["days"], two.values["hours"], two.values["minutes"]) == (2, 3, 4)
    german = words_in("de")
    assert sentence(two, german) == "2 Tage, 03:04 Stunden."
    assert sentence(one, german) == "1 Tag, 03:04 Stunden."


# ------------------------------------------------------------------------------------ service


def test_without_a_unit_there_is_nothing_to_be_confined(tmp_path: Path) -> None:
    files = system_checks.unit_files([tmp_path])
    assert files == []
    assert check_hardening(files).finding is FindingId.HARDENING_NO_UNIT


def test_the_first_unit_counts_and_drop_ins_of_all_directories(tmp_path: Path) -> None:
    etc, usr = tmp_path / "etc", tmp_path / "usr"
    for directory in (etc, usr):
        (directory / "camerad.service.d").mkdir(parents=True)
    (usr / "camerad.service").write_text("[Service]\n")
    (usr / "camerad.service.d" / "a.conf").write_text("[Service]\n")
    (etc / "camerad.service.d" / "b.conf").write_text("[Service]\n")
    found = system_checks.unit_files([etc, usr])
    assert found == [
        usr / "camerad.service",
        etc / "camerad.service.d" / "b.conf",
        usr / "camerad.service.d" / "a.conf",
    ]
    assert not system_checks.brings_key(found)
    (etc / "camerad.service.d" / "b.conf").write_text(
        f"[Service]\n#LoadCredential=identity.pem\nLoadCredential=identity.pem:{usr}/key\n"
    )
    assert not system_checks.brings_key(found)
    (usr / "key").touch()
    assert system_checks.brings_key(found)


def test_a_credential_without_a_path_is_looked_for_in_the_stores(tmp_path: Path) -> None:
    unit, store = tmp_path / "camerad.service", tmp_path / "credstore"
    unit.write_text("[Service]\nLoadCredential=identity.pem\n")
    store.mkdir()
    assert not system_checks.brings_key([unit], [store])
    (store / "identity.pem").touch()
    assert system_checks.brings_key([unit], [store])
    unit.write_text("[Service]\n# LoadCredential=identity.pem\n")
    assert not system_checks.brings_key([unit], [store])


def test_a_store_that_this_user_may_not_look_into_may_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = tmp_path / "camerad.service"
    unit.write_text("[Service]\nLoadCredentialEncrypted=identity.pem:/etc/x\n")

    def refuse(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "exists", refuse)
    assert system_checks.brings_key([unit])


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("→ Overall exposure level for camerad.service: 0.9 SAFE 😀", FindingId.HARDENING_OK),
        ("→ Overall exposure level for camerad.service: 1.0 OK 🙂", FindingId.HARDENING_OK),
        ("→ Overall exposure level for camerad.service: 1.1 OK 🙂", FindingId.HARDENING_WEAK),
        ("→ Overall exposure level for camerad.service: 9.6 UNSAFE 😨", FindingId.HARDENING_WEAK),
        ("Unknown command verb security.", FindingId.HARDENING_NO_TOOL),
        ("", FindingId.HARDENING_NO_TOOL),
    ],
)
def test_a_unit_is_as_confined_as_systemd_says_last(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, what: FindingId
) -> None:
    asked: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], **_: Any) -> Any:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, f"a\n{said}\n\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert check_hardening([tmp_path / "camerad.service"]).finding is what
    assert asked[0][-2:] == ("security", "camerad.service")


def test_the_service_needs_what_switches_off_and_reboots_for_it(tmp_path: Path) -> None:
    etc, lib = tmp_path / "etc", tmp_path / "lib"
    names = ["camerad-power-off.path", "camerad-power-off.service", "camerad-reboot.service"]
    for directory in (etc / "multi-user.target.wants", lib):
        directory.mkdir(parents=True)
    assert list(system_checks.missing_companions([etc, lib])) == names
    for name in names:
        (lib / name).touch()
    # Installed, and not enabled.
    assert system_checks.missing_companions([etc, lib]) == ("camerad-power-off.path",)
    found = check_hardening([lib / "camerad.service"], system_checks.missing_companions([etc, lib]))
    assert (found.finding, found.values) == (FindingId.HARDENING_ALONE, {"missing": names[0]})
    (etc / "multi-user.target.wants" / names[0]).symlink_to(lib / names[0])
    assert system_checks.missing_companions([etc, lib]) == ()


def test_a_machine_without_systemd_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = check_hardening([tmp_path / "camerad.service"])
    assert found.finding is FindingId.HARDENING_NO_TOOL
    assert system_checks.check_service().check == "hardening"
