"""The parts of the desk that its routes share."""

from __future__ import annotations

import msgspec

from camerad.base.clock import Clock
from camerad.container.keys import PublicKey, SigningKey
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.sessions import Sessions
from camerad.office.index.index import RecordingIndex
from camerad.office.server.cameras import Cameras
from camerad.office.server.desk_settings import DeskSettings
from camerad.office.server.office_settings import OfficeFile
from camerad.office.state.office_state import OfficeState


class DeskParts(msgspec.Struct, frozen=True):
    """settings: of the office. desk: its section for the desk. key: signs the office's ledger.
    cameras: the register. index: answers questions about recordings."""

    settings: OfficeFile
    desk: DeskSettings
    key: SigningKey
    clock: Clock
    cameras: Cameras
    state: OfficeState
    sessions: Sessions
    ledger: DeskLedger
    index: RecordingIndex

    @property
    def directory(self) -> str:
        """The office's."""
        return str(self.settings.directory)

    @property
    def register(self) -> str:
        """File with the office's cameras."""
        return str(self.settings.register)

    @property
    def own(self) -> PublicKey:
        """The office's public key."""
        return self.key.public
