"""One camera's signed times do not move the office's time, by which all else is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import sealed_helpers
from desk_helpers import ONE, SHORT, facts_of
from msgspec.structs import replace
from sealed_helpers import made
from vault_helpers import OFFICE_KEY

from camerad.base.clock import DAY, ClockSource, Moment
from camerad.container import jws
from camerad.container.chain import HEADER_NAME
from camerad.container.keys import KeyRing
from camerad.container.statements import RECOVERED
from camerad.ledger.ledger import read_ledger
from camerad.office.jobs.retention_job import RetentionJob
from camerad.store import receipts
from tests.unit.office.server.test_same_ids import OTHER, Two

YEAR = 365 * DAY
FORGED = ("20261124T170000Z-000004-00000004", "20261124T170000Z-000003-00000003")
HONEST = "20261124T160000Z-000002-00000002"


def forged(
    identity: str, boot_id: str, boot_us: int, wall_us: int, device: str
) -> dict[str, bytes]:
    """A recording that says to be of that boot and time, by a key that the office trusts; its
    members by name."""
    one = made(SHORT, identity=identity, key=OTHER)

    def at(us: int) -> Moment:
        return Moment(us, us + wall_us - boot_us, ClockSource.SYNCHRONISED)

    header = replace(
        one.header, device=device, boot_id=boot_id, clock=at(boot_us - 10), started_wall_us=wall_us
    )
    facts = [replace(one, clock=at(boot_us)) for one in one.facts]
    frames = sum(one.frames for one in facts)
    closing = replace(
        sealed_helpers.some_closing(frames, facts[-1].end_us, RECOVERED),
        boot_id=boot_id,
        clock=at(boot_us),
    )
    fragments = [sealed_helpers.sealed(plain) for plain in one.plain]
    return dict(sealed_helpers.signed(header, fragments, facts, closing, key=OTHER))


class Office(Two):
    """Two cameras and their office, whose server was started anew since; the key of one of them is
    in other hands."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.clock = self.vault.clock = self.one.clock
        self.vault.restart()
        self.one.put()
        assert self.vault.dock(self.one) == [ONE]
        path = self.other.put(HONEST)
        self.vault.bring_ledger(self.other, self.kid)
        token = self.vault.hand_over(path, self.kid)
        assert token is not None
        self.boot_id = receipts.parse(token, KeyRing([OFFICE_KEY.public])).boot_id
        with self.desk():
            pass
        self.clock.advance(DAY)
        self.clock.reboot()
        self.clock.advance(1_000_000)
        with self.desk() as store:
            assert store.purge() == []

    def take_forged(self, device: str) -> list[bool]:
        """Two recordings of ten years ago, in the office's own boot, are handed over; whether each
        was taken."""
        boot_us, past_us = 400 * DAY, self.clock.wall_us() - 10 * YEAR
        taken = []
        for identity, later_us in zip(FORGED, (0, 2 * DAY), strict=True):
            members = forged(identity, self.boot_id, boot_us + later_us, past_us + later_us, device)
            path = self.other.recordings / f"{identity}.tar"
            path.write_bytes(sealed_helpers.pack(list(members.items())))
            with self.other.open() as store:
                header = jws.digest(members[HEADER_NAME])
                store.ledger.append("opened", id=identity, header=header)
                ended = facts_of(str(path), "recovered", own=True)
                store.ledger.append("recovered", **ended)
            self.vault.bring_ledger(self.other, self.kid)
            taken.append(self.vault.hand_over(path, self.kid) is not None)
        return taken

    def look(self) -> None:
        """What the server does each quarter of an hour."""
        directory = str(self.vault.root)
        RetentionJob(directory, self.vault.cameras, OFFICE_KEY, self.clock).look()


@pytest.mark.parametrize(("device", "taken"), [("", [False, False]), ("cam-2", [True, True])])
def test_another_camera_s_recordings_stay_whatever_time_one_names(
    tmp_path: Path, device: str, taken: list[bool]
) -> None:
    office = Office(tmp_path)
    assert office.take_forged(device) == taken
    office.look()
    assert "cam-1" in office.files()
    state, _ = read_ledger(str(office.vault.root / "office/ledger"), KeyRing([OFFICE_KEY.public]))
    assert state.recordings[ONE].deleted is None


def test_what_names_no_camera_is_taken_in_as_what_nobody_vouches_for(tmp_path: Path) -> None:
    """As a file that a person puts into the office's directory by hand."""
    office = Office(tmp_path)
    boot_us, past_us = 400 * DAY, office.clock.wall_us() - 10 * YEAR
    members = forged(FORGED[0], office.boot_id, boot_us, past_us, "")
    (directory,) = office.vault.root.glob("cam-2-*/recordings")
    (directory / f"{FORGED[0]}.tar").write_bytes(sealed_helpers.pack(list(members.items())))
    with office.desk() as store:
        known = store.ledger.state.recordings[FORGED[0]]
        assert (known.header, known.stated_us) == ("", None)
        timeline = store.ledger.state.timeline
        assert timeline.latest_run(office.boot_id) is not None
    office.look()
    assert "cam-1" in office.files()


def test_an_entry_of_an_earlier_version_moves_no_time_either(tmp_path: Path) -> None:
    office = Office(tmp_path)
    with office.desk() as store:
        before = store.ledger.state.timeline
        past = Moment(400 * DAY, office.clock.wall_us() - 10 * YEAR, ClockSource.SYNCHRONISED)
        store.ledger.append(
            "received",
            id=FORGED[0],
            header="0" * 64,
            final="1" * 64,
            retention_days=1,
            ended=past,
            ended_boot=office.boot_id,
            flagged=False,
            reason="stop",
            device="",
            kid=OTHER.public.thumbprint,
        )
        run = before.latest_run(office.boot_id)
        assert run is not None
        assert store.ledger.state.timeline.latest_run(office.boot_id) == run
