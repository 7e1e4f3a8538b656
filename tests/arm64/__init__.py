"""camerad on 64-bit ARM, as far as a machine of another kind can tell: ``make arm64-test``."""
