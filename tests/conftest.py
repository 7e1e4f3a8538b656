"""In which order tests come, and how they are shared out among processes by `tests/run.sh`."""

from __future__ import annotations

from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST: Final = (
    "tests/crash/test_states.py",
    "tests/crash/test_table.py",
    "tests/system/test_fault_campaign.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first, so that nobody waits for one of them in the end. pytest takes a file
    for a part of a folder that is named too, wherever it stands among the arguments."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


class InTurn(LoadScopeScheduling):
    """Whoever is free gets the next test of a whole daemon, which takes many seconds; of anything
    else the next file, since its tests may share what takes long to start."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return nodeid if file.startswith("tests/system/") else file


@pytest.hookimpl(optionalhook=True)  # where other kernels run tests, there is no xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> InTurn | None:
    """With `--dist loadgroup`, that one."""
    return InTurn(config, log) if config.getvalue("dist") == "loadgroup" else None
