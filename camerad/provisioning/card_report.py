"""Writes ``camerad-report.txt``: the camera's verdict on the file on its card."""

from __future__ import annotations

from typing import Final

import msgspec

from camerad import __version__
from camerad.base.text import printable
from camerad.config.provisioning import NAME as FILE
from camerad.provisioning.provisioning_state import AcceptedFile
from camerad.provisioning.validation import RefusalReason

NAME: Final = "camerad-report.txt"
MOST_LINES: Final = 50
"""So many mistakes are told at once: a file of another kind can have thousands, each with a long
line, and the report has to fit where the next file belongs."""


class CardReport(msgspec.Struct, frozen=True):
    """Content of the report. decision: what holds on this camera, if anything does. refused: why
    the file on the card was. lines: what is the matter, each with its cure. left: other files on
    the card in which the passphrase stands. scrubbed: whether free room was overwritten, None if it
    need not be."""

    decision: AcceptedFile | None
    refused: RefusalReason | None
    lines: tuple[str, ...]
    left: tuple[str, ...] = ()
    scrubbed: bool | None = None


def render_report(told: CardReport) -> str:
    """The report. It ends its lines as every editor on every system understands."""
    lines = [f"camerad {__version__}", _headline(told), ""]
    lines += [printable(line) for line in told.lines[:MOST_LINES]]
    if len(told.lines) > MOST_LINES:
        lines.append(f"and {len(told.lines) - MOST_LINES} more: camerad provision check lists them")
    if told.decision is not None:
        lines += ["", *_holds(told.decision)]
    for name in told.left:
        lines.append(
            f"The file {name} has the passphrase of the wireless network as well: delete it."
        )
    if told.scrubbed is not None:
        lines.append(_SCRUBBED[told.scrubbed])
    return "".join(f"{line}\r\n" for line in lines)


_SCRUBBED: Final = {
    True: "The passphrase and all free room of this partition were overwritten. A flash card may "
    "keep earlier cells that no computer shows.",
    False: "The passphrase was overwritten in its file. Free room was not, because this is not a "
    "card made for camerad: earlier versions of the file may still be there.",
}


def _headline(told: CardReport) -> str:
    if told.refused is not None:
        state = "NOT SET UP" if told.decision is None else "AS BEFORE"
        return f"{state}: {FILE} was refused ({told.refused.value})."
    if told.decision is None:
        return "NOT SET UP: this camera does not record."
    return f"SET UP as {told.decision.order.device}."


def _holds(decision: AcceptedFile) -> list[str]:
    order = decision.order
    lines = [
        f"What holds: {order.device}, serial {decision.serial}",
        f"  signed by the office's key {order.office}",
        f"  SHA-256 of the file {decision.sha256}",
    ]
    if order.retires is not None:
        lines.append(f"  the camera's former key {order.retires} was given up")
    return lines
