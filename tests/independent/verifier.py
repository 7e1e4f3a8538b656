#!/usr/bin/env python3
"""Check what camerad left behind, from its pages alone, without camerad.

Nothing of camerad is imported. Python 3.11 and `cryptography` (for Ed25519) are enough. "3.4" and
the like name sections of docs/evidence-format.md (1 to 4) and docs/ledger-format.md. Usage:

    verifier.py --key DEVICE.pem [--key OFFICE.pem ...] [--final SHA256] [--running] PATH ...

PATH is a recording, or a camera's state directory, an office's directory, a ledger, or a folder of
receipts. It says in sentences what was found, and ends with the code of section 4: 0 authentic and
complete, 1 with remarks, 2 not authentic, 3 nothing that could be judged, 64 wrong usage. With
--open AGE-KEY-FILE OUTPUT.mp4 what holds is opened too (end of section 4), by the programs `age`
and `ffmpeg`; the answer to a key that does not open it is 3.
"""

import argparse
import mmap
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from verifier_recording import check_recording, read_archive
from verifier_statements import Keys, Report, load_keys
from verifier_stores import check_device, check_ledger, check_office, check_receipts


def check(path: Path, keys: Keys, finals: Sequence[str], runs: bool) -> Report:
    """Check whatever a path is."""
    if not path.is_dir():
        return check_recording(path, keys, finals, runs=runs)
    if (path / "office").is_dir():
        return check_office(path, keys)
    if (path / "recordings").is_dir():
        return check_device(path, keys)
    if path.name == "receipts":
        return check_receipts(path, keys)[0]
    return check_ledger(path, keys).report


def open_recording(path: Path, identity: Path, output: Path, report: Report) -> None:
    """Open what was found authentic: initialisation segment and fragments, in their order (4)."""
    clear = b""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for name, begin, end in read_archive(data).members:
            if name.endswith(".age"):
                done = subprocess.run(
                    ["age", "-d", "-i", identity],
                    input=data[begin:end],
                    capture_output=True,
                    check=False,
                )
                if done.returncode:
                    report.note(
                        3,
                        f"{name} cannot be opened: {done.stderr.decode(errors='replace').strip()}",
                    )
                    return
                clear += done.stdout
    command = ["ffmpeg", "-v", "error", "-i", "-", "-c", "copy", output]
    if subprocess.run(command, input=clear, check=False).returncode:
        report.note(3, "ffmpeg cannot read the footage.")


def main(arguments: Sequence[str]) -> int:
    """Check all paths; the code of section 4."""
    parser = argparse.ArgumentParser(
        description="Check what camerad left behind, without camerad.", exit_on_error=False
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    parser.add_argument(
        "--key",
        action="append",
        type=Path,
        required=True,
        help="a public key that you trust, in PEM",
    )
    parser.add_argument(
        "--final",
        action="append",
        default=[],
        help="SHA-256 of the end, if it is known from elsewhere",
    )
    parser.add_argument(
        "--running", action="store_true", help="it is known that the recording still runs"
    )
    parser.add_argument(
        "--open",
        nargs=2,
        type=Path,
        metavar=("AGE-KEY-FILE", "OUTPUT"),
        help="open a recording, too",
    )
    try:
        options = parser.parse_args(arguments)
        keys = load_keys(options.key)
        if not keys:
            raise ValueError("no key is one of Ed25519")
    except SystemExit as ended:
        return 64 if ended.code else 0
    except (argparse.ArgumentError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 64
    report = Report()
    for path in options.paths:
        report.add(str(path), check(path, keys, options.final, options.running))
    if options.open and report.verdict < 2:
        open_recording(options.paths[0], *options.open, report)
    verdict = (
        "authentic and complete",
        "authentic, with remarks",
        "NOT AUTHENTIC",
        "nothing that could be judged",
    )
    sys.stdout.write("\n".join([*report.says, f"{report.verdict}: {verdict[report.verdict]}", ""]))
    return report.verdict


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
