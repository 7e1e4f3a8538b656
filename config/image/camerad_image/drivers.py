"""What a board's card needs of the kernel before anything can be read from it.

A board's device tree names the card's controller and what that depends on: regulators that switch
its power, its pins, and what these hang on. Where the kernel has a driver for one of them as a
module, that has to be in the initramfs: the kernel waits for it, and the root never comes.

Formats: the Devicetree Specification 0.4, "Flattened Devicetree (DTB) Format"; modules.alias(5).
"""

from __future__ import annotations

import fnmatch
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError

CONTROLLERS: Final = (
    # Of the 3 and the Zero 2 W, of the 4, and of the 5.
    *(b"brcm,bcm2835-sdhost", b"brcm,bcm2711-emmc2", b"brcm,bcm2712-sdhci"),
)
"""What the card is at; another kind of controller has the radio."""
_OF_CARD: Final = {
    b"clocks": b"#clock-cells",
    b"dmas": b"#dma-cells",
    b"power-domains": b"#power-domain-cells",
    b"resets": b"#reset-cells",
}
"""Properties by which the card's controller names its providers, with the property of a provider
that says how many words follow its name. They are not followed further: two controllers of clocks
feed each other."""
_OF_ANY: Final = dict.fromkeys((b"gpio", b"gpios", b"enable-gpios"), b"#gpio-cells")
"""The same, followed from every node."""
_OF_ANY_ALONE: Final = (b"-supply", b"pinctrl-0")
"""What the names of such properties end in where no words follow the provider's."""
_BEGIN, _END, _PROPERTY, _NOTHING, _LAST = 1, 2, 3, 4, 9

Node = dict[bytes, bytes]
"""Properties by their names."""


def nodes(tree: bytes) -> Iterator[tuple[Node, Node]]:
    """Every node of a flattened device tree, with the one that it is in (the root: itself); raises
    ImageError if it is none."""
    if len(tree) < 40 or tree[:4] != b"\xd0\x0d\xfe\xed":
        raise ImageError("not a flattened device tree")
    _, _, at, strings = struct.unpack_from(">4I", tree)
    open_nodes: list[Node] = []
    while True:
        (token,) = struct.unpack_from(">I", tree, at)
        at += 4
        if token == _BEGIN:
            open_nodes.append({})
            at += _padded(tree.index(b"\0", at) + 1 - at)
        elif token == _END:
            node = open_nodes.pop()
            yield node, (open_nodes or [node])[-1]
        elif token == _PROPERTY:
            size, offset = struct.unpack_from(">2I", tree, at)
            name = tree[strings + offset : tree.index(b"\0", strings + offset)]
            open_nodes[-1][name] = tree[at + 8 : at + 8 + size]
            at += 8 + _padded(size)
        elif token == _LAST:
            return
        elif token != _NOTHING:
            raise ImageError(f"not a flattened device tree: the word {token} at {at - 4}")


def _padded(size: int) -> int:
    return (size + 3) // 4 * 4


def _words(value: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(value) // 4}I", value)


def _wanted(node: Node, by_handle: dict[int, Node]) -> Iterator[Node]:
    """The nodes that one depends on."""
    lists = _OF_ANY | _OF_CARD if _is_card(node) else _OF_ANY
    for name, value in node.items():
        if name not in lists and not name.endswith(_OF_ANY_ALONE):
            continue
        words = list(_words(value))
        while words:
            provider = by_handle.get(words.pop(0))
            if provider is None:
                # A place in the list that nothing is at.
                continue
            yield provider
            if name in lists:
                del words[: _words(provider[lists[name]])[0]]


def _is_card(node: Node) -> bool:
    status = node.get(b"status", b"okay\0")
    return _compatible(node)[0] in CONTROLLERS and status == b"okay\0"


def card(tree: bytes) -> list[tuple[bytes, ...]]:
    """What the card's controller is compatible with, and the same of each node that it depends on,
    by whatever way; the controller first. Raises ImageError if the tree has none."""
    found = list(nodes(tree))
    by_handle = {
        # A state of pins has no driver of its own: the controller that it is in sets it.
        _words(node[b"phandle"])[0]: node if b"compatible" in node else parent
        for node, parent in found
        if b"phandle" in node
    }
    waiting = [node for node, _ in found if _is_card(node)]
    if not waiting:
        raise ImageError("the device tree has no card")
    seen: list[Node] = []
    while waiting:
        node = waiting.pop(0)
        if not any(node is one for one in seen):
            seen.append(node)
            waiting += _wanted(node, by_handle)
    return [_compatible(node) for node in seen if b"compatible" in node]


def _compatible(node: Node) -> tuple[bytes, ...]:
    return tuple(node.get(b"compatible", b"\0").rstrip(b"\0").split(b"\0"))


def _drivers(aliases: str, compatible: Iterable[bytes]) -> set[str]:
    """The modules that drive a device that is compatible with one of these."""
    wanted = [f"of:NxTxC{one.decode('ascii')}" for one in compatible]
    found = set()
    for line in aliases.splitlines():
        words = line.split()
        if len(words) != 3 or not words[1].startswith("of:"):
            continue
        if any(fnmatch.fnmatchcase(one, words[1]) for one in wanted):
            found.add(words[2].replace("-", "_"))
    return found


def _included(dependencies: str, names: Iterable[str]) -> set[str]:
    """These modules with all that they depend on, by the text of modules.dep."""
    known = {}
    for line in dependencies.splitlines():
        module, _, others = line.partition(":")
        known[_name(module)] = {_name(other) for other in others.split()}
    chosen = {name.replace("-", "_") for name in names} & set(known)
    return chosen.union(*(known[name] for name in chosen))


def _name(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0].replace("-", "_")


def check(trees: Iterable[Path], modules: Path, names: Iterable[str]) -> None:
    """Raises ImageError if the initramfs lacks a module that a board's card needs.

    trees: device trees; modules: the kernel's own folder below /usr/lib/modules; names: the modules
    that the initramfs is asked for. What no module drives is built in, or driven by nothing; from
    here that looks the same.
    """
    aliases = (modules / "modules.alias").read_text(encoding="ascii")
    have = _included((modules / "modules.dep").read_text(encoding="ascii"), names)
    for path in trees:
        for compatible in card(path.read_bytes()):
            drivers = _drivers(aliases, compatible)
            if drivers and not drivers & have:
                raise ImageError(
                    f"{path.name}: the card needs {' or '.join(sorted(drivers))} for "
                    f"{compatible[0].decode('ascii')}, and the initramfs has it not: name it in "
                    "MODULES of camerad_image/rootfs.py, and build without BASE"
                )


def check_hash(config: str, modules: Path, names: Iterable[str]) -> None:
    """Raises ImageError if the initramfs lacks a module with the hash that dm-verity asks the
    kernel for: such a camera would start anew for ever.

    config: the kernel's configuration; modules, names: as for `check`. A kernel may have several,
    each for some processors only, so all of them are wanted.
    """
    if re.search(r"^CONFIG_CRYPTO_SHA256=m$", config, re.MULTILINE) is None:
        return
    aliases = (modules / "modules.alias").read_text(encoding="ascii")
    found = re.findall(r"^alias crypto-sha256 (\S+)$", aliases, re.MULTILINE)
    wanted = {name.replace("-", "_") for name in found}
    have = _included((modules / "modules.dep").read_text(encoding="ascii"), names)
    if not wanted or wanted - have:
        lacking = ", ".join(sorted(wanted - have)) or "what has sha256"
        raise ImageError(
            f"the root's check needs {lacking}, and the initramfs has it not: name it in MODULES "
            "of camerad_image/rootfs.py, and build without BASE"
        )
