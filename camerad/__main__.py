"""`camerad` and `python -m camerad`: the command, from its first instant to its exit code."""

import os
import signal
import sys


def main() -> int:
    """Carry out this process's command line; returns the exit code.

    An interrupt never shows a traceback: importing all of camerad takes half a second on a slow
    machine, and a user who has mistyped presses Ctrl-C at once.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    from camerad.base.backports import without_backports  # noqa: PLC0415
    from camerad.cli import terminal  # noqa: PLC0415 - nothing comes before the line above

    interrupts = terminal.Interrupts()
    try:
        terminal.open_streams()
        with without_backports():
            from camerad.cli import main as cli  # noqa: PLC0415 - slow to import

        return cli.main(interrupts=interrupts)
    except KeyboardInterrupt:
        return terminal.INTERRUPTED
    finally:
        interrupts.end()
        terminal.close_streams()


if __name__ == "__main__":
    sys.exit(main())
