"""What a display's controller is set up with, as the kernel's panel-mipi-dbi reads it.

Format: drivers/gpu/drm/tiny/panel-mipi-dbi.c of the kernel. Fifteen bytes of magic and a version;
then commands, each its number, the count of its parameters, and these. Command 0 with one parameter
is a pause, in milliseconds. The driver looks for the file by the first word of the device tree's
``compatible``, which is "panel" unless an overlay is told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

FILE: Final = "panel.bin"
"""Below /usr/lib/firmware."""
MAGIC: Final = b"MIPI DBI".ljust(15, b"\0")
VERSION: Final = 1
_PAUSE: Final = 0


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the MIPI Display Command Set, or of the controller's own."""

    number: int
    parameters: tuple[int, ...] = ()


def pause(milliseconds: int) -> Command:
    """A wait of up to 255 ms."""
    return Command(_PAUSE, (milliseconds,))


def firmware(commands: Iterable[Command]) -> bytes:
    """The file for these commands. Raises ValueError if a number is no byte."""
    content = bytearray(MAGIC)
    content.append(VERSION)
    for command in commands:
        content += bytes((command.number, len(command.parameters), *command.parameters))
    return bytes(content)


ST7789: Final = (
    # Sitronix, ST7789V datasheet, chapter 9; what is not set here is as it is after a reset. After
    # it leaves its sleep, the controller wants 120 ms before it is told anything else of that kind.
    Command(0x11),  # SLPOUT
    pause(120),
    Command(0x3A, (0x55,)),  # COLMOD: 16 bits a pixel, which the driver sends
    Command(0x36, (0x60,)),  # MADCTL: rows and columns exchanged, for 320 by 240 lying
    Command(0x21),  # INVON: panels of the kind IPS are wired the other way round
    Command(0x13),  # NORON
    Command(0x29),  # DISPON
)
"""A panel of 320 by 240 pixels at an ST7789V, lying on its side."""
