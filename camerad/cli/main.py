"""The `camerad` command: run, status, press, config, version, and those of `camerad.cli`.

Every mistake is one clear message on standard error and an exit code of ``sysexits.h``, and so is
whatever the system refuses, Ctrl-C, and output that does not arrive. A traceback means a mistake of
ours; its exit code is 70, so that no program takes it for one of the verdicts of ``camerad
evidence`` (0 to 3).
"""

from __future__ import annotations

import argparse
import contextlib
import http
import importlib
import json
import logging
import os
import re
import signal
import sys
import traceback
from typing import Any, Final

from camerad import __version__
from camerad.base.errors import (
    EX_CONFIG,
    EX_IOERR,
    EX_SOFTWARE,
    EX_USAGE,
    CameradError,
    ConfigError,
    HardwareError,
)
from camerad.base.text import printable
from camerad.behaviour.stages import Intent
from camerad.cli.terminal import INTERRUPTED, OUTPUT, Interrupts

DEFAULT_CONFIG: Final = "/etc/camerad/camerad.yaml"
COMMANDS: Final = (
    "evidence",
    "offload",
    "office",
    "identity",
    "keys",
    "shift",
    "metrics",
    "doctor",
    "provision",
    "update",
)
"""Each a module in `camerad.cli`."""
_VERSION: Final = f"camerad {__version__}"
_LIKE_AN_OPTION: Final = re.compile("-[A-Za-z0-9_-]{42}")
"""A key's thumbprint (RFC 7638) that begins like an option."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(EX_USAGE, f"{self.prog}: {message}\n")


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The command line as argparse knows it.

    command: the one that will be given, if it is known. A camera that starts is waited for, and so
    is who asks it something, so what the other commands need is not imported for one of them.
    """
    top = _Parser(prog="camerad", description="Firmware of a body-worn camera.")
    top.add_argument("--version", action="version", version=_VERSION)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the camera until it is told to end")
    run.add_argument(
        "--config", default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s"
    )
    run.add_argument("--verbose", action="store_true", help="log details as well")
    if command in COMMANDS:
        _module(command).add_parser(commands)
    elif command != "run":
        _add_others(commands)
    return top


def _add_others(commands: Any) -> None:
    from camerad.cli.options import add_socket_option  # noqa: PLC0415 - slow to import

    status = commands.add_parser("status", help="say what the camera does now")
    status.add_argument("--json", action="store_true", help="as one JSON object")

    press = commands.add_parser("press", help="do what a press of a button does")
    intents = [intent.value for intent in Intent]
    press.add_argument("intent", choices=intents, metavar="INTENT", help=", ".join(intents))
    for command in (status, press):
        add_socket_option(command)

    config = commands.add_parser("config", help="name the mistakes in a configuration")
    actions = config.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="name every mistake in a configuration")
    check.add_argument("file", metavar="FILE", help="a camerad.yaml")

    for name in COMMANDS:
        _module(name).add_parser(commands)
    commands.add_parser("version", help="print the version")
    commands.add_parser("manual", help="print the page for man(1)")
    commands.add_parser("completion", help="print what completes words in bash")


def _module(name: str) -> Any:
    """What carries out one of `COMMANDS`."""
    return importlib.import_module(f"camerad.cli.{name}")


def _with_thumbprints(words: list[str]) -> list[str]:
    """The words of a command line, with a thumbprint that begins with "-" tied to its option.

    One in 64 does (base64url, RFC 4648), and argparse would take it for an option of its own.
    """
    tied: list[str] = []
    for word in words:
        if tied and _LIKE_AN_OPTION.fullmatch(word) and tied[-1].startswith("--"):
            tied[-1] += f"={word}"
        else:
            tied.append(word)
    return tied


def main(arguments: list[str] | None = None, *, interrupts: Interrupts | None = None) -> int:
    """Carry out a command line; returns the exit code.

    interrupts: told when Ctrl-C has something to interrupt.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        options = _understood(given)
        if interrupts is not None:
            interrupts.begin()
        code = _carry_out(options)
        sys.stdout.flush()  # here, where it can be said that it failed
    except CameradError as error:
        _complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. What was to be said has not arrived, so this must
        # not look like a verdict.
        return 128 + signal.SIGPIPE
    except OSError as error:
        _complain(_told(error))
        return EX_IOERR
    except Exception as error:  # noqa: BLE001 - whatever it is, its exit code must be no verdict
        if interrupts is not None and interrupts.came:
            return INTERRUPTED
        for line in traceback.format_exc().splitlines():
            _say(printable(line))
        _say(
            f"camerad: {type(error).__name__}: this is a mistake in camerad, so there is no "
            "result; please report it with the lines above"
        )
        return EX_SOFTWARE
    return code


def _understood(given: list[str]) -> argparse.Namespace:
    try:
        return make_parser(next(iter(given), None)).parse_args(_with_thumbprints(given))
    except SystemExit:
        sys.stdout.flush()  # a help that nobody could read was not given
        raise


def _told(error: OSError) -> CameradError:
    """What the system does not do, where nobody nearer by has said it."""
    from camerad.base import storage_errors  # noqa: PLC0415 - slow to import

    if error.filename == OUTPUT:
        return CameradError(f"{OUTPUT}: {error.strerror}; the output is not complete")
    if error.filename is not None:
        return storage_errors.explain("go on", str(error.filename), error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return CameradError(f"the system refused something that is needed: {error} (in {where})")


def _carry_out(options: argparse.Namespace) -> int:
    match options.command:
        case "run":
            return _run(options.config, verbose=options.verbose)
        case "status":
            return _status(options.socket, as_json=options.json)
        case "press":
            return _press(options.socket, options.intent)
        case "config":
            return _check(options.file)
        case "manual" | "completion":
            from camerad.cli import manual  # noqa: PLC0415 - slow to import

            return manual.write(options.command, make_parser())
        case name if name in COMMANDS:
            code: int = _module(name).run(options)
            return code
        case _:
            print(_VERSION)  # noqa: T201
            return 0


def _complain(error: CameradError) -> None:
    """One line for each mistake, whatever file names and other people's words are in it."""
    mistakes = error.mistakes if isinstance(error, ConfigError) else (error,)
    _say("camerad: " + "\n".join(printable(one) for one in mistakes))


def _say(line: str) -> None:
    """Print to standard error; where nothing arrives there, the exit code says what there is."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201


def _run(path: str, *, verbose: bool) -> int:
    # The other commands need none of this.
    from camerad import config  # noqa: PLC0415
    from camerad.base import journal, process  # noqa: PLC0415
    from camerad.base.backports import without_backports  # noqa: PLC0415

    process.share_one_heap()
    process.use_small_pages()
    settings = config.load(path)
    journal.set_up(logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    try:
        with without_backports():
            from camerad.daemon.early_start import EarlyStart  # noqa: PLC0415 - a mistake above costs no slow imports

            early = EarlyStart(settings)
            # Slow to import, and meanwhile a press is remembered already.
            import asyncio  # noqa: PLC0415

            from camerad.daemon.app import App  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise HardwareError(
            f"the library {error.name} is missing, which only a camera has: README.md, "
            "'Installing', says how to set one up"
        ) from error

    return asyncio.run(App(settings, early=early).run())


def _check(path: str) -> int:
    from camerad import config  # noqa: PLC0415

    mistakes = config.check_file(path)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)  # noqa: T201
    if not mistakes:
        print(f"{path}: in order")  # noqa: T201
        if not config.load(path).recipients:
            print(  # noqa: T201
                f"{path}: no recipients, so the camera will not record: name the office's public "
                "keys; 'camerad keys new' makes a pair"
            )
    return EX_CONFIG if mistakes else 0


def _status(path: str, *, as_json: bool) -> int:
    from camerad.control.client import refusal, request  # noqa: PLC0415 - slow to import

    code, status = request(path, "GET", "/status")
    if code != http.HTTPStatus.OK:
        raise refusal(code, f"the camera does not tell its status: {status.get('error')}")
    if as_json:
        print(json.dumps(status))  # noqa: T201
        return 0
    recording = status["recording"]
    lines = [f"stage       {status['stage']}" + ("" if status["ready"] else " (not ready)")]
    if recording is not None:
        muted = ", muted" if status["muted"] else ""
        lines.append(f"recording   {recording['id']}, {recording['seconds']:.1f} s{muted}")
    else:  # in a recording, what the memory holds is on its way to the card
        lines.append(f"pre-event   {status['pre_event_seconds']:.1f} s held")
    storage = status["storage"]
    if storage is not None:
        lines.append(f"storage     {storage['minutes_left']:.0f} minutes of recording left")
    battery = status["battery"]
    if battery is not None:
        lines.append(f"battery     {_battery(battery)}")
    lines.append(f"clock       {status['clock']}")
    if status["shift"] is not None:
        lines.append(f"shift       {printable(status['shift']['wearer'])}")
    if status.get("handover") is not None:
        lines.append(f"handover    {_handover(status['handover'])}")
    lines += [
        f"expiring    {one} is flagged, and will be deleted unless it is held"
        for one in status["expiring"]
    ]
    lines.append(f"conditions  {', '.join(status['conditions']) or 'none'}")
    lines.append(f"policy      {status['policy']}")
    if status.get("image") is not None:
        lines.append(f"image       {printable(status['image'])}")
    print("\n".join(lines))  # noqa: T201
    return 0


_HANDOVER_TROUBLES: Final = {
    "network": "the office's server is not reached",
    "certificate": "what answers is not shown to be the office's server",
    "register": "the office does not take this camera's signature",
    "office": "the office's server takes nothing",
    "recordings": "the office does not take every recording",
    "camera": "something at the camera itself",
    "silent": "camerad-upload says nothing",
}


def _handover(handover: dict[str, Any]) -> str:
    """How handing over goes in the dock."""
    if handover["trouble"] is not None:
        why = _HANDOVER_TROUBLES[handover["trouble"]]
        return f"does not work: {why}; see 'sudo camerad doctor --only office'"
    return {
        "waiting": "not all handed over yet",
        "handing_over": f"{handover['done']} of {handover['total']} handed over",
        "handed_over": "all handed over",
    }[handover["state"]]


def _battery(battery: dict[str, Any]) -> str:
    if battery["percent"] is None:
        return "its gauge fails"
    docked = ", docked" if battery["docked"] else ""
    return f"{battery['percent']} %, {battery['minutes_left']} minutes of recording left{docked}"


def _press(path: str, intent: str) -> int:
    from camerad.control.client import refusal, request  # noqa: PLC0415 - slow to import

    code, answer = request(path, "POST", f"/intents/{intent}")
    if code != http.HTTPStatus.ACCEPTED:
        why = answer.get("refused") or answer.get("error")
        raise refusal(code, f"{intent} was refused: {why}; 'camerad status' shows what holds")
    print(answer["stage"])  # noqa: T201
    return 0
