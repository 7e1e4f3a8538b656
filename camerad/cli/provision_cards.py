"""``camerad provision cards``: writes, checks and collects card after card, without a keystroke."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from camerad.base import file_status
from camerad.base.errors import EX_USAGE, CameradError
from camerad.base.text import count, printable
from camerad.cli import provision_key

if TYPE_CHECKING:
    from camerad.evidence.card_reader import CardKind, CardReader

_LOOK_SECONDS: Final = 0.2
"""How often the reader is asked for a card."""


class CardsCommandError(CameradError, ValueError):
    """Error raised when cards cannot be written as asked."""

    exit_code = EX_USAGE


def add_action(actions: Any) -> None:
    """Add it to the actions of ``camerad provision``."""
    parser = actions.add_parser(
        "cards",
        help="write, check and collect card after card",
        description="Waits for cards in a reader, one after the other. A new card is ERASED: it "
        "gets the image, and the settings of the next camera of the table, and all of it is read "
        "back. A card that comes back from its camera is collected into the register. It says "
        "when a card may be taken out, and ends when every camera of the table is in the "
        "register. Interrupted, it goes on where it was.",
    )
    parser.add_argument("table", metavar="TABLE", help="CSV, as for 'camerad provision batch'")
    parser.add_argument(
        "--files", required=True, metavar="DIR", help="where 'camerad provision batch' has put them"
    )
    parser.add_argument(
        "--image", required=True, metavar="FILE", help="the card's image, .img or .img.zst"
    )
    parser.add_argument(
        "--reader", required=True, metavar="DEVICE", help="the card reader, such as /dev/sdb"
    )
    parser.add_argument("--register", required=True, metavar="FILE", help="as for 'collect'")
    parser.add_argument("--keys", metavar="DIR", help="as for 'collect'")
    provision_key.add_office_key_option(
        parser, f"{provision_key.EITHER_HALF}, by which the files are signed"
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    from camerad.cli import desk  # noqa: PLC0415 - slow to import
    from camerad.evidence import batch  # noqa: PLC0415
    from camerad.evidence.card_reader import CardReader, settings_in  # noqa: PLC0415

    own = desk.office_key(options)
    if own is None:
        raise provision_key.no_key_error(options, "whether a camera was set up by its file")
    names = [row[batch.NAME] for _, row in batch.read_table(options.table)]
    missing = [
        path
        for name in names
        for path in settings_in(os.path.join(options.files, name))
        if file_status.mode_of(path, linked=True) is None
    ]
    if missing or file_status.mode_of(options.image, linked=True) is None:
        raise CardsCommandError(
            f"{(missing or [options.image])[0]}: there is no such file; 'camerad provision batch' "
            "makes those of the cameras"
        )
    reader = CardReader(options.reader)
    reader.check()
    _Round(options, own.thumbprint, reader, names).run()
    return 0


class _Round:
    """All cards of a table. What is done is known by the register, and by a mark beside the files
    of each camera whose card was written."""

    def __init__(
        self, options: argparse.Namespace, office: str, reader: CardReader, names: list[str]
    ) -> None:
        self._options, self._office, self._reader, self._names = options, office, reader, names

    def run(self) -> None:
        _say(
            f"{self._reader.path}: every new card that comes in here is erased. "
            f"{count(len(self._to_write()), 'card')} to write, "
            f"{len(self._to_collect())} to collect"
        )
        while self._to_collect():
            _say("put a card in")
            self._wait(self._reader.has_card)
            try:
                for text in self._handle():
                    _say(text)
            except CameradError as error:
                sys.stderr.write(f"camerad: {printable(error)}\n")
            _say(
                f"take the card out; {len(self._to_write())} to write, "
                f"{len(self._to_collect())} to collect"
            )
            if sys.stdout.isatty():
                sys.stdout.write("\a")
                sys.stdout.flush()
            self._wait(lambda: not self._reader.has_card())
        _say("every camera of the table is in the register")

    def _handle(self) -> Iterator[str]:
        """Do with a card what is next for it; yields what to say. Raises CameradError."""
        from camerad.evidence.card_reader import CardKind  # noqa: PLC0415 - slow to import

        kind = self._reader.look()
        if kind is CardKind.STARTED:
            self._collect()
        elif kind is CardKind.NEW and (left := self._to_write()):
            name = left[0]
            yield f"{name}: being written"
            self._write(name)
            yield f"{name}: written, and read back. Put it into the camera of this name"
        else:
            yield _ELSE[kind]

    def _write(self, name: str) -> None:
        from datetime import UTC, datetime  # noqa: PLC0415

        from camerad.base import durable_files  # noqa: PLC0415 - slow to import
        from camerad.evidence.card_reader import settings_in  # noqa: PLC0415

        files = settings_in(os.path.join(self._options.files, name))
        self._reader.write(self._options.image, files)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        durable_files.publish(self._mark(name), f"{at}\n".encode())

    def _collect(self) -> None:
        from camerad.cli.provision_register import collect_cards  # noqa: PLC0415
        from camerad.evidence import camera_register  # noqa: PLC0415 - slow to import

        with tempfile.TemporaryDirectory() as copy:
            self._reader.copy_to(copy)
            options = argparse.Namespace(
                card=[copy],
                register=self._options.register,
                keys=self._options.keys,
                replace=[],
            )
            with camera_register.locked(self._options.register):
                collect_cards(options, self._office)

    def _to_write(self) -> list[str]:
        known = self._known()
        return [
            name
            for name in self._names
            if name not in known and not file_status.exists(self._mark(name))
        ]

    def _to_collect(self) -> list[str]:
        known = self._known()
        return [name for name in self._names if name not in known]

    def _known(self) -> set[str]:
        from camerad.evidence import camera_register  # noqa: PLC0415 - slow to import

        register = camera_register.read(self._options.register, made=True)
        return {one.name for one in register.cameras}

    def _mark(self, name: str) -> str:
        return os.path.join(self._options.files, f"{name}.written")

    def _wait(self, until: Callable[[], bool]) -> None:
        while not until():
            time.sleep(_LOOK_SECONDS)


_ELSE: Final[dict[CardKind | str, str]] = {
    "new": "no card is left to write: put those that are written into their cameras",
    "written": "this card is written: put it into its camera, and bring it when that is ready",
    "refused": "its camera refused the settings: camerad-report.txt on it says why",
    "used": "there is an image on it, and it may have recordings: it was left as it is. Overwrite "
    "it first, as docs/technician.md says",
}


def _say(text: str) -> None:
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()
