"""Candles of every interval: read, built, verified."""
