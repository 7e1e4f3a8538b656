"""The journal itself, a real systemd-journald in a mount name space, takes what camerad sends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from camerad.base.message_ids import MessageId

pytestmark = pytest.mark.system

JOURNALD = "/usr/lib/systemd/systemd-journald"
SCRIPT = f"""
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/log/journal /run/systemd/journal
{JOURNALD} & journald=$!
trap 'kill $journald' EXIT
for _ in $(seq 100); do [ -S /run/systemd/journal/socket ] && break; sleep 0.1; done
"$PYTHON" -c "
import logging
from camerad.base.journal import JournalHandler
from camerad.base.message_ids import MessageId
log = logging.getLogger('camerad.daemon.recording_manager')
log.addHandler(JournalHandler())
log.error('recording failed: %s', 'two\\nlines', extra=MessageId.RECORDING_FAILED.extra)
"
for _ in $(seq 100); do
    found=$(journalctl -D /run/log/journal --quiet --no-pager -o json CAMERAD_KIND=recording_failed)
    [ -n "$found" ] && break
    sleep 0.1
done
printf '%s' "$found"
"""


def test_a_message_is_found_by_its_kind_and_is_whole() -> None:
    if os.geteuid() != 0:
        pytest.skip("a mount name space needs root")
    for program in (JOURNALD, "journalctl", "unshare"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        ["unshare", "--mount", "--fork", "sh", "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHON": sys.executable},
        cwd=Path(__file__).parents[2],
    )
    if "unshare failed" in done.stderr:
        pytest.skip(f"no name space: {done.stderr.strip()}")
    entry = json.loads(done.stdout)
    assert entry["MESSAGE"] == "recording failed: two\nlines"
    assert entry["MESSAGE_ID"] == MessageId.RECORDING_FAILED.value
    assert entry["PRIORITY"] == "3"
    assert entry["SYSLOG_IDENTIFIER"] == "camerad"
