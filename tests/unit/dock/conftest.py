"""A camera in its dock, and its office."""

from __future__ import annotations

from tests.unit.dock.scene import ca, context, scene

__all__ = ["ca", "context", "scene"]
