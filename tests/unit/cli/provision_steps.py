"""What the tests of `camerad provision` do: a camera with its card, and files made for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from camerad.provisioning import orders
from camerad.provisioning.order_execution import OrderExecution
from camerad.store import identity
from tests.unit.cli.conftest import Desk
from tests.unit.provisioning.scene import DESK

NEW = ("--policy", "generic", "--recipient", DESK)


class Camera:
    """A camera with its card, at a desk: its commands, and what its daemon does besides."""

    def __init__(self, desk: Desk, root: Path) -> None:
        self.desk = desk
        self.boot, self.data, self.state = (root / name for name in ("boot", "data", "state"))
        for place in (self.boot, self.data, self.state):
            place.mkdir(parents=True)

    @property
    def places(self) -> list[object]:
        return ["--boot", self.boot, "--data", self.data, "--state", self.state]

    def given(self, directory: Path) -> int:
        """A start with these files on its card; the exit code of `apply`."""
        for path in directory.iterdir():
            shutil.copy(path, self.boot)
        return self.desk("provision", "apply", *self.places).code

    def daemon(self) -> str:
        """The daemon has started; the thumbprint of its key."""
        told = OrderExecution(self.data, str(self.state))
        made = identity.load_or_create(str(self.state), told.retired_keys)
        identity.confirm(str(self.state), made)
        for order in orders.pending_orders(str(self.data), str(self.state)):
            orders.outbox(str(self.state)).mark_delivered(order)
        return made.key.public.thumbprint

    def publish(self) -> int:
        return self.desk("provision", "publish", *self.places).code

    def life(self, directory: Path) -> str:
        """From the file to what lies on the card afterwards; the thumbprint of its key."""
        assert self.given(directory) == 0
        thumbprint = self.daemon()
        assert self.publish() == 0
        return thumbprint


def made(desk: Desk, output: Path, device: str = "camera-07", *more: object) -> Path:
    said = desk("provision", "new", "--device", device, *NEW, "--output", output, *more)
    assert said.code == 0, said.err
    return output
