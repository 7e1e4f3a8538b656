"""How an office sets up a camera by one signed file on its card. See docs/provisioning.md."""
