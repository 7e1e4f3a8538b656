"""Parts of a camera beside its board, and what the image has to know of them.

Parts that the kernel drives by an overlay are soldered or plugged in once, together with the board;
so they are chosen where the board is, when the image is made. docs/image.md says why not later.

Overlays and their parameters: README of the overlays in Raspberry Pi's kernel. Names of drivers:
symbols of the kernel's configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from camerad_image import panel
from camerad_image.errors import ImageError
from camerad_image.flavours import Flavour


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `what`: for people; `lines` of config.txt; `gpios`: the lines of the header that it
    has for itself, with what each is for; `drivers` that the kernel needs; `packages` that the root
    gets; `firmware`: files below /usr/lib/firmware; `hdmi`: whether there may be a screen as well;
    `rebuilt`: whether it wants a kernel of `camerad_image.kernels`, which starts a 5.
    """

    name: str
    what: str
    lines: tuple[str, ...] = ()
    gpios: Mapping[int, str] = field(default_factory=dict)
    drivers: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    firmware: Mapping[str, bytes] = field(default_factory=dict)
    hdmi: bool = True
    rebuilt: bool = False


_I2C: Final = {2: "SDA", 3: "SCL"}
"""A bus, which parts share."""
_CLOCK: Final = ("RTC_HCTOSYS", "RTC_SYSTOHC")
"""That the kernel takes its time from the clock as soon as that has a driver, and sets it while a
time server vouches for the time: neither systemd nor anything else in the image does."""

WIFI: Final = "wifi"
PARTS: Final = {
    part.name: part
    for part in (
        Part(
            name="st7789",
            what="front display at SPI, 320 by 240, controller ST7789V",
            lines=(
                "dtoverlay=mipi-dbi-spi,spi0-0,speed=48000000",
                "dtparam=width=320,height=240,width-mm=41,height-mm=31",
                "dtparam=reset-gpio=5,dc-gpio=6,backlight-gpio=13",
                "dtparam=write-only",
            ),
            gpios={
                5: "RST",
                6: "DC",
                7: "second select of the bus",
                8: "CS",
                9: "MISO of the bus",
                10: "DIN",
                11: "CLK",
                13: "BL",
            },
            drivers=("DRM_PANEL_MIPI_DBI", "SPI_BCM2835", "BACKLIGHT_GPIO"),
            firmware={panel.FILE: panel.firmware(panel.ST7789)},
            # A screen would be /dev/fb0 in its place.
            hdmi=False,
        ),
        Part(
            name="i2s-microphone",
            what="microphone at I2S (INMP441, ICS-43434, SPH0645), and an amplifier (MAX98357A)",
            lines=("dtoverlay=googlevoicehat-soundcard",),
            gpios={16: "SD", 18: "SCK, BCLK", 19: "WS, LRC", 20: "SD", 21: "DIN"},
            drivers=("SND_BCM2835_SOC_I2S", "SND_BCM2708_SOC_GOOGLEVOICEHAT_SOUNDCARD"),
        ),
        Part(
            name="ds3231",
            what="clock with a battery at I2C",
            lines=("dtoverlay=i2c-rtc,ds3231",),
            gpios=_I2C,
            drivers=("RTC_DRV_DS1307", "I2C_BCM2835", *_CLOCK),
        ),
        Part(
            name="rv3028",
            what="clock at I2C with a capacitor, which it charges through 3 kOhm",
            lines=("dtoverlay=i2c-rtc,rv3028,backup-switchover-mode=3,trickle-resistor-ohms=3000",),
            gpios=_I2C,
            drivers=("RTC_DRV_RV3028", "I2C_BCM2835", *_CLOCK),
        ),
        Part(
            name="max17048",
            what="fuel gauge at I2C (MAX17040, 17048)",
            lines=("dtoverlay=i2c-sensor,max17040",),
            gpios=_I2C,
            drivers=("BATTERY_MAX17040", "I2C_BCM2835"),
        ),
        Part(
            name="charger",
            what="whether the dock supplies the camera: 3.3 V at a line, through a divider",
            lines=("dtoverlay=gpio-charger,gpio=26,gpio_pull=off",),
            gpios={26: "supplied"},
            drivers=("CHARGER_GPIO",),
        ),
        Part(
            name="usb-camera",
            what="camera at USB (UVC), in place of one at the board's own connector",
            drivers=("USB_VIDEO_CLASS",),
        ),
        Part(
            name="imx219",
            what="Camera Module 2 at the connector CAM/DISP 0 of a 5",
            lines=("dtoverlay=camerad-imx219",),
            drivers=("VIDEO_IMX219", "DMABUF_HEAPS", "DMABUF_HEAPS_CMA", "VIDEO_RP1_CFE"),
            rebuilt=True,
        ),
        Part(
            name=WIFI,
            what="the board's radio, for the dock's network; off wherever the camera is worn",
            drivers=("BRCMFMAC",),
            packages=("wpasupplicant", "firmware-brcm80211", "wireless-regdb"),
        ),
    )
}
REFERENCE: Final = ("st7789", "i2s-microphone", "ds3231", "max17048", "charger")
"""What docs/hardware.md builds."""


def chosen(words: str) -> tuple[Part, ...]:
    """The parts that PARTS=words stands for, names with blanks between them; "reference" stands for
    REFERENCE. Raises ImageError if one is unknown, or if two want the same line for different
    things."""
    names = [name for word in words.split() for name in _names(word)]
    found = tuple(part for name, part in PARTS.items() if name in names)
    used: dict[int, tuple[str, Part]] = {}
    for part in found:
        for gpio, what in part.gpios.items():
            before = used.setdefault(gpio, (what, part))
            if before[0] != what:
                raise ImageError(f"PARTS: {before[1].name} and {part.name} both want GPIO {gpio}")
    clocks = [part.name for part in found if any("i2c-rtc" in line for line in part.lines)]
    if len(clocks) > 1:
        raise ImageError(f"PARTS: {' and '.join(clocks)} are both the clock; name one of them")
    return found


def _names(word: str) -> tuple[str, ...]:
    if word == "reference":
        return REFERENCE
    if word not in PARTS:
        raise ImageError(f"PARTS={word}: there are {', '.join((*PARTS, 'reference'))}")
    return (word,)


def label(parts: Iterable[Part]) -> str:
    """How a choice of parts is called in the names of files; nothing where there is none."""
    names = [part.name for part in parts]
    if set(REFERENCE) <= set(names):
        names = ["reference", *(name for name in names if name not in REFERENCE)]
    return "-".join(names)


def packages(parts: Iterable[Part]) -> tuple[str, ...]:
    """The packages that the root gets for these parts."""
    return tuple(package for part in parts for package in part.packages)


def check_packages(parts: Iterable[Part], status: str) -> None:
    """Raise ImageError if a root lacks a package that a part needs, as one that was made without it
    does. status: the text of /var/lib/dpkg/status."""
    for part in parts:
        for package in part.packages:
            if f"Package: {package}\n" not in status:
                raise ImageError(
                    f"PARTS={part.name}: BASE has no package {package}: build it anew, without BASE"
                )


def overlays(config_txt: str) -> tuple[str, ...]:
    """The overlays that a config.txt names."""
    return tuple(re.findall(r"^dtoverlay=([A-Za-z0-9-]+)", config_txt, re.MULTILINE))


def check_flavour(parts: Iterable[Part], flavour: Flavour) -> None:
    """Raise ImageError if the flavour's kernel comes without overlays, and a part needs some: said
    before anything is built."""
    needing = [part.name for part in parts if part.lines and not part.rebuilt]
    if flavour.upstream and needing:
        raise ImageError(
            f"PARTS={' '.join(needing)}: the kernel of FLAVOUR={flavour.name} comes without "
            "overlays, by which it would be told of them; FLAVOUR=raspios has them"
        )


def check_kernel(parts: Iterable[Part], version: str, config: str, overlays: Iterable[str]) -> None:
    """Raise ImageError if kernel `version` cannot drive the parts. config: the text of its
    configuration; overlays: those that its package has."""
    have = set(overlays)
    for part in parts:
        for driver in part.drivers:
            if not re.search(rf"^CONFIG_{driver}=[ym]$", config, re.MULTILINE):
                raise ImageError(f"PARTS={part.name}: kernel {version} has no CONFIG_{driver}")
        for overlay in _named(part):
            if overlay not in have:
                raise ImageError(
                    f"PARTS={part.name}: kernel {version} comes without the overlay {overlay}, by "
                    "which it would be told of it"
                )


def _named(part: Part) -> tuple[str, ...]:
    return overlays("\n".join(part.lines))
