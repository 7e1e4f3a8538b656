"""What a camera has beside its board: in config.txt, in its kernel, in its firmware."""

from __future__ import annotations

import pytest

from camerad_image import boards, panel, parts
from camerad_image.errors import ImageError
from camerad_image.flavours import FLAVOURS

ALL = " ".join(parts.PARTS)


def config(words: str) -> str:
    return boards.config_txt(boards.boards("zero2w"), upstream=False, parts=parts.chosen(words))


def test_a_part_is_told_of_in_config_txt_and_one_that_is_not_there_is_not() -> None:
    plain = config("")
    for part in parts.PARTS.values():
        text = config(part.name)
        assert all(f"\n{line}\n" in text for line in part.lines)
        assert not any(line in plain for line in part.lines)


def test_parts_stand_where_every_board_reads_them() -> None:
    text = config("reference")
    before = text.split("dtoverlay=mipi-dbi-spi")[0]
    # The last section that was opened before it.
    assert before.rpartition("[")[2].startswith("all]")
    # A parameter belongs to the overlay above it.
    assert "dtoverlay=mipi-dbi-spi,spi0-0,speed=48000000\ndtparam=width=" in text


def test_no_bus_is_switched_on_that_nobody_uses() -> None:
    assert not [line for line in config("").splitlines() if "i2c" in line or "spi" in line]
    assert "i2s" not in config("")


def test_a_line_is_no_longer_than_the_firmware_reads() -> None:
    # Raspberry Pi's documentation, "config.txt", "File format": 98 characters.
    for line in config(ALL.replace("rv3028", "")).splitlines():
        assert len(line) <= 98


def test_a_panel_is_the_first_framebuffer_since_there_is_no_screen() -> None:
    assert "dtoverlay=vc4-kms-v3d,nohdmi,cma-128\n" in config("st7789")
    assert "dtoverlay=vc4-kms-v3d,cma-128\n" in config("ds3231")


def test_two_parts_that_want_the_same_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="ds3231 and rv3028 are both the clock"):
        parts.chosen("rv3028 ds3231")
    with pytest.raises(ImageError, match=r"PARTS=st7735: there are st7789, .*reference"):
        parts.chosen("st7735")
    other = parts.Part("other", "", gpios={13: "something else"})
    monkeypatch.setitem(parts.PARTS, "other", other)
    with pytest.raises(ImageError, match="st7789 and other both want GPIO 13"):
        parts.chosen("other st7789")


KERNEL = "\n".join(f"CONFIG_{d}=m" for part in parts.PARTS.values() for d in part.drivers)
OVERLAYS = parts.overlays(config(ALL.replace("rv3028", "")))


def test_a_kernel_has_to_have_drivers_and_overlays() -> None:
    chosen = parts.chosen("reference")
    parts.check_kernel(chosen, "6.12", KERNEL, OVERLAYS)
    less = KERNEL.replace("CONFIG_BATTERY_MAX17040=m", "# CONFIG_BATTERY_MAX17040 is not set")
    with pytest.raises(ImageError, match=r"PARTS=max17048: kernel 6\.12 has no CONFIG_BATTERY_MAX"):
        parts.check_kernel(chosen, "6.12", less, OVERLAYS)
    with pytest.raises(ImageError, match="comes without the overlay i2c-rtc"):
        parts.check_kernel(chosen, "6.12", KERNEL, set(OVERLAYS) - {"i2c-rtc"})


def test_a_clock_that_nobody_reads_is_no_clock() -> None:
    """Nothing in the image sets the time by it: the kernel has to, and to set it in its turn."""
    less = KERNEL.replace("CONFIG_RTC_HCTOSYS=m", "")
    for name in ("ds3231", "rv3028"):
        with pytest.raises(ImageError, match="has no CONFIG_RTC_HCTOSYS"):
            parts.check_kernel(parts.chosen(name), "6.12", less, OVERLAYS)


def test_what_a_flavours_kernel_can_never_drive_is_said_before_anything_is_built() -> None:
    chosen = parts.chosen("ds3231 max17048 wifi")
    parts.check_flavour(chosen, FLAVOURS["raspios"])
    parts.check_flavour(parts.chosen("wifi usb-camera"), FLAVOURS["debian"])
    with pytest.raises(ImageError, match=r"PARTS=ds3231 max17048: .*FLAVOUR=debian comes without"):
        parts.check_flavour(chosen, FLAVOURS["debian"])


def test_a_base_that_was_made_for_other_parts_is_refused() -> None:
    chosen = parts.chosen("wifi")
    status = "".join(f"Package: {name}\nStatus: ok\n\n" for name in parts.packages(chosen))
    parts.check_packages(chosen, status)
    with pytest.raises(ImageError, match="BASE has no package wpasupplicant"):
        parts.check_packages(chosen, status.replace("wpasupplicant", "wpasupplicant-udeb"))


def test_a_radio_is_the_only_part_that_brings_packages() -> None:
    assert {part.name for part in parts.PARTS.values() if part.packages} == {parts.WIFI}
    common = {name for flavour in FLAVOURS.values() for name in flavour.packages}
    assert not common & set(parts.packages(parts.chosen("wifi")))


def read(content: bytes) -> list[tuple[int, bytes]]:
    """Commands and pauses of a firmware file, by the rules of the kernel's driver, which refuses a
    file that keeps to any of them not."""
    assert len(content) >= 16 + 2
    assert content[:15] == b"MIPI DBI\0\0\0\0\0\0\0"
    assert content[15] == 1
    commands, rest = [], content[16:]
    while rest:
        number, count = rest[0], rest[1]
        assert len(rest) >= 2 + count
        commands.append((number, rest[2 : 2 + count]))
        rest = rest[2 + count :]
    return commands


def test_the_panels_firmware_wakes_it_and_switches_it_on_at_last() -> None:
    commands = read(parts.PARTS["st7789"].firmware[panel.FILE])
    # MIPI Display Command Set: 0x11 leaves the sleep mode, 0x29 switches the display on, 0x3A sets
    # the pixel's format, of which 0x55 has 16 bits; a pause is command 0 with one parameter.
    assert commands[:2] == [(0x11, b""), (0x00, bytes([120]))]
    assert (0x3A, b"\x55") in commands
    assert commands[-1] == (0x29, b"")


def test_the_panel_lies_as_its_overlay_says() -> None:
    (address,) = (p for n, p in read(panel.firmware(panel.ST7789)) if n == 0x36)
    # Bit 5 exchanges rows and columns: the controller's memory stands, 240 by 320.
    assert bool(address[0] & 0x20) == ("width=320,height=240" in config("st7789"))
