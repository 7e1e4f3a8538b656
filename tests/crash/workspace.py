"""A directory that is made to look like one tree after another, writing only what differs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from tests.crash.model import Stored, Tree

# Taken before any recorder replaces them: what is done here is the machine's work, not the code's.
_open, _write, _close, _truncate, _fchmod = os.open, os.write, os.close, os.ftruncate, os.fchmod
_unlink, _mkdir, _rmdir = os.unlink, os.mkdir, os.rmdir
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class Workspace:
    """root: an empty directory, best on tmpfs, that nothing else uses."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._shown = Tree()

    def show(self, tree: Tree) -> None:
        """Make the directory look like `tree`, whose directories all have their parents."""
        shown = self._shown
        for path in shown.files.keys() - tree.files.keys():
            _unlink(self._full(path))
        for path in sorted(shown.directories - tree.directories, reverse=True):
            _rmdir(self._full(path))
        for path in sorted(tree.directories - shown.directories):
            _mkdir(self._full(path), 0o750)
        for path, stored in tree.files.items():
            before = shown.files.get(path)
            if before is not stored and before != stored:
                self._put(path, stored)
        self._shown = tree

    def read(self, changed: Iterable[str] | None = None) -> Tree:
        """What is in the directory. changed: the only paths that something else may have touched;
        without it everything is read."""
        files = dict(self._shown.files)
        if changed is None:
            directories = set()
            files = {}
            changed = []
            for place, below, names in os.walk(self.root):
                relative = os.path.relpath(place, self.root)
                prefix = "" if relative == "." else relative + "/"
                directories |= {prefix + name for name in below}
                changed += [prefix + name for name in names]
        else:
            changed = set(changed)
            directories = {path for path in self._shown.directories if path not in changed}
        for path in changed:
            files.pop(path, None)
            try:
                mode = os.lstat(self._full(path)).st_mode
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(mode):
                directories.add(path)
            else:
                files[path] = self._get(path, stat.S_IMODE(mode))
        self._shown = Tree(frozenset(directories), files)
        return self._shown

    def _full(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _get(self, path: str, mode: int) -> Stored:
        with open(self._full(path), "rb") as file:
            data = file.read()
        # The same object where nothing changed: comparing is quicker, and its hash is known.
        before = self._shown.files.get(path)
        if before is not None and before.data == data:
            return before if before.mode == mode else Stored(before.data, mode)
        return Stored(data, mode)

    def _put(self, path: str, stored: Stored) -> None:
        descriptor = _open(self._full(path), _FLAGS, 0o600)
        try:
            data = stored.data.rstrip(b"\0")
            if data:
                _write(descriptor, data)
            if len(data) < len(stored.data):
                _truncate(descriptor, len(stored.data))
            _fchmod(descriptor, stored.mode)
        finally:
            _close(descriptor)
