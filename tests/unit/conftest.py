"""How long an example takes is no finding: cameras may run beside these tests, and go first."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("camerad", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("camerad")
