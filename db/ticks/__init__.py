"""Ticks: written exactly once, read back in order."""
