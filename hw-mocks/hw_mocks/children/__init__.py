"""What the simulator puts into the processes that the daemon starts by name."""
