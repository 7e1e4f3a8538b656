"""Callbacks of the controller's end of the camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from camerad.container.gaps import Gap
from camerad.stream.sound_messages import SoundNews


class Callbacks(msgspec.Struct, frozen=True):
    """Callbacks of the link; called from its thread, so they must not block.

    on_up: the camera delivers, for the first time or again; with the HELLO of its process.
    on_down: it has failed, and recovery goes on. on_gap: footage is missing in the ring.
    on_error: something went wrong, for the log. on_fatal: only a reboot can help; why; said
    again as long as there is none. on_broken: a mistake of ours has ended the link. on_sound: the
    microphone does something else. on_exit: the capture process has ended; nothing is heard of it
    any more. on_steady: it has worked for long. on_hello: a process has opened the camera, after a
    quick restart too; with its HELLO, before any picture of it.
    """

    on_up: Callable[[dict[str, Any]], None]
    on_down: Callable[[str], None]
    on_gap: Callable[[Gap], None]
    on_error: Callable[[str], None]
    on_fatal: Callable[[str], None]
    on_broken: Callable[[BaseException], None]
    on_sound: Callable[[SoundNews], None] = lambda _: None
    on_exit: Callable[[], None] = lambda: None
    on_steady: Callable[[], None] = lambda: None
    on_hello: Callable[[dict[str, Any]], None] = lambda _: None
