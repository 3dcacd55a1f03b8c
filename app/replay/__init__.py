"""Stored sessions played back on a clock of their own."""
