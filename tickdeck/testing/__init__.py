"""Tickdeck's pytest plugin: a real TimescaleDB for tests, see docs/testing.md."""
