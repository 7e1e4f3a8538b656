"""Simulated hardware that lies below an unmodified daemon."""
