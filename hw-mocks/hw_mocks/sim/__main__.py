"""The ``bodycam-sim`` command."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any, Final

from camerad.base.errors import EX_USAGE

from hw_mocks.sim import SimError
from hw_mocks.sim.faults import FAULTS
from hw_mocks.sim.listening import LOOPBACK
from hw_mocks.sim.setup import DEMONSTRATION_POLICY
from hw_mocks.sim.simulator import Options, Simulator, say

DEFAULT_STATE: Final = Path(".state/bodycam-sim")
CAMERAS: Final = ("simulated", "real")
PLATFORMS: Final = ("vc4", "pisp")
SOUNDS: Final = ("film", "speech", "clapper", "silence", "none")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        self.exit(EX_USAGE, f"{self.prog}: {message}\n")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port (0 to 65535; 0: any free one)")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line as argparse knows it."""
    top = _Parser(
        prog="bodycam-sim",
        allow_abbrev=False,
        description="A body camera without a body camera: the camerad daemon, unchanged, on "
        "simulated hardware, shown as a web page and as JSON.",
        epilog="bodycam-sim doctor, in place of the camera, examines its board, which may be given "
        "faults: bodycam-sim doctor --help lists them.",
    )
    top.add_argument(
        "--footage",
        default="vtest.avi",
        metavar="FILE|CLIP",
        help="what the camera films: a video file or the name of a clip; default: %(default)s",
    )
    top.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration of camerad; default: the shipped one with the policy "
        f"{DEMONSTRATION_POLICY}, which has a pre-event buffer",
    )
    top.add_argument(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help="of this machine, for the page; on one that others reach, guests need TLS and the "
        "token that is printed; default: %(default)s",
    )
    top.add_argument(
        "--port",
        type=_port,
        default=8480,
        metavar="N",
        help="of the page; 0: any free one; default: %(default)s",
    )
    top.add_argument(
        "--state-dir",
        type=Path,
        default=DEFAULT_STATE,
        metavar="DIR",
        help="where recordings are kept; default: %(default)s",
    )
    top.add_argument(
        "--platform",
        choices=PLATFORMS,
        default="vc4",
        help="vc4: Raspberry Pi up to 4 and Zero 2 W; pisp: from 5 on; default: %(default)s",
    )
    top.add_argument(
        "--camera",
        choices=CAMERAS,
        default="simulated",
        help="real: Debian's libcamera, with a virtual camera that plays the first pictures of the "
        "film; default: %(default)s",
    )
    top.add_argument(
        "--sound",
        choices=SOUNDS,
        default="film",
        help="what the microphone hears; film: the film's own sound, speech where it is silent; "
        "clapper: a beep and a flash once a second; none: there is no microphone; "
        "default: %(default)s",
    )
    top.add_argument(
        "--sound-ppm",
        type=float,
        default=0.0,
        metavar="N",
        help="how much too fast the microphone's clock runs, in parts per million; default: 0",
    )
    top.add_argument(
        "--browse", action="store_true", help="open the page in this desktop's browser, if any"
    )
    top.add_argument(
        "--office",
        action="store_true",
        help="start an office beside the camera; in its dock the camera hands over to it",
    )
    top.add_argument("--no-page", action="store_true", help="only JSON, no web page")
    return top


def doctor_parser() -> argparse.ArgumentParser:
    """The command line of ``bodycam-sim doctor``."""
    top = parser()
    top.prog = "bodycam-sim doctor"
    top.description = (
        "Runs camerad doctor on a simulated board without a daemon, and ends with its exit code. "
        "What is not named here is for camerad doctor, such as --interactive, --only or --json."
    )
    top.epilog = None
    top.set_defaults(port=0)
    top.add_argument(
        "--fault",
        action="append",
        default=[],
        choices=sorted(name for name, kind in FAULTS.items() if kind.lasts),
        metavar="NAME",
        help="what is wrong with the board; may be given several times: %(choices)s",
    )
    return top


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    doctor: tuple[str, ...] | None = None
    if arguments[:1] == ["doctor"]:
        given, rest = doctor_parser().parse_known_args(arguments[1:])
        doctor = tuple(rest)
    else:
        given = parser().parse_args(arguments)
    options = Options(
        state_dir=given.state_dir,
        footage=given.footage,
        config=given.config,
        host=given.host,
        port=given.port,
        platform=given.platform,
        page=not given.no_page,
        sound=None if given.sound == "none" else given.sound,
        sound_ppm=given.sound_ppm,
        browse=given.browse,
        office=given.office,
        camera=given.camera,
        doctor=doctor,
        faults=tuple(given.fault) if doctor is not None else (),
    )

    async def run() -> int:
        return await Simulator(options).run()

    try:
        return asyncio.run(run())
    except SimError as error:
        say(f"bodycam-sim: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
