"""``camerad provision`` at the office: the register of cameras, from their cards and as labels."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.errors import EX_CONFIG, CameradError
from camerad.base.text import count
from camerad.base.words import words_in
from camerad.cli import desk
from camerad.cli.console import CommandError, print_line, system_language, warn
from camerad.cli.provision_office import no_key_error
from camerad.evidence import batch, camera_register, labels
from camerad.evidence.card_reader import CardKind, CardReader, settings_in

_HINT: Final = "If the office has a server, put the register there as well (docs/office.md)."


def collect(options: argparse.Namespace) -> int:
    """Take the keys that cards bring into the office's register."""

    own = desk.office_key(options)
    if own is None:
        raise no_key_error(options, "whether a camera was set up by its file")
    with camera_register.locked(options.register):
        wrong = collect_cards(options, own.thumbprint)
    if len(options.card) > wrong:
        print_line(_HINT)
    return EX_CONFIG if wrong else 0


def collect_cards(options: argparse.Namespace, office: str) -> int:
    """Take what is on cards into the register, which is locked; returns how many were left out.
    office: thumbprint of its key. Raises CameradError."""

    known = camera_register.read(options.register, made=True)
    taken: dict[str | None, str] = {}
    wrong = 0
    for card in options.card:
        try:
            device = camera_register.read_card(card)
            first = taken.get(device.device, device.thumbprint)
            if first != device.thumbprint:
                # --replace is said of one camera, and would have the last card win.
                raise camera_register.RegisterError(
                    f"{card}: a card before it has the same name, {device.device}, with the key "
                    f"{first}; this one has {device.thumbprint}. Give one of the two cameras "
                    "another name, with a new file, and collect the other one alone"
                )
            at = datetime.now(UTC).isoformat(timespec="seconds")
            known = camera_register.with_camera(known, device, at, options.replace, office=office)
            taken[device.device] = device.thumbprint
        except CameradError as error:
            wrong += 1
            warn(error)
            continue
        camera_register.write(options.register, known)
        if options.keys is not None:
            durable_files.make_directory(os.path.abspath(options.keys), 0o700, linked=True)
            name = f"{device.device}-{device.thumbprint[:8]}.pem"
            path = os.path.join(os.path.abspath(options.keys), name)
            durable_files.publish(path, device.key.pem.encode())
        print_line(f"{device.device}  {device.thumbprint}  {_doctor(device.doctor)}")
    return wrong


def _doctor(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "doctor: not run"
    said = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
    return f"doctor: {said}"


def make_labels(options: argparse.Namespace) -> int:
    """Make a sheet of labels of a register."""

    words = words_in(options.language or system_language())
    known = camera_register.read(options.register)
    page = labels.render_labels(known, words, datetime.now().astimezone()).encode()
    path = os.path.abspath(options.output)
    descriptor = durable_files.create(path, 0o644)
    try:
        durable_files.write(descriptor, [page], 0, path)
    finally:
        durable_files.close(descriptor, path)
    print_line(f"{path}: {count(len(known.cameras), 'label')}; print it at its own size")
    return 0


# --------------------------------------------------------------------------- card after card

_LOOK_SECONDS: Final = 0.2
"""How often the reader is asked for a card."""


def write_cards(options: argparse.Namespace) -> int:
    """Write, check and collect card after card."""

    own = desk.office_key(options)
    if own is None:
        raise no_key_error(options, "whether a camera was set up by its file")
    names = [row[batch.NAME] for _, row in batch.read_table(options.table)]
    missing = [
        path
        for name in names
        for path in settings_in(os.path.join(options.files, name))
        if file_status.mode_of(path, linked=True) is None
    ]
    if missing or file_status.mode_of(options.image, linked=True) is None:
        raise CommandError(
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
        self._say(
            f"{self._reader.path}: every new card that comes in here is erased. "
            f"{count(len(self._to_write()), 'card')} to write, "
            f"{len(self._to_collect())} to collect"
        )
        while self._to_collect():
            self._say("put a card in")
            self._wait(self._reader.has_card)
            try:
                for text in self._handle():
                    self._say(text)
            except CameradError as error:
                warn(error)
            self._say(
                f"take the card out; {len(self._to_write())} to write, "
                f"{len(self._to_collect())} to collect"
            )
            if sys.stdout.isatty():
                sys.stdout.write("\a")
                sys.stdout.flush()
            self._wait(lambda: not self._reader.has_card())
        self._say("every camera of the table is in the register")

    def _handle(self) -> Iterator[str]:
        """Do with a card what is next for it; yields what to say. Raises CameradError."""

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

        files = settings_in(os.path.join(self._options.files, name))
        self._reader.write(self._options.image, files)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        durable_files.publish(self._mark(name), f"{at}\n".encode())

    def _collect(self) -> None:

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

        register = camera_register.read(self._options.register, made=True)
        return {one.name for one in register.cameras}

    def _mark(self, name: str) -> str:
        return os.path.join(self._options.files, f"{name}.written")

    @staticmethod
    def _say(text: str) -> None:
        print_line(text)
        sys.stdout.flush()

    @staticmethod
    def _wait(until: Callable[[], bool]) -> None:
        while not until():
            time.sleep(_LOOK_SECONDS)


_ELSE: Final[dict[CardKind | str, str]] = {
    "new": "no card is left to write: put those that are written into their cameras",
    "written": "this card is written: put it into its camera, and bring it when that is ready",
    "refused": "its camera refused the settings: camerad-report.txt on it says why",
    "used": "there is an image on it, and it may have recordings: it was left as it is. Overwrite "
    "it first, as docs/technician.md says",
}
