"""The image, started in an emulator: ``make image-test``. No part of ``make test``: it needs an
image, and takes longer than all other tests together."""
