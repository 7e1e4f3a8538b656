"""`camerad provision cards`: a hand changes cards, and touches nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad.base.errors import HardwareError, StorageError
from camerad.evidence import camera_register
from camerad.evidence.card_reader import CardKind, CardReader
from camerad.provisioning.signing import NAME as SIGNATURE
from tests.unit.cli.conftest import Desk
from tests.unit.cli.provision_steps import Camera, made
from tests.unit.provisioning.scene import NAME

CARDS = 20
MIB = 1 << 20
BLOCK = 4096
BEGIN = 8 * 512
DEADLINE = 60


def run(*command: object, **more: str) -> None:
    words = [str(one) for one in command]
    done = subprocess.run(words, env=os.environ | more, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small image with the partition of a real one, packed, and its map."""
    for program in ("mkfs.vfat", "mcopy", "zstd"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    directory = tmp_path_factory.mktemp("image")
    fat, path = directory / "fat", directory / "camerad.img"
    fat.write_bytes(bytes(2 * MIB))
    run("mkfs.vfat", "-n", "CAMERAD", fat)
    table = bytearray(512)
    table[446:462] = bytes((0, 0, 0, 0, 0x0C, 0, 0, 0)) + (8).to_bytes(4, "little") + bytes(4)
    table[510:] = b"\x55\xaa"
    system = os.urandom(MIB)
    content = bytes(table).ljust(BEGIN, b"\0") + fat.read_bytes() + bytes(MIB) + system
    path.write_bytes(content)
    ranges = [(0, (BEGIN + 2 * MIB) // BLOCK - 1)]
    ranges.append((ranges[0][1] + 1 + MIB // BLOCK, len(content) // BLOCK - 1))
    lines = [
        f'<Range chksum="{hashlib.sha256(content[a * BLOCK : (b + 1) * BLOCK]).hexdigest()}">'
        f" {a}-{b} </Range>"
        for a, b in ranges
    ]
    (directory / "camerad.img.bmap").write_text(
        f"<bmap><BlockSize> {BLOCK} </BlockSize>\n" + "\n".join(lines) + "\n</bmap>\n"
    )
    run("zstd", "-q", path)
    return Path(f"{path}.zst")


def mcopy(card: Path, *words: object) -> None:
    run("mcopy", "-n", "-o", "-i", f"{card}@@{BEGIN}", *words, MTOOLS_SKIP_CHECK="1")


@pytest.fixture
def batch(desk: Desk, tmp_path: Path) -> list[str]:
    """A table of cameras, and the files for each; their names."""
    names = [f"camera-{number:02}" for number in range(1, CARDS + 1)]
    (tmp_path / "cameras.csv").write_text("\n".join(["device.id", *names]))
    template = made(desk, tmp_path / "template", "template") / NAME
    said = desk("provision", "batch", template, tmp_path / "cameras.csv", "-" * 2 + "output",
                tmp_path / "cards")  # fmt: skip
    assert said.code == 0, said.err
    return names


class Hand:
    """Puts cards into the reader and takes them out, when it is told to."""

    def __init__(self, tmp_path: Path, image: Path) -> None:
        self.reader, self.cards = tmp_path / "reader", tmp_path / "stack"
        self.cards.mkdir(exist_ok=True)
        words = ["provision", "cards", tmp_path / "cameras.csv", "--files", tmp_path / "cards"]
        words += ["--image", image, "--reader", self.reader]
        words += ["--register", tmp_path / "register.json", "--keys", tmp_path / "keys"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "camerad", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert "every new card that comes in here is erased" in self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def change(self, card: Path) -> str:
        """One change of a card; returns what was said meanwhile."""
        assert "put a card in" in self.line()
        card.rename(self.reader)
        said = ""
        while not (line := self.line()).startswith("take the card out"):
            assert line, said
            said += line
        self.reader.rename(card)
        return said

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def hand(batch: list[str], image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
         ) -> Iterator[Hand]:  # fmt: skip
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    one = Hand(tmp_path, image)
    yield one
    one.close()


def new_card(hand: Hand, name: str) -> Path:
    path = hand.cards / name
    path.write_bytes(os.urandom(512) + bytes(5 * MIB))
    return path


def started(card: Path, desk: Desk, root: Path) -> str:
    """The card's camera has started with it; the thumbprint of its key."""
    files = root / "files"
    files.mkdir(parents=True)
    mcopy(card, f"::/{NAME}", f"::/{SIGNATURE}", files)
    camera = Camera(desk, root / "camera")
    thumbprint = camera.life(files)
    run("mdel", "-i", f"{card}@@{BEGIN}", f"::/{NAME}", f"::/{SIGNATURE}")
    mcopy(card, *camera.boot.iterdir(), "::/")
    return thumbprint


def test_twenty_cards_are_written_and_collected_by_changing_cards_alone(
    hand: Hand, batch: list[str], image: Path, desk: Desk, tmp_path: Path
) -> None:
    cards = [new_card(hand, f"card-{number}") for number in range(CARDS)]
    for name, card in zip(batch, cards, strict=True):
        said = hand.change(card)
        assert f"{name}: written, and read back" in said
    content = image.with_suffix("").read_bytes()
    for name, card in zip(batch, cards, strict=True):
        written = card.read_bytes()
        assert written[:512] == content[:512]
        assert written[BEGIN + 3 * MIB : len(content)] == content[BEGIN + 3 * MIB :]
        files = tmp_path / "read" / name
        files.mkdir(parents=True)
        mcopy(card, "::/*", files)
        theirs = tmp_path / "cards" / name
        assert {one.name: one.read_bytes() for one in files.iterdir()} == {
            one.name: one.read_bytes() for one in theirs.iterdir()
        }
    assert "this card is written" in hand.change(cards[3])
    assert "no card is left to write" in hand.change(new_card(hand, "one more"))
    keys = {
        name: started(card, desk, tmp_path / "life" / name)
        for name, card in zip(batch, cards, strict=True)
    }
    for name, card in zip(reversed(batch), reversed(cards), strict=True):
        assert f"{name}  {keys[name]}" in hand.change(card)
    assert "every camera of the table is in the register" in hand.line()
    assert hand.process.wait(DEADLINE) == 0
    register = camera_register.read(str(tmp_path / "register.json"))
    assert {one.name: one.thumbprint for one in register.cameras} == keys
    assert len(list((tmp_path / "keys").iterdir())) == CARDS


def test_it_goes_on_where_it_was_and_erases_nothing_that_may_be_a_camera_s(
    hand: Hand, batch: list[str], image: Path, tmp_path: Path
) -> None:
    cards = [new_card(hand, f"card-{number}") for number in range(3)]
    assert f"{batch[0]}: written" in hand.change(cards[0])
    hand.close()
    # A card whose writing was cut off is a new one; one that has an image and no more is not.
    half = image.with_suffix("").read_bytes()
    cards[1].write_bytes(bytes(512) + half[512 : 2 * MIB] + bytes(4 * MIB))
    cards[2].write_bytes(half)
    again = Hand(tmp_path, image)
    try:
        assert "it may have recordings: it was left as it is" in again.change(cards[2])
        assert cards[2].read_bytes() == half
        assert f"{batch[1]}: written" in again.change(cards[1])
    finally:
        again.close()


class _Lying(CardReader):
    """A card that keeps other bytes than it was given."""

    def _put(self, card: object, piece: bytes) -> None:
        changed = piece[:-1] + bytes((piece[-1] ^ 1,)) if len(piece) > 512 else piece
        super()._put(card, changed)  # type: ignore[arg-type]


def test_what_does_not_read_back_is_told(image: Path, batch: list[str], tmp_path: Path) -> None:
    card, files = tmp_path / "card", [str(tmp_path / "cards" / batch[0] / NAME)]
    card.write_bytes(bytes(8 * MIB))
    with pytest.raises(StorageError, match="reads back with other bytes"):
        _Lying(str(card)).write(str(image), files)
    reader = CardReader(str(card))
    damaged = tmp_path / "damaged.img"
    damaged.write_bytes(image.with_suffix("").read_bytes()[:-1] + b"?")
    (tmp_path / "damaged.bmap").write_text(Path(f"{image.with_suffix('')}.bmap").read_text())
    with pytest.raises(StorageError, match="not what its map says"):
        reader.write(str(damaged), files)
    (tmp_path / "short.img").write_bytes(damaged.read_bytes()[: 3 * MIB])
    (tmp_path / "short.bmap").write_text((tmp_path / "damaged.bmap").read_text())
    with pytest.raises(StorageError, match="ends too early"):
        reader.write(str(tmp_path / "short.img"), files)
    assert reader.look() is CardKind.NEW
    card.write_bytes(bytes(MIB))
    (tmp_path / "whole.img").write_bytes(image.with_suffix("").read_bytes())
    reader.write(str(tmp_path / "whole.img"), files)  # without a map: all of it
    assert reader.look() is CardKind.WRITTEN
    assert not CardReader(str(tmp_path / "nothing")).has_card()


def test_no_disk_is_taken_for_a_reader() -> None:
    """Of this machine; what no card reader is is never opened for writing."""
    for name in os.listdir("/sys/class/block"):
        removable = Path(f"/sys/class/block/{name}/removable")
        fixed = removable.exists() and removable.read_text().startswith("0")
        if fixed and os.path.exists(f"/dev/{name}"):
            with pytest.raises(HardwareError, match="no card reader"):
                CardReader(f"/dev/{name}").check()
