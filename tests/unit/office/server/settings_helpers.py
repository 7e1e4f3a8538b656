"""A settings file for a camera, and what is offered of it."""

from __future__ import annotations

from camerad.container.keys import SigningKey
from camerad.provisioning import settings_offer, signing
from tests.unit.provisioning.scene import document


def an_offer(office: SigningKey, kid: str, serial: int = 2) -> tuple[bytes, bytes]:
    """File and offer. kid: thumbprint of the camera's key."""
    file = document(serial, camera=kid, office=office, device="cam-1")
    return file, settings_offer.join(file, signing.sign(office, file))
