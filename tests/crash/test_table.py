"""Each synchronisation, and the order of each two steps, has a reason that the model sees."""

from __future__ import annotations

from typing import Final

import pytest

from tests.breadth import breadth
from tests.crash import runs

pytestmark = pytest.mark.campaign

NEEDED: Final = (
    "container_writer.ContainerWriter._put > durable_files.sync",
    "container_writer.ContainerWriter.__init__ > durable_files.sync_directory",
    "container_writer.ContainerWriter.close > durable_files.sync",
    "ledger.Ledger._write > durable_files.sync",
    "store.PlaceClaim.__init__ > durable_files.sync_all",
    "offload.offload > durable_files.sync_all",
    "recovery._Repair._recover > durable_files.sync",
    "recovery._Repair._recover > durable_files.publish > durable_files.rename > "
    "durable_files.sync_directory THEN "
    "recovery._Repair._recover > durable_files.sync",
    "ledger.Ledger._write > durable_files.sync THEN "
    "deletion._unlink > durable_files.remove > durable_files.sync_directory",
    "offload._Offload._copy > verified_copy.copy > durable_files.rename > "
    "durable_files.sync_directory THEN "
    "receipts.write > durable_files.publish > durable_files.rename > "
    "durable_files.sync_directory",
    "receipts.write > durable_files.publish > durable_files.rename > "
    "durable_files.sync_directory THEN "
    "ledger.Ledger._write > durable_files.sync",
)
"""Of the procedures that the promises rest on: what they synchronise, and in which order."""


@pytest.mark.breadth  # every other order than these in `make campaign`
def test_without_any_synchronisation_and_in_any_other_order_something_is_lost() -> None:
    rows = list(runs.table(chosen=breadth(NEEDED, None)))
    assert [row.wrong for row in rows if row.wrong is not None] == []
    uncaught = {row.what for row in rows if row.found is None and " THEN " not in row.what}
    assert all(
        what.startswith(
            (
                "reserved_space.Reserve.",
                "ledger.Ledger._open > durable_files.make_directory",
                "ledger_mirror._Mirror._content",
            )
        )
        for what in uncaught
    )
    caught = {row.what for row in rows if row.found is not None}
    assert [what for what in NEEDED if what not in caught] == []
