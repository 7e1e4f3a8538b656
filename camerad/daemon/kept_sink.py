"""Wraps a recording's file for the recorder, and writes its events into the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from camerad.base.errors import CameradError

if TYPE_CHECKING:
    from camerad.container.statements import Closing, FragmentFacts, Header
    from camerad.recording.container_writer import Sink


class Witness(Protocol):
    """The writer of the ledger (`camerad.daemon.store_worker`). Thread-safe."""

    def note(self, kind: str, **facts: Any) -> None:
        """Have the ledger say so."""

    def committed(self) -> None:
        """A recording has its first fragment."""

    def ending(self, recording: str, closing: Closing) -> None:
        """The end of a recording is about to be written, after which its file is let go."""

    def interrupted(self, recording: str = "", closing: Closing | None = None) -> None:
        """A recording has no end although the daemon goes on. closing: what it was to say."""

    def lost_its_name(self, recording: str) -> None:
        """The file of a recording that is being made is not under its name any more."""


class KeptSink:
    """A recording's file whose end the ledger gets to know, and whose loss; a `Sink`."""

    def __init__(self, sink: Sink, header: Header, witness: Witness) -> None:
        self._sink = sink
        self._header = header
        self._witness = witness
        self._flagged = False
        self._committed = False

    @property
    def path(self) -> str:
        """The file."""
        return self._sink.path

    @property
    def sealed_bytes(self) -> int:
        """As its sink says."""
        return self._sink.sealed_bytes

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        from camerad.recording.container_writer import FileGoneError  # noqa: PLC0415 - it is loaded by now

        try:
            yield
        except FileGoneError:
            self._witness.lost_its_name(self._header.id)
            raise

    def append(self, fragment: bytes, facts: FragmentFacts) -> None:
        """As its sink does."""
        # Also of a fragment that is tried again: only `retry` goes on from it.
        self._flagged = self._flagged or bool(facts.marks)
        with self._named():
            self._sink.append(fragment, facts)
        if not self._committed:
            self._committed = True
            self._witness.committed()

    def retry(self) -> None:
        """As its sink does."""
        with self._named():
            self._sink.retry()

    def close(self, closing: Closing) -> str:
        """As its sink does; where that fails, it is for repair to close the file."""
        # Before the file is let go: a repair may come at once.
        self._witness.ending(self._header.id, closing)
        try:
            with self._named():
                final = self._sink.close(closing)
        except CameradError:
            self._witness.interrupted(self._header.id, closing)
            raise
        self._witness.note(
            "closed",
            id=self._header.id,
            final=final,
            retention_days=self._header.retention_days,
            ended=closing.clock,
            flagged=self._flagged or bool(closing.marks),
            reason=closing.reason,
        )
        return final
