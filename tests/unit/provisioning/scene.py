"""A camera and its office, without either: a card, what the camera keeps, and keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from camerad.config.provisioning import NAME
from camerad.container.keys import SigningKey, encode_base64url
from camerad.provisioning import orders, signing
from camerad.provisioning.apply import ApplyOutcome, apply
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.card_report import NAME as REPORT
from camerad.provisioning.orders import LedgerOrder
from camerad.provisioning.provisioning_state import ProvisioningState
from camerad.provisioning.provisioning_status import ProvisioningStatus, read_status

DESK: Final = "age1rmpz6lv0fenc5mtprp52pc2wveryllwwrf95vd7tsudku5nffvvsd8je57"
SECRET: Final = "ein sehr geheimes Wort"  # noqa: S105 - what is looked for afterwards
CAMERA: Final = SigningKey.generate().public.thumbprint
OTHER_CAMERA: Final = SigningKey.generate().public.thumbprint
OFFICE: Final = SigningKey.generate()
STRANGER: Final = SigningKey.generate()

TEMPLATE: Final = """\
policy: generic
recipients: [{desk}]
device: {{id: {device}}}
provision:
  office_key: "{office}"
  serial: {serial}
{more}"""
WIFI: Final = f'wifi: {{ssid: Dock, passphrase: "{SECRET}"}}\n'


def raw(key: SigningKey) -> str:
    """The public half as `provision.office_key` has it."""
    return encode_base64url(key.public.raw)


def document(
    serial: int = 1,
    more: str = "",
    *,
    office: SigningKey = OFFICE,
    device: str = "camera-07",
    camera: str | None = None,
    reset: str | None = None,
) -> bytes:
    """A provisioning file. more: what comes behind."""
    lines = "".join(
        f'  {key}: "{value}"\n'
        for key, value in (("camera_key", camera), ("reset", reset))
        if value is not None
    )
    text = TEMPLATE.format(
        desk=DESK, device=device, office=raw(office), serial=serial, more=lines + more
    )
    return text.encode()


@dataclass
class Scene:
    """root: has ``boot``, ``data`` and ``state``. camera: thumbprint of its key, if it has one."""

    root: Path
    camera: str | None = None

    def __post_init__(self) -> None:
        for place in (self.boot, self.data, self.state, self.programs):
            place.mkdir(exist_ok=True)
        for program in ("sshd", "wpa_supplicant"):
            (self.programs / program).touch()

    @property
    def boot(self) -> Path:
        return self.root / "boot"

    @property
    def programs(self) -> Path:
        """What the camera's system has."""
        return self.root / "programs"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def put(self, content: bytes, by: SigningKey | None = OFFICE) -> bytes:
        """Put a file onto the card, signed by a key; returns it."""
        (self.boot / NAME).write_bytes(content)
        if by is not None:
            (self.boot / signing.NAME).write_bytes(signing.sign(by, content))
        return content

    def apply(self) -> ApplyOutcome:
        card, kept = BootPartition(str(self.boot)), ProvisioningState(str(self.data))
        return apply(card, kept, self.camera, programs=str(self.programs))

    def set_up(self, serial: int = 1, more: str = "") -> None:
        """The camera has had its first file, and made its key."""
        self.put(document(serial, more))
        assert self.apply() is ApplyOutcome.APPLIED
        self.camera = CAMERA

    @property
    def status(self) -> ProvisioningStatus:
        return read_status(self.data)

    @property
    def report(self) -> str:
        return (self.boot / REPORT).read_bytes().decode()

    @property
    def config(self) -> str:
        return (self.data / "camerad.yaml").read_text()

    @property
    def orders(self) -> tuple[LedgerOrder, ...]:
        return orders.read_orders(str(self.data))

    @property
    def on_card(self) -> set[str]:
        return {path.name for path in self.boot.iterdir()}

    def pinned(self) -> str:
        """The office's key that counts."""
        accepted = ProvisioningState(str(self.data)).accepted
        assert accepted is not None
        return accepted.office_key


def plain(order: LedgerOrder) -> dict[str, object]:
    """An order without its id."""
    made: dict[str, object] = msgspec.to_builtins(order)
    del made["id"]
    return made
