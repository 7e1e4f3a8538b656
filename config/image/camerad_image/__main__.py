"""``python -m camerad_image``: the command behind ``make image``."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import filecmp
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from camerad_image import kernels, python, sources, space
from camerad_image.boards import ALL, BOARDS
from camerad_image.build import (
    CACHE,
    PIP,
    TREE,
    Build,
    Order,
    check_hardware,
    commit_time,
    office_bill,
)
from camerad_image.errors import ImageError
from camerad_image.flavours import BACKPORTS, FLAVOURS, SUITE, flavour
from camerad_image.parts import PARTS, chosen
from camerad_image.programs import Interrupted, end_all, heed_signals, run
from camerad_image.sbom import entity


def _path(text: str) -> Path:
    """A file or folder that an option names: an empty word would be the folder one is in."""
    if not text:
        raise argparse.ArgumentTypeError("nothing is named: name one, or leave the option out")
    return Path(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="camerad_image", description="Builds the image of a body camera's SD card; needs root."
    )
    parser.add_argument("--flavour", default="debian", help=" or ".join(FLAVOURS))
    parser.add_argument("--board", default=ALL, help=", ".join((*BOARDS, ALL)))
    parser.add_argument(
        "--parts",
        default="",
        help=f"what the camera has beside: {', '.join((*PARTS, 'reference'))}",
    )
    parser.add_argument("--out", type=_path, default=TREE / "dist", help="folder for the results")
    parser.add_argument("--sources", type=_path, help="apt sources instead of this machine's")
    parser.add_argument("--base", type=_path, help="packages of an earlier build, to be used again")
    parser.add_argument(
        "--kernel", type=_path, help="folder with a rebuilt kernel's package, instead of Debian's"
    )
    parser.add_argument(
        "--make-kernel", action="store_true", help="only make the package for --kernel: hours"
    )
    parser.add_argument("--keyring", type=_path, help="certificate of who signs updates, PEM")
    parser.add_argument("--cert", help="certificate that signs a bundle, a file or PKCS #11 URI")
    parser.add_argument("--key", help="its key")
    parser.add_argument(
        "--creator", default="", help="who hands it out, for the bill of materials: e-mail or URL"
    )
    parser.add_argument(
        "--office-bill", action="store_true", help="only write the office's bill of materials"
    )
    parser.add_argument(
        "--twice", action="store_true", help="build it twice, and fail if a byte differs"
    )
    parser.add_argument(
        "--packages", action="store_true", help="only make what BASE= may name, and say where it is"
    )
    parser.add_argument(
        "--name", action="store_true", help="only say which file the image would be"
    )
    parser.add_argument(
        "--lock", action="store_true", help="only write requirements.txt anew, by constraints.txt"
    )
    return parser


def _lock() -> None:
    """Every package of LOCK in the version that constraints.txt says, or the newest."""
    tested = python.requirements((TREE / "constraints.txt").read_text(encoding="utf-8"))
    text = python.LOCK.read_text(encoding="utf-8")
    names = (
        f"{name}=={tested[name]}" if name in tested else name for name in python.requirements(text)
    )
    comment = "".join(line for line in text.splitlines(True) if line.startswith("#"))
    with tempfile.TemporaryDirectory() as folder:
        options = ["--no-deps", *python.choose(), "--no-build-isolation", "--quiet", "-d", folder]
        run([*PIP, "download", *options, *names], log=CACHE / "lock.log")
        python.LOCK.write_text(python.lock(Path(folder).iterdir(), comment), encoding="utf-8")


def _epoch(text: str | None) -> int:
    """When everything in an image is dated at, by SOURCE_DATE_EPOCH."""
    if not text:
        return commit_time(TREE)
    if re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) is None:
        raise ImageError(f"SOURCE_DATE_EPOCH={text}: seconds since 1970 are wanted, digits only")
    return int(text)


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Only one build of a flavour at a time: each begins by removing what another one works on."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ImageError(
                f"another build of FLAVOUR={name} is running in this checkout: wait for its end"
            ) from None
        yield


def _order(options: argparse.Namespace, out: Path) -> Order:
    return Order(
        flavour=flavour(options.flavour),
        boards=options.board,
        out=out,
        base=options.base,
        sources=options.sources,
        epoch=_epoch(os.environ.get("SOURCE_DATE_EPOCH")),
        parts=chosen(options.parts),
        keyring=options.keyring,
        # A signature says when it was made, so no two of them are the same.
        signer=(options.cert, options.key) if options.cert and not options.twice else None,
        creator=options.creator,
        kernel=kernels.read(options.kernel) if options.kernel else None,
    )


def _make_kernel(options: argparse.Namespace) -> Path:
    work = CACHE / "kernel"
    log = CACHE / "kernel.log"
    log.unlink(missing_ok=True)
    print(f"a kernel takes hours, and 30 GB; it is told in {log}", file=sys.stderr, flush=True)
    text = sources.read(SUITE, ("main",), options.sources, newer=BACKPORTS)
    with _alone("kernel"):
        epoch = _epoch(os.environ.get("SOURCE_DATE_EPOCH"))
        return kernels.make(text, work, options.out, epoch, log=log)


def _build(options: argparse.Namespace, out: Path, work: Path) -> Path:
    return Build(_order(options, out), work).build()


def _differences(first: Path, second: Path) -> list[str]:
    """The names of files that are not the same in both folders."""
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    _, different, missing = filecmp.cmpfiles(first, second, names, shallow=False)
    return sorted([*different, *missing])


def _build_twice(options: argparse.Namespace, work: Path) -> None:
    first, second = (work / name / "out" for name in ("first", "second"))
    space.check([first.parent, second.parent], work)
    for out in (first, second):
        _build(options, out, out.parent)
    differences = _differences(first, second)
    if differences:
        raise ImageError(f"two builds differ: {', '.join(differences)} in {first} and {second}")
    print("two builds are the same, byte for byte")


def main() -> int:
    """Returns the exit code: 0, 1 with a message, or 128 and a signal's number
    if that ended it (130: by Ctrl-C)."""
    options = _parser().parse_args()
    work = CACHE / options.flavour
    try:
        if options.lock:
            _lock()
            return 0
        if options.creator:
            entity(options.creator)
        if options.office_bill:
            epoch = _epoch(os.environ.get("SOURCE_DATE_EPOCH"))
            print(office_bill(options.out, epoch, options.creator))
            return 0
        if options.make_kernel:
            print(_make_kernel(options))
            return 0
        if bool(options.cert) != bool(options.key):
            raise ImageError("a bundle takes both CERT= and KEY=")
        if options.name:
            order = _order(options, options.out)
            check_hardware(order)
            print(order.out / order.file)
            return 0
        if os.geteuid() != 0:
            raise ImageError("building an image takes root, for other users' files: use sudo")
        with _alone(flavour(options.flavour).name):
            if options.packages:
                print(Build(_order(options, options.out), work).packages())
            elif options.twice:
                _build_twice(options, work)
            else:
                _build(options, options.out, work)
    except (ImageError, OSError) as error:
        print(f"camerad_image: {error}", file=sys.stderr)
        return 1
    except Interrupted as end:
        print("camerad_image: interrupted; the next build begins anew", file=sys.stderr)
        return 128 + end.number
    return 0


if __name__ == "__main__":
    heed_signals()
    code = main()
    if left := end_all():
        print(f"camerad_image: could not end the processes {left}", file=sys.stderr)
    sys.exit(code)
