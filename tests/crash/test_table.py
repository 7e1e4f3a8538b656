"""Each synchronisation, and the order of each two steps, has a reason that the model sees."""

from __future__ import annotations

from tests.crash import runs
from tests.crash.test_states import SEED


def test_without_any_synchronisation_and_in_any_other_order_something_is_lost() -> None:
    rows = list(runs.table(SEED))
    assert [row.wrong for row in rows if row.wrong is not None] == []
    uncaught = {row.what for row in rows if row.found is None and " THEN " not in row.what}
    assert all(
        what.startswith(("reserve.Reserve.", "ledger.Ledger._open > files.make_directory"))
        for what in uncaught
    )
    # The procedures that the promises rest on, each caught by the model.
    caught = {row.what for row in rows if row.found is not None}
    for needed in (
        "container.SealedContainer._put > files.sync",
        "container.SealedContainer.__init__ > files.sync_directory",
        "container.SealedContainer.close > files.sync",
        "ledger.Ledger._write > files.sync",
        "opening.open_books > files.settle",
        "offload.offload > files.settle",
        "repair._Repair._recover > files.sync",
        "repair._Repair._recover > files.publish > files.rename > files.sync_directory THEN "
        "repair._Repair._recover > files.sync",
        "ledger.Ledger._write > files.sync THEN "
        "store._unlink > files.remove > files.sync_directory",
        "offload._Offload._copy > copying.copy > files.rename > files.sync_directory THEN "
        "receipts.write > copying.publish > files.rename > files.sync_directory",
        "receipts.write > copying.publish > files.rename > files.sync_directory THEN "
        "ledger.Ledger._write > files.sync",
    ):
        assert needed in caught, needed
