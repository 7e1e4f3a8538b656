"""Mistakes planted into the running daemon, one for each promise, to see that they are found.

The fault campaign puts this folder on PYTHONPATH. What is patched here does as it should, except
while the file that CAMERAD_TEST_BUG names holds names of promises: then the mistakes for those
are made. Without that variable the daemon is untouched; with CAMERAD_TEST_NOTES a piece of
every encoded packet is noted, where ``tests/system/spy`` notes all of it: too much for hours.
"""

import importlib.util
import os
import signal
import sys
import time

from msgspec.structs import replace

PIECE = 32
BUG = os.environ.get("CAMERAD_TEST_BUG")


def planted(promise):  # type: ignore[no-untyped-def]
    """Whether the mistake for this promise is to be made now."""
    with open(BUG, encoding="ascii") as file:  # type: ignore[arg-type]
        return promise in file.read().split()


def note_pieces(path):  # type: ignore[no-untyped-def]
    from camerad.capture.pictures import Pictures

    notes = os.open(path, os.O_WRONLY | os.O_APPEND)
    encoded = Pictures.encoded

    def noting(self, data, key, timestamp_us):  # type: ignore[no-untyped-def]
        if len(data) >= 4 * PIECE:
            middle = len(data) // 2
            os.write(notes, data[middle : middle + PIECE])
        return encoded(self, data, key, timestamp_us)

    Pictures.encoded = noting


def children():  # type: ignore[no-untyped-def]
    """Process ids of what this process started and has not yet been told the end of."""
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/children", encoding="ascii") as listed:
            yield from map(int, listed.read().split())


def plant():  # type: ignore[no-untyped-def]
    from camerad.behaviour.gestures import Edge
    from camerad.behaviour.signals import OFF
    from camerad.container.chain import Chain
    from camerad.daemon.button_input import ButtonInput
    from camerad.hardware.lights import Indicators
    from camerad.hardware.selfview_process import SelfViewProcess
    from camerad.recording.container_writer import ContainerWriter
    from camerad.stream.arena import Arena
    from camerad.stream.ring import Ring

    stray = os.environ["CAMERAD_TEST_STRAY"]
    commit, overwrite, show = Ring.commit, Arena.overwrite, Indicators.show
    check_lines = Indicators.check_lines
    gesture, tell = ButtonInput._gesture, SelfViewProcess._tell
    append, close, put, sign = (
        ContainerWriter.append,
        ContainerWriter.close,
        ContainerWriter._put,
        Chain.commit,
    )

    def stray_write(data):  # type: ignore[no-untyped-def]
        with open(stray, "ab") as file:
            file.write(data)

    # P1: the buffer is spooled to the card, to save memory.
    def spooling(self, info, now_us=None):  # type: ignore[no-untyped-def]
        if planted("P1"):
            stray_write(b"\0" * 4096)
        return commit(self, info, now_us)

    # P2: forgotten is as good as overwritten.
    def forgetting(self, offset, size):  # type: ignore[no-untyped-def]
        if not planted("P2"):
            overwrite(self, offset, size)

    # P3: the red light saves the battery.
    def dark(self, look):  # type: ignore[no-untyped-def]
        show(self, replace(look, red=OFF) if planted("P3") else look)

    # P3.told: a light that does not shine is nobody's business.
    def unseeing(self):  # type: ignore[no-untyped-def]
        if not planted("P3.told"):
            check_lines(self)

    # P4: a copy in the clear, for a preview. P8: gaps make a bad impression.
    def adding(self, fragment, facts):  # type: ignore[no-untyped-def]
        if planted("P4"):
            stray_write(fragment)
        append(self, fragment, replace(facts, gaps=()) if planted("P8") else facts)

    # P5: the loop does something slow whenever a button moves.
    def late(self, event):  # type: ignore[no-untyped-def]
        if isinstance(event, Edge) and not event.looked and planted("P5"):
            time.sleep(0.3)
        gesture(self, event)

    # P6: syncing seldom spares the card.
    def seldom(self, descriptor, pieces):  # type: ignore[no-untyped-def]
        held = self.__dict__.setdefault("held", [])
        # The first fragment is synced at once.
        if planted("P6") and self._chain.commits > 1:
            held += pieces
        else:
            pieces = [*held, *pieces]
            held.clear()
            put(self, descriptor, pieces)

    # P7: the chain is not continued.
    def unchained(self, fragment, facts, init=None):  # type: ignore[no-untyped-def]
        if planted("P7"):
            self.previous = "0" * 64
        return sign(self, fragment, facts, init)

    # P9: room is made before anything is due, and nobody is told.
    def closing(self, closing):  # type: ignore[no-untyped-def]
        final = close(self, closing)
        if planted("P9"):
            os.unlink(self.path)
        return final

    # P10: without a display, everything begins anew.
    def telling(self, fault):  # type: ignore[no-untyped-def]
        if fault is not None and planted("P10"):
            for pid in children():
                with open(f"/proc/{pid}/cmdline", "rb") as line:
                    if b"camerad.capture" in line.read().split(b"\0"):
                        os.kill(pid, signal.SIGKILL)
        tell(self, fault)

    Ring.commit, Arena.overwrite, Indicators.show = spooling, forgetting, dark
    ButtonInput._gesture, SelfViewProcess._tell, Indicators.check_lines = late, telling, unseeing
    ContainerWriter.append, ContainerWriter.close = adding, closing
    ContainerWriter._put, Chain.commit = seldom, unchained


def others():  # type: ignore[no-untyped-def]
    """Whoever else would have been asked first, had this folder not been there."""
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in sys.path:
        path = os.path.join(folder, "sitecustomize.py")
        if os.path.abspath(folder) != here and os.path.isfile(path):
            spec = importlib.util.spec_from_file_location("sitecustomize", path)
            try:
                spec.loader.exec_module(importlib.util.module_from_spec(spec))
            except ModuleNotFoundError as error:
                # As the interpreter's own `site` takes it: there is none after all.
                if error.name != "sitecustomize":
                    raise
            return


others()
if "camerad.capture" in sys.orig_argv and "CAMERAD_TEST_NOTES" in os.environ:
    note_pieces(os.environ["CAMERAD_TEST_NOTES"])
if BUG and "run" in sys.orig_argv and "camerad.capture" not in sys.orig_argv:
    plant()
