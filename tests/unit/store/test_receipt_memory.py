"""What receipts say is checked once, and again when anything about it is another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk_helpers import KEY, KEYS, ONE, TWO, Camera, open_office

from camerad.container.keys import KeyRing, SigningKey
from camerad.store import receipts
from camerad.store.receipt_memory import ReceiptMemory

OFFICE = SigningKey.generate()


@pytest.fixture
def office(tmp_path: Path) -> Path:
    return tmp_path / "office"


@pytest.fixture
def camera(tmp_path: Path, office: Path) -> Camera:
    made = Camera(tmp_path / "camera")
    made.put(ONE)
    made.offload(office)
    return made


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Tokens whose signature is checked."""
    found: list[bytes] = []
    parse = receipts.parse

    def counted(token: bytes, keys: KeyRing) -> Any:
        found.append(token)
        return parse(token, keys)

    monkeypatch.setattr(receipts, "parse", counted)
    return found


def test_a_look_checks_the_receipts_that_are_new(
    camera: Camera, office: Path, checked: list[bytes]
) -> None:
    for expected in (1, 0):
        checked.clear()
        with open_office(office, OFFICE, camera.clock) as store:
            assert store.reconcile_for(ONE) is not None
            store.reconcile()
        assert len(checked) == expected
    camera.put(TWO)
    camera.offload(office)
    checked.clear()
    with open_office(office, OFFICE, camera.clock) as store:
        store.reconcile()
        assert set(store.ledger.state.recordings) == {ONE, TWO}
    assert len(checked) == 1


def test_what_is_another_is_read_again(
    camera: Camera, office: Path, checked: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = office.glob("*/receipts/*.jws")
    memory, directory = ReceiptMemory(), str(path.parent)
    first = memory.read(directory, KEYS)
    assert set(first) == {ONE}
    assert memory.read(directory, KEYS) == first and len(checked) == 1
    strangers = KeyRing([SigningKey.generate().public])
    assert memory.read(directory, strangers) == {}
    assert memory.read(directory, KEYS) == first and len(checked) == 3
    token = path.read_bytes()
    path.write_bytes(token[:-4] + b"AAAA")
    for _ in range(2):
        assert memory.read(directory, KEYS) == {}
    assert len(checked) == 4 and "not counted as a receipt" in caplog.text
    path.write_bytes(token)
    assert memory.read(directory, KEYS) == first
    path.unlink()
    assert memory.read(directory, KEYS) == {}
    path.mkdir()
    for _ in range(2):
        assert memory.read(directory, KEYS) == {}, "it cannot be read, and is tried again"
    assert memory.read(f"{directory}/none", KEYS) == {}
    assert KEY.public.thumbprint in KEYS
